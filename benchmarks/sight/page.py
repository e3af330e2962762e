"""The measured part of docs/vision.md: tables of what the benchmarks return, each between two comments of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.wire.document import put

from .cost import Cost
from .delay import Delay
from .empty import Empty
from .found import Took
from .gate import Comparison, typical_day
from .live import Delays
from .motion import Result
from .soak import Soaked
from .tampering import Measured

PAGE = Path(__file__).parents[2] / "docs" / "vision.md"

type Lines = Sequence[str]


def command_of(part: str) -> str:
    """What prints a part; the page's comments name it."""
    return f"scripts/bench vision {part}"


def show(parts: Mapping[str, Callable[[], Lines]], wanted: Iterable[str], page: Path | None) -> None:
    """Measures the wanted parts one after the other, prints each, and writes it into the page, if one is named.

    Raises ValueError, before anything is measured, where the page has no place for a part.
    """
    wanted = list(wanted)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        if homeless := [part for part in wanted if f"<!-- {command_of(part)} -->" not in text]:
            raise ValueError(f"{page} has no place for {', '.join(homeless)}")
    for part in wanted:
        lines = parts[part]()
        print(f"\n== {part}\n", *lines, sep="\n", flush=True)
        if page is not None:
            put(page, command_of(part), lines)


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in Markdown; numbers are written by whoever gives them."""
    lines = [heading, ["---"] * len(heading), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def share(part: float, whole: float, digits: int = 3) -> str:
    """A part of a whole, between 0 and 1; a dash where there is no whole."""
    return f"{part / whole:.{digits}f}" if whole else "–"


def gate(comparisons: Sequence[Comparison]) -> Lines:
    """Decoding on suspicion beside decoding in full, by weather and rate control, and over a typical day."""
    heading = ("weather", "coded as", "minutes", "observations", "found", "recall", "later than 2 s", "added", "CPU")
    rows = [
        (
            *(one.weather, one.rate, f"{one.minutes:.1f}", one.observations, one.found),
            *(share(one.found, one.observations), one.late, one.added, f"{one.cost:.2f}"),
        )
        for one in comparisons
    ]
    whole, found = sum(one.observations for one in comparisons), sum(one.found for one in comparisons)
    late = sum(one.late for one in comparisons)
    days = [
        f"{name}: {typical_day(list(those)):.2f}"
        for name, those in groupby(sorted(comparisons, key=lambda one: one.rate), key=lambda one: one.rate)
    ]
    return [
        *table(heading, rows),
        "",
        f"Altogether {found} of {whole} observations ({share(found, whole)}), {late} of them later than two seconds.",
        f"CPU on a typical day, beside decoding in full: {'; '.join(days)}.",
    ]


def delay(delays: Sequence[Delay]) -> Lines:
    """How long after somebody comes movement is told."""
    rows = [
        (one.weather, one.passed, len(one.seconds), f"{one.median_s:.1f} s", f"{one.longest_s:.1f} s") for one in delays
    ]
    return table(("weather", "passed", "told while they did", "median after", "longest after"), rows)


def found(took: Sequence[Took]) -> Lines:
    """How long it takes to find what was seen."""
    rows = [(one.question, one.answers, f"{one.median_ms:.1f}", f"{one.p95_ms:.1f}") for one in took]
    return table(("119 cameras, 30 days, 200 observations a day each", "answers", "median ms", "p95 ms"), rows)


def motion(results: Sequence[Result]) -> Lines:
    """People boxes that a foreground block overlaps, and foreground where nobody is; ours beside MOG2."""
    heading = ("clip", "people", "found", "by MOG2", "outside", "by MOG2", "ms", "of MOG2")
    rows = [
        (
            *(ours.clip, ours.boxes, share(ours.found, ours.boxes), share(mog2.found, mog2.boxes)),
            *(f"{ours.outside / max(1, ours.empty):.2%}", f"{mog2.outside / max(1, mog2.empty):.2%}"),
            *(f"{ours.ms:.2f}", share(ours.ms, mog2.ms, 2)),
        )
        for ours, mog2 in zip(results[::2], results[1::2], strict=True)
    ]
    return table(heading, rows)


def empty(measured: Sequence[Empty]) -> Lines:
    """False observations of a street in which nobody is."""
    heading = ("empty street, made worse by code", "minutes", "observations", "an hour", "time moving", "the guard")
    rows = [
        (
            *(one.kind, f"{one.minutes:.0f}", one.observations, f"{one.per_hour:.1f}"),
            *(f"{one.moving:.0%}", one.changed_globally),
        )
        for one in measured
    ]
    minutes, false = sum(one.minutes for one in measured), sum(one.observations for one in measured)
    return [
        *table(heading, rows),
        "",
        f"Altogether {false} in {minutes:.0f} minutes, {false * 60 / minutes:.1f} an hour.",
    ]


def cost(measured: Cost) -> Lines:
    """Milliseconds of CPU for a picture, stage by stage, beside MOG2; and how many cameras a core has time for."""
    stages = measured.stages
    rows = [
        ("decoding", f"{stages.decode_ms:.2f}"),
        ("luma, scaled once", f"{stages.gray_ms:.2f}"),
        ("movement", f"{stages.motion_ms:.2f}"),
        ("tampering (a keyframe a second at most)", f"{stages.tampering_ms:.2f}"),
        ("OpenCV's MOG2 on the same gray pictures, one thread", f"{stages.mog2_ms:.2f}"),
    ]
    keyframes = [
        (one.name, f"{one.size_bytes / 1000:.0f} kB", f"{one.ms:.1f}", f"{measured.cameras_by(one):.0f}")
        for one in measured.keyframes
    ]
    return [
        *table(("a busy street, 640 × 360, 5 pictures a second", "ms of CPU a picture"), rows),
        "",
        f"Movement costs {stages.beside_mog2:.2f} of MOG2. One core decodes and looks at",
        f"{measured.cameras_in_full:.0f} such sub-streams in full, each picture of them.",
        "",
        *table(("keyframes only", "size", "ms of CPU", "cameras a core, one every 4 s"), keyframes),
    ]


def tampering(measured: Measured) -> Lines:
    """What was found of what was done to cameras, and what was found when nothing was."""
    lines = []
    for light, kinds in measured.deeds.items():
        rows = [(one.kind, one.done, one.found, one.late, len(one.misnamed), len(one.missed)) for one in kinds]
        heading = (f"at night by {light}", "onsets", "found within 20 s", "later", "called something else", "not found")
        alarms = measured.alarms[light]
        failed = [f"{one.kind}: {what}" for one in kinds for what in (*one.misnamed, *one.missed)]
        lines += [
            *table(heading, rows),
            "",
            f"False alarms in 24 hours: {len(alarms)}{' (' + ', '.join(alarms) + ')' if alarms else ''}.",
            f"Not as it should be: {'; '.join(failed) or 'none'}.",
            "",
        ]
    return [*lines, f"{measured.looks} keyframes of two days, made by code of a real clip."]


def live(delays: Delays) -> Lines:
    """From movement to message."""
    heading = ("cameras", "movements told", "missed", "median", "95 of a hundred within")
    told = len(delays.seconds)
    row = (delays.cameras, told, delays.missed, f"{delays.median_s:.2f} s", f"{delays.p95_s:.2f} s")
    return table(heading, [row])


def soak(soaked: Soaked) -> Lines:
    """Memory over simulated hours."""
    verdict = "Nothing died, memory is flat." if soaked.is_sound else "NOT SOUND: something died, or memory grows."
    return [*soaked.lines(), "", verdict]
