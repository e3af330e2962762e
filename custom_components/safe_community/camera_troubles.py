"""Knows what is wrong with cameras that a person has to put right; the same at many cameras is one trouble. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homeassistant.helpers.issue_registry import IssueSeverity

from .coordinator import Recorder
from .documents import CameraState, Connection
from .troubles import Trouble

# So many are named; of the others only how many there are.
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A trouble that cameras may have, and how bad it is."""

    has: Callable[[CameraState], bool]
    severity: IssueSeverity


KINDS: Final[Mapping[str, Kind]] = {
    "camera_refused": Kind(lambda state: state.connection is Connection.REFUSED, IssueSeverity.ERROR),
    "camera_unsupported": Kind(lambda state: state.connection is Connection.UNSUPPORTED, IssueSeverity.ERROR),
    "camera_clock_wrong": Kind(lambda state: "clock_wrong" in state.tampering, IssueSeverity.WARNING),
    "camera_h265": Kind(lambda state: state.codec == "h265", IssueSeverity.WARNING),
}


def of_cameras(recorder: Recorder) -> list[Trouble]:
    """Return what is wrong with cameras, one trouble for each kind."""
    troubles = []
    for name, kind in KINDS.items():
        found = sorted(
            f"{camera.eldership.name}, {camera.name}" for camera in recorder.cameras.values() if kind.has(camera.state)
        )
        if found:
            left = len(found) - MOST_NAMED
            lines = [f"- {title}" for title in found[:MOST_NAMED]] + ([f"- + {left}"] if left > 0 else [])
            placeholders = {"recorder": recorder.info.name, "cameras": "\n".join(lines), "count": str(len(found))}
            troubles.append(Trouble(id=name, translation_key=name, placeholders=placeholders, severity=kind.severity))
    return troubles
