"""Pauses a camera's recording for privacy; who did so stands in the recorder's audit log."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .access import Action, async_require_of_caller
from .asking import explained
from .data import SafeCommunityConfigEntry
from .documents import Connection
from .entity import CameraEntity, async_add_as_they_come
from .errors import RecorderError

# Each change is written into the recorder's one camera file.
PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switches of all cameras."""
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.cameras,
        lambda camera_id: [RecordingSwitch(entry, camera_id)],
    )


class RecordingSwitch(CameraEntity, SwitchEntity):
    """Off while somebody has paused the camera; whether it is recorded is the camera's own state."""

    _attr_translation_key = "recording"
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, entry: SafeCommunityConfigEntry, camera_id: str) -> None:
        super().__init__(entry.runtime_data.coordinator, camera_id, "recording_switch")
        self._entry = entry

    @property
    @override
    def is_on(self) -> bool:
        return self.recorded_camera.state.connection is not Connection.PAUSED

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._async_pause(paused=False)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self._async_pause(paused=True)

    async def _async_pause(self, *, paused: bool) -> None:
        eldership_id, data = self.recorded_camera.eldership.id, self._entry.runtime_data
        asker = await async_require_of_caller(self.hass, self._entry, Action.PAUSE, eldership_id, self._camera_id)
        try:
            camera = await data.client.change_camera(self._camera_id, {"paused": paused}, asker.actor())
        except RecorderError as error:
            raise explained(error) from error
        data.coordinator.async_changed(camera)
