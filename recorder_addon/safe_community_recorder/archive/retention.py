"""Which recording files have to go: past their days, or the oldest when space is short. Pure.

Locked footage stays in any case, and so do files that are being written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..utc import SECOND_US
from .index import RecordingRow
from .timeline import Lock, Span

DAY_US = 86_400 * SECOND_US


@dataclass(frozen=True, slots=True)
class Storage:
    """Days of footage by default, and how much space it may take.

    `quota_bytes` limits all footage (None: no limit); of the disk, `reserve_bytes` or else the fraction
    `reserve_fraction` stays free, whoever uses it. `memory_s` seconds of each camera's footage wait in memory while the
    disk is in trouble.
    """

    retention_days: float = 14
    quota_bytes: int | None = None
    reserve_bytes: int | None = None
    reserve_fraction: float = 0.05
    memory_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What goes: `expired` because its days are over, `pressed` before its days for want of space.

    `short_bytes` is what is still missing when all that may go is gone: the rest is locked or being written.
    """

    expired: list[RecordingRow] = field(default_factory=list)
    pressed: list[RecordingRow] = field(default_factory=list)
    short_bytes: int = 0


def served_from_us(now_us: int, days: float) -> int:
    """Footage before this instant is past its days and is not served."""
    return now_us - round(days * DAY_US)


def served(within: Span, from_us: int, locked: Iterable[Span]) -> list[Span]:
    """The parts of a range that may be shown: from an instant on, and before it what is locked."""
    shown: list[Span] = []
    frames = [*locked, Span(from_us, max(from_us, within.end_us))]
    for frame in sorted(frames, key=lambda span: span.start_us):
        start_us = max(within.start_us, frame.start_us)
        end_us = min(within.end_us, frame.end_us)
        if start_us >= end_us:
            continue
        if shown and start_us <= shown[-1].end_us:
            shown[-1] = Span(shown[-1].start_us, max(shown[-1].end_us, end_us))
        else:
            shown.append(Span(start_us, end_us))
    return shown


def allowed_bytes(
    used_bytes: int,
    free_bytes: int,
    disk_bytes: int,
    storage: Storage,
    packages_bytes: int = 0,
    promised_bytes: int = 0,
) -> int:
    """How much all footage may take: the quota, and never so much that the disk's reserve is touched.

    Evidence packages that lie beside it count in the quota, those about to be written need free space, too.
    """
    reserve = storage.reserve_bytes
    if reserve is None:
        reserve = round(disk_bytes * storage.reserve_fraction)
    within_reserve = used_bytes + free_bytes - reserve
    quota = within_reserve if storage.quota_bytes is None else storage.quota_bytes - packages_bytes
    return max(0, min(quota, within_reserve) - promised_bytes)


def decide(
    past_days: Iterable[RecordingRow],
    oldest_first: Iterable[RecordingRow],
    locks: Sequence[Lock],
    now_us: int,
    used_bytes: int,
    allowed: int,
    margin_bytes: int = 0,
) -> Decision:
    """The files to delete, oldest first. `oldest_first` is only read as far as space is wanted.

    Once space is short, `margin_bytes` more are made free, so that this is not done over and over for a file or two.
    """
    held: dict[str, list[Lock]] = {}
    for lock in locks:
        if lock.holds(now_us):
            held.setdefault(lock.camera_id, []).append(lock)

    def locked(row: RecordingRow) -> bool:
        return any(lock.start_us < row.end_us and lock.end_us > row.start_us for lock in held.get(row.camera_id, ()))

    expired = [row for row in past_days if row.complete and not locked(row)]
    gone = {row.path for row in expired}
    excess = used_bytes - sum(row.size_bytes for row in expired) - allowed
    pressed = []
    if excess > 0:
        for row in oldest_first:
            if row.complete and row.path not in gone and not locked(row):
                pressed.append(row)
                excess -= row.size_bytes
                if excess + margin_bytes <= 0:
                    break
    return Decision(expired, pressed, max(0, excess))


def days_until_full(used_bytes: int, allowed: int, bytes_per_day: int, wanted_bytes: int) -> float | None:
    """When space will be short at today's rate; None if what is kept for its days will never need so much.

    `wanted_bytes` is what all cameras need for all of their days.
    """
    if bytes_per_day <= 0 or wanted_bytes <= allowed:
        return None
    return max(0.0, (allowed - used_bytes) / bytes_per_day)
