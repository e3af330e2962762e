"""Mirrors the recorder, its elderships and its cameras in Home Assistant's device registry."""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType

from .const import DOMAIN
from .coordinator import Recorder
from .data import SafeCommunityConfigEntry
from .documents import RecorderCamera

MANUFACTURER: Final = "Safe Community"


def recorder_identifier(recorder: Recorder) -> tuple[str, str]:
    """Return the recorder's identifier in the registry."""
    return (DOMAIN, recorder.info.recorder_id)


def eldership_identifier(recorder: Recorder, eldership_id: str) -> tuple[str, str]:
    """Return an eldership's identifier; no camera's can be the same, for "_" is not in a camera's id."""
    return (DOMAIN, f"{recorder.info.recorder_id}_eldership_{eldership_id}")


def camera_identifier(recorder: Recorder, camera_id: str) -> tuple[str, str]:
    """Return a camera's identifier in the registry."""
    return (DOMAIN, f"{recorder.info.recorder_id}_{camera_id}")


@callback
def async_mirror(hass: HomeAssistant, entry: SafeCommunityConfigEntry, recorder: Recorder) -> None:
    """Create, rename and remove devices until the registry shows what the recorder has."""
    registry = dr.async_get(hass)
    hub = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={recorder_identifier(recorder)},
        name=recorder.info.name,
        manufacturer=MANUFACTURER,
        sw_version=recorder.info.version,
        entry_type=DeviceEntryType.SERVICE,
    )
    wanted = {hub.id}
    for eldership in recorder.elderships.values():
        place = registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={eldership_identifier(recorder, eldership.id)},
            name=eldership.name,
            manufacturer=MANUFACTURER,
            entry_type=DeviceEntryType.SERVICE,
            suggested_area=eldership.name,
            via_device_id=hub.id,
        )
        wanted.add(place.id)
        for camera in recorder.cameras_in(eldership.id):
            former = registry.async_get_device_by_identifier(camera_identifier(recorder, camera.id), entry.entry_id)
            device = registry.async_get_or_create(
                config_entry_id=entry.entry_id,
                identifiers={camera_identifier(recorder, camera.id)},
                name=camera.name,
                manufacturer=MANUFACTURER,
                suggested_area=eldership.name,
                via_device_id=place.id,
            )
            if former is not None and _has_left(registry, former, place):
                registry.async_update_device(device.id, area_id=place.area_id)
            wanted.add(device.id)
    for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
        if device.id not in wanted:
            registry.async_remove_device(device.id)


def _has_left(registry: dr.DeviceRegistry, camera: dr.DeviceEntry, place: dr.DeviceEntry) -> bool:
    """Say whether a camera stands in the area of another eldership, and nobody but the recorder put it there."""
    former = registry.async_get(camera.via_device_id or "")
    return former is not None and former.id != place.id and former.area_id == camera.area_id


def camera_of_device(recorder: Recorder, identifiers: set[tuple[str, str]]) -> RecorderCamera | None:
    """Return the camera that a device with these identifiers stands for."""
    cameras = recorder.cameras.values()
    return next((camera for camera in cameras if camera_identifier(recorder, camera.id) in identifiers), None)
