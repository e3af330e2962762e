"""Groups of pictures: access units in, whole groups with UTC time out. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from ..media.cmaf import Group, Sample
from ..media.h264 import AccessUnit, length_prefixed

# A jump of the camera's clock beyond this is not a picture's duration.
_LONGEST_PICTURE_90K = 10 * 90_000
_USUAL_PICTURE_90K = 3_600
# A picture can arrive late, never before it was taken. So the earliest arrivals tell the time; what arrives up to this
# much earlier than all before (the first pictures wait while the stream is probed) puts it right.
_LATE_BEGINNING_US = 5_000_000
# Beyond this it is no stalling network but another clock; and so it is when so many keyframes come later than a second.
_LONGEST_STALL_US = 20_000_000
_SLOW_US = 1_000_000
_SLOW_GROUPS = 15
_LONGEST_GROUP_BYTES = 64 << 20


@dataclass(slots=True)
class _Epoch:
    """A time during which a camera's clock ran evenly: UTC of its zero."""

    zero_us: int


class CameraClock:
    """UTC of a camera's pictures: its own clock, set by their arrivals, never going back."""

    def __init__(self, not_before_us: int = 0) -> None:
        self._epoch: _Epoch | None = None
        self._last_90k = 0
        self._late_groups = 0
        self._end_us = not_before_us

    def seen(self, unit: AccessUnit) -> _Epoch:
        """Learns from a picture's arrival; the epoch to which the picture belongs."""
        zero_us = unit.arrival_us - unit.dts_90k * 100 // 9
        late_us = 0 if self._epoch is None else zero_us - self._epoch.zero_us
        if unit.is_key:
            self._late_groups = self._late_groups + 1 if late_us > _SLOW_US else 0
        if (
            self._epoch is None
            or unit.dts_90k <= self._last_90k
            or not -_LATE_BEGINNING_US <= late_us <= _LONGEST_STALL_US
            or self._late_groups >= _SLOW_GROUPS
        ):
            self._epoch = _Epoch(zero_us)
            self._late_groups = 0
        elif late_us < 0:
            self._epoch.zero_us = zero_us
        self._last_90k = unit.dts_90k
        return self._epoch

    def start(self, epoch: _Epoch, dts_90k: int) -> int:
        """UTC of a group's first picture, by all that is known when the group is complete."""
        return max(epoch.zero_us + dts_90k * 100 // 9, self._end_us)

    def ended(self, end_us: int) -> None:
        """A group that ends here has been given out: nothing may begin before."""
        self._end_us = end_us

    def begin_anew(self) -> None:
        """The connection has ended: the next one counts from another zero."""
        self._epoch = None


class GroupBuilder:
    """Collects access units until the next keyframe completes a group."""

    def __init__(self, clock: CameraClock, deliver: Callable[[Group], None]) -> None:
        self._clock = clock
        self._deliver = deliver
        self._units: list[AccessUnit] = []
        self._epoch: _Epoch | None = None
        self._bytes = 0
        self.dropped_units = 0

    def push(self, unit: AccessUnit) -> None:
        """Takes the next access unit; those before the first keyframe are dropped and counted."""
        epoch = self._clock.seen(unit)
        if unit.is_key:
            self._complete(unit.dts_90k)
            self._epoch = epoch
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
        if not units or self._epoch is None:
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
        group = Group(units[0].video, self._clock.start(self._epoch, units[0].dts_90k), samples)
        self._clock.ended(group.end_us)
        self._deliver(group)
