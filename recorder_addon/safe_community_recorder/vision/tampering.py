"""Tampering: that a camera no longer sees what it should. Gray keyframes in, findings that last out."""

from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .gray import Gray
from .references import Likeness, Reference, View, begun, restored
from .structure import PATCH, Structure, noise_between, structure
from .symptoms import SEEN, Levels, Symptom, has_detail, levels_of, symptom_of

# Chroma in levels from neutral: surely colour, surely infrared light.
_COLOUR, _NEUTRAL = 2.0, 1.0
_LEARN_EVERY_S = 5.0
_LEARN = 0.6
_SURELY = 0.85
# A gap between looks after which the picture before says nothing.
_APART_S = 30.0
_TRAIL_S = 300.0
_LIT = 40.0
_ALIKE = 0.3


class Tampering(StrEnum):
    """What keeps a camera from seeing."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    DARK = "dark"
    BLINDED = "blinded"
    NO_SIGNAL = "no_signal"


_KINDS = {
    Symptom.DARK: Tampering.DARK,
    Symptom.BLINDED: Tampering.BLINDED,
    Symptom.COVERED: Tampering.COVERED,
    Symptom.HIDDEN: Tampering.COVERED,
    Symptom.DEFOCUSED: Tampering.DEFOCUSED,
    Symptom.MOVED: Tampering.MOVED,
    Symptom.FLAT: Tampering.COVERED,
}


@dataclass(frozen=True, slots=True)
class TamperingSettings:
    """How long what is seen must last, in seconds, to be found.

    `hidden_s`: what is partly hidden by something in focus (a lorry); `after_switch_s`: whatever shows first within
    `switch_s` of a change to or from infrared light, in which lenses lose their focus; `night_s`: longer than any
    night; `accept_s`: a view to which the camera was moved is its own after that; `again_s`: what comes back so soon
    is the same.
    """

    persistence_s: float = 15.0
    frozen_s: float = 15.0
    hidden_s: float = 120.0
    switch_s: float = 180.0
    after_switch_s: float = 30.0
    night_s: float = 18 * 3600.0
    accept_s: float = 12 * 3600.0
    calm_s: float = 8.0
    again_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What lasts now: since when, and how sure (0 … 1)."""

    kind: Tampering
    since_s: float
    score: float


@dataclass(slots=True)
class _Suspicion:
    """Something is wrong: since when, what the looks said, when the last was."""

    since_s: float
    last_s: float
    said: Counter[Symptom]
    worst: float = 0.0


class TamperingDetector:
    """One camera's. `observe` takes its keyframes in the order of time, one every 1 … 10 s."""

    def __init__(self, settings: TamperingSettings | None = None, references: bytes | None = None) -> None:
        self._settings = settings or TamperingSettings()
        self._view = (restored(references) if references else None) or View()
        self._shape: tuple[int, ...] | None = None
        self._candidate: View | None = None
        self._candidate_since_s = 0.0
        self._is_colour: bool | None = None
        self._dark_since_s: float | None = None
        self._is_night = False
        self._least_still_s = 0.0
        self._ended: Finding | None = None
        self._ended_s = float("-inf")
        self._begin()

    @property
    def references(self) -> bytes:
        """What is known of the view by day and by night: at most 100 kB, to be kept over a restart."""
        return self._view.kept()

    def forget(self) -> None:
        """The camera was away for a moment: persistence begins anew, what is known of the view stays."""
        self._begin()

    def _begin(self) -> None:
        self._before: Gray | None = None
        self._before_shape: Structure | None = None
        self._before_s = float("-inf")
        self._switched_s = float("-inf")
        self._still_since_s: float | None = None
        self._still_looks = 0
        self._learned_s = float("-inf")
        self._suspicion: _Suspicion | None = None
        self._finding: Finding | None = None
        self._trail: deque[tuple[float, float]] = deque()
        self._learning: Reference | None = None
        self._noise = 0.0

    def observe(self, gray: Gray, at_s: float, *, colour: float | None = None) -> tuple[Finding, ...]:
        """What lasts now. `colour`: how far chroma is from neutral in levels on average; None if nobody knows.

        A picture of another shape than what is known begins anew. Raises ValueError if it is smaller than 16 × 16.
        """
        if min(gray.shape) < PATCH:
            raise ValueError(f"a picture has at least {PATCH} × {PATCH} pixels, this one {gray.shape}")
        self._fit(gray)
        if at_s <= self._before_s or at_s - self._before_s > _APART_S:
            self._before = self._before_shape = None
        seen, levels = structure(gray), levels_of(gray)
        self._note_light(colour, at_s)
        self._note_stillness(gray, at_s)
        self._noise = noise_between(seen, self._before_shape) if self._before_shape is not None else 0.0
        found = self._view.best(seen, _SURELY, is_colour=self._is_colour is not False)
        symptom = self._symptom(seen, levels, found, at_s)
        if symptom in {Symptom.NONE, Symptom.OTHER_LIGHT}:
            self._learn(gray, seen, levels, found, at_s, symptom)
        self._consider(symptom, found, at_s)
        if self._finding is not None and self._finding.kind is Tampering.MOVED:
            self._accept(gray, seen, levels, at_s)
        else:
            self._candidate = None
        self._trail.append((at_s, levels.mean))
        while self._trail and at_s - self._trail[0][0] > _TRAIL_S:
            self._trail.popleft()
        self._before, self._before_shape, self._before_s = gray, seen, at_s
        return () if self._finding is None else (self._finding,)

    def _fit(self, gray: Gray) -> None:
        shape = gray.shape
        if self._shape != shape:
            self._shape = shape
            if any(reference.mean.shape != shape for reference in self._view.references):
                self._view = View()
            self._begin()

    def _note_light(self, colour: float | None, at_s: float) -> None:
        if colour is None or _NEUTRAL <= colour <= _COLOUR:
            return
        is_colour = colour > _COLOUR
        if self._is_colour is not None and is_colour != self._is_colour:
            self._switched_s = at_s
            self._learning = None
        self._is_colour = is_colour

    def _note_stillness(self, gray: Gray, at_s: float) -> None:
        """Follows since when the pictures are exactly the same."""
        if self._before is not None and np.array_equal(self._before, gray):
            if self._still_since_s is None:
                self._still_since_s, self._still_looks = self._before_s, 1
            self._still_looks += 1
            return
        if self._still_since_s is not None and self._finding is None:
            self._least_still_s = max(self._least_still_s, 2 * (self._before_s - self._still_since_s))
        self._still_since_s = None

    def _symptom(self, seen: Structure, levels: Levels, found: Likeness | None, at_s: float) -> Symptom:
        if levels.is_dark:
            return self._darkness(at_s)
        self._dark_since_s = None
        self._is_night = False
        if found is None:
            return Symptom.FLAT if levels.is_flat and self._still_since_s is not None else Symptom.NONE
        if found.kept < SEEN + 0.15 and levels.bright > found.reference.bright + 0.2:
            return Symptom.BLINDED
        if levels.is_flat:
            return Symptom.FLAT
        symptom = symptom_of(seen, self._before_shape, found)
        if symptom is Symptom.DEFOCUSED and at_s - self._switched_s < self._settings.switch_s:
            return Symptom.NONE if found.kept >= SEEN else Symptom.UNSURE
        if symptom in {Symptom.MOVED, Symptom.HIDDEN, Symptom.UNSURE} and self._is_first_of_its_light(found):
            before = self._before_shape
            if before is not None and has_detail(found.reference.shape, seen, before, found.lost):
                return Symptom.OTHER_LIGHT
        return symptom

    def _darkness(self, at_s: float) -> Symptom:
        """Whether a picture without light is somebody's deed, or the night."""
        if self._dark_since_s is None:
            self._dark_since_s = at_s
            lately = [mean for then_s, mean in self._trail if at_s - then_s > 20]
            self._is_night = not lately or float(np.median(lately)) < _LIT
        lasts_s = at_s - self._dark_since_s
        return Symptom.UNSURE if self._is_night and lasts_s < self._settings.night_s else Symptom.DARK

    def _is_first_of_its_light(self, found: Likeness) -> bool:
        """Whether the light has just been switched to one in which the view was never seen."""
        if self._is_colour is None or found.reference.is_colour == self._is_colour:
            return False
        return not any(known.is_learned and known.is_colour == self._is_colour for known in self._view.references)

    def _learn(
        self, gray: Gray, seen: Structure, levels: Levels, found: Likeness | None, at_s: float, symptom: Symptom
    ) -> None:
        is_colour = self._is_colour is not False
        reference = self._learning
        if reference is None:
            fits = found is not None and symptom is Symptom.NONE and found.reference.is_colour == is_colour
            if fits and found is not None:
                reference = found.reference
                self._view.prefer(reference)
            else:
                reference = begun(gray, seen, levels.bright, self._noise, is_colour=is_colour)
                self._view.add(reference)
                self._learned_s = at_s
            self._learning = reference
        elif found is not None and found.reference is not reference and reference.is_learned:
            self._learning = reference = found.reference if symptom is Symptom.NONE else None
        if reference is None or self._finding is not None or self._suspicion is not None:
            return
        due_s = _LEARN_EVERY_S if reference.is_learned else 0.5
        kept = 1.0 if found is None or found.reference is not reference else found.kept
        if at_s - self._learned_s < due_s or kept < _LEARN:
            return
        elapsed_s = min(at_s - self._learned_s, at_s - self._before_s if self._before is not None else 1.0, 30.0)
        if reference.is_learned:
            elapsed_s = min(at_s - self._learned_s, 30.0)
        reference.learn(gray, seen, levels.bright, self._noise, elapsed_s, quickly=kept < _SURELY)
        self._learned_s = at_s

    def _consider(self, symptom: Symptom, found: Likeness | None, at_s: float) -> None:
        settings = self._settings
        still = self._stillness(symptom, at_s)
        if still is not None:
            self._tell(still, self._still_since_s or at_s, 1.0, at_s)
            if self._suspicion is not None:
                self._suspicion.last_s = at_s
            return
        if symptom in {Symptom.NONE, Symptom.OTHER_LIGHT} or (symptom is Symptom.UNSURE and self._suspicion is None):
            self._calm(at_s)
            return
        kept = 0.0 if found is None else found.kept
        suspicion = self._suspicion
        if suspicion is None:
            suspicion = self._suspicion = _Suspicion(at_s, at_s, Counter())
        suspicion.last_s = at_s
        suspicion.worst = max(suspicion.worst, 1 - kept)
        if symptom is not Symptom.UNSURE:
            suspicion.said[symptom] += 1
        if not suspicion.said:
            return
        most = suspicion.said.most_common(1)[0][0]
        needed_s = settings.hidden_s if most is Symptom.HIDDEN else settings.persistence_s
        if suspicion.since_s - self._switched_s < settings.switch_s:
            needed_s = max(needed_s, settings.after_switch_s)
        if at_s - suspicion.since_s >= needed_s and suspicion.said[most] >= 2:
            kind = self._finding.kind if self._finding is not None else _KINDS[most]
            self._tell(kind, suspicion.since_s, 0.5 + 0.5 * min(1.0, suspicion.worst), at_s)

    def _stillness(self, symptom: Symptom, at_s: float) -> Tampering | None:
        """What a picture that is exactly the same for long says."""
        if self._still_since_s is None or self._still_looks < 3 or symptom is Symptom.DARK or self._is_night:
            return None
        if at_s - self._still_since_s < max(self._settings.frozen_s, min(self._least_still_s, 120.0)):
            return None
        return Tampering.FROZEN if symptom in {Symptom.NONE, Symptom.OTHER_LIGHT} else Tampering.NO_SIGNAL

    def _tell(self, kind: Tampering, since_s: float, score: float, at_s: float) -> None:
        ended = self._ended
        soon_s = self._settings.again_s + self._settings.persistence_s
        if self._finding is None and ended is not None and ended.kind is kind and at_s - self._ended_s <= soon_s:
            since_s = ended.since_s
        if self._finding is not None:
            if kind is self._finding.kind:
                since_s = self._finding.since_s
            elif since_s <= self._finding.since_s:
                since_s = at_s
        self._finding = Finding(kind, since_s, score)

    def _calm(self, at_s: float) -> None:
        suspicion = self._suspicion
        if self._finding is not None and suspicion is None:
            self._end(at_s)
        elif suspicion is not None and at_s - suspicion.last_s >= (self._settings.calm_s if self._finding else 0):
            self._suspicion = None
            self._end(at_s)

    def _end(self, at_s: float) -> None:
        if self._finding is not None:
            self._ended, self._ended_s = self._finding, at_s
        self._finding = None

    def _accept(self, gray: Gray, seen: Structure, levels: Levels, at_s: float) -> None:
        """Learns the view to which the camera was moved; it is its own after long enough."""
        is_colour = self._is_colour is not False
        if self._candidate is None:
            self._candidate = View([begun(gray, seen, levels.bright, self._noise, is_colour=is_colour)])
            self._candidate_since_s = self._learned_s = at_s
            return
        if at_s - self._learned_s < _LEARN_EVERY_S:
            return
        found = self._candidate.best(seen, _SURELY, is_colour=is_colour)
        current = self._candidate.references[0]
        if found is not None and found.kept < SEEN:
            if found.kept_reversed < SEEN and current.is_colour == is_colour:
                self._candidate = None
                return
            current = begun(gray, seen, levels.bright, self._noise, is_colour=is_colour)
            self._candidate.add(current)
        elif found is not None:
            current = found.reference
        current.learn(gray, seen, levels.bright, self._noise, at_s - self._learned_s, quickly=False)
        self._learned_s = at_s
        if at_s - self._candidate_since_s >= self._settings.accept_s:
            self._view, self._candidate, self._learning = self._candidate, None, None
            self._suspicion = None
            self._end(at_s)
