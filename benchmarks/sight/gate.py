"""Decoding on suspicion beside decoding a sub-stream in full: what it costs, and what of the observations it finds.

The sampler's own parts are run: `Watch` with its gate, and the worker that decodes real bytes. Only time is simulated.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from safe_community_recorder.media.video import AccessUnit
from safe_community_recorder.sampler.decoding import configuration_of
from safe_community_recorder.sampler.watch import Told, Watch
from safe_community_recorder.sampler.wording import Answer, Job, camera_message, job_message, read_answer
from safe_community_recorder.sampler.worker import Worker
from safe_community_recorder.vision.eye import EyeSettings
from safe_community_recorder.vision.observer import MOTION, Observer, Seen

from .encoded import RATES, Rate, encoded
from .passers_by import WEATHERS, Scene, Weather, clip_of, scene
from .street import FPS, street

_CAMERA = "village"
# From a job to its answer: a process that others keep waiting, too.
_ANSWER_S = 0.15
_EVERY_S = 0.11
_NEAR_S = 2.0
_LATE_S = 2.0
# The first half minute is looked at in full, for once.
_WARM_UP_S = 30
_AFTER_S = 5.0
# A village's typical day: how much of it is what, and in how much of it somebody passes or has just passed.
TYPICAL_DAY = {"day": 0.33, "clouds": 0.15, "night": 0.37, "noisy night": 0.05, "rain": 0.05, "wind": 0.05}
TYPICAL_MOVING = 0.06


@dataclass(frozen=True, slots=True)
class Run:
    """One way of looking: observations of motion as they ended, when each was told first, and CPU by second."""

    observations: tuple[Seen, ...]
    told_s: dict[float, float]
    cpu_s: tuple[float, ...]
    decoded: int
    looks: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both ways on one stream. `delays_s`: how much later the gate told what both found; `added`: what only it told."""

    weather: str
    rate: str
    minutes: float
    full: Run
    gated: Run
    found: int
    delays_s: tuple[float, ...]
    added: int

    @property
    def observations(self) -> int:
        """What decoding in full found."""
        return len(self.full.observations)

    @property
    def late(self) -> int:
        """How many were told more than two seconds later."""
        return sum(delay > _LATE_S for delay in self.delays_s)

    @property
    def cost(self) -> float:
        """CPU as a share of decoding in full, as measured."""
        return sum(self.gated.cpu_s) / sum(self.full.cpu_s)

    def cost_when(self, *, moving: bool) -> tuple[float, float]:
        """CPU per second, gated and in full, while somebody moves or has just moved, or while nobody does."""
        counted = range(_WARM_UP_S, len(self.full.cpu_s))
        seconds = [second for second in counted if self._is_moving(second) is moving]
        if not seconds:
            return 0.0, 0.0
        gated = sum(self.gated.cpu_s[second] for second in seconds) / len(seconds)
        return gated, sum(self.full.cpu_s[second] for second in seconds) / len(seconds)

    def _is_moving(self, second: int) -> bool:
        return any(seen.start_s - 1 <= second <= seen.end_s + _AFTER_S for seen in self.full.observations)


class _Looking:
    """Runs jobs in a worker and keeps what came of them."""

    def __init__(self, seconds: float) -> None:
        self.worker = Worker()
        self.told_s: dict[float, float] = {}
        self.ended: dict[float, Seen] = {}
        self.cpu_s = [0.0] * (int(seconds) + 2)
        self.decoded = self.looks = 0
        self.now_s = 0.0
        tuple(self.worker.answer(camera_message(_CAMERA, EyeSettings(), b"")))

    def run(self, job: Job, now_s: float) -> Answer:
        """Decodes and looks; it counts as done within the second `now_s`."""
        video = job.units[0].video
        message = job_message(job, configuration_of(video.codec, video.parameter_sets))
        began_s = time.process_time()
        answers = [*self.worker.answer(message)]
        self.cpu_s[int(now_s)] += time.process_time() - began_s
        answer = read_answer(answers[0])
        self.decoded += answer.decoded
        self.looks += len(answer.looks)
        return answer

    def see(self, seen: Seen) -> None:
        """Keeps an observation as it is told."""
        if seen.kind == MOTION:
            self.told_s.setdefault(seen.start_s, self.now_s)
            self.ended[seen.start_s] = seen

    @property
    def result(self) -> Run:
        """What came of it."""
        return Run(tuple(self.ended.values()), self.told_s, tuple(self.cpu_s), self.decoded, self.looks)


def in_full(units: Sequence[AccessUnit], fps: float) -> Run:
    """Every picture is decoded and looked at."""
    looking, observer = _Looking(len(units) / fps), Observer(EyeSettings().motion.hold_s)
    for number, unit in enumerate(units):
        at_s = number / fps
        answer = looking.run(Job(_CAMERA, (unit,), (at_s,), begins=unit.is_key, left=False, every_s=_EVERY_S), at_s)
        looking.now_s = at_s + _ANSWER_S
        for look in answer.looks:
            for seen in observer.take(look):
                looking.see(seen)
    return looking.result


def gated(units: Sequence[AccessUnit], fps: float) -> Run:
    """What the gate wants is decoded and looked at, one job after the other, each answered a little later."""
    looking = _Looking(len(units) / fps)
    watch = Watch(_CAMERA, EyeSettings(), Told(looking.see, lambda _: None, lambda: None), lambda _: None)
    due: list[tuple[float, Answer]] = []
    for number, unit in enumerate(units):
        at_s = looking.now_s = number / fps
        while due and due[0][0] <= at_s:
            watch.answered(due.pop(0)[1], at_s)
        began_s = time.process_time()
        watch.push(unit, is_sub=True)
        looking.cpu_s[int(at_s)] += time.process_time() - began_s
        if watch.has_work and not due:
            due.append((at_s + _ANSWER_S, looking.run(watch.job(at_s), at_s)))
    return looking.result


def compared(scene: Scene, weather: Weather, rate: Rate) -> Comparison:
    """Both ways on a scene under a weather, coded like this."""
    fps = scene.clip.fps
    units = [*encoded(weather.over(scene.frames(), fps), fps, rate)]
    full, with_gate = in_full(units, fps), gated(units, fps)
    delays_s = []
    for seen in full.observations:
        told_s = [with_gate.told_s[other.start_s] for other in with_gate.observations if _overlap(seen, other)]
        if told_s:
            delays_s.append(max(0.0, min(told_s) - full.told_s[seen.start_s]))
    added = sum(not any(_overlap(seen, other) for seen in full.observations) for other in with_gate.observations)
    minutes = len(units) / fps / 60
    return Comparison(weather.name, rate.name, minutes, full, with_gate, len(delays_s), tuple(delays_s), added)


def measure(minutes: float = 2.5) -> list[Comparison]:
    """All weathers, coded in all ways: about ten minutes on one core."""
    village = scene(clip_of("street", street(), FPS), 60 * minutes, quiet_s=25, seed=5)
    return [compared(village, weather, rate) for rate in RATES for weather in WEATHERS]


def _overlap(seen: Seen, other: Seen) -> bool:
    return seen.start_s - _NEAR_S <= other.end_s and other.start_s <= seen.end_s + _NEAR_S


def typical_day(comparisons: Iterable[Comparison]) -> float:
    """The cost of a typical day beside decoding in full: measured moving and not, weighed by its shares."""
    costs = [0.0, 0.0]
    for comparison in comparisons:
        for moving, share in ((True, TYPICAL_MOVING), (False, 1 - TYPICAL_MOVING)):
            for which, cpu_s in enumerate(comparison.cost_when(moving=moving)):
                costs[which] += TYPICAL_DAY[comparison.weather] * share * cpu_s
    return costs[0] / costs[1]
