"""ZIP archives whose files lie in them as they are, in one form only (APPNOTE.TXT 6.3.10).

Which bytes stand around the files follows from their names, sizes, checksums and one time. So whoever reads such an
archive can tell whether any byte of it was changed, and nothing can be hidden before, between or behind the files.
ZIP64 fields stand where, and only where, a number needs them. Pure but for the file that is read or written.
"""

import os
import struct
import zlib
from collections import Counter
from collections.abc import Buffer, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR = struct.Struct("<4sIQI")
_CRC_AT = 14
_PLAIN_VERSION, _VERSION_64 = 20, 45
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_LONGEST_END = _END.size + _MOST_16
_LARGEST_DIRECTORY = 64 << 20
_READ_BYTES = 1 << 20


class ZipError(ValueError):
    """The archive cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive: `size` bytes with the checksum `crc`, behind its header at byte `offset`."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def data(self) -> int:
        """Where its bytes begin."""
        return self.offset + len(local_header(self, (0, 0)))

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.data + self.size


type DosTime = tuple[int, int]
"""Date and time as ZIP keeps them, to two seconds, without a zone."""


def dos_time(moment: datetime) -> DosTime:
    """The date and time that the moment shows."""
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return date, moment.hour << 11 | moment.minute << 5 | moment.second // 2


def local_header(entry: Entry, modified: DosTime) -> bytes:
    """What stands before a file's bytes (§4.3.7)."""
    name, large = entry.name.encode("ascii"), entry.size >= _MOST_32
    extra = struct.pack("<HHQQ", 1, 16, entry.size, entry.size) if large else b""
    size = _MOST_32 if large else entry.size
    version = _VERSION_64 if large else _PLAIN_VERSION
    date, time = modified
    return (
        _LOCAL.pack(b"PK\3\4", version, 0, 0, time, date, entry.crc, size, size, len(name), len(extra)) + name + extra
    )


def directory(entries: Sequence[Entry], modified: DosTime) -> bytes:
    """What stands behind all files: the directory and its end (§4.3.12 to §4.3.16)."""
    start = entries[-1].end if entries else 0
    rows = b"".join(_row(entry, modified) for entry in entries)
    count, position = len(entries), start + len(rows)
    end_64 = b""
    if count >= _MOST_16 or len(rows) >= _MOST_32 or start >= _MOST_32:
        version = _UNIX | _VERSION_64, _VERSION_64
        end_64 = _END_64.pack(b"PK\6\6", _END_64.size - 12, *version, 0, 0, count, count, len(rows), start)
        end_64 += _LOCATOR.pack(b"PK\6\7", 0, position, 1)
    count, size, start = min(count, _MOST_16), min(len(rows), _MOST_32), min(start, _MOST_32)
    return rows + end_64 + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _row(entry: Entry, modified: DosTime) -> bytes:
    name = entry.name.encode("ascii")
    large, far = entry.size >= _MOST_32, entry.offset >= _MOST_32
    numbers = [entry.size, entry.size] * large + [entry.offset] * far
    extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    size = _MOST_32 if large else entry.size
    version = _VERSION_64 if numbers else _PLAIN_VERSION
    date, time = modified
    head = _CENTRAL.pack(
        *(b"PK\1\2", _UNIX | version, version, 0, 0, time, date, entry.crc, size, size),
        *(len(name), len(extra), 0, 0, 0, _REGULAR_FILE, min(entry.offset, _MOST_32)),
    )
    return head + name + extra


# --- writing ----------------------------------------------------------------------------------------------------------


class ZipWriter:
    """Writes an archive from its beginning into a file that can be sought in. Raises OSError."""

    def __init__(self, file: BinaryIO, modified: DosTime) -> None:
        self._file = file
        self._modified = modified
        self.entries: list[Entry] = []

    def add(self, name: str, size: int, parts: Iterable[Buffer]) -> Entry:
        """A file of so many bytes. Raises ValueError if it has another number of them, or a name that is taken."""
        if any(name == entry.name for entry in self.entries):
            raise ValueError(f"{name} is there twice")
        offset = self.entries[-1].end if self.entries else 0
        self._file.write(local_header(Entry(name, size, 0, offset), self._modified))
        crc = written = 0
        for part in parts:
            self._file.write(part)
            crc = zlib.crc32(part, crc)
            written += memoryview(part).nbytes
        if written != size:
            raise ValueError(f"{name} was to have {size} bytes and has {written}")
        entry = Entry(name, size, crc, offset)
        self._file.seek(offset + _CRC_AT)
        self._file.write(crc.to_bytes(4, "little"))
        self._file.seek(entry.end)
        self.entries.append(entry)
        return entry

    def finish(self) -> int:
        """Writes the directory; the archive's size in bytes."""
        end = directory(self.entries, self._modified)
        self._file.write(end)
        return (self.entries[-1].end if self.entries else 0) + len(end)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive says it holds, the time of its files, and what is not as `ZipWriter` writes it."""

    entries: tuple[Entry, ...]
    modified: DosTime
    problems: tuple[str, ...]


def read_listing(file: BinaryIO) -> Listing:
    """Reads the directory and compares every byte around the files. Raises ZipError and OSError."""
    size = file.seek(0, os.SEEK_END)
    tail = _read_at(file, max(0, size - _LONGEST_END), min(size, _LONGEST_END))
    at = len(tail) - _END.size
    problems = []
    if at < 0 or tail[at : at + 4] != b"PK\5\6":
        at = tail.rfind(b"PK\5\6")
        if at < 0 or at + _END.size > len(tail):
            raise ZipError("this is no ZIP archive, or its end is missing")
        problems.append("something was added behind the archive, or its end was changed")
    position = size - len(tail) + at
    start, length, count = _directory_place(file, tail[at : at + _END.size], position)
    if start < 0 or length > _LARGEST_DIRECTORY or start + length > position:
        raise ZipError("the archive's directory does not lie where its end says")
    entries, modified = _rows(_read_at(file, start, length))
    if any(entry.end > start for entry in entries):
        raise ZipError("the archive's directory speaks of files that would lie behind it")
    if sum(entry.end - entry.offset for entry in entries) > start:
        # To read them would take for ever: many may share the same bytes.
        raise ZipError("files of the archive lie in one another")
    if len(entries) != count:
        problems.append(f"the directory lists {len(entries)} files, its end speaks of {count}")
    problems += _differences(file, entries, modified, start, size)
    return Listing(tuple(entries), modified, tuple(problems))


def read_entry(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """A file's bytes. Raises ZipError if the archive ends before them."""
    position = entry.data
    while position < entry.end:
        part = _read_at(file, position, min(_READ_BYTES, entry.end - position))
        if not part:
            raise ZipError(f"{entry.name} is cut short")
        yield part
        position += len(part)


def _directory_place(file: BinaryIO, end: bytes, position: int) -> tuple[int, int, int]:
    """Where the directory begins, its bytes, and how many files its end speaks of."""
    _, _, _, _, count, length, start, _ = _END.unpack(end)
    if _MOST_32 in (start, length) or count == _MOST_16:
        locator = _read_at(file, max(0, position - _LOCATOR.size), _LOCATOR.size)
        at = _LOCATOR.unpack(locator)[2] if locator[:4] == b"PK\6\7" else position
        if at < position:
            end_64 = _read_at(file, at, _END_64.size)
            if len(end_64) == _END_64.size and end_64[:4] == b"PK\6\6":
                count, length, start = _END_64.unpack(end_64)[7:]
    return start, length, count


def _rows(data: bytes) -> tuple[list[Entry], DosTime]:
    entries: list[Entry] = []
    modified = 0, 0
    position = 0
    while position < len(data):
        if len(data) - position < _CENTRAL.size or data[position : position + 4] != b"PK\1\2":
            raise ZipError("the archive's directory is damaged")
        row = _CENTRAL.unpack_from(data, position)
        time, date, crc, _, size, name_size, extra_size, comment_size = row[5:13]
        offset = row[16]
        position += _CENTRAL.size
        raw = data[position : position + name_size]
        extra = data[position + name_size : position + name_size + extra_size]
        if extra[:2] == b"\1\0" and len(extra) >= 4 + 16 * (size == _MOST_32) + 8 * (offset == _MOST_32):
            numbers = [int.from_bytes(extra[at : at + 8], "little") for at in range(4, len(extra) - 7, 8)]
            if size == _MOST_32 and len(numbers) > 1:
                size, numbers = numbers[1], numbers[2:]
            if offset == _MOST_32 and numbers:
                offset = numbers[0]
        # A name that is none of ours becomes one that cannot be ours: the comparison tells.
        name = raw.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
        entries.append(Entry(name, size, crc, offset))
        modified = date, time
        position += name_size + extra_size + comment_size
    return entries, modified


def _differences(file: BinaryIO, entries: Sequence[Entry], modified: DosTime, start: int, size: int) -> Iterator[str]:
    counts = Counter(entry.name for entry in entries)
    yield from (f"{name} is there twice" for name, count in counts.items() if count > 1)
    expected = 0
    for entry in entries:
        if entry.offset != expected:
            yield f"{entry.name} does not lie right behind what comes before it"
        header = local_header(entry, modified)
        if _read_at(file, entry.offset, len(header)) != header:
            yield f"the header of {entry.name} was changed"
        expected = entry.end
    whole = directory(entries, modified)
    if start != expected:
        yield "the directory does not lie right behind the last file"
    if _read_at(file, start, len(whole) + 1) != whole or start + len(whole) != size:
        yield "the directory or the end of the archive was changed"


def _read_at(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
