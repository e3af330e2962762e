"""What there is of a camera's time, as values, and where footage is and where it is missing. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from .. import utc
from ..cause import Cause

# Neighbouring recordings this close are one span: less than a group of pictures is not a gap.
TOLERANCE_US = 1_500_000


@dataclass(frozen=True, slots=True)
class Span:
    """start ≤ time < end, in microseconds of UTC."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing footage and why; `end_us` is None while it lasts."""

    start_us: int
    end_us: int | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class Observation:
    """What vision saw, from … to, by its kind (motion, covered, …): camera, start, kind and zone tell it from others.

    `score` says from 0 to 1 how sure that is, `zone` where it was if the camera has zones, `still_us` which picture
    shows it best. While it is `lasting`, its end is that so far.
    """

    start_us: int
    end_us: int
    kind: str
    score: float = 1.0
    zone: str | None = None
    still_us: int | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """A clock that matters for a camera's footage changed: what happened, and by how much."""

    at_us: int
    kind: str
    by_us: int


type Note = Gap | Observation | ClockEvent
"""What lies beside a camera's footage."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Footage that is kept past its days, by whom and why, until it expires or is released."""

    id: str
    camera_id: str
    start_us: int
    end_us: int
    owner: str
    reason: str
    created_us: int
    expires_us: int
    released_us: int | None = None

    def holds(self, now_us: int) -> bool:
        """True while it keeps its footage."""
        return self.released_us is None and now_us < self.expires_us


@dataclass(frozen=True, slots=True)
class Day:
    """A camera's local day: what was recorded of the time that has passed of it so far."""

    date: date
    start_us: int
    end_us: int
    recorded_us: int
    passed_us: int
    size_bytes: int
    gaps: int
    observations: int

    @property
    def recorded_percent(self) -> float | None:
        """Of the time that has passed; None for a day that is yet to come."""
        return min(100.0, 100 * self.recorded_us / self.passed_us) if self.passed_us else None


def spans(recordings: Iterable[Span], gaps: Iterable[Gap], within: Span) -> list[Span]:
    """The recorded time within a range: recordings (by start) joined with their neighbours, less the gaps in them."""
    joined: list[Span] = []
    for span in recordings:
        if joined and span.start_us - joined[-1].end_us <= TOLERANCE_US:
            joined[-1] = Span(joined[-1].start_us, max(joined[-1].end_us, span.end_us))
        else:
            joined.append(span)
    result: list[Span] = []
    holes = sorted((gap.start_us, within.end_us if gap.end_us is None else gap.end_us) for gap in gaps)
    first = 0
    for span in joined:
        while first < len(holes) and holes[first][1] <= span.start_us:
            first += 1
        start_us = span.start_us
        for hole_start_us, hole_end_us in islice(holes, first, None):
            if hole_start_us >= span.end_us:
                break
            if hole_start_us > start_us:
                result.append(Span(start_us, hole_start_us))
            start_us = max(start_us, hole_end_us)
        if start_us < span.end_us:
            result.append(Span(start_us, span.end_us))
    return clamped(result, [within])


def clamped(these: Iterable[Span], within: Sequence[Span]) -> list[Span]:
    """The parts of spans that lie within others (by start, apart from each other)."""
    parts = (
        Span(max(span.start_us, frame.start_us), min(span.end_us, frame.end_us)) for span in these for frame in within
    )
    return [part for part in parts if part.start_us < part.end_us]


def local_days(first: date, last: date, zone: ZoneInfo) -> list[tuple[date, Span]]:
    """Each day from first to last with its beginning and end in UTC: 23, 24 or 25 hours."""
    days = []
    day = first
    while day <= last:
        following = day + timedelta(days=1)
        days.append((day, Span(midnight_us(day, zone), midnight_us(following, zone))))
        day = following
    return days


def days_recorded(
    frames: Iterable[tuple[date, Span]],
    shown: Sequence[Span],
    files: Sequence[tuple[int, int, int]],
    gaps: Sequence[Gap],
    observations: Sequence[Observation],
    now_us: int,
) -> list[Day]:
    """The figures of `local_days`. `files` are starts, ends and bytes; what lies in `shown` of them may be shown."""
    days = []
    for day, frame in frames:
        inside = [
            (Span(start_us, end_us), size_bytes)
            for start_us, end_us, size_bytes in files
            if start_us < frame.end_us and end_us > frame.start_us
        ]
        missing = [
            gap for gap in gaps if gap.start_us < frame.end_us and (gap.end_us is None or gap.end_us > frame.start_us)
        ]
        recorded = clamped(spans((span for span, _ in inside), missing, frame), shown)
        seen = sum(frame.start_us <= observation.start_us < frame.end_us for observation in observations)
        figures = day_of(day, frame, recorded, inside if recorded else [], now_us)
        days.append(replace(figures, gaps=len(missing), observations=seen))
    return days


def day_of(day: date, frame: Span, recorded: Sequence[Span], sizes: Iterable[tuple[Span, int]], now_us: int) -> Day:
    """A day's figures without its gaps and observations. `recorded` lies within the day; `sizes` are files with bytes.

    A file that reaches into the next day counts by the part of its time.
    """
    size_bytes = 0
    for span, file_bytes in sizes:
        inside_us = min(span.end_us, frame.end_us) - max(span.start_us, frame.start_us)
        if inside_us > 0:
            size_bytes += file_bytes * inside_us // (span.end_us - span.start_us)
    recorded_us = sum(span.end_us - span.start_us for span in recorded)
    passed_us = max(0, min(now_us, frame.end_us) - frame.start_us)
    return Day(day, frame.start_us, frame.end_us, recorded_us, passed_us, size_bytes, 0, 0)


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """When a local day begins."""
    return utc.to_us(datetime(day.year, day.month, day.day, tzinfo=zone))
