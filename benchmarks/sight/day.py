"""Twenty-four hours made of a real clip by code: sun, clouds, fog, dusk, lamps or infrared light, snow, headlights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from safe_community_recorder.vision.gray import Gray

from .degrade import foggy, swept
from .optics import Levels, blurred, encoded, gray, infrared, levels, linear, sensed, spot
from .optics import field as smooth
from .weather import Rain, Snow

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

# Hours of the day: what is looked at densely, because it changes.
_DENSE_H = ((6.0, 8.5), (15.0, 15.5), (17.0, 19.0), (21.0, 21.4))
_DENSE_S, _SPARSE_S = 4.0, 12.0
_LAMP_ON_H, _LAMP_OFF_H = 17.9, 6.6
_DARK_BELOW = 0.012


@dataclass(frozen=True, slots=True)
class Moment:
    """A keyframe: when (seconds after noon), its gray picture, its colour in levels from neutral."""

    at_s: float
    gray: Gray
    colour: float


@dataclass(slots=True)
class Day:
    """A camera's day, from noon to noon; with infrared light of its own, or by a street lamp.

    `frames` are of a real clip, in which people may walk. `look` is the same for the same instant.
    """

    frames: Sequence[Gray]
    per_s: float
    has_infrared: bool
    seed: int = 0
    _clouds: np.ndarray = field(init=False)
    _trees: Levels = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([24, self.seed])
        self._clouds = rng.random(400)
        height, width = self.frames[0].shape
        wide = smooth((height, 3 * width), 40, rng)
        self._trees = (1 / (1 + np.exp(-(wide - np.float32(0.55)) * 30))).astype(np.float32)

    def beats(self, from_s: float = 0.0, to_s: float = DAY_S) -> Iterator[float]:
        """The instants of keyframes: denser where the light changes."""
        at_s = from_s
        while at_s < to_s:
            yield at_s
            hour = _hour(at_s)
            at_s += _DENSE_S if any(low <= hour < high for low, high in _DENSE_H) else _SPARSE_S

    def look(self, at_s: float, before_the_lens: Callable[[Levels], Levels] | None = None) -> Moment:
        """The keyframe of an instant. `before_the_lens` changes the light (0 … 1) that comes in."""
        rng = np.random.default_rng([self.seed, round(at_s * 10)])
        frame = self.frames[int(at_s * self.per_s) % len(self.frames)]
        hour = _hour(at_s)
        by_infrared = self.has_infrared and _daylight(hour) < _DARK_BELOW
        light, electrons = self._by_infrared(frame, hour) if by_infrared else self._by_light(frame, hour, at_s, rng)
        if self._is_lorry(at_s):
            light = _with_lorry(light, rng)
        if before_the_lens is not None:
            light = before_the_lens(light)
        picture = encoded(sensed(light, electrons, 2.5, rng))
        picture = self._weather(picture, hour, rng)
        colour = 0.3 if by_infrared else 3.0 + 6.0 * min(1.0, _daylight(hour) * 4) + float(rng.normal(0, 0.2))
        return Moment(at_s, gray(picture), colour)

    def _by_light(self, frame: Gray, hour: float, at_s: float, rng: np.random.Generator) -> tuple[Levels, float]:
        light = linear(levels(frame))
        daylight = _daylight(hour)
        sun = self._sun(at_s) if daylight > 0.3 else 0.0
        if sun:
            width = frame.shape[1]
            left = int(2 * width * np.clip((hour - 7) / 11, 0, 1))
            light = light * (1 - np.float32(0.55 * sun) * self._trees[:, left : left + width])
        total = np.full(frame.shape, daylight, dtype=np.float32)
        if _is_lamp_on(hour):
            total += 0.08 * spot(frame.shape, (0.35, 0.6), 0.3) + np.float32(0.006)
        if (hour > 18.5 or hour < 6) and rng.random() < 0.06:
            light = linear(swept(encoded(light), rng.uniform(0, 1)))
        light = light * total
        gain = float(np.clip(0.2 / max(1e-4, float(light.mean())), 0.5, 14))
        electrons = 2500 / gain
        step = 1 + 0.25 * (rng.random() < 0.02)
        return (light * np.float32(gain * step)).astype(np.float32), electrons

    def _by_infrared(self, frame: Gray, hour: float) -> tuple[Levels, float]:
        since_s = min(abs(hour - switch) for switch in _switch_hours()) * HOUR_S
        light = infrared(levels(frame))
        return blurred(light, 0.8 + 1.2 * float(np.exp(-since_s / 60))), 700.0

    def _weather(self, picture: Levels, hour: float, rng: np.random.Generator) -> Levels:
        if 6.8 < hour < 8.6:
            picture = foggy(picture, 1 - 0.75 * float(np.sin(np.pi * (hour - 6.8) / 1.8)))
        if 15.0 < hour < 15.4 or 21.0 < hour < 21.4:
            picture = Snow(rng, flakes=400, near=8).fall(picture, 0.0)
        if 11.0 < hour < 11.6:
            picture = Rain(rng).fall(picture)
        return picture

    def _sun(self, at_s: float) -> float:
        """How much the sun shines: it goes and comes within seconds, every few minutes."""
        number, share = divmod(at_s / 240, 1)
        now, then = (float(self._clouds[(int(number) + step) % 400] > 0.5) for step in (0, 1))
        return now if share < 0.97 else now + (then - now) * (share - 0.97) / 0.03

    def _is_lorry(self, at_s: float) -> bool:
        """A lorry waits before the camera for ten seconds, once in three hours."""
        return at_s % (3 * HOUR_S) - 1.4 * HOUR_S < 10 and at_s % (3 * HOUR_S) >= 1.4 * HOUR_S


def _hour(at_s: float) -> float:
    return (12 + at_s / HOUR_S) % 24


def _daylight(hour: float) -> float:
    """Light of the sky, 1 at noon; it falls by a thousand within an hour of dusk."""
    from_edge_h = min(hour - 6.5, 18.5 - hour)
    return float(10 ** np.clip(-3.5 + 3.0 * from_edge_h / 1.0, -3.5, 0)) if from_edge_h < 2 else 1.0


def _switch_hours() -> tuple[float, float]:
    edge_h = (3.5 + float(np.log10(_DARK_BELOW))) / 3.0
    return 6.5 + edge_h, 18.5 - edge_h


def _is_lamp_on(hour: float) -> bool:
    return hour > _LAMP_ON_H or hour < _LAMP_OFF_H


def _with_lorry(light: Levels, rng: np.random.Generator) -> Levels:
    height, width = light.shape
    covered = light.copy()
    side = smooth((height, width), 12, rng) * np.float32(0.2 * float(light.mean())) + light.mean()
    side[::14] *= 0.5
    covered[height // 8 :, width // 10 : width * 9 // 10] = side[height // 8 :, width // 10 : width * 9 // 10]
    return covered
