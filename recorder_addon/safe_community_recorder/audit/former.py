"""The log of former versions, one file: it becomes files of months, line by line as it is."""

import logging
import os
from itertools import groupby
from pathlib import Path

from ..durable import sync_directory
from . import files
from .files import LogFile
from .record import BEGINNING, DamagedError, Noted, link_of, read

_LOGGER = logging.getLogger(__name__)


def take_over(data: Path, head_file: int) -> None:
    """Takes the former log over, once, whole or not at all. A torn last line is left out. Raises OSError."""
    path, folder = files.former_file(data), files.directory(data)
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")[:-1]
    listed = files.files_in(folder)
    if listed:
        with open(listed[0].path, "rb") as stream:
            first = stream.readline().removesuffix(b"\n")
        if lines and lines[0] != first:
            _LOGGER.error("an audit log of a former version is left as it is: there is another one already")
            return
        # Power was cut between the two.
        path.unlink()
        return
    beside = data / "audit.new"
    beside.mkdir(0o700, exist_ok=True)
    for name in os.listdir(beside):
        (beside / name).unlink()
    for file, those in groupby(lines, _Splitter(beside).file_of):
        content = b"".join(line + b"\n" for line in those)
        with open(os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    sync_directory(beside)
    files.write_head(head_file, Noted(len(lines), link_of(lines[-1]) if lines else BEGINNING))
    os.fsync(head_file)
    if folder.exists():
        folder.rmdir()
    beside.rename(folder)
    sync_directory(data)
    path.unlink()


class _Splitter:
    """Tells the file of one line after the other; a line that is damaged stays with the one before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: LogFile | None = None
        self._number = 0

    def file_of(self, line: bytes) -> LogFile:
        self._number += 1
        time_us = _time_us(line)
        if self._file is None or (time_us is not None and not self._file.fits(time_us)):
            self._file = files.file_for(self._folder, self._number, time_us or 0)
        return self._file


def _time_us(line: bytes) -> int | None:
    try:
        return read(line).time_us
    except DamagedError:
        return None
