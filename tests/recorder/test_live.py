"""Live streams and supervision: what happens to a viewer or in a defect never touches the footage."""

import asyncio
from collections.abc import AsyncIterator, Callable
from copy import replace

import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.feed import Connection, Feed, FeedState
from safe_community_recorder.ingest.source import SourceError, Way
from safe_community_recorder.live import LiveChannel
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import encode

UNITS = encode(30).units


async def received(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_many_viewers_get_the_same_bytes_and_begin_with_the_newest_keyframe() -> None:
    live = LiveChannel()
    for unit in UNITS[:12]:
        live.push(unit)
    one = live.mpegts()
    first = await received(one, 2)
    two = live.mpegts()
    assert await received(two, 2) == first
    for unit in UNITS[12:20]:
        live.push(unit)
    assert await received(one, 8) == await received(two, 8)
    assert live.viewers == 2
    await one.aclose()
    assert live.viewers == 1


async def test_a_slow_viewer_loses_pictures_and_nobody_else_does() -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    slow, quick = live.mpegts(), live.mpegts()
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


async def test_viewers_are_let_go_when_the_camera_goes_and_can_come_again() -> None:
    live = LiveChannel()
    live.push(UNITS[10])
    stream = live.mpegts()
    await received(stream, 1)
    live.end()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.keyframe is None
    # The camera is back, and its clock begins anew.
    for unit in UNITS[:5]:
        live.push(unit)
    assert len(await received(live.mpegts(), 5)) == 5


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
