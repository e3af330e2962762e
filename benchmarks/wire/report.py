"""The outcomes of all runs as tables of Markdown: medians, with the smallest and largest of the rounds beside them."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from benchmarks.wire.run import Outcome

type Outcomes = Mapping[tuple[str, int], Sequence[Outcome]]
type Measure = Callable[[Outcome], float]

_FULL_HOUSE = 119
_MB = 1e6


def _median(outcomes: Iterable[Outcome], measure: Measure) -> float:
    return statistics.median(measure(outcome) for outcome in outcomes)


def _cell(outcomes: Sequence[Outcome], measure: Measure, digits: int) -> str:
    values = [measure(outcome) for outcome in outcomes]
    middle = f"{statistics.median(values):.{digits}f}"
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    text = middle if low == high else f"{middle} ({low}–{high})"
    return text if all(outcome.valid for outcome in outcomes) else f"~~{text}~~"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


class Report:
    """What is to be said about the outcomes of some contestants at some numbers of cameras."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._names = list(dict.fromkeys(name for name, _ in outcomes))
        self._counts = sorted({count for _, count in outcomes})

    def lines(self) -> Iterator[str]:
        """All tables."""
        yield from self._costs("CPU-s per camera-minute", lambda outcome: outcome.cpu_s_per_camera_minute, 3)
        yield from self._costs("MB per camera (PSS)", lambda outcome: outcome.mb_per_camera, 2)
        yield from self._table("waits per camera-second", lambda outcome: outcome.waits_per_camera_s, 1)
        yield from self._table("pictures lost, of 10,000", _lost_of_10000, 1)
        yield from self._growth()
        yield from self._targets()
        yield from self._machine()

    def _pairs(self) -> list[tuple[str, str]]:
        return [("native", other) for other in self._names if other != "native" and "native" in self._names]

    def _costs(self, title: str, measure: Measure, digits: int) -> Iterator[str]:
        ratios = self._pairs()
        yield from self._head(title, *self._names, *(f"{ours} ÷ {other}" for ours, other in ratios))
        for count in self._counts:
            cells = (_cell(self._outcomes[name, count], measure, digits) for name in self._names)
            yield _row(str(count), *cells, *(f"{self._ratio(*pair, count, measure):.2f}" for pair in ratios))

    def _table(self, title: str, measure: Measure, digits: int) -> Iterator[str]:
        yield from self._head(title, *self._names)
        for count in self._counts:
            yield _row(str(count), *(_cell(self._outcomes[name, count], measure, digits) for name in self._names))

    def _head(self, title: str, *columns: str) -> Iterator[str]:
        yield ""
        yield _row(f"cameras: {title}", *columns)
        yield _row(*("---",) * (1 + len(columns)))

    def _ratio(self, ours: str, other: str, count: int, measure: Measure) -> float:
        return _median(self._outcomes[ours, count], measure) / _median(self._outcomes[other, count], measure)

    def _line(self, name: str, measure: Measure) -> tuple[float, float]:
        """The fixed part and what each camera adds, by least squares over all runs."""
        points = [
            (outcome.cameras, measure(outcome)) for count in self._counts for outcome in self._outcomes[name, count]
        ]
        slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
        return intercept, slope

    def _bend(self, name: str) -> float:
        """What a camera adds to the processor's time in the upper half of the numbers ÷ what it adds in the lower."""
        low, middle, high = self._counts[0], self._counts[len(self._counts) // 2], self._counts[-1]
        share = {count: _median(self._outcomes[name, count], _core_share) for count in (low, middle, high)}
        return (share[high] - share[middle]) / (high - middle) / ((share[middle] - share[low]) / (middle - low))

    def _growth(self) -> Iterator[str]:
        if len(self._counts) < 2:
            return
        yield from self._head(
            "growth, a straight line through all runs",
            "fixed MB",
            "MB a camera",
            "fixed CPU-s a minute",
            "CPU-s a camera-minute",
        )
        for name in self._names:
            memory = self._line(name, lambda outcome: outcome.pss_bytes / _MB)
            work = self._line(name, lambda outcome: outcome.core_share * 60)
            yield _row(name, f"{memory[0]:.0f}", f"{memory[1]:.2f}", f"{work[0]:.2f}", f"{work[1]:.4f}")

    def _targets(self) -> Iterator[str]:
        if "native" not in self._names:
            return
        most = self._counts[-1]
        yield ""
        yield _row(f"native, at {most} cameras", "measured", "go for", "met")
        yield _row("---", "---", "---", "---")
        for what, value, text, limit, limit_text in self._held_against(most):
            yield _row(what, text, limit_text, "yes" if value <= limit else "**no**")

    def _held_against(self, most: int) -> Iterator[tuple[str, float, str, float, str]]:
        def processor(outcome: Outcome) -> float:
            return outcome.cpu_s_per_camera_minute

        def memory(outcome: Outcome) -> float:
            return outcome.mb_per_camera

        ours = self._outcomes["native", most]
        if "ffmpeg" in self._names:
            ratio = self._ratio("native", "ffmpeg", most, processor)
            yield "CPU ÷ ffmpeg's", ratio, f"{ratio:.3f}", 0.15, "≤ 0.15"
        if "bare" in self._names:
            ratio = self._ratio("native", "bare", most, processor)
            yield "CPU ÷ the bare copy's", ratio, f"{ratio:.2f}", 1.5, "≤ 1.5"
        if "ffmpeg" in self._names:
            ratio = self._ratio("native", "ffmpeg", most, memory)
            yield "memory ÷ ffmpeg's, all of it", ratio, f"{ratio:.3f}", 0.1, "≤ 0.1"
            if len(self._counts) > 1:
                slopes = (self._line(name, lambda outcome: outcome.pss_bytes)[1] for name in ("native", "ffmpeg"))
                ratio = next(slopes) / next(slopes)
                yield "memory ÷ ffmpeg's, what a camera adds", ratio, f"{ratio:.3f}", 0.1, "≤ 0.1"
        if most == _FULL_HOUSE:
            share = _median(ours, _core_share)
            yield "of one core", share, f"{share:.1%}", 0.2, "≤ 20 %"
        lost = max(outcome.lost for count in self._counts for outcome in self._outcomes["native", count])
        yield "pictures lost, in the worst of all runs", lost, str(lost), 0, "0"
        if len(self._counts) > 2:
            bend = self._bend("native")
            yield "linear: a camera more costs, upper ÷ lower half", bend, f"{bend:.2f}", 1.1, "≤ 1.1"

    def _machine(self) -> Iterator[str]:
        everything = [outcome for outcomes in self._outcomes.values() for outcome in outcomes]
        spreads = [
            max(map(_core_share, outcomes)) / min(map(_core_share, outcomes)) - 1
            for outcomes in self._outcomes.values()
        ]
        invalid = sum(1 for outcome in everything if not outcome.valid)
        most = max(everything, key=lambda outcome: outcome.server_share)
        yield ""
        yield (
            f"{len(everything)} runs of {statistics.median(o.seconds for o in everything):.0f} s; the same run again"
            f" differs by {statistics.median(spreads):.0%} (median; at most {max(spreads):.0%}). The cameras took up to"
            f" {most.server_share:.0%} of a core and sent 99 % of their packets at most"
            f" {max(outcome.late_ms for outcome in everything)} ms late; {invalid} runs struck out, as they were late."
            f" Everything else on the machine took up to"
            f" {max(outcome.others_share for outcome in everything):.0%} of a core."
            f" A camera had to wait {max(outcome.stalled_s for outcome in everything):.1f} s at most."
        )


def _core_share(outcome: Outcome) -> float:
    return outcome.core_share


def _lost_of_10000(outcome: Outcome) -> float:
    return outcome.lost / outcome.pictures * 10_000
