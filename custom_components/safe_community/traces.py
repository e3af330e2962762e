"""Tells the recorder who looked and who was refused: it keeps the audit log, Home Assistant knows the people."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .access import Action, Asker
from .client import AuditEvent, RecorderClient
from .const import LOGGER
from .documents import RecorderCamera
from .errors import RecorderError

# A page that asks again and again is one look, and one refusal.
SAME: Final = timedelta(minutes=10)
MOST_KEPT: Final = 1_000


class Traces:
    """One recorder's. Telling takes nobody's time: what cannot be told is logged here."""

    def __init__(self, hass: HomeAssistant, client: RecorderClient) -> None:
        self._hass = hass
        self._client = client
        self._told: dict[tuple[AuditEvent, Asker, Action, str], datetime] = {}
        self._telling: set[asyncio.Task[None]] = set()

    @callback
    def refused(self, asker: Asker, action: Action, camera: RecorderCamera) -> None:
        """Somebody may not do this."""
        self._tell(AuditEvent.ACCESS_REFUSED, asker, action, camera)

    @callback
    def viewed(self, asker: Asker, camera: RecorderCamera) -> None:
        """Somebody watches live; what Home Assistant itself fetches, the recorder knows."""
        if asker.is_person:
            self._tell(AuditEvent.LIVE_VIEWED, asker, Action.LIVE, camera)

    @callback
    def _tell(self, event: AuditEvent, asker: Asker, action: Action, camera: RecorderCamera) -> None:
        key, now = (event, asker, action, camera.id), dt_util.utcnow()
        if now - self._told.get(key, now - SAME) < SAME:
            return
        self._told.pop(key, None)
        self._told[key] = now
        if len(self._told) > MOST_KEPT:
            del self._told[next(iter(self._told))]
        # Not the entry's task: a refusal is told also while the entry unloads.
        task = self._hass.async_create_task(self._send(event, asker, action, camera), "safe_community audit")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _send(self, event: AuditEvent, asker: Asker, action: Action, camera: RecorderCamera) -> None:
        try:
            await self._client.note(event, asker.name, action, camera)
        except RecorderError as error:
            LOGGER.warning("The audit log misses that %s %s: %s", asker.name, event.replace("_", " "), error)
