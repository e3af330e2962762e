"""Live streams: the one connection's pictures for many viewers; a slow viewer loses pictures, never anybody else's."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from av.error import FFmpegError

from .media.live_mp4 import FragmentedStream
from .media.mpegts import TransportStream
from .media.video import AccessUnit, VideoFormat

_VIEWER_BACKLOG_UNITS = 300
_VIEWER_BACKLOG_BYTES = 16 << 20
_GROUP_UNITS = 2_000
_GROUP_BYTES = 16 << 20
# Whoever asks for a playlist again and again has gone when nothing was heard for so long.
_AWAY_S = 30.0


class LiveChannel:
    """A camera's live stream. Keeps the current group of pictures, so that a viewer sees something at once.

    `on_viewers` is called when `viewers` has changed.
    """

    def __init__(self, on_viewers: Callable[[], None] = lambda: None) -> None:
        self._on_viewers = on_viewers
        self._group: list[AccessUnit] = []
        self._group_bytes = 0
        self._is_whole = True
        self._mpegts = _Output(TransportStream, lambda video: video.codec)
        self._mp4 = _Output(FragmentedStream, lambda video: video)
        self._callers: dict[str, asyncio.TimerHandle] = {}

    @property
    def viewers(self) -> int:
        """How many watch: streams being sent, and whoever has asked for a playlist lately."""
        return self._mpegts.viewers + self._mp4.viewers + len(self._callers)

    @property
    def keyframe(self) -> AccessUnit | None:
        """The newest keyframe."""
        return self._group[0] if self._group else None

    def push(self, unit: AccessUnit) -> None:
        """The next picture. Raises FFmpegError when it cannot be muxed; who would have been shown it is let go."""
        if unit.is_key:
            self._group, self._group_bytes, self._is_whole = [unit], len(unit.data), True
        elif not self._group:
            return
        elif self._is_whole:
            self._group.append(unit)
            self._group_bytes += len(unit.data)
            if len(self._group) > _GROUP_UNITS or self._group_bytes > _GROUP_BYTES:
                # Too much to begin with: who comes now begins with the next keyframe.
                self._is_whole = False
                del self._group[1:]
        self._mp4.push(unit, is_kept=self._is_whole)
        self._mpegts.push(unit, is_kept=self._is_whole)

    def end(self) -> None:
        """The camera is gone, or its stream makes no sense: viewers are let go, to come again when they like."""
        self._group = []
        self._mpegts.end()
        self._mp4.end()

    def mpegts(self) -> AsyncGenerator[bytes]:
        """An MPEG transport stream from the newest keyframe on; it ends when the camera goes away or changes codec."""
        return self._watch(self._mpegts)

    def mp4(self) -> AsyncGenerator[bytes]:
        """The same as fragmented MP4. It ends with any change of the format: such a stream has one."""
        return self._watch(self._mp4)

    def called(self, who: str) -> None:
        """Somebody who is not sent a stream, but asks again and again for what is new, has done so."""
        timer = self._callers.pop(who, None)
        self._callers[who] = asyncio.get_running_loop().call_later(_AWAY_S, self._gone, who)
        if timer is None:
            self._on_viewers()
        else:
            timer.cancel()

    def _gone(self, who: str) -> None:
        del self._callers[who]
        self._on_viewers()

    async def _watch(self, output: _Output) -> AsyncGenerator[bytes]:
        if not self._group:
            # The camera went away while this viewer was let in. Nobody would end the stream if it does not come back.
            return
        viewer = output.add(self._group if self._is_whole else ())
        self._on_viewers()
        try:
            while (data := await viewer.take()) is not None:
                yield data
        finally:
            output.remove(viewer)
            self._on_viewers()


class _Muxer(Protocol):
    """One format's bytes of a live stream."""

    @property
    def head(self) -> bytes:
        """What every viewer gets first."""
        ...

    def mux(self, unit: AccessUnit) -> bytes:
        """The bytes of a picture."""
        ...


class _Output:
    """A live stream in one container: muxed once, and not at all while nobody watches.

    `kind_of` tells of a format what must stay the same: a stream ends when that changes.
    """

    def __init__(self, begin: Callable[[VideoFormat], _Muxer], kind_of: Callable[[VideoFormat], object]) -> None:
        self._begin = begin
        self._kind_of = kind_of
        self._viewers: set[_Viewer] = set()
        self._muxer: _Muxer | None = None
        self._kind: object = None
        self._group: list[bytes] = []

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def add(self, group: Sequence[AccessUnit]) -> _Viewer:
        """A viewer, who begins with this group of pictures."""
        if not self._viewers:
            self._begin_anew()
            try:
                self._group = [self._mux(unit) for unit in group]
            except FFmpegError:
                # Perhaps the next group makes sense.
                self._begin_anew()
        viewer = _Viewer(self._group, b"" if self._muxer is None else self._muxer.head)
        self._viewers.add(viewer)
        return viewer

    def remove(self, viewer: _Viewer) -> None:
        """A viewer has gone."""
        self._viewers.discard(viewer)

    def push(self, unit: AccessUnit, *, is_kept: bool) -> None:
        """The next picture; `is_kept` says that it belongs to what a new viewer begins with. Raises FFmpegError."""
        if self._muxer is not None and self._kind_of(unit.video) != self._kind:
            self.end()
        if unit.is_key or not is_kept:
            self._group = []
        if not self._viewers or (self._muxer is None and not unit.is_key):
            return
        try:
            data = self._mux(unit)
        except FFmpegError:
            self.end()
            raise
        if is_kept:
            self._group.append(data)
        if self._muxer is not None:
            for viewer in self._viewers:
                viewer.offer(self._muxer.head, data, is_key=unit.is_key)

    def end(self) -> None:
        """Lets all viewers go."""
        self._begin_anew()
        for viewer in self._viewers:
            viewer.end()
        self._viewers.clear()

    def _begin_anew(self) -> None:
        self._muxer = self._kind = None
        self._group = []

    def _mux(self, unit: AccessUnit) -> bytes:
        if self._muxer is None:
            self._muxer, self._kind = self._begin(unit.video), self._kind_of(unit.video)
        return self._muxer.mux(unit)


class _Viewer:
    """What waits for one viewer. When too much waits, all of it goes and the viewer continues at the next keyframe.

    `group` is what it begins with, behind the muxer's `head`; a long one may wait beside what may wait for anybody.
    """

    def __init__(self, group: Sequence[bytes], head: bytes) -> None:
        self._waiting = deque(group)
        self._waiting_bytes = sum(map(len, group))
        self._most_units = len(group) + _VIEWER_BACKLOG_UNITS
        self._most_bytes = self._waiting_bytes + _VIEWER_BACKLOG_BYTES
        self._head = head if group else None
        self._is_skipping = not group
        self._has_ended = False
        self._wake = asyncio.Event()

    def offer(self, head: bytes, data: bytes, *, is_key: bool) -> None:
        """The bytes of a picture, and what a viewer gets before the first one."""
        if self._is_skipping and not is_key:
            return
        if self._head is None:
            self._head = head
        self._is_skipping = False
        is_too_much = self._waiting_bytes + len(data) > self._most_bytes
        if self._waiting and (is_too_much or len(self._waiting) >= self._most_units):
            self._waiting.clear()
            self._waiting_bytes = 0
            if not is_key:
                self._is_skipping = True
                return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._wake.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._has_ended = True
        self._wake.set()

    async def take(self) -> bytes | None:
        """The next bytes; None at the end."""
        while not self._waiting:
            if self._has_ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        data = self._waiting.popleft()
        self._waiting_bytes -= len(data)
        if self._head:
            data, self._head = self._head + data, b""
        return data
