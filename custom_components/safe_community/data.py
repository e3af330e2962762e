"""What a loaded config entry carries, and how to find the loaded entries."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .client import RecorderClient
from .const import DOMAIN
from .coordinator import Recorder, RecorderCoordinator
from .documents import RecorderCamera
from .incidents.desk import IncidentDesk
from .traces import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeCommunityData:
    """The parts of one recorder in Home Assistant."""

    client: RecorderClient
    coordinator: RecorderCoordinator
    desk: IncidentDesk
    traces: Traces

    @property
    def recorder(self) -> Recorder:
        """Return what is known of the recorder now."""
        return self.coordinator.data

    def camera(self, camera_id: str) -> RecorderCamera | None:
        """Return a camera by its id."""
        return self.recorder.cameras.get(camera_id)


type SafeCommunityConfigEntry = ConfigEntry[SafeCommunityData]


@callback
def loaded_entries(hass: HomeAssistant) -> list[SafeCommunityConfigEntry]:
    """Return the recorders that are set up, in the order of their names."""
    return sorted(hass.config_entries.async_loaded_entries(DOMAIN), key=lambda entry: (entry.title, entry.entry_id))


@callback
def loaded_entry(hass: HomeAssistant, entry_id: str) -> SafeCommunityConfigEntry | None:
    """Return a recorder that is set up, by its entry's id."""
    return next((entry for entry in loaded_entries(hass) if entry.entry_id == entry_id), None)
