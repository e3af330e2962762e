"""Still pictures: which keyframe shows an instant, and its JPEG, made once and kept for a while. Knows no HTTP.

Decoding costs more than all the rest of a picture. So it is done once for everybody who asks for the same picture, by
two threads that give way to everything else in this process, and only so many pictures at a time.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import av

from .media import mosaic
from .media.bits import BitstreamError
from .media.cmaf import RecordingFile
from .media.mosaic import Layout, Marks, Plane
from .media.picture import PictureError, decode_keyframe, to_jpeg
from .media.video import AccessUnit, VideoFormat, split_length_prefixed

_THREADS = 2
_NICENESS = 10
_CACHE_BYTES = 32 << 20
_MOST_AT_ONCE = 24
_TILES_AT_ONCE = 2
# A disk that hangs must not use up what may be made at once: the live pictures need no disk.
_READ_S = 10.0


class BusyError(Exception):
    """As many pictures are being made as may be."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that is decoded by itself: `size` bytes at `offset` of the recording file at `path`."""

    path: str
    offset: int
    size: int
    video: VideoFormat
    utc_us: int

    @property
    def key(self) -> Hashable:
        """Files only grow, so that path and offset name a picture."""
        return self.path, self.offset


class Source(Protocol):
    """Where a picture comes from."""

    @property
    def key(self) -> Hashable:
        """The same for the same picture only."""
        ...

    @property
    def video(self) -> VideoFormat:
        """Its format."""
        ...

    async def sample(self) -> bytes:
        """Its NAL units, each behind its length. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded picture. `read(path, offset, size)` gets bytes of a recording file."""

    keyframe: Keyframe
    read: Callable[[str, int, int], Awaitable[bytes]]

    @property
    def key(self) -> Hashable:
        """The same for the same picture only."""
        return self.keyframe.key

    @property
    def video(self) -> VideoFormat:
        """Its format."""
        return self.keyframe.video

    async def sample(self) -> bytes:
        """Its NAL units. Raises OSError."""
        return await self.read(self.keyframe.path, self.keyframe.offset, self.keyframe.size)


@dataclass(frozen=True, slots=True)
class Live:
    """A picture that has just come."""

    camera_id: str
    unit: AccessUnit

    @property
    def key(self) -> Hashable:
        """The same for the same picture only."""
        return self.camera_id, self.unit.arrival_us, self.unit.pts_90k

    @property
    def video(self) -> VideoFormat:
        """Its format."""
        return self.unit.video

    async def sample(self) -> bytes:
        """Its NAL units."""
        return self.unit.data


def nearest(
    files: Iterable[tuple[str, RecordingFile]],
    at_us: int,
    *,
    before_us: int,
    after_us: int,
    may_show: Callable[[int], bool],
) -> Keyframe | None:
    """The keyframe of the group that is seen at an instant; None if there is none that may be shown.

    Where there is no such group: that of the last one which ended at most `before_us` earlier, otherwise that of the
    next one which begins less than `after_us` later.
    """
    before: Keyframe | None = None
    before_end_us = at_us - before_us
    for path, file in files:
        for fragment in file.fragments:
            if not may_show(fragment.utc_us):
                continue
            found = Keyframe(path, fragment.data, int(fragment.sizes[0]), file.video, fragment.utc_us)
            if fragment.utc_us > at_us:
                return before or (found if fragment.utc_us < at_us + after_us else None)
            if fragment.end_us >= before_end_us:
                before, before_end_us = found, fragment.end_us
    return before


class Stills:
    """Makes pictures. `made` counts those that were decoded, `kept` those that were still there."""

    def __init__(
        self,
        *,
        cache_bytes: int = _CACHE_BYTES,
        threads: int = _THREADS,
        most_at_once: int = _MOST_AT_ONCE,
        read_s: float = _READ_S,
    ) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="stills", initializer=_give_way)
        self._cache_bytes = cache_bytes
        self._most_at_once = most_at_once
        self._read_s = read_s
        self._cache: OrderedDict[Hashable, bytes | Plane] = OrderedDict()
        self._cached_bytes = 0
        # A strip's pictures are in memory together: those of one strip at a time.
        self._strips = asyncio.Semaphore(1)
        self._running: dict[Hashable, _Work] = {}
        self.made = self.kept = 0

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def jpeg(self, source: Source, width: int | None = None) -> bytes:
        """A picture, at most so wide. Raises PictureError, OSError and BusyError."""
        made = await self._once(("jpeg", source.key, width), partial(self._jpeg, source, width))
        assert isinstance(made, bytes)
        return made

    async def strip(self, key: Hashable, tiles: Sequence[tuple[Source | None, Marks]], layout: Layout) -> bytes:
        """Pictures side by side as one JPEG; one that cannot be decoded is drawn as missing.

        The key names what is seen: the same for the same tiles in the same layout only. Raises BusyError, and OSError
        where one cannot be read: a disk that is away for a moment must not make a hole that stays.
        """
        made = await self._once(("strip", key), partial(self._strip, tiles, layout))
        assert isinstance(made, bytes)
        return made

    async def _jpeg(self, source: Source, width: int | None) -> bytes:
        return await self._decoded(source, lambda frame: to_jpeg(frame, width))

    async def _strip(self, tiles: Sequence[tuple[Source | None, Marks]], layout: Layout) -> bytes:
        try:
            async with asyncio.timeout(self._read_s):
                await self._strips.acquire()
        except TimeoutError as error:
            raise BusyError from error
        try:
            return await self._in_thread(mosaic.mosaic, await self._planes(tiles, layout), layout)
        finally:
            self._strips.release()

    async def _planes(
        self, tiles: Sequence[tuple[Source | None, Marks]], layout: Layout
    ) -> list[tuple[Plane | None, Marks]]:
        # So that pictures which others ask for meanwhile get their turn between those of a long strip.
        turns = asyncio.Semaphore(_TILES_AT_ONCE)

        async def one(source: Source | None, marks: Marks) -> tuple[Plane | None, Marks]:
            if source is None:
                return None, marks
            key = ("tile", source.key, layout.width, layout.height)
            try:
                async with turns:
                    plane = await self._once(key, partial(self._tile, source, layout), part=True)
            except PictureError:
                return None, Marks(((0, layout.width),))
            assert not isinstance(plane, bytes)
            return plane, marks

        try:
            async with asyncio.TaskGroup() as group:
                drawn = [group.create_task(one(source, marks)) for source, marks in tiles]
        except* OSError as errors:
            failed = errors
        else:
            return [task.result() for task in drawn]
        raise failed.exceptions[0]

    async def _tile(self, source: Source, layout: Layout) -> Plane:
        return await self._decoded(source, lambda frame: mosaic.tile(frame, layout))

    async def _decoded[T](self, source: Source, use: Callable[[av.VideoFrame], T]) -> T:
        async with asyncio.timeout(self._read_s):
            sample = await source.sample()

        def decode() -> T:
            try:
                nals = split_length_prefixed(sample)
            except BitstreamError as error:
                raise PictureError(f"the keyframe is damaged: {error}") from error
            return use(decode_keyframe(source.video, nals))

        made = await self._in_thread(decode)
        self.made += 1
        return made

    async def _in_thread[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))

    async def _once(
        self, key: Hashable, make: Callable[[], Awaitable[bytes | Plane]], *, part: bool = False
    ) -> bytes | Plane:
        """What is kept, or being made for somebody else, or is made now. A `part` of other work is never refused."""
        kept = self._cache.get(key)
        if kept is not None:
            self._cache.move_to_end(key)
            self.kept += 1
            return kept
        work = self._running.get(key)
        if work is None:
            if not part and sum(not other.part for other in self._running.values()) >= self._most_at_once:
                raise BusyError
            work = self._running[key] = _Work(asyncio.ensure_future(make()), part)
        work.waiting += 1
        try:
            made = await asyncio.shield(work.task)
        finally:
            work.waiting -= 1
            if not work.waiting and self._running.get(key) is work:
                # It is done, or nobody wants it any more.
                del self._running[key]
                work.task.cancel()
        if key not in self._cache:
            self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: bytes | Plane) -> None:
        size = _size(made)
        if size > self._cache_bytes // 2:
            return
        self._cache[key] = made
        self._cached_bytes += size
        while self._cached_bytes > self._cache_bytes:
            self._cached_bytes -= _size(self._cache.popitem(last=False)[1])


@dataclass(slots=True, eq=False)
class _Work:
    """A picture that is being made, and how many wait for it."""

    task: asyncio.Future[bytes | Plane]
    part: bool
    waiting: int = 0


def _size(made: bytes | Plane) -> int:
    return len(made) if isinstance(made, bytes) else made.nbytes


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
