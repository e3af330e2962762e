"""False observations: an empty street under all that code can do to it, for an hour's worth of looks.

The street is the median of a real clip's frames, so nobody is in it, with a sensor's noise; then made worse by code
(`degrade.py`). What is observed there is false, whatever it is. One kind is somebody after all: in "headlights" cars
sweep their light over the scene. The last is no model: a real tree in the wind, its few seconds shown to and fro.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from safe_community_recorder.vision.eye import Look
from safe_community_recorder.vision.gray import Gray, analysis_size
from safe_community_recorder.vision.motion import MotionDetector
from safe_community_recorder.vision.observer import Observer

from .degrade import KINDS, frames_per_s
from .encoded import scaled
from .street import TREE_FPS, street, tree

_PER_S = 5.0
_MINUTES = 5.0
_NOISE = 1.5
_HOUR_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class Empty:
    """One kind of weather: minutes looked at, observations in them, and for how much of the time something "moved"."""

    kind: str
    minutes: float
    observations: int
    moving: float
    changed_globally: int

    @property
    def per_hour(self) -> float:
        """False observations an hour."""
        return self.observations * _HOUR_MINUTES / self.minutes


def measure(minutes: float = _MINUTES) -> list[Empty]:
    """All kinds, and none."""
    nobody = np.median(np.stack([scaled(one, *analysis_size(640, 360)) for one in street()[::53]]), axis=0)
    found = [_observed("as it is", _noisy(nobody, minutes), _PER_S, minutes)]
    for kind, worse in KINDS.items():
        pictures = worse(_noisy(nobody, minutes), _PER_S)
        found.append(_observed(kind, pictures, frames_per_s(kind, _PER_S), minutes))
    return [*found, _observed("a real tree (tree.avi)", _tree(minutes), _PER_S, minutes)]


def _tree(minutes: float) -> Iterator[Gray]:
    """Every third picture, to and fro, so that none leaps."""
    few = tree()[:: round(TREE_FPS / _PER_S)]
    shown = itertools.cycle([*few, *few[-2:0:-1]])
    size = analysis_size(few[0].shape[1], few[0].shape[0])
    for picture in itertools.islice(shown, round(minutes * 60 * _PER_S)):
        yield scaled(picture, *size)


def _noisy(nobody: np.ndarray[tuple[int, ...], np.dtype[np.floating]], minutes: float) -> Iterator[Gray]:
    rng = np.random.default_rng(11)
    for _ in range(round(minutes * 60 * _PER_S)):
        picture: Gray = np.clip(nobody + rng.normal(0, _NOISE, nobody.shape), 0, 255).astype(np.uint8)
        yield picture


def _observed(kind: str, pictures: Iterator[Gray], per_s: float, minutes: float) -> Empty:
    detector, observer = MotionDetector(), Observer(8.0)
    begun: set[float] = set()
    looks = moving = guarded = 0
    for number, picture in enumerate(pictures):
        motion = detector.observe(picture, number / per_s)
        begun |= {seen.start_s for seen in observer.take(Look(number / per_s, motion, None))}
        looks += 1
        moving += motion.moving
        guarded += motion.changed_globally
    return Empty(kind, minutes, len(begun), moving / looks, guarded)
