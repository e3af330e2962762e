"""Looks into single blocks that are foreign: is it only the light, has it moved, has something gone? Few at a time."""

import numpy as np

from .gray import BLOCK, Blocks, Gray

type Values = np.ndarray[tuple[int, int], np.dtype[np.float32]]

# Blocks whose levels spread less than so (in units of the tolerance) say nothing of their texture.
_LEAST_TEXTURE = 1.0
_SAME_TEXTURE = 0.85
# What differs by one level all over, but for so much of the tolerance, has no new texture either.
_SMOOTH = 0.35
_MOVED_PIXELS = 6
_MOST_TILES = 400


class Tiles:
    """Of pictures of one size."""

    def __init__(self, rows: int, columns: int) -> None:
        self._rows, self._columns = rows, columns

    def relit(self, blocks: Blocks, gray: Gray, levels: Gray, tolerance: Gray) -> Blocks:
        """Those of the blocks that show the same texture as the background in another light: shadow, sun, lamp."""
        at = np.nonzero(blocks)
        answer = np.zeros_like(blocks)
        if len(at[0]) > _MOST_TILES:
            return answer
        now = self._cut(gray, at).astype(np.float32)
        then = self._cut(levels, at).astype(np.float32)
        slack = self._cut(tolerance, at).mean(axis=1, dtype=np.float32)
        now -= now.mean(axis=1, keepdims=True)
        then -= then.mean(axis=1, keepdims=True)
        rest = now - then
        smooth = np.einsum("ij,ij->i", rest, rest) < (slack * _SMOOTH) ** 2 * (BLOCK * BLOCK)
        own = np.einsum("ij,ij->i", now, now)
        old = np.einsum("ij,ij->i", then, then)
        both = np.einsum("ij,ij->i", now, then)
        enough = (slack * _LEAST_TEXTURE) ** 2 * (BLOCK * BLOCK)
        same = (both > 0) & (both * both > _SAME_TEXTURE * _SAME_TEXTURE * own * old) & (np.minimum(own, old) > enough)
        answer[at] = same | smooth
        return answer

    def moved(self, blocks: Blocks, gray: Gray, before: Gray, tolerance: Gray) -> Blocks:
        """Those of the blocks that differ from the picture before by more than the tolerance."""
        at = np.nonzero(blocks)
        now, then, slack = self._cut(gray, at), self._cut(before, at), self._cut(tolerance, at)
        differ = (np.maximum(now, then) - np.minimum(now, then)) > slack
        answer = np.zeros_like(blocks)
        answer[at] = differ.sum(axis=1) >= _MOVED_PIXELS
        return answer

    def ghosts(self, blocks: Blocks, gray: Gray, levels: Gray, tolerance: Gray) -> Values:
        """For each of the blocks how much stronger its edges are now than in the background, along what is foreign.

        Where something has come, the picture has an edge around it; where something has gone, the background has.
        In levels per block; 0 for all others.
        """
        at = np.nonzero(blocks)
        answer: Values = np.zeros(blocks.shape, dtype=np.float32)
        if not len(at[0]):
            return answer
        now = self._cut(gray, at).astype(np.int16).reshape(-1, BLOCK, BLOCK)
        then = self._cut(levels, at).astype(np.int16).reshape(-1, BLOCK, BLOCK)
        slack = self._cut(tolerance, at).reshape(-1, BLOCK, BLOCK)
        foreign = np.abs(now - then) > slack
        total = np.zeros(len(now), dtype=np.float32)
        for axis in (1, 2):
            border = np.diff(foreign, axis=axis)
            steps = np.abs(np.diff(now, axis=axis)) - np.abs(np.diff(then, axis=axis))
            total += np.where(border, steps, 0).sum(axis=(1, 2))
        answer[at] = total
        return answer

    def _cut(self, picture: Gray, at: tuple[np.ndarray, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        tiles = picture.reshape(self._rows, BLOCK, self._columns, BLOCK)
        return tiles[at[0], :, at[1], :].reshape(-1, BLOCK * BLOCK)
