"""Movement in front of a simulated camera, as a real recorder sees, tells and keeps it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from tests.recorder.contract import validate
from tests.world import CLOCK, Cameras, Recorder, last, wait_until

pytestmark = pytest.mark.process


@pytest.mark.parametrize("stream", ["sub_stream", "main_stream"])
async def test_movement_is_pushed_when_it_begins_and_when_it_ends_and_can_be_found_again(
    recorder: Recorder, cameras: Cameras, stream: str
) -> None:
    sub = {"detect_url": cameras.url("stop", "sub")} if stream == "sub_stream" else {}
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop"), "vision": CLOCK, **sub}])
    recorder.start()
    await asyncio.to_thread(recorder.wait_for_footage, "stop", 16)
    pushed = await _pushed(recorder, cameras)
    first, final = pushed[0], pushed[-1]
    assert first["lasting"]
    assert not final["lasting"]
    assert {(one["id"], one["start"]) for one in pushed} == {(first["id"], first["start"])}
    assert (final["camera_id"], final["kind"], final["zone"]) == ("stop", "motion", None)
    assert final["start"] < final["end"]
    assert 0 < final["score"] <= 1
    state = recorder.camera("stop")
    assert (state["motion"], state["tampering"]) == (False, [])
    assert (state["vision"]["sampling"], state["vision"]["source"]) == ("full", stream)
    assert state["vision"]["looks_per_minute"] >= 4
    listed = recorder.ask(f"/api/v1/cameras/stop/observations?kind=motion&{last(timedelta(hours=1))}").json
    assert final in listed["observations"]
    still = recorder.ask(final["still"])
    assert still.body.startswith(b"\xff\xd8")


async def _pushed(recorder: Recorder, cameras: Cameras) -> list[dict[str, Any]]:
    """What is told of one movement."""
    headers = {"Authorization": f"Bearer {recorder.token}"}
    told: list[dict[str, Any]] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(90),
    ):
        cameras.move("stop", 5)
        async for message in socket:
            event = json.loads(message.data)
            validate(event, "Event")
            if event["type"] == "observation":
                told.append(event["observation"])
                if not event["observation"]["lasting"]:
                    break
    return told


def test_a_camera_that_is_not_to_be_looked_at_is_not(recorder: Recorder, cameras: Cameras) -> None:
    entry = {"id": "stop", "url": cameras.url("stop"), "detect_url": cameras.url("stop", "sub")}
    before = cameras.connections()["stop/sub"]
    recorder.write_camera_file([{**entry, "vision": {"enabled": False}}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    assert recorder.camera("stop")["vision"]["sampling"] == "off"
    assert cameras.connections()["stop/sub"] == before
    recorder.write_camera_file([entry])
    wait_until(lambda: recorder.camera("stop")["vision"]["sampling"] == "full")
    assert cameras.connections()["stop/sub"] == before + 1
