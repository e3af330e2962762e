"""Sets of blocks as whole numbers, a bit each: growing, joining and counting them costs next to nothing."""

from collections.abc import Iterator

import numpy as np

from .gray import Blocks


class Grid:
    """The blocks of one picture size. Bit `row * (columns + 1) + column`; the column too many keeps rows apart."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._stride = columns + 1
        self._padded = np.zeros((rows, self._stride), dtype=np.bool_)
        self.everything = self.bits(np.ones((rows, columns), dtype=np.bool_))
        across, down = np.meshgrid(np.arange(columns), np.arange(rows))
        self._across = self._planes(across)
        self._down = self._planes(down)

    def bits(self, blocks: Blocks) -> int:
        """These blocks as bits."""
        self._padded[:, :-1] = blocks
        return int.from_bytes(np.packbits(self._padded, bitorder="little").tobytes(), "little")

    def blocks(self, bits: int) -> Blocks:
        """These bits as blocks, an array of their own."""
        size = self.rows * self._stride
        packed = np.frombuffer(bits.to_bytes((size + 7) // 8, "little"), dtype=np.uint8)
        flat = np.unpackbits(packed, count=size, bitorder="little").view(np.bool_)
        return flat.reshape(self.rows, self._stride)[:, :-1].copy()

    def grown(self, bits: int, times: int = 1) -> int:
        """With all their neighbours, the diagonal ones too."""
        for _ in range(times):
            wide = bits | bits << 1 | bits >> 1
            bits = (wide | wide << self._stride | wide >> self._stride) & self.everything
        return bits

    def blobs(self, bits: int) -> Iterator[int]:
        """What hangs together, one after the other."""
        stride = self._stride
        while bits:
            blob, before = bits & -bits, 0
            while blob != before:
                before = blob
                wide = blob | blob << 1 | blob >> 1
                blob = (wide | wide << stride | wide >> stride) & bits
            bits ^= blob
            yield blob

    def middle(self, bits: int) -> tuple[float, float]:
        """The mean of their places (column, row) in blocks; there is one block at least."""
        count = bits.bit_count()
        across = sum((bits & plane).bit_count() << power for power, plane in enumerate(self._across))
        down = sum((bits & plane).bit_count() << power for power, plane in enumerate(self._down))
        return across / count, down / count

    def _planes(self, numbers: np.ndarray) -> tuple[int, ...]:
        """For each power of two, the blocks in whose number it is."""
        powers = int(numbers.max()).bit_length()
        return tuple(self.bits((numbers >> power & 1).astype(np.bool_)) for power in range(powers))
