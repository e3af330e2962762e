"""Many small pictures in one JPEG, side by side in rows; where footage is missing it is seen at a glance.

A picture lies in a tile, whole and in the middle. What is missing of the tile's time is hatched: all of the tile if
there is no picture, otherwise a band at its foot, whose width from left to right is that time. What is yet to come is
plain dark. Nothing is written into it: words have a language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import av
import numpy as np

from .picture import encode_jpeg, scaled, size_for

type Plane = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

_BLACK, _COMING, _DARK_STRIPE, _LIGHT_STRIPE = 0, 28, 56, 120
_NO_COLOUR = 128
_STRIPE = 12
_BAND_PART = 10
_LEAST_BAND = 4


@dataclass(frozen=True, slots=True)
class Marks:
    """What of a tile's time there is no footage of, in columns of pixels from … to."""

    missing: tuple[tuple[int, int], ...] = ()
    coming: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` tiles in a row, each of `width` × `height` pixels (even numbers)."""

    columns: int
    width: int
    height: int


def tile(frame: av.VideoFrame, layout: Layout) -> Plane:
    """A picture for a tile: uint8, shape (height × 3/2, width), the planes of 4:2:0 one behind the other."""
    width, height = size_for(frame.width, frame.height, layout.width)
    if height > layout.height:
        width, height = max(2, width * layout.height // height & ~1), layout.height
    small = cast("Plane", scaled(frame, width, height).to_ndarray())
    left, top = (layout.width - width) // 4 * 2, (layout.height - height) // 4 * 2
    whole = _empty(layout.width, layout.height)
    for target, source in zip(_planes(whole, layout.height), _planes(small, height), strict=True):
        part = 1 if target.shape[1] == layout.width else 2
        rows, columns = source.shape
        target[top // part : top // part + rows, left // part : left // part + columns] = source
    return whole


def mosaic(tiles: Sequence[tuple[Plane | None, Marks]], layout: Layout) -> bytes:
    """The JPEG of all tiles, row by row."""
    rows = -(-len(tiles) // layout.columns)
    width, height = layout.columns * layout.width, rows * layout.height
    canvas = _empty(width, height)
    targets = _planes(canvas, height)
    for number, (picture, marks) in enumerate(tiles):
        row, column = divmod(number, layout.columns)
        drawn = _empty(layout.width, layout.height) if picture is None else picture.copy()
        _mark(drawn, marks, layout, whole=picture is None)
        for target, source in zip(targets, _planes(drawn, layout.height), strict=True):
            down, across = source.shape
            target[row * down : (row + 1) * down, column * across : (column + 1) * across] = source
    return encode_jpeg(av.VideoFrame.from_ndarray(canvas, format="yuvj420p"))


def _empty(width: int, height: int) -> Plane:
    planes = np.full((height * 3 // 2, width), _NO_COLOUR, dtype=np.uint8)
    planes[:height] = _BLACK
    return planes


def _planes(picture: Plane, height: int) -> tuple[Plane, Plane, Plane]:
    """Views of luma and of both colours."""
    width = picture.shape[1]
    colours = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], colours[0], colours[1]


def _mark(picture: Plane, marks: Marks, layout: Layout, *, whole: bool) -> None:
    top = 0 if whole else layout.height - max(_LEAST_BAND, layout.height // _BAND_PART & ~1)
    luma, blue, red = _planes(picture, layout.height)
    down, across = np.indices((layout.height - top, layout.width))
    stripes = np.where((down + across) // _STRIPE % 2, _DARK_STRIPE, _LIGHT_STRIPE).astype(np.uint8)
    for spans, look in ((marks.missing, stripes), (marks.coming, np.full_like(stripes, _COMING))):
        for first, behind in spans:
            luma[top:, first:behind] = look[:, first:behind]
            for colour in (blue, red):
                colour[top // 2 :, first // 2 : -(-behind // 2)] = _NO_COLOUR
