"""Worse versions of real footage, made by code: night, weather, light, lens and line. Deterministic.

Each takes gray frames at so many a second and gives as many back (`slow`: one a second). They are models, not
footage: what was measured on them is labelled so.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np

from safe_community_recorder.vision.gray import Gray

from .optics import Levels, blurred, encoded, field, gray, infrared, levels, linear, sensed, spot, textured, warped
from .weather import Rain, Snow

type Degradation = Callable[[Iterator[Gray], float], Iterator[Gray]]

_SEED = 6


def night(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """A street at night in what light there is: little, so the gain is high; the camera smooths over time."""
    rng, smoothed = _rng(1), None
    for frame in frames:
        light = sensed(linear(levels(frame)) * np.float32(0.5), 120, 2.0, rng)
        smoothed = light if smoothed is None else _toward(smoothed, light, 0.6)
        yield gray(encoded(smoothed * np.float32(0.22)))


def infrared_noise(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """By the camera's own infrared light, with the noise of a small sensor."""
    rng = _rng(2)
    pattern = None
    for frame in frames:
        if pattern is None:
            pattern = rng.standard_normal(frame.shape, dtype=np.float32) * np.float32(1.2)
        yield gray(encoded(sensed(infrared(levels(frame)), 600, 3.0, rng)) + pattern)


def rain(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Heavy rain: streaks that stand in no two pictures."""
    drops = Rain(_rng(3))
    for frame in frames:
        yield gray(drops.fall(levels(frame)))


def snow(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Snow by night in the infrared lamp: small flakes far off, large bright ones near."""
    rng = _rng(4)
    flakes = Snow(rng)
    for frame in frames:
        lit = encoded(sensed(infrared(levels(frame)), 900, 3.0, rng))
        yield gray(flakes.fall(lit, 1 / per_s))


def fog(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Fog that drifts: what is far (above) is fainter; a fifth to a half of the contrast is left."""
    for number, frame in enumerate(frames):
        yield gray(foggy(levels(frame), 0.35 + 0.15 * float(np.sin(number / per_s / 30))))


def compression(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """H.264 at a low bit rate (quantiser 40, a keyframe every two seconds), decoded again."""
    first = next(frames, None)
    if first is None:
        return
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = first.shape
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 90_000)
    encoder.gop_size = max(1, round(2 * per_s))
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "qp": "40"}
    encoder.thread_count = 1
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    for number, frame in enumerate(_and_first(first, frames)):
        picture = av.VideoFrame.from_ndarray(_planar(frame), format="yuv420p")
        picture.pts, picture.time_base = round(number * 90_000 / per_s), encoder.time_base
        for packet in encoder.encode(picture):
            yield from (_luma(decoded) for decoded in decoder.decode(av.Packet(bytes(packet))))
    yield from (_luma(decoded) for decoded in decoder.decode(None))


def slow(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """One frame a second."""
    second = -1
    for number, frame in enumerate(frames):
        if int(number / per_s) > second:
            second = int(number / per_s)
            yield frame


def shake(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """A pole in the wind: it swings by a fraction of a pixel, in gusts by up to three."""
    rng = _rng(7)
    phase = rng.uniform(0, 6, 4)
    for number, frame in enumerate(frames):
        at_s = number / per_s
        gust = 0.4 + 1.3 * max(0.0, float(np.sin(at_s / 4 + phase[0]))) ** 3
        across = gust * np.sin(6.28 * 1.7 * at_s + phase[1]) + 0.6 * gust * np.sin(6.28 * 4.1 * at_s + phase[2])
        yield gray(warped(levels(frame), 0.5 * gust * np.sin(6.28 * 2.3 * at_s + phase[3]), across))


def exposure(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Automatic exposure: steps every eight seconds, after each of which it hunts for a second or two."""
    rng, gain, before, changed_s = _rng(8), 1.0, 1.0, 0.0
    for number, frame in enumerate(frames):
        at_s = number / per_s
        if at_s - changed_s >= 8:
            before, gain, changed_s = gain, float(rng.choice([0.5, 0.7, 1.0, 1.4])), at_s
        since_s = at_s - changed_s
        swing = np.exp(-since_s / 0.7) * np.cos(6.28 * since_s)
        yield gray(encoded(linear(levels(frame)) * np.float32(gain + (before - gain) * swing)))


def headlights(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """At night a car turns by every twelve seconds: its cone sweeps over the ground, then its glare meets the lens."""
    for number, frame in enumerate(night(frames, per_s)):
        yield gray(swept(levels(frame), (number / per_s) % 12 / 3))


def clouds(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Shadows of clouds that pass over parts of the picture, and a sun that goes and comes within two seconds."""
    rng = _rng(10)
    shade = None
    for number, frame in enumerate(frames):
        height, width = frame.shape
        if shade is None:
            shade = np.clip(field((height, 4 * width), width // 4, rng) * 3 - 1, 0, 1)
            shade = np.concatenate([shade, shade[:, ::-1]], axis=1)
        at_s = number / per_s
        passed = np.roll(shade, -int(at_s * width / 12), axis=1)[:, :width]
        sun = 0.85 + 0.15 * np.tanh(3 * np.sin(at_s / 7))
        yield gray(encoded(linear(levels(frame)) * (1 - np.float32(0.55) * passed) * np.float32(sun)))


def wind(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """What is finely structured (leaves, grass) sways by up to three pixels; the rest stands."""
    rng = _rng(11)
    swaying = sway = None
    for number, frame in enumerate(frames):
        if swaying is None or sway is None:
            swaying = textured(levels(frame))
            sway = [field(frame.shape, 14, rng) * 6.28 for _ in range(2)]
        at_s = number / per_s
        gust = 1.5 + 1.5 * np.sin(at_s / 3)
        across = gust * swaying * np.sin(sway[0] + 6.28 * 0.8 * at_s)
        yield gray(warped(levels(frame), 0.4 * gust * swaying * np.sin(sway[1] + 6.28 * 1.1 * at_s), across))


def lightning(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """A thunderstorm at night: flashes of a tenth to half a second, several in a row."""
    rng = _rng(12)
    until_s = flash = -1.0
    for number, frame in enumerate(night(frames, per_s)):
        at_s = number / per_s
        if at_s > until_s and rng.random() < 0.15 / per_s + (0.3 if until_s > at_s - 0.4 else 0):
            until_s, flash = at_s + rng.uniform(0.1, 0.5), float(rng.uniform(2.5, 12))
        lit = linear(levels(frame)) * np.float32(flash if at_s <= until_s else 1.0)
        yield gray(encoded(lit))


def infrared_switch(frames: Iterator[Gray], per_s: float) -> Iterator[Gray]:
    """Every forty seconds the infrared filter goes or comes.

    The exposure is wrong for a second; then another look, a little out of focus at first.
    """
    rng = _rng(13)
    for number, frame in enumerate(frames):
        at_s = number / per_s
        turn, since_s = divmod(at_s, 40)
        light = infrared(levels(frame)) if turn % 2 else linear(levels(frame))
        if turn and since_s < 1.5:
            light = light * np.float32(1 + (2.0 if turn % 2 else 5.0) * (1 - since_s / 1.5))
        seen = encoded(sensed(light, 900, 3.0, rng) if turn % 2 else light)
        yield gray(blurred(seen, 0.9 + 1.0 * np.exp(-since_s / 3)) if turn % 2 else seen)


KINDS: Mapping[str, Degradation] = {
    "night": night,
    "infrared noise": infrared_noise,
    "rain": rain,
    "snow": snow,
    "fog": fog,
    "compression": compression,
    "slow": slow,
    "shake": shake,
    "exposure": exposure,
    "headlights": headlights,
    "clouds": clouds,
    "wind": wind,
    "lightning": lightning,
    "infrared switch": infrared_switch,
}


def frames_per_s(kind: str, per_s: float) -> float:
    """How many frames a second a degraded clip has."""
    return min(1.0, per_s) if kind == "slow" else per_s


def foggy(picture: Levels, clear: float) -> Levels:
    """A picture in fog: so much (0 … 1) of its contrast is left at its bottom, half as much at its top."""
    height = picture.shape[0]
    left = clear * np.linspace(0.5, 1.0, height, dtype=np.float32)[:, np.newaxis]
    return np.asarray(picture * left + 165 * (1 - left), dtype=np.float32)


def swept(picture: Levels, passed: float) -> Levels:
    """A picture with a car's headlights that have passed so much (0 … 1) of it; beyond 1 the car is gone."""
    if passed >= 1:
        return picture
    light = linear(picture)
    cone = spot(picture.shape, (0.75, 1.2 * passed - 0.1), 0.16, squeeze=1.8)
    glare = spot(picture.shape, (0.55, 0.5), 0.25) * np.float32(0.9 * max(0.0, 1 - abs(passed - 0.55) / 0.12))
    dimmed = light * np.float32(1 - 0.4 * max(0.0, 1 - abs(passed - 0.55) / 0.3))
    return encoded(dimmed * (1 + 9 * cone) + np.float32(0.02) * cone + glare)


def _rng(number: int) -> np.random.Generator:
    return np.random.default_rng([_SEED, number])


def _toward(old: Levels, new: Levels, share: float) -> Levels:
    return np.asarray(old + (new - old) * np.float32(share), dtype=np.float32)


def _and_first(first: Gray, others: Iterator[Gray]) -> Iterator[Gray]:
    yield first
    yield from others


def _planar(frame: Gray) -> Gray:
    height, width = frame.shape
    return np.concatenate([frame, np.full((height // 2, width), 128, dtype=np.uint8)])


def _luma(frame: av.VideoFrame) -> Gray:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return cast("Gray", rows[: frame.height, : frame.width].copy())
