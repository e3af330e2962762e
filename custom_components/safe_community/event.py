"""Shows in every eldership what happens with its incidents."""

from typing import Any, override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import Recorder
from .data import SafeCommunityConfigEntry
from .devices import eldership_identifier
from .entity import async_add_as_they_come
from .incidents.model import Incident, Stage
from .incidents.register import IncidentRegister

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one entity for each eldership."""
    data = entry.runtime_data
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.elderships,
        lambda eldership_id: [IncidentEvent(data.recorder, data.desk.register, eldership_id)],
    )


class IncidentEvent(EventEntity):
    """The last step of the last incident of an eldership; it goes on while the recorder is away, as people do."""

    _attr_has_entity_name = True
    _attr_translation_key = "incident"

    def __init__(self, recorder: Recorder, register: IncidentRegister, eldership_id: str) -> None:
        self._attr_event_types = [stage.value for stage in Stage]
        self._register = register
        self._eldership_id = eldership_id
        self._attr_unique_id = f"{recorder.info.recorder_id}_eldership_{eldership_id}_incident"
        self._attr_device_info = DeviceInfo(identifiers={eldership_identifier(recorder, eldership_id)})

    @override
    async def async_added_to_hass(self) -> None:
        self.async_on_remove(self._register.async_listen(self._async_on_incident))

    @callback
    def _async_on_incident(self, incident: Incident) -> None:
        if incident.eldership_id == self._eldership_id:
            self._trigger_event(incident.stage.value, _attributes(incident))
            self.async_write_ha_state()


def _attributes(incident: Incident) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "incident": incident.label,
        "kind": incident.kind.value,
        "camera": incident.camera_name,
        "time": incident.raised_at.isoformat(),
        "alerted": [alert.member_name for alert in incident.alerts],
    }
    if incident.responses:
        last = incident.responses[-1]
        attributes |= {"member": last.member_name, "time": last.at.isoformat()}
    return attributes
