"""What the simulated cameras see: quiet village scenes, and people and cars that cross them; pure numpy.

Pictures are drawn once in RGB at 1280 × 720 and kept as planar YUV 4:2:0 (I420). It knows nothing of streams or time.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH, HEIGHT = 1280, 720
Color = tuple[int, int, int]
Point = tuple[float, float]

_WALLS: tuple[Color, ...] = ((214, 190, 130), (170, 92, 70), (214, 212, 200), (150, 170, 150), (120, 140, 165))
_ROOFS: tuple[Color, ...] = ((120, 60, 48), (88, 88, 92), (70, 84, 70))


@dataclass(frozen=True, slots=True)
class Planes:
    """One picture: three planes that look into one I420 buffer."""

    buffer: Any
    width: int
    height: int

    @property
    def y(self) -> Any:
        """Luma: uint8[height, width]."""
        return self.buffer[: self.width * self.height].reshape(self.height, self.width)

    @property
    def chroma(self) -> Any:
        """U and V: uint8[2, height / 2, width / 2]."""
        return self.buffer[self.width * self.height :].reshape(2, self.height // 2, self.width // 2)

    def rows(self, first: int, last: int) -> bytes:
        """These rows as an I420 picture of their own."""
        return bytes(self.y[first:last].tobytes() + self.chroma[:, first // 2 : last // 2].tobytes())


@dataclass(frozen=True, slots=True)
class Sprite:
    """Something that moves: two pictures of it in turn, as I420, with the pixels that belong to it."""

    pictures: tuple[Planes, ...]
    masks: tuple[Any, ...]

    def paste(self, target: Planes, x: int, bottom: int, step: int) -> None:
        """Put it with its left edge at `x` (may be outside) and its feet at `bottom`."""
        picture, mask = self.pictures[step % len(self.pictures)], self.masks[step % len(self.masks)]
        x, top = x // 2 * 2, (bottom - picture.height) // 2 * 2
        left, right = max(x, 0), min(x + picture.width, target.width)
        if left >= right or top < 0 or top + picture.height > target.height:
            return
        cut = slice(left - x, right - x)
        np.copyto(target.y[top : top + picture.height, left:right], picture.y[:, cut], where=mask[:, cut])
        half = slice(cut.start // 2, cut.stop // 2)
        place = target.chroma[:, top // 2 : (top + picture.height) // 2, left // 2 : right // 2]
        np.copyto(place, picture.chroma[:, :, half], where=mask[::2, ::2][:, half])


# --- drawing ----------------------------------------------------------------------------------------------------------
class _Canvas:
    """An RGB picture that is drawn on in fractions of its width and height."""

    def __init__(self, width: int, height: int) -> None:
        self.rgb = np.zeros((height, width, 3), np.float32)
        self.width, self.height = width, height

    def rectangle(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        x, y = self.width, self.height
        self.rgb[round(top * y) : round(bottom * y), round(left * x) : round(right * x)] = color

    def polygon(self, points: list[Point], color: Color) -> None:
        corners = [(x * self.width, y * self.height) for x, y in points]
        left, right = (int(f(x for x, _ in corners)) for f in (min, max))
        top, bottom = (int(f(y for _, y in corners)) for f in (min, max))
        rows, columns = np.ogrid[top : bottom + 1, left : right + 1]
        inside = np.zeros((bottom - top + 1, right - left + 1), bool)
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y0 != y1:
                inside ^= ((rows < y0) != (rows < y1)) & (columns < x0 + (x1 - x0) * (rows - y0) / (y1 - y0))
        place = self.rgb[top : bottom + 1, left : right + 1]
        place[inside[: place.shape[0], : place.shape[1]]] = color

    def ellipse(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        left, right = (round((x + side * width / 2) * self.width) for side in (-1, 1))
        top, bottom = (round((y + side * height / 2) * self.height) for side in (-1, 1))
        rows, columns = np.ogrid[max(top, 0) : min(bottom, self.height), max(left, 0) : min(right, self.width)]
        across, down = (columns / self.width - x) / (width / 2), (rows / self.height - y) / (height / 2)
        self.rgb[max(top, 0) : bottom, max(left, 0) : right][across**2 + down**2 <= 1] = color

    def grain(self, rng: np.random.Generator, top: float, bottom: float, strength: float, size: int) -> None:
        """Roughen a band with noise of `size` pixels, as grass and gravel are."""
        first, last = round(top * self.height), round(bottom * self.height)
        noise = rng.standard_normal(((last - first) // size + 1, self.width // size + 1), np.float32) * strength
        full = noise.repeat(size, axis=0).repeat(size, axis=1)[: last - first, : self.width]
        self.rgb[first:last] += full[:, :, None]


def to_planes(rgb: Any) -> Planes:
    """I420 in BT.709's limited range."""
    height, width, _ = rgb.shape
    red, green, blue = np.moveaxis(np.clip(rgb, 0, 255).astype(np.float32), 2, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    small = [plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for plane in (luma, red, blue)]
    u, v = (small[2] - small[0]) / 1.8556, (small[1] - small[0]) / 1.5748
    planes = (16 + luma * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255)
    return Planes(np.concatenate([plane.round().astype(np.uint8).ravel() for plane in planes]), width, height)


def shrink(rgb: Any, factor: int) -> Any:
    """The picture at a fraction of its size."""
    height, width, _ = rgb.shape
    return rgb.reshape(height // factor, factor, width // factor, factor, 3).mean(axis=(1, 3))


# --- places -----------------------------------------------------------------------------------------------------------
def sky() -> Any:
    """The same in all scenes; nothing else is drawn into its upper 18 %."""
    fraction = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    row = np.array((138, 168, 200), np.float32) + fraction * np.array((120, 90, 60), np.float32)
    return row.repeat(WIDTH, axis=1)


def background(scene: str, seed: str) -> Any:
    """The empty scene as RGB, float32[720, 1280, 3]; every seed looks a little different."""
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    canvas = _Canvas(WIDTH, HEIGHT)
    canvas.rgb[:] = sky()
    for x in _every(0.06, -0.05, 1.1):
        green = int(rng.integers(58, 84))
        size = rng.uniform(0.1, 0.2)
        canvas.ellipse(x + rng.uniform(-0.03, 0.03), 0.42 - size / 4, size * 0.7, size, (38, green, 40))
    canvas.grain(rng, 0.34, 0.42, 8, 5)
    canvas.rectangle(0, 0.42, 1, 1, (96, 122, 66))
    _SCENES[scene](canvas, rng)
    canvas.rectangle(0, 0.7, 1, 0.86, (112, 112, 114))
    for x in _every(0.12, 0.02, 1):
        canvas.rectangle(x, 0.777, x + 0.05, 0.783, (214, 214, 206))
    canvas.grain(rng, 0.42, 0.7, 4, 3)
    canvas.grain(rng, 0.7, 0.86, 3, 2)
    canvas.grain(rng, 0.86, 1, 8, 4)
    return np.clip(canvas.rgb, 0, 255)


def _every(step: float, first: float, last: float) -> list[float]:
    return [first + number * step for number in range(int((last - first) / step) + 1)]


def _pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    return colors[int(rng.integers(len(colors)))]


def _stop(canvas: _Canvas, rng: np.random.Generator) -> None:
    left = rng.uniform(0.3, 0.5)
    canvas.rectangle(left - 0.02, 0.66, left + 0.34, 0.7, (158, 158, 154))
    canvas.rectangle(left, 0.4, left + 0.28, 0.66, (150, 172, 184))
    for x in (0, 0.09, 0.18, 0.27):
        canvas.rectangle(left + x, 0.38, left + x + 0.012, 0.67, (70, 74, 80))
    canvas.rectangle(left - 0.02, 0.355, left + 0.31, 0.385, _pick(rng, _ROOFS))
    canvas.rectangle(left + 0.04, 0.57, left + 0.22, 0.595, (122, 84, 52))
    canvas.rectangle(left - 0.1, 0.36, left - 0.094, 0.7, (86, 88, 92))
    canvas.rectangle(left - 0.125, 0.3, left - 0.07, 0.38, (30, 84, 170))


def _containers(canvas: _Canvas, rng: np.random.Generator) -> None:
    left = rng.uniform(0.18, 0.32)
    canvas.rectangle(left - 0.06, 0.6, left + 0.56, 0.7, (148, 144, 138))
    canvas.rectangle(left - 0.06, 0.36, left + 0.56, 0.46, (128, 100, 72))
    for number, color in enumerate(((46, 120, 62), (226, 186, 40), (40, 92, 166), (92, 94, 98))):
        x = left + number * 0.13
        canvas.polygon([(x, 0.45), (x + 0.105, 0.45), (x + 0.095, 0.65), (x + 0.01, 0.65)], color)
        canvas.rectangle(x - 0.004, 0.43, x + 0.109, 0.46, (60, 62, 64))


def _building(canvas: _Canvas, rng: np.random.Generator) -> None:
    left, right = rng.uniform(0.08, 0.2), rng.uniform(0.74, 0.9)
    canvas.rectangle(left, 0.31, right, 0.64, _pick(rng, _WALLS))
    canvas.polygon(
        [(left - 0.03, 0.32), (right + 0.03, 0.32), (right - 0.06, 0.2), (left + 0.06, 0.2)], _pick(rng, _ROOFS)
    )
    windows = [left + 0.03 + number * (right - left - 0.12) / 5 for number in range(6)]
    for number, x in enumerate(windows):
        if number == 3:
            canvas.rectangle(x, 0.44, x + 0.06, 0.64, (96, 66, 44))
            continue
        canvas.rectangle(x - 0.004, 0.373, x + 0.064, 0.527, (238, 238, 232))
        canvas.rectangle(x, 0.38, x + 0.06, 0.52, (58, 74, 92))
    canvas.rectangle(windows[3] - 0.02, 0.64, windows[3] + 0.08, 0.7, (160, 156, 150))


def _cemetery(canvas: _Canvas, rng: np.random.Generator) -> None:
    for row, y in enumerate((0.48, 0.56, 0.63)):
        for x in _every(0.11, 0.06 + row * 0.03, 0.95):
            shade = int(rng.integers(70, 150))
            if rng.random() < 0.4:
                canvas.rectangle(x + 0.008, y - 0.1, x + 0.014, y, (64, 48, 36))
                canvas.rectangle(x - 0.006, y - 0.075, x + 0.028, y - 0.062, (64, 48, 36))
            else:
                canvas.rectangle(x - 0.01, y - 0.07, x + 0.032, y, (shade, shade, shade))
    canvas.rectangle(0, 0.655, 1, 0.7, (134, 126, 116))
    canvas.rectangle(0.46, 0.62, 0.54, 0.7, (58, 58, 60))


def _playground(canvas: _Canvas, rng: np.random.Generator) -> None:
    canvas.ellipse(0.5, 0.61, 0.8, 0.17, (206, 186, 140))
    x = rng.uniform(0.2, 0.3)
    canvas.polygon([(x, 0.36), (x + 0.02, 0.36), (x + 0.2, 0.63), (x + 0.17, 0.63)], (204, 60, 48))
    canvas.rectangle(x - 0.05, 0.34, x + 0.01, 0.37, (40, 92, 166))
    canvas.rectangle(x - 0.05, 0.37, x - 0.042, 0.63, (40, 92, 166))
    x = rng.uniform(0.56, 0.66)
    canvas.polygon([(x, 0.32), (x + 0.01, 0.32), (x - 0.03, 0.62), (x - 0.04, 0.62)], (226, 186, 40))
    canvas.polygon([(x + 0.2, 0.32), (x + 0.21, 0.32), (x + 0.25, 0.62), (x + 0.24, 0.62)], (226, 186, 40))
    canvas.rectangle(x, 0.315, x + 0.21, 0.33, (226, 186, 40))
    for seat in (0.05, 0.13):
        canvas.rectangle(x + seat, 0.33, x + seat + 0.003, 0.53, (70, 70, 70))
        canvas.rectangle(x + seat - 0.02, 0.53, x + seat + 0.023, 0.545, (60, 44, 34))


def _square(canvas: _Canvas, rng: np.random.Generator) -> None:
    canvas.rectangle(0, 0.52, 1, 0.7, (164, 158, 150))
    x = rng.uniform(0.35, 0.6)
    canvas.rectangle(x - 0.05, 0.5, x + 0.05, 0.58, (120, 118, 114))
    canvas.polygon([(x - 0.02, 0.5), (x + 0.02, 0.5), (x + 0.012, 0.21), (x - 0.012, 0.21)], (150, 148, 144))
    for lamp in (0.12, 0.85):
        canvas.rectangle(lamp, 0.24, lamp + 0.006, 0.66, (52, 54, 58))
        canvas.ellipse(lamp + 0.003, 0.23, 0.03, 0.05, (236, 232, 210))
    for bench in (0.2, 0.7):
        canvas.rectangle(bench, 0.6, bench + 0.1, 0.62, (112, 74, 46))
        canvas.rectangle(bench, 0.64, bench + 0.1, 0.655, (112, 74, 46))


_SCENES: dict[str, Callable[[_Canvas, np.random.Generator], None]] = {
    "stop": _stop,
    "containers": _containers,
    "building": _building,
    "cemetery": _cemetery,
    "playground": _playground,
    "square": _square,
}
SCENES = tuple(_SCENES)


# --- what moves -------------------------------------------------------------------------------------------------------
_KEY: Color = (61, 63, 65)  # what is not the sprite; gray, because chroma is shared with the pixels next to it


def _sprite(pictures: list[_Canvas], factor: int) -> Sprite:
    small = [shrink(canvas.rgb, factor) for canvas in pictures]
    masks = [(np.abs(picture - np.array(_KEY)).sum(axis=2) > 12) for picture in small]
    return Sprite(tuple(to_planes(picture) for picture in small), tuple(masks))


def person(width: int) -> Sprite:
    """Somebody walking, for a picture `width` pixels wide: a third of its height tall."""
    pictures = []
    for stride in (0.16, 0.04):
        canvas = _Canvas(96, 240)
        canvas.rgb[:] = _KEY
        for side in (-stride, stride):
            canvas.polygon([(0.42, 0.55), (0.58, 0.55), (0.56 + side * 2, 1), (0.44 + side * 2, 1)], (44, 48, 74))
        canvas.rectangle(0.3, 0.18, 0.7, 0.6, (186, 44, 40))
        canvas.ellipse(0.5, 0.1, 0.34, 0.18, (214, 170, 140))
        pictures.append(canvas)
    return _sprite(pictures, WIDTH // width)


def car(width: int) -> Sprite:
    """A car from its side, for a picture `width` pixels wide."""
    canvas = _Canvas(384, 160)
    canvas.rgb[:] = _KEY
    canvas.polygon([(0.02, 0.45), (0.98, 0.45), (0.98, 0.82), (0.02, 0.82)], (36, 62, 140))
    canvas.polygon([(0.2, 0.46), (0.32, 0.08), (0.7, 0.08), (0.84, 0.46)], (36, 62, 140))
    canvas.polygon([(0.26, 0.43), (0.35, 0.15), (0.5, 0.15), (0.5, 0.43)], (186, 206, 216))
    canvas.polygon([(0.53, 0.43), (0.53, 0.15), (0.68, 0.15), (0.77, 0.43)], (186, 206, 216))
    for x in (0.22, 0.78):
        canvas.ellipse(x, 0.82, 0.17, 0.36, (24, 24, 26))
    canvas.rectangle(0.94, 0.5, 0.98, 0.6, (250, 236, 160))
    return _sprite([canvas], WIDTH // width)
