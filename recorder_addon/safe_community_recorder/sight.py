"""What is seen of one camera: by looking at its pictures, and by noticing that there are none or that its clock is off.

Observations go to the archive and to whoever listens; activity goes to the archive once a minute.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .archive.activity import ActivitySecond
from .archive.timeline import Observation
from .clock import EARLIEST_US, HostClock
from .config import Camera
from .media.video import AccessUnit
from .sampler.activity import ActivityLog
from .sampler.sampler import Sampler, now_s
from .sampler.watch import Sampling, Told
from .utc import SECOND_US
from .vision.eye import Look
from .vision.observer import MOTION, Seen

NO_SIGNAL = "no_signal"
CLOCK_WRONG = "clock_wrong"

_AWAY_S = 60.0
_CLOCK_OFF_S = 30.0
_CLOCK_RIGHT_S = 25.0
_CLOCK_PERSISTS_S = 60.0
_ACTIVITY_EVERY_S = 60.0
_TOLD_EVERY_S = 60.0
# A look is of an instant; what was seen in a single one was there for a moment.
_LEAST_US = SECOND_US // 5


@dataclass(frozen=True, slots=True)
class Kept:
    """Who takes what was seen: an observation as it is now, a camera's seconds, and that the state has changed."""

    observation: Callable[[Observation], None]
    activity: Callable[[Sequence[ActivitySecond]], None]
    changed: Callable[[], None]


class Sight:
    """One camera's. Everything happens in the event loop, and nothing here ever waits."""

    def __init__(self, camera: Camera, sampler: Sampler, host: HostClock, kept: Kept) -> None:
        self._camera = camera
        self._sampler = sampler
        self._host = host
        self._kept = kept
        told = Told(self._seen, self._looked, kept.changed)
        self._watch = sampler.watch(camera.id, camera.vision.eye, told)
        self._begun: dict[tuple[str, str | None], tuple[float, int]] = {}
        self._activity = ActivityLog()
        self._activity_due_s = now_s() + _ACTIVITY_EVERY_S
        self._missing: asyncio.TimerHandle | None = None
        self._without_since_s: float | None = None
        self._no_signal: Seen | None = None
        self._clock_off_since_s: float | None = None
        self._clock_wrong: Seen | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether anybody wants the camera to be looked at."""
        return self._camera.vision.enabled and not self._sampler.idle

    def as_json(self) -> dict[str, object]:
        """Its part of openapi.json's CameraState."""
        now, watch = now_s(), self._watch
        kinds = dict.fromkeys(kind for kind, _ in self._begun if kind != MOTION)
        sampling = watch.sampling(now)
        return {
            "motion": any(kind == MOTION for kind, _ in self._begun),
            "tampering": list(kinds),
            "vision": {
                "sampling": sampling.value,
                "source": None if watch.is_sub is None else "sub_stream" if watch.is_sub else "main_stream",
                "looks_per_minute": watch.looks_per_minute(now),
                "budget_used": None if sampling is Sampling.OFF else round(self._sampler.budget_used, 2),
                "problem": watch.problem,
            },
        }

    # --- what comes ---------------------------------------------------------------------------------------------------

    def push(self, unit: AccessUnit, *, is_sub: bool) -> None:
        """The next picture of the stream that is looked at."""
        if self.is_wanted:
            self._watch.push(unit, is_sub=is_sub)

    def without(self) -> None:
        """The camera gives nothing any more. After a minute that is told."""
        if self._without_since_s is None:
            self._without_since_s = now_s()
            self._watch.blind(self._without_since_s, (MOTION,))
            self._missing = asyncio.get_running_loop().call_later(_AWAY_S, self._missed)

    def back(self) -> None:
        """The camera is there."""
        since_s, self._without_since_s = self._without_since_s, None
        if self._missing is not None:
            self._missing.cancel()
            self._missing = None
        if self._no_signal is not None:
            self._end(self._no_signal)
            self._no_signal = None
        if since_s is not None and now_s() - since_s > _AWAY_S:
            self._sampler.forget(self._watch)

    def clock(self, offset_s: float | None) -> None:
        """What the camera's clock is off the host's, each time it is known; None: it does not tell."""
        at_s = now_s()
        off_s = abs(offset_s or 0.0)
        if self._clock_wrong is not None:
            if off_s < _CLOCK_RIGHT_S:
                self._end(self._clock_wrong)
                self._clock_wrong = self._clock_off_since_s = None
            else:
                self._clock_wrong = self._goes_on(self._clock_wrong)
        elif off_s < _CLOCK_OFF_S:
            self._clock_off_since_s = None
        elif self._clock_off_since_s is None:
            self._clock_off_since_s = at_s
        elif at_s - self._clock_off_since_s >= _CLOCK_PERSISTS_S:
            self._clock_wrong = Seen(CLOCK_WRONG, self._clock_off_since_s, at_s, 1.0, None, at_s)
            self._seen(self._clock_wrong)

    def blind(self) -> None:
        """Nobody is to look any more: what lasts ends, what was seen is kept."""
        self._watch.blind(now_s())
        self.back()
        if self._clock_wrong is not None:
            self._end(self._clock_wrong)
            self._clock_wrong = self._clock_off_since_s = None
        self._keep_activity(everything=True)

    def change(self, camera: Camera) -> None:
        """The camera's entry is another."""
        former, self._camera = self._camera, camera
        if former.vision != camera.vision:
            self._watch.change(camera.vision.eye, now_s())

    def close(self, *, for_good: bool) -> None:
        """The recorder ends, or the camera is gone `for_good`."""
        self.blind()
        self._sampler.let_go(self._watch, for_good=for_good)

    # --- what was seen ------------------------------------------------------------------------------------------------

    def _missed(self) -> None:
        """A minute without pictures has passed, or another one."""
        since_s = self._without_since_s
        if since_s is None:
            return
        if self._no_signal is None:
            self._watch.blind(now_s())
            self._no_signal = Seen(NO_SIGNAL, since_s, now_s(), 1.0, None, since_s)
            self._seen(self._no_signal)
        else:
            self._no_signal = self._goes_on(self._no_signal)
        self._missing = asyncio.get_running_loop().call_later(_TOLD_EVERY_S, self._missed)

    def _goes_on(self, seen: Seen) -> Seen:
        at_s = now_s()
        if at_s - seen.end_s < _TOLD_EVERY_S:
            return seen
        seen = Seen(seen.kind, seen.start_s, at_s, seen.score, None, seen.still_s)
        self._seen(seen)
        return seen

    def _end(self, seen: Seen) -> None:
        self._seen(Seen(seen.kind, seen.start_s, now_s(), seen.score, None, seen.still_s, lasting=False))

    def _looked(self, look: Look) -> None:
        # As with footage: what cannot be dated is not kept.
        if not self._host.is_set:
            return
        self._activity.add(look, look.at_s + self._host.offset_us / SECOND_US)
        if look.at_s >= self._activity_due_s:
            self._activity_due_s = look.at_s + _ACTIVITY_EVERY_S
            self._keep_activity(everything=False)

    def _keep_activity(self, *, everything: bool) -> None:
        seconds = self._activity.take(everything=everything)
        if seconds:
            self._kept.activity([ActivitySecond(one.at_s, one.activity, one.blocks) for one in seconds])

    def _seen(self, seen: Seen) -> None:
        key = seen.kind, seen.zone
        start_s, start_us = self._begun.get(key, (None, 0))
        if start_s != seen.start_s or start_us < EARLIEST_US:
            start_us = self._utc_us(seen.start_s)
        known = {*self._begun}
        if seen.lasting:
            self._begun[key] = seen.start_s, start_us
        else:
            self._begun.pop(key, None)
        end_us = max(self._utc_us(seen.end_s), start_us + _LEAST_US)
        still_us = max(start_us, self._utc_us(seen.still_s))
        score = round(min(1.0, max(0.0, seen.score)), 3)
        observation = Observation(start_us, end_us, seen.kind, score, seen.zone, still_us, seen.lasting)
        if self._host.is_set:
            self._kept.observation(observation)
        if known != {*self._begun}:
            self._kept.changed()

    def _utc_us(self, at_s: float) -> int:
        return self._host.utc_us(round(at_s * SECOND_US))
