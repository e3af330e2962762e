"""Puts together the time that a person names in a search, and finds it on the UTC clock. Pure.

Also in nights of 23 and 25 hours: an hour that comes twice is both, for one that never was the one after it is meant.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from . import search_words as say
from .documents import Span
from .local_time import DAY, HOUR
from .search_times import DAY_MIN, HALF_MIN, HALVES, Clock, Days, Item, Mark, Part, Reader
from .search_words import Token

_MINUTE: Final = timedelta(minutes=1)
_TICK: Final = timedelta.resolution
# What is shown around a minute that somebody names.
_LEAD: Final = 5 * _MINUTE
_TAIL: Final = 10 * _MINUTE
_MAX_DAYS: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A time that was read: `used` are the places of the words that tell it, `days` those of people's calendar."""

    span: Span | None = None
    days: tuple[date, ...] = ()
    is_exact: bool = False
    used: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hours:
    """Which hours are meant: minutes from midnight of the first and of the last day, and what tells it."""

    start: int = 0
    stop: int = DAY_MIN
    is_exact: bool = False
    is_wrapped: bool = True
    window: Part | None = None
    told_by: tuple[Item, ...] = ()


def read_times(
    tokens: Sequence[Token], taken: frozenset[int], *, now: datetime, zone: tzinfo, is_bare_hour: bool
) -> When:
    """Read the time that is named, leaving out the tokens that mean something else already.

    `is_bare_hour` says that a number by itself may be an hour, because something else is named that is looked for.
    """
    try:
        return _Reading(tokens, taken, now=now, zone=zone).when(is_bare_hour=is_bare_hour)
    except OverflowError:
        # Before the year 1 or after 9999, here or in UTC.
        return When()


class _Reading:
    """Puts together what was read: one time out of days, parts of days and hours."""

    def __init__(self, tokens: Sequence[Token], taken: frozenset[int], *, now: datetime, zone: tzinfo) -> None:
        self._now = now
        self._zone = zone
        self._today = now.astimezone(zone).date()
        self._places = [
            place
            for place, token in enumerate(tokens)
            if place not in taken and not (token.form == "word" and token.word in say.SILENT)
        ]
        self._items = Reader([tokens[place] for place in self._places], self._today).read()

    def when(self, *, is_bare_hour: bool) -> When:
        """Return the one time that is meant."""
        days = [item for item in self._items if isinstance(item, Days)]
        hours = self._hours(is_bare_hour=is_bare_hour or bool(days))
        if hours is None and not days:
            return When()
        first, last, told_by = self._days(days)
        told_by = (*told_by, *(hours.told_by if hours else ()))
        span = self._span(first, last, hours or _Hours())
        local_first = span.start.astimezone(self._zone).date()
        local_last = (span.end - _TICK).astimezone(self._zone).date()
        return When(
            span=span,
            days=tuple(local_first + back * DAY for back in range((local_last - local_first).days + 1)),
            is_exact=hours is not None and hours.is_exact,
            used=frozenset(self._places[word] for item in told_by for word in range(item.at, item.end)),
        )

    def _days(self, days: list[Days]) -> tuple[date | None, date | None, tuple[Item, ...]]:
        if not days:
            return None, None, ()
        first, last = days[0], days[1] if len(days) > 1 else days[0]
        start, end = first.first, last.last
        if start > end and first.is_weekday:
            # From Friday to Monday, on a Wednesday or a Saturday.
            start -= 7 * DAY
        start, end = min(start, end), max(start, end)
        if (end - start).days > _MAX_DAYS:
            return first.first, first.last, (first,)
        return start, end, (first, last)

    def _hours(self, *, is_bare_hour: bool) -> _Hours | None:
        ends = self._ends(is_bare_hour=is_bare_hour)
        joined = next((pair for pair in itertools.pairwise(ends) if self._are_joined(*pair)), None)
        if joined is not None:
            return self._range(*joined)
        clock = next((end for end in ends if isinstance(end, Clock)), None)
        if clock is not None:
            return self._one(clock)
        part = next((end for end in ends if isinstance(end, Part)), None)
        return _Hours(start=part.start, stop=part.stop, window=part, told_by=(part,)) if part else None

    def _ends(self, *, is_bare_hour: bool) -> list[Clock | Part]:
        """Return the hours and parts of days that are named; a part beside an hour belongs to it."""
        items = [item for item in self._items if isinstance(item, Clock | Part)]
        parts = [item for item in items if isinstance(item, Part)]
        clocks = [item for item in items if isinstance(item, Clock)]
        is_bare_hour = is_bare_hour or bool(parts)
        clocks = [item for item in clocks if is_bare_hour or not item.is_bare or self._is_in_range(item, clocks)]
        beside: dict[Clock, Part] = {}
        for part in parts:
            near = next((c for c in clocks if c.end == part.at), None) or next(
                (c for c in clocks if part.end == c.at), None
            )
            if near is not None and near not in beside:
                beside[near] = part
        ends: list[Clock | Part] = [
            _with_part(item, beside.get(item)) if isinstance(item, Clock) else item
            for item in items
            if item in clocks or (isinstance(item, Part) and item not in beside.values())
        ]
        alone = [end for end in ends if isinstance(end, Part)]
        if len(parts) == 1 and not any(self._are_joined(*pair) and set(pair) & set(alone) for pair in _pairs(ends)):
            # vakare nuo 10 iki 11: one part is that of every hour.
            is_of_part = any(end.is_of_part for end in ends if isinstance(end, Clock))
            clocks = [end for end in ends if isinstance(end, Clock)]
            return [replace(end, part=parts[0], is_of_part=is_of_part) for end in clocks] or ends
        return ends

    def _is_in_range(self, clock: Clock, clocks: list[Clock]) -> bool:
        return any(clock in pair and self._are_joined(*pair) for pair in _pairs(clocks))

    def _are_joined(self, one: Item, other: Item) -> bool:
        """Say whether two times are the ends of a range: 22-02, nuo 22 iki 02, tarp 22 ir 02."""
        starts = {item.at for item in self._items}
        ends = {item.end for item in self._items}
        marks = [item for item in self._items if isinstance(item, Mark)]
        is_between = any(mark.word in say.BETWEEN and mark.end <= one.at for mark in marks)
        return any(
            one.end <= mark.at
            and mark.end <= other.at
            and mark.end in starts
            and (mark.word != "-" or mark.at in ends)
            and (mark.closes or (is_between and mark.word in say.AND))
            for mark in marks
        )

    def _range(self, one: Clock | Part, other: Clock | Part) -> _Hours:
        parts = [end.part if isinstance(end, Clock) else end for end in (one, other)]
        window = next((part for part in parts if part is not None), None)
        start = one.start if isinstance(one, Part) else _begun(one, other)
        # Until the morning is until it begins.
        stop = other.start if isinstance(other, Part) else _ended(other, start, window)
        is_exact = isinstance(one, Clock) or isinstance(other, Clock)
        marks = (item for item in self._items if isinstance(item, Mark))
        told_by = (one, other, *marks, *(part for part in parts if part is not None))
        return _Hours(start=start, stop=stop, is_exact=is_exact, window=window, told_by=told_by)

    def _one(self, clock: Clock) -> _Hours:
        start = _within(clock, clock.part)
        part = clock.part if clock.part is not None and _fits(clock, clock.part) else None
        told_by = (clock, *((part,) if part else ()))
        mark = self._mark_before(clock)
        if mark is not None and mark.opens and mark.word not in say.BETWEEN:
            stop = part.stop if part else (start // DAY_MIN + 1) * DAY_MIN
            return _Hours(start=start, stop=stop, is_exact=True, window=part, told_by=(mark, *told_by))
        if mark is not None and mark.closes and mark.word != "-":
            begin = part.start if part else 0
            return _Hours(start=begin, stop=start, is_exact=True, window=part, told_by=(mark, *told_by))
        stop = start + clock.length
        return _Hours(start=start, stop=stop, is_exact=True, is_wrapped=False, window=part, told_by=told_by)

    def _mark_before(self, clock: Clock) -> Mark | None:
        at = clock.at
        for item in reversed(self._items):
            if item.end == at and isinstance(item, Days | Part):
                at = item.at
            elif item.end == at and isinstance(item, Mark):
                return item
        return None

    def _span(self, first: date | None, last: date | None, hours: _Hours) -> Span:
        stop = hours.stop
        if first is None or last is None:
            first = last = self._last_begun(hours.start)
        elif first == last == self._today and hours.window and hours.window.stop > DAY_MIN:
            # Of a night, today's is the one that has begun.
            first = last = min(self._today, self._last_begun(hours.start))
        if first == last and hours.is_wrapped:
            while stop <= hours.start:
                stop += DAY_MIN
        if stop == hours.start and not hours.is_wrapped:
            return self._around(first, last, hours.start)
        start = self._beginning(first, hours.start)
        end = self._ending(last, stop)
        return Span(start=start, end=end if start < end else start + HOUR)

    def _last_begun(self, minute: int) -> date:
        """Return the last day on which this time has begun by now."""
        day = self._today
        while self._beginning(day, minute) > self._now:
            day -= DAY
        return day

    def _around(self, first: date, last: date, minute: int) -> Span:
        begin, jump = _instants(_wall(first, minute), self._zone)[0], _jump(_wall(first, minute), self._zone)
        if jump is not None:
            return Span(start=jump, end=jump + HOUR)
        return Span(start=begin - _LEAD, end=_instants(_wall(last, minute), self._zone)[1] + _TAIL)

    def _beginning(self, day: date, minute: int) -> datetime:
        wall = _wall(day, minute)
        return _jump(wall, self._zone) or _instants(wall, self._zone)[0]

    def _ending(self, day: date, minute: int) -> datetime:
        """Return when the last minute before this one is over: an hour that comes twice ends with its second."""
        wall = _wall(day, minute) - _TICK
        return _jump(wall, self._zone) or _instants(wall, self._zone)[1] + _TICK


def _pairs(ends: Sequence[Item]) -> list[tuple[Item, Item]]:
    return list(itertools.pairwise(ends))


def _with_part(clock: Clock, part: Part | None) -> Clock:
    return replace(clock, part=part, is_of_part=part is not None and part.at == clock.end)


def _within(clock: Clock, part: Part | None) -> int:
    """Return the minute that is meant within a part of the day: 10 in the evening is 22.

    In the night of Friday, 2 is Saturday's; 2 of the night on Friday (penktadienį 2 nakties) is Friday's.
    """
    if part is None:
        return clock.minute
    if clock.is_of_part and clock.minute < part.stop - DAY_MIN:
        return clock.minute
    tries = (clock.minute, clock.minute + HALF_MIN if clock.is_half else -1, clock.minute + DAY_MIN)
    # 5 in the evening, although the evening begins later.
    late = clock.minute + HALF_MIN * (clock.is_half and part.start >= HALF_MIN)
    return next((minute for minute in tries if part.start <= minute < part.stop), late)


def _fits(clock: Clock, part: Part) -> bool:
    return clock.is_half or any(part.start <= clock.minute + later < part.stop for later in (0, DAY_MIN))


def _begun(clock: Clock, other: Clock | Part) -> int:
    """Return where a range begins: 10-11pm in the evening, as do 10-2am and 10-11 in the evening."""
    if clock.part is None and isinstance(other, Clock):
        if other.part is not None:
            return _within(replace(clock, is_of_part=other.is_of_part), other.part)
        if clock.is_half and other.half:
            same = clock.minute % HALF_MIN + HALVES[other.half]
            return same if same < other.minute else (same + HALF_MIN) % DAY_MIN
    return _within(clock, clock.part)


def _ended(clock: Clock, start: int, window: Part | None) -> int:
    if clock.part is not None or window is None:
        return _within(clock, clock.part)
    tries = (clock.minute, clock.minute + HALF_MIN if clock.is_half else -1, clock.minute + DAY_MIN)
    return next((minute for minute in tries if start < minute <= window.stop), clock.minute)


def _wall(day: date, minute: int) -> datetime:
    return datetime.combine(day, time.min) + minute * _MINUTE


def _instants(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when a clock shows a time for the first and for the last time."""
    first, last = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, last


def _jump(wall: datetime, zone: tzinfo) -> datetime | None:
    """Return when the clocks were set forward over a time, if they were."""
    after, before = _instants(wall, zone)
    if before >= after:
        return None
    offset = before.astimezone(zone).utcoffset()
    while after - before > _TICK:
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after
