"""Live streams: the one connection's pictures for many viewers; a slow viewer loses pictures, never anybody else's."""

import asyncio
from collections.abc import AsyncGenerator

from .media.mpegts import TransportStream
from .media.video import AccessUnit, VideoFormat

_VIEWER_BACKLOG_UNITS = 300
_GROUP_UNITS = 2_000


class LiveChannel:
    """A camera's live stream. Keeps the current group of pictures, so that a viewer sees something at once."""

    def __init__(self) -> None:
        self._group: list[AccessUnit] = []
        self._viewers: set[_Viewer] = set()
        self._stream: TransportStream | None = None
        self._stream_video: VideoFormat | None = None
        self._group_bytes: list[bytes] = []

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def keyframe(self) -> AccessUnit | None:
        """The newest keyframe."""
        return self._group[0] if self._group else None

    def push(self, unit: AccessUnit) -> None:
        """The next picture. Raises FFmpegError when it cannot be muxed; nobody is shown it then."""
        if unit.is_key:
            self._group = [unit]
            self._group_bytes = []
        elif not self._group or len(self._group) >= _GROUP_UNITS:
            return
        else:
            self._group.append(unit)
        if self._viewers:
            data = self._mux(unit)
            for viewer in self._viewers:
                viewer.offer(data, is_key=unit.is_key)

    def end(self) -> None:
        """The camera is gone, or its stream makes no sense: viewers are let go, to come again when they like."""
        self._group = []
        self._group_bytes = []
        self._stream = None
        for viewer in self._viewers:
            viewer.end()

    async def mpegts(self) -> AsyncGenerator[bytes]:
        """An MPEG transport stream that begins with the newest keyframe and ends when the camera goes away."""
        if not self._viewers:
            self._stream = None
            self._group_bytes = []
            for unit in self._group:
                self._mux(unit)
        viewer = _Viewer()
        for position, muxed in enumerate(self._group_bytes):
            viewer.offer(muxed, is_key=position == 0)
        self._viewers.add(viewer)
        try:
            while (data := await viewer.take()) is not None:
                yield data
        finally:
            self._viewers.discard(viewer)

    def _mux(self, unit: AccessUnit) -> bytes:
        if self._stream is None or self._stream_video != unit.video:
            self._stream = TransportStream(unit.video)
            self._stream_video = unit.video
        data = self._stream.mux(unit.nals, unit.pts_90k, unit.dts_90k, is_key=unit.is_key)
        self._group_bytes.append(data)
        return data


class _Viewer:
    """What waits for one viewer. When too much waits, all of it goes and the viewer continues at the next keyframe."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._skipping = False

    def offer(self, data: bytes, *, is_key: bool) -> None:
        if self._skipping and not is_key:
            return
        self._skipping = False
        if self._waiting.qsize() >= _VIEWER_BACKLOG_UNITS:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._skipping = not is_key
            if self._skipping:
                return
        self._waiting.put_nowait(data)

    def end(self) -> None:
        self._waiting.put_nowait(None)

    async def take(self) -> bytes | None:
        return await self._waiting.get()
