"""Locks what is to be packed, so that it is not deleted before it is."""

import logging
from contextlib import suppress
from dataclasses import replace

from ..archive.archive import Archive
from ..archive.retention import DAY_US
from ..archive.timeline import Lock
from ..clock import HostClock
from .contents import Request

_LOGGER = logging.getLogger(__name__)

# Longer than any package waits; the locks are released when it is made.
_LOCKED_US = 7 * DAY_US
_PREFIX = "export-"


class Locking:
    """The locks of packages, which are locks like others: people see them and may release them."""

    def __init__(self, archive: Archive, host: HostClock) -> None:
        self._archive = archive
        self._host = host

    async def lock(self, request: Request) -> None:
        """Locks what is asked for, as far as it may be shown now. If the disk refuses, it is packed in time or not."""
        spans = [
            (item.camera_id, span) for item in request.items for span in self._archive.shown(item.camera_id, item.span)
        ]
        for position, (camera_id, span) in enumerate(spans, 1):
            lock = Lock(
                f"{_PREFIX}{request.number}-{position}",
                camera_id,
                span.start_us,
                span.end_us,
                request.actor,
                f"evidence package {request.number}",
                request.asked_us,
                request.asked_us + _LOCKED_US,
            )
            try:
                await self._archive.put_lock(lock)
            except OSError as error:
                _LOGGER.warning("footage not locked", extra={"number": request.number, "problem": str(error)})
                return

    async def lock_if_not(self, request: Request) -> None:
        """Locks what is asked for, unless it was locked before."""
        if not any(lock.id.startswith(f"{_PREFIX}{request.number}-") for lock in self._archive.locks()):
            await self.lock(request)

    def numbers(self) -> set[str]:
        """The packages that have locks."""
        return {lock.id.rpartition("-")[0].removeprefix(_PREFIX) for lock in self._held()}

    async def release(self, number: str) -> None:
        """Releases a package's locks. What the disk refuses is released by `numbers` and this, later."""
        for lock in self._held():
            if lock.id.startswith(f"{_PREFIX}{number}-"):
                with suppress(OSError):
                    await self._archive.put_lock(replace(lock, released_us=self._host.utc_us()))

    def _held(self) -> list[Lock]:
        return [lock for lock in self._archive.locks() if lock.id.startswith(_PREFIX) and lock.released_us is None]
