"""Looks at pictures as the sampler does, with several settings side by side."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..media.picture import to_gray
from ..sampler.decoding import colour_of
from ..vision.eye import Eye, EyeSettings, Look
from ..vision.gray import Blocks, analysis_size
from ..vision.grid import Grid
from ..vision.observer import Observer, Seen
from .pictures import Picture

# After such a hole in the footage the camera was away, and its view is learned anew.
_AWAY_S = 10.0
# Pictures come a little early or late.
_SLACK = 0.999


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look said, kept small: a day has half a million of them. `bits` are the foreground's blocks."""

    at_s: float
    activity: float
    score: float
    moving: bool
    guarded: bool
    shape: tuple[int, int]
    bits: bytes

    @property
    def foreground(self) -> Blocks:
        """The blocks that something foreign covers."""
        rows, columns = self.shape
        blocks = np.zeros(self.shape, dtype=np.bool_)
        if self.bits:
            flat = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), count=rows * columns)
            blocks[:] = flat.reshape(self.shape).view(np.bool_)
        return blocks


@dataclass(slots=True)
class Run:
    """One way of looking, and what came of it: every look in order, and the observations by their beginning."""

    settings: EyeSettings
    glances: list[Glance] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def motion(self) -> list[Seen]:
        """What of it is movement."""
        return [seen for seen in self.seen if seen.kind == "motion"]


type OnLook = Callable[[Picture, Look, tuple[str, ...]], None]
"""Told of each look of the first way of looking, with the kinds of observations that last."""


class _Way:
    def __init__(self, settings: EyeSettings) -> None:
        self.run = Run(settings)
        self.eye = Eye(settings)
        self.observer = Observer(settings.motion.hold_s, has_zones=bool(settings.motion.zones))

    def keep(self, seen: Iterable[Seen]) -> None:
        """Observations are told when they begin, go on and end: the end tells all."""
        self.run.seen += [one for one in seen if not one.lasting]


def look_again(
    pictures: Iterable[Picture], ways: Sequence[EyeSettings], every_s: float, on_look: OnLook | None = None
) -> list[Run]:
    """Each way of looking at pictures that lie at least `every_s` apart, and what it sees. Sizes may change.

    Pictures that are too small to look at are left out.
    """
    looking = [_Way(settings) for settings in ways]
    for picture, is_again in _wanted(pictures, every_s):
        frame = picture.frame
        try:
            width, height = analysis_size(frame.width, frame.height)
        except ValueError:
            continue
        gray = to_gray(frame, width, height)
        colour = colour_of(frame) if picture.is_key else None
        for number, way in enumerate(looking):
            if is_again:
                way.keep(way.observer.end())
                way.eye.forget()
            look = way.eye.look(gray, picture.at_s, is_key=picture.is_key, colour=colour)
            way.keep(way.observer.take(look))
            way.run.glances.append(_glance(look))
            if number == 0 and on_look is not None:
                on_look(picture, look, way.observer.lasting)
    for way in looking:
        way.keep(way.observer.end())
        way.run.seen.sort(key=lambda seen: (seen.start_s, seen.kind, seen.zone or ""))
    return [way.run for way in looking]


def _wanted(pictures: Iterable[Picture], every_s: float) -> Iterator[tuple[Picture, bool]]:
    """The pictures to look at, each with whether the camera was away before it."""
    looked_s = came_s = float("-inf")
    was_away = False
    for picture in pictures:
        was_away |= picture.at_s - came_s > _AWAY_S and came_s > float("-inf")
        came_s = picture.at_s
        if picture.at_s - looked_s >= every_s * _SLACK:
            yield picture, was_away
            looked_s, was_away = picture.at_s, False


def _glance(look: Look) -> Glance:
    motion = look.motion
    rows, columns = motion.foreground.shape
    bits = np.packbits(motion.foreground).tobytes() if motion.foreground.any() else b""
    guarded = motion.changed_globally
    return Glance(look.at_s, motion.activity, motion.score, motion.moving, guarded, (rows, columns), bits)


def boxes_of(foreground: Blocks) -> list[tuple[float, float, float, float]]:
    """(left, top, right, bottom) from 0 to 1 of what hangs together, the largest first."""
    rows, columns = foreground.shape
    grid = Grid(rows, columns)
    boxes = []
    for blob in sorted(grid.blobs(grid.bits(foreground)), key=int.bit_count, reverse=True):
        down, across = np.nonzero(grid.blocks(blob))
        left, right = int(across.min()), int(across.max()) + 1
        top, bottom = int(down.min()), int(down.max()) + 1
        boxes.append((left / columns, top / rows, right / columns, bottom / rows))
    return boxes
