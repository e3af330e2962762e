"""Where footage is and where it is missing, as spans of UTC. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

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


def spans(recordings: Iterable[Span], gaps: Iterable[Gap], within: Span) -> list[Span]:
    """The recorded time within a range: recordings (by start) joined with their neighbours, less the gaps in them."""
    joined: list[Span] = []
    for span in recordings:
        if joined and span.start_us - joined[-1].end_us <= TOLERANCE_US:
            joined[-1] = Span(joined[-1].start_us, max(joined[-1].end_us, span.end_us))
        else:
            joined.append(span)
    result = joined
    for gap in gaps:
        end_us = within.end_us if gap.end_us is None else gap.end_us
        result = [piece for span in result for piece in _without(span, gap.start_us, end_us)]
    clamped = (Span(max(s.start_us, within.start_us), min(s.end_us, within.end_us)) for s in result)
    return [span for span in clamped if span.start_us < span.end_us]


def _without(span: Span, start_us: int, end_us: int) -> list[Span]:
    if end_us <= span.start_us or start_us >= span.end_us:
        return [span]
    pieces = (Span(span.start_us, start_us), Span(end_us, span.end_us))
    return [piece for piece in pieces if piece.start_us < piece.end_us]
