"""The row of small black and white blocks in every demo picture that says, to the millisecond, when it was taken.

A person reads the clock below it, a program reads this: 41 bits of Unix milliseconds, most significant first, in Gray
code, then their CRC in 7 bits. In Gray code one block changes where in plain binary a carry turns many at once, every
half an hour or so, which motion detection rightly takes for something that moves, in all cameras at the same second.
Pure numpy; also runs under the system's Python 3.11.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

BITS = 48
_TIME_BITS = 41
_BLOCKS_ACROSS = 80  # a block is 1/80 of the picture's width: 16 px of 1280, 4 px of 320
_BLACK, _WHITE = 20, 230
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def block_size(width: int) -> int:
    """How many pixels a block is wide and high."""
    return width // _BLOCKS_ACROSS


def draw(gray: Any, milliseconds: int) -> None:
    """Write the time into the picture's top left corner."""
    size = block_size(gray.shape[1])
    coded = milliseconds ^ milliseconds >> 1
    bits = (coded << 7 | _crc7(coded)) >> np.arange(BITS - 1, -1, -1) & 1
    row = np.where(np.repeat(bits, size), _WHITE, _BLACK).astype(np.uint8)
    gray[:size, : BITS * size] = row


def read(gray: Any) -> datetime:
    """The UTC time in a picture of whatever width; ValueError where there is none to be read."""
    size = gray.shape[1] / _BLOCKS_ACROSS
    rows = gray[int(size * 0.3) : int(size * 0.7) + 1]
    middles = (np.arange(BITS) + 0.5) * size
    columns = np.stack([rows[:, (middles + shift * size).astype(int)].mean(axis=0) for shift in (-0.2, 0, 0.2)])
    value = 0
    for bit in columns.mean(axis=0) > (_BLACK + _WHITE) / 2:
        value = value << 1 | int(bit)
    coded = value >> 7
    if value & 0x7F != _crc7(coded):
        raise ValueError("no readable time in this picture")
    milliseconds = 0
    while coded:
        milliseconds ^= coded
        coded >>= 1
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _crc7(value: int) -> int:
    """CRC-7/MMC (x^7 + x^3 + 1) of the 41 time bits, inverted so that a black strip is not a time."""
    remainder = value << 7
    for position in range(_TIME_BITS + 6, 6, -1):
        if remainder >> position & 1:
            remainder ^= 0b10001001 << position - 7
    return remainder ^ 0x7F
