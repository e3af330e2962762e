"""What the audit log says: a page of it, the newest first, or all of a time, the oldest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from .. import utc
from . import files
from .files import LogFile, Snapshot
from .record import DamagedError, Record, number_of, read

_DAY_US = 86_400 * utc.SECOND_US
# So that no question takes long: who looks for what is rare asks again from where this one ended.
_MOST_READ = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: after < number < before, from ≤ time < to, and what they say; None for all."""

    from_us: int | None = None
    to_us: int | None = None
    camera_id: str | None = None
    event: str | None = None
    actor: str | None = None
    after: int = 0
    before: int | None = None

    def fits(self, record: Record) -> bool:
        """True if the record is wanted."""
        content = record.content
        return (
            (self.from_us is None or record.time_us >= self.from_us)
            and (self.to_us is None or record.time_us < self.to_us)
            and (self.event is None or record.event == self.event)
            and (self.actor is None or content.get("actor") == self.actor)
            and (self.camera_id is None or _tells_of(record, self.camera_id))
        )

    def may_be_in(self, file: LogFile, following: LogFile | None) -> bool:
        """False if no record of the file can be wanted."""
        if following is not None and following.first <= self.after + 1:
            return False
        if self.before is not None and file.first >= self.before:
            return False
        if not file.month:
            return True
        first_us, end_us = _extent(file.month)
        return (self.from_us is None or end_us > self.from_us) and (self.to_us is None or first_us < self.to_us)


@dataclass(frozen=True, slots=True)
class Page:
    """Records, the newest first. The rest is before record `following`; None if there is no more."""

    records: list[Record]
    following: int | None


def page(data: Path, wanted: Wanted, limit: int) -> Page:
    """The newest records that are wanted. Lines that are none are left out. Raises OSError."""
    found: list[Record] = []
    looked_at = 0
    with files.snapshot(data) as log:
        for stream, size, following in reversed(_may_hold(log, wanted)):
            number = following.first if following is not None else None
            for line in files.lines_backwards(stream, size):
                number = number_of(line) or (None if number is None else number - 1)
                if number is None:
                    # Damaged lines at the very end.
                    continue
                if wanted.before is not None and number >= wanted.before:
                    continue
                if number <= wanted.after:
                    return Page(found, None)
                if len(found) >= limit or looked_at >= _MOST_READ:
                    return Page(found, number + 1)
                looked_at += 1
                try:
                    record = read(line)
                except DamagedError:
                    continue
                if wanted.fits(record):
                    found.append(record)
    return Page(found, None)


def every(data: Path, wanted: Wanted) -> Iterator[Record]:
    """All records that are wanted, the oldest first. Lines that are none are left out. Raises OSError."""
    with files.snapshot(data) as log:
        for stream, size, _ in _may_hold(log, wanted):
            for line, whole in files.lines(stream, size):
                try:
                    record = read(line)
                except DamagedError:
                    continue
                if whole and record.number > wanted.after and wanted.fits(record):
                    yield record


def _may_hold(log: Snapshot, wanted: Wanted) -> list[tuple[BinaryIO, int, LogFile | None]]:
    """The bytes of the files in which wanted records may be, each with the file that follows."""
    followers = [file for file, _, _ in log.files[1:]]
    return [
        (stream, size, following)
        for (file, stream, size), following in zip_longest(log.files, followers)
        if wanted.may_be_in(file, following)
    ]


def _tells_of(record: Record, camera_id: str) -> bool:
    cameras = record.content.get("cameras")
    return record.content.get("camera_id") == camera_id or (isinstance(cameras, dict) and camera_id in cameras)


def _extent(month: str) -> tuple[int, int]:
    """The first and the end of the times that a file of this month may hold: also of up to a day before it."""
    year, number = int(month[:4]), int(month[5:])
    start = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return utc.to_us(start) - _DAY_US, utc.to_us(end)
