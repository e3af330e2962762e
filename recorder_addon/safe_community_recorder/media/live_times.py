"""Times of a live stream: they begin with 0 and never go back, whatever the camera's clock does. Pure."""

from .video import AccessUnit

_USUAL_PICTURE_90K = 3_600
_LONGEST_PICTURE_90K = 10 * 90_000


class LiveTimes:
    """Puts one picture behind the other; where the camera's clock jumps, the next one follows the one before.

    `duration_90k` is how long a picture lasts as far as that is known when it comes: as long as the one before.
    """

    def __init__(self) -> None:
        self.duration_90k = _USUAL_PICTURE_90K
        self._time_90k = 0
        self._former_90k: int | None = None

    def decoding_90k(self, unit: AccessUnit) -> int:
        """When the next picture is decoded, in 1/90000 s."""
        if self._former_90k is not None:
            lasted_90k = unit.dts_90k - self._former_90k
            if 0 < lasted_90k <= _LONGEST_PICTURE_90K:
                self.duration_90k = lasted_90k
            self._time_90k += self.duration_90k
        self._former_90k = unit.dts_90k
        return self._time_90k
