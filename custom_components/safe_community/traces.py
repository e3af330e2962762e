"""Tells the recorder who looked and who was refused: it keeps the audit log, Home Assistant knows the people."""

import asyncio
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Trace:
    """Who did or was refused what, and where."""

    event: AuditEvent
    asker: Asker
    action: Action
    eldership_id: str | None
    camera_id: str | None


class Traces:
    """One recorder's. Of a refusal nobody waits to be told: what cannot be told is logged here, and the next is."""

    def __init__(self, hass: HomeAssistant, client: RecorderClient) -> None:
        self._hass = hass
        self._client = client
        self._told: dict[_Trace, datetime] = {}
        self._telling: set[asyncio.Task[None]] = set()

    @callback
    def refused(
        self, asker: Asker, action: Action, eldership_id: str | None = None, camera_id: str | None = None
    ) -> None:
        """Somebody may not do this: at a camera, in an eldership, or where there is none."""
        trace = _Trace(AuditEvent.ACCESS_REFUSED, asker, action, eldership_id, camera_id)
        if not self._is_known(trace):
            self._remember(trace)
            # Not the entry's task: a refusal is told also while the entry unloads.
            task = self._hass.async_create_task(self._tell(trace), "safe_community audit")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def viewed(self, asker: Asker, camera: RecorderCamera) -> None:
        """Somebody watches live; what Home Assistant itself fetches, the recorder knows.

        Raises RecorderError: then nothing may be shown.
        """
        trace = _Trace(AuditEvent.LIVE_VIEWED, asker, Action.LIVE, camera.eldership.id, camera.id)
        if asker.is_person and not self._is_known(trace):
            await self._send(trace)
            self._remember(trace)

    async def _tell(self, trace: _Trace) -> None:
        try:
            await self._send(trace)
        except RecorderError as error:
            # So that the next one is tried again.
            self._told.pop(trace, None)
            what = trace.event.replace("_", " ")
            LOGGER.warning("The audit log misses that %s %s: %s", trace.asker.name, what, error)

    async def _send(self, trace: _Trace) -> None:
        await self._client.note(trace.event, trace.asker.actor(), trace.action, trace.eldership_id, trace.camera_id)

    def _is_known(self, trace: _Trace) -> bool:
        told = self._told.get(trace)
        return told is not None and dt_util.utcnow() - told < SAME

    def _remember(self, trace: _Trace) -> None:
        self._told.pop(trace, None)
        self._told[trace] = dt_util.utcnow()
        if len(self._told) > MOST_KEPT:
            del self._told[next(iter(self._told))]
