"""Reads the days, parts of days and hours that people write in three languages, one by one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from . import search_words as say
from .local_time import DAY
from .search_words import Token

DAY_MIN: Final = 24 * 60
HALF_MIN: Final = 12 * 60
# Minutes to add to those of the clock with twelve hours.
HALVES: Final = {"am": 0, "pm": HALF_MIN}
# What an hour of the day is, if it is not said of the morning: 3 val. dienos.
_DAYTIME_HOURS: Final = frozenset({12, 1, 2, 3, 4, 5, 6})
# Every leap day is this near, 1900 and 2100 apart.
_YEARS_BACK: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something told by words that stand side by side: from `at` to before `end`, without those that tell nothing."""

    at: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Days(Item):
    """One day or several in a row."""

    first: date
    last: date
    is_weekday: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Item):
    """A part of the day, in minutes from its midnight."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock(Item):
    """An hour (60 minutes long) or a minute (0); a bare one is only a number, a half one may be of either half day.

    `part` is the part of the day that is named with it; it is the hour's, and not the day's, if it stands behind it.
    """

    minute: int
    length: int
    is_bare: bool = False
    is_half: bool = False
    half: str = ""
    part: Part | None = None
    is_of_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Item):
    """A word or dash that says how two times belong together."""

    word: str

    @property
    def opens(self) -> bool:
        """Say whether a time begins behind it."""
        return self.word in say.FROM

    @property
    def closes(self) -> bool:
        """Say whether a time ends behind it."""
        return self.word in say.TO or self.word == "-"


@dataclass(slots=True)
class Reader:
    """Takes items from the words in front of it."""

    words: list[Token]
    today: date
    items: list[Item] = field(default_factory=list)

    def read(self) -> list[Item]:
        """Return what the words tell, in their order; words that tell nothing of a time are left out."""
        at = 0
        while at < len(self.words):
            found = self._days_at(at) or self._part_at(at) or self._clock_at(at) or self._mark_at(at)
            self.items += found
            at = found[-1].end if found else at + 1
        return self.items

    def _word(self, at: int) -> str:
        return self.words[at].word if 0 <= at < len(self.words) and self.words[at].form in ("word", "dash") else ""

    def _number(self, at: int, low: int, high: int, suffixes: Iterable[str] = ()) -> int | None:
        """Return the number at a place, if it is one within limits and has one of these endings or none."""
        if not 0 <= at < len(self.words):
            return None
        token = self.words[at]
        if token.form != "number" or (token.suffix and token.suffix not in suffixes):
            return None
        return token.numbers[0] if low <= token.numbers[0] <= high else None

    def _days_at(self, at: int) -> list[Item]:
        return self._day_word_at(at) or self._days_ago_at(at) or self._date_at(at) or self._month_at(at)

    def _day_word_at(self, at: int) -> list[Item]:
        word = self._word(at)
        if word == "day" and self._word(at + 1) == "before" and self._word(at + 2) in say.YESTERDAY:
            return self._day(at, at + 3, self.today - 2 * DAY)
        for words, back in ((say.TODAY, 0), (say.YESTERDAY, 1), (say.BEFORE_YESTERDAY, 2)):
            if word in words:
                return self._day(at, at + 1, self.today - back * DAY)
        weekday = say.value_of(word, say.WEEKDAYS)
        if weekday is None:
            return []
        back = (self.today.weekday() - weekday) % 7 or 7
        day = self.today - back * DAY
        return [Days(at=at, end=at + 1, first=day, last=day, is_weekday=True)]

    def _days_ago_at(self, at: int) -> list[Item]:
        behind = self._word(at) in say.BACK
        number = self._number(at + behind, 0, 999)
        unit = self._word(at + behind + 1)
        if number is None or unit not in say.DAYS or not (behind or self._word(at + 2) in say.AGO):
            return []
        return self._day(at, at + 3, self.today - number * DAY)

    def _date_at(self, at: int) -> list[Item]:
        day = self._written_day(at)
        return [] if day is None or self._is_time(at) else self._day(at, at + 1, day)

    def _month_at(self, at: int) -> list[Item]:
        """Read a day and a month by its name, in whatever order, with or without a year."""
        year = self._number(at, 1000, 9999)
        start = at if year is None else at + 1
        found = self._month_first(start) or self._day_first(start)
        if found is None:
            return []
        month, first, last, end = found
        if year is None and (year := self._number(end, 1000, 9999)) is not None:
            end += 1
        start_day = self._in_year(year, month, first)
        if start_day is None:
            return []
        try:
            return [Days(at=at, end=end, first=start_day, last=start_day.replace(day=last))]
        except ValueError:
            return []

    def _month_first(self, at: int) -> tuple[int, int, int, int] | None:
        month = say.value_of(self._word(at), say.MONTHS)
        day = self._number(at + 1, 1, 31, say.ORDINALS)
        if month is None or day is None:
            return None
        if self._word(at + 2) == "-":
            last = self._number(at + 3, 1, 31, say.ORDINALS)
            # 20-22 are days, 22-02 hours.
            return None if last is None or last <= day else (month, day, last, at + 4)
        return month, day, day, at + 2

    def _day_first(self, at: int) -> tuple[int, int, int, int] | None:
        first = self._number(at, 1, 31, say.ORDINALS)
        if first is None:
            return None
        end, last = at + 1, first
        if self._word(end) == "-" and (until := self._number(at + 2, 1, 31, say.ORDINALS)) and until > first:
            end, last = at + 3, until
        month = say.value_of(self._word(end), say.MONTHS)
        is_before = (
            say.value_of(self._word(end), say.LITHUANIAN_MONTHS)
            and not self.words[at].suffix
            and self._month_first(end) is not None
        )
        # 22 lapkričio 20 is an hour and a day: in Lithuanian the month goes before the day.
        return None if month is None or is_before else (month, first, last, end + 1)

    def _part_at(self, at: int) -> list[Item]:
        is_last = self._word(at) in say.LAST
        word = self._word(at + is_last)
        hours = say.PARTS.get(word)
        if hours is None:
            return []
        end = at + is_last + 1
        part = Part(at=at, end=end, start=hours[0] * 60, stop=hours[1] * 60)
        if is_last:
            return [*self._day(at, end, self.today - DAY), part]
        return [*self._day(at, end, self.today), part] if word in say.TODAYS else [part]

    def _clock_at(self, at: int) -> list[Item]:
        token = at + 1 if self._word(at) in say.HOUR_BEFORE else at
        if token >= len(self.words):
            return []
        found = self.words[token]
        if found.form == "number":
            return self._hour_at(at, token)
        if found.form != "clock" and not (found.form == "date" and self._is_time(token)):
            return []
        hour, minute = found.numbers[:2]
        end, half = self._behind_clock(token)
        if not _is_clock(hour, minute):
            return []
        return [_clock(at, end, hour, half, minute=minute)]

    def _hour_at(self, at: int, token: int) -> list[Item]:
        suffixes = say.HOUR_AFTER | say.MERIDIEMS | (say.IN_DAYTIME if at < token else frozenset())
        hour = self._number(token, 0, 24, suffixes)
        if hour is None or self._word(token + 1) in say.LENGTHS:
            return []
        suffix = self.words[token].suffix
        end, half = self._behind_clock(token)
        is_bare = at == token and end == token + 1 and not suffix
        return [replace(_clock(at, end, hour, half), is_bare=is_bare)]

    def _behind_clock(self, token: int) -> tuple[int, str]:
        """Return where a time ends, with the words that belong to it, and the half of the day if it is said."""
        end, half = token + 1, self.words[token].suffix
        is_daytime = self.words[token].numbers[0] in _DAYTIME_HOURS
        if half in say.IN_DAYTIME:
            return end, "pm" if is_daytime else ""
        is_marked = self._word(token - 1) in say.HOUR_BEFORE or half in say.HOUR_AFTER
        if self._word(end) in say.HOUR_AFTER:
            is_marked = True
            end += 1
        if is_marked and is_daytime and self._word(end) in say.IN_DAYTIME:
            return end + 1, "pm"
        if self._word(end) in say.MERIDIEMS:
            half = self._word(end)
            end += 1
        return end, half if half in say.MERIDIEMS else ""

    def _mark_at(self, at: int) -> list[Item]:
        word = self._word(at)
        if word == "-" or word in say.FROM | say.TO | say.AND:
            return [Mark(at=at, end=at + 1, word=word)]
        return []

    def _is_time(self, at: int) -> bool:
        """Say whether 20.11 is a time: if it can be no day, is marked as one, or goes to or from what is one."""
        if self._written_day(at) is None:
            return True
        if self.words[at].form != "date" or "/" in self.words[at].text or len(self.words[at].numbers) > 2:
            return False
        if self._word(at - 1) in say.HOUR_BEFORE - {"at"} or self._behind_clock(at)[0] > at + 1:
            return True
        others = [other for other, mark in ((at - 2, at - 1), (at + 2, at + 1)) if self._joins(mark)]
        return any(self._is_only_time(other) for other in others)

    def _joins(self, at: int) -> bool:
        return self._word(at) == "-" or self._word(at) in say.TO | say.AND

    def _is_only_time(self, at: int) -> bool:
        if not 0 <= at < len(self.words):
            return False
        form = self.words[at].form
        return form == "clock" or (form == "date" and self._written_day(at) is None)

    def _written_day(self, at: int) -> date | None:
        token = self.words[at]
        year: int | None
        if token.form == "iso":
            year, month, day = token.numbers
        elif token.form == "date":
            day, month, *years = token.numbers
            if "/" in token.text and month > 12:
                day, month = month, day
            year = years[0] if years else None
            if year is not None and year < 100:
                year += 2000
        else:
            return None
        return self._in_year(year, month, day)

    def _in_year(self, year: int | None, month: int, day: int) -> date | None:
        """Return the day of a year or, without one, the last such day that is not in the future."""
        years = range(self.today.year, self.today.year - _YEARS_BACK - 1, -1) if year is None else (year,)
        for tried in years:
            try:
                found = date(tried, month, day)
            except ValueError:
                continue
            if year is not None or found <= self.today:
                return found
        return None

    def _day(self, at: int, end: int, day: date) -> list[Item]:
        return [Days(at=at, end=end, first=day, last=day)]


def _is_clock(hour: int, minute: int) -> bool:
    return minute < 60 and (hour < 24 or (hour, minute) == (24, 0))


def _clock(at: int, end: int, hour: int, half: str, *, minute: int | None = None) -> Clock:
    is_half = not half and hour <= 12
    start = hour * 60 if not half or hour > 12 else hour % 12 * 60 + HALVES[half]
    length = 60 if minute is None else 0
    return Clock(at=at, end=end, minute=start + (minute or 0), length=length, is_half=is_half, half=half)
