"""What is asked for and what a package holds of it, as values. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from ..archive.timeline import TOLERANCE_US, ClockEvent, Gap, Span
from ..media.clip import Clip
from ..media.video import VideoFormat
from ..utc import to_name

type Language = Literal["en", "lt", "lv"]
type ClockSource = Literal["sender_report", "arrival", "mixed"]

UNEXPLAINED = "unexplained"
"""Footage is missing and no cause was noted: it is past its days, or was never recorded."""


@dataclass(frozen=True, slots=True)
class Item:
    """Footage that is asked for: a camera, as it was called then, and start ≤ time < end in UTC."""

    camera_id: str
    camera_name: str
    eldership_id: str
    eldership_name: str
    start_us: int
    end_us: int

    @property
    def span(self) -> Span:
        """Its time."""
        return Span(self.start_us, self.end_us)


@dataclass(frozen=True, slots=True)
class Trace:
    """The record in the audit log: whoever holds it can tell whether the log up to it was changed."""

    number: int
    hash: str


NOT_RECORDED = Trace(0, "")
"""There is no record of it yet."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, why and for whom. The protocol is written in `language`."""

    number: str
    asked_us: int
    actor: str
    reason: str
    recipient: str
    language: Language
    stills: bool
    items: tuple[Item, ...]
    trace: Trace


@dataclass(frozen=True, slots=True)
class Maker:
    """The recorder that makes a package."""

    recorder_id: str
    name: str
    version: str
    time_zone: ZoneInfo
    key_fingerprint: str


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of the package."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Still:
    """A picture of a clip, and a small one of it for the protocol (JPEG)."""

    file: PackedFile
    at_us: int
    small: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """A hole in the footage; `cause` is that of a gap, or `UNEXPLAINED`."""

    start_us: int
    end_us: int
    cause: str


@dataclass(frozen=True, slots=True)
class Clock:
    """How the time of footage was got, and what happened to the clocks meanwhile.

    `source` is None where there is no footage. `offset_s` is the camera's clock minus the recorder's when the package
    was made; None while the camera does not tell its time.
    """

    source: ClockSource | None
    offset_s: float | None
    events: tuple[ClockEvent, ...]


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip in the package."""

    file: PackedFile
    start_us: int
    end_us: int
    video: tuple[VideoFormat, ...]
    sound: bool
    stills: tuple[Still, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """What became of an item; `footage` is None where there is none."""

    item: Item
    footage: Footage | None
    missing: tuple[Missing, ...]
    clock: Clock


def missing_of(item: Item, clip: Clip | None, gaps: Sequence[Gap]) -> tuple[Missing, ...]:
    """The holes of a clip in what was asked for, each with the cause that was noted for most of it."""
    holes = []
    position_us = item.start_us
    for piece in () if clip is None else clip.pieces:
        if piece.start_us - position_us > TOLERANCE_US:
            holes.append(Span(position_us, piece.start_us))
        position_us = max(position_us, piece.end_us)
    if item.end_us - position_us > TOLERANCE_US or clip is None:
        holes.append(Span(position_us, item.end_us))
    return tuple(Missing(hole.start_us, hole.end_us, _cause(hole, gaps)) for hole in holes)


def _cause(hole: Span, gaps: Iterable[Gap]) -> str:
    covered = [(_common_us(hole, gap), gap.cause.value) for gap in gaps]
    longest_us, cause = max(covered, default=(0, UNEXPLAINED), key=lambda pair: pair[0])
    return cause if longest_us > 0 else UNEXPLAINED


def _common_us(hole: Span, gap: Gap) -> int:
    end_us = hole.end_us if gap.end_us is None else min(hole.end_us, gap.end_us)
    return end_us - max(hole.start_us, gap.start_us)


def clock_source(told: Iterable[str]) -> ClockSource | None:
    """How the time of footage was got, of the answers of its recording files."""
    sources = set(told)
    if not sources:
        return None
    if sources == {"sender_report"}:
        return "sender_report"
    return "arrival" if sources == {"arrival"} else "mixed"


def file_name(folder: str, camera_id: str, at_us: int, ending: str, taken: Collection[str]) -> str:
    """A name that is not taken yet: `<folder>/<camera>_<UTC>.<ending>`, with a number where it would be."""
    stem = f"{folder}/{camera_id}_{to_name(at_us)}"
    names = (f"{stem}{'' if number == 1 else f'-{number}'}.{ending}" for number in count(1))
    return next(name for name in names if name not in taken)
