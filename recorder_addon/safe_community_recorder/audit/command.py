"""The command `audit`: is the log as it was written, and what does it say. Changes nothing; the recorder may run."""

import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from itertools import batched
from pathlib import Path

from .. import utc
from . import files, reading, table
from .record import Noted, Record
from .verification import verify as findings_of

_SHOWN = 100


def verify(data: Path, seen: Noted | None) -> int:
    """Prints what is found, the first record first. Exit code 0, or 1 if anything is wrong. Raises OSError."""
    _must_exist(data)
    findings = findings_of(data, seen)
    wrong = sum(not finding.harmless for finding in findings)
    for finding in findings[:_SHOWN]:
        print(finding)
    if len(findings) > _SHOWN:
        print(f"… and {len(findings) - _SHOWN} more")
    head = files.read_head(data)
    last = "" if head is None else f"; the last record is {head.number}:{head.hash}"
    print(f"{wrong or 'nothing'} wrong{last}", file=sys.stderr)
    return 1 if wrong else 0


def export(data: Path, csv: str | None) -> int:
    """Writes all records, as CSV to a file (- for standard output), or else as JSON lines. Exit code 0.

    Raises OSError.
    """
    _must_exist(data)
    records = reading.every(data, reading.Wanted())
    if csv is None:
        for record in records:
            print(json.dumps(_as_json(record), ensure_ascii=False))
        return 0
    with nullcontext(sys.stdout.buffer) if csv == "-" else open(csv, "wb") as file:
        file.write(table.heading())
        for some in batched(records, 1_000, strict=False):
            file.write(table.rows(some))
    return 0


def seen_of(text: str) -> Noted:
    """Number and hash of a record as somebody has noted them, 17:9f86…. Raises ValueError."""
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(digest) == 64 and int(number) > 0):
        raise ValueError("a number, a colon and a hash of 64 digits were expected")
    return Noted(int(number), digest.lower())


def _as_json(record: Record) -> dict[str, object]:
    whole = {"number": record.number, "time": utc.to_text(record.time_us), "event": record.event, **record.content}
    return {**whole, "previous": record.previous, "hash": record.hash}


def _must_exist(data: Path) -> None:
    found: Iterable[Path] = (files.directory(data), files.former_file(data), data / files.HEAD_NAME)
    if not any(path.exists() for path in found):
        raise FileNotFoundError(2, "there is no audit log in this directory", str(data))
