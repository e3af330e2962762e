"""One camera from its stream to disk, live viewers and vision."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from av.error import FFmpegError

from . import utc
from .archive.activity import ActivitySecond
from .archive.archive import Archive
from .archive.camera import CameraArchive
from .archive.timeline import ClockEvent, Observation
from .cause import Cause
from .clock import HostClock, steady_us
from .config import Camera
from .ingest.feed import Connection, Feed, FeedState, Turns
from .ingest.gop import CameraClock, ClockChange, Continuity, GroupBuilder
from .ingest.meter import Meter, Telling
from .ingest.source import Address, Source, Way
from .live import LiveChannel
from .media.video import AccessUnit
from .sampler.sampler import Sampler
from .sight import Kept, Sight

_LOGGER = logging.getLogger(__name__)

# While the sub-stream gives pictures, the main stream's are not decoded.
_SUB_STREAM_SILENCE_US = 5 * utc.SECOND_US


class Pipeline:
    """A camera that is being recorded, or is paused.

    `ways` gives the sources of an address, `turns` when one is to be tried; `on_change` is called whenever `as_json`
    has changed, of the stream's numbers only now and then.

    `start`, `change` and `stop` may be called at any moment: each waits for the one before.
    """

    def __init__(
        self,
        camera: Camera,
        archive: Archive,
        sampler: Sampler,
        host: HostClock,
        ways: Callable[[Address], Sequence[Callable[[], Source]]],
        on_change: Callable[[Pipeline], None],
        on_clock: Callable[[Pipeline, ClockEvent], None],
        on_observation: Callable[[Pipeline, Observation], None],
        turns: Turns | None = None,
    ) -> None:
        self.camera = camera
        self.live = LiveChannel(self._changed)
        self._archive = archive
        self._ways = ways
        self._turns = turns
        self._on_change = on_change
        self._host = host
        self._on_clock = on_clock
        self._on_observation = on_observation
        self._undated = False
        self._sight = Sight(camera, sampler, host, Kept(self._observed, self._active, self._changed))
        self._lifecycle = asyncio.Lock()
        self._stopped = False
        self._running = False
        self._recording: CameraArchive | None = None
        self._builder: GroupBuilder | None = None
        self._main: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._sub: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._watched_us = 0
        self._meter = Meter()
        self._telling = Telling()
        self._feed: Feed | None = None
        self._counted = (0, 0)
        self._rest()

    async def start(self) -> None:
        """Begins to connect and to record, if it does not already and has not been stopped."""
        async with self._lifecycle:
            if self._running or self._stopped:
                return
            recording = await self._archive.camera(self.camera.id, self._recording_changed)
            if self.camera.paused:
                recording.interrupted(Cause.PAUSED)
                await recording.finish()
            else:
                self._begin(recording)
            self._running = True

    async def stop(self, cause: Cause | None = None) -> None:
        """For good: ends the connections, writes what has come and closes the file.

        `cause` is why nothing will follow, if that is known already.
        """
        async with self._lifecycle:
            self._stopped = True
            try:
                await self._end(cause)
            finally:
                self._sight.close(for_good=cause is not None)

    async def change(self, camera: Camera) -> None:
        """Takes a new entry of the same id. What has to connect anew is ended; `start` begins it."""
        async with self._lifecycle:
            former, self.camera = self.camera, camera
            self._sight.change(camera)
            if (_address(former, former.url), former.paused) != (_address(camera, camera.url), camera.paused):
                await self._end(Cause.PAUSED if camera.paused else Cause.RECONFIGURED)
            elif (former.detect_url, former.vision.enabled) != (camera.detect_url, camera.vision.enabled):
                sub, self._sub = self._sub, None
                await _cancelled(sub)
                if self._state.connection is Connection.CONNECTED:
                    self._begin_to_watch()
            self._changed()

    def _begin(self, recording: CameraArchive) -> None:
        camera = self.camera
        self._recording = recording
        self._builder = GroupBuilder(
            self._host,
            CameraClock(self._host, self._clock_changed),
            Continuity(recording.last_end_us, recording.trusted_us),
            recording.put,
            self._archive.memory_s,
        )
        ways = self._ways(_address(camera, camera.url))
        self._feed = feed = Feed(camera.id, ways, self._main_unit, self._main_state, self._turns)
        self._writing = asyncio.create_task(recording.run())
        self._main = asyncio.create_task(feed.run())

    def _begin_to_watch(self) -> None:
        """Connects the sub-stream, if there is one and it is not connected already."""
        camera, url = self.camera, self.camera.detect_url
        if url is None or not self._sight.is_wanted:
            self._watched_us = 0
        elif self._sub is None:
            # It gets the time to come up before the main stream is looked at instead.
            self._watched_us = steady_us() + 2 * _SUB_STREAM_SILENCE_US
            ways = self._ways(replace(_address(camera, url), audio=False))
            feed = Feed(f"{camera.id} sub-stream", ways, self._sub_unit, self._sub_state, self._turns)
            self._sub = asyncio.create_task(feed.run())

    def _cease_to_watch(self) -> None:
        """Ends the sub-stream: a camera that refuses the password is not to be asked twice as often."""
        if self._sub is not None:
            task = asyncio.create_task(_cancelled(self._sub))
            self._sub = None
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, cause: Cause | None) -> None:
        tasks = (self._sub, self._main, self._writing)
        self._sub = self._main = self._writing = None
        await asyncio.gather(*map(_cancelled, tasks), *self._ending)
        # What was seen until now belongs to this recording.
        self._sight.blind()
        builder, recording = self._builder, self._recording
        self._builder = None
        try:
            if builder is not None and recording is not None:
                builder.flush()
                if cause is not None:
                    recording.interrupted(cause)
                await recording.finish()
        finally:
            self._counted, self._feed = self._counts(), None
            self._recording = None
            self._running = False
            self.live.end()
            self._rest()

    def _rest(self) -> None:
        """What is known of a camera that is not connected."""
        self._meter.begin_anew()
        self._state = FeedState(Connection.PAUSED if self.camera.paused else Connection.CONNECTING)
        self._since_us = self._host.utc_us()

    def as_json(self) -> dict[str, object]:
        """The camera as openapi.json's Camera."""
        state = self._state
        video = state.video
        trouble = self._recording.trouble if self._recording is not None else None
        return {
            "id": self.camera.id,
            "name": self.camera.name,
            "eldership": {"id": self.camera.eldership.id, "name": self.camera.eldership.name},
            "state": {
                "connection": state.connection.value,
                "since": utc.to_text(self._since_us),
                "problem": state.problem or (trouble and f"footage cannot be written: {trouble[1]}"),
                "recording": self._recording is not None and self._recording.recording,
                "codec": video.codec if video else None,
                "width": video.width if video else None,
                "height": video.height if video else None,
                "viewers": self.live.viewers,
                "stream": self._stream_json(),
                **self._sight.as_json(),
            },
        }

    @property
    def clock_offset_s(self) -> float | None:
        """The camera's clock minus the host's; None while the camera does not tell its time."""
        connected = self._state.connection is Connection.CONNECTED
        return self._meter.numbers(self._host.offset_us).clock_offset_s if connected else None

    def _stream_json(self) -> dict[str, object] | None:
        """The stream as openapi.json's Stream."""
        state = self._state
        if state.connection is not Connection.CONNECTED:
            return None
        offset_us = self._host.offset_us
        numbers, (lost, reconnects) = self._meter.numbers(offset_us), self._counts()
        seen_us = numbers.last_keyframe_us
        address = _address(self.camera, self.camera.url)
        return {
            "bitrate_bps": numbers.bitrate_bps,
            "frame_rate": numbers.frame_rate,
            "group_s": numbers.group_s,
            "last_keyframe": None if seen_us is None else utc.to_text(seen_us + offset_us),
            "lost_packets": lost,
            "reconnects": reconnects,
            "clock_offset_s": numbers.clock_offset_s,
            "source": state.way and state.way.value,
            "source_reason": None if state.way is Way.NATIVE else address.why_not_native(state.fallback),
            "transcoded": state.transcodes,
        }

    def _counts(self) -> tuple[int, int]:
        """Packets lost and connections made anew since this camera was there first."""
        lost, reconnects = self._counted
        if self._feed is None:
            return lost, reconnects
        return lost + self._feed.lost_packets, reconnects + self._feed.reconnects

    def _changed(self) -> None:
        """Tells everybody what this camera is like now."""
        self._telling.told(self._meter.numbers(self._host.offset_us), self._counts())
        self._on_change(self)

    def _main_unit(self, unit: AccessUnit) -> None:
        # Footage comes first: whatever happens to a viewer must not touch it.
        if self._builder is not None:
            self._builder.push(unit)
            if unit.is_key:
                self._group_completed(self._builder.undated)
        try:
            self.live.push(unit)
        except FFmpegError as error:
            _LOGGER.warning("live stream interrupted", extra={"camera": self.camera.id, "problem": error.strerror})
        if unit.arrival_us - self._watched_us > _SUB_STREAM_SILENCE_US:
            self._sight.push(unit, is_sub=False)
        if unit.is_key:
            self._sight.clock(self._meter.numbers(self._host.offset_us).clock_offset_s)
        if self._meter.take(unit) and self._telling.is_allowed(unit.arrival_us):
            numbers = self._meter.numbers(self._host.offset_us)
            if self._telling.is_due(numbers, self._counts(), unit.arrival_us):
                self._on_change(self)

    def _group_completed(self, undated: bool) -> None:
        if undated and not self._undated and self._recording is not None:
            self._recording.interrupted(Cause.CLOCK_UNSET)
        self._undated = undated

    def _sub_unit(self, unit: AccessUnit) -> None:
        self._watched_us = unit.arrival_us
        self._sight.push(unit, is_sub=True)

    def _main_state(self, state: FeedState) -> None:
        self._state = state
        self._since_us = self._host.utc_us()
        if state.connection is Connection.CONNECTED:
            self._sight.back()
            self._begin_to_watch()
        else:
            if state.connection is Connection.REFUSED:
                self._cease_to_watch()
            if self._builder is not None and self._recording is not None:
                self._builder.flush()
                self._recording.interrupted(state.cause or Cause.CAMERA_UNREACHABLE)
            self._sight.without()
            self.live.end()
            self._meter.begin_anew()
        self._changed()

    def _sub_state(self, _state: FeedState) -> None:
        """The sub-stream only serves vision; the camera's state is the main stream's."""

    def _observed(self, observation: Observation) -> None:
        if self._recording is not None:
            self._recording.note(observation)
        self._on_observation(self, observation)

    def _active(self, seconds: Sequence[ActivitySecond]) -> None:
        if self._recording is not None:
            self._recording.activity(seconds)

    def host_stepped(self, by_us: int) -> None:
        """The host's clock was set: from here on the footage's time comes from another clock."""
        self._clock_changed(ClockChange.HOST_STEPPED, by_us)

    def _clock_changed(self, change: ClockChange, by_us: int) -> None:
        event = ClockEvent(self._host.utc_us(), change.value, by_us)
        _LOGGER.warning("clock changed", extra={"camera": self.camera.id, "change": change.value, "by_s": by_us / 1e6})
        # As with footage: what cannot be dated is not kept.
        if self._recording is not None and self._host.is_set:
            self._recording.note(event)
        self._on_clock(self, event)

    def _recording_changed(self) -> None:
        self._changed()


def _address(camera: Camera, url: str) -> Address:
    return Address(url, camera.audio, Way.named(camera.source), camera.certificate)


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    """Ends a task; what it failed with is logged."""
    if task is None:
        return
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
    except Exception:
        _LOGGER.exception("a part of a camera had failed")
