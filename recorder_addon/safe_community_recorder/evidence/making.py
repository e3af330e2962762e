"""Makes one package: finds the footage, sees that there is room, and has a thread of its own write it."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import BinaryIO
from zoneinfo import ZoneInfo

from ..archive.archive import Archive
from ..archive.root import StorageState
from ..clock import HostClock, steady_us
from ..media.clip import Clip
from ..stills import Stills
from ..utc import SECOND_US
from .contents import Footage, Item, Maker, Packed, Request, Still, file_name
from .gathering import about, clip_of, footage_is_written, stills_of
from .packing import Pace, Package, UnwantedError
from .register import Failure, Result
from .shelf import Shelf
from .signature import SigningKey

_NICENESS = 10
# What a package needs besides its clips: large stills of each, and what describes them.
_BESIDES_BYTES = 1 << 20
_BESIDES_A_CLIP_BYTES = 4 << 20
# A disk that is not there yet, or hangs, may be well in a moment.
_PATIENCE_S = 60
_END_S = 2.0
# An estimate of the first moment would frighten people.
_ETA_AFTER_US = 2 * SECOND_US


class FailedError(Exception):
    """There will be no package."""

    def __init__(self, failure: Failure, problem: str) -> None:
        super().__init__(problem)
        self.failure = failure
        self.problem = problem


@dataclass(slots=True)
class Progress:
    """How far a package is: bytes of its clips; `total_bytes` is 0 until it is known."""

    done_bytes: int = 0
    total_bytes: int = 0
    begun_us: int = 0

    @property
    def percent(self) -> float:
        """Of the bytes."""
        return min(100.0, 100 * self.done_bytes / self.total_bytes) if self.total_bytes else 0.0

    @property
    def eta_s(self) -> float | None:
        """How long the rest will take at the pace until now; None while that cannot be told."""
        took_us = steady_us() - self.begun_us
        if not self.total_bytes or not self.done_bytes or took_us < _ETA_AFTER_US:
            return None
        return max(0, self.total_bytes - self.done_bytes) * took_us / self.done_bytes / SECOND_US


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all packages are made with.

    `maker` says who signs with the key of a fingerprint; `offset_of` gives a camera's clock minus the host's, in
    seconds.
    """

    archive: Archive
    shelf: Shelf
    stills: Stills
    host: HostClock
    time_zone: Callable[[], ZoneInfo]
    maker: Callable[[str], Maker]
    offset_of: Callable[[str], float | None]
    threads: ThreadPoolExecutor


def one_thread() -> ThreadPoolExecutor:
    """The thread that writes packages; it gives way to all others."""
    return ThreadPoolExecutor(1, thread_name_prefix="evidence", initializer=_give_way)


class Making:
    """A package that is being made."""

    def __init__(self, request: Request, key: SigningKey, workshop: Workshop) -> None:
        self.request = request
        self.progress = Progress()
        self._key = key
        self._workshop = workshop
        self._unwanted = Event()

    def stop(self) -> None:
        """Ends it soon; `run` raises UnwantedError then."""
        self._unwanted.set()

    async def run(self) -> Result:
        """Makes it and leaves it on the shelf. Raises FailedError, UnwantedError and OSError."""
        workshop, request = self._workshop, self.request
        await self._disk_is_there()
        await footage_is_written(workshop.archive, request.items, workshop.host.utc_us)
        sizes = []
        for item in request.items:
            clip = await clip_of(workshop.archive, item)
            sizes.append(0 if clip is None else clip.size)
            self._look()
        if not any(sizes):
            raise FailedError(Failure.NO_FOOTAGE, "there is no footage of what was asked for any more")
        wanted_bytes = sum(sizes) + _BESIDES_BYTES + len(sizes) * _BESIDES_A_CLIP_BYTES
        if not await workshop.archive.room_for(wanted_bytes):
            problem = f"the disk has no room for {wanted_bytes / 1e6:.0f} MB beside the footage and its reserve"
            raise FailedError(Failure.NO_SPACE, problem)
        try:
            return await self._write(sum(sizes))
        finally:
            workshop.archive.promise(0)

    async def _write(self, total_bytes: int) -> Result:
        workshop, request = self._workshop, self.request
        self.progress = Progress(0, total_bytes, steady_us())
        created_us = workshop.host.utc_us()
        maker, pace = workshop.maker(self._key.public.fingerprint), Pace(self._unwanted)
        file = await self._in_thread(partial(workshop.shelf.begin, request.number))
        try:
            package = Package(file, request, maker, created_us, pace, self._advanced)
            packed = [await self._item(package, item) for item in request.items]
            sums_sha256 = await self._in_thread(partial(package.finish, packed, self._key))
            size_bytes = await self._in_thread(partial(_closed, file))
        except BaseException:
            # Behind what the thread may still be doing.
            workshop.threads.submit(_give_up, file)
            raise
        await self._in_thread(partial(workshop.shelf.keep, request.number))
        clips = tuple(None if one.footage is None else one.footage.file for one in packed)
        return Result(size_bytes, sums_sha256, clips)

    async def _item(self, package: Package, item: Item) -> Packed:
        workshop = self._workshop
        clip = await clip_of(workshop.archive, item)
        missing, clock = await about(workshop.archive, item, clip, workshop.offset_of(item.camera_id))
        footage = None if clip is None else await self._footage(package, item, clip)
        return Packed(item, footage, missing, clock)

    async def _footage(self, package: Package, item: Item, clip: Clip) -> Footage:
        name = file_name("clips", item.camera_id, clip.start_us, "mp4", package.names)
        file = await self._in_thread(partial(package.add_clip, name, clip))
        stills = []
        if self.request.stills:
            for at_us, picture, small in await stills_of(self._workshop.archive, self._workshop.stills, item, clip):
                name = file_name("stills", item.camera_id, at_us, "jpg", package.names)
                stills.append(Still(await self._in_thread(partial(package.add, name, picture)), at_us, small))
        return Footage(file, clip.start_us, clip.end_us, clip.formats, clip.audio is not None, tuple(stills))

    async def _disk_is_there(self) -> None:
        for _ in range(_PATIENCE_S):
            if self._workshop.archive.status.state not in (StorageState.MISSING, StorageState.SLOW):
                return
            await asyncio.sleep(1)

    def _advanced(self, done_bytes: int) -> None:
        """In the thread."""
        self.progress.done_bytes += done_bytes

    def _look(self) -> None:
        if self._unwanted.is_set():
            raise UnwantedError

    async def _in_thread[R](self, function: Callable[[], R]) -> R:
        """What the thread answers. Whoever is cancelled meanwhile has it stop first, if it can."""
        self._look()
        future = asyncio.get_running_loop().run_in_executor(self._workshop.threads, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self.stop()
            await asyncio.wait([future], timeout=_END_S)
            # Nobody else will ask what it raised.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


def _closed(file: BinaryIO) -> int:
    size_bytes = os.fstat(file.fileno()).st_size
    file.close()
    return size_bytes


def _give_up(file: BinaryIO) -> None:
    with suppress(OSError):
        file.close()


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
