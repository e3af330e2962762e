"""The sample tables of an ordinary MP4 track (ISO/IEC 14496-12 §8.6–8.7), built piece by piece.

What is kept of a piece are the bytes that it will be in the tables, not arrays: a day of pictures is two million.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from .boxes import full_box
from .cmaf import I32, U32

type I64 = np.ndarray[tuple[int], np.dtype[np.int64]]

_UINT32 = 1 << 32


class Runs:
    """A run-length table (stts, ctts): how often and which value, 32 bits each."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._count = 0
        self._open = 0, 0
        self.total = 0
        """Of all values."""

    @property
    def is_zero(self) -> bool:
        """True if no value is anything but 0."""
        return self._count == 0 and self._open[1] == 0

    def add(self, values: U32 | I32 | I64) -> None:
        """More values."""
        if not len(values):
            return
        self.total += int(values.sum(dtype=np.int64))
        starts = np.flatnonzero(np.diff(values, prepend=values[0] + 1))
        lengths = np.diff(starts, append=len(values))
        picked = values[starts].astype(np.int64)
        length, value = self._open
        if length and value == picked[0]:
            lengths[0] += length
        elif length:
            self._close()
        rows = np.empty((len(starts) - 1, 2), dtype=">u4")
        rows[:, 0] = lengths[:-1]
        rows[:, 1] = picked[:-1] % _UINT32
        self._rows.append(rows.tobytes())
        self._count += len(rows)
        self._open = int(lengths[-1]), int(picked[-1])

    def box(self, kind: bytes, version: int = 0) -> bytes:
        """The table as this box."""
        self._close()
        return full_box(kind, version, 0, self._count.to_bytes(4), *self._rows)

    def _close(self) -> None:
        length, value = self._open
        if length:
            self._rows.append(length.to_bytes(4) + (value % _UINT32).to_bytes(4))
            self._count += 1
            self._open = 0, 0


class TrackTables:
    """Durations, sizes and places of one track's samples. A chunk is what lies side by side of one fragment."""

    def __init__(self) -> None:
        self.durations = Runs()
        self.offsets = Runs()
        self.samples = 0
        self._sizes: list[bytes] = []
        self._counts: list[int] = []
        self._entries: list[int] = []
        self._positions: list[int] = []

    def add_sizes(self, sizes: U32) -> None:
        """The sizes of further samples, in bytes."""
        self.samples += len(sizes)
        self._sizes.append(sizes.astype(">u4").tobytes())

    def add_chunks(self, counts: Sequence[int], positions: Sequence[int], entry: int) -> None:
        """Chunks with so many samples, at these places in the clip's data, of the sample entry with this number."""
        self._counts += counts
        self._positions += positions
        self._entries += [entry] * len(counts)

    def boxes(self, data_position: int, *, only_first_is_key: bool) -> tuple[bytes, ...]:
        """What stbl holds behind stsd. The clip's data begin at byte `data_position` of the file.

        With `only_first_is_key` the first sample of each chunk can be decoded by itself, else all can.
        """
        chunks = np.array(self._positions, dtype=">u8") + np.uint64(data_position)
        parts = [self.durations.box(b"stts")]
        if not self.offsets.is_zero:
            parts.append(self.offsets.box(b"ctts", version=1))
        if only_first_is_key:
            firsts = np.fromiter(accumulate(self._counts, initial=1), dtype=">u4", count=len(self._counts))
            parts.append(full_box(b"stss", 0, 0, len(firsts).to_bytes(4), firsts.tobytes()))
        parts += [
            full_box(b"stsz", 0, 0, bytes(4), self.samples.to_bytes(4), *self._sizes),
            self._samples_of_chunks(),
            full_box(b"co64", 0, 0, len(chunks).to_bytes(4), chunks.astype(">u8").tobytes()),
        ]
        return tuple(parts)

    def _samples_of_chunks(self) -> bytes:
        """stsc: a row stands where the count of samples or the sample entry changes."""
        counts, entries = np.array(self._counts), np.array(self._entries)
        changed = (counts[1:] != counts[:-1]) | (entries[1:] != entries[:-1])
        starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
        rows = np.empty((len(starts), 3), dtype=">u4")
        rows[:, 0] = starts + 1
        rows[:, 1] = counts[starts]
        rows[:, 2] = entries[starts]
        return full_box(b"stsc", 0, 0, len(rows).to_bytes(4), rows.tobytes())
