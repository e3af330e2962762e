"""What a recorder tells of each stream: its numbers, what was lost, how it is received; and how often it tells."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.cameras.background import Background
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import StreamQuirks
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.contract import validate
from tests.recorder.footage import encode, encode_sound
from tests.world import Recorder, wait_until

pytestmark = pytest.mark.process

UNITS = encode(30).units


def numbers(recorder: Recorder, camera_id: str = "stop") -> dict[str, Any] | None:
    stream: dict[str, Any] | None = recorder.camera(camera_id)["stream"]
    return stream


def known(recorder: Recorder, camera_id: str = "stop") -> dict[str, Any]:
    """The numbers, once there are any."""
    return wait_until(lambda: (now := numbers(recorder, camera_id)) and now["bitrate_bps"] and now)


def behind(proxy: Proxy, camera: ScriptedCamera) -> str:
    return camera.url.replace(str(camera.port), str(proxy.port))


async def events(recorder: Recorder, camera_id: str, count: int) -> list[tuple[float, Mapping[str, Any]]]:
    """The cameras that are told of until one was so many times, each with its instant; the snapshot is left out."""
    told: list[tuple[float, Mapping[str, Any]]] = []
    headers = {"Authorization": f"Bearer {recorder.token}"}
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers) as socket,
    ):
        while sum(camera["id"] == camera_id for _, camera in told) < count:
            event = await socket.receive_json()
            validate(event, "Event")
            if event["type"] == "camera":
                told.append((time.monotonic(), event["camera"]))
    return told


def test_a_streams_numbers_are_told_and_are_right(recorder: Recorder) -> None:
    with Background() as background:
        ours = background.enter(ScriptedCamera(UNITS, StreamQuirks(reports="hours off")))
        other = background.enter(ScriptedCamera(encode(30, codec="h265").units))
        recorder.write_camera_file(
            [{"id": "stop", "url": ours.url}, {"id": "school", "url": other.url, "source": "libav"}]
        )
        recorder.start()
        known(recorder)
        known(recorder, "school")
        time.sleep(3)
        state, school = recorder.camera("stop"), recorder.camera("school")
        validate(recorder.ask("/api/v1/cameras/stop").json, "Camera")
        validate(recorder.ask("/api/v1/cameras/school").json, "Camera")
    stream = state["stream"]
    assert (state["codec"], stream["source"], stream["source_reason"]) == ("h264", "native", None)
    assert stream["frame_rate"] == pytest.approx(10, rel=0.01)
    assert stream["group_s"] == pytest.approx(1, abs=0.01)
    assert stream["bitrate_bps"] == pytest.approx(sum(len(unit.data) for unit in UNITS) * 8 / 3, rel=0.3)
    assert stream["clock_offset_s"] == pytest.approx(3 * 3_600, abs=0.25)
    assert (stream["lost_packets"], stream["reconnects"]) == (0, 0)
    assert datetime.now(UTC) - datetime.fromisoformat(stream["last_keyframe"]) < timedelta(seconds=5)
    assert (school["codec"], school["stream"]["source"]) == ("h265", "libav")
    assert "entry" in school["stream"]["source_reason"]
    assert school["stream"]["frame_rate"] == pytest.approx(10, rel=0.05)


def test_what_was_lost_goes_on_being_counted_after_a_reconnect_and_a_new_entry(recorder: Recorder) -> None:
    with Background() as background:
        camera = background.enter(ScriptedCamera(encode(30, width=320, height=240, grain=40).units, pace_s=0.05))
        proxy = background.enter(Proxy(camera.port))
        recorder.write_camera_file([{"id": "stop", "url": behind(proxy, camera)}])
        recorder.start()
        known(recorder)
        proxy.lose(0.05)
        wait_until(lambda: (numbers(recorder) or {}).get("lost_packets", 0) > 5)
        proxy.heal()
        time.sleep(1)
        before = known(recorder)
        assert before["lost_packets"] == len(proxy.lost_sequences)
        proxy.refuse()
        wait_until(lambda: recorder.camera("stop")["connection"] == "unreachable")
        assert numbers(recorder) is None
        proxy.heal()
        after = known(recorder)
        assert (after["lost_packets"], after["reconnects"]) == (before["lost_packets"], 1)
        # Another address of the same camera: what was counted stays.
        recorder.write_camera_file([{"id": "stop", "url": camera.url}])
        wait_until(lambda: proxy.connections and camera.seen.count("TEARDOWN") == 1)
        moved = known(recorder)
        assert (moved["lost_packets"], moved["reconnects"]) == (before["lost_packets"], 1)


async def test_numbers_are_told_when_they_change_and_otherwise_not(recorder: Recorder) -> None:
    async with (
        ScriptedCamera(UNITS) as steady,
        ScriptedCamera(UNITS, sound=encode_sound()) as lossy,
        Proxy(lossy.port) as proxy,
    ):
        recorder.write_camera_file([{"id": "stop", "url": steady.url}, {"id": "lossy", "url": behind(proxy, lossy)}])
        await asyncio.to_thread(recorder.start)
        await asyncio.to_thread(known, recorder)
        await asyncio.to_thread(known, recorder, "lossy")
        # What is known first is told; then there is nothing to tell.
        await asyncio.sleep(12)
        proxy.lose(0.2)
        told = await events(recorder, "lossy", 3)
    assert [camera["id"] for _, camera in told if camera["id"] == "stop"] == []
    assert all(after - before > 9.5 for (before, _), (after, _) in pairwise(told))
    counts = [camera["state"]["stream"]["lost_packets"] for _, camera in told]
    assert counts[0] < counts[1] < counts[2]
