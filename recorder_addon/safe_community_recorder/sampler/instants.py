"""When pictures were taken, on the host's steady clock: arrivals come in bursts, the camera's own clock does not."""

from ..media.video import AccessUnit
from ..utc import SECOND_US

_CLOCK_90K = 90_000
# Further apart than this, the camera's clock has jumped.
_APART_S = 1.5
# So much of what is between reckoning and arrival is followed at each picture: drift, not bursts.
_FOLLOWED = 0.01
_STEP_S = 0.001


class Instants:
    """Instants of one stream's pictures in the order in which they come: always later than the one before."""

    def __init__(self) -> None:
        self._anchor: tuple[float, int] | None = None
        self._last_s = float("-inf")

    def of(self, unit: AccessUnit) -> float:
        """Seconds."""
        arrival_s = unit.arrival_us / SECOND_US
        at_s = arrival_s
        if self._anchor is not None:
            anchor_s, anchor_90k = self._anchor
            reckoned_s = anchor_s + (unit.dts_90k - anchor_90k) / _CLOCK_90K
            if abs(reckoned_s - arrival_s) < _APART_S:
                at_s = reckoned_s + (arrival_s - reckoned_s) * _FOLLOWED
        at_s = max(at_s, self._last_s + _STEP_S)
        self._anchor = at_s, unit.dts_90k
        self._last_s = at_s
        return at_s
