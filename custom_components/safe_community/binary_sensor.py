"""Says of every camera whether it is connected, something moves or it cannot see; of the recorder, what is wrong."""

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

from .coordinator import STORAGE, RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .documents import CameraState, Connection
from .entity import CameraEntity, RecorderEntity, async_add_as_they_come
from .storage import Storage, StorageState

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(BinarySensorEntityDescription):
    """What one sensor tells of a camera; None if that cannot be known now."""

    is_on: Callable[[CameraState], bool | None]
    attributes: Callable[[CameraState], dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class RecorderSensorDescription(BinarySensorEntityDescription):
    """What one sensor tells of the recorder's disk; None if that cannot be known yet."""

    is_on: Callable[[Storage], bool | None]
    attributes: Callable[[Storage], dict[str, Any]] | None = None


def _motion(state: CameraState) -> bool | None:
    # Nobody watches a camera that is away: "no motion" would be a lie.
    return state.motion if state.connection is Connection.CONNECTED else None


def _tampered(state: CameraState) -> bool | None:
    if state.tampering:
        return True
    return False if state.connection is Connection.CONNECTED else None


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
        key="motion",
        translation_key="motion",
        device_class=BinarySensorDeviceClass.MOTION,
        is_on=_motion,
    ),
    CameraSensorDescription(
        key="tampering",
        translation_key="tampering",
        device_class=BinarySensorDeviceClass.TAMPER,
        is_on=_tampered,
        attributes=lambda state: {"kinds": list(state.tampering)},
    ),
)

RECORDER_SENSORS = (
    RecorderSensorDescription(
        key="archive_problem",
        translation_key="archive_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on=lambda storage: storage.state is not StorageState.OK,
        attributes=lambda storage: {"state": storage.state.value, "problem": storage.problem},
    ),
    RecorderSensorDescription(
        key="retention_met",
        translation_key="retention_met",
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on=lambda storage: all(kept.met for kept in storage.retention) if storage.is_measured else None,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the recorder and of all cameras."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(RecorderSensor(coordinator, description) for description in RECORDER_SENSORS)
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


class RecorderSensor(RecorderEntity, BinarySensorEntity):
    """One thing that the recorder tells of its disk."""

    entity_description: RecorderSensorDescription

    def __init__(self, coordinator: RecorderCoordinator, description: RecorderSensorDescription) -> None:
        super().__init__(coordinator, description.key, frozenset({STORAGE}))
        self.entity_description = description

    @property
    @override
    def is_on(self) -> bool | None:
        storage = self.coordinator.data.storage
        return None if storage is None else self.entity_description.is_on(storage)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        attributes, storage = self.entity_description.attributes, self.coordinator.data.storage
        return None if attributes is None or storage is None else attributes(storage)
