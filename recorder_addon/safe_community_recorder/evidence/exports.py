"""The packages of a recorder: asked for, cancelled, deleted; all of it on the record."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..audit.actor import RECORDER, Actor
from ..utc import from_us
from .contents import NOT_RECORDED, Item, Language, Request
from .entries import Entries
from .line import Line
from .locking import Locking
from .making import Progress, Workshop
from .record import NotNotedError, Record
from .register import Export, Failure, State
from .signature import KeyUnusableError, PublicKey, load_key

_LOGGER = logging.getLogger(__name__)

_MOST_WAITING = 50
_TIDY_EVERY_S = 3_600.0
_END_S = 3.0


class TooManyError(Exception):
    """Enough packages wait to be made."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for, before it has a number."""

    actor: Actor
    reason: str
    recipient: str
    language: Language
    stills: bool
    items: tuple[Item, ...]


class Exports:
    """One recorder's packages; to be used in one event loop.

    `on_change` hears of an entry when it has changed, of one that is being made once a second.
    """

    def __init__(
        self, data: Path, workshop: Workshop, record: Record, on_change: Callable[[Export, Progress | None], None]
    ) -> None:
        self._data = data
        self._workshop = workshop
        self._record = record
        self._entries = Entries(data, on_change)
        self._locking = Locking(workshop.archive, workshop.host)
        self._line = Line(self._entries, workshop, record, self._locking, self._count_bytes)
        self._deleting = asyncio.Lock()
        # Whatever hangs in the disk of the packages, nobody else waits for it.
        self._shelf_thread = ThreadPoolExecutor(1, thread_name_prefix="evidence-shelf")

    async def start(self) -> None:
        """Reads the key and the register. Raises OSError."""
        await self._entries.load()
        self._count_bytes()
        try:
            key, is_new = await self._entries.in_thread(partial(load_key, self._data))
        except (KeyUnusableError, OSError) as error:
            _LOGGER.error("no evidence package can be signed", extra={"problem": str(error)})
            return
        self._line.key = key
        if is_new and self._entries.all:
            _LOGGER.warning("the key of former evidence packages is gone; another one was made")
            self._record.tell_new_key(key.public.fingerprint)

    async def run(self) -> None:
        """Makes what waits, one after the other, and deletes what is past its days; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run())
            tasks.create_task(self._run_tidying())

    async def close(self) -> bool:
        """Ends the threads; False if one hangs in the disk. `run` must have been cancelled before."""
        loop = asyncio.get_running_loop()
        threads = (self._workshop.threads, self._shelf_thread, self._entries.thread)
        _, hanging = await asyncio.wait(
            [loop.run_in_executor(thread, lambda: None) for thread in threads], timeout=_END_S
        )
        self._workshop.stills.close()
        for thread in threads:
            thread.shutdown(wait=False, cancel_futures=True)
        return not hanging

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def public_key(self) -> PublicKey | None:
        """The key by which packages can be checked; None if the own one cannot be used."""
        return None if self._line.key is None else self._line.key.public

    @property
    def exports(self) -> Sequence[Export]:
        """The register, the oldest first."""
        return self._entries.all

    def get(self, number: str) -> Export:
        """An entry. Raises UnknownExportError."""
        return self._entries.get(number)

    def progress(self, number: str) -> Progress | None:
        """How far it is, if it is being made."""
        return self._entries.progress(number)

    def path(self, number: str) -> Path:
        """Where a package lies."""
        return self._workshop.shelf.path(number)

    # --- what people do -----------------------------------------------------------------------------------------------

    async def ask(self, asked: Asked) -> Export:
        """Takes a request. Raises KeyUnusableError, TooManyError, NotNotedError, and OSError of the register."""
        if self._line.key is None:
            raise KeyUnusableError("the recorder's key cannot be read; its log says why")
        async with self._entries.changing:
            if sum(export.waits for export in self._entries.all) >= _MOST_WAITING:
                raise TooManyError
            now_us = self._workshop.host.utc_us()
            request = Request(
                self._entries.next_number(from_us(now_us).astimezone(self._workshop.time_zone()).year),
                now_us,
                asked.actor.name,
                asked.reason,
                asked.recipient,
                asked.language,
                asked.stills,
                asked.items,
                NOT_RECORDED,
            )
            # The number is taken before anybody hears of it: whatever happens from here on, it means this request.
            failed = Export(request, State.FAILED, now_us, Failure.AUDIT_UNAVAILABLE, "it did not get on the record")
            await self._entries.reserve(failed)
            try:
                export = await self._put_on_record(asked, request)
            except (NotNotedError, OSError) as error:
                self._record.tell_failure(asked.actor, request.number, Failure.AUDIT_UNAVAILABLE.value, str(error))
                self._entries.tell(request.number)
                raise
        await self._locking.lock(export.request)
        self._line.wake()
        return export

    async def _put_on_record(self, asked: Asked, request: Request) -> Export:
        notes = [
            self._record.note("export_asked", asked.actor, request.number, item, recipient=asked.recipient)
            for item in asked.items
        ]
        trace = max(await asyncio.gather(*notes), key=lambda trace: trace.number)
        export = Export(replace(request, trace=trace), changed_us=request.asked_us)
        await self._entries.put(export)
        return export

    async def remove(self, number: str, actor: Actor) -> Export:
        """Cancels a package that is not made yet, deletes one that is; its entry stays.

        Raises UnknownExportError, NotNotedError and OSError.
        """
        async with self._entries.changing:
            export = self.get(number)
            if export.waits:
                await self._record.note("export_cancelled", actor, number)
                await self._entries.put(replace(export, state=State.CANCELLED, changed_us=self._workshop.host.utc_us()))
                if not self._line.stop(number):
                    await self._locking.release(number)
                return self.get(number)
        await self._delete(number, actor)
        return self.get(number)

    async def note_download(self, number: str, actor: Actor) -> None:
        """Raises NotNotedError."""
        await self._record.note("export_downloaded", actor, number)

    # --- deleting -----------------------------------------------------------------------------------------------------

    async def _run_tidying(self) -> None:
        while True:
            pause_s = _TIDY_EVERY_S
            try:
                await self._tidy()
            except (OSError, NotNotedError) as error:
                _LOGGER.warning("old evidence packages not deleted", extra={"problem": str(error)})
                pause_s = _TIDY_EVERY_S / 60
            await asyncio.sleep(pause_s)

    async def _tidy(self) -> None:
        host = self._workshop.host
        if not host.is_set:
            return
        for export in self._entries.all:
            if export.expires_us is not None and export.expires_us <= host.utc_us():
                await self._delete(export.number, RECORDER)
        numbers = {export.number for export in self._entries.all if export.has_package or export.waits}
        # In the thread that writes packages: what it begins later is not taken for a leftover.
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._workshop.threads, self._workshop.shelf.tidy, numbers)
        for number in self._locking.numbers():
            if not self._entries.waits(number):
                await self._locking.release(number)

    async def _delete(self, number: str, actor: Actor) -> None:
        """Deletes a package, if there is one."""
        async with self._deleting:
            if not self.get(number).has_package:
                return
            await self._record.note("export_deleted", actor, number)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._shelf_thread, self._workshop.shelf.remove, number)
            now_us = self._workshop.host.utc_us()
            async with self._entries.changing:
                export = replace(self.get(number), changed_us=now_us, deleted_us=now_us, expires_us=None)
                await self._entries.put(export)
        self._count_bytes()

    def _count_bytes(self) -> None:
        sizes = (export.result.size_bytes for export in self._entries.all if export.has_package and export.result)
        self._workshop.archive.count_packages(sum(sizes))
