"""Zones: polygons drawn over a camera's view, and the blocks that belong to them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .gray import BLOCK, Blocks

type Point = tuple[float, float]
"""x and y from 0 (left, top) to 1 (right, bottom)."""

type Polygon = tuple[Point, ...]
"""Three points at least; it closes itself, and what it crosses twice is outside (even-odd rule)."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the view that has a name of its own."""

    id: str
    area: Polygon


def blocks_inside(areas: Iterable[Polygon], rows: int, columns: int) -> Blocks:
    """The blocks that belong to any of the areas: those whose middle does, or half of which is covered.

    An area that is too thin or too small for that has the blocks that it touches: a zone is never empty unless it lies
    outside the picture.
    """
    inside = np.zeros((rows, columns), dtype=np.bool_)
    for area in areas:
        inside |= _blocks_of(area, rows, columns)
    return inside


def _blocks_of(area: Polygon, rows: int, columns: int) -> Blocks:
    if len(area) < 3:
        raise ValueError(f"an area has at least three points, this one {len(area)}")
    middles = _covered(area, (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns)
    down = (np.arange(rows * BLOCK) + 0.5) / (rows * BLOCK)
    across = (np.arange(columns * BLOCK) + 0.5) / (columns * BLOCK)
    share = _covered(area, down, across).reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    belongs: Blocks = middles | (share >= 0.5)
    return belongs if belongs.any() else _touched(area, rows, columns)


def _covered(area: Polygon, down: np.ndarray, across: np.ndarray) -> Blocks:
    """Which of the points (down × across) are inside: each edge to their right turns the answer over."""
    inside = np.zeros((len(down), len(across)), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(area, (*area[1:], area[0]), strict=True):
        crossed = (y1 > down) != (y2 > down)
        if crossed.any():
            at_x = x1 + (x2 - x1) * (down[crossed] - y1) / (y2 - y1)
            inside[crossed] ^= across[np.newaxis, :] < at_x[:, np.newaxis]
    return inside


def _touched(area: Polygon, rows: int, columns: int) -> Blocks:
    touched = np.zeros((rows, columns), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(area, (*area[1:], area[0]), strict=True):
        for share in np.linspace(0, 1, 4 * (rows + columns)):
            row, column = int((y1 + (y2 - y1) * share) * rows), int((x1 + (x2 - x1) * share) * columns)
            if 0 <= row < rows and 0 <= column < columns:
                touched[row, column] = True
    return touched
