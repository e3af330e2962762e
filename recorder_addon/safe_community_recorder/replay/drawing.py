"""Draws what was seen: pictures with boxes, the activity over time, and the page of both.

Pillow's own font has the letters of Western Europe only: times, numbers, kinds and ids are written, no names.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av
from PIL import Image, ImageDraw, ImageFont

from ..media.picture import size_for
from ..vision.gray import Blocks
from ..vision.motion import MotionSettings
from ..vision.observer import Seen
from ..vision.zones import Polygon
from .looking import Glance, Run, boxes_of

WIDTH = 1280
CURVE_HEIGHT = 150
_MARGIN = 12
_LINE = 20
_STILLS_A_ROW = 3
_GRID_LINES = (0.001, 0.01, 0.05, 0.2, 0.5)
_LEAST_TOP = 0.05
# What a look says holds until the next one, if that is not later than this.
_HELD_S = 4.0

_PAPER, _INK, _PALE = (250, 250, 248), (30, 30, 34), (205, 205, 205)
_CURVE, _MOVING, _GUARD = (26, 95, 180), (252, 233, 160), (200, 200, 200)
_BOX, _ZONE, _IGNORED = (237, 51, 59), (87, 227, 137), (145, 65, 172)
_COLOURS = {"motion": (198, 70, 0)}
_OTHER = (165, 29, 45)

type Text = Callable[[float], str]
"""An instant as people read it."""
type Bitmap = Image.Image


@dataclass(frozen=True, slots=True)
class Still:
    """A picture of the strongest moment of an observation, drawn already."""

    picture: Bitmap
    text: str


def picture_of(frame: av.VideoFrame, width: int) -> Bitmap:
    """A decoded picture at most so many pixels wide, even on both sides."""
    wide, high = size_for(frame.width, frame.height, width)
    return Image.fromarray(frame.reformat(width=wide, height=high, format="rgb24", threads=1).to_ndarray())


def mark(picture: Bitmap, foreground: Blocks, settings: MotionSettings, text: str) -> None:
    """Draws grid, zones (green), what is ignored (violet), boxes round what is foreign (red), and a text."""
    draw = ImageDraw.Draw(picture, "RGBA")
    width, height = picture.size
    rows, columns = foreground.shape
    for column in range(1, columns):
        draw.line([(width * column / columns, 0), (width * column / columns, height)], (255, 255, 255, 26))
    for row in range(1, rows):
        draw.line([(0, height * row / rows), (width, height * row / rows)], (255, 255, 255, 26))
    for area in settings.ignore:
        draw.polygon(_corners(area, width, height), (*_IGNORED, 50), (*_IGNORED, 255))
    for zone in settings.zones:
        corners = _corners(zone.area, width, height)
        draw.polygon(corners, None, (*_ZONE, 255), 2)
        _label(draw, min(corners), zone.id)
    for left, top, right, bottom in boxes_of(foreground):
        corner = (math.ceil(right * width) - 1, math.ceil(bottom * height) - 1)
        draw.rectangle([(left * width, top * height), corner], None, _BOX, 2)
    # Cameras write their own times at the top, as a rule, and their names below on the left.
    _label(draw, (width - 8 - draw.textlength(text, _font(14)), height - 22), text)


def _corners(area: Polygon, width: int, height: int) -> list[tuple[float, float]]:
    return [(x * (width - 1), y * (height - 1)) for x, y in area]


def _label(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str) -> None:
    font = _font(14)
    left, top, right, bottom = draw.textbbox(at, text, font)
    draw.rectangle([left - 3, top - 2, right + 3, bottom + 2], (0, 0, 0, 170))
    draw.text(at, text, (255, 255, 255), font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class Curve:
    """Activity over time in so many pixels: its root, so that little is seen beside much.

    Gray: the picture changed as a whole and says nothing. Yellow: something moves. Above: the observations.
    """

    def __init__(self, run: Run, from_s: float, to_s: float, width: int, height: int = CURVE_HEIGHT) -> None:
        self._from_s, self._span_s = from_s, max(to_s - from_s, 1e-3)
        self._left, self._right = 44, width - _MARGIN
        self._top, self._bottom = 22, height - 18
        self._most = max([_LEAST_TOP, *(glance.activity for glance in run.glances)])
        self._size = width, height
        self._run = run

    def x(self, at_s: float) -> float:
        """Where an instant is, from the left."""
        return self._left + (self._right - self._left) * (at_s - self._from_s) / self._span_s

    def _y(self, activity: float) -> float:
        return self._bottom - (self._bottom - self._top) * math.sqrt(activity / self._most)

    def drawn(self, text_of: Text) -> Bitmap:
        """The curve with its scales."""
        bitmap = Image.new("RGB", self._size, _PAPER)
        draw = ImageDraw.Draw(bitmap)
        self._states(draw)
        for share in _GRID_LINES:
            if share <= self._most:
                draw.line([(self._left, self._y(share)), (self._right, self._y(share))], _PALE)
                draw.text((4, self._y(share) - 7), f"{share:.1%}", _INK, _font(11))
        for left, right, activity in self._columns(self._run.glances):
            draw.rectangle([left, self._y(activity), right, self._bottom], _CURVE)
        draw.line([(self._left, self._bottom), (self._right, self._bottom)], _INK)
        for number, seen in enumerate(self._run.seen, 1):
            self._observation(draw, number, seen)
        self._times(draw, text_of)
        return bitmap

    def _columns(self, glances: Sequence[Glance]) -> list[tuple[int, int, float]]:
        """(left, right, greatest activity) of columns: from each look to the next, a pixel wide at least."""
        most: dict[int, float] = {}
        for glance in glances:
            x = round(self.x(glance.at_s))
            most[x] = max(most.get(x, 0.0), glance.activity)
        widest = max(1, math.ceil((self._right - self._left) * _HELD_S / self._span_s))
        lefts = sorted(most)
        return [
            (left, max(left, min(following - 1, left + widest, self._right)), most[left])
            for left, following in zip(lefts, [*lefts[1:], self._right + 1], strict=True)
            if most[left] > 0
        ]

    def _states(self, draw: ImageDraw.ImageDraw) -> None:
        for glance, following in zip(self._run.glances, [*self._run.glances[1:], None], strict=True):
            colour = _GUARD if glance.guarded else _MOVING if glance.moving else None
            if colour is not None:
                end_s = glance.at_s if following is None else min(following.at_s, glance.at_s + _HELD_S)
                right = max(self.x(glance.at_s), self.x(end_s) - 1)
                draw.rectangle([self.x(glance.at_s), self._top, right, self._bottom], colour)

    def _observation(self, draw: ImageDraw.ImageDraw, number: int, seen: Seen) -> None:
        colour = _COLOURS.get(seen.kind, _OTHER)
        left, right = self.x(seen.start_s), max(self.x(seen.end_s), self.x(seen.start_s) + 2)
        draw.rectangle([left, self._top - 5, right, self._top - 1], colour)
        draw.text((left, self._top - 18), str(number), colour, _font(11))

    def _times(self, draw: ImageDraw.ImageDraw, text_of: Text) -> None:
        marks = max(2, (self._right - self._left) // 200)
        for number in range(marks + 1):
            at_s = self._from_s + self._span_s * number / marks
            text = text_of(at_s)
            wide = draw.textlength(text, _font(11))
            x = min(max(self._left, self.x(at_s) - wide / 2), self._right - wide)
            draw.line([(self.x(at_s), self._bottom), (self.x(at_s), self._bottom + 3)], _INK)
            draw.text((x, self._bottom + 3), text, _INK, _font(11))


def page(title: str, panels: Sequence[tuple[str, Bitmap]], stills: Sequence[Still], left_out: int) -> Bitmap:
    """Curves with a line above each, and below them the stills, three in a row."""
    width = (WIDTH - _MARGIN * (_STILLS_A_ROW + 1)) // _STILLS_A_ROW
    rows = [stills[at : at + _STILLS_A_ROW] for at in range(0, len(stills), _STILLS_A_ROW)]
    heights = [max(still.picture.height for still in row) + _LINE + _MARGIN for row in rows]
    height = (
        _MARGIN * 2 + _LINE + sum(bitmap.height + _LINE for _, bitmap in panels) + sum(heights) + _LINE * (left_out > 0)
    )
    bitmap = Image.new("RGB", (WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(bitmap)
    draw.text((_MARGIN, _MARGIN), title, _INK, _font(16))
    y = _MARGIN + _LINE
    for text, panel in panels:
        draw.text((_MARGIN, y + 4), text, _INK, _font(14))
        bitmap.paste(panel, (0, y + _LINE))
        y += panel.height + _LINE
    y += _MARGIN
    for row, high in zip(rows, heights, strict=True):
        for number, still in enumerate(row):
            x = _MARGIN + number * (width + _MARGIN)
            draw.text((x, y), still.text, _INK, _font(13))
            bitmap.paste(still.picture, (x, y + _LINE))
        y += high
    if left_out:
        draw.text((_MARGIN, y), f"and {left_out} weaker ones", _INK, _font(13))
    return bitmap


def still_width() -> int:
    """Of a still on the page, in pixels."""
    return (WIDTH - _MARGIN * (_STILLS_A_ROW + 1)) // _STILLS_A_ROW & ~1
