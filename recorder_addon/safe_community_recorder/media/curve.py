"""A curve of values over time as a PNG (ISO/IEC 15948). Nothing is written into it: words have a language.

The higher, the more; by the square root, so that a person far away is seen beside a lorry in front. Where there is no
value it is hatched, as in contact strips. A thin line at the foot says that there is one, and nothing.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

type Indices = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

# Orange on near black differ in brightness, too: they are told apart by everybody.
PALETTE = ((16, 20, 28), (236, 138, 30), (255, 206, 120), (70, 78, 92), (44, 44, 44), (92, 92, 92))
_BACKGROUND, _FILLED, _EDGE, _FOOT, _DARK_STRIPE, _LIGHT_STRIPE = range(6)
_STRIPE = 12
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def curve(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.floating]], width: int, height: int) -> Indices:
    """The picture, (height, width), as indices of PALETTE.

    `values` stand from left to right, each 0 to 1, NaN where there is none. A column shows the most of all values that
    fall into it.
    """
    columns = _columns(np.asarray(values, dtype=np.float64), width)
    known = np.isfinite(columns)
    share = np.sqrt(np.clip(np.nan_to_num(columns), 0.0, 1.0))
    # However little it is, it is seen.
    tall = np.where(share > 0, np.maximum(2, np.ceil(share * (height - 1))), 0).astype(np.int64)
    up = np.arange(height)[::-1, None]
    picture: Indices = np.full((height, width), _BACKGROUND, dtype=np.uint8)
    picture[-1:] = _FOOT
    picture[(up < tall) & (up >= tall - 2)] = _EDGE
    picture[up < tall - 2] = _FILLED
    down, across = np.indices((height, width))
    stripes = np.where((down + across) // _STRIPE % 2, _DARK_STRIPE, _LIGHT_STRIPE).astype(np.uint8)
    picture[:, ~known] = stripes[:, ~known]
    return picture


def draw_curve(
    values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.floating]], width: int, height: int
) -> bytes:
    """The same as a PNG."""
    return png(curve(values, width, height))


def png(picture: Indices) -> bytes:
    """A picture of PALETTE's colours."""
    height, width = picture.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)
    lines[:, 1:] = picture
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = bytes(level for colour in PALETTE for level in colour)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _columns(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], width: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The most of the values in each column; of a column between two values the one before it."""
    if not len(values):
        return np.full(width, np.nan)
    edges = np.arange(width) * len(values) // width
    most: np.ndarray[tuple[int], np.dtype[np.float64]] = np.fmax.reduceat(values, edges)
    return most
