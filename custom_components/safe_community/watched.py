"""The entities that triggers and conditions watch, and what their states mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import probatio
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .documents import Connection
from .targets import entities_in

CONF_KINDS: Final = "kinds"
TAMPERING_KINDS: Final = ("covered", "defocused", "moved", "frozen", "dark", "blinded", "no_signal", "clock_wrong")
KINDS_SCHEMA: Final = {probatio.Optional(CONF_KINDS, default=[]): [probatio.In(TAMPERING_KINDS)]}
# A camera that is being connected to is not away yet; all of them are that when the recorder starts.
_AWAY: Final = frozenset({Connection.UNREACHABLE, Connection.REFUSED, Connection.UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class Watched:
    """One entity that every camera or every recorder has."""

    domain: str
    key: str

    def fits(self, registered: er.RegistryEntry | None) -> bool:
        """Say whether an entity is one of these."""
        return (
            registered is not None
            and registered.platform == DOMAIN
            and registered.domain == self.domain
            and registered.unique_id.endswith(f"_{self.key}")
        )


MOTION: Final = Watched(Platform.BINARY_SENSOR, "motion")
TAMPERING: Final = Watched(Platform.BINARY_SENSOR, "tampering")
CONNECTIVITY: Final = Watched(Platform.BINARY_SENSOR, "connectivity")
CAMERA: Final = Watched(Platform.CAMERA, "camera")
PAUSE: Final = Watched(Platform.SWITCH, "recording_switch")
ARCHIVE: Final = Watched(Platform.BINARY_SENSOR, "archive_problem")
RETENTION: Final = Watched(Platform.BINARY_SENSOR, "retention_met")


@callback
def watched_in(hass: HomeAssistant, watched: Watched, target: dict[str, Any]) -> set[str]:
    """Return which of these entities a target means: also those below the devices that it names."""
    registry = er.async_get(hass)
    return {entity_id for entity_id in entities_in(hass, target) if watched.fits(registry.async_get(entity_id))}


def is_away(state: State) -> bool:
    """Say whether a camera's connectivity says that it is away, and not only being connected to."""
    return state.attributes.get("connection") in _AWAY


def is_tampered(state: State, kinds: Iterable[str]) -> bool:
    """Say whether a camera is tampered with, in one of these ways or, without any, in whatever way."""
    if state.state != "on":
        return False
    wanted = set(kinds)
    return not wanted or not wanted.isdisjoint(state.attributes.get("kinds", ()))
