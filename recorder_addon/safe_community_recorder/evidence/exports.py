"""The packages of a recorder: asked for, made one after the other, cancelled, deleted; all of it on the record."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Protocol

from ..archive.retention import DAY_US
from ..archive.root import StorageState
from ..audit.actor import RECORDER, Actor
from ..utc import from_us
from .contents import Item, Language, Request, Trace
from .locking import Locking
from .making import FailedError, Making, Progress, Workshop
from .packing import UnwantedError
from .register import Export, Failure, Register, State
from .signature import KeyUnusableError, PublicKey, SigningKey, load_key

_LOGGER = logging.getLogger(__name__)

_KEPT_US = 14 * DAY_US
_MOST_WAITING = 50
_TELL_EVERY_S = 1.0
_TIDY_EVERY_S = 3_600.0
_AGAIN_S = 5.0
_END_S = 3.0


class NotNotedError(Exception):
    """The audit log does not take a record: what was to be recorded must not happen."""


class TooManyError(Exception):
    """Enough packages wait to be made."""


class UnknownExportError(LookupError):
    """The register has no such number."""


class Record(Protocol):
    """The audit log, as far as packages are concerned."""

    async def note(
        self,
        event: str,
        actor: Actor,
        number: str,
        item: Item | None = None,
        *,
        recipient: str | None = None,
        sha256: str | None = None,
    ) -> Trace:
        """Writes a record and returns when the disk has it. Raises NotNotedError."""
        ...

    def tell_failure(self, actor: Actor, number: str, failure: str, problem: str) -> None:
        """Has a record written as soon as the disk takes it."""
        ...


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
        self._on_change = on_change
        self._register = Register(data)
        self._register_thread = ThreadPoolExecutor(1, thread_name_prefix="evidence-register")
        self._locking = Locking(workshop.archive, workshop.host)
        self._changing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._making: Making | None = None
        self._task: asyncio.Task[None] | None = None
        self._key: SigningKey | None = None

    async def start(self) -> None:
        """Reads the key and the register. Raises OSError."""
        try:
            self._key = await self._registering(partial(load_key, self._data))
        except (KeyUnusableError, OSError) as error:
            _LOGGER.error("no evidence package can be signed", extra={"problem": str(error)})
        await self._registering(self._register.load)
        self._count_bytes()

    async def run(self) -> None:
        """Makes what waits, one after the other, and deletes what is past its days; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_making())
            tasks.create_task(self._run_tidying())

    async def close(self) -> bool:
        """Ends the threads; False if one hangs in the disk. `run` must have been cancelled before."""
        threads = self._workshop.threads
        last = asyncio.get_running_loop().run_in_executor(threads, lambda: None)
        done, _ = await asyncio.wait([last], timeout=_END_S)
        self._workshop.stills.close()
        self._register_thread.shutdown(wait=False)
        threads.shutdown(wait=False, cancel_futures=True)
        return bool(done)

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def public_key(self) -> PublicKey | None:
        """The key by which packages can be checked; None if the own one cannot be used."""
        return None if self._key is None else self._key.public

    @property
    def exports(self) -> Sequence[Export]:
        """The register, the oldest first."""
        return [self._as_it_is(export) for export in self._register.exports]

    def get(self, number: str) -> Export:
        """An entry. Raises UnknownExportError."""
        export = self._register.get(number)
        if export is None:
            raise UnknownExportError(number)
        return self._as_it_is(export)

    def progress(self, number: str) -> Progress | None:
        """How far it is, if it is being made."""
        making = self._making
        return making.progress if making is not None and making.request.number == number else None

    def path(self, number: str) -> Path:
        """Where a package lies."""
        return self._workshop.shelf.path(number)

    # --- what people do -----------------------------------------------------------------------------------------------

    async def ask(self, asked: Asked) -> Export:
        """Takes a request. Raises KeyUnusableError, TooManyError, NotNotedError, and OSError of the register."""
        if self._key is None:
            raise KeyUnusableError("the recorder's key cannot be read; its log says why")
        async with self._changing:
            if sum(export.waits for export in self._register.exports) >= _MOST_WAITING:
                raise TooManyError
            now_us = self._workshop.host.utc_us()
            number = self._register.next_number(from_us(now_us).astimezone(self._workshop.time_zone()).year)
            notes = [
                self._record.note("export_asked", asked.actor, number, item, recipient=asked.recipient)
                for item in asked.items
            ]
            traces = await asyncio.gather(*notes)
            trace = max(traces, key=lambda trace: trace.number)
            request = Request(
                number,
                now_us,
                asked.actor.name,
                asked.reason,
                asked.recipient,
                asked.language,
                asked.stills,
                asked.items,
                trace,
            )
            export = Export(request, changed_us=now_us)
            try:
                await self._put(export)
            except OSError as error:
                self._record.tell_failure(asked.actor, number, Failure.DISK.value, str(error.strerror or error))
                raise
        await self._locking.lock(export.request)
        self._wake.set()
        return export

    async def remove(self, number: str, actor: Actor) -> Export:
        """Cancels a package that is not made yet, deletes one that is; its entry stays.

        Raises UnknownExportError, NotNotedError and OSError.
        """
        async with self._changing:
            export = self.get(number)
            if export.waits:
                await self._record.note("export_cancelled", actor, number)
                await self._put(replace(export, state=State.CANCELLED, changed_us=self._workshop.host.utc_us()))
                if self._making is not None and self._making.request.number == number:
                    self._making.stop()
                    if self._task is not None:
                        self._task.cancel()
                else:
                    await self._locking.release(number)
            elif export.has_package:
                await self._delete(export, actor)
            return self.get(number)

    async def note_download(self, number: str, actor: Actor) -> None:
        """Raises NotNotedError."""
        await self._record.note("export_downloaded", actor, number)

    # --- making -------------------------------------------------------------------------------------------------------

    async def _run_making(self) -> None:
        while True:
            export = next((export for export in self._register.exports if export.waits), None)
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
        if self._key is None:
            await self._end(self._failed(export, Failure.KEY_UNUSABLE, "the recorder's key cannot be read"))
            return
        making = self._making = Making(export.request, self._key, self._workshop)
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
            await self._release_if_over(export.number)

    async def _made(self, export: Export, making: Making) -> Export:
        """What has become of it."""
        number = export.number
        _LOGGER.info("evidence package begun", extra={"number": number, "clips": len(export.request.items)})
        try:
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
        request = export.request
        actor = Actor(request.actor, request.reason)
        async with self._changing:
            if not self._waits(export.number):
                return False
            if export.result is not None:
                try:
                    for item, clip in zip(request.items, export.result.clips, strict=True):
                        digest = None if clip is None else clip.sha256
                        await self._record.note("export_done", actor, export.number, item, sha256=digest)
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
        self._count_bytes()
        return export.has_package and self.get(export.number) == export

    async def _entered(self, export: Export) -> bool:
        """False if the register does not take it now."""
        async with self._changing:
            try:
                if self._waits(export.number):
                    await self._put(export)
            except OSError as error:
                problem = str(error.strerror or error)
                _LOGGER.error(
                    "the register of packages cannot be written; it is tried again", extra={"problem": problem}
                )
                return False
            return True

    def _waits(self, number: str) -> bool:
        known = self._register.get(number)
        return known is not None and known.waits

    async def _tell(self, number: str, making: Making) -> None:
        told: tuple[int, int] | None = None
        while True:
            progress = making.progress
            if told != (progress.done_bytes, progress.total_bytes):
                told = progress.done_bytes, progress.total_bytes
                self._on_change(self.get(number), progress)
                if progress.total_bytes:
                    self._workshop.archive.promise(progress.total_bytes - progress.done_bytes)
            await asyncio.sleep(_TELL_EVERY_S)

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
        for export in self._register.exports:
            if export.has_package and export.expires_us is not None and export.expires_us <= host.utc_us():
                async with self._changing:
                    await self._delete(export, RECORDER)
        numbers = {export.number for export in self._register.exports if export.has_package or export.waits}
        # In the thread that writes packages: what it begins later is not taken for a leftover.
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._workshop.threads, self._workshop.shelf.tidy, numbers)
        for number in self._locking.numbers():
            await self._release_if_over(number)

    async def _delete(self, export: Export, actor: Actor) -> None:
        await self._record.note("export_deleted", actor, export.number)
        await asyncio.to_thread(self._workshop.shelf.remove, export.number)
        now_us = self._workshop.host.utc_us()
        await self._put(replace(export, changed_us=now_us, deleted_us=now_us, expires_us=None))
        self._count_bytes()

    async def _release_if_over(self, number: str) -> None:
        if not self._waits(number):
            await self._locking.release(number)

    def _clear(self, number: str) -> None:
        with suppress(OSError):
            self._workshop.shelf.remove(number)

    def _count_bytes(self) -> None:
        sizes = (export.result.size_bytes for export in self._register.exports if export.has_package and export.result)
        self._workshop.archive.count_packages(sum(sizes))

    # --- the register -------------------------------------------------------------------------------------------------

    def _as_it_is(self, export: Export) -> Export:
        is_made = self._making is not None and self._making.request.number == export.number
        return replace(export, state=State.RUNNING) if export.waits and is_made else export

    async def _put(self, export: Export) -> None:
        await self._registering(partial(self._register.put, export))
        self._on_change(self._as_it_is(export), self.progress(export.number))

    async def _registering[R](self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._register_thread, function)
