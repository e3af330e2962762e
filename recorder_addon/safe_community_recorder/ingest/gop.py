"""Groups of pictures: access units in, whole groups with UTC time out. Pure."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from ..cause import Cause
from ..media.cmaf import ClockSource, Group, Sample
from ..media.video import AccessUnit
from ..utc import SECOND_US
from .sound import sound_of

# A jump of the camera's clock beyond this is not a picture's duration.
_LONGEST_PICTURE_90K = 10 * 90_000
_USUAL_PICTURE_90K = 3_600
_LONGEST_GROUP_BYTES = 64 << 20
# A picture can arrive late, never before it was taken. So the earliest arrivals of the last minutes tell the time; what
# arrives up to this much earlier than all before (the first pictures wait while the stream is probed) puts it right.
_LATE_BEGINNING_US = 5 * SECOND_US
# Beyond this it is no stalling network but another clock.
_LONGEST_STALL_US = 20 * SECOND_US
_WINDOW_US = 120 * SECOND_US
# A clock that goes wrong by more than this from one of these times to the next is worth telling, once a connection. It
# is followed all the same.
_DRIFT_US = SECOND_US // 2
# A camera whose clock NTP keeps right says when a picture was taken (RTCP sender reports). It is believed while its
# pictures arrive this long after they were taken; once believed, a little longer.
_BELIEVED_US = (-SECOND_US // 10, SECOND_US)
_STILL_BELIEVED_US = (-SECOND_US // 2, 2 * SECOND_US)
# So many groups in a row which last another time than they took to arrive: the camera's clock is of no use.
_SENSELESS_GROUPS = 15
# Time is corrected by letting pictures last a little longer or shorter, at most this much; below this, not at all.
_SLOWEST, _FASTEST = 0.75, 1.25
_EXACT_ENOUGH_US = 20_000
# Footage dated further ahead than this by a clock that was set right since is not caught up with.
FAR_AHEAD_US = 86_400 * SECOND_US
_EVENT_EVERY_US = 60 * SECOND_US


class ClockChange(StrEnum):
    """What happened to a clock."""

    CAMERA_JUMPED = "camera_jumped"
    CAMERA_DRIFTS = "camera_drifts"
    CAMERA_SENSELESS = "camera_senseless"
    HOST_STEPPED = "host_stepped"


class Host(Protocol):
    """The host's clock, as far as it matters here."""

    @property
    def offset_us(self) -> int:
        """UTC minus steady clock."""
        ...

    @property
    def is_set(self) -> bool:
        """False while the clock shows a time that cannot be."""
        ...


@dataclass(slots=True)
class _Epoch:
    """A time during which a camera's clock ran evenly: the steady time of its zero."""

    zero_us: int
    source: ClockSource = ClockSource.ARRIVAL

    def at_us(self, unit: AccessUnit) -> int:
        """Steady time of a picture."""
        return self.zero_us + unit.dts_90k * 100 // 9


class CameraClock:
    """When a camera's pictures were taken, on the host's steady clock."""

    def __init__(
        self, host: Host, on_change: Callable[[ClockChange, int], None] = lambda _change, _by_us: None
    ) -> None:
        self._host = host
        self._on_change = on_change
        self._told_us: int | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """The connection has ended: the next one counts from another zero."""
        self._epoch: _Epoch | None = None
        self._last_90k = 0
        self._floor_us = self._former_floor_us = 0
        self._window_us = 0
        self._believed = False
        self._drift_told = False
        self._key: AccessUnit | None = None
        self._senseless_groups = 0
        self._senseless = False

    def seen(self, unit: AccessUnit) -> _Epoch:
        """Learns from a picture's arrival; the epoch to which the picture belongs."""
        zero_us = unit.arrival_us - unit.dts_90k * 100 // 9
        late_us = 0 if self._epoch is None else zero_us - self._epoch.zero_us
        if unit.is_key:
            self._compare(unit)
        if (
            self._epoch is None
            or self._senseless
            or unit.dts_90k <= self._last_90k
            or not -_LATE_BEGINNING_US <= late_us <= _LONGEST_STALL_US
        ):
            if self._epoch is not None and not self._senseless:
                self._tell(ClockChange.CAMERA_JUMPED, -late_us, unit)
            self._epoch = _Epoch(zero_us)
            self._believed = False
            self._floor_us = self._former_floor_us = zero_us
            self._window_us = unit.arrival_us
        else:
            self._follow(self._epoch, zero_us, unit)
        self._last_90k = unit.dts_90k
        return self._epoch

    def _follow(self, epoch: _Epoch, zero_us: int, unit: AccessUnit) -> None:
        if unit.arrival_us - self._window_us > _WINDOW_US:
            drift_us = self._former_floor_us - self._floor_us
            if abs(drift_us) > _DRIFT_US and not self._drift_told:
                self._drift_told = True
                self._on_change(ClockChange.CAMERA_DRIFTS, drift_us)
            self._former_floor_us, self._floor_us = self._floor_us, zero_us
            self._window_us = unit.arrival_us
        self._floor_us = min(self._floor_us, zero_us)
        if unit.is_key:
            epoch.source = ClockSource.ARRIVAL
            if unit.sender_us is not None:
                taken_us = unit.sender_us - self._host.offset_us
                least, most = _STILL_BELIEVED_US if self._believed else _BELIEVED_US
                if least <= unit.arrival_us - taken_us <= most:
                    epoch.zero_us = taken_us - unit.dts_90k * 100 // 9
                    epoch.source = ClockSource.SENDER_REPORT
            self._believed = epoch.source is ClockSource.SENDER_REPORT
        if not self._believed:
            epoch.zero_us = min(self._floor_us, self._former_floor_us)

    def _compare(self, key: AccessUnit) -> None:
        former, self._key = self._key, key
        if former is None:
            return
        took_us = key.arrival_us - former.arrival_us
        lasted_us = (key.dts_90k - former.dts_90k) * 100 // 9
        if took_us > SECOND_US // 5 and not _SLOWEST <= lasted_us / took_us <= _FASTEST:
            self._senseless_groups += 1
            if self._senseless_groups == _SENSELESS_GROUPS:
                self._senseless = True
                self._tell(ClockChange.CAMERA_SENSELESS, 0, key)
        elif not self._senseless:
            self._senseless_groups = 0

    def _tell(self, change: ClockChange, by_us: int, unit: AccessUnit) -> None:
        # A camera without any clock would say it with every picture.
        if self._told_us is None or unit.arrival_us - self._told_us >= _EVENT_EVERY_US:
            self._told_us = unit.arrival_us
            self._on_change(change, by_us)


class Continuity:
    """UTC of a camera's groups: never back, never overlapping, as near to the host's clock as that allows.

    A clock that is set back leaves the footage's time ahead; its pictures then last shorter until it is caught up with.
    Only footage that a wrong clock dated far ahead is not waited for: what came before it (`trusted_us` is its end)
    shows that the clock is right now. The archive sets such footage aside.
    """

    def __init__(self, end_us: int = 0, trusted_us: int | None = None) -> None:
        self._end_us = end_us
        self._trusted_us = end_us if trusted_us is None else trusted_us

    def place(self, wanted_start_us: int, lasts_us: int, wanted_end_us: int | None) -> tuple[int, int]:
        """(start, duration) of a group in UTC which would best lie at wanted_start … wanted_end."""
        if self._end_us - wanted_start_us > FAR_AHEAD_US and wanted_start_us >= self._trusted_us:
            self._end_us = self._trusted_us
        if wanted_start_us - self._end_us > FAR_AHEAD_US:
            self._trusted_us = self._end_us
        start_us = max(wanted_start_us, self._end_us)
        if wanted_end_us is not None:
            wanted_us = wanted_end_us - start_us
            # What would have to last much longer is followed by a hole, and lasts as long as it does.
            if abs(wanted_us - lasts_us) > _EXACT_ENOUGH_US and wanted_us <= lasts_us * _FASTEST:
                lasts_us = round(max(wanted_us, lasts_us * _SLOWEST))
        self._end_us = start_us + lasts_us
        return start_us, lasts_us

    def reached(self, end_us: int) -> None:
        """The group just placed ends here, in whole ticks of 1/90000 s: nothing may begin before."""
        self._end_us = max(self._end_us, end_us)


class _Placed(NamedTuple):
    unit: AccessUnit
    epoch: _Epoch


@dataclass(frozen=True, slots=True)
class _Whole:
    """A group of pictures before it has its date, and the picture after it if there is one."""

    pictures: list[_Placed]
    following: _Placed | None
    clock: ClockSource

    @property
    def lasts_us(self) -> int:
        """By the clock as it is known now, up to the next group or else the last picture."""
        first, last = self.pictures[0], self.following or self.pictures[-1]
        return last.epoch.at_us(last.unit) - first.epoch.at_us(first.unit)


class GroupBuilder:
    """Collects access units until the next keyframe completes a group.

    `deliver` gets each group, and why footage is missing before it, should there be a hole. While the host's clock is
    not set, groups wait for their date, at most `memory_s` of them; `undated` says whether any do.
    """

    def __init__(
        self,
        host: Host,
        clock: CameraClock,
        continuity: Continuity,
        deliver: Callable[[Group, Cause], None],
        memory_s: float = 30.0,
    ) -> None:
        self._host = host
        self._offset_us = host.offset_us
        self._clock = clock
        self._continuity = continuity
        self._deliver = deliver
        self._memory_us = round(memory_s * SECOND_US)
        self._pictures: list[_Placed] = []
        self._bytes = 0
        self._undated: deque[_Whole] = deque()
        self._hole = Cause.PACKETS_LOST
        self.dropped_units = 0

    @property
    def undated(self) -> bool:
        """True while whole groups wait for the clock to be set."""
        return bool(self._undated)

    def push(self, unit: AccessUnit) -> None:
        """Takes the next access unit; those before the first keyframe are dropped and counted."""
        picture = _Placed(unit, self._clock.seen(unit))
        if unit.is_key:
            self._complete(picture)
        elif not self._pictures or self._bytes > _LONGEST_GROUP_BYTES:
            self.dropped_units += 1
            return
        self._pictures.append(picture)
        self._bytes += unit.size_bytes

    def flush(self) -> None:
        """Gives out what there is of the last group: the stream has ended."""
        self._complete(None)
        self._clock.begin_anew()

    def _complete(self, following: _Placed | None) -> None:
        if not self._pictures:
            return
        self._undated.append(_Whole(self._pictures, following, self._pictures[0].epoch.source))
        self._pictures, self._bytes = [], 0
        if self._host.is_set:
            while self._undated:
                self._date(self._undated.popleft())
        else:
            while len(self._undated) > 1 and sum(whole.lasts_us for whole in self._undated) > self._memory_us:
                self._undated.popleft()
            self._hole = Cause.CLOCK_UNSET

    def _date(self, whole: _Whole) -> None:
        durations = _durations_90k(whole.pictures, whole.following)
        nominal_us = sum(durations) * 100 // 9
        first, following = whole.pictures[0], whole.following
        start_us, lasts_us = self._continuity.place(
            first.epoch.at_us(first.unit) + self._follow_host(),
            nominal_us,
            None if following is None else following.epoch.at_us(following.unit) + self._offset_us,
        )
        if lasts_us != nominal_us:
            durations = _scaled(durations, max(len(durations), lasts_us * 9 // 100))
        samples = tuple(
            Sample(p.unit.data, duration, p.unit.pts_90k - p.unit.dts_90k)
            for p, duration in zip(whole.pictures, durations, strict=True)
        )
        hole, self._hole = self._hole, Cause.PACKETS_LOST
        after = following.unit if following is not None and following.epoch is whole.pictures[-1].epoch else None
        sound = sound_of([picture.unit for picture in whole.pictures], after, start_us)
        group = Group(first.unit.video, start_us, samples, whole.clock, first.unit.audio, sound)
        self._continuity.reached(group.end_us)
        self._deliver(group, hole)

    def _follow_host(self) -> int:
        offset_us = self._host.offset_us
        if offset_us - self._offset_us > SECOND_US and self._hole is Cause.PACKETS_LOST:
            self._hole = Cause.CLOCK_STEPPED
        self._offset_us = offset_us
        return offset_us


def _durations_90k(pictures: list[_Placed], following: _Placed | None) -> list[int]:
    """From each picture to the next, by the camera's clock within an epoch and by the arrivals between epochs."""
    durations = []
    usual = _USUAL_PICTURE_90K
    for picture, after in zip(pictures, [*pictures[1:], following], strict=True):
        duration = usual
        if after is not None:
            duration = after.unit.dts_90k - picture.unit.dts_90k
            if after.epoch is not picture.epoch:
                duration += (after.epoch.zero_us - picture.epoch.zero_us) * 9 // 100
            if not 0 < duration <= _LONGEST_PICTURE_90K:
                duration = usual
        durations.append(duration)
        usual = duration
    return durations


def _scaled(durations: list[int], total: int) -> list[int]:
    """The durations in their proportions, each at least 1, so that they add up to `total` (at least their number)."""
    former = sum(durations)
    scaled = []
    taken = passed = 0
    for duration in durations:
        passed += duration
        upto = max(taken + 1, passed * total // former)
        scaled.append(upto - taken)
        taken = upto
    return scaled
