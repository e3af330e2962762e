"""Observations out of looks: what begins, goes on and ends."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .eye import Look

MOTION = "motion"

# An observation that lasts is told again after so long, with its end so far.
_TOLD_EVERY_S = 60.0
# What nobody has looked at for so long is over.
_UNSEEN_S = 30.0
# Movement counts from its first sign, if that was not longer ago than this when it was sure.
_SIGNS_S = 5.0

type _Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation: a kind of thing, from … to (so far, while `lasting`), how surely, where, and its best picture.

    Times are on the clock of the looks. `zone` is None where the camera has no zones.
    """

    kind: str
    start_s: float
    end_s: float
    score: float
    zone: str | None
    still_s: float
    lasting: bool = True


@dataclass(slots=True)
class _Course:
    """One that lasts; `weight` is that of its best picture."""

    seen: Seen
    weight: float
    told_s: float


class Observer:
    """Assembles one camera's observations. Movement has one for each zone in which it is, if there are zones.

    Movement is over when it was not seen for `hold_s`, tampering as soon as it is not found any more.
    """

    def __init__(self, hold_s: float, *, has_zones: bool = False) -> None:
        self._hold_s = hold_s
        self._has_zones = has_zones
        self._courses: dict[_Key, _Course] = {}
        self._first_sign_s: float | None = None
        self._looked_s = float("inf")

    @property
    def lasting(self) -> tuple[str, ...]:
        """The kinds of what lasts now."""
        return tuple(dict.fromkeys(kind for kind, _ in self._courses))

    def take(self, look: Look) -> list[Seen]:
        """What began with this look, has ended, or is to be told again because it lasts long."""
        told = self.end([MOTION]) if look.at_s - self._looked_s > _UNSEEN_S else []
        self._looked_s = look.at_s
        told += self._moving(look)
        if look.findings is not None:
            told += self._found(look)
        return told

    def end(self, kinds: Iterable[str] | None = None) -> list[Seen]:
        """What lasts of these kinds (of all, if none are named) ends where it was seen last."""
        wanted = None if kinds is None else set(kinds)
        self._first_sign_s = None
        return [self._ended(key) for key in [*self._courses] if wanted is None or key[0] in wanted]

    def _moving(self, look: Look) -> list[Seen]:
        motion, at_s = look.motion, look.at_s
        told = []
        if motion.activity > 0 and motion.moving:
            begin_s = at_s if self._first_sign_s is None else max(self._first_sign_s, at_s - _SIGNS_S)
            for zone in motion.zones if self._has_zones else (None,):
                told += self._goes_on((MOTION, zone), begin_s, at_s, motion.score, motion.score * motion.activity)
        if motion.activity == 0:
            self._first_sign_s = None
        elif self._first_sign_s is None:
            self._first_sign_s = at_s
        for key, course in [*self._courses.items()]:
            if key[0] == MOTION and (not motion.moving or at_s - course.seen.end_s > self._hold_s):
                told.append(self._ended(key))
        return told

    def _found(self, look: Look) -> list[Seen]:
        findings = look.findings or ()
        kinds = {finding.kind.value for finding in findings}
        told = [self._ended(key) for key in [*self._courses] if key[0] != MOTION and key[0] not in kinds]
        for finding in findings:
            begin_s = min(finding.since_s, look.at_s)
            told += self._goes_on((finding.kind.value, None), begin_s, look.at_s, finding.score, finding.score)
        return told

    def _goes_on(self, key: _Key, begin_s: float, at_s: float, score: float, weight: float) -> list[Seen]:
        course = self._courses.get(key)
        if course is None:
            kind, zone = key
            seen = Seen(kind, begin_s, at_s, score, zone, at_s)
            self._courses[key] = _Course(seen, weight, at_s)
            return [seen]
        course.seen = replace(course.seen, end_s=at_s, score=max(score, course.seen.score))
        if weight > course.weight:
            course.seen, course.weight = replace(course.seen, still_s=at_s), weight
        if at_s - course.told_s < _TOLD_EVERY_S:
            return []
        course.told_s = at_s
        return [course.seen]

    def _ended(self, key: _Key) -> Seen:
        return replace(self._courses.pop(key).seen, lasting=False)
