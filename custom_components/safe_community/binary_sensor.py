"""Says of every camera whether it is connected, whether it is being recorded and whether something moves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .documents import CameraState, Connection
from .entity import CameraEntity, async_add_as_they_come

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(BinarySensorEntityDescription):
    """What one sensor tells of a camera; None if that cannot be known now."""

    is_on: Callable[[CameraState], bool | None]
    attributes: Callable[[CameraState], dict[str, Any]] | None = None


def _motion(state: CameraState) -> bool | None:
    # Nobody watches a camera that is away: "no motion" would be a lie.
    return state.motion if state.connection is Connection.CONNECTED else None


def _connected(state: CameraState) -> bool | None:
    # Somebody wants it so: that is no trouble.
    return None if state.connection is Connection.PAUSED else state.connection is Connection.CONNECTED


SENSORS = (
    CameraSensorDescription(
        key="connectivity",
        translation_key="connectivity",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on=_connected,
        attributes=lambda state: {"connection": state.connection.value, "since": state.since.isoformat()},
    ),
    CameraSensorDescription(
        key="recording",
        translation_key="recording",
        device_class=BinarySensorDeviceClass.RUNNING,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on=lambda state: state.recording,
    ),
    CameraSensorDescription(
        key="motion",
        translation_key="motion",
        device_class=BinarySensorDeviceClass.MOTION,
        is_on=_motion,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of all cameras."""
    coordinator = entry.runtime_data.coordinator
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.cameras,
        lambda camera_id: [CameraSensor(coordinator, camera_id, description) for description in SENSORS],
    )


class CameraSensor(CameraEntity, BinarySensorEntity):
    """One thing that the recorder tells of a camera."""

    entity_description: CameraSensorDescription

    def __init__(self, coordinator: RecorderCoordinator, camera_id: str, description: CameraSensorDescription) -> None:
        super().__init__(coordinator, camera_id, description.key)
        self.entity_description = description

    @property
    @override
    def is_on(self) -> bool | None:
        return self.entity_description.is_on(self.recorded_camera.state)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        attributes = self.entity_description.attributes
        return None if attributes is None else attributes(self.recorded_camera.state)
