"""Where the audit log lies: a file a month, and beside them which record is the last one."""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import utc
from .record import Noted

HEAD_NAME = "audit.head"
_FORMER_NAME = "audit.jsonl"
_NAME = re.compile(r"(\d{9,18})-(\d{4}-\d\d)\.jsonl", re.ASCII)
# In one sector, so that a power cut leaves the former or the new one.
_HEAD_BYTES = 128
_BLOCK = 1 << 16
_DAY_US = 86_400 * utc.SECOND_US


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file: the number of its first record, and the month (2026-11) in which it was begun."""

    path: Path
    first: int
    month: str

    def fits(self, time_us: int) -> bool:
        """True if a record of this time belongs here: of this month, or of up to a day before it (a clock set back)."""
        return self.month in {month_of(time_us), month_of(time_us + _DAY_US)}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All files as they are between two records: each with its bytes so far. `head` is None if there is none.

    `monthly` is False for a log as former versions wrote it, which has no head.
    """

    files: Sequence[tuple[LogFile, BinaryIO, int]]
    head: Noted | None
    monthly: bool


def directory(data: Path) -> Path:
    """Where the files of the months are."""
    return data / "audit"


def former_file(data: Path) -> Path:
    """The one file of former versions."""
    return data / _FORMER_NAME


def file_for(folder: Path, first: int, time_us: int) -> LogFile:
    """A file that begins with this record."""
    month = month_of(time_us)
    return LogFile(folder / f"{first:09d}-{month}.jsonl", first, month)


def month_of(time_us: int) -> str:
    """The month of an instant in UTC: 2026-11."""
    return f"{utc.from_us(time_us):%Y-%m}"


def files_in(folder: Path) -> list[LogFile]:
    """The files of a directory in the order of their records. Raises OSError, but not if there is no directory."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [(name, match) for name in names if (match := _NAME.fullmatch(name))]
    return sorted(
        (LogFile(folder / name, int(match[1]), match[2]) for name, match in found), key=lambda file: file.first
    )


@contextmanager
def snapshot(data: Path) -> Iterator[Snapshot]:
    """The log as it is now, whatever is written to it meanwhile. Raises OSError."""
    with ExitStack() as opened:
        with _head_file(data, os.O_RDONLY) as head_file:
            if head_file is not None:
                fcntl.flock(head_file, fcntl.LOCK_SH)
            monthly = directory(data).exists()
            listed = files_in(directory(data))
            if not monthly and former_file(data).exists():
                listed = [LogFile(former_file(data), 1, "")]
            files = []
            for file in listed:
                stream = opened.enter_context(open(file.path, "rb"))
                files.append((file, stream, os.fstat(stream.fileno()).st_size))
            head = None if head_file is None else head_of(head_file)
        yield Snapshot(files, head, monthly or head is not None)


@contextmanager
def writing(data: Path) -> Iterator[int]:
    """Keeps those who look at the log waiting for a moment; gives the head's file. Raises OSError."""
    with _head_file(data, os.O_RDWR | os.O_CREAT) as head_file:
        if head_file is None:
            raise FileNotFoundError(2, "the data directory is gone", str(data))
        fcntl.flock(head_file, fcntl.LOCK_EX)
        yield head_file


def read_head(data: Path) -> Noted | None:
    """The last record that was written; None if nothing says it. Raises OSError."""
    with _head_file(data, os.O_RDONLY) as head_file:
        return None if head_file is None else head_of(head_file)


def write_head(head_file: int, head: Noted) -> None:
    """Raises OSError."""
    content = json.dumps({"number": head.number, "hash": head.hash}).encode()
    os.pwrite(head_file, content.ljust(_HEAD_BYTES - 1) + b"\n", 0)


def lines(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """(line without its end, whether it has one) of a file's first bytes."""
    stream.seek(0)
    left = size
    while left > 0:
        line = stream.readline(left)
        if not line:
            return
        left -= len(line)
        whole = line.endswith(b"\n")
        yield line[:-1] if whole else line, whole


def lines_backwards(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The whole lines among a file's first bytes, the last one first; what is torn behind them is left out."""
    rest: bytes | None = None
    while size > 0:
        step = min(_BLOCK, size)
        size -= step
        stream.seek(size)
        block = stream.read(step)
        if rest is None:
            end = block.rfind(b"\n")
            if end < 0:
                continue
            rest = b""
            block = block[:end]
        parts = (block + rest).split(b"\n")
        rest = parts[0]
        yield from reversed(parts[1:])
    if rest is not None:
        yield rest


def whole_bytes(stream: BinaryIO, size: int) -> int:
    """How many of a file's first bytes are whole lines."""
    while size > 0:
        step = min(_BLOCK, size)
        stream.seek(size - step)
        end = stream.read(step).rfind(b"\n")
        if end >= 0:
            return size - step + end + 1
        size -= step
    return 0


@contextmanager
def _head_file(data: Path, flags: int) -> Iterator[int | None]:
    try:
        descriptor = os.open(data / HEAD_NAME, flags | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def head_of(head_file: int) -> Noted | None:
    """The last record that was written; None if nothing says it."""
    try:
        content = json.loads(os.pread(head_file, _HEAD_BYTES, 0))
        return Noted(int(content["number"]), str(content["hash"]))
    except ValueError, KeyError, TypeError, RecursionError:
        return None
