"""Shows in figures how the recorder and its cameras do; rounded so that a quiet village writes no history."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, override

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
from homeassistant.util import dt as dt_util

from .coordinator import STORAGE, RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .documents import Connection, RecorderCamera, Stream
from .entity import CameraEntity, RecorderEntity, async_add_as_they_come
from .storage import Retention, Storage

PARALLEL_UPDATES = 0

type Value = int | float | datetime | None

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Figure(SensorEntityDescription):
    """A figure that stays as it was shown while it differs by less than a step, or than a share of itself."""

    step: float = 0.0
    share: float = 0.0

    def steady(self, value: Value, shown: Value) -> Value:
        """Return what to show of a value, after what was shown before."""
        if isinstance(value, int | float) and isinstance(shown, int | float):
            near = abs(value - shown) < max(self.step, self.share * abs(shown))
            return shown if near else value
        return value


@dataclass(frozen=True, kw_only=True)
class CameraFigure(Figure):
    """A figure of a camera, from its stream or from what is kept of it; None if it is not known now."""

    of_stream: Callable[[Stream], Value] | None = None
    of_kept: Callable[[Retention], Value] | None = None


@dataclass(frozen=True, kw_only=True)
class RecorderFigure(Figure):
    """A figure of the recorder's disk; None if it is not known now."""

    of_storage: Callable[[Storage], Value]


def rounded(value: float | None, unit: float) -> float | None:
    """Return the nearest multiple of a unit."""
    return None if value is None else round(round(value / unit) * unit, 3)


def free_bytes(storage: Storage) -> int | None:
    """Return the disk's free space, to three figures."""
    free = storage.free_bytes
    return round(free, min(0, 3 - len(str(free)))) if storage.is_measured else None


def since(oldest: datetime | None, now: datetime) -> datetime | None:
    """Return from when on there is footage; at an archive that deletes day by day, the next full hour is enough."""
    if oldest is None or now - oldest < DAY:
        return oldest
    return oldest + (datetime.min.replace(tzinfo=UTC) - oldest) % HOUR


CAMERA_FIGURES = (
    CameraFigure(
        key="bitrate",
        translation_key="bitrate",
        device_class=SensorDeviceClass.DATA_RATE,
        native_unit_of_measurement=UnitOfDataRate.KILOBITS_PER_SECOND,
        suggested_display_precision=0,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: None if stream.bitrate_bps is None else rounded(stream.bitrate_bps / 1_000, 10),
        step=100,
        share=0.15,
    ),
    CameraFigure(
        key="frame_rate",
        translation_key="frame_rate",
        native_unit_of_measurement="fps",
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: rounded(stream.frame_rate, 0.1),
        step=0.5,
    ),
    CameraFigure(
        key="clock_offset",
        translation_key="clock_offset",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=1,
        state_class=SensorStateClass.MEASUREMENT,
        of_stream=lambda stream: rounded(stream.clock_offset_s, 0.1),
        step=0.5,
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
        of_kept=lambda kept: since(kept.oldest, dt_util.utcnow()),
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
        share=0.03,
    ),
    RecorderFigure(
        key="days_until_full",
        translation_key="days_until_full",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.DAYS,
        suggested_display_precision=1,
        of_storage=lambda storage: rounded(storage.days_until_full, 0.1),
        step=0.2,
        share=0.05,
    ),
    RecorderFigure(
        key="oldest_footage",
        translation_key="oldest_footage",
        device_class=SensorDeviceClass.TIMESTAMP,
        of_storage=lambda storage: since(storage.oldest, dt_util.utcnow()),
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
        share=0.2,
    ),
    RecorderFigure(
        key="lost_today",
        translation_key="lost_today",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        # Not one that only rises: it falls when a camera leaves the list.
        state_class=SensorStateClass.MEASUREMENT,
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


class SteadySensor(SensorEntity):
    """A figure that does not tremble."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    entity_description: Figure
    _shown: Value = None

    @property
    @override
    def native_value(self) -> Value:
        self._shown = self.entity_description.steady(self._told(), self._shown)
        return self._shown

    @abstractmethod
    def _told(self) -> Value:
        """Return what the recorder says."""


class CameraSensor(CameraEntity, SteadySensor):
    """One figure of a camera, for whoever looks for a fault."""

    _attr_entity_registry_enabled_default = False
    entity_description: CameraFigure

    def __init__(self, coordinator: RecorderCoordinator, camera_id: str, description: CameraFigure) -> None:
        topics = () if description.of_kept is None else (STORAGE,)
        super().__init__(coordinator, camera_id, description.key, *topics)
        self.entity_description = description

    @override
    def _told(self) -> Value:
        figure, stream = self.entity_description, self.recorded_camera.state.stream
        if figure.of_stream is not None:
            return None if stream is None else figure.of_stream(stream)
        kept = self._kept()
        return None if kept is None or figure.of_kept is None else figure.of_kept(kept)

    def _kept(self) -> Retention | None:
        storage = self.coordinator.data.storage
        retention = () if storage is None else storage.retention
        return next((kept for kept in retention if kept.camera_id == self._camera_id), None)


class RecorderSensor(RecorderEntity, SteadySensor):
    """One figure of the recorder's disk."""

    entity_description: RecorderFigure

    def __init__(self, coordinator: RecorderCoordinator, description: RecorderFigure) -> None:
        super().__init__(coordinator, description.key, frozenset({STORAGE}))
        self.entity_description = description

    @override
    def _told(self) -> Value:
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
        cameras = self.coordinator.data.cameras.values()
        away = sorted((camera for camera in cameras if not camera.state.recording), key=_title)
        paused = [camera for camera in away if camera.state.connection is Connection.PAUSED]
        return {
            "recording": len(cameras) - len(away),
            "total": len(cameras),
            "paused": [_title(camera) for camera in paused],
            "not_recording": [_title(camera) for camera in away if camera not in paused],
        }


def _title(camera: RecorderCamera) -> str:
    return f"{camera.eldership.name}, {camera.name}"
