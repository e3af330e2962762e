"""Keeps what the recorder knows up to date from its event stream; says once when it goes and once when it is back."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, override

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .client import RecorderClient
from .const import DOMAIN, LOGGER
from .documents import (
    CameraChanged,
    CameraRemoved,
    Eldership,
    HostClockStepped,
    InfoChanged,
    Observation,
    Observed,
    RecorderCamera,
    RecorderEvent,
    RecorderInfo,
    Snapshot,
    StorageChanged,
)
from .errors import RecorderError, UnsupportedVersion, UntrustedCertificate, WrongToken
from .storage import ClockStep, Storage

if TYPE_CHECKING:
    from .data import SafeCommunityConfigEntry

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 30.0

# No camera's id has a slash.
STRUCTURE: Final = "/structure"
"""Which cameras and elderships there are and what they and the recorder are called."""
STORAGE: Final = "/storage"
"""How the disk is."""
CLOCK: Final = "/clock"
"""The recorder's computer's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A recorder and its cameras, by id.

    `storage` is None until it has told of its disk; `clock_step` is the last that happened while it was listened to.
    """

    info: RecorderInfo
    cameras: Mapping[str, RecorderCamera]
    storage: Storage | None = None
    clock_step: ClockStep | None = None

    @property
    def elderships(self) -> dict[str, Eldership]:
        """Return the elderships that have a camera, by id and in the order of their names."""
        found = {camera.eldership for camera in self.cameras.values()}
        return {eldership.id: eldership for eldership in sorted(found, key=lambda item: (item.name, item.id))}

    def cameras_in(self, eldership_id: str) -> list[RecorderCamera]:
        """Return an eldership's cameras in the order of their names."""
        cameras = (camera for camera in self.cameras.values() if camera.eldership.id == eldership_id)
        return sorted(cameras, key=lambda camera: (camera.name, camera.id))


def after(recorder: Recorder, event: RecorderEvent) -> Recorder:
    """Return what is known after an event."""
    match event:
        case Snapshot(info, cameras):
            return replace(recorder, info=info, cameras={camera.id: camera for camera in cameras})
        case InfoChanged(info):
            return replace(recorder, info=info)
        case CameraChanged(camera):
            return replace(recorder, cameras={**recorder.cameras, camera.id: camera})
        case CameraRemoved(camera_id):
            left = {key: camera for key, camera in recorder.cameras.items() if key != camera_id}
            return replace(recorder, cameras=left)
        case StorageChanged(storage):
            return replace(recorder, storage=storage)
        case HostClockStepped(step):
            return replace(recorder, clock_step=step)
        case Observed():
            return recorder


def topics(former: Recorder, new: Recorder) -> frozenset[str]:
    """Return what differs: the ids of cameras, STRUCTURE, STORAGE and CLOCK."""
    found = {
        camera_id
        for camera_id in former.cameras.keys() | new.cameras.keys()
        if former.cameras.get(camera_id) != new.cameras.get(camera_id)
    }
    if former.info != new.info or any(
        _place(former.cameras.get(camera_id)) != _place(new.cameras.get(camera_id)) for camera_id in found
    ):
        found.add(STRUCTURE)
    if former.storage != new.storage:
        found.add(STORAGE)
    if former.clock_step != new.clock_step:
        found.add(CLOCK)
    return frozenset(found)


def _place(camera: RecorderCamera | None) -> tuple[str, Eldership] | None:
    return None if camera is None else (camera.name, camera.eldership)


class RecorderCoordinator(DataUpdateCoordinator[Recorder]):
    """Listens to one recorder; its data is the last that was known, also while the recorder is away.

    A listener's context is a frozenset of what it listens to (ids of cameras, STRUCTURE, STORAGE, CLOCK); without one
    it is called at every change. All are called when the recorder goes and when it comes back.
    """

    config_entry: SafeCommunityConfigEntry

    def __init__(self, hass: HomeAssistant, entry: SafeCommunityConfigEntry, client: RecorderClient) -> None:
        super().__init__(hass, LOGGER, config_entry=entry, name=entry.title, always_update=False)
        self.client = client
        self._changed: frozenset[str] | None = None
        self._observers: dict[object, Callable[[Observation], None]] = {}

    @callback
    def async_listen_observations(self, observer: Callable[[Observation], None]) -> CALLBACK_TYPE:
        """Have every observation told, when it begins, goes on and ends; returns what ends that."""
        key = object()
        self._observers[key] = observer

        @callback
        def stop() -> None:
            self._observers.pop(key, None)

        return stop

    @callback
    @override
    def async_update_listeners(self) -> None:
        for update_callback, context in list(self._listeners.values()):
            if self._changed is None or not isinstance(context, frozenset) or context & self._changed:
                update_callback()

    @override
    async def _async_update_data(self) -> Recorder:
        try:
            info = await self.client.info()
            cameras = await self.client.cameras()
        except WrongToken as error:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="invalid_auth") from error
        except UntrustedCertificate as error:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="untrusted_certificate") from error
        except UnsupportedVersion as error:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="unsupported_version",
                translation_placeholders={"found": str(error.found)},
            ) from error
        except RecorderError as error:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="cannot_reach_recorder",
                translation_placeholders={"reason": str(error)},
            ) from error
        self._require_same_recorder(info)
        # At the first time there is no data; later the disk's state must not be forgotten.
        return after(self.data or Recorder(info=info, cameras={}), Snapshot(info, cameras))

    async def async_listen(self) -> None:
        """Follow the event stream for as long as the entry is loaded."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                async with aclosing(self.client.events()) as events:
                    async for event in events:
                        retry_s = FIRST_RETRY_S
                        self._async_take(event)
            except (RecorderError, ConfigEntryError) as error:
                self.async_set_update_error(error)
                if isinstance(error, WrongToken | UntrustedCertificate):
                    self.config_entry.async_start_reauth(self.hass)
            await asyncio.sleep(retry_s * random.uniform(0.8, 1.2))
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    @callback
    def async_changed(self, camera: RecorderCamera) -> None:
        """Take what the recorder answered to a change of a camera, without waiting for its event."""
        self._async_take(CameraChanged(camera))

    @callback
    def _async_take(self, event: RecorderEvent) -> None:
        if isinstance(event, Snapshot):
            self._require_same_recorder(event.info)
            if not self.last_update_success:
                LOGGER.info("%s is back", self.name)
        if isinstance(event, Observed):
            for observer in list(self._observers.values()):
                observer(event.observation)
            return
        recorder = after(self.data, event)
        if not self.last_update_success:
            self.async_set_updated_data(recorder)
        elif changed := topics(self.data, recorder):
            self._changed = changed
            try:
                self.async_set_updated_data(recorder)
            finally:
                self._changed = None

    def _require_same_recorder(self, info: RecorderInfo) -> None:
        if info.recorder_id != self.config_entry.unique_id:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="other_recorder",
                translation_placeholders={"name": info.name},
            )
