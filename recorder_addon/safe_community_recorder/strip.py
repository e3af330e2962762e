"""Contact strips: which picture stands for each part of a range, and what of it is missing and why. Knows no HTTP."""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .archive.archive import Archive
from .archive.timeline import TOLERANCE_US, Gap, Span, clamped
from .media.mosaic import Layout, Marks
from .media.picture import size_for
from .stills import Keyframe, nearest
from .utc import SECOND_US

# A group of pictures is on the disk when the next one begins, and may have waited in memory before.
_GROUP_US = 30 * SECOND_US
_USUAL_SHAPE = 16, 9
_FARTHER = 4


class Missing(StrEnum):
    """Why there is no picture, besides the causes of gaps."""

    PAST_DAYS = "past_days"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the range, the keyframe that stands for it, and the parts of it that were not recorded or will yet be.

    `cause` says why something is missing: a gap's cause or one of Missing; None for a part that is there whole.
    """

    span: Span
    keyframe: Keyframe | None
    missing: tuple[Span, ...]
    coming: tuple[Span, ...]
    cause: str | None

    @property
    def missing_us(self) -> int:
        """How much of it is missing."""
        return sum(span.end_us - span.start_us for span in self.missing)


@dataclass(frozen=True, slots=True)
class Strip:
    """The tiles of a range in the order of their time."""

    tiles: tuple[Tile, ...]

    def layout(self, columns: int, width: int) -> Layout:
        """Tiles at most so wide, in the shape of the first picture, and never higher than wide."""
        shape = next(((t.keyframe.video.width, t.keyframe.video.height) for t in self.tiles if t.keyframe), None)
        if shape is None:
            shape = width, width * _USUAL_SHAPE[1] // _USUAL_SHAPE[0]
        shown, height = size_for(*shape, width)
        return Layout(min(columns, len(self.tiles)), shown, min(height, shown))


def marks(tile: Tile, layout: Layout) -> Marks:
    """What is missing of a tile, in pixels. The smallest gap is seen."""
    whole_us = tile.span.end_us - tile.span.start_us

    def columns(span: Span) -> tuple[int, int]:
        first = (span.start_us - tile.span.start_us) * layout.width // whole_us
        return first, max(first + 1, -(-(span.end_us - tile.span.start_us) * layout.width // whole_us))

    return Marks(tuple(map(columns, tile.missing)), tuple(map(columns, tile.coming)))


def name_of(strip: Strip, layout: Layout) -> str:
    """The same for strips that look the same."""
    seen = [(tile.keyframe.key if tile.keyframe else None, marks(tile, layout)) for tile in strip.tiles]
    return hashlib.sha256(repr((layout, seen)).encode()).hexdigest()[:32]


async def plan(archive: Archive, camera_id: str, within: Span, count: int, now_us: int) -> Strip:
    """The range in `count` equal parts, each with its first recorded picture (the one seen when it begins)."""
    recorded, all_gaps = await archive.timeline(camera_id, within)
    edge_us = _edge_us(archive, recorded, all_gaps, now_us)
    whole_us = within.end_us - within.start_us
    tiles = []
    for number in range(count):
        start_us = within.start_us + whole_us * number // count
        span = Span(start_us, max(start_us + 1, within.start_us + whole_us * (number + 1) // count))
        gaps = [gap for gap in all_gaps if gap.start_us < span.end_us and _end_us(gap) > span.start_us]
        tiles.append(await _tile(archive, camera_id, span, recorded, gaps, edge_us))
    return Strip(tuple(tiles))


def _edge_us(archive: Archive, recorded: Sequence[Span], gaps: Sequence[Gap], now_us: int) -> int:
    """From when on footage is yet to come: from now on, or since the last group that is on the disk."""
    last_us = recorded[-1].end_us if recorded else 0
    on_the_way_us = _GROUP_US + round(archive.memory_s * SECOND_US)
    interrupted = any(_end_us(gap) > last_us for gap in gaps)
    return last_us if last_us > now_us - on_the_way_us and not interrupted else now_us


async def _tile(
    archive: Archive, camera_id: str, span: Span, recorded: Sequence[Span], gaps: Sequence[Gap], edge_us: int
) -> Tile:
    there = clamped(_touching(recorded, span), [span])
    keyframe = None
    if there:
        keyframe = await keyframe_near(
            archive, camera_id, there[0].start_us, TOLERANCE_US, span.end_us - there[0].start_us
        )
    if keyframe is None:
        there = []
    absent = _without(span, there)
    missing = tuple(clamped(absent, [Span(span.start_us, max(span.start_us, edge_us))]))
    coming = tuple(clamped(absent, [Span(max(span.start_us, edge_us), max(span.end_us, edge_us))]))
    return Tile(span, keyframe, missing, coming, _cause(archive, camera_id, missing, coming, gaps))


async def keyframe_near(archive: Archive, camera_id: str, at_us: int, before_us: int, after_us: int) -> Keyframe | None:
    """The picture of an instant as `stills.nearest` finds it, if it may be shown.

    It lies close by nearly always. So files farther on, of which there may be thousands, are read only as long as
    there is none.
    """

    def may_show(utc_us: int) -> bool:
        return bool(archive.shown(camera_id, Span(utc_us, utc_us + 1)))

    # One microsecond more, so that what ends exactly there is among them.
    from_us, reach_us = at_us - before_us - 1, min(after_us, _GROUP_US)
    while True:
        files = await archive.files(camera_id, Span(from_us, at_us + reach_us))
        found = nearest(files, at_us, before_us=before_us, after_us=reach_us, may_show=may_show)
        if found is not None or reach_us == after_us:
            return found
        from_us, reach_us = at_us + reach_us, min(after_us, reach_us * _FARTHER)


def _cause(
    archive: Archive, camera_id: str, missing: Sequence[Span], coming: Sequence[Span], gaps: Sequence[Gap]
) -> str | None:
    if not missing:
        return Missing.NOT_YET.value if coming else None
    if not archive.shown(camera_id, missing[0]):
        return Missing.PAST_DAYS.value
    for gap in gaps:
        if any(gap.start_us < hole.end_us and _end_us(gap) > hole.start_us for hole in missing):
            return gap.cause.value
    return Missing.UNKNOWN.value


def _end_us(gap: Gap) -> float:
    return math.inf if gap.end_us is None else gap.end_us


def _touching(spans: Sequence[Span], span: Span) -> Sequence[Span]:
    """Those of spans (in order, apart from each other) that may reach into one."""
    first = max(0, bisect_right(spans, span.start_us, key=lambda one: one.start_us) - 1)
    behind = bisect_right(spans, span.end_us, key=lambda one: one.start_us)
    return spans[first:behind]


def _without(span: Span, parts: Sequence[Span]) -> list[Span]:
    """What of a span is not in these parts of it."""
    left, start_us = [], span.start_us
    for part in parts:
        if part.start_us > start_us:
            left.append(Span(start_us, part.start_us))
        start_us = part.end_us
    if start_us < span.end_us:
        left.append(Span(start_us, span.end_us))
    return left
