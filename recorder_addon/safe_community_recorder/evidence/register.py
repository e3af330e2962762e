"""The register of packages: who asked for what, why and for whom, and what became of it. It is kept for ever.

One file of JSON lines in the data directory, only ever added to; the last line about a package counts. A line that is
not whole is the trace of a power cut and is passed over.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from .. import utc
from .contents import Item, Language, PackedFile, Request, Trace

_NAME = "exports.jsonl"


class State(StrEnum):
    """How far a package is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Failure(StrEnum):
    """Why there is no package."""

    NO_FOOTAGE = "no_footage"
    NO_SPACE = "no_space"
    DISK = "disk"
    AUDIT_UNAVAILABLE = "audit_unavailable"
    KEY_UNUSABLE = "evidence_key_unusable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Result:
    """A package that was made, with the clip of each item that has footage.

    `sums_sha256` is that of its SHA256SUMS, which stands for all of it.
    """

    size_bytes: int
    sums_sha256: str
    clips: tuple[PackedFile | None, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """An entry of the register. `deleted_us` is when its package was deleted, `expires_us` when it will be."""

    request: Request
    state: State = State.QUEUED
    changed_us: int = 0
    failure: Failure | None = None
    problem: str | None = None
    result: Result | None = None
    expires_us: int | None = None
    deleted_us: int | None = None

    @property
    def number(self) -> str:
        """Its number in the register."""
        return self.request.number

    @property
    def waits(self) -> bool:
        """It is still to be made."""
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def has_package(self) -> bool:
        """There is a package to be had."""
        return self.state is State.DONE and self.deleted_us is None


class Register:
    """All packages by their numbers, the oldest first. `put` blocks until the line is on the disk."""

    def __init__(self, data: Path) -> None:
        self._path = data / _NAME
        self._exports: dict[str, Export] = {}

    def load(self) -> None:
        """Reads the file. Raises OSError."""
        self._exports = {}
        for line in _lines(self._path):
            try:
                self._take(json.loads(line))
            except ValueError, KeyError, TypeError:
                continue

    @property
    def exports(self) -> Sequence[Export]:
        """Every entry, the oldest first."""
        return list(self._exports.values())

    def get(self, number: str) -> Export | None:
        """One entry."""
        return self._exports.get(number)

    def next_number(self, year: int) -> str:
        """The number of the year's next package: 2026-0001, and so on."""
        used = [int(number.partition("-")[2]) for number in self._exports if number.startswith(f"{year}-")]
        return f"{year}-{max(used, default=0) + 1:04}"

    def put(self, export: Export) -> None:
        """Adds an entry, or what has become of one. Raises OSError, and then nothing has changed."""
        known = self._exports.get(export.number)
        is_told = known is not None and known.request == export.request
        content = _change(export) if is_told else {**_asked(export.request), **_change(export)}
        line = b"\n" + json.dumps(content, ensure_ascii=False).encode() + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            try:
                _write(descriptor, line)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        self._exports[export.number] = export

    def _take(self, entry: Mapping[str, Any]) -> None:
        export = Export(_read_request(entry)) if "items" in entry else self._exports[entry["export"]]
        result = entry.get("result")
        self._exports[export.number] = replace(
            export,
            state=State(entry["state"]),
            changed_us=utc.parse(entry["at"]),
            failure=None if entry.get("failure") is None else Failure(entry["failure"]),
            problem=entry.get("problem"),
            result=None if result is None else _read_result(result),
            expires_us=_instant(entry.get("expires")),
            deleted_us=_instant(entry.get("deleted")),
        )


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    yield from (line for line in content.split(b"\n") if line)


def _asked(request: Request) -> dict[str, object]:
    items = [
        {
            "camera": item.camera_id,
            "name": item.camera_name,
            "eldership": item.eldership_id,
            "eldership_name": item.eldership_name,
            "start": utc.to_text(item.start_us),
            "end": utc.to_text(item.end_us),
        }
        for item in request.items
    ]
    return {
        "export": request.number,
        "asked": utc.to_text(request.asked_us),
        "actor": request.actor,
        "reason": request.reason,
        "recipient": request.recipient,
        "language": request.language,
        "stills": request.stills,
        "items": items,
        "audit_log": asdict(request.trace),
    }


def _change(export: Export) -> dict[str, object]:
    content: dict[str, object] = {
        "export": export.number,
        "at": utc.to_text(export.changed_us),
        "state": export.state.value,
        "failure": None if export.failure is None else export.failure.value,
        "problem": export.problem,
        "result": None if export.result is None else asdict(export.result),
        "expires": None if export.expires_us is None else utc.to_text(export.expires_us),
        "deleted": None if export.deleted_us is None else utc.to_text(export.deleted_us),
    }
    return {name: value for name, value in content.items() if value is not None}


def _read_request(entry: Mapping[str, Any]) -> Request:
    items = tuple(
        Item(
            item["camera"],
            item["name"],
            item["eldership"],
            item["eldership_name"],
            utc.parse(item["start"]),
            utc.parse(item["end"]),
        )
        for item in entry["items"]
    )
    return Request(
        entry["export"],
        utc.parse(entry["asked"]),
        entry["actor"],
        entry["reason"],
        entry["recipient"],
        cast("Language", entry["language"]),
        bool(entry["stills"]),
        items,
        Trace(entry["audit_log"]["number"], entry["audit_log"]["hash"]),
    )


def _read_result(result: Mapping[str, Any]) -> Result:
    clips = tuple(
        None if clip is None else PackedFile(clip["name"], clip["size_bytes"], clip["sha256"])
        for clip in result["clips"]
    )
    return Result(result["size_bytes"], result["sums_sha256"], clips)


def _instant(text: str | None) -> int | None:
    return None if text is None else utc.parse(text)
