"""What one picture says of its view, beside what is known of that: kept, lost, blurred, elsewhere. Knows no time."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .gray import Gray
from .references import Likeness
from .structure import Patches, Structure, common_detail, likeness, resemblance, sharpness, shift_between, shifted

# The view is there if so much of what holds it is.
SEEN = 0.45
# Coarse forms are there, fine detail is not.
_SHARP = 0.5
_FORMS = 0.75
# Patches that are as like as that are the same.
_LIKE = 0.45
# A pole may swing so far (pixels), or settle.
_SWING = 4
_ELSEWHERE = 0.5
# Less than that is kept by chance.
_CHANCE = 0.17
# Fine detail where the view was, beside what it had there.
_DETAIL = 0.3
_BLACK = 16
_BLACK_PEAK = 32
_WHITE = 245
_FLAT = 3.0


class Symptom(StrEnum):
    """What a picture shows in place of its view."""

    NONE = "none"
    UNSURE = "unsure"
    OTHER_LIGHT = "other_light"
    DARK = "dark"
    FLAT = "flat"
    BLINDED = "blinded"
    COVERED = "covered"
    HIDDEN = "hidden"
    """Partly, by something that is in focus, so not at the lens: a lorry, a crowd."""
    DEFOCUSED = "defocused"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Levels:
    """How bright a picture is: mean, the level that one pixel in a hundred exceeds, share of white, spread."""

    mean: float
    peak: float
    bright: float
    spread: float

    @property
    def is_dark(self) -> bool:
        """Nothing can be seen for want of light."""
        return self.mean < _BLACK and self.peak < _BLACK_PEAK

    @property
    def is_flat(self) -> bool:
        """Nothing is on it, in any brightness."""
        return self.spread < _FLAT


def levels_of(gray: Gray) -> Levels:
    """How bright a picture is, by every fourth of its pixels."""
    sample = gray[::2, ::2]
    counts = np.bincount(sample.reshape(-1), minlength=256)
    total = sample.size
    peak = int(np.searchsorted(np.cumsum(counts), 0.99 * total))
    bright = float(counts[_WHITE:].sum() / total)
    scale = np.arange(256)
    mean = float(counts @ scale / total)
    spread = float(np.sqrt(max(0.0, float(counts @ (scale**2) / total) - mean**2)))
    return Levels(mean, peak, bright, spread)


def symptom_of(seen: Structure, before: Structure | None, found: Likeness) -> Symptom:
    """What is wrong with a picture of this likeness to its reference, which has anchors.

    `before` is the picture before it: what both share is no noise.
    """
    known = found.reference.shape
    if found.kept >= SEEN:
        there = (found.reference.anchors & ~found.lost).astype(np.float32)
        return Symptom.DEFOCUSED if sharpness(known, seen, there) < _SHARP else Symptom.NONE
    if found.kept_reversed >= SEEN and found.kept_reversed > found.kept + 0.1:
        return Symptom.OTHER_LIGHT
    anchors = found.reference.anchors.astype(np.float32)
    if resemblance(known, seen) >= _FORMS and sharpness(known, seen, anchors) < _SHARP:
        return Symptom.DEFOCUSED
    down, right = shift_between(known, seen)
    if (down or right) and _fits(shifted(known, down, right), seen):
        return Symptom.MOVED if max(abs(down), abs(right)) > _SWING else Symptom.NONE
    if before is None:
        return Symptom.UNSURE
    detailed = has_detail(known, seen, before, found.lost)
    if found.kept >= _CHANCE:
        return Symptom.HIDDEN if detailed else Symptom.COVERED
    if detailed:
        return Symptom.MOVED
    return Symptom.COVERED


def has_detail(known: Structure, seen: Structure, before: Structure, where: np.ndarray) -> bool:
    """Whether there is about as much lasting fine detail in the patches as is known there."""
    weight: Patches = where.astype(np.float32)
    scale = max(0.05, float(seen.half.std()) / max(1.0, float(known.half.std()))) ** 2
    there = float((np.maximum(common_detail(seen, before), 0) * weight).sum())
    known_there = float((np.maximum(common_detail(known, known), 0) * weight).sum())
    return there >= _DETAIL * min(scale, 1.0) * known_there


def _fits(expected: Structure, seen: Structure) -> bool:
    something = expected.energy >= 64
    if int(something.sum()) < 6:
        return False
    return float((likeness(expected, seen)[something] >= _LIKE).mean()) >= _ELSEWHERE
