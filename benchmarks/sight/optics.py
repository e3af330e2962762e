"""What light, lenses and sensors do to a gray picture: float32 levels in, float32 levels out. Knows no time."""

import numpy as np

from safe_community_recorder.vision.gray import Gray

type Levels = np.ndarray[tuple[int, int], np.dtype[np.float32]]
"""A picture or a field over it: (height, width) float32."""

_GAMMA = 2.2


def levels(gray: Gray) -> Levels:
    """A picture to calculate with."""
    return gray.astype(np.float32)


def gray(picture: Levels) -> Gray:
    """A picture as the camera gives it away: rounded, clipped."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def linear(picture: Levels) -> Levels:
    """Levels (0 … 255) as light (0 … 1)."""
    return np.asarray((np.clip(picture, 0, 255) / 255) ** _GAMMA, dtype=np.float32)


def encoded(light: Levels) -> Levels:
    """Light (0 … 1) as levels (0 … 255)."""
    return np.asarray(np.clip(light, 0, 1) ** (1 / _GAMMA) * 255, dtype=np.float32)


def sensed(light: Levels, electrons: float, read_noise: float, rng: np.random.Generator) -> Levels:
    """Light as a sensor counts it whose white is so many electrons.

    It has shot noise (its variance is the count) and that of reading. Few electrons: a small sensor at night with its
    gain turned up.
    """
    counted = np.clip(light, 0, 1) * np.float32(electrons)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    counted += np.sqrt(counted + np.float32(read_noise**2)) * noise
    return np.asarray(counted / electrons, dtype=np.float32)


def blurred(picture: Levels, sigma: float) -> Levels:
    """Out of focus: a Gaussian of so many pixels."""
    if sigma < 0.2:
        return picture
    reach = max(1, int(np.ceil(2.5 * sigma)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(picture, [(reach, reach) if axis == side else (0, 0) for side in (0, 1)], mode="edge")
        size = picture.shape[axis]
        total = np.zeros_like(picture)
        for offset, weight in enumerate(weights):
            part = padded[offset : offset + size] if axis == 0 else padded[:, offset : offset + size]
            total += weight * part
        picture = total
    return picture


def warped(picture: Levels, down: np.ndarray, across: np.ndarray) -> Levels:
    """Each pixel taken from so far below and to the right of it (pixels; numbers or fields), bilinear, edges kept."""
    height, width = picture.shape
    y = np.clip(np.arange(height, dtype=np.float32)[:, np.newaxis] + down, 0, height - 1)
    x = np.clip(np.arange(width, dtype=np.float32)[np.newaxis, :] + across, 0, width - 1)
    y, x = np.broadcast_arrays(y, x)
    top, left = np.minimum(y.astype(np.intp), height - 2), np.minimum(x.astype(np.intp), width - 2)
    dy, dx = y - top, x - left
    upper = picture[top, left] * (1 - dx) + picture[top, left + 1] * dx
    lower = picture[top + 1, left] * (1 - dx) + picture[top + 1, left + 1] * dx
    return np.asarray(upper * (1 - dy) + lower * dy, dtype=np.float32)


def spot(shape: tuple[int, int], at: tuple[float, float], radius: float, *, squeeze: float = 1.0) -> Levels:
    """A round glow of 1 at `at` (row and column as shares of the picture).

    It falls off over `radius` (share of the picture's width); `squeeze` > 1: flatter.
    """
    height, width = shape
    y = (np.arange(height, dtype=np.float32)[:, np.newaxis] - at[0] * height) * np.float32(squeeze)
    x = np.arange(width, dtype=np.float32)[np.newaxis, :] - at[1] * width
    return np.exp(-(y**2 + x**2) / np.float32(2 * (radius * width) ** 2)).astype(np.float32)


def field(shape: tuple[int, int], grain: int, rng: np.random.Generator) -> Levels:
    """A smooth random field of values from 0 to 1 that changes over about so many pixels."""
    height, width = shape
    coarse = rng.random((height // grain + 3, width // grain + 3), dtype=np.float32)
    y, x = np.arange(height, dtype=np.float32) / grain, np.arange(width, dtype=np.float32) / grain
    top, left = y.astype(np.intp), x.astype(np.intp)
    dy, dx = (y - top)[:, np.newaxis], (x - left)[np.newaxis, :]
    dy, dx = dy * dy * (3 - 2 * dy), dx * dx * (3 - 2 * dx)
    upper = coarse[np.ix_(top, left)] * (1 - dx) + coarse[np.ix_(top, left + 1)] * dx
    lower = coarse[np.ix_(top + 1, left)] * (1 - dx) + coarse[np.ix_(top + 1, left + 1)] * dx
    return np.asarray(upper * (1 - dy) + lower * dy, dtype=np.float32)


def textured(picture: Levels) -> Levels:
    """Where there is fine structure (leaves, gravel), 0 … 1, smooth."""
    fine = np.abs(picture - blurred(picture, 1.5))
    return np.clip(blurred(fine, 8) / np.float32(10), 0, 1)


def infrared(picture: Levels) -> Levels:
    """A day's picture as by the camera's own infrared light (light, 0 … 1).

    Plants are bright, the contrast is another, the middle is lit and the corners are not.
    """
    shape = picture.shape
    reflecting = 0.03 + 0.6 * linear(picture) ** np.float32(0.75) + 0.15 * textured(picture)
    lit = 0.9 * spot(shape, (0.62, 0.5), 0.33) + 0.04
    return np.asarray(np.clip(reflecting, 0, 1) * lit, dtype=np.float32)
