"""Tampering on 24 hours made of a real clip by code: what is found of what people do to cameras, and false alarms.

The day (`day.py`) has dawn, clouds, fog, rain, snow flurries, headlights, a lorry and a night; people of the clip walk
in it. At each onset the detector of that moment is copied, and the deed is done to the copy's pictures.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from safe_community_recorder.vision.gray import analysis_size
from safe_community_recorder.vision.tampering import Tampering, TamperingDetector

from .day import HOUR_S, Day, Moment
from .encoded import scaled
from .sabotage import BEFORE_THE_LENS, IN_THE_LINE, BeforeLens, InLine
from .street import FPS, street

# Hours of the day at which the deeds begin: noon, morning, dusk, evening and night.
_ONSETS_H = (12.6, 17.3, 20.2, 23.0, 9.2)
_BEATS_S = (2, 4, 5)
_WATCHED_S = 46
_WITHIN_S = 20
_FRAMES = 300


@dataclass(slots=True)
class Deeds:
    """One kind: how often it was done, found in time by its name, found late, called something else, not found."""

    kind: str
    done: int = 0
    found: int = 0
    late: int = 0
    misnamed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measured:
    """By light at night: each kind's deeds, and the false alarms of a day and night (when, what)."""

    deeds: dict[str, tuple[Deeds, ...]]
    alarms: dict[str, tuple[str, ...]]
    looks: int


def measure() -> Measured:
    """With infrared light of the camera's own, and by a street lamp."""
    size = analysis_size(640, 360)
    frames = [scaled(gray, *size) for gray in street()[:_FRAMES]]
    deeds, alarms, looks = {}, {}, 0
    for name, has_infrared in (("infrared light", True), ("a street lamp", False)):
        told, forks, count = _a_day(Day(frames, FPS, has_infrared=has_infrared, seed=0))
        day = Day(frames, FPS, has_infrared=has_infrared, seed=0)
        deeds[name] = tuple(_done(kind, day, forks) for kind in (*BEFORE_THE_LENS, *_IN_THE_LINE))
        alarms[name], looks = told, looks + count
    return Measured(deeds, alarms, looks)


type _Forks = Sequence[tuple[float, float, TamperingDetector]]
"""Hour of the day, instant, and the detector as it was then."""

_IN_THE_LINE = (Tampering.FROZEN, Tampering.NO_SIGNAL)


def _a_day(day: Day) -> tuple[tuple[str, ...], _Forks, int]:
    detector, alarms, forks, looks = TamperingDetector(), list[str](), list[tuple[float, float, TamperingDetector]](), 0
    waiting = {hour: (hour - 12) % 24 * HOUR_S for hour in _ONSETS_H}
    before = None
    for at_s in day.beats():
        for hour in [hour for hour, onset_s in waiting.items() if at_s >= onset_s]:
            forks.append((hour, at_s, copy.deepcopy(detector)))
            del waiting[hour]
        moment = day.look(at_s)
        findings = detector.observe(moment.gray, at_s, colour=moment.colour)
        looks += 1
        kind = findings[0].kind.value if findings else None
        if kind is not None and kind != before:
            minutes = round(12 * 60 + at_s / 60) % 1440
            alarms.append(f"{kind} at {minutes // 60:02}:{minutes % 60:02}")
        before = kind
    return tuple(alarms), forks, looks


def _ways(kind: Tampering, day: Day, onset_s: float) -> Iterator[tuple[str, Callable[[float], Moment]]]:
    """What is done, and the day's moments with it."""
    for before in BEFORE_THE_LENS.get(kind, ()):
        yield _name(before), partial(_seen_through, day, before)
    for behind in IN_THE_LINE.get(kind, ()):
        yield _name(behind), partial(_shown_by, day, behind)
    if kind is Tampering.FROZEN:
        still = day.look(onset_s).gray
        yield "frozen", lambda at_s: Moment(at_s, still, day.look(at_s).colour)


def _seen_through(day: Day, before: BeforeLens, at_s: float) -> Moment:
    return day.look(at_s, before)


def _shown_by(day: Day, behind: InLine, at_s: float) -> Moment:
    moment = day.look(at_s)
    return Moment(at_s, behind(moment.gray), moment.colour)


def _name(way: object) -> str:
    name = getattr(way, "__name__", "")
    return name if name.isidentifier() else ""


def _done(kind: Tampering, day: Day, forks: _Forks) -> Deeds:
    result = Deeds(kind.value)
    for turn, (hour, onset_s, detector) in enumerate(forks):
        for number, (name, moment_at) in enumerate(_ways(kind, day, onset_s)):
            result.done += 1
            found = None
            beat_s, its = _BEATS_S[(turn + number) % len(_BEATS_S)], copy.deepcopy(detector)
            for passed_s in range(0, _WATCHED_S, beat_s):
                moment = moment_at(onset_s + passed_s)
                findings = its.observe(moment.gray, onset_s + passed_s, colour=moment.colour)
                if findings:
                    found = passed_s, findings[0].kind.value
                    break
            _count(result, found, f"{name or f'way {number + 1}'} at {hour:g} h")
    return result


def _count(result: Deeds, found: tuple[int, str] | None, what: str) -> None:
    if found is None:
        result.missed.append(what)
    elif found[1] != result.kind:
        result.misnamed.append(f"{what}: {found[1]}")
    elif found[0] > _WITHIN_S:
        result.late += 1
    else:
        result.found += 1
