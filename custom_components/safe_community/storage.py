"""Knows what the recorder tells of its disk, its space and its clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from .fields import flag, known, number, parse_time, text, whole


class StorageState(StrEnum):
    """How the archive's disk is; OTHER is a trouble that this version does not know."""

    OK = "ok"
    MISSING = "missing"
    FOREIGN = "foreign"
    READ_ONLY = "read_only"
    FULL = "full"
    NO_INODES = "no_inodes"
    FAILING = "failing"
    SLOW = "slow"
    CLOCK = "clock"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many days of a camera's footage are wanted and there; not met once space was short before their end.

    `recorded_percent` is that of the last 24 hours; None if nothing was to be recorded.
    """

    camera_id: str
    wanted_days: float
    kept_days: float
    met: bool
    oldest: datetime | None = None
    recorded_percent: float | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read an item of a Storage document's retention."""
        return cls(
            camera_id=text(data["camera_id"]),
            wanted_days=number(data["wanted_days"]),
            kept_days=number(data["kept_days"]),
            met=flag(data["met"]),
            oldest=known(parse_time, data.get("oldest")),
            recorded_percent=known(number, data.get("recorded_percent")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How the recorder's disk is, and what it keeps; `days_until_full` is None if space will do.

    `lost_today_s` is what is missing of all cameras together since midnight. An older recorder does not know the last
    three.
    """

    state: StorageState
    problem: str | None
    used_bytes: int
    allowed_bytes: int
    free_bytes: int
    disk_bytes: int
    only_locked_left: bool
    bytes_per_day: int
    days_until_full: float | None
    lost_groups: int
    compared_days: int
    days_to_compare: int
    retention: tuple[Retention, ...]
    oldest: datetime | None = None
    write_bps: int | None = None
    lost_today_s: float | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a Storage document."""
        days_until_full, comparison = data["days_until_full"], data["comparison"]
        return cls(
            state=_storage_state(text(data["state"])),
            problem=text(data["problem"]) if data["problem"] not in (None, "") else None,
            used_bytes=whole(data["used_bytes"]),
            allowed_bytes=whole(data["allowed_bytes"]),
            free_bytes=whole(data["free_bytes"]),
            disk_bytes=whole(data["disk_bytes"]),
            only_locked_left=flag(data["only_locked_left"]),
            bytes_per_day=whole(data["bytes_per_day"]),
            days_until_full=known(number, days_until_full),
            lost_groups=whole(data["lost_groups"]),
            compared_days=whole(comparison["days_done"]),
            days_to_compare=whole(comparison["days"]),
            retention=tuple(Retention.parse(item) for item in data["retention"]),
            oldest=known(parse_time, data.get("oldest")),
            write_bps=known(whole, data.get("write_bps")),
            lost_today_s=known(number, data.get("lost_today_s")),
        )

    @property
    def is_measured(self) -> bool:
        """False until the recorder has looked at the disk since its start: all but the state says nothing yet."""
        return self.disk_bytes > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The clock of the recorder's computer was set: at what time by the new setting, and by how much (+ forward)."""

    at: datetime
    by_s: float


def _storage_state(name: str) -> StorageState:
    return StorageState(name) if name in StorageState else StorageState.OTHER
