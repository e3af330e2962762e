"""Movement held against ground truth, beside OpenCV's MOG2 on the same gray pictures with the same rule for blocks."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from safe_community_recorder.vision.gray import BLOCK, Blocks, Gray
from safe_community_recorder.vision.motion import MotionDetector

from .clips import Box, Clip, street_truth
from .degrade import KINDS

# People at least so large are to be found, in pixels of analysis.
_LEAST_WIDTH, _LEAST_HEIGHT = 8, 16
# Who looks has the time until then to learn the place.
_LEARNED_S = 10.0
_FOREGROUND = 255
_DENSE = BLOCK * BLOCK // 4
_RATES = (5.0, 2.0, 1.0)

type Finder = Callable[[Gray, float], Blocks]


@dataclass(frozen=True, slots=True)
class Result:
    """One detector on one clip: boxes, those that a foreground block overlaps, blocks outside, ms of CPU a picture."""

    clip: str
    detector: str
    boxes: int
    found: int
    outside: int
    empty: int
    ms: float


def measure(clips: Iterable[Clip] | None = None) -> list[Result]:
    """Clips at several rates; the street also under what code can do to it. Both detectors each time."""
    results: list[Result] = []
    for clip in [street_truth()] if clips is None else clips:
        for rate in sorted({min(clip.per_s, 10.0), *_RATES}, reverse=True):
            every = max(1, round(clip.per_s / rate))
            results += _both(f"{clip.name}, {clip.per_s / every:.3g}/s", clip, every, None)
        if clips is None:
            every = round(clip.per_s / 5)
            results += [
                one for kind in KINDS if kind != "slow" for one in _both(f"{clip.name}, {kind}", clip, every, kind)
            ]
    return results


def _both(name: str, clip: Clip, every: int, kind: str | None) -> Iterator[Result]:
    per_s = clip.per_s / every
    frames = clip.frames[::every]
    if kind is not None:
        frames = tuple(KINDS[kind](iter(frames), per_s))
    yield _result(name, "ours", _ours(), clip, frames, every)
    yield _result(name, "MOG2", _mog2(), clip, frames, every)


def _result(name: str, detector: str, finder: Finder, clip: Clip, frames: tuple[Gray, ...], every: int) -> Result:
    boxes = found = outside = empty = 0
    cpu_s = 0.0
    for turn, gray in enumerate(frames):
        at_s = turn * every / clip.per_s
        began_s = time.process_time()
        blocks = finder(gray, at_s)
        cpu_s += time.process_time() - began_s
        people = clip.truth.get(turn * every)
        if people is None or at_s < _LEARNED_S:
            continue
        anybody = np.zeros_like(blocks)
        for box in people:
            inside = _inside(box, gray)
            anybody[inside] = True
            if box[2] * gray.shape[1] >= _LEAST_WIDTH and box[3] * gray.shape[0] >= _LEAST_HEIGHT:
                boxes += 1
                found += bool(blocks[inside].any())
        outside += int((blocks & ~anybody).sum())
        empty += int((~anybody).sum())
    return Result(name, detector, boxes, found, outside, empty, cpu_s / max(1, len(frames)) * 1000)


def _inside(box: Box, gray: Gray) -> tuple[slice, slice]:
    height, width = gray.shape
    x, y, wide, high = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    rows = slice(max(0, int(y // BLOCK)), int((y + high - 1e-6) // BLOCK) + 1)
    return rows, slice(max(0, int(x // BLOCK)), int((x + wide - 1e-6) // BLOCK) + 1)


def _ours() -> Finder:
    detector = MotionDetector()
    return lambda gray, at_s: detector.observe(gray, at_s).foreground


def yardstick() -> cv2.BackgroundSubtractorMOG2:
    """OpenCV's MOG2 with its own settings, in one thread."""
    cv2.setNumThreads(1)
    return cv2.createBackgroundSubtractorMOG2()


def _mog2() -> Finder:
    subtractor = yardstick()

    def find(gray: Gray, _: float) -> Blocks:
        # Shadows are marked by another level, and left out.
        mask = subtractor.apply(gray) == _FOREGROUND
        rows, columns = gray.shape[0] // BLOCK, gray.shape[1] // BLOCK
        blocks: Blocks = mask.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)) >= _DENSE
        return blocks

    return find
