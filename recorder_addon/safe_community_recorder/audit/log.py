"""Writes the audit log: only ever at its end, each record on the disk before anybody is told that it is written."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ..durable import sync_directory
from . import files, former
from .files import LogFile
from .record import BEGINNING, DamagedError, Noted, check, line_of, link_of, read
from .trimming import effective_months, is_past

_LOGGER = logging.getLogger(__name__)

_MOST_WAITING = 10_000


@dataclass(slots=True)
class _Wanted:
    """A record that somebody waits for."""

    time_us: int
    event: str
    content: Mapping[str, object]
    future: Future[Noted]


class AuditLog:
    """The log in a data directory. One thread writes, and syncs once for all who wait.

    A failed write leaves nothing behind, and the next one finds out from the disk where the log ends.
    """

    def __init__(self, data: Path, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._data = data
        self._now_us = now_us
        self._lock = threading.Lock()
        self._waiting: list[_Wanted] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._last: Noted | None = None
        self._file: LogFile | None = None
        self._torn_bytes = 0

    @property
    def data(self) -> Path:
        """The directory that it is in."""
        return self._data

    def submit(self, event: str, content: Mapping[str, object]) -> Future[Noted]:
        """Has a record written; the future is done when the disk has it, or raises OSError. Never blocks.

        Raises ValueError or TypeError for a content that cannot be written.
        """
        check(content)
        future: Future[Noted] = Future()
        # It cannot be cancelled: a record that somebody asked for is written, even if nobody waits for it any more.
        future.set_running_or_notify_cancel()
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                future.set_exception(OSError("too many records wait for the disk"))
                return future
            self._waiting.append(_Wanted(self._now_us(), event, dict(content), future))
        try:
            self._thread.submit(self._write_waiting)
        except RuntimeError:
            future.set_exception(OSError("the audit log is closed"))
        return future

    def append(self, event: str, content: Mapping[str, object]) -> Noted:
        """Writes a record and blocks until the disk has it. Raises OSError."""
        return self.submit(event, content).result()

    def trim(self) -> Future[int]:
        """Has whole months deleted that are past their time; how many. Each of them becomes a record first.

        What the future raises is an OSError.
        """
        return self._thread.submit(self._trim)

    def close(self, timeout_s: float = 5) -> bool:
        """Writes what waits, and no more; False if the disk does not take it in time."""
        try:
            self._thread.submit(lambda: None).result(timeout_s)
        except TimeoutError:
            self._thread.shutdown(wait=False)
            return False
        except RuntimeError:
            # It was closed before.
            return True
        self._thread.shutdown()
        return True

    # --- in the log's thread ------------------------------------------------------------------------------------------

    def _write_waiting(self) -> None:
        with self._lock:
            wanted, self._waiting = self._waiting, []
        if wanted:
            self._write_all(wanted)

    def _write_all(self, wanted: Sequence[_Wanted]) -> None:
        try:
            with files.writing(self._data) as head_file:
                self._resume(head_file)
                left = list(wanted)
                while left:
                    left = self._write(left, head_file)
        except OSError as error:
            # Where the log ends is asked of the disk again.
            self._last = None
            self._refuse(wanted, error)
        except Exception as error:
            # A defect of ours must not leave anybody waiting.
            self._last = None
            self._refuse(wanted, OSError(str(error)))
            _LOGGER.exception("audit record not written")

    def _refuse(self, wanted: Sequence[_Wanted], error: OSError) -> None:
        for one in wanted:
            if not one.future.done():
                one.future.set_exception(error)

    def _write(self, wanted: Sequence[_Wanted], head_file: int) -> list[_Wanted]:
        """Writes the first records, as many as belong in one file; the others."""
        last, file = self._last, self._file
        assert last is not None
        if file is None or not file.fits(wanted[0].time_us):
            file = files.file_for(files.directory(self._data), last.number + 1, wanted[0].time_us)
        those = list(takewhile(lambda one: file.fits(one.time_us), wanted))
        lines, noted = [], []
        for one in those:
            line, digest = line_of(last.number + 1, one.time_us, one.event, one.content, last.hash)
            last = Noted(last.number + 1, digest)
            lines.append(line)
            noted.append(last)
        _append(file.path, b"".join(lines))
        self._file, self._last = file, last
        # The records are on the disk: that the head cannot be told so makes them no less true.
        with suppress(OSError):
            files.write_head(head_file, last)
        for one, written in zip(those, noted, strict=True):
            one.future.set_result(written)
        return list(wanted[len(those) :])

    def _resume(self, head_file: int) -> None:
        """Finds out where the log ends. What a power cut tore is cut off, what somebody took away is missed: told.

        A command of the same recorder may have written since (`vision`): the head says so.
        """
        head = files.head_of(head_file)
        if self._last is not None and (head is None or head.number <= self._last.number):
            return
        folder = files.directory(self._data)
        former.take_over(self._data, head_file)
        if not folder.exists():
            folder.mkdir(0o700)
            sync_directory(self._data)
        self._file, last, torn_bytes = _end(folder)
        self._torn_bytes += torn_bytes
        head = files.head_of(head_file)
        self._last = last
        if self._torn_bytes:
            self._tell("audit_torn", {"bytes": self._torn_bytes}, head_file)
            self._torn_bytes = 0
        if head is None and last.number == 0:
            return
        if head is not None and (head.number < last.number or head == last):
            return
        damage: dict[str, object] = {"found_number": last.number, "found_hash": last.hash}
        if head is not None:
            damage |= {"expected_number": head.number, "expected_hash": head.hash}
        _LOGGER.error("the audit log does not end as it was written", extra=damage)
        self._tell("audit_damaged", damage, head_file)

    def _tell(self, event: str, details: Mapping[str, object], head_file: int) -> None:
        content = {"actor": "recorder", "outcome": "failed", "details": details}
        self._write([_Wanted(self._now_us(), event, content, Future())], head_file)

    def _trim(self) -> int:
        now_us = self._now_us()
        folder = files.directory(self._data)
        listed = files.files_in(folder)
        done = 0
        for file, month, following in zip(listed, effective_months(listed, now_us), listed[1:], strict=False):
            if not is_past(month, now_us):
                break
            anchor: dict[str, object] = {
                "file": file.path.name,
                "month": month,
                "last_number": following.first - 1,
                "last_hash": _last_link(file),
            }
            content = {"actor": "recorder", "outcome": "done", "details": anchor}
            told = _Wanted(now_us, "audit_trimmed", content, Future())
            self._write_all([told])
            told.future.result()
            with files.writing(self._data):
                file.path.unlink()
            sync_directory(folder)
            done += 1
        return done


def _end(folder: Path) -> tuple[LogFile | None, Noted, int]:
    """The newest file, the last record, and the bytes of a torn line, which is cut off.

    Files without a record are taken away.
    """
    torn_bytes = 0
    for file in reversed(files.files_in(folder)):
        with open(file.path, "r+b") as stream:
            size = os.fstat(stream.fileno()).st_size
            whole = files.whole_bytes(stream, size)
            if whole < size:
                torn_bytes += size - whole
                stream.truncate(whole)
                os.fsync(stream.fileno())
            for line in files.lines_backwards(stream, whole):
                try:
                    return file, read(line).noted, torn_bytes
                except DamagedError:
                    # Its number is that of its line. `verify` tells of it.
                    count = sum(1 for _ in files.lines(stream, whole))
                    return file, Noted(file.first + count - 1, link_of(line)), torn_bytes
        file.path.unlink()
    return None, Noted(0, BEGINNING), torn_bytes


def _last_link(file: LogFile) -> str:
    with open(file.path, "rb") as stream:
        for line in files.lines_backwards(stream, os.fstat(stream.fileno()).st_size):
            return link_of(line)
    return BEGINNING


def _append(path: Path, data: bytes) -> None:
    """Adds whole lines, or nothing. Raises OSError."""
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
            if new:
                sync_directory(path.parent)
        except OSError:
            os.ftruncate(descriptor, size)
            if new:
                path.unlink()
            raise
    finally:
        os.close(descriptor)
