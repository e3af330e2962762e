"""Keeps the incidents of one recorder in Home Assistant's storage and numbers them by year."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from .model import Incident, Kind, instead_of_another

STORAGE_VERSION: Final = 1
KEPT_FOR: Final = timedelta(days=400)


class _Stored(TypedDict):
    last_numbers: dict[str, int]
    incidents: list[dict[str, Any]]


def _store(hass: HomeAssistant, entry_id: str) -> Store[_Stored]:
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.incidents.{entry_id}", private=True, atomic_writes=True)


async def async_forget(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the incidents of a recorder that was removed from Home Assistant."""
    await _store(hass, entry_id).async_remove()


class IncidentRegister:
    """All incidents of one recorder; what it returned once, it has on disk."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._store = _store(hass, entry_id)
        self._incidents: dict[str, Incident] = {}
        self._last_numbers: dict[str, int] = {}
        self._listeners: list[Callable[[Incident], None]] = []

    async def async_load(self) -> None:
        """Read what was stored before."""
        if (stored := await self._store.async_load()) is not None:
            self._last_numbers = stored["last_numbers"]
            incidents = (Incident.parse(data) for data in stored["incidents"])
            self._incidents = {incident.id: incident for incident in incidents}

    def get(self, incident_id: str) -> Incident | None:
        """Return an incident by its id."""
        return self._incidents.get(incident_id)

    def blocking(self, camera_id: str, now: datetime) -> Incident | None:
        """Return the open or recent incident because of which a camera raises no other."""
        of_camera = (incident for incident in self._incidents.values() if incident.camera_id == camera_id)
        return instead_of_another(of_camera, now)

    async def async_raise(
        self, *, kind: Kind, camera: tuple[str, str], eldership: tuple[str, str], now: datetime
    ) -> Incident:
        """Create the next incident of the year; camera and eldership are pairs of id and name."""
        year = dt_util.as_local(now).year
        number = self._last_numbers.get(str(year), 0) + 1
        self._last_numbers[str(year)] = number
        incident = Incident(
            id=uuid.uuid4().hex,
            year=year,
            number=number,
            kind=kind,
            camera_id=camera[0],
            camera_name=camera[1],
            eldership_id=eldership[0],
            eldership_name=eldership[1],
            raised_at=now,
        )
        self._incidents = {key: kept for key, kept in self._incidents.items() if now - kept.raised_at < KEPT_FOR}
        await self.async_keep(incident)
        return incident

    async def async_keep(self, incident: Incident) -> None:
        """Store an incident's new state and tell whoever listens."""
        await self.async_prepare(incident)
        for listener in list(self._listeners):
            listener(incident)

    async def async_prepare(self, incident: Incident) -> None:
        """Store what is about to happen, before anybody hears of it."""
        self._incidents[incident.id] = incident
        await self._store.async_save(
            {
                "last_numbers": self._last_numbers,
                "incidents": [kept.as_dict() for kept in self._incidents.values()],
            }
        )

    @callback
    def async_listen(self, listener: Callable[[Incident], None]) -> Callable[[], None]:
        """Call a function with every incident that changed; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
