"""Gray pictures and their blocks: what every detector sees."""

import numpy as np

type Gray = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
"""A picture's luma: (height, width) uint8."""

type Blocks = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
"""Something said of each block of a picture: (rows, columns) bool."""

BLOCK = 8

_LONGER_SIDE = 320
_LEAST_SIDE = 16


def analysis_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) in pixels in which a picture of that size is analysed.

    Its longer side is at most 320; the other keeps its proportion to a block. Whole blocks, never enlarged, at least
    16 × 16. Raises ValueError for a picture that is too small to say anything of.
    """
    if min(width, height) < _LEAST_SIDE:
        raise ValueError(f"a picture has at least {_LEAST_SIDE} × {_LEAST_SIDE} pixels, this one {width} × {height}")
    longer = max(width, height)
    shrunk = min(_LONGER_SIDE, longer)
    return _whole_blocks(width, shrunk, longer), _whole_blocks(height, shrunk, longer)


def _whole_blocks(side: int, shrunk: int, longer: int) -> int:
    nearest = (side * shrunk + longer * BLOCK // 2 - 1) // (longer * BLOCK)
    return max(_LEAST_SIDE, min(nearest, side // BLOCK) * BLOCK)
