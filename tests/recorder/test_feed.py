"""When cameras are asked again: soon, but not all at once, ever more rarely, and hardly where a password is refused."""

import asyncio
import random
import time
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.feed import Backoff, Connection, Feed, FeedState, Turns
from safe_community_recorder.ingest.native_source import NativeSource
from safe_community_recorder.ingest.source import Address, SourceError, Way
from safe_community_recorder.ingest.ways import Ways
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.background import Background
from tests.cameras.quirks import Login
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode
from tests.world import Recorder, wait_until

CAMERAS = 119
MINUTE_S = 60


def attempts_s(connection: Connection, seed: int, count: int = 100) -> list[float]:
    """When a camera is tried that answers each attempt at once, and always alike."""
    backoff = Backoff(random.Random(seed))
    return list(accumulate([backoff.pause_s(connection) for _ in range(count)], initial=0.0))


def most_within(times_s: list[float], period_s: float) -> int:
    """The largest number of instants within any such period; the instants are in order."""
    return max(bisect_left(times_s, begin_s + period_s) - number for number, begin_s in enumerate(times_s))


@given(st.integers())
def test_a_camera_that_is_away_is_asked_ever_more_rarely_but_back_within_sixteen_seconds(seed: int) -> None:
    times_s = attempts_s(Connection.UNREACHABLE, seed)
    pauses_s = [after - before for before, after in pairwise(times_s)]
    assert 0.5 <= pauses_s[0] <= 1
    assert all(8 <= pause_s <= 16 for pause_s in pauses_s[4:])


@given(st.integers())
def test_wrong_passwords_are_too_few_to_lock_the_account(seed: int) -> None:
    times_s = attempts_s(Connection.REFUSED, seed)
    assert most_within(times_s, 3 * MINUTE_S) <= 3
    assert most_within(times_s, 30 * MINUTE_S) <= 6
    assert most_within(times_s[10:], 30 * MINUTE_S) <= 4
    assert max(after - before for before, after in pairwise(times_s)) <= 16 * MINUTE_S


@given(st.integers())
def test_a_refused_password_is_not_forgotten_because_the_camera_was_away_in_between(seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    for _ in range(5):
        backoff.pause_s(Connection.REFUSED)
        backoff.pause_s(Connection.UNREACHABLE)
    assert backoff.pause_s(Connection.REFUSED) >= 8 * MINUTE_S
    backoff.succeeded()
    assert backoff.pause_s(Connection.REFUSED) <= 2 * MINUTE_S
    assert backoff.pause_s(Connection.UNREACHABLE) <= 1


@given(st.integers())
def test_cameras_that_are_away_together_are_not_asked_together(seed: int) -> None:
    """A switch is away for a minute; each attempt of a camera behind it takes three seconds."""
    first_s = []
    for number in range(CAMERAS):
        backoff, now_s = Backoff(random.Random(seed + number)), 0.0
        while now_s < MINUTE_S:
            now_s += 3 + backoff.pause_s(Connection.UNREACHABLE)
        first_s.append(now_s)
    assert max(first_s) - MINUTE_S < 19
    assert most_within(sorted(first_s), 1.0) < CAMERAS / 3


def goes_at_once(turns: Turns) -> bool:
    """Whether it is the caller's turn without any waiting, however busy the machine is."""
    turn = turns.come()
    try:
        turn.send(None)
    except StopIteration:
        return True
    turn.close()
    return False


async def test_a_single_camera_waits_for_nobody_and_many_come_one_after_the_other() -> None:
    turns, begun_s = Turns(), time.monotonic()
    assert goes_at_once(turns)
    assert not goes_at_once(turns)
    came = []

    async def come(number: int) -> None:
        await turns.come()
        came.append(number)

    await asyncio.gather(*(come(number) for number in range(20)))
    assert time.monotonic() - begun_s >= 20 * 0.049
    assert came == list(range(20))
    await asyncio.sleep(0.1)
    assert goes_at_once(turns)


async def test_when_the_machine_was_held_up_those_who_waited_still_come_one_after_the_other() -> None:
    turns = Turns()
    waiting = [asyncio.create_task(turns.come()) for _ in range(20)]
    asyncio.get_running_loop().call_soon(time.sleep, 1.2)
    await asyncio.sleep(0.01)
    going_s = time.monotonic()
    await asyncio.gather(*waiting)
    assert time.monotonic() - going_s >= 18 * 0.049


async def test_after_a_short_outage_119_cameras_come_back_within_seconds_but_not_in_the_same_one() -> None:
    ways, turns = Ways(), Turns()
    connected: dict[int, float] = {}
    asked_s: list[float] = []
    changed = asyncio.Event()

    async def until_connected(count: int) -> None:
        async with asyncio.timeout(40):
            while len(connected) != count:
                changed.clear()
                await changed.wait()

    async with ScriptedCamera(encode(10).units, pace_s=1.0) as camera:
        address = Address(camera.url)

        def begin(number: int) -> asyncio.Task[None]:
            (open_native, _) = ways.to(address)

            def source() -> NativeSource:
                asked_s.append(time.monotonic())
                opened = open_native()
                assert isinstance(opened, NativeSource)
                return opened

            def tell(state: FeedState) -> None:
                connected.pop(number, None)
                if state.connection is Connection.CONNECTED:
                    connected[number] = time.monotonic()
                changed.set()

            return asyncio.create_task(Feed(f"camera {number}", [source], lambda _: None, tell, turns).run())

        feeds = [begin(number) for number in range(CAMERAS)]
        await until_connected(CAMERAS)
    await until_connected(0)
    before = len(asked_s)
    back_s = time.monotonic()
    async with camera:
        await until_connected(CAMERAS)
        for feed in feeds:
            feed.cancel()
        await asyncio.gather(*feeds, return_exceptions=True)
    again_s = asked_s[before:]
    assert most_within(again_s, 1.0) < CAMERAS / 3
    assert most_within(sorted(connected.values()), 1.0) < CAMERAS / 2
    assert min(connected.values()) - back_s < 3
    assert max(connected.values()) - back_s < 20


@pytest.mark.process
def test_a_password_that_is_refused_is_not_tried_for_the_sub_stream_as_well(recorder: Recorder) -> None:
    with Background() as background:
        camera = background.enter(ScriptedCamera(encode(30).units, login=Login()))
        url = camera.address("wrong")
        recorder.write_camera_file([{"id": "stop", "url": url, "detect_url": url}])
        recorder.start()
        wait_until(lambda: recorder.camera("stop")["connection"] == "refused")
        time.sleep(4)
        assert camera.seen.connections == 1
        # With the right one, both streams are had.
        recorder.write_camera_file([{"id": "stop", "url": camera.url, "detect_url": camera.url}])
        wait_until(lambda: camera.seen.count("PLAY") == 2)
        assert camera.seen.connections == 3


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

    feed = Feed("stop", [lambda: Scripted(list(encode(10).units[:5]), Cause.CAMERA_UNREACHABLE)], take, states.append)
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(60):
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
    # Where a camera is only away, the second try comes within one.
    await asyncio.sleep(2)
    task.cancel()
    assert attempts == 1
    assert states[-1].connection is Connection.REFUSED
