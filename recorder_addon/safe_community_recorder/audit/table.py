"""The audit log as a table for people: CSV (RFC 4180) that a spreadsheet opens without taking a cell for a formula."""

import csv
import io
import json
import re
from collections.abc import Iterable

from .. import utc
from .record import Record

COLUMNS = ("number", "time", "event", "outcome", "actor", "reason", "camera", "start", "end", "details", "hash")
# With the mark at its beginning, spreadsheets read UTF-8 as UTF-8.
_MARK = "\ufeff"
# What a spreadsheet computes: at the beginning of a cell, and behind what it may itself take for the end of one. Where
# numbers have a decimal comma, as in Lithuania and Latvia, that is a semicolon.
_FORMULA = re.compile(r'(^|[;\t\r\n])(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])')
_OWN_COLUMN = frozenset({"outcome", "actor", "reason", "camera_id", "start", "end"})


def heading() -> bytes:
    """The first line."""
    return (_MARK + _line(COLUMNS)).encode()


def rows(records: Iterable[Record]) -> bytes:
    """A line for each record."""
    return "".join(_line(_cells(record)) for record in records).encode()


def details_of(record: Record) -> dict[str, object]:
    """What a record says beyond what every record says."""
    details = {name: value for name, value in record.content.items() if name not in _OWN_COLUMN}
    inner = details.pop("details", {})
    return details | (inner if isinstance(inner, dict) else {"details": inner})


def _cells(record: Record) -> list[str]:
    said = [record.content.get(name) for name in ("outcome", "actor", "reason", "camera_id", "start", "end")]
    details = details_of(record)
    texts = [
        utc.to_text(record.time_us),
        record.event,
        *("" if value is None else str(value) for value in said),
        json.dumps(details, ensure_ascii=False) if details else "",
        record.hash,
    ]
    return [str(record.number), *map(_harmless, texts)]


def _harmless(text: str) -> str:
    """With an apostrophe in front, a spreadsheet shows what it would otherwise compute."""
    return _FORMULA.sub(r"\1'", text)


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()
