"""Shows in figures how the recorder and its cameras do; rounded so that a quiet village writes no history."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfDataRate,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import STORAGE, Recorder, RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .documents import Connection, RecorderCamera, Stream
from .entity import CameraEntity, RecorderEntity, async_add_as_they_come
from .storage import Retention, Storage

PARALLEL_UPDATES = 0

type Value = str | int | float | datetime | None


@dataclass(frozen=True, kw_only=True)
class CameraFigure(SensorEntityDescription):
    """A figure of a camera, from its stream or from what is kept of it; None if it is not known now."""

    of_stream: Callable[[Stream], Value] | None = None
    of_kept: Callable[[Retention], Value] | None = None


@dataclass(frozen=True, kw_only=True)
class RecorderFigure(SensorEntityDescription):
    """A figure of the recorder's disk; None if it is not known now."""

    of_storage: Callable[[Storage], Value]


def rounded(value: float | None, unit: float) -> float | None:
    """Return the nearest multiple of a unit."""
    return None if value is None else round(round(value / unit) * unit, 3)


def free_bytes(storage: Storage) -> int | None:
    """Return the disk's free space, to three figures of the disk's size."""
    return round(storage.free_bytes, 3 - len(str(storage.disk_bytes))) if storage.is_measured else None


CAMERA_FIGURES = (
    CameraFigure(
        key="bitrate",
        translation_key="bitrate",
        device_class=SensorDeviceClass.DATA_RATE,
        native_unit_of_measurement=UnitOfDataRate.KILOBITS_PER_SECOND,
        suggested_display_precision=0,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: None if stream.bitrate_bps is None else rounded(stream.bitrate_bps / 1_000, 100),
    ),
    CameraFigure(
        key="frame_rate",
        translation_key="frame_rate",
        native_unit_of_measurement="fps",
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: rounded(stream.frame_rate, 0.5),
    ),
    CameraFigure(
        key="clock_offset",
        translation_key="clock_offset",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: rounded(stream.clock_offset_s, 0.5),
    ),
    CameraFigure(
        key="recorded_percent",
        translation_key="recorded_percent",
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_kept=lambda kept: kept.recorded_percent,
    ),
    CameraFigure(
        key="oldest_footage",
        translation_key="oldest_footage",
        device_class=SensorDeviceClass.TIMESTAMP,
        of_kept=lambda kept: kept.oldest,
    ),
)

RECORDER_FIGURES = (
    RecorderFigure(
        key="free_space",
        translation_key="free_space",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        suggested_display_precision=0,
        state_class=SensorStateClass.MEASUREMENT,
        of_storage=free_bytes,
    ),
    RecorderFigure(
        key="days_until_full",
        translation_key="days_until_full",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.DAYS,
        suggested_display_precision=1,
        of_storage=lambda storage: rounded(storage.days_until_full, 0.1),
    ),
    RecorderFigure(
        key="oldest_footage",
        translation_key="oldest_footage",
        device_class=SensorDeviceClass.TIMESTAMP,
        of_storage=lambda storage: storage.oldest,
    ),
    RecorderFigure(
        key="write_rate",
        translation_key="write_rate",
        device_class=SensorDeviceClass.DATA_RATE,
        native_unit_of_measurement=UnitOfDataRate.BITS_PER_SECOND,
        suggested_unit_of_measurement=UnitOfDataRate.MEGABITS_PER_SECOND,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_storage=lambda storage: storage.write_bps,
    ),
    RecorderFigure(
        key="lost_today",
        translation_key="lost_today",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        of_storage=lambda storage: storage.lost_today_s,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the figures of the recorder and of all cameras."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(
        [
            CamerasRecording(coordinator, "cameras_recording", None),
            *(RecorderSensor(coordinator, description) for description in RECORDER_FIGURES),
        ]
    )
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.cameras,
        lambda camera_id: [CameraSensor(coordinator, camera_id, description) for description in CAMERA_FIGURES],
    )


class CameraSensor(CameraEntity, SensorEntity):
    """One figure of a camera, for whoever looks for a fault."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    entity_description: CameraFigure

    def __init__(self, coordinator: RecorderCoordinator, camera_id: str, description: CameraFigure) -> None:
        topics = () if description.of_kept is None else (STORAGE,)
        super().__init__(coordinator, camera_id, description.key, *topics)
        self.entity_description = description

    @property
    @override
    def native_value(self) -> Value:
        figure, stream = self.entity_description, self.recorded_camera.state.stream
        if figure.of_stream is not None:
            return None if stream is None else figure.of_stream(stream)
        kept = self._kept()
        return None if kept is None or figure.of_kept is None else figure.of_kept(kept)

    def _kept(self) -> Retention | None:
        storage = self.coordinator.data.storage
        retention = () if storage is None else storage.retention
        return next((kept for kept in retention if kept.camera_id == self._camera_id), None)


class RecorderSensor(RecorderEntity, SensorEntity):
    """One figure of the recorder's disk."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    entity_description: RecorderFigure

    def __init__(self, coordinator: RecorderCoordinator, description: RecorderFigure) -> None:
        super().__init__(coordinator, description.key, frozenset({STORAGE}))
        self.entity_description = description

    @property
    @override
    def native_value(self) -> Value:
        storage = self.coordinator.data.storage
        return None if storage is None else self.entity_description.of_storage(storage)


class CamerasRecording(RecorderEntity, SensorEntity):
    """How many cameras are recorded, of how many; its attributes name those that are not."""

    _attr_translation_key = "cameras_recording"
    _unrecorded_attributes = frozenset({"paused", "not_recording"})

    @property
    @override
    def native_value(self) -> str:
        cameras = self.coordinator.data.cameras.values()
        return f"{sum(camera.state.recording for camera in cameras)}/{len(cameras)}"

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        away = [camera for camera in _by_name(self.coordinator.data) if not camera.state.recording]
        paused = [camera for camera in away if camera.state.connection is Connection.PAUSED]
        return {
            "paused": [_title(camera) for camera in paused],
            "not_recording": [_title(camera) for camera in away if camera not in paused],
        }


def _by_name(recorder: Recorder) -> list[RecorderCamera]:
    return sorted(recorder.cameras.values(), key=lambda camera: (camera.eldership.name, camera.name, camera.id))


def _title(camera: RecorderCamera) -> str:
    return f"{camera.eldership.name}, {camera.name}"
