"""Who asks, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or what acts in nobody's name; `reason` is what was given for looking or doing."""

    name: str
    reason: str | None = None


RECORDER = Actor("recorder")
"""The recorder itself, by its rules."""

CAMERA_FILE = Actor("camera file")
"""Whoever may write to the camera file's disk."""
