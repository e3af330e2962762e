"""One camera from its stream to disk, live viewers and vision."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from av.error import FFmpegError

from . import utc
from .archive.archive import Archive, CameraArchive
from .cause import Cause
from .config import Camera
from .ingest.feed import Connection, Feed, FeedState
from .ingest.gop import CameraClock, GroupBuilder
from .ingest.source import Source
from .live import LiveChannel
from .media.h264 import AccessUnit
from .watch import Sampler, Watch

_LOGGER = logging.getLogger(__name__)

# While the sub-stream gives pictures, the main stream's are not decoded.
_SUB_STREAM_SILENCE_US = 5 * utc.SECOND_US


class Pipeline:
    """A camera that is being recorded. `on_change` is called whenever `as_json` has changed."""

    def __init__(
        self,
        camera: Camera,
        archive: Archive,
        sampler: Sampler,
        connect: Callable[[str], Source],
        on_change: Callable[[Pipeline], None],
    ) -> None:
        self.camera = camera
        self.live = LiveChannel()
        self._archive = archive
        self._on_change = on_change
        self._since_us = time.time_ns() // 1_000
        self._watch: Watch = sampler.watch(camera.id, self._motion)
        # A camera's sub-stream gets the time to come up before the main stream is looked at instead.
        self._watched_us = self._since_us + 2 * _SUB_STREAM_SILENCE_US if camera.detect_url else 0
        self._feed = Feed(camera.id, lambda: connect(camera.url), self._main_unit, self._main_state)
        self._detect_feed: Feed | None = None
        detect_url = camera.detect_url
        if detect_url is not None:
            self._detect_feed = Feed(
                f"{camera.id} sub-stream", lambda: connect(detect_url), self._sub_unit, self._sub_state
            )
        self._recording: CameraArchive | None = None
        self._builder: GroupBuilder | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to connect and to record."""
        self._recording = await self._archive.camera(self.camera.id, self._recording_changed)
        self._builder = GroupBuilder(CameraClock(self._recording.last_end_us), self._recording.put)
        runs = [self._recording.run(), self._feed.run()]
        if self._detect_feed is not None:
            runs.append(self._detect_feed.run())
        self._tasks = [asyncio.create_task(run) for run in runs]

    async def stop(self) -> None:
        """Ends the connection, writes what has come and closes the file."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._builder is not None and self._recording is not None:
            self._builder.flush()
            await self._recording.finish()

    def as_json(self) -> dict[str, object]:
        """The camera as openapi.json's Camera."""
        state = self._feed.state
        video = state.video
        return {
            "id": self.camera.id,
            "name": self.camera.name,
            "eldership": {"id": self.camera.eldership.id, "name": self.camera.eldership.name},
            "state": {
                "connection": state.connection.value,
                "since": utc.to_text(self._since_us),
                "problem": state.problem,
                "recording": self._recording is not None and self._recording.recording,
                "motion": self._watch.motion,
                "codec": video.codec if video else None,
                "width": video.width if video else None,
                "height": video.height if video else None,
            },
        }

    def _main_unit(self, unit: AccessUnit) -> None:
        # Footage comes first: whatever happens to a viewer must not touch it.
        if self._builder is not None:
            self._builder.push(unit)
        try:
            self.live.push(unit)
        except FFmpegError as error:
            _LOGGER.warning("live stream interrupted", extra={"camera": self.camera.id, "problem": error.strerror})
            self.live.end()
        if unit.is_key and unit.arrival_us - self._watched_us > _SUB_STREAM_SILENCE_US:
            self._watch.keyframe(unit.video, unit.nals, unit.arrival_us)

    def _sub_unit(self, unit: AccessUnit) -> None:
        if unit.is_key:
            self._watched_us = unit.arrival_us
            self._watch.keyframe(unit.video, unit.nals, unit.arrival_us)

    def _main_state(self, state: FeedState) -> None:
        self._since_us = time.time_ns() // 1_000
        if state.connection is not Connection.CONNECTED:
            if self._builder is not None and self._recording is not None:
                self._builder.flush()
                self._recording.interrupted(state.cause or Cause.CAMERA_UNREACHABLE)
            self._watch.blind()
            self.live.end()
        self._on_change(self)

    def _sub_state(self, _state: FeedState) -> None:
        """The sub-stream only serves vision; the camera's state is the main stream's."""

    def _motion(self, _motion: bool) -> None:
        self._on_change(self)

    def _recording_changed(self, _recording: bool) -> None:
        self._on_change(self)
