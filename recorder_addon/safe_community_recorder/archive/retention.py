"""Which recording files have to go: past their days, or the oldest when the quota is exceeded. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..utc import SECOND_US
from .index import RecordingRow

# What is left free of the disk, whoever else uses it.
RESERVE = 0.05

DAY_US = 86_400 * SECOND_US


@dataclass(frozen=True, slots=True)
class Storage:
    """Days of footage by default and bytes in all (None: no quota)."""

    retention_days: float = 14
    quota_bytes: int | None = None


def served_from_us(now_us: int, days: float) -> int:
    """Footage before this instant is past its days and is not served."""
    return now_us - round(days * DAY_US)


def allowed_bytes(used_bytes: int, free_bytes: int, disk_bytes: int, quota_bytes: int | None) -> int:
    """How much all footage may take: the quota, and never so much that the disk's reserve is touched."""
    within_reserve = used_bytes + free_bytes - round(disk_bytes * RESERVE)
    return max(0, within_reserve if quota_bytes is None else min(quota_bytes, within_reserve))


def to_delete(
    rows: Sequence[RecordingRow], now_us: int, days_of: Callable[[str], float], quota_bytes: int
) -> list[RecordingRow]:
    """The files to delete, oldest first. `rows` in the order of their start; files being written stay."""
    expired = [row for row in rows if row.complete and row.end_us <= served_from_us(now_us, days_of(row.camera_id))]
    gone = {row.path for row in expired}
    excess = sum(row.size_bytes for row in rows if row.path not in gone) - quota_bytes
    for row in rows:
        if excess <= 0:
            break
        if row.complete and row.path not in gone:
            expired.append(row)
            excess -= row.size_bytes
    return sorted(expired, key=lambda row: row.start_us)
