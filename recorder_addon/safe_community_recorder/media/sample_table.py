"""The end of a closed recording file: a compact table of all its samples (`uuid`), and `mfra` for others' software.

With the table a file is opened without walking through it. It repeats what lies in the fragments, so it is never
believed without proof: its checksum, its sums and its positions must fit the file, or it counts as not there.
docs/archive-format.md describes every byte.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

import numpy as np

from .boxes import BoxError, box, full_box
from .cmaf import PRFT_BYTES, AudioRun, ClockSource, Fragment, RecordingFile
from .movie import VIDEO_TRACK

type Read = Callable[[int, int], bytes]
type I64 = np.ndarray[tuple[int], np.dtype[np.int64]]

TABLE_UUID = UUID("a7c8e0d6-5b1f-4f0e-9d53-3c9b6a1e7f42")

_VERSION = 1
# One read takes the table of a usual file.
_TAIL_BYTES = 64 << 10
_MOST_BYTES = 16 << 20
_MOST_SAMPLES = 1 << 20
# size, kind, UUID, version, counts of fragments, pictures, audio samples, position of the first fragment
_HEAD = struct.Struct(">I4s16sIIIIQ")
_TRAILER = struct.Struct(">II")
_MFRO = struct.Struct(">I4sII")
# encoding, bytes per value, rows, base
_COLUMN = struct.Struct(">BBIq")
_RUNS, _VALUES = 0, 1
_LEAST_FRAGMENT_HEAD_BYTES = 144
_TFRA_ENTRY = np.dtype([("time", ">u8"), ("moof", ">u8"), ("numbers", "u1", 3)])


def closing_boxes(file: RecordingFile) -> bytes:
    """What is appended at `file.size` when a recording file is closed; nothing for a file too large to be listed."""
    fragments = file.fragments
    samples = sum(len(f.sizes) + (0 if f.audio is None else len(f.audio.sizes)) for f in fragments)
    if not fragments or samples > _MOST_SAMPLES:
        return b""
    return _table(fragments, file.lead) + _random_access(fragments)


def read_closing(read: Read, first: int, size: int, lead: int) -> tuple[tuple[Fragment, ...], int]:
    """The fragments that the table of a file of `size` bytes lists, and where it begins.

    `first` is the position behind the moov, `lead` what an edit list in it skips of the sound. Raises BoxError if there
    is no table, or one that does not fit the file.
    """
    tail = read(max(first, size - _TAIL_BYTES), min(_TAIL_BYTES, size - first))
    if len(tail) < _MFRO.size:
        raise BoxError("no mfro at the end")
    box_size, kind, version, closing_size = _MFRO.unpack_from(tail, len(tail) - _MFRO.size)
    if (box_size, kind, version) != (_MFRO.size, b"mfro", 0):
        raise BoxError("no mfro at the end")
    tail = _at_least(read, tail, closing_size + _TRAILER.size, first, size)
    trailer = len(tail) - closing_size - _TRAILER.size
    checksum, table_size = _TRAILER.unpack_from(tail, trailer)
    tail = _at_least(read, tail, closing_size + table_size, first, size)
    start = size - closing_size - table_size
    table = tail[len(tail) - closing_size - table_size : len(tail) - closing_size]
    if table_size < _HEAD.size + _TRAILER.size or zlib.crc32(table[: -_TRAILER.size]) != checksum:
        raise BoxError("the sample table's checksum is wrong")
    fragments = _read_table(table, first, start, lead)
    if _random_access(fragments) != tail[len(tail) - closing_size :]:
        raise BoxError("sample table and mfra do not agree")
    return fragments, start


def _at_least(read: Read, tail: bytes, wanted: int, first: int, size: int) -> bytes:
    """The last `wanted` bytes of the file, or more."""
    if wanted > min(size - first, _MOST_BYTES):
        raise BoxError(f"closing boxes of {wanted} bytes")
    if wanted <= len(tail):
        return tail
    return read(size - wanted, wanted - len(tail)) + tail


def _table(fragments: Sequence[Fragment], lead: int) -> bytes:
    runs = [f.audio for f in fragments]
    sounds = [run for run in runs if run is not None]
    sizes, durations, offsets = (
        np.concatenate(columns, dtype=np.int64)
        for columns in (
            [f.sizes for f in fragments],
            [f.durations for f in fragments],
            [f.offsets for f in fragments],
        )
    )
    audio_sizes, audio_durations = (
        np.concatenate([np.empty(0, dtype=np.int64), *columns])
        for columns in ([run.sizes for run in sounds], [run.durations for run in sounds])
    )
    columns = (
        _numbers(f.utc_us for f in fragments),
        _numbers(f.clock for f in fragments),
        _numbers(f.base_90k for f in fragments),
        _numbers(f.data - f.start for f in fragments),
        _numbers(len(f.sizes) for f in fragments),
        sizes,
        durations,
        offsets,
        _numbers(0 if run is None else run.base + lead for run in runs),
        _numbers(0 if run is None else len(run.sizes) for run in runs),
        audio_sizes,
        audio_durations,
    )
    body = b"".join(map(_write_column, columns))
    size = _HEAD.size + len(body) + _TRAILER.size
    counts = len(fragments), len(sizes), len(audio_sizes)
    head = _HEAD.pack(size, b"uuid", TABLE_UUID.bytes, _VERSION << 24, *counts, fragments[0].start)
    checked = head + body
    return checked + _TRAILER.pack(zlib.crc32(checked), size)


def _read_table(table: bytes, first: int, end: int, lead: int) -> tuple[Fragment, ...]:
    """The fragments between the positions `first` and `end`."""
    size, kind, uuid, version, count, pictures, frames, start = _HEAD.unpack_from(table)
    if (size, kind, uuid, version) != (len(table), b"uuid", TABLE_UUID.bytes, _VERSION << 24) or start != first:
        raise BoxError("not a sample table")
    if not 0 < count <= pictures or pictures + frames > _MOST_SAMPLES:
        raise BoxError(f"a sample table of {count} fragments with {pictures} pictures")
    columns = _Columns(table[: -_TRAILER.size], _HEAD.size)
    utc_us = columns.take(count)
    clocks = columns.take(count, 0, (1 << 24) - 1)
    bases = columns.take(count, 0)
    heads = columns.take(count, _LEAST_FRAGMENT_HEAD_BYTES, _MOST_BYTES)
    counts = columns.take(count, 1, pictures)
    sizes = columns.take(pictures, 0, (1 << 32) - 1)
    durations = columns.take(pictures, 0, (1 << 32) - 1).astype(np.uint32)
    offsets = columns.take(pictures, -(1 << 31), (1 << 31) - 1).astype(np.int32)
    audio_bases = columns.take(count, 0)
    audio_counts = columns.take(count, 0, frames)
    audio_sizes = columns.take(frames, 0, (1 << 32) - 1)
    audio_durations = columns.take(frames, 0, (1 << 32) - 1).astype(np.uint32)
    columns.finish()

    last, audio_last = np.cumsum(counts), np.cumsum(audio_counts)
    if last[-1] != pictures or audio_last[-1] != frames:
        raise BoxError("the counts of samples do not add up")
    picture_bytes, sound_bytes = _sums(sizes, last), _sums(audio_sizes, audio_last)
    ends = first + np.cumsum(heads + picture_bytes + sound_bytes)
    if ends[-1] != end:
        raise BoxError(f"the fragments end at byte {ends[-1]}, the sample table begins at byte {end}")
    data = ends - picture_bytes - sound_bytes
    picture_sizes, frame_sizes = sizes.astype(np.uint32), audio_sizes.astype(np.uint32)

    def audio(n: int) -> AudioRun | None:
        part = slice(int(audio_last[n] - audio_counts[n]), int(audio_last[n]))
        if part.start == part.stop:
            return None
        position = int(data[n] + picture_bytes[n])
        return AudioRun(int(audio_bases[n]) - lead, position, frame_sizes[part], audio_durations[part])

    def fragment(n: int) -> Fragment:
        part = slice(int(last[n] - counts[n]), int(last[n]))
        return Fragment(
            int(utc_us[n]),
            int(bases[n]),
            int(data[n] - heads[n]),
            int(data[n]),
            int(ends[n]),
            picture_sizes[part],
            durations[part],
            offsets[part],
            ClockSource.of_flags(int(clocks[n])),
            audio(n),
        )

    return tuple(fragment(n) for n in range(count))


def _random_access(fragments: Sequence[Fragment]) -> bytes:
    """mfra (ISO/IEC 14496-12 §8.8.9): when each fragment's first picture is shown, and where its moof lies."""
    entries = np.empty(len(fragments), dtype=_TFRA_ENTRY)
    entries["time"] = [f.shown_90k for f in fragments]
    entries["moof"] = [f.start + PRFT_BYTES for f in fragments]
    entries["numbers"] = 1
    table = full_box(b"tfra", 1, 0, VIDEO_TRACK.to_bytes(4), bytes(4), len(fragments).to_bytes(4), entries.tobytes())
    return box(b"mfra", table, _MFRO.pack(_MFRO.size, b"mfro", 0, 8 + len(table) + _MFRO.size))


def _numbers(values: Iterable[int]) -> I64:
    return np.fromiter(values, dtype=np.int64)


def _sums(values: I64, last: I64) -> I64:
    """The sums of consecutive pieces of `values`, which end before the positions `last`."""
    sums = np.concatenate(([0], np.cumsum(values)))[last]
    return np.diff(sums, prepend=0)


def _write_column(values: I64) -> bytes:
    """Values in the shorter of two ways: each in as many bytes as the largest needs, or runs of equal ones."""
    base = int(values.min()) if len(values) else 0
    width = (int(values.max() if len(values) else 0) - base).bit_length() + 7 >> 3
    starts = np.flatnonzero(np.diff(values, prepend=base - 1)) if len(values) else np.empty(0, dtype=np.int64)
    if len(starts) * (4 + width) < len(values) * width or width == 0:
        lengths = np.diff(starts, append=len(values)).astype(">u4").tobytes()
        return _COLUMN.pack(_RUNS, width, len(starts), base) + lengths + _bytes(values[starts] - base, width)
    return _COLUMN.pack(_VALUES, width, len(values), base) + _bytes(values - base, width)


def _bytes(values: I64, width: int) -> bytes:
    return values.astype(">u8").view(np.uint8).reshape(len(values), 8)[:, 8 - width :].tobytes()


class _Columns:
    """Takes columns from a table. Raises BoxError where one does not fit."""

    def __init__(self, table: bytes, position: int) -> None:
        self._table = table
        self._position = position

    def take(self, count: int, least: int | None = None, most: int | None = None) -> I64:
        """The next column, which must have `count` values within the limits."""
        table, position = self._table, self._position
        if len(table) < position + _COLUMN.size:
            raise BoxError("a column of the sample table is missing")
        encoding, width, rows, base = _COLUMN.unpack_from(table, position)
        position += _COLUMN.size
        runs = encoding == _RUNS
        if encoding not in (_RUNS, _VALUES) or width > 8 or rows > count or (not runs and rows != count):
            raise BoxError("a column of the sample table is malformed")
        end = position + rows * (width + (4 if runs else 0))
        if end > len(table):
            raise BoxError("a column of the sample table is cut short")
        self._position = end
        wide = np.zeros((rows, 8), dtype=np.uint8)
        wide[:, 8 - width :] = np.frombuffer(table, np.uint8, rows * width, end - rows * width).reshape(rows, width)
        values: I64 = wide.view(">i8").astype(np.int64).reshape(rows) + base
        if runs:
            lengths = np.frombuffer(table, ">u4", rows, position).astype(np.int64)
            if int(lengths.sum()) != count:
                raise BoxError("the runs of a column of the sample table do not add up")
            values = np.repeat(values, lengths)
        if count and least is not None and int(values.min()) < least:
            raise BoxError("a value of the sample table is too small")
        if count and most is not None and int(values.max()) > most:
            raise BoxError("a value of the sample table is too large")
        return values

    def finish(self) -> None:
        """Nothing may be left."""
        if self._position != len(self._table):
            raise BoxError("the sample table has more than its columns")
