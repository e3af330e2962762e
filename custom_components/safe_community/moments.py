"""Reads the times that people write by their own clock. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from .documents import Span


class NoSuchTime(ValueError):
    """The clocks were set forward over this time: it never was."""


@dataclass(frozen=True, slots=True)
class BadRange(ValueError):
    """A range that cannot be meant; `why` is "reversed" or "future"."""

    why: str


def span_of(start: datetime, end: datetime, zone: tzinfo, *, now: datetime, ahead: timedelta) -> Span:
    """Return a range in UTC; times without an offset are the zone's.

    An hour that the clocks show twice counts from its first beginning to its last end: no footage is lost to it. Raises
    NoSuchTime, and BadRange if it does not begin before its end or ends more than `ahead` after now.
    """
    span = Span(start=_instant(start, zone, fold=0), end=_instant(end, zone, fold=1))
    if span.start >= span.end:
        raise BadRange("reversed")
    if span.end > now + ahead:
        raise BadRange("future")
    return span


def _instant(moment: datetime, zone: tzinfo, *, fold: int) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    instant = moment.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) != moment.replace(fold=0):
        raise NoSuchTime(moment.isoformat(sep=" ", timespec="minutes"))
    return instant
