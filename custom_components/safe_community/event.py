"""Shows in every eldership what happens with its incidents, and of every camera what was seen last."""

from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import Recorder, RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .devices import eldership_identifier
from .documents import Observation
from .entity import CameraEntity, async_add_as_they_come
from .incidents.model import Incident, Stage
from .incidents.register import IncidentRegister

PARALLEL_UPDATES = 0

KINDS: Final = (
    "motion",
    "covered",
    "defocused",
    "moved",
    "frozen",
    "dark",
    "blinded",
    "no_signal",
    "clock_wrong",
)
# Of one camera few last at the same time: one of each kind and zone. Those that are over are forgotten first.
MOST_REMEMBERED: Final = 32


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one entity for each eldership and each camera."""
    data = entry.runtime_data
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.cameras,
        lambda camera_id: [ObservationEvent(data.coordinator, camera_id)],
    )
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.elderships,
        lambda eldership_id: [IncidentEvent(data.recorder, data.desk.register, eldership_id)],
    )


class ObservationEvent(CameraEntity, EventEntity):
    """The last observation of a camera: told once, when it begins."""

    _attr_translation_key = "observation"
    _unrecorded_attributes = frozenset({"score"})

    def __init__(self, coordinator: RecorderCoordinator, camera_id: str) -> None:
        super().__init__(coordinator, camera_id, "observation")
        self._attr_event_types = list(KINDS)
        self._told: dict[str, bool] = {}
        self._told_until: datetime | None = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        # Of what began before that, the last may not be the one that still lasts.
        self._told_until = None if self.state is None else dt_util.parse_datetime(self.state)
        self.async_on_remove(self.coordinator.async_listen_observations(self._async_on_observation))

    @callback
    def _async_on_observation(self, observation: Observation) -> None:
        if observation.camera_id != self._camera_id or observation.kind not in KINDS:
            return
        # One that goes on is told again and again, also after Home Assistant has started anew.
        if not self._is_newer(observation):
            return
        self._trigger_event(
            observation.kind,
            {
                "start": observation.start.isoformat(),
                "zone": observation.zone,
                "score": observation.score,
                "observation": observation.id,
            },
        )
        self.async_write_ha_state()

    def _is_newer(self, observation: Observation) -> bool:
        before = self._told_until is not None and observation.start <= self._told_until
        is_new = observation.id not in self._told and not before
        self._told[observation.id] = observation.is_lasting
        if len(self._told) > MOST_REMEMBERED:
            over = (key for key, is_lasting in self._told.items() if not is_lasting)
            del self._told[next(over, next(iter(self._told)))]
        return is_new


class IncidentEvent(EventEntity):
    """The last step of the last incident of an eldership; it goes on while the recorder is away, as people do."""

    _attr_has_entity_name = True
    _attr_should_poll = False
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
