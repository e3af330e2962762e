"""Says in Home Assistant's system information how its recorders do."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .data import loaded_entries
from .errors import API_VERSION
from .storage import StorageState


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is told."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    known = hass.config_entries.async_entries(DOMAIN, include_disabled=False)
    loaded = [entry.runtime_data for entry in loaded_entries(hass)]
    there = [data for data in loaded if data.coordinator.last_update_success]
    cameras = [camera for data in there for camera in data.recorder.cameras.values()]
    storages = [data.recorder.storage for data in there if data.recorder.storage is not None]
    return {
        "recorders": f"{len(there)}/{len(known)}",
        "versions": ", ".join(sorted({data.recorder.info.version for data in loaded})) or "–",
        "api_version": API_VERSION,
        "cameras": f"{sum(camera.state.recording for camera in cameras)}/{len(cameras)}",
        "archives": f"{sum(storage.state is StorageState.OK for storage in storages)}/{len(there)}",
    }
