"""Scenes as a village camera has them, out of a real clip with people: long quiet, and now and then somebody passes.

Quiet is the view without people: the clip's median over time. When somebody passes, what differs from it in a part of
the picture is shown as the clip has it, faded in and out within half a second. Light, weather and the sensor's
noise are models, labelled as such. Everything is gray, deterministic, and made of frames as it goes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from safe_community_recorder.vision.gray import Gray

type Field = np.ndarray[tuple[int, int], np.dtype[np.float32]]

_FOREIGN_LEVELS = 8.0
_FADE_S = 0.5


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip's frames, the view without what moves, and where something foreign is (0 … 1 for each pixel)."""

    name: str
    frames: Sequence[Gray]
    empty: Gray
    foreign: Sequence[Field]
    fps: float


@dataclass(frozen=True, slots=True)
class Passing:
    """Somebody passes within a part of the picture (rows, columns): frames of the scene from … to, of the clip from."""

    start: int
    stop: int
    first: int
    part: tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens in how many frames."""

    clip: Clip
    count: int
    passings: tuple[Passing, ...]

    def frames(self) -> Iterator[Gray]:
        """Its frames, without weather and noise."""
        clip, passings = self.clip, [*self.passings]
        for number in range(self.count):
            frame = clip.empty
            if passings and number >= passings[0].stop:
                passings.pop(0)
            if passings and number >= passings[0].start:
                passing = passings[0]
                fade = min(number - passing.start, passing.stop - 1 - number) / (_FADE_S * clip.fps)
                index, part = passing.first + number - passing.start, passing.part
                shown = np.minimum(clip.foreign[index][part], max(0.0, min(1.0, fade)))
                frame = frame.copy()
                frame[part] = (frame[part] * (1 - shown) + clip.frames[index][part] * shown).astype(np.uint8)
            yield frame


def clip_of(name: str, frames: Sequence[Gray], fps: float) -> Clip:
    """A clip of a camera that stands still."""
    behind = np.median(np.stack(frames[:: max(1, len(frames) // 100)]), axis=0).astype(np.uint8)
    foreign = []
    for frame in frames:
        differs = _blurred(np.abs(frame.astype(np.float32) - behind), 2) > _FOREIGN_LEVELS
        foreign.append(np.clip(4 * _blurred(differs.astype(np.float32), 5), 0, 1))
    return Clip(name, frames, behind, foreign, fps)


def scene(clip: Clip, seconds: float, quiet_s: float, seed: int) -> Scene:
    """Somebody passes for 2 to 12 s, about every `quiet_s`, in a ninth to a quarter of the picture."""
    rng = np.random.default_rng(seed)
    count = round(seconds * clip.fps)
    passings: list[Passing] = []
    at = round(20 * clip.fps)
    for _ in range(10_000):
        at += round(quiet_s * (0.6 + 0.8 * rng.random()) * clip.fps)
        length = min(round((2 + 10 * rng.random() ** 2) * clip.fps), len(clip.frames) - 1)
        if at + length >= count:
            break
        passing = _passing(clip, at, length, rng)
        if passing is not None:
            passings.append(passing)
            at += length
    return Scene(clip, count, tuple(passings))


def _passing(clip: Clip, start: int, length: int, rng: np.random.Generator) -> Passing | None:
    """A part of the picture in which somebody is all the time, and no crowd; None if none was found."""
    height, width = clip.frames[0].shape
    for _ in range(200):
        high, wide = height * int(rng.integers(2, 4)) // 6, width * int(rng.integers(2, 4)) // 6
        top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
        first = int(rng.integers(0, len(clip.frames) - length))
        part = slice(top, top + high), slice(left, left + wide)
        shares = [float(clip.foreign[index][part].mean()) for index in range(first, first + length, 5)]
        if min(shares) > 0.01 and max(shares) < 0.35:
            return Passing(start, start + length, first, part)
    return None


@dataclass(frozen=True, slots=True)
class Weather:
    """Light and noise as a camera's picture has them. `noise` in levels (standard deviation); `gain` of the light."""

    name: str
    noise: float
    gain: float = 1.0
    rain: int = 0
    wind: float = 0.0
    clouds: float = 0.0
    seed: int = field(default=5)

    def over(self, frames: Iterator[Gray], fps: float) -> Iterator[Gray]:
        """Frames under it. Noise is what a camera's noise reduction leaves: half of it stays from frame to frame."""
        rng = np.random.default_rng(self.seed)
        pool: list[Field] = []
        kept: Field | None = None
        for number, frame in enumerate(frames):
            at_s, picture = number / fps, frame.astype(np.float32)
            if not pool:
                pool = [rng.standard_normal((frame.shape[0] + 64, frame.shape[1] + 64), np.float32) for _ in range(12)]
            if self.wind:
                self._blow(picture, at_s)
            if self.rain:
                self._pour(picture, at_s, rng)
            picture *= self.gain * (1 + self.clouds * (np.sin(at_s / 9) + 0.3 * np.sin(at_s / 2.3)))
            top, left = (int(place) for place in rng.integers(0, 64, 2))
            fresh = pool[int(rng.integers(len(pool)))][top : top + frame.shape[0], left : left + frame.shape[1]]
            kept = fresh if kept is None else 0.5 * kept + 0.866 * fresh
            yield np.clip(picture + self.noise * kept, 0, 255).astype(np.uint8)

    def _blow(self, picture: Field, at_s: float) -> None:
        """Gusts shake the upper third, as trees."""
        strength = self.wind * max(0.0, float(np.sin(at_s / 23))) * float(1 + np.sin(at_s * 5.1))
        trees = picture[: picture.shape[0] // 3]
        trees[:] = np.roll(trees, round(strength * float(np.sin(at_s * 7))), axis=1)

    def _pour(self, picture: Field, at_s: float, rng: np.random.Generator) -> None:
        """Streaks, in showers."""
        height, width = picture.shape
        count = int(self.rain * (1 + float(np.sin(at_s / 40))))
        for left, top, length in zip(
            rng.integers(0, width, count), rng.integers(0, height - 40, count), rng.integers(8, 40, count), strict=True
        ):
            picture[top : top + length, left] += 35


DAY = Weather("day", 1.2)
CLOUDS = Weather("clouds", 1.2, clouds=0.03)
NIGHT = Weather("night", 2.0, gain=0.5)
NOISY_NIGHT = Weather("noisy night", 4.0, gain=0.4)
RAIN = Weather("rain", 2.0, rain=40)
WIND = Weather("wind", 1.2, wind=2.5)
WEATHERS: tuple[Weather, ...] = (DAY, CLOUDS, NIGHT, NOISY_NIGHT, RAIN, WIND)


def _blurred(picture: Field, radius: int) -> Field:
    """Means over squares of (2 radius + 1) pixels."""
    size = 2 * radius + 1
    sums = np.cumsum(np.pad(picture, ((radius + 1, radius), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
    rows = (sums[size:] - sums[:-size]) / size
    sums = np.cumsum(np.pad(rows, ((0, 0), (radius + 1, radius)), mode="edge"), axis=1)
    return ((sums[:, size:] - sums[:, :-size]) / size).astype(np.float32)
