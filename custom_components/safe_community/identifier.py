"""Names a place in the tree of recordings, and writes times so that they fit into a path."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Self

PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PATH_TIME: Final = "%Y%m%dT%H%M%SZ"
PATH_TIME_US: Final = "%Y%m%dT%H%M%S.%fZ"


def path_time(moment: datetime) -> str:
    """Write a time for a path: 20261121T220000Z, or 20261121T220000.250000Z; a naive datetime raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("expected an aware datetime, got a naive one")
    return moment.astimezone(UTC).strftime(PATH_TIME_US if moment.microsecond else PATH_TIME)


def parse_path_time(text: str) -> datetime:
    """Read what path_time wrote; raises ValueError for anything else."""
    moment = datetime.strptime(text, PATH_TIME_US if "." in text else PATH_TIME).replace(tzinfo=UTC)
    if path_time(moment) != text:
        raise ValueError(f"expected a time such as 20261121T220000Z, got {text!r}")
    return moment


@dataclass(frozen=True, slots=True)
class RecordingId:
    """A recorder, an eldership, a camera, a day or an hour of recordings; what is None is not chosen yet."""

    entry_id: str
    eldership_id: str | None = None
    camera_id: str | None = None
    day: date | None = None
    hour: datetime | None = None

    def __post_init__(self) -> None:
        path = (self.entry_id, self.eldership_id, self.camera_id, self.day, self.hour)
        chosen = [part is not None for part in path]
        if chosen != sorted(chosen, reverse=True):
            raise ValueError("expected every level above the last chosen one")
        for part in path[:3]:
            if isinstance(part, str) and not PART.fullmatch(part):
                raise ValueError(f"expected an id, got {part!r}")

    def __str__(self) -> str:
        parts = [self.entry_id, self.eldership_id, self.camera_id]
        parts.append(None if self.day is None else self.day.isoformat())
        parts.append(None if self.hour is None else path_time(self.hour))
        return "/".join(part for part in parts if part is not None)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what str wrote; raises ValueError for anything else."""
        parts: list[str | None] = [*text.split("/")]
        if len(parts) > 5:
            raise ValueError(f"expected at most five levels, got {len(parts)}")
        entry_id, eldership_id, camera_id, day, hour = parts + [None] * (5 - len(parts))
        parsed = cls(
            entry_id or "",
            eldership_id,
            camera_id,
            None if day is None else date.fromisoformat(day),
            None if hour is None else parse_path_time(hour),
        )
        if str(parsed) != text:
            raise ValueError(f"expected an identifier as it was given out, got {text!r}")
        return parsed
