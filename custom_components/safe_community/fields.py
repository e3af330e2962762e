"""Reads and writes the values in the recorder's JSON documents, strictly. Pure."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


def text(value: object) -> str:
    """Return text that is not empty; raises ValueError for all else."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected text, got {value!r}")
    return value


def flag(value: object) -> bool:
    """Return true or false; raises TypeError for all else."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {value!r}")
    return value


def whole(value: object) -> int:
    """Return a whole number; raises TypeError for all else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, got {value!r}")
    return value


def number(value: object) -> float:
    """Return a finite number; raises ValueError for all else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"expected a number, got {value!r}")
    return float(value)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; a time without an offset raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with an offset, got {text!r}")
    return moment.astimezone(UTC)


def known[T](read: Callable[[Any], T], value: object) -> T | None:
    """Read a value that may be unknown, which is None."""
    return None if value is None else read(value)


def format_time(moment: datetime) -> str:
    """Write a UTC time as the recorder reads it; a naive datetime raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("expected an aware datetime, got a naive one")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
