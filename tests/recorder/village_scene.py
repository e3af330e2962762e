"""A quiet place that somebody crosses, encoded as a camera's sub-stream: tests of vision look at it."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import Footage, Yuv, encode_pictures

WIDTH, HEIGHT = 320, 180
RATE = 10

type Walks = tuple[tuple[float, float], ...]
"""From … to when somebody crosses, in seconds."""


def _ground() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(7)
    coarse = rng.uniform(60, 180, (HEIGHT // 12 + 1, WIDTH // 12 + 1)).astype(np.float32)
    return np.kron(coarse, np.ones((12, 12), np.float32))[:HEIGHT, :WIDTH]


def pictures(seconds: float, walks: Walks = (), *, covered_from_s: float = 1e9) -> Iterator[Yuv]:
    """Ten a second, with a sensor's noise; what is covered is plain gray."""
    rng = np.random.default_rng(1)
    ground = _ground()
    for number in range(round(seconds * RATE)):
        at_s = number / RATE
        luma = ground.copy()
        for begin_s, end_s in walks:
            if begin_s <= at_s < end_s:
                left = round((at_s - begin_s) * 30) % (WIDTH - 24)
                luma[80:140, left : left + 24] = 30
                luma[80:96, left + 6 : left + 18] = 210
        if at_s >= covered_from_s:
            luma[:] = 70
        luma += rng.normal(0, 1.5, luma.shape)
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = np.clip(luma, 0, 255)
        # Colours: it is day.
        picture[HEIGHT:, : WIDTH // 2] = 118
        yield picture


@cache
def stream(seconds: float, walks: Walks = (), *, covered_from_s: float = 1e9) -> Footage:
    """The same, encoded: a keyframe a second."""
    return encode_pictures(pictures(seconds, walks, covered_from_s=covered_from_s), preset="veryfast", more=":crf=26")


def arriving(footage: Footage, from_us: int) -> Iterator[AccessUnit]:
    """Its pictures as they would come, from an instant of the steady clock on."""
    for number, unit in enumerate(footage.units):
        yield unit._replace(arrival_us=from_us + number * 1_000_000 // RATE)
