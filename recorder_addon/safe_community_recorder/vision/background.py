"""What a camera sees when nothing happens: for each pixel its level and how much it swings. Knows no blobs.

The level is a running mean whose first looks give their median (so that who walks through does not stay in it); the
swing is a running mean of the distance from it. Between them and a tolerance for neighbours (a camera that shakes)
lies the band of levels that are no news. The band is worked out when the background has learned, not for each picture:
a picture costs two comparisons.
"""

import math

import numpy as np

from .gray import BLOCK, Blocks, Gray

type Counts = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
type _Fixed = np.ndarray[tuple[int, int], np.dtype[np.int16]]

_POINT = 7
_SUM_OF_BYTES = np.uint64(0x0101010101010101)
_LAST_BYTE = np.uint64(56)

_FIRST_LOOKS = (3, 5, 9, 15)
_FIRST_LOOK_EVERY_S = 0.7
_FIRST_SWING = 2 << _POINT

_LEVEL_S = 20.0
_SWING_S = 40.0
_LEAST_SHIFT, _MOST_SHIFT = 1, 6
_LEAST_TOLERANCE, _MOST_TOLERANCE = 6, 90


class Background:
    """Of pictures of one shape (whole blocks). `base` is the least distance in levels that is news."""

    def __init__(self, gray: Gray, at_s: float, base: int) -> None:
        height, width = gray.shape
        self.rows, self.columns = height // BLOCK, width // BLOCK
        self._base = base
        self._level: _Fixed = np.empty((height, width), dtype=np.int16)
        self._swing: _Fixed = np.empty((height, width), dtype=np.int16)
        self._fixed: _Fixed = np.empty((height, width), dtype=np.int16)
        self._spare: _Fixed = np.empty((height, width), dtype=np.int16)
        self.levels: Gray = np.empty((height, width), dtype=np.uint8)
        self.tolerance: Gray = np.empty((height, width), dtype=np.uint8)
        self._high: Gray = np.empty((height, width), dtype=np.uint8)
        self._low: Gray = np.empty((height, width), dtype=np.uint8)
        self._greater: Gray = np.empty((height, width), dtype=np.uint8)
        self._lesser: Gray = np.empty((height, width), dtype=np.uint8)
        self._over = np.empty((height, width), dtype=np.bool_)
        self._under = np.empty((height, width), dtype=np.bool_)
        self.begin(gray, at_s)

    def begin(self, gray: Gray, at_s: float) -> None:
        """Takes this picture for the background, and the looks to come for the first ones."""
        self._first = [gray.copy()]
        self._first_s = at_s
        self._learned_s = at_s
        self._take(gray)
        self._swing[:] = _FIRST_SWING
        self._refresh()

    @property
    def is_new(self) -> bool:
        """Still among its first looks."""
        return bool(self._first)

    def foreign(self, gray: Gray) -> Counts:
        """How many of each block's 64 pixels are outside the band."""
        np.greater(gray, self._high, out=self._over)
        np.less(gray, self._low, out=self._under)
        np.logical_or(self._over, self._under, out=self._over)
        return per_block(self._over)

    def changes(self, gray: Gray, before: Gray) -> Counts:
        """How many of each block's 64 pixels differ between two pictures by more than the tolerance."""
        np.maximum(gray, before, out=self._greater)
        np.minimum(gray, before, out=self._lesser)
        np.subtract(self._greater, self._lesser, out=self._greater)
        np.greater(self._greater, self.tolerance, out=self._over)
        return per_block(self._over)

    def shift(self, levels: int) -> None:
        """The whole picture has become so much brighter or darker."""
        np.add(self._level, levels << _POINT, out=self._level)
        np.clip(self._level, 0, 255 << _POINT, out=self._level)
        self._first.clear()
        self._refresh()

    def relight(self, gain: float, offset: float) -> None:
        """The whole picture has another contrast and brightness: level · gain + offset."""
        lit = np.clip(self.levels * np.float32(gain) + np.float32(offset), 0, 255)
        self._level[:] = (lit * (1 << _POINT)).astype(np.int16)
        self._first.clear()
        self._refresh()

    def adopt(self, gray: Gray, blocks: Blocks) -> None:
        """What these blocks show now is background from now on."""
        pixels = np.repeat(np.repeat(blocks, BLOCK, axis=0), BLOCK, axis=1)
        np.copyto(self._level, gray.astype(np.int16) << _POINT, where=pixels)
        np.copyto(self._swing, _FIRST_SWING, where=pixels)
        self._refresh()

    def learn(self, gray: Gray, at_s: float, foreground: Blocks, restless: Blocks) -> None:
        """Moves towards the picture where there is no foreground; restless blocks learn how much they swing."""
        if self._first and self._first_looks(gray, at_s):
            return
        elapsed_s = min(at_s - self._learned_s, _LEVEL_S)
        self._learned_s = at_s
        fixed, spare = self._fixed, self._spare
        np.left_shift(gray, _POINT, out=fixed, dtype=np.int16, casting="unsafe")
        np.subtract(fixed, self._level, out=fixed)
        quiet = _mask(~foreground)
        words = fixed.view(np.uint64).reshape(self.rows, BLOCK, self.columns * 2)
        swings = _mask(~foreground | restless)
        np.right_shift(fixed, _shift(elapsed_s, _LEVEL_S), out=spare)
        spare_words = spare.view(np.uint64).reshape(words.shape)
        np.bitwise_and(spare_words, quiet, out=spare_words)
        np.absolute(fixed, out=fixed)
        np.add(self._level, spare, out=self._level)
        np.subtract(fixed, self._swing, out=fixed)
        np.right_shift(fixed, _shift(elapsed_s, _SWING_S), out=fixed)
        np.bitwise_and(words, swings, out=words)
        np.add(self._swing, fixed, out=self._swing)
        self._refresh()

    def _first_looks(self, gray: Gray, at_s: float) -> bool:
        if at_s - self._first_s >= _FIRST_LOOK_EVERY_S:
            self._first_s = at_s
            self._first.append(gray.copy())
            if len(self._first) in _FIRST_LOOKS:
                stack = np.stack(self._first)
                middle = np.partition(stack, len(stack) // 2, axis=0)[len(stack) // 2]
                self._take(middle)
                distance = np.maximum(stack, middle) - np.minimum(stack, middle)
                usual = np.partition(distance, len(stack) // 2, axis=0)[len(stack) // 2]
                np.multiply(usual, 1 << _POINT, out=self._swing, dtype=np.int16, casting="unsafe")
                np.maximum(self._swing, _FIRST_SWING, out=self._swing)
                self._refresh()
                if len(self._first) == _FIRST_LOOKS[-1]:
                    self._first.clear()
        self._learned_s = at_s
        return True

    def _take(self, gray: Gray) -> None:
        np.left_shift(gray, _POINT, out=self._level, dtype=np.int16, casting="unsafe")

    def _refresh(self) -> None:
        """Works the band out: the neighbours' levels to half, the tolerance to both sides."""
        spare, levels, tolerance = self._spare, self.levels, self.tolerance
        np.right_shift(self._level, _POINT, out=spare)
        np.copyto(levels, spare, casting="unsafe")
        np.right_shift(self._swing, _POINT - 2, out=spare)
        np.add(spare, self._base, out=spare)
        np.clip(spare, _LEAST_TOLERANCE, _MOST_TOLERANCE, out=spare)
        np.copyto(tolerance, spare, casting="unsafe")
        high, low = _around(levels, np.maximum), _around(levels, np.minimum)
        np.subtract(high, levels, out=high)
        np.right_shift(high, 1, out=high)
        np.subtract(levels, low, out=low)
        np.right_shift(low, 1, out=low)
        np.add(high, tolerance, out=high)
        np.add(low, tolerance, out=low)
        np.minimum(high, np.invert(levels, out=self._high), out=high)
        np.add(levels, high, out=self._high)
        np.minimum(low, levels, out=low)
        np.subtract(levels, low, out=self._low)


def per_block(pixels: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Counts:
    """How many pixels of each block are set. A row of a block is eight bytes: added and multiplied as one number."""
    height, width = pixels.shape
    words = pixels.view(np.uint64).reshape(height // BLOCK, BLOCK, width // BLOCK)
    sums = words.sum(axis=1, dtype=np.uint64)
    counts: Counts = ((sums * _SUM_OF_BYTES) >> _LAST_BYTE).astype(np.uint8)
    return counts


def _mask(blocks: Blocks) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint64]]:
    """All bits of the blocks that are set, for an array of int16 that is seen as words of four."""
    words = np.where(np.repeat(blocks, 2, axis=1), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0))
    return words[:, np.newaxis, :]


def _shift(elapsed_s: float, within_s: float) -> int:
    """By how many bits a difference is shifted to make `elapsed_s / within_s` of it."""
    if elapsed_s <= 0:
        return 15
    return min(_MOST_SHIFT, max(_LEAST_SHIFT, round(math.log2(within_s / elapsed_s))))


def _around(levels: Gray, extreme: np.ufunc) -> Gray:
    """The extreme of each pixel and its eight neighbours."""
    across = levels.copy()
    extreme(across[:, 1:], levels[:, :-1], out=across[:, 1:])
    extreme(across[:, :-1], levels[:, 1:], out=across[:, :-1])
    around = across.copy()
    extreme(around[1:], across[:-1], out=around[1:])
    extreme(around[:-1], across[1:], out=around[:-1])
    return around
