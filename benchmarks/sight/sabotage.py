"""What people do to cameras, made by code: to the light that comes in (0 … 1), or to pictures behind the camera."""

from collections.abc import Callable, Mapping

import numpy as np

from safe_community_recorder.vision.gray import Gray
from safe_community_recorder.vision.tampering import Tampering

from .optics import Levels, blurred, field, spot, warped

type BeforeLens = Callable[[Levels], Levels]
type InLine = Callable[[Gray], Gray]


def _rng() -> np.random.Generator:
    return np.random.default_rng(66)


def hand(light: Levels) -> Levels:
    """A hand over the lens: dark, with a little light between the fingers."""
    return np.asarray(
        (0.03 + 0.08 * field(light.shape, light.shape[1] // 4, _rng()) ** 2) * _lit(light), dtype=np.float32
    )


def bag(light: Levels) -> Levels:
    """A bag over the camera: its folds, out of focus."""
    folds = blurred(field(light.shape, light.shape[1] // 10, _rng()), 5)
    return np.asarray((0.1 + 0.35 * folds) * _lit(light), dtype=np.float32)


def cloth(light: Levels) -> Levels:
    """A light cloth before seven tenths of the view, its edge out of focus."""
    edge = 1 / (1 + np.exp(-(0.7 - np.linspace(0, 1, light.shape[1], dtype=np.float32)) * 40))
    folds = 0.35 + 0.2 * field(light.shape, light.shape[1] // 8, _rng())
    return np.asarray(light * (1 - edge) + folds * _lit(light) * edge, dtype=np.float32)


def paint(light: Levels) -> Levels:
    """Paint sprayed over the pane: opaque in most places, its drops out of focus."""
    opaque = np.clip((blurred(field(light.shape, 24, _rng()), 4) - 0.2) * 5, 0, 1)
    return np.asarray(light * (1 - opaque) + np.float32(0.15) * _lit(light) * opaque, dtype=np.float32)


def tape(light: Levels) -> Levels:
    """White tape on the pane: nothing but what shines through."""
    return np.asarray((0.3 + 0.3 * (blurred(light, 30) - light.mean())) * _lit(light), dtype=np.float32)


def _lit(light: Levels) -> np.float32:
    """How bright what is held before the lens is, beside the scene."""
    return np.float32(min(1.5, float(light.mean()) / 0.2))


def _focus(share: float) -> BeforeLens:
    return lambda light: blurred(light, share * light.shape[1])


def _turned(down: float, right: float) -> BeforeLens:
    def turned(light: Levels) -> Levels:
        height, width = light.shape
        beyond = np.pad(light, ((height, height), (width, width)), mode="reflect")
        top, left = height + round(down * height), width + round(right * width)
        return beyond[top : top + height, left : left + width]

    return turned


def _tilted(degrees: float, zoom: float = 1.0) -> BeforeLens:
    def tilted(light: Levels) -> Levels:
        height, width = light.shape
        y = np.arange(height, dtype=np.float32)[:, np.newaxis] - height / 2
        x = np.arange(width, dtype=np.float32)[np.newaxis, :] - width / 2
        cosine, sine = np.cos(np.radians(degrees)) / zoom, np.sin(np.radians(degrees)) / zoom
        return warped(light, cosine * y - sine * x - y, sine * y + cosine * x - x)

    return tilted


def upside(light: Levels) -> Levels:
    """Turned away altogether: another scene (the same, mirrored and upside down)."""
    return light[::-1, ::-1].copy()


def cap(light: Levels) -> Levels:
    """A cap on the lens."""
    return light * np.float32(0.0004)


def torch(light: Levels) -> Levels:
    """A torch into the lens: a white glow; the camera dims the rest."""
    return np.asarray(light * 0.3 + 2.5 * spot(light.shape, (0.5, 0.45), 0.22) + 0.12, dtype=np.float32)


def floodlight(light: Levels) -> Levels:
    """A floodlight into the lens: nearly all of it white."""
    return np.asarray(light * 0.5 + 1.5 * spot(light.shape, (0.4, 0.6), 0.5) + 0.3, dtype=np.float32)


BEFORE_THE_LENS: Mapping[Tampering, tuple[BeforeLens, ...]] = {
    Tampering.COVERED: (hand, bag, cloth, paint, tape),
    Tampering.DEFOCUSED: (_focus(0.006), _focus(0.008), _focus(0.012), _focus(0.02), _focus(0.03)),
    Tampering.MOVED: (
        _turned(0.0, 0.1),
        _turned(0.12, -0.05),
        _turned(0.3, 0.5),
        _tilted(12),
        upside,
        _tilted(0, 1.35),
    ),
    Tampering.DARK: (cap,),
    Tampering.BLINDED: (torch, floodlight),
}


def blue(picture: Gray) -> Gray:
    """The blue screen of a recorder whose camera is gone."""
    return np.full_like(picture, 29)


def bars(picture: Gray) -> Gray:
    """Colour bars."""
    shades = np.array([180, 162, 131, 112, 84, 65, 35], dtype=np.uint8)
    columns = shades[np.arange(picture.shape[1]) * 7 // picture.shape[1]]
    return np.repeat(columns[np.newaxis], picture.shape[0], axis=0)


IN_THE_LINE: Mapping[Tampering, tuple[InLine, ...]] = {Tampering.NO_SIGNAL: (blue, bars)}
