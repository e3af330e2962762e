"""Finds the cameras that the target of an action means: an eldership's device stands for its cameras."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import SelectedEntities, TargetSelection, async_extract_referenced_entity_ids

from .const import DOMAIN
from .data import SafeCommunityConfigEntry, loaded_entries
from .devices import camera_of_device
from .documents import RecorderCamera

# A target's key since Home Assistant 2026.11.
EXCLUDE: Final = "exclude"


@dataclass(frozen=True, slots=True)
class Target:
    """A camera, and the entry of its recorder."""

    entry: SafeCommunityConfigEntry
    camera: RecorderCamera


@callback
def cameras_in(hass: HomeAssistant, target: dict[str, Any]) -> list[Target]:
    """Return the cameras that a target means, in the order of their names.

    Areas, floors and labels mean the cameras in them, whatever else is there. Raises ServiceValidationError for an
    entity or a device that belongs to no camera, and if there is no camera at all.
    """
    registry, selection, cameras = er.async_get(hass), TargetSelection(target), dict(_cameras(hass))
    for entity_id in sorted(selection.entity_ids):
        if _device_of(registry.async_get(entity_id)) not in cameras:
            raise not_a_camera(entity_id)
    for device_id in sorted(selection.device_ids):
        if cameras.keys().isdisjoint(_with_what_is_below(hass, [device_id])):
            raise not_a_camera(device_id)
    found = (cameras.keys() & _devices_in(hass, target)) - _devices_in(hass, target.get(EXCLUDE, {}))
    if not found:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_cameras")
    targets = (cameras[device_id] for device_id in found)
    return sorted(targets, key=lambda one: (one.camera.name, one.entry.entry_id, one.camera.id))


@callback
def entities_in(hass: HomeAssistant, target: dict[str, Any]) -> set[str]:
    """Return the entities that a target means, with those below its devices, and without what it excludes."""
    return _entities(_extracted(hass, target)) - _entities(_extracted(hass, target.get(EXCLUDE, {})))


def _devices_in(hass: HomeAssistant, target: dict[str, Any]) -> set[str | None]:
    extracted, registry = _extracted(hass, target), er.async_get(hass)
    return {_device_of(registry.async_get(entity_id)) for entity_id in _entities(extracted)} | {
        *extracted.referenced_devices
    }


def _entities(extracted: SelectedEntities) -> set[str]:
    return extracted.referenced | extracted.indirectly_referenced


def _extracted(hass: HomeAssistant, target: dict[str, Any]) -> SelectedEntities:
    """Return what Home Assistant finds in a target, but for what is excluded."""
    expanded = {key: ids for key, ids in target.items() if key != EXCLUDE}
    expanded[ATTR_DEVICE_ID] = sorted(_with_what_is_below(hass, TargetSelection(target).device_ids))
    return async_extract_referenced_entity_ids(hass, TargetSelection(expanded), primary_entities_only=False)


def _with_what_is_below(hass: HomeAssistant, device_ids: Iterable[str]) -> set[str]:
    """Return those devices that are ours, with what is connected via them: a recorder's elderships, their cameras."""
    wanted, found = set(device_ids), set[str]()
    if not wanted:
        return found
    ours = [device for entry in loaded_entries(hass) for device in _devices(hass, entry)]
    new = {device.id for device in ours} & wanted
    while new:
        found |= new
        new = {device.id for device in ours if device.via_device_id in new} - found
    return found


def not_a_camera(name: str) -> ServiceValidationError:
    """Say that something belongs to no camera."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="not_a_camera", translation_placeholders={"entity_id": name}
    )


def _cameras(hass: HomeAssistant) -> Iterator[tuple[str, Target]]:
    for entry in loaded_entries(hass):
        for device in _devices(hass, entry):
            camera = camera_of_device(entry.runtime_data.recorder, device.identifiers)
            if camera is not None:
                yield device.id, Target(entry, camera)


def _devices(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> list[dr.DeviceEntry]:
    return dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)


def _device_of(registered: er.RegistryEntry | None) -> str | None:
    return registered.device_id if registered is not None and registered.platform == DOMAIN else None
