"""Knows the days and hours of people's clocks: 23, 24 or 25 hours a day, and which of them have footage. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from .documents import Span

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the UTC instant at which a day begins in a time zone."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def hours_of(day: date, zone: tzinfo) -> list[Span]:
    """Return the hours of a day: 23 or 25 when the clocks change, without overlap or gap."""
    end = day_start(day + DAY, zone)
    hours = []
    start = day_start(day, zone)
    while start < end:
        hours.append(Span(start=start, end=min(start + HOUR, end)))
        start += HOUR
    return hours


def hour_title(hour: Span, zone: tzinfo) -> str:
    """Write an hour as people say it, and the hour that the clock shows twice with its offset: 03:00–04:00 (UTC+3)."""
    start = hour.start.astimezone(zone)
    wall_end = start.replace(tzinfo=None) + (hour.end - hour.start)
    title = f"{start:%H:%M}–{wall_end:%H:%M}"
    if start.replace(fold=0).utcoffset() == start.replace(fold=1).utcoffset():
        return title
    return f"{title} ({_offset(start)})"


def days_with(footage: Iterable[Span], zone: tzinfo) -> list[date]:
    """Return the days that have any footage, newest first."""
    days: set[date] = set()
    for span in footage:
        day = span.start.astimezone(zone).date()
        while day_start(day, zone) < span.end:
            days.add(day)
            day += DAY
    return sorted(days, reverse=True)


def hours_with(footage: Iterable[Span], day: date, zone: tzinfo) -> list[Span]:
    """Return the hours of a day that have any footage, oldest first."""
    spans = list(footage)
    return [hour for hour in hours_of(day, zone) if any(_overlap(hour, span) for span in spans)]


def _overlap(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end


def _offset(moment: datetime) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours}" + (f":{minutes:02d}" if minutes else "")
