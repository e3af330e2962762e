"""The camera file changes while cameras are recorded: what differs is taken, and nothing else is touched."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from safe_community_recorder import camera_file
from safe_community_recorder.archive.recovery import read_file
from tests.recorder.contract import refused, validate
from tests.world import CAMERA_PASSWORD, Cameras, Recorder, simulated_cameras, wait_until


@pytest.fixture
def village() -> Iterator[Cameras]:
    """Cameras of the test's own, so that their connections can be counted."""
    with simulated_cameras(["stop", "school"]) as running:
        yield running


def entry(village: Cameras, camera_id: str, **more: Any) -> dict[str, Any]:
    return {"id": camera_id, "url": village.url(camera_id), **more}


def info(recorder: Recorder) -> dict[str, Any]:
    answer = recorder.ask("/api/v1/info").json
    validate(answer, "Info")
    file: dict[str, Any] = answer["camera_file"]
    return file


def order(recorder: Recorder) -> list[str]:
    answer = recorder.ask("/api/v1/cameras").json
    validate(answer, "Cameras")
    return [camera["id"] for camera in answer["cameras"]]


def connected_since(recorder: Recorder, camera_id: str) -> str:
    state = recorder.camera(camera_id)
    assert (state["connection"], state["recording"]) == ("connected", True), state
    since: str = state["since"]
    return since


def causes(recorder: Recorder, camera_id: str) -> list[str]:
    return [gap["cause"] for gap in recorder.timeline(camera_id)["gaps"]]


def takes_at_most(seconds: float, condition: Callable[[], object]) -> None:
    begun = time.monotonic()
    wait_until(condition, seconds + 5, 0.05)
    assert time.monotonic() - begun <= seconds


def record(recorder: Recorder, *cameras: dict[str, Any], **more: Any) -> None:
    recorder.write_camera_file(cameras, **more)
    recorder.start()
    for camera in cameras:
        recorder.wait_for_footage(camera["id"], 3)


def test_a_camera_comes_and_goes_and_the_other_one_never_blinks(recorder: Recorder, village: Cameras) -> None:
    school = entry(village, "school")
    record(recorder, school)
    since = connected_since(recorder, "school")
    recorder.write_camera_file([entry(village, "stop"), school])
    takes_at_most(2, lambda: order(recorder) == ["stop", "school"])
    recorder.wait_for_footage("stop", 3)
    assert village.connections() == {"stop/main": 1, "stop/sub": 0, "school/main": 1, "school/sub": 0}
    recorder.write_camera_file([school, entry(village, "stop")])
    takes_at_most(2, lambda: order(recorder) == ["school", "stop"])
    assert causes(recorder, "stop") == []
    (written,) = (recorder.archive / "stop").rglob("*.mp4")
    recorder.write_camera_file([school])
    takes_at_most(2, lambda: order(recorder) == ["school"])
    wait_until(lambda: village.connections()["stop/main"] == 0)
    # The connection goes first, then what has come is written and the file closed.
    wait_until(lambda: read_file(written).closed)
    size = written.stat().st_size
    refused(recorder.ask("/api/v1/cameras/stop"), 404, "unknown_camera")

    recorder.write_camera_file([school, entry(village, "stop")])
    wait_until(lambda: order(recorder) == ["school", "stop"])
    recorder.wait_for_footage("stop", 6)
    assert causes(recorder, "stop") == ["reconfigured"]
    assert written.stat().st_size == size, "the file was closed when its camera went"
    assert connected_since(recorder, "school") == since
    assert recorder.timeline("school")["gaps"] == []
    assert len(recorder.timeline("school")["spans"]) == 1


def test_names_and_days_change_without_a_new_connection(recorder: Recorder, village: Cameras) -> None:
    record(recorder, entry(village, "stop"))
    since = connected_since(recorder, "stop")
    changed = entry(village, "stop", name="Nauja stotelė", eldership="pabirze", retention_days=0.04, purpose="Order")
    recorder.write_camera_file([changed], name="Rokiškis")
    takes_at_most(2, lambda: recorder.ask("/api/v1/cameras/stop").json["name"] == "Nauja stotelė")
    assert recorder.ask("/api/v1/cameras/stop").json["eldership"] == {"id": "pabirze", "name": "Pabiržė"}
    assert recorder.ask("/api/v1/info").json["name"] == "Rokiškis"
    assert connected_since(recorder, "stop") == since
    assert recorder.timeline("stop")["gaps"] == []


def test_another_address_connects_only_its_camera_anew(recorder: Recorder, village: Cameras) -> None:
    record(recorder, entry(village, "stop"), entry(village, "school"))
    since = connected_since(recorder, "school")
    recorder.write_camera_file([entry(village, "stop", url=village.url("stop", "sub")), entry(village, "school")])
    wait_until(lambda: recorder.camera("stop")["width"] == 320 and recorder.camera("stop")["recording"])
    assert (village.connections()["stop/main"], village.connections()["stop/sub"]) == (0, 1)
    wait_until(lambda: causes(recorder, "stop") == ["reconfigured"])
    (gap,) = wait_until(lambda: [gap for gap in recorder.timeline("stop")["gaps"] if gap["end"]])
    assert (datetime.fromisoformat(gap["end"]) - datetime.fromisoformat(gap["start"])).total_seconds() < 15
    assert connected_since(recorder, "school") == since
    assert recorder.timeline("school")["gaps"] == []


def test_another_small_stream_leaves_the_recording_alone(recorder: Recorder, village: Cameras) -> None:
    record(recorder, entry(village, "stop"))
    since = connected_since(recorder, "stop")
    recorder.write_camera_file([entry(village, "stop", detect_url=village.url("stop", "sub"))])
    wait_until(lambda: village.connections()["stop/sub"] == 1)
    recorder.write_camera_file([entry(village, "stop")])
    wait_until(lambda: village.connections()["stop/sub"] == 0)
    assert connected_since(recorder, "stop") == since
    assert recorder.timeline("stop")["gaps"] == []


def test_a_paused_camera_is_not_connected_and_its_gap_says_so(recorder: Recorder, village: Cameras) -> None:
    record(recorder, entry(village, "stop"))
    recorder.write_camera_file([entry(village, "stop", paused=True)])
    takes_at_most(2, lambda: recorder.camera("stop")["connection"] == "paused")
    state = recorder.camera("stop")
    assert (state["recording"], state["motion"], state["problem"], state["codec"]) == (False, False, None, None)
    wait_until(lambda: village.connections()["stop/main"] == 0)
    refused(recorder.ask("/api/v1/cameras/stop/snapshot.jpg"), 503, "no_picture")
    (gap,) = wait_until(lambda: recorder.timeline("stop")["gaps"])
    assert (gap["cause"], gap["end"]) == ("paused", None)
    recorder.stop()
    recorder.start()
    time.sleep(2)
    assert village.connections()["stop/main"] == 0
    assert recorder.camera("stop")["connection"] == "paused"
    recorder.write_camera_file([entry(village, "stop")])
    wait_until(lambda: recorder.camera("stop")["recording"])
    (gap,) = wait_until(lambda: [gap for gap in recorder.timeline("stop")["gaps"] if gap["end"]])
    assert gap["cause"] == "paused"


def test_a_broken_file_is_refused_whole_and_recording_goes_on(recorder: Recorder, cameras: Cameras) -> None:
    record(recorder, entry(cameras, "stop"))
    path, good, since = recorder.camera_file, recorder.camera_file.read_bytes(), connected_since(recorder, "stop")
    damages: list[tuple[Callable[[], object], str]] = [
        (lambda: path.write_bytes(good.replace(b"rtsp://camera", b"rtps://camera")), "address was expected"),
        (lambda: path.write_bytes(b""), "is empty"),
        (path.unlink, "cannot be read"),
        (lambda: path.write_bytes(b"\xff\xfe"), "UTF-16"),
    ]
    for damage, reason in damages:
        loaded = info(recorder)["loaded"]
        damage()
        takes_at_most(2, lambda: info(recorder)["state"] == "refused")
        refusal = info(recorder)
        assert reason in refusal["problem"]
        assert refusal["loaded"] == loaded
        assert CAMERA_PASSWORD not in refusal["problem"]
        body = {"name": "a", "eldership": "pabirze"}
        refused(recorder.ask("/api/v1/cameras/stop", "PUT", body=body), 409, "camera_file_not_changed")
        path.write_bytes(good)
        takes_at_most(2, lambda: info(recorder)["state"] == "ok")
        assert info(recorder)["loaded"] > loaded
    logged = [line["problem"] for line in recorder.log if line["event"].startswith("camera file refused")]
    assert len(logged) == len(damages), "each refusal is logged once"
    assert logged[0].startswith("line 5, column 8: cameras[0].url: a camera's address was expected, such as rtsp://")
    assert connected_since(recorder, "stop") == since
    assert recorder.timeline("stop")["gaps"] == []


def test_a_file_that_is_written_bit_by_bit_is_taken_when_it_is_whole(recorder: Recorder, cameras: Cameras) -> None:
    record(recorder, entry(cameras, "school"), entry(cameras, "stop"))
    whole = recorder.camera_file.read_bytes()
    with recorder.camera_file.open("wb", buffering=0) as file:
        for part in range(0, len(whole), 100):
            file.write(whole[part : part + 100])
            time.sleep(0.2)
            assert order(recorder) == ["school", "stop"]
    time.sleep(2)
    assert info(recorder)["state"] == "ok"
    assert not [line for line in recorder.log if line["event"] in ("cameras changed", "camera file refused")]
    assert causes(recorder, "school") + causes(recorder, "stop") == []


def test_a_hangup_signal_has_the_file_read_at_once(recorder: Recorder, cameras: Cameras) -> None:
    record(recorder, entry(cameras, "stop"))
    assert recorder.process is not None
    recorder.process.send_signal(signal.SIGHUP)
    recorder.write_camera_file([entry(cameras, "stop", name="Kita")])
    recorder.process.send_signal(signal.SIGHUP)
    takes_at_most(0.45, lambda: recorder.ask("/api/v1/cameras/stop").json["name"] == "Kita")
    assert recorder.process.poll() is None


def test_changes_during_the_start_and_stops_during_changes_leave_what_was_wanted_last(
    recorder: Recorder, village: Cameras
) -> None:
    many = [{"id": f"gone-{number}", "url": "rtsp://127.0.0.1:9/"} for number in range(60)]
    recorder.write_camera_file([*many, entry(village, "stop"), entry(village, "school")])
    recorder.start()
    assert recorder.process is not None
    for round_ in range(6):
        wanted = [entry(village, "stop", paused=bool(round_ % 2)), *many[round_ * 5 :]]
        recorder.write_camera_file(wanted)
        recorder.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
    recorder.write_camera_file([entry(village, "school"), entry(village, "stop")])
    wait_until(lambda: order(recorder) == ["school", "stop"])
    recorder.wait_for_footage("school", 3)
    recorder.wait_for_footage("stop", 3)
    assert village.connections() == {"stop/main": 1, "stop/sub": 0, "school/main": 1, "school/sub": 0}
    recorder.write_camera_file([entry(village, "stop", paused=True), *many])
    recorder.process.send_signal(signal.SIGHUP)
    assert recorder.stop() == 0
    assert not [line for line in recorder.log if "exception" in line]


async def test_listeners_hear_of_every_change(recorder: Recorder, cameras: Cameras) -> None:
    await asyncio.to_thread(record, recorder, entry(cameras, "stop"))
    headers = {"Authorization": f"Bearer {recorder.token}"}
    seen: list[tuple[str, str]] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(30),
    ):

        async def until(*wanted: tuple[str, str]) -> None:
            while not set(wanted) <= set(seen):
                event = json.loads((await socket.receive()).data)
                validate(event, "Event")
                match event:
                    case {"type": "camera", "camera": camera}:
                        seen.append(("camera", camera["id"]))
                    case {"type": "camera_removed", "camera_id": camera_id}:
                        seen.append(("removed", camera_id))
                    case {"type": "info", "info": told}:
                        seen.append(("info", f"{told['name']} {told['camera_file']['state']}"))

        await asyncio.to_thread(recorder.write_camera_file, [entry(cameras, "school")], name="Rokiškis")
        await until(("removed", "stop"), ("camera", "school"), ("info", "Rokiškis ok"))
        assert ("camera", "stop") not in seen[seen.index(("removed", "stop")) :], "nothing comes of what has gone"
        await asyncio.to_thread(recorder.camera_file.write_text, "nonsense")
        await until(("info", "Rokiškis refused"))


# --- changes by HTTP --------------------------------------------------------------------------------------------------


def test_a_camera_is_added_changed_and_taken_out_by_http(recorder: Recorder, village: Cameras) -> None:
    record(recorder, entry(village, "school"))
    text = recorder.camera_file.read_text() + "# kept\n"
    recorder.camera_file.write_text(text)
    new = {"name": "Stotelė", "eldership": "pabirze", "url": village.url("stop"), "purpose": "Order"}
    answer = recorder.ask("/api/v1/cameras/stop", "PUT", body=new)
    assert answer.status == 201
    validate(answer.json, "Camera")
    assert CAMERA_PASSWORD.encode() not in answer.body
    assert order(recorder) == ["school", "stop"]
    recorder.wait_for_footage("stop", 3)
    since = connected_since(recorder, "stop")

    answer = recorder.ask("/api/v1/cameras/stop/entry")
    validate(answer.json, "CameraEntry")
    assert answer.json == {
        "id": "stop",
        "name": "Stotelė",
        "eldership": "pabirze",
        "audio": False,
        "paused": False,
        "source": "auto",
        "purpose": "Order",
    }
    answer = recorder.ask("/api/v1/cameras/stop", "PUT", body={**answer.json, "name": "Kita", "review": "2027-01-01"})
    assert (answer.status, answer.json["name"]) == (200, "Kita")
    assert connected_since(recorder, "stop") == since
    assert recorder.ask("/api/v1/cameras/stop/entry").json["review"] == "2027-01-01"
    saved = recorder.camera_file.read_text()
    assert saved.endswith("# kept\n")
    assert village.url("stop") in saved
    assert camera_file.previous(recorder.camera_file).read_text() != saved

    assert recorder.ask("/api/v1/cameras/stop", "DELETE").status == 204
    assert order(recorder) == ["school"]
    assert list((recorder.archive / "stop").rglob("*.mp4")), "its footage stays"
    refused(recorder.ask("/api/v1/cameras/stop", "DELETE"), 404, "unknown_camera")
    refused(recorder.ask("/api/v1/cameras/stop/entry"), 404, "unknown_camera")
    assert recorder.camera_file.read_text() == text
    assert recorder.timeline("school")["gaps"] == []
    time.sleep(1.5)
    assert info(recorder)["state"] == "ok"


def test_wrong_entries_are_refused_with_their_field_and_change_nothing(recorder: Recorder) -> None:
    recorder.write_camera_file([{"id": "stop", "url": "rtsp://user:hunter2@127.0.0.1:9/"}])
    recorder.start()
    text = recorder.camera_file.read_text()
    fine = {"name": "Stotelė", "eldership": "pabirze", "url": "rtsp://user:hunter2@127.0.0.1:9/"}
    for camera_id, body, status, code, expected in (
        ("new", {"name": "a", "eldership": "pabirze"}, 422, "bad_camera", "url: this is missing"),
        ("new", {**fine, "eldership": "nowhere"}, 422, "unknown_eldership", "eldership: there is no eldership nowhere"),
        ("new", {**fine, "url": "hunter2"}, 422, "bad_camera", "url: a camera's address"),
        ("new", {**fine, "retention_days": 31}, 422, "bad_camera", "retention_days: more than 30 days"),
        ("new", {**fine, "audio": True}, 422, "bad_camera", "audio: recording sound needs"),
        ("new", {**fine, "pausd": True}, 422, "bad_camera", "pausd: this key is unknown; did you mean paused?"),
        ("new", {**fine, "id": "other"}, 422, "bad_camera", "id: new was expected"),
        ("..%2Fetc", fine, 422, "bad_camera", "id: 1 to 64 of"),
        ("x" * 2_000, fine, 422, "bad_camera", "id: 1 to 64 of"),
        ("stop", {**fine, "name": "a\nb"}, 422, "bad_camera", "name: one line of text"),
        ("stop", {**fine, "name": "\ud800"}, 422, "bad_camera", "name: one line of text"),
        ("stop", {**fine, "purpose": "x" * 1_001}, 422, "bad_camera", "purpose: 1 to 1000 characters"),
        ("stop", [fine], 400, "bad_value", "JSON object"),
        ("stop", b"{", 400, "bad_value", "JSON"),
        ("stop", b"[" * 100_000, 400, "bad_value", "JSON"),
        ("stop", b"\xff", 400, "bad_value", "JSON"),
    ):
        answer = recorder.ask(f"/api/v1/cameras/{camera_id}", "PUT", body=body)
        assert refused(answer, status, code).startswith(expected) or code == "bad_value"
        assert b"hunter2" not in answer.body
        assert len(answer.body) < 500
    assert recorder.camera_file.read_text() == text
    assert order(recorder) == ["stop"]
    refused(recorder.ask("/api/v1/cameras/stop", "PUT", token="", body=fine), 401, "unauthorized")
    refused(recorder.ask("/api/v1/cameras/stop", "DELETE", token="wrong"), 401, "unauthorized")
