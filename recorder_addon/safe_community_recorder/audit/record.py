"""A record of the audit log: a line of JSON that carries the hash of the line before it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .. import utc

BEGINNING = "0" * 64
"""What the first record names as the hash of the one before it."""

_FRAME = ("number", "time", "event", "previous", "hash")


class DamagedError(ValueError):
    """A line is not one that the recorder has written."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Number and hash of a record. Whoever keeps both can prove later that the log up to it is what it was."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `content` is all that it says besides its number, time and event.

    `intact` is False if the line does not fit its own hash.
    """

    number: int
    time_us: int
    event: str
    content: Mapping[str, Any]
    previous: str
    hash: str
    intact: bool = True

    @property
    def noted(self) -> Noted:
        """What it is known by."""
        return Noted(self.number, self.hash)


def check(content: Mapping[str, object]) -> None:
    """Raises ValueError or TypeError for what is no JSON in UTF-8, or uses the log's own names."""
    if reserved := content.keys() & set(_FRAME):
        raise ValueError(f"{min(reserved)} is the audit log's own")
    _text(content)


def line_of(number: int, time_us: int, event: str, content: Mapping[str, object], previous: str) -> tuple[bytes, str]:
    """A record's line, with its end, and its hash. `content` must have been checked."""
    members = {"number": number, "time": utc.to_text(time_us), "event": event, **content, "previous": previous}
    digest = _digest(members)
    return _text({**members, "hash": digest}) + b"\n", digest


def read(line: bytes) -> Record:
    """The record of a line without its end; one that was changed says so. Raises DamagedError."""
    try:
        members = json.loads(line)
        told = members.pop("hash")
        number, time, event, previous = (members[name] for name in _FRAME[:4])
        if type(number) is not int or not all(isinstance(text, str) for text in (event, previous, told)):
            raise DamagedError
        content = MappingProxyType({name: value for name, value in members.items() if name not in _FRAME})
        # The hash tells what the record says; that it is written as the recorder writes it tells the rest.
        intact = _digest(members) == told and _text({**members, "hash": told}) == line
        return Record(number, utc.parse(time), event, content, previous, told, intact)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DamagedError("not a record of the audit log") from error


def link_of(line: bytes) -> str:
    """What the record behind this line names as the hash before it: behind a damaged line, the hash of its bytes."""
    try:
        return read(line).hash
    except DamagedError:
        return hashlib.sha256(line).hexdigest()


def number_of(line: bytes) -> int | None:
    """A record's number as its line begins, without reading the rest; None if it does not begin like one."""
    head, _, _ = line[:40].partition(b",")
    digits = head.removeprefix(b'{"number": ')
    return int(digits) if digits != head and digits.isdigit() else None


def _text(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, ensure_ascii=False, allow_nan=False).encode()


def _digest(members: Mapping[str, object]) -> str:
    canonical = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
