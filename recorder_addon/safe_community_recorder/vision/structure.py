"""What of a picture stays the same in any light: its edges, at three scales, over patches of 16 × 16 pixels."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .gray import Gray

type Plane = np.ndarray[tuple[int, int], np.dtype[np.float32]]
type Patches = np.ndarray[tuple[int, int], np.dtype[np.float32]]
"""Something said of each patch of 16 × 16 pixels: (rows, columns) float32."""

type Flags = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
"""Which patches: (rows, columns) bool."""

PATCH = 16
_HALF_PATCH = PATCH // 2
_LEAST = np.float32(1e-3)


@dataclass(frozen=True, slots=True)
class Structure:
    """The edges of a picture: differences to the right and below, fine (every pixel), of 2 × 2 and of 4 × 4 pixels."""

    half: Plane
    fine: Plane
    right: Plane
    below: Plane
    energy: Patches
    coarse: Plane


def structure(picture: Gray | Plane) -> Structure:
    """The structure of a picture in gray levels, of (rows × 16, columns × 16) pixels at least; what is over is left."""
    height, width = (side // PATCH * PATCH for side in picture.shape)
    levels = picture[:height, :width].astype(np.float32)
    pairs = levels[0::2] + levels[1::2]
    half = (pairs[:, 0::2] + pairs[:, 1::2]) * np.float32(0.25)
    fine = np.zeros_like(pairs)
    np.subtract(levels[0::2, 1:], levels[0::2, :-1], out=fine[:, :-1])
    right, below = _edges(half)
    quarter = (half[0::2, 0::2] + half[0::2, 1::2] + half[1::2, 0::2] + half[1::2, 1::2]) * np.float32(0.25)
    coarse = np.concatenate(_edges(quarter), axis=1)
    return Structure(half, fine, right, below, per_patch(right * right + below * below), coarse)


def likeness(one: Structure, other: Structure) -> Patches:
    """How the edges of each patch are correlated, −1 … 1, whatever their contrast is."""
    common = per_patch(one.right * other.right + one.below * other.below)
    return np.asarray(common / np.sqrt(one.energy * other.energy + _LEAST), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Detail:
    """What two pictures share, in levels²: noise, which they do not share, is not in it, but for what chance makes."""

    fine: float
    fine_by_chance: float
    coarse: float


def detail(one: Structure, other: Structure, where: Patches) -> Detail:
    """The edges that two pictures share; `where` weighs the patches."""
    fine_weight, coarse_weight = _spread(where)
    fine = one.fine * other.fine * fine_weight
    coarse = np.vdot(one.coarse * coarse_weight, other.coarse)
    return Detail(float(fine.sum()), float(np.sqrt(np.vdot(fine, fine))), float(coarse))


def noise_between(one: Structure, other: Structure) -> float:
    """Edges of a picture that another does not share: levels² per element."""
    lasting = np.vdot(one.right, other.right) + np.vdot(one.below, other.below)
    return max(0.0, float(one.energy.sum() - lasting) / one.half.size)


def contrast(one: Structure) -> float:
    """How the brightness of coarse forms differs, beside their mean."""
    return float(_forms(one.half).std() / max(1.0, float(one.half.mean())))


def sharpness(known: Structure, seen: Structure, where: Patches) -> float:
    """How much of the known fine detail is seen, beside how much of the coarse: 1 as known, less if out of focus.

    `where` weighs the patches. Projected on what is known: noise, rain and fog do not count.
    """
    fine_weight, coarse_weight = _spread(where)
    fine = _share(known.fine * fine_weight, known.fine, seen.fine)
    coarse = _share(known.coarse * coarse_weight, known.coarse, seen.coarse)
    return float(fine / max(coarse, 0.02))


def resemblance(one: Structure, other: Structure) -> float:
    """How the coarse forms (of 16 pixels) of two pictures are correlated as a whole, −1 … 1."""
    first, second = _forms(one.half), _forms(other.half)
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum() + _LEAST))


def shift_between(known: Structure, seen: Structure) -> tuple[int, int]:
    """By how many pixels (down, right; even) the picture seems to have moved.

    Phase correlation: Kuglin & Hines 1975.
    """
    height, width = known.half.shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    cross = np.fft.rfft2((seen.half - seen.half.mean()) * window)
    cross *= np.conj(np.fft.rfft2((known.half - known.half.mean()) * window))
    peaks = np.fft.irfft2(cross / (np.abs(cross) + 1e-6), s=(height, width))
    down, right = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    return _signed(int(down), height) * 2, _signed(int(right), width) * 2


def shifted(known: Structure, down: int, right: int) -> Structure:
    """A structure as it would be seen after such a move (even pixels); nothing where it is not known."""
    half = np.full_like(known.half, np.nan)
    height, width = half.shape
    y, x = down // 2, right // 2
    half[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)] = known.half[
        max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)
    ]
    edges = [np.nan_to_num(edge) for edge in _edges(half)]
    return Structure(half, known.fine, edges[0], edges[1], per_patch(edges[0] ** 2 + edges[1] ** 2), known.coarse)


def per_patch(half: Plane) -> Patches:
    """Sums over the patches of a plane of half the size."""
    rows, columns = (side // _HALF_PATCH for side in half.shape)
    return np.asarray(_sums(rows, _HALF_PATCH) @ half @ _sums(columns, _HALF_PATCH).T, dtype=np.float32)


def _edges(plane: Plane) -> tuple[Plane, Plane]:
    right, below = np.zeros_like(plane), np.zeros_like(plane)
    np.subtract(plane[:, 1:], plane[:, :-1], out=right[:, :-1])
    np.subtract(plane[1:], plane[:-1], out=below[:-1])
    return right, below


def _forms(half: Plane) -> Patches:
    forms = per_patch(half) / np.float32(_HALF_PATCH**2)
    return np.asarray(forms - forms.mean(), dtype=np.float32)


def _spread(where: Patches) -> tuple[Plane, Plane]:
    """Weights of patches for each element of the fine and of the coarse edges."""
    fine = np.repeat(np.repeat(where, _HALF_PATCH, axis=0), PATCH, axis=1)
    coarse = np.repeat(np.repeat(where, PATCH // 4, axis=0), PATCH // 4, axis=1)
    return fine, np.concatenate([coarse, coarse], axis=1)


def _share(weighted: Plane, known: Plane, seen: Plane) -> float:
    return float(np.vdot(weighted, seen) / max(float(np.vdot(weighted, known)), 1e-3))


@cache
def _sums(count: int, size: int) -> Plane:
    sums = np.zeros((count, count * size), dtype=np.float32)
    for number in range(count):
        sums[number, number * size : (number + 1) * size] = 1
    return sums


def _signed(shift: int, size: int) -> int:
    return shift if shift <= size // 2 else shift - size
