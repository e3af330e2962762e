"""How an archive's storage is, as everybody is told."""

from dataclasses import dataclass, replace
from typing import Self

from .deletion import Kept, Outcome
from .root import StorageState


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """How the archive's storage is. Bytes; `days_until_full` is None if space will do."""

    state: StorageState = StorageState.OK
    problem: str | None = None
    used_bytes: int = 0
    allowed_bytes: int = 0
    free_bytes: int = 0
    disk_bytes: int = 0
    only_locked_left: bool = False
    bytes_per_day: int = 0
    days_until_full: float | None = None
    lost_groups: int = 0
    compared_days: int = 0
    days_to_compare: int = 0
    kept: tuple[Kept, ...] = ()
    write_bps: int | None = None
    lost_today_us: int = 0

    @property
    def oldest_us(self) -> int | None:
        """Where the oldest footage of all cameras begins."""
        return min((one.oldest_us for one in self.kept if one.oldest_us is not None), default=None)

    def after(self, outcome: Outcome) -> Self:
        """What a run of retention has found."""
        return replace(
            self,
            used_bytes=outcome.used_bytes,
            allowed_bytes=outcome.allowed_bytes,
            free_bytes=outcome.space.free_bytes,
            disk_bytes=outcome.space.disk_bytes,
            only_locked_left=outcome.only_locked_left,
            bytes_per_day=outcome.bytes_per_day,
            days_until_full=outcome.days_until_full,
            kept=outcome.kept,
            write_bps=outcome.write_bps,
            lost_today_us=outcome.lost_today_us,
        )
