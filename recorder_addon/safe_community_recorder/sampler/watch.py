"""One camera, as it is looked at: which of its pictures are to be decoded, and what was seen in them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..media.video import AccessUnit
from ..vision.eye import EyeSettings, Look
from ..vision.gate import Gate
from ..vision.observer import MOTION, Observer, Seen
from .instants import Instants
from .wording import Answer, Job

# A keyframe that comes so little before its time is as good.
_EARLY_S = 0.5
# Where there is no sub-stream, the main stream is decoded for so long to see what made its pictures larger …
_BURST_S = 3.0
# … if they are no larger than this: decoding 4K in full is not worth it.
_MOST_BURST_PIXELS = 2560 * 1440
# As with live streams: what a group may hold for somebody who comes late.
_GROUP_UNITS = 1_000
_GROUP_BYTES = 8 << 20
# A look that came so late, or not at all, is one that the budget did not allow.
_LATE_S = 2.0
_REDUCED_FOR_S = 60.0
_MINUTE_S = 60.0


class Sampling(StrEnum):
    """How a camera is looked at."""

    FULL = "full"
    REDUCED = "reduced"
    """Less often than wanted: the budget is used up."""
    OFF = "off"
    """Nobody wants it, or there are no pictures."""
    FAILED = "failed"
    """Its pictures cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what of a camera: `seen` observations, `looked` each look, `changed` that its state is another."""

    seen: Callable[[Seen], None]
    looked: Callable[[Look], None]
    changed: Callable[[], None]


class _Group:
    """A group of pictures: those that have come, how many of them are wanted, and which is the next to be decoded.

    Of one that `is_cut` (too much to keep) no more pictures are taken. The decoder has left one that `is_left`: to see
    more of it begins with the keyframe again.
    """

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.at_s: list[float] = []
        self.size_bytes = 0
        self.is_cut = False
        self.next = self.wanted = 0
        self.is_left = False

    def add(self, unit: AccessUnit, at_s: float) -> None:
        """The next picture. A group begins with a keyframe."""
        if self.is_cut or not (self.units or unit.is_key):
            return
        self.units.append(unit)
        self.at_s.append(at_s)
        self.size_bytes += len(unit.data)
        self.is_cut = len(self.units) > _GROUP_UNITS or self.size_bytes > _GROUP_BYTES

    def want_everything(self) -> None:
        """All that has come so far is to be looked at."""
        if not self.is_cut:
            self.wanted = len(self.units)
            if self.is_left:
                self.next, self.is_left = 0, False

    def forget(self) -> None:
        """Nothing of it is decoded, and nothing is wanted."""
        self.next = self.wanted = 0
        self.is_left = False

    def give_up(self) -> None:
        """Nothing more of it is wanted."""
        self.is_cut = True
        self.wanted = self.next

    @property
    def has_work(self) -> bool:
        """Something that is wanted is not decoded."""
        return self.wanted > self.next


class Watch:
    """One camera's pictures on their way to vision. `wants` is called when there is something to decode.

    Everything happens in the event loop, and nothing here ever waits.
    """

    def __init__(self, camera_id: str, settings: EyeSettings, told: Told, wants: Callable[[Watch], None]) -> None:
        self.camera_id = camera_id
        self.served_s = float("-inf")
        self.references = b""
        self.is_told = False
        self._told = told
        self._wants = wants
        self._observer = _observer(settings)
        self.settings = settings
        self._looks: deque[float] = deque()
        self._reduced_until_s = float("-inf")
        self._banned_until_s = float("-inf")
        self._bans = 0
        self._problem: str | None = None
        self._moving = False
        self._state: tuple[Sampling, str | None] = Sampling.OFF, None
        self._is_sub: bool | None = None
        self._group = _Group()
        self._wanted_key_s = self._suspicious_since_s = float("-inf")
        self._suspicious = False
        self._begin(is_sub=None)

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def is_sub(self) -> bool | None:
        """Whether the sub-stream is looked at; None while nothing is."""
        return self._is_sub

    @property
    def problem(self) -> str | None:
        """Why its pictures cannot be decoded."""
        return self._problem

    def sampling(self, now_s: float) -> Sampling:
        """How it is looked at."""
        if self._is_sub is None:
            return Sampling.OFF
        if self._problem is not None:
            return Sampling.FAILED
        return Sampling.REDUCED if now_s < self._reduced_until_s else Sampling.FULL

    def looks_per_minute(self, now_s: float) -> int:
        """How many pictures were looked at within the last minute."""
        while self._looks and now_s - self._looks[0] >= _MINUTE_S:
            self._looks.popleft()
        return len(self._looks)

    # --- pictures come ------------------------------------------------------------------------------------------------

    def push(self, unit: AccessUnit, *, is_sub: bool) -> None:
        """The next picture of the stream that is looked at."""
        if is_sub is not self._is_sub:
            self._begin(is_sub=is_sub)
        at_s = self._instants.of(unit)
        suspicious = self._gate.take(len(unit.data), unit.is_key, at_s)
        if suspicious and not self._suspicious:
            self._suspicious_since_s = at_s
        self._suspicious = suspicious
        if unit.is_key:
            if self._group.has_work:
                self._reduced(at_s)
            self._group = _Group()
        group = self._group
        group.add(unit, at_s)
        if unit.is_key and (suspicious or at_s - self._wanted_key_s >= self._gate.beat_s - _EARLY_S):
            group.wanted, self._wanted_key_s = 1, at_s
        if suspicious and self._may_be_seen_in_full(unit, at_s):
            group.want_everything()
            self._every_s = self._gate.every_s
        if group.has_work and at_s >= self._banned_until_s:
            self._wants(self)

    def _may_be_seen_in_full(self, unit: AccessUnit, at_s: float) -> bool:
        if self._is_sub:
            return True
        if unit.video.width * unit.video.height > _MOST_BURST_PIXELS:
            return False
        return not self._moving and at_s - self._suspicious_since_s < _BURST_S

    @property
    def has_work(self) -> bool:
        """Something is to be decoded."""
        return self._group.has_work

    def job(self, now_s: float) -> Job:
        """What is to be decoded now; it counts as done."""
        group = self._group
        begins, part = group.next == 0, slice(group.next, group.wanted)
        if not begins and now_s - group.at_s[group.next] > _LATE_S:
            self._reduced(now_s)
        group.next = group.wanted
        group.is_left = begins and group.wanted == 1
        self.served_s = now_s
        units, at_s = tuple(group.units[part]), tuple(group.at_s[part])
        return Job(self.camera_id, units, at_s, begins, group.is_left, self._every_s)

    # --- what was seen ------------------------------------------------------------------------------------------------

    def answered(self, answer: Answer, now_s: float) -> None:
        """What was seen in them."""
        if self._is_sub is None:
            # The camera has gone in the meantime: what moved has ended.
            return
        if answer.is_lost:
            # Beginning again with every picture would cost the more the longer the group is.
            self._group.give_up()
        if answer.looks:
            self._problem, self._bans = None, 0
        elif answer.problem is not None:
            self._problem = answer.problem
        for look in answer.looks:
            self._looks.append(now_s)
            self._moving = look.motion.moving
            self._gate.seen(look.motion.moving, look.motion.suspicious, look.at_s)
            self._told.looked(look)
            for seen in self._observer.take(look):
                self._told.seen(seen)
        self.looks_per_minute(now_s)
        self._tell(now_s)

    def killed(self, now_s: float) -> None:
        """The process died of its pictures: they are left alone for a while, longer each time."""
        self._bans += 1
        self._banned_until_s = now_s + min(3_600.0, 30.0 * 2**self._bans)
        self._problem = "its pictures made the decoder end; it is tried again later"
        self._tell(now_s)

    def restarted(self) -> None:
        """Another process begins: it knows nothing of the group, nor of what moved."""
        self.is_told = False
        self._moving = False
        self._told_ended((MOTION,))
        self._group.forget()
        self._wanted_key_s = float("-inf")

    def blind(self, now_s: float, kinds: tuple[str, ...] | None = None) -> None:
        """There are no pictures any more: what lasts of these kinds (all, if none are named) ends."""
        self._begin(is_sub=None)
        self._told_ended(kinds)
        self._moving = False
        self._tell(now_s)

    def change(self, settings: EyeSettings, now_s: float) -> None:
        """It is to be looked at otherwise from now on."""
        self.blind(now_s)
        self.settings, self._observer = settings, _observer(settings)
        self.is_told = False

    def _told_ended(self, kinds: tuple[str, ...] | None) -> None:
        for seen in self._observer.end(kinds):
            self._told.seen(seen)

    def _begin(self, *, is_sub: bool | None) -> None:
        self._is_sub = is_sub
        self._gate, self._instants = Gate(amid_groups=bool(is_sub)), Instants()
        self._every_s = self._gate.every_s
        self._group = _Group()
        self._wanted_key_s = self._suspicious_since_s = float("-inf")
        self._suspicious = False

    def _reduced(self, at_s: float) -> None:
        self._reduced_until_s = at_s + _REDUCED_FOR_S

    def _tell(self, now_s: float) -> None:
        state = (self.sampling(now_s), self._problem)
        if state != self._state:
            self._state = state
            self._told.changed()


def _observer(settings: EyeSettings) -> Observer:
    return Observer(settings.motion.hold_s, has_zones=bool(settings.motion.zones))
