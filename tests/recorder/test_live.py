"""Live streams and supervision: what happens to a viewer or in a defect never touches the footage."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from copy import replace

import av
import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.feed import Connection, Feed, FeedState
from safe_community_recorder.ingest.source import SourceError, Way
from safe_community_recorder.live import LiveChannel
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.recorder.footage import encode

UNITS = encode(30).units


async def received(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


type Watch = Callable[[LiveChannel], AsyncGenerator[bytes]]
BOTH = pytest.mark.parametrize("watch", [LiveChannel.mpegts, LiveChannel.mp4])


@BOTH
async def test_many_viewers_get_the_same_bytes_and_begin_with_the_newest_keyframe(watch: Watch) -> None:
    told: list[int] = []
    live = LiveChannel(lambda: told.append(live.viewers))
    for unit in UNITS[:12]:
        live.push(unit)
    one = watch(live)
    first = await received(one, 2)
    two = watch(live)
    assert await received(two, 2) == first
    for unit in UNITS[12:20]:
        live.push(unit)
    assert await received(one, 8) == await received(two, 8)
    assert live.viewers == 2
    await one.aclose()
    assert live.viewers == 1
    assert told == [1, 2, 1]


@BOTH
async def test_a_slow_viewer_loses_pictures_and_nobody_else_does(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    slow, quick = watch(live), watch(live)
    await received(slow, 1)
    await received(quick, 1)
    total = 0
    for number in range(1, 1_000):
        unit = UNITS[number % 10]
        live.push(replace(unit, pts_90k=number * 9_000, dts_90k=number * 9_000))
        total += len(await received(quick, 1))
    assert total == 999
    live.end()
    assert 0 < len([data async for data in slow]) <= 300


@BOTH
async def test_what_waits_for_a_viewer_is_bounded_in_bytes_too(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    slow = watch(live)
    begun = await received(slow, 1)
    # A megabyte a picture, of which each group's first one is told by its length.
    for number in range(1, 96):
        nal = b"\x65" + bytes(999_999 - number % 10 * 8)
        data = len(nal).to_bytes(4) + nal
        time_90k = number * 9_000
        live.push(UNITS[0]._replace(data=data, pts_90k=time_90k, dts_90k=time_90k, is_key=number % 10 == 0))
    live.end()
    waited = [data async for data in slow]
    assert begun
    assert 0 < sum(map(len, waited)) <= 17 << 20
    # It goes on with a keyframe.
    assert len(waited[0]) == max(map(len, waited))


@BOTH
async def test_viewers_are_let_go_when_the_camera_goes_and_can_come_again(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[10])
    stream = watch(live)
    await received(stream, 1)
    live.end()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.keyframe is None
    assert live.viewers == 0
    # The camera is back, and its clock begins anew.
    for unit in UNITS[:5]:
        live.push(unit)
    assert len(await received(watch(live), 5)) == 5


@BOTH
async def test_whoever_comes_late_into_a_group_without_end_begins_with_the_next_keyframe(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    early = watch(live)
    await received(early, 1)
    for number in range(1, 2_500):
        live.push(UNITS[1]._replace(pts_90k=number * 9_000, dts_90k=number * 9_000))
        await received(early, 1)
    late = watch(live)
    waiting = asyncio.create_task(anext(late))
    await asyncio.sleep(0)
    live.push(UNITS[1]._replace(pts_90k=2_500 * 9_000, dts_90k=2_500 * 9_000))
    await asyncio.sleep(0)
    assert not waiting.done()
    live.push(UNITS[0]._replace(pts_90k=2_501 * 9_000, dts_90k=2_501 * 9_000))
    assert await waiting
    assert len(await received(early, 2)) == 2


async def test_whoever_asks_again_and_again_counts_until_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safe_community_recorder.live._AWAY_S", 0.05)
    gone = asyncio.Event()
    live = LiveChannel(lambda: None if live.viewers else gone.set())
    for _ in range(3):
        live.called("one")
    live.called("other")
    assert live.viewers == 2
    async with asyncio.timeout(5):
        await gone.wait()
    assert live.viewers == 0


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
async def test_an_mp4_of_fragments_shows_every_picture_at_its_time(codec: CodecName, b_frames: int) -> None:
    live = LiveChannel()
    units = encode(30, b_frames, codec=codec).units
    live.push(units[0])
    stream = live.mp4()
    data = b"".join(await received(stream, 1))
    for unit in units[1:]:
        live.push(unit)
        data += b"".join(await received(stream, 1))
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert shown == [unit.pts_90k - units[0].dts_90k for unit in sorted(units, key=lambda unit: unit.pts_90k)]


async def test_an_mp4_never_goes_back_whatever_the_cameras_clock_does_and_ends_with_its_format() -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    stream = live.mp4()
    data = b"".join(await received(stream, 1))
    clocks_90k = [9_000, 18_000, 5, 9_005, 900_000_000, 900_009_000, 900_009_000, -90_000]
    for clock_90k in clocks_90k:
        live.push(UNITS[1]._replace(pts_90k=clock_90k, dts_90k=clock_90k))
        data += b"".join(await received(stream, 1))
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        assert [packet.dts for packet in container.demux(video=0) if packet.size] == [n * 9_000 for n in range(9)]
    live.push(encode(10, 0, 96, 64).units[0])
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.viewers == 0


class Scripted:
    """A source that gives out what it is told to, and then ends."""

    def __init__(self, units: list[AccessUnit], cause: Cause) -> None:
        self._units = units
        self._cause = cause
        self.way = Way.NATIVE
        self.lost_packets = 0
        self.sound = None
        self.transcodes = False

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        for unit in self._units:
            deliver(unit)
        raise SourceError(self._cause, "the end")

    async def close(self) -> None:
        pass


async def test_a_defect_in_what_takes_the_pictures_costs_seconds_and_not_the_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("safe_community_recorder.ingest.feed._FIRST_PAUSE_S", 0.01)
    taken: list[AccessUnit] = []
    states: list[FeedState] = []

    enough = asyncio.Event()

    def take(unit: AccessUnit) -> None:
        taken.append(unit)
        if len(taken) == 9:
            enough.set()
        if len(taken) == 3:
            raise RuntimeError("a defect")

    feed = Feed("stop", [lambda: Scripted(list(UNITS[:5]), Cause.CAMERA_UNREACHABLE)], take, states.append)
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(5):
        await enough.wait()
    task.cancel()
    connections = [(state.connection, state.cause) for state in states]
    assert (Connection.UNREACHABLE, Cause.RECORDER_FAILED) in connections
    assert connections.count((Connection.CONNECTED, None)) >= 2


async def test_a_refused_password_is_not_tried_again_at_once() -> None:
    attempts = 0

    def connect() -> Scripted:
        nonlocal attempts
        attempts += 1
        return Scripted([], Cause.AUTHENTICATION_REFUSED)

    states: list[FeedState] = []
    task = asyncio.create_task(Feed("stop", [connect], lambda _: None, states.append).run())
    await asyncio.sleep(3)
    task.cancel()
    assert attempts == 1
    assert states[-1].connection is Connection.REFUSED
