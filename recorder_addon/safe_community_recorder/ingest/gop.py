"""Groups of pictures: access units in, whole groups with UTC time out. Pure."""

from collections.abc import Callable

from ..media.cmaf import Group, Sample
from ..media.h264 import AccessUnit, length_prefixed

# A jump of the camera's clock beyond this is not a picture's duration.
_LONGEST_PICTURE_90K = 10 * 90_000
_USUAL_PICTURE_90K = 3_600
# The camera's clock is set anew when a picture arrives so much before it was taken, or so late; or when all of these
# last groups came later than the tolerance, so that it is no stalling network but a clock that goes slow.
_TOLERANCE_US = 1_000_000
_LONGEST_STALL_US = 20_000_000
_SLOW_GROUPS = 15
_LONGEST_GROUP_BYTES = 64 << 20


class CameraClock:
    """UTC of a camera's pictures: its own clock, set by the host's, never going back.

    A picture can arrive late, but not before it was taken.
    """

    def __init__(self, not_before_us: int = 0) -> None:
        self._anchor_us: int | None = None
        self._anchor_90k = 0
        self._last_90k = 0
        self._late_groups = 0
        self._end_us = not_before_us

    def start(self, dts_90k: int, arrival_us: int) -> int:
        """UTC of a keyframe with this decoding time that arrived now."""
        utc_us = self._expected(dts_90k, arrival_us)
        if utc_us is None:
            utc_us = max(arrival_us, self._end_us)
            self._anchor_us, self._anchor_90k = utc_us, dts_90k
            self._late_groups = 0
        self._last_90k = dts_90k
        return max(utc_us, self._end_us)

    def ended(self, end_us: int) -> None:
        """A group that ends here has been given out: nothing may begin before."""
        self._end_us = end_us

    def begin_anew(self) -> None:
        """The connection has ended: the next one counts from another zero."""
        self._anchor_us = None

    def _expected(self, dts_90k: int, arrival_us: int) -> int | None:
        """UTC by the camera's own clock, or None when that has to be set anew."""
        if self._anchor_us is None or dts_90k <= self._last_90k:
            return None
        utc_us = self._anchor_us + (dts_90k - self._anchor_90k) * 100 // 9
        late_us = arrival_us - utc_us
        self._late_groups = self._late_groups + 1 if late_us > _TOLERANCE_US else 0
        if not -_TOLERANCE_US <= late_us <= _LONGEST_STALL_US or self._late_groups >= _SLOW_GROUPS:
            return None
        return utc_us


class GroupBuilder:
    """Collects access units until the next keyframe completes a group."""

    def __init__(self, clock: CameraClock, deliver: Callable[[Group], None]) -> None:
        self._clock = clock
        self._deliver = deliver
        self._units: list[AccessUnit] = []
        self._start_us = 0
        self._bytes = 0
        self.dropped_units = 0

    def push(self, unit: AccessUnit) -> None:
        """Takes the next access unit; those before the first keyframe are dropped and counted."""
        if unit.is_key:
            self._complete(unit.dts_90k)
            self._start_us = self._clock.start(unit.dts_90k, unit.arrival_us)
        elif not self._units or self._bytes > _LONGEST_GROUP_BYTES:
            self.dropped_units += 1
            return
        self._units.append(unit)
        self._bytes += sum(map(len, unit.nals))

    def flush(self) -> None:
        """Gives out what there is of the last group: the stream has ended."""
        self._complete(None)
        self._clock.begin_anew()

    def _complete(self, next_dts_90k: int | None) -> None:
        units, self._units, self._bytes = self._units, [], 0
        if not units:
            return
        durations = []
        usual = _USUAL_PICTURE_90K
        for unit, following in zip(units, [*(u.dts_90k for u in units[1:]), next_dts_90k], strict=True):
            duration = usual if following is None else following - unit.dts_90k
            if not 0 < duration <= _LONGEST_PICTURE_90K:
                duration = usual
            durations.append(duration)
            usual = duration
        samples = tuple(
            Sample(length_prefixed(unit.nals), duration, unit.pts_90k - unit.dts_90k)
            for unit, duration in zip(units, durations, strict=True)
        )
        group = Group(units[0].video, self._start_us, samples)
        self._clock.ended(group.end_us)
        self._deliver(group)
