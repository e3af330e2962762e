"""Finds the first record of an audit log that was altered, taken away, put in or moved, and all others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import files
from .files import Snapshot
from .record import BEGINNING, DamagedError, Noted, Record, read
from .trimming import is_past


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and with which record: its number as it should be.

    `harmless` where nobody did anything: what was being written when the recorder broke off.
    """

    number: int
    text: str
    harmless: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class _Walk:
    """What is known behind the last line that was read. A hash is None where it was on a line that was altered."""

    expected: int = 0
    link: str | None = None
    first: int = 0
    first_previous: str | None = None
    anchors: set[Noted] = field(default_factory=set)

    def begin(self, record: Record | None, number: int) -> None:
        """At the first line; `number` is what its file says."""
        self.expected = self.first = number if record is None else record.number
        self.first_previous = self.link = None if record is None else record.previous


def verify(data: Path, seen: Noted | None = None) -> list[Finding]:
    """What is wrong with the audit log, in its order; nothing if it is as it was written.

    `seen` is a record that somebody has kept elsewhere. Raises OSError.
    """
    with files.snapshot(data) as log:
        return list(_verify(log, seen))


def _verify(log: Snapshot, seen: Noted | None) -> Iterator[Finding]:
    walk = _Walk()
    kept = [noted for noted in (log.head, seen) if noted is not None]
    hashes: dict[int, set[str]] = {noted.number: set() for noted in kept}
    inside: list[Finding] = []
    whole = True
    for line, whole, place in _lines(log):
        record = _read(line) if whole else None
        if walk.expected == 0:
            walk.begin(record, log.files[0][0].first)
        if record is not None and record.number in hashes:
            hashes[record.number].add(record.hash)
        inside += _step(walk, record, place if whole else f"{place}, is torn")
    if not whole and log.head is not None and walk.expected - 1 > log.head.number:
        # Only behind the head: what had been told of before was whole.
        text = "a record was being written when the recorder broke off; nobody had been told of it"
        inside[-1] = Finding(walk.expected - 1, text, harmless=True)
    yield from _beginning(walk)
    yield from inside
    last = max(walk.expected - 1, 0)
    if log.monthly and log.head is None and last:
        yield Finding(last, f"{files.HEAD_NAME} is missing or damaged: nothing tells whether the end is missing")
    for noted in kept:
        if noted.number > last:
            yield Finding(last + 1, f"{_records(last + 1, noted.number)} missing at the end")
        elif hashes[noted.number] and noted.hash not in hashes[noted.number]:
            yield Finding(noted.number, f"record {noted.number} was replaced: its hash is not the one that was noted")
    if seen is not None and seen.number < walk.first:
        yield Finding(seen.number, f"record {seen.number} is past its time: it cannot be compared any more")


def _lines(log: Snapshot) -> Iterator[tuple[bytes, bool, str]]:
    """(line, whether it is whole, where it stands) of all files."""
    for file, stream, size in log.files:
        for number, (line, whole) in enumerate(files.lines(stream, size), 1):
            yield line, whole, f"{file.path.name}, line {number}"


def _beginning(walk: _Walk) -> Iterator[Finding]:
    if walk.first == 1 and walk.first_previous not in {None, BEGINNING}:
        yield Finding(1, "record 1 is not the first that was written")
    anchors = [anchor.hash for anchor in walk.anchors if anchor.number == walk.first - 1]
    if walk.first > 1 and not (walk.first_previous in anchors or (anchors and walk.first_previous is None)):
        yield Finding(1, f"{_records(1, walk.first - 1)} missing, and no record says that they were past their time")


def _read(line: bytes) -> Record | None:
    """The record as it was written; None if it was altered."""
    try:
        record = read(line)
    except DamagedError:
        return None
    return record if record.intact else None


def _step(walk: _Walk, record: Record | None, place: str) -> Iterator[Finding]:
    """What is wrong with one line; `walk` is behind it then."""
    expected = walk.expected
    if record is None:
        yield Finding(expected, f"record {expected} was altered ({place})")
        walk.expected, walk.link = expected + 1, None
        return
    if record.number > expected:
        missing = _records(expected, record.number - 1)
        yield Finding(expected, f"{missing} missing before record {record.number} ({place})")
    elif record.number < expected:
        text = f"record {record.number} stands where record {expected} should be: put in, or moved ({place})"
        yield Finding(record.number, text)
    elif walk.link is not None and record.previous != walk.link:
        text = f"record {expected} does not follow record {expected - 1}: one of the two was replaced ({place})"
        yield Finding(max(1, expected - 1), text)
    walk.expected, walk.link = record.number + 1, record.hash
    details = record.content.get("details")
    if isinstance(details, dict) and record.event == "audit_damaged":
        text = f"record {record.number} tells that the log did not end as it was written when the recorder began"
        yield Finding(record.number, text)
    if isinstance(details, dict) and record.event == "audit_trimmed":
        number, link, month = (details.get(name) for name in ("last_number", "last_hash", "month"))
        if isinstance(number, int) and isinstance(link, str):
            walk.anchors.add(Noted(number, link))
        if not (isinstance(month, str) and is_past(month, record.time_us)):
            yield Finding(record.number, f"record {record.number} tells of records deleted before their time")


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"
