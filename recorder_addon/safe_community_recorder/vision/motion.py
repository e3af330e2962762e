"""Motion by sigma-delta background estimation (Manzanera & Richefeu, PRL 28(3), 2007). Pure numpy.

Departures from the paper, because frames come about once a second and not 25 times: the background moves by an eighth
of the difference, at least by one level; and blocks that change again and again (a clock in the picture, a flag,
leaves) are learned and left out.
"""

from dataclasses import dataclass

import numpy as np

type Gray = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
type Blocks = np.ndarray[tuple[int, int], np.dtype[np.bool_]]

_VARIANCE_GAIN = 4
_VARIANCE_FLOOR = 3
_VARIANCE_CEILING = 60
_BLOCK = 8
_DENSE_PIXELS = _BLOCK * _BLOCK // 4


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """`threshold` in gray levels; `area` and `global_change` as shares of the picture's blocks; times in frames or s.

    A block that changed in more than `restless` of the last `memory_frames` does not count.
    """

    threshold: int = 18
    area: float = 0.008
    global_change: float = 0.4
    warm_up_frames: int = 20
    frozen_frames: int = 5
    memory_frames: int = 40
    restless: float = 0.25
    hold_s: float = 8.0


class MotionDetector:
    """One camera's background model.

    `observe` takes gray frames of one shape (uint8, height × width, at least 8 × 8) with their time in seconds and says
    whether something moves. Another shape begins a new model.
    """

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self._settings = settings or MotionSettings()
        self._last_movement_s = float("-inf")
        self.moving = False
        self._background: np.ndarray[tuple[int, int], np.dtype[np.int16]] | None = None
        self._begin()

    def observe(self, gray: Gray, at_s: float) -> bool:
        """True while something moves: from the second frame in a row that shows it to `hold_s` after the last."""
        settings = self._settings
        changed = self._changed_blocks(gray)
        if self._frames > 2 and changed.mean() > settings.global_change:
            # Infrared switch, lightning, headlights: the whole picture changes. Learn the background anew.
            self._background = gray.astype(np.int16)
            self._frozen = settings.frozen_frames
            self._positive = 0
        elif self._frozen > 0:
            self._frozen -= 1
        else:
            calm = self._restlessness <= settings.restless
            self._learn(changed)
            shows = self._frames > settings.warm_up_frames and (changed & calm).mean() >= settings.area
            self._positive = self._positive + 1 if shows else 0
            if self._positive >= 2:
                self._last_movement_s = at_s
                self.moving = True
        if self.moving and at_s - self._last_movement_s > settings.hold_s:
            self.moving = False
        return self.moving

    def forget(self) -> None:
        """The camera was gone: what it shows now is learned anew, and nothing moves."""
        self.moving = False
        self._background = None

    def _begin(self) -> None:
        self._variance = np.zeros((0, 0), dtype=np.int16)
        self._restlessness = np.zeros((0, 0), dtype=np.float32)
        self._frames = 0
        self._frozen = 0
        self._positive = 0

    def _learn(self, changed: Blocks) -> None:
        weight = max(1 / self._settings.memory_frames, 1 / max(1, self._frames))
        self._restlessness += (changed - self._restlessness) * np.float32(weight)

    def _changed_blocks(self, gray: Gray) -> Blocks:
        frame = gray.astype(np.int16)
        if self._background is None or self._background.shape != frame.shape:
            self._begin()
            self._background = frame
            self._variance = np.full_like(frame, _VARIANCE_FLOOR)
            self._restlessness = np.zeros((frame.shape[0] // _BLOCK, frame.shape[1] // _BLOCK), dtype=np.float32)
        self._frames += 1
        towards = frame - self._background
        self._background = self._background + np.sign(towards) * np.maximum(np.abs(towards) // 8, np.abs(towards) > 0)
        difference = np.abs(frame - self._background)
        step = np.sign(difference * _VARIANCE_GAIN - self._variance) * (difference > 0)
        self._variance = np.clip(self._variance + step, _VARIANCE_FLOOR, _VARIANCE_CEILING)
        changed = (difference > self._variance) & (difference > self._settings.threshold)
        rows, columns = self._restlessness.shape
        tiles = changed[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
        dense: Blocks = tiles.sum(axis=(1, 3)) >= _DENSE_PIXELS
        return dense
