"""One camera's detectors together: a gray picture in, what it shows out."""

from dataclasses import dataclass, field

from .gray import Gray
from .motion import Motion, MotionDetector, MotionSettings
from .tampering import Finding, TamperingDetector

# Tampering lasts; more often than this it need not be looked for.
_TAMPERING_EVERY_S = 0.9


@dataclass(frozen=True, slots=True)
class EyeSettings:
    """How one camera is looked at."""

    motion: MotionSettings = field(default_factory=MotionSettings)
    tampering: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture says. `findings` is None when tampering was not looked for in it.

    `at_s` is the picture's instant on any clock that runs steadily.
    """

    at_s: float
    motion: Motion
    findings: tuple[Finding, ...] | None


class Eye:
    """Looks at one camera's pictures in the order of their time. `references` is what an earlier eye of it knew."""

    def __init__(self, settings: EyeSettings | None = None, references: bytes | None = None) -> None:
        self._settings = settings or EyeSettings()
        self._motion = MotionDetector(self._settings.motion)
        self._tampering = TamperingDetector(references=references) if self._settings.tampering else None
        self._tampering_due_s = float("-inf")

    def look(self, gray: Gray, at_s: float, *, is_key: bool, colour: float | None = None) -> Look:
        """What a picture says; only keyframes are looked at for tampering.

        `colour` is how far its colours are from gray, in levels on average; None if nobody knows.
        """
        findings = None
        if is_key and self._tampering is not None and at_s >= self._tampering_due_s:
            findings = self._tampering.observe(gray, at_s, colour=colour)
            self._tampering_due_s = at_s + _TAMPERING_EVERY_S
        return Look(at_s, self._motion.observe(gray, at_s), findings)

    def forget(self) -> None:
        """The camera was away: what it shows now is learned anew."""
        self._motion.forget()
        self._tampering_due_s = float("-inf")
        if self._tampering is not None:
            self._tampering.forget()

    @property
    def references(self) -> bytes | None:
        """What it knows of the view, to be kept over a restart."""
        return None if self._tampering is None else self._tampering.references
