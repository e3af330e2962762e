"""What the entities of a camera or of a recorder have in common, and how they come and go with the cameras."""

from collections.abc import Callable, Iterable
from typing import override

from homeassistant.core import Context, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .access import async_called
from .coordinator import STRUCTURE, Recorder, RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .devices import camera_identifier, recorder_identifier
from .documents import RecorderCamera


class CameraEntity(CoordinatorEntity[RecorderCoordinator]):
    """An entity of one camera, which hears of that camera's changes, and of what else it listens to."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: RecorderCoordinator, camera_id: str, key: str, *topics: str) -> None:
        super().__init__(coordinator, frozenset({camera_id, *topics}))
        self._camera_id = camera_id
        self._last_seen = coordinator.data.cameras[camera_id]
        self._attr_unique_id = f"{coordinator.data.info.recorder_id}_{camera_id}_{key}"
        # The device is there already, see devices.py.
        self._attr_device_info = DeviceInfo(identifiers={camera_identifier(coordinator.data, camera_id)})

    @callback
    @override
    def async_set_context(self, context: Context) -> None:
        super().async_set_context(context)
        async_called(context)

    @property
    def recorded_camera(self) -> RecorderCamera:
        """Return the camera as the recorder knows it; for the moment between its removal and ours, as it was."""
        self._last_seen = self.coordinator.data.cameras.get(self._camera_id, self._last_seen)
        return self._last_seen


class RecorderEntity(CoordinatorEntity[RecorderCoordinator]):
    """An entity of the recorder as a whole, which hears of what it listens to, or without topics of every change."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: RecorderCoordinator, key: str, topics: frozenset[str] | None) -> None:
        super().__init__(coordinator, topics)
        self._attr_unique_id = f"{coordinator.data.info.recorder_id}_{key}"
        self._attr_device_info = DeviceInfo(identifiers={recorder_identifier(coordinator.data)})


@callback
def async_add_as_they_come(
    entry: SafeCommunityConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    ids: Callable[[Recorder], Iterable[str]],
    create: Callable[[str], Iterable[Entity]],
) -> None:
    """Add the entities of every camera (or eldership) that is there, and of those that come later."""
    coordinator = entry.runtime_data.coordinator
    known: set[str] = set()

    @callback
    def add_new() -> None:
        present = set(ids(coordinator.data))
        # What left may come back, and then needs new entities.
        known.intersection_update(present)
        new = [key for key in ids(coordinator.data) if key not in known]
        known.update(new)
        if new:
            async_add_entities(entity for key in new for entity in create(key))

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new, frozenset({STRUCTURE})))
