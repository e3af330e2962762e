"""How much moved in a camera's picture, second by second, and where."""

from dataclasses import dataclass

import numpy as np

type Blocks = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
"""(rows, columns) of 8 × 8 pixels of the picture as it was analysed."""


@dataclass(frozen=True, slots=True)
class ActivitySecond:
    """One second (of UTC) that was looked at: the most that moved within it, 0 to 1, and the blocks in which it did."""

    at_s: int
    activity: float
    blocks: Blocks
