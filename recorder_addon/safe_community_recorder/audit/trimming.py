"""How long the audit log is kept: whole months, for 24 months after their end. Pure."""

from collections.abc import Sequence

from .files import LogFile, month_of

KEPT_MONTHS = 24
# A clock that stands before this program was written has not been set since the machine began.
_FIRST_MONTH = "2020-01"


def is_past(month: str, now_us: int) -> bool:
    """True if a month (2026-11) ended 24 months ago or more."""
    return _count(month) + KEPT_MONTHS < _count(month_of(now_us))


def effective_months(listed: Sequence[LogFile], now_us: int) -> list[str]:
    """The month that counts for each file: its own, unless its clock had not been set or was ahead of now.

    Then it is the month of the file that follows. A file goes only after all that were begun before it: so one whose
    clock was behind stays with those before it.
    """
    months: list[str] = []
    following = now = month_of(now_us)
    for file in reversed(listed):
        following = file.month if _FIRST_MONTH <= file.month <= now else following
        months.append(following)
    return months[::-1]


def _count(month: str) -> int:
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number) - 1
