"""How much of the time that should have been recorded was: in figures that are told whenever they change. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..cause import Cause
from .timeline import Gap, Span


@dataclass(frozen=True, slots=True)
class Missed:
    """What is missing of a range, and how much of the range was to be recorded at all, in microseconds."""

    missing_us: int
    wanted_us: int

    @property
    def recorded_percent(self) -> float | None:
        """To a tenth, and 100 only if nothing is missing; None if nothing was to be recorded."""
        if self.wanted_us <= 0:
            return None
        percent = round(100 * (1 - self.missing_us / self.wanted_us), 1)
        return min(percent, 99.9) if self.missing_us else 100.0


def missed(gaps: Sequence[Gap], within: Span) -> Missed:
    """What gaps of one camera, which may overlap, take from a range. A pause is nothing that is missing."""
    paused_us = _covered_us((gap for gap in gaps if gap.cause is Cause.PAUSED), within)
    absent_us = _covered_us(gaps, within)
    return Missed(absent_us - paused_us, max(0, within.end_us - within.start_us) - paused_us)


def rate_bps(size_bytes: int, passed_us: int) -> int:
    """Bits a second, to two figures: what only trembles is not told again and again."""
    bits = round(size_bytes * 8_000_000 / passed_us)
    return round(bits, min(0, 2 - len(str(bits))))


def begun(first_us: int | None, gaps: Sequence[Gap], within: Span) -> Span:
    """The part of a range since a camera began: with its first footage, or in vain with its first gap."""
    beginnings = [gap.start_us for gap in gaps] + ([] if first_us is None else [first_us])
    start_us = max(within.start_us, min(beginnings, default=within.end_us))
    return Span(min(start_us, within.end_us), within.end_us)


def lost_us(gaps: Mapping[str, Sequence[Gap]], cameras: Iterable[str], within: Span) -> int:
    """What is missing of a range in all these cameras together."""
    return sum(missed(gaps.get(camera_id, ()), within).missing_us for camera_id in cameras)


def _covered_us(gaps: Iterable[Gap], within: Span) -> int:
    covered_us, until_us = 0, within.start_us
    for gap in sorted(gaps, key=lambda gap: gap.start_us):
        start_us = max(gap.start_us, until_us)
        end_us = within.end_us if gap.end_us is None else min(gap.end_us, within.end_us)
        if end_us > start_us:
            covered_us += end_us - start_us
            until_us = end_us
    return covered_us
