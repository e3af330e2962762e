"""How much moved in a camera's picture, second by second, and where: as values, and as the bytes of a file. Pure.

`<camera>/YYYY/MM/DD/activity.bin` is a row of records, each of about a minute, described byte for byte in
docs/archive-format.md. Seconds of which no record tells were not looked at. Where records overlap (the clock was set
back), the most that moved counts, and each block in which anything did.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import numpy as np

from .. import utc

ACTIVITY_NAME = "activity.bin"

type Blocks = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
"""(rows, columns) of 8 × 8 pixels of the picture as it was analysed."""
type Values = np.ndarray[tuple[int], np.dtype[np.float32]]
"""One for each second or step, 0 to 1; NaN where nobody looked."""
type _Levels = np.ndarray[tuple[int], np.dtype[np.uint16]]
type _Bitmaps = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

_MAGIC = b"\x89SCA"
_VERSION = 1
_HEAD = struct.Struct(">4sBBBBQHI")
_CRC = struct.Struct(">I")
_MOST_SECONDS = 600
_MOST_BLOCKS = 255
_MOST_BYTES = 1 << 20
_NOBODY_LOOKED = 65_535
_FULL = 65_534
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ActivitySecond:
    """One second (of UTC) that was looked at: the most that moved within it, 0 to 1, and the blocks in which it did."""

    at_s: int
    activity: float
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class PackedArea:
    """Blocks that are searched: the bytes of a bitmap in which they are, the bits of each, and how many they are."""

    positions: np.ndarray[tuple[int], np.dtype[np.intp]]
    bits: np.ndarray[tuple[int], np.dtype[np.uint8]]
    count: int

    @classmethod
    def of(cls, blocks: Blocks) -> Self:
        """Those of these blocks."""
        packed = np.packbits(blocks)
        positions = np.flatnonzero(packed)
        return cls(positions, packed[positions], max(1, int(np.count_nonzero(blocks))))


@dataclass(frozen=True, slots=True)
class Record:
    """Seconds start ≤ time < end of one shape of picture, as they lie in the file from `offset` to `behind`."""

    start_s: int
    end_s: int
    rows: int
    columns: int
    offset: int
    behind: int
    _payload: bytes

    def values(self) -> Values:
        """How much moved in each second."""
        levels = self._unpacked()[0]
        values = levels.astype(np.float32) / np.float32(_FULL)
        values[levels == _NOBODY_LOOKED] = np.nan
        return values

    def moved_in(self, area: PackedArea) -> tuple[list[int], list[float]]:
        """The seconds in which anything moved in these blocks, and the share of them in which it did."""
        _, seconds, differences = self._unpacked()
        if not len(seconds):
            return [], []
        inside = np.bitwise_xor.accumulate(differences[:, area.positions], axis=0) & area.bits
        hit = inside.any(axis=1)
        if not hit.any():
            return [], []
        shares = np.bitwise_count(inside[hit]).sum(axis=1) / area.count
        return (seconds[hit].astype(np.int64) + self.start_s).tolist(), shares.tolist()

    def _unpacked(self) -> tuple[_Levels, np.ndarray[tuple[int], np.dtype[np.uint16]], _Bitmaps]:
        """Levels of all seconds; the seconds in which blocks moved, counted from the first; how those blocks differ."""
        count, row_bytes = self.end_s - self.start_s, _bitmap_bytes(self.rows, self.columns)
        if not self._payload:
            nothing = np.zeros(count, dtype=np.uint16)
            return nothing, nothing[:0], np.empty((0, row_bytes), dtype=np.uint8)
        content = zlib.decompressobj().decompress(self._payload, count * (3 + row_bytes))
        levels = np.frombuffer(content, ">u2", count).astype(np.uint16)
        moved = np.unpackbits(np.frombuffer(content, np.uint8, -(-count // 8), count * 2), count=count)
        seconds = np.flatnonzero(moved).astype(np.uint16)
        bitmaps = np.frombuffer(content, np.uint8, len(seconds) * row_bytes, count * 2 + -(-count // 8))
        return levels, seconds, bitmaps.reshape(-1, row_bytes)


def encode(seconds: Iterable[ActivitySecond]) -> Iterator[tuple[int, bytes]]:
    """Records of seconds (in any order), each with its first second; each within a day of UTC and of one shape."""
    ordered = sorted(seconds, key=lambda second: second.at_s)
    for (_, _, shape), alike in groupby(ordered, lambda one: (one.at_s // _DAY_S, one.at_s // 60, one.blocks.shape)):
        if max(shape) <= _MOST_BLOCKS and min(shape) > 0:
            some = list(alike)
            yield some[0].at_s, _record(some)


def records(data: bytes) -> Iterator[Record]:
    """All whole records of a file; what is damaged or torn is passed over."""
    at = data.find(_MAGIC)
    while at >= 0:
        record = _read(data, at)
        if record is None:
            at = data.find(_MAGIC, at + 1)
        else:
            yield record
            at = record.behind if data.startswith(_MAGIC, record.behind) else data.find(_MAGIC, record.behind)


def values(found: Iterable[Record], start_s: int, end_s: int) -> Values:
    """The most that moved in each second of start ≤ time < end."""
    whole = np.full(end_s - start_s, np.nan, dtype=np.float32)
    for record in found:
        first, behind = max(start_s, record.start_s), min(end_s, record.end_s)
        if first < behind:
            here = whole[first - start_s : behind - start_s]
            np.fmax(here, record.values()[first - record.start_s : behind - record.start_s], out=here)
    return whole


def stepped(each_second: Values, step_s: int) -> Values:
    """The most of each step of so many seconds; the last one may be shorter."""
    missing = -len(each_second) % step_s
    padded = np.concatenate([each_second, np.full(missing, np.nan, dtype=np.float32)]).reshape(-1, step_s)
    most: Values = np.fmax.reduce(padded, axis=1)
    return most


def days_between(start_s: int, end_s: int) -> list[str]:
    """The days (YYYY/MM/DD, UTC) that the seconds start ≤ time < end lie in."""
    first = start_s // _DAY_S * _DAY_S
    return [f"{utc.from_us(at_s * utc.SECOND_US):%Y/%m/%d}" for at_s in range(first, end_s, _DAY_S)]


def _record(some: Sequence[ActivitySecond]) -> bytes:
    start_s, (rows, columns) = some[0].at_s, some[0].blocks.shape
    count = some[-1].at_s - start_s + 1
    levels = np.full(count, _NOBODY_LOOKED, dtype=np.uint16)
    blocks: dict[int, Blocks] = {}
    for second in some:
        at = second.at_s - start_s
        # However little moved, it is not nothing.
        level = round(min(1.0, second.activity) * _FULL) or int(second.activity > 0)
        levels[at] = level if levels[at] == _NOBODY_LOOKED else max(level, int(levels[at]))
        if second.blocks.any():
            blocks[at] = blocks[at] | second.blocks if at in blocks else second.blocks
    payload = b""
    if levels.any() or blocks:
        moved = np.zeros(count, dtype=np.bool_)
        moved[list(blocks)] = True
        bitmaps = np.array([np.packbits(blocks[at]) for at in sorted(blocks)], dtype=np.uint8)
        if len(bitmaps) > 1:
            # Each as it differs from the one before: people move little within a second.
            bitmaps[1:] ^= bitmaps[:-1].copy()
        payload = zlib.compress(b"".join([levels.astype(">u2").tobytes(), np.packbits(moved), bitmaps.tobytes()]), 6)
    head = _HEAD.pack(_MAGIC, _VERSION, rows, columns, 0, start_s, count, len(payload))
    return head + payload + _CRC.pack(zlib.crc32(head + payload))


def _read(data: bytes, at: int) -> Record | None:
    if len(data) < at + _HEAD.size + _CRC.size:
        return None
    magic, version, rows, columns, _, start_s, count, size = _HEAD.unpack_from(data, at)
    behind = at + _HEAD.size + size + _CRC.size
    if magic != _MAGIC or version != _VERSION or size > _MOST_BYTES or behind > len(data):
        return None
    (told,) = _CRC.unpack_from(data, behind - _CRC.size)
    if told != zlib.crc32(memoryview(data)[at : behind - _CRC.size]) or not 0 < count <= _MOST_SECONDS:
        return None
    payload = data[at + _HEAD.size : behind - _CRC.size]
    return Record(start_s, start_s + count, rows, columns, at, behind, payload)


def _bitmap_bytes(rows: int, columns: int) -> int:
    return -(-rows * columns // 8)
