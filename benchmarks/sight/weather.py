"""What falls through a picture: rain and snow, drawn by code."""

from dataclasses import dataclass, field

import numpy as np

from .optics import Levels


@dataclass(slots=True)
class Rain:
    """Streaks of drops that fall before the lens: each picture shows others."""

    rng: np.random.Generator
    drops_per_pixel: float = 0.0025
    slant: float = 0.15

    def fall(self, picture: Levels) -> Levels:
        """The picture with its rain."""
        height, width = picture.shape
        count = self.rng.poisson(self.drops_per_pixel * height * width)
        y, x = self.rng.uniform(-20, height, count), self.rng.uniform(0, width, count)
        length = self.rng.uniform(5, 22, count)
        glint = self.rng.uniform(8, 45, count).astype(np.float32)
        wet = picture * np.float32(0.93) + np.float32(6)
        for step in range(22):
            rows, columns = (y + step).astype(np.intp), (x + self.slant * step).astype(np.intp)
            seen = (step < length) & (rows >= 0) & (rows < height) & (columns < width)
            wet[rows[seen], columns[seen]] += glint[seen]
        return wet


@dataclass(slots=True)
class Snow:
    """Small flakes that sink slowly, and large ones near the lamp that cross the picture within a few pictures."""

    rng: np.random.Generator
    flakes: int = 160
    near: int = 4
    glint: float = 70.0
    _small: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._small = self.rng.random((self.flakes, 2))

    def fall(self, picture: Levels, elapsed_s: float) -> Levels:
        """The picture with its snow, so long after the last."""
        height, width = picture.shape
        pace = self.rng.uniform(0.1, 0.5, self.flakes)
        self._small[:, 0] += pace * min(elapsed_s, 5.0)
        self._small[:, 1] += self.rng.normal(0.05, 0.15, self.flakes) * min(elapsed_s, 5.0)
        self._small %= 1.0
        white = picture.copy()
        rows, columns = (
            (self._small[:, 0] * (height - 1)).astype(np.intp),
            (self._small[:, 1] * (width - 1)).astype(np.intp),
        )
        white[rows, columns] += self.glint
        white[rows + 1, columns] += self.glint / 2
        white[rows, columns + 1] += self.glint / 2
        for _ in range(self.rng.poisson(self.near)):
            _draw_flake(white, self.rng, self.glint)
        return white


def _draw_flake(picture: Levels, rng: np.random.Generator, glint: float) -> None:
    height, width = picture.shape
    y, x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(2.5, 9.0)
    stretch = rng.uniform(1.0, 2.5)
    top, left = max(0, int(y - 2 * stretch * radius)), max(0, int(x - 2 * radius))
    bottom, right = min(height, int(y + 2 * stretch * radius) + 1), min(width, int(x + 2 * radius) + 1)
    down = (np.arange(top, bottom)[:, np.newaxis] - y) / (stretch * radius)
    across = (np.arange(left, right)[np.newaxis, :] - x) / radius
    picture[top:bottom, left:right] += (1.6 * glint * np.exp(-(down**2 + across**2))).astype(np.float32)
