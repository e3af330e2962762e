"""A stream in numbers, reckoned from its access units as they come; and which changes are worth telling. Pure."""

from collections import deque
from dataclasses import dataclass

from ..media.video import AccessUnit
from ..utc import SECOND_US

_WINDOW_US = 10 * SECOND_US
# The numbers are those of whole groups of pictures, so the last whole one counts however long it is, up to this.
_LONGEST_WINDOW_US = 60 * SECOND_US
_LEAST_BETWEEN_KEYS_US = SECOND_US // 2
_MOST_BETWEEN_MARKS_US = 3 * SECOND_US // 2
# The camera's clock measures its pictures better than their arrivals do, unless it is far from them for so long.
_JUDGED_AFTER_US = 5 * SECOND_US
_SLOWEST, _FASTEST = 0.25, 4.0
_MOST_MARKS = 200
_UNKNOWN_US = -1 << 62

_TOLD_EVERY_US = 10 * SECOND_US
_BITRATE_FACTOR = 0.2
_FRAME_RATE, _FRAME_RATE_FACTOR = 0.5, 0.1
_GROUP_S, _GROUP_FACTOR = 0.5, 0.2
_CLOCK_S = 0.5


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a stream is like at the moment; None for what is not known.

    `bitrate_bps` is of pictures and sound together; `group_s` is how long the longest of the last groups of pictures
    lasted. `last_keyframe_us` is on the host's steady clock. `clock_offset_s` is the camera's UTC minus the host's: it
    is positive where the camera's clock is ahead.
    """

    bitrate_bps: int | None = None
    frame_rate: float | None = None
    group_s: float | None = None
    last_keyframe_us: int | None = None
    clock_offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """The sums at an instant, before the picture that came then.

    `longest_media_us` and `longest_arrival_us` are of the longest group that ended since the mark before, by either
    clock; `ahead_us` is how far the camera's UTC was ahead of the steady clock at most.
    """

    is_key: bool
    arrival_us: int
    dts_90k: int
    pictures: int
    size_bytes: int
    longest_media_us: int
    longest_arrival_us: int
    ahead_us: int


class Meter:
    """Counts a stream. What it costs for each picture is a few additions; what is kept is bounded."""

    def __init__(self) -> None:
        self._pictures = 0
        self._bytes = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """The stream has ended; the next one is another."""
        self._marks: deque[_Mark] = deque(maxlen=_MOST_MARKS)
        self._due_us = _UNKNOWN_US
        self._key: tuple[int, int] | None = None
        self._key_marks_us = (_UNKNOWN_US, _UNKNOWN_US)
        self._longest_media_us = self._longest_arrival_us = 0
        self._ahead_us = _UNKNOWN_US

    def take(self, unit: AccessUnit) -> bool:
        """The next access unit. True now and then, when it is time to look at the numbers."""
        at_us = unit.arrival_us
        marked = (unit.is_key or at_us >= self._due_us) and self._mark(unit)
        self._pictures += 1
        self._bytes += len(unit.data)
        if unit.audio_units:
            self._bytes += sum([len(frame.data) for frame in unit.audio_units])
        sender_us = unit.sender_us
        # What arrives can be late, never early: the earliest tells how the clocks differ.
        if sender_us is not None and sender_us - at_us > self._ahead_us:
            self._ahead_us = sender_us - at_us
        return marked

    def numbers(self, offset_us: int) -> Numbers:
        """The stream's numbers. `offset_us` is the host's UTC minus its steady clock."""
        marks = self._marks
        ahead_us = max([mark.ahead_us for mark in marks] + [self._ahead_us])
        clock_s = None if ahead_us == _UNKNOWN_US else round((ahead_us - offset_us) / SECOND_US, 3)
        last_keyframe_us = None if self._key is None else self._key[0]
        keys = [mark for mark in marks if mark.is_key]
        whole = keys if len(keys) > 1 else [*marks]
        if len(whole) < 2:
            return Numbers(last_keyframe_us=last_keyframe_us, clock_offset_s=clock_s)
        first, last = whole[0], whole[-1]
        took_us = last.arrival_us - first.arrival_us
        lasted_us = (last.dts_90k - first.dts_90k) * 100 // 9
        by_arrival = lasted_us <= 0 or (took_us >= _JUDGED_AFTER_US and not _fits(lasted_us, took_us))
        if by_arrival:
            lasted_us = took_us
        if lasted_us <= 0:
            return Numbers(last_keyframe_us=last_keyframe_us, clock_offset_s=clock_s)
        longest_us = max(mark.longest_arrival_us if by_arrival else mark.longest_media_us for mark in marks)
        return Numbers(
            (last.size_bytes - first.size_bytes) * 8 * SECOND_US // lasted_us,
            round((last.pictures - first.pictures) * SECOND_US / lasted_us, 2),
            round(max(0, longest_us) / SECOND_US, 3) or None,
            last_keyframe_us,
            clock_s,
        )

    def _mark(self, unit: AccessUnit) -> bool:
        at_us = unit.arrival_us
        if unit.is_key:
            former, self._key = self._key, (at_us, unit.dts_90k)
            if former is not None:
                lasted_us = (unit.dts_90k - former[1]) * 100 // 9
                self._longest_media_us = max(self._longest_media_us, lasted_us)
                self._longest_arrival_us = max(self._longest_arrival_us, at_us - former[0])
            if at_us - self._key_marks_us[1] < _LEAST_BETWEEN_KEYS_US:
                return False
            self._key_marks_us = (self._key_marks_us[1], at_us)
        longest = self._longest_media_us, self._longest_arrival_us
        self._marks.append(
            _Mark(unit.is_key, at_us, unit.dts_90k, self._pictures, self._bytes, *longest, self._ahead_us)
        )
        self._due_us = at_us + _MOST_BETWEEN_MARKS_US
        self._longest_media_us = self._longest_arrival_us = 0
        self._ahead_us = _UNKNOWN_US
        former_us, last_us = self._key_marks_us
        oldest_us = max(min(at_us - _WINDOW_US, former_us), at_us - _LONGEST_WINDOW_US)
        if last_us != _UNKNOWN_US:
            oldest_us = min(oldest_us, last_us)
        while self._marks[0].arrival_us < oldest_us:
            self._marks.popleft()
        return True


def _fits(lasted_us: int, took_us: int) -> bool:
    return _SLOWEST * took_us <= lasted_us <= _FASTEST * took_us


class Telling:
    """When listeners are to be told of numbers anew: on a change that matters, and not too often.

    `counts` are those that only grow (packets lost, connections made anew): each change of them matters.
    """

    def __init__(self) -> None:
        self._told = Numbers()
        self._counts: tuple[int, ...] = ()
        self._told_us = _UNKNOWN_US

    def is_allowed(self, now_us: int) -> bool:
        """True if numbers may be told for their own sake."""
        return now_us - self._told_us >= _TOLD_EVERY_US

    def is_due(self, numbers: Numbers, counts: tuple[int, ...], now_us: int) -> bool:
        """True if they have to be told now for their own sake; then they count as told."""
        if not self.is_allowed(now_us):
            return False
        if counts == self._counts and not matters(self._told, numbers):
            return False
        self._told_us = now_us
        self.told(numbers, counts)
        return True

    def told(self, numbers: Numbers, counts: tuple[int, ...]) -> None:
        """They have been told, for whatever reason."""
        self._told, self._counts = numbers, counts


def matters(told: Numbers, now: Numbers) -> bool:
    """True if somebody would want to know of the difference. A later keyframe alone is none."""
    return (
        _differs(told.bitrate_bps, now.bitrate_bps, 0, _BITRATE_FACTOR)
        or _differs(told.frame_rate, now.frame_rate, _FRAME_RATE, _FRAME_RATE_FACTOR)
        or _differs(told.group_s, now.group_s, _GROUP_S, _GROUP_FACTOR)
        or _differs(told.clock_offset_s, now.clock_offset_s, _CLOCK_S, 0)
    )


def _differs(told: float | None, now: float | None, by: float, by_factor: float) -> bool:
    if told is None or now is None:
        return told is not now
    return abs(now - told) > max(by, abs(told) * by_factor)
