"""The audit log: append-only, each line chained to the one before by its hash, so that no change goes unnoticed."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .. import utc

_BEGINNING = "0" * 64


@dataclass(frozen=True, slots=True)
class Noted:
    """A record that is on the disk. Whoever keeps both can prove later that the log up to it is what it was."""

    number: int
    hash: str


class AuditLog:
    """One file of JSON lines. `append` blocks until the line is on the disk; it may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._number: int | None = None
        self._hash = _BEGINNING

    def submit(self, event: str, details: Mapping[str, object]) -> Future[Noted]:
        """Has a thread of the log's own add an event; what the future raises is an OSError."""
        return self._thread.submit(self.append, event, details)

    def append(self, event: str, details: Mapping[str, object]) -> Noted:
        """Adds an event. Raises OSError."""
        with self._lock:
            if self._number is None:
                self._number, self._hash = self._resume()
            content = {
                "number": self._number + 1,
                "time": utc.to_text(time.time_ns() // 1_000),
                "event": event,
                **details,
                "previous": self._hash,
            }
            digest = _digest(content)
            line = json.dumps({**content, "hash": digest}, ensure_ascii=False).encode() + b"\n"
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
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
            self._number, self._hash = self._number + 1, digest
            return Noted(self._number, digest)

    def _resume(self) -> tuple[int, str]:
        """Number and hash of the last whole line; a torn one after it, left by a power cut, is cut off."""
        try:
            with self._path.open("r+b") as file:
                content = file.read()
                whole = content.rfind(b"\n") + 1
                if whole < len(content):
                    file.truncate(whole)
        except FileNotFoundError:
            return 0, _BEGINNING
        lines = content[:whole].splitlines()
        if not lines:
            return 0, _BEGINNING
        try:
            last = json.loads(lines[-1])
            return int(last["number"]), str(last["hash"])
        except ValueError, KeyError, TypeError:
            # A damaged line breaks the chain, which `verify` tells; the log goes on behind it.
            return len(lines), hashlib.sha256(lines[-1]).hexdigest()


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]


def verify(path: Path) -> Iterator[str]:
    """What is wrong with an audit log, a line each; nothing if it is as it was written."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    if lines and lines[-1]:
        yield "the last line is torn"
    previous = _BEGINNING
    for number, line in enumerate(lines[:-1], 1):
        try:
            entry = json.loads(line)
            told = entry.pop("hash")
            right = (entry["number"], entry["previous"], _digest(entry)) == (number, previous, told)
        except ValueError, KeyError, TypeError, AttributeError:
            yield f"line {number} is damaged"
            previous = hashlib.sha256(line).hexdigest()
            continue
        if not right:
            yield f"line {number} was changed, or lines before it are missing"
        previous = told


def _digest(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
