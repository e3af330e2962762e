"""Makes the packages that wait, one after the other, and enters what has become of each."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import repeat

from ..archive.retention import DAY_US
from ..archive.root import StorageState
from ..audit.actor import Actor
from .entries import Entries
from .locking import Locking
from .making import FailedError, Making, Workshop
from .packing import UnwantedError
from .record import NotNotedError, Record
from .register import Export, Failure, State
from .signature import SigningKey

_LOGGER = logging.getLogger(__name__)

_KEPT_US = 14 * DAY_US
_TELL_EVERY_S = 1.0
_AGAIN_S = 5.0
_END_S = 3.0


class Line:
    """To be used in one event loop. `on_made` is called when a package may have come to lie on the shelf."""

    def __init__(
        self, entries: Entries, workshop: Workshop, record: Record, locking: Locking, on_made: Callable[[], None]
    ) -> None:
        self.key: SigningKey | None = None
        self._entries = entries
        self._workshop = workshop
        self._record = record
        self._locking = locking
        self._on_made = on_made
        self._wake = asyncio.Event()
        self._making: Making | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There may be something to be made."""
        self._wake.set()

    def stop(self, number: str) -> bool:
        """Ends the making of a package, which is no longer wanted; False if it has not begun."""
        if self._making is None or self._making.request.number != number:
            return False
        self._making.stop()
        if self._task is not None:
            self._task.cancel()
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            export = next((export for export in self._entries.all if export.waits), None)
            if export is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._make(export)
            except Exception:
                # A defect of ours must not end it for good.
                _LOGGER.exception("evidence package not made", extra={"number": export.number})
                await asyncio.sleep(_AGAIN_S)

    async def _make(self, export: Export) -> None:
        if self.key is None:
            await self._end(self._failed(export, Failure.KEY_UNUSABLE, "the recorder's key cannot be read"))
            return
        making = self._making = Making(export.request, self.key, self._workshop)
        self._entries.is_made_by(making)
        task = self._task = asyncio.create_task(self._make_and_end(export, making))
        teller = asyncio.create_task(self._tell(export.number, making))
        try:
            await asyncio.wait([task])
        finally:
            teller.cancel()
            if not task.done():
                making.stop()
                task.cancel()
                await asyncio.wait([task], timeout=_END_S)
            self._making = self._task = None
            self._entries.is_made_by(None)
            self._workshop.archive.promise(0)
        if not task.cancelled():
            task.result()

    async def _make_and_end(self, export: Export, making: Making) -> None:
        ended = False
        try:
            made = await self._made(export, making)
            # From here on it is not interrupted: the audit log and the register must say the same.
            ending = asyncio.create_task(self._end(made))
            try:
                ended = await asyncio.shield(ending)
            except asyncio.CancelledError:
                ended = await ending
                raise
        finally:
            if not ended:
                # In the thread, behind what it may still be writing.
                self._workshop.threads.submit(self._clear, export.number)
            if not self._entries.waits(export.number):
                await self._locking.release(export.number)

    async def _made(self, export: Export, making: Making) -> Export:
        """What has become of it."""
        number = export.number
        _LOGGER.info("evidence package begun", extra={"number": number, "clips": len(export.request.items)})
        try:
            # The recorder may have ended between its request and its locks.
            await self._locking.lock_if_not(export.request)
            result = await making.run()
        except FailedError as error:
            return self._failed(export, error.failure, error.problem)
        except UnwantedError:
            raise asyncio.CancelledError from None
        except OSError as error:
            state = self._workshop.archive.root.state_of(error)
            no_space = state in (StorageState.FULL, StorageState.NO_INODES)
            return self._failed(export, Failure.NO_SPACE if no_space else Failure.DISK, str(error.strerror or error))
        except Exception:
            _LOGGER.exception("evidence package not made", extra={"number": number})
            return self._failed(export, Failure.INTERNAL, "the recorder failed; its log says why")
        now_us = self._workshop.host.utc_us()
        return replace(export, state=State.DONE, changed_us=now_us, result=result, expires_us=now_us + _KEPT_US)

    def _failed(self, export: Export, failure: Failure, problem: str) -> Export:
        now_us = self._workshop.host.utc_us()
        return replace(export, state=State.FAILED, changed_us=now_us, failure=failure, problem=problem)

    async def _end(self, export: Export) -> bool:
        """Enters what has become of it, as soon as the register takes it; False if there is no package."""
        actor = Actor(export.request.actor, export.request.reason)
        async with self._entries.changing:
            if not self._entries.waits(export.number):
                return False
            if export.result is not None:
                try:
                    await self._note_done(export, actor)
                except NotNotedError as error:
                    export = self._failed(export, Failure.AUDIT_UNAVAILABLE, str(error))
                    export = replace(export, result=None, expires_us=None)
            if export.failure is not None:
                failure, problem = export.failure.value, export.problem or ""
                self._record.tell_failure(actor, export.number, failure, problem)
                _LOGGER.error(
                    "evidence package failed", extra={"number": export.number, "failure": failure, "problem": problem}
                )
        for pause_s in repeat(_AGAIN_S):
            if await self._entered(export):
                break
            await asyncio.sleep(pause_s)
        self._on_made()
        return export.has_package and self._entries.get(export.number) == export

    async def _note_done(self, export: Export, actor: Actor) -> None:
        result = export.result
        if result is not None:
            for item, clip in zip(export.request.items, result.clips, strict=True):
                sha256 = None if clip is None else clip.sha256
                sums_sha256 = result.sums_sha256
                await self._record.note(
                    "export_done", actor, export.number, item, sha256=sha256, sums_sha256=sums_sha256
                )

    async def _entered(self, export: Export) -> bool:
        """False if the register does not take it now."""
        async with self._entries.changing:
            try:
                if self._entries.waits(export.number):
                    await self._entries.put(export)
            except OSError as error:
                problem = str(error.strerror or error)
                _LOGGER.error(
                    "the register of packages cannot be written; it is tried again", extra={"problem": problem}
                )
                return False
            return True

    async def _tell(self, number: str, making: Making) -> None:
        told: tuple[int, int] | None = None
        while True:
            progress = making.progress
            if told != (progress.done_bytes, progress.total_bytes):
                told = progress.done_bytes, progress.total_bytes
                self._entries.tell(number)
                if progress.total_bytes:
                    self._workshop.archive.promise(progress.total_bytes - progress.done_bytes)
            await asyncio.sleep(_TELL_EVERY_S)

    def _clear(self, number: str) -> None:
        with suppress(OSError):
            self._workshop.shelf.remove(number)
