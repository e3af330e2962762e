"""Instants: whole microseconds since 1970-01-01 UTC inside, RFC 3339 and aware datetimes at the edges."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND_US = 1_000_000
_LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)

# datetime.fromisoformat takes much more: week dates, times without offset, anything behind a NUL.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError(f"a time with a zone was expected, not the naive {moment.isoformat()}")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(utc_us: int) -> datetime:
    """The aware datetime (UTC) of microseconds since the epoch. Raises OverflowError beyond the year 9999."""
    return EPOCH + timedelta(microseconds=utc_us)


def to_text(utc_us: int) -> str:
    """RFC 3339 in UTC with microseconds: 2026-11-22T06:54:49.123456Z."""
    return from_us(utc_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def to_name(utc_us: int) -> str:
    """An instant in a file's name: 20261122T065449.123456Z (ISO 8601, basic)."""
    return from_us(utc_us).strftime("%Y%m%dT%H%M%S.%fZ")


def parse(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time (§5.6), 1970 to 9999 in UTC. Raises ValueError."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with its offset")
    utc_us = to_us(datetime.fromisoformat(text))
    if not 0 <= utc_us <= _LAST_US:
        # With its offset a time can lie outside of all years that there are.
        raise ValueError("not a time from 1970 to 9999")
    return utc_us
