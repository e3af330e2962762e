"""What one picture says of its view, beside what is known of that: kept, lost, blurred, elsewhere. Knows no time."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .gray import Gray
from .references import Likeness
from .structure import (
    Flags,
    Structure,
    contrast,
    detail,
    likeness,
    noise_between,
    resemblance,
    sharpness,
    shift_between,
    shifted,
)

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
# Fine detail where the view was, beside what it had there; and that beside coarse detail.
_DETAIL = 0.15
_FOCUSED = 0.4
# Detail that noise alone does not make.
_SURELY = 8.0
# Noise (levels² of edges) beside that of the reference, and its share of all edges, in mere noise.
_NOISIER = 2.0
_NOISE = 10.0
_MOSTLY = 0.6
# Contrast that even a lens out of focus leaves.
_CONTRAST = 0.5
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
        there = found.reference.anchors & ~found.lost
        if not found.reference.is_clear or sharpness(known, seen, there.astype(np.float32)) >= _SHARP:
            return Symptom.NONE
        if before is None:
            return Symptom.UNSURE
        return (
            Symptom.NONE
            if is_noisy(found, seen, before) or has_detail(known, seen, before, there)
            else Symptom.DEFOCUSED
        )
    if found.kept_reversed >= SEEN and found.kept_reversed > found.kept + 0.1:
        return Symptom.OTHER_LIGHT
    down, right = shift_between(known, seen)
    if (down or right) and _fits(shifted(known, down, right), seen):
        return Symptom.MOVED if max(abs(down), abs(right)) > _SWING else Symptom.NONE
    if before is None:
        return Symptom.UNSURE
    if is_noisy(found, seen, before):
        return Symptom.UNSURE
    detailed = has_detail(known, seen, before, found.lost)
    if not detailed and resemblance(known, seen) >= _FORMS and contrast(seen) >= _CONTRAST * contrast(known):
        return Symptom.DEFOCUSED
    if found.kept >= _CHANCE:
        return Symptom.HIDDEN if detailed else Symptom.COVERED
    return Symptom.MOVED if detailed else Symptom.COVERED


def is_noisy(found: Likeness, seen: Structure, before: Structure) -> bool:
    """Whether a picture is mostly noise, far more than its reference: too little light to say anything of its view."""
    noise = noise_between(seen, before)
    return noise > _NOISIER * found.reference.noise + _NOISE and noise * seen.half.size > _MOSTLY * seen.energy.sum()


def has_detail(known: Structure, seen: Structure, before: Structure, where: Flags) -> bool:
    """Whether the patches are as much in focus as they are known, and as rich.

    What is held before the lens is out of focus: little fine detail beside its coarse.
    """
    weight = where.astype(np.float32)
    there, known_there = detail(seen, before, weight), detail(known, known, weight)
    return (
        there.fine >= _SURELY * there.fine_by_chance
        and there.fine >= _DETAIL * known_there.fine * min(1.0, seen.half.std() / max(1.0, known.half.std())) ** 2
        and there.fine * known_there.coarse >= _FOCUSED * known_there.fine * there.coarse
    )


def _fits(expected: Structure, seen: Structure) -> bool:
    something = expected.energy >= 64
    if int(something.sum()) < 6:
        return False
    return float((likeness(expected, seen)[something] >= _LIKE).mean()) >= _ELSEWHERE
