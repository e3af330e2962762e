"""The HTTP interface of a real recorder process: what it answers, and how clearly it refuses."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder import config
from safe_community_recorder.api.clip_response import send_clip
from safe_community_recorder.api.problems import problems
from safe_community_recorder.api.server import build_app, openapi_document
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.clock import HostClock
from safe_community_recorder.ingest.source import Address, Source
from safe_community_recorder.media.clip import Clip, Part
from tests.recorder.contract import refused, validate
from tests.recorder.inside import services_in
from tests.world import Cameras, Recorder, last, text, wait_until

MINUTE = timedelta(minutes=1)


def asked(start: datetime, end: datetime) -> str:
    return urlencode({"start": text(start), "end": text(end)})


def test_health_and_the_document_need_no_token(recording: Recorder) -> None:
    validate(recording.ask("/health", token="").json, "Health")
    assert recording.ask("/openapi.json", token="").json["openapi"] == "3.1.0"


def test_every_answer_is_as_the_document_says(recording: Recorder) -> None:
    period = last(timedelta(hours=1))
    for path, schema in (
        ("/api/v1/info", "Info"),
        ("/api/v1/cameras", "Cameras"),
        ("/api/v1/cameras/stop", "Camera"),
        ("/api/v1/cameras/stop/entry", "CameraEntry"),
        (f"/api/v1/cameras/stop/recordings?{period}", "Recordings"),
        (f"/api/v1/cameras/stop/timeline?{period}", "Timeline"),
        (f"/api/v1/cameras/absent/timeline?{period}", "Timeline"),
    ):
        answer = recording.ask(path)
        assert answer.status == 200, path
        validate(answer.json, schema)


def test_everything_else_needs_the_right_token(recording: Recorder) -> None:
    documented = [(method.upper(), path) for path, methods in openapi_document()["paths"].items() for method in methods]
    asked = [(method, path.replace("{camera_id}", "stop")) for method, path in documented if "/api/" in path]
    assert len(asked) >= 14
    for method, path in [*asked, ("GET", "/api/v1/nothing"), ("GET", "/")]:
        for token in ("", "wrong", recording.token[:-1], recording.token + "x"):
            answer = recording.ask(path, method, token=token)
            if method == "HEAD":
                assert answer.status == 401
            else:
                refused(answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_states_tell_what_is_wrong(recording: Recorder) -> None:
    wait_until(lambda: recording.camera("absent")["connection"] == "unreachable")
    states = {camera["id"]: camera["state"] for camera in recording.ask("/api/v1/cameras").json["cameras"]}
    assert (states["stop"]["connection"], states["stop"]["recording"]) == ("connected", True)
    assert (states["stop"]["codec"], states["stop"]["width"], states["stop"]["height"]) == ("h264", 1280, 720)
    assert (states["locked"]["connection"], states["locked"]["recording"]) == ("refused", False)
    assert "password" in states["locked"]["problem"]
    assert "cannot be reached" in states["absent"]["problem"]


@pytest.mark.parametrize("resource", ["recordings", "timeline", "clip.mp4"])
def test_wrong_ranges_are_refused_clearly(recording: Recorder, resource: str) -> None:
    now = datetime.now(UTC)
    path = f"/api/v1/cameras/stop/{resource}?"
    detail = refused(recording.ask(path + asked(now, now - MINUTE)), 400, "reversed_range")
    assert detail == "start was expected to lie before end"
    refused(recording.ask(path + asked(now, now)), 400, "reversed_range")
    assert "future" in refused(recording.ask(path + asked(now + MINUTE, now + 2 * MINUTE)), 400, "future_range")
    refused(recording.ask(path + asked(now - timedelta(days=500), now)), 400, "range_too_long")
    for start in (
        "yesterday",
        "2026-11-22T06:54:49",
        "2026-13-01T00:00:00Z",
        "9" * 4_000,
        "",
        "2026-11-22T06:54:49Z\x00",
    ):
        detail = refused(recording.ask(path + urlencode({"start": start, "end": text(now)})), 400, "bad_time")
        assert "RFC 3339" in detail
        assert len(detail) < 300
    assert "missing" in refused(recording.ask(path + urlencode({"start": text(now)})), 400, "bad_time")


def test_unknown_cameras_addresses_and_methods_are_refused_clearly(recording: Recorder) -> None:
    period = last(MINUTE)
    for resource in (
        "",
        f"/recordings?{period}",
        f"/timeline?{period}",
        f"/clip.mp4?{period}",
        "/snapshot.jpg",
        "/live.ts",
    ):
        for camera_id in ("nobody", "..%2F..%2Fetc", "x" * 5_000, "%00"):
            refused(recording.ask(f"/api/v1/cameras/{camera_id}{resource}"), 404, "unknown_camera")
    refused(recording.ask("/api/v1/cameras/nobody/live-tickets", "POST"), 404, "unknown_camera")
    refused(recording.ask("/api/v1/nothing"), 404, "not_found")
    answer = recording.ask("/api/v1/cameras", "DELETE")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"


def test_a_range_without_footage_says_so(recording: Recorder) -> None:
    then = datetime.now(UTC) - timedelta(days=3)
    refused(recording.ask(f"/api/v1/cameras/stop/clip.mp4?{asked(then, then + MINUTE)}"), 404, "no_footage")
    assert recording.ask(f"/api/v1/cameras/stop/timeline?{asked(then, then + MINUTE)}").json["spans"] == []
    refused(recording.ask(f"/api/v1/cameras/locked/clip.mp4?{last(MINUTE)}"), 404, "no_footage")
    refused(recording.ask("/api/v1/cameras/locked/snapshot.jpg"), 503, "no_picture")


def test_footage_past_its_days_is_not_served(recording: Recorder) -> None:
    old = datetime.now(UTC) - timedelta(days=15)
    refused(recording.ask(f"/api/v1/cameras/stop/clip.mp4?{asked(old, old + MINUTE)}"), 404, "no_footage")


def test_a_clip_can_be_had_whole_and_in_pieces(recording: Recorder) -> None:
    span = recording.timeline("stop")["spans"][0]
    start = datetime.fromisoformat(span["start"]) + timedelta(seconds=1)
    path = f"/api/v1/cameras/stop/clip.mp4?{asked(start, start + timedelta(seconds=3))}"
    whole = recording.ask(path)
    size = len(whole.body)
    assert (whole.status, whole.headers["Content-Length"], whole.headers["Accept-Ranges"]) == (200, str(size), "bytes")
    assert whole.headers["Content-Type"] == "video/mp4"
    # With the first picture of the range.
    assert timedelta(0) <= datetime.fromisoformat(whole.headers["X-Clip-Start"]) - start < timedelta(seconds=0.2)
    told = recording.ask(f"/api/v1/cameras/stop/clip?{asked(start, start + timedelta(seconds=3))}").json
    validate(told, "Clip")
    assert (told["size_bytes"], told["start"], told["etag"]) == (
        size,
        whole.headers["X-Clip-Start"],
        whole.headers["ETag"],
    )
    assert recording.ask(told["path"]).body == whole.body
    head = recording.ask(path, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.headers["ETag"]) == (
        200,
        str(size),
        whole.headers["ETag"],
    )
    for first, end in ((0, 10), (5, size), (size - 3, size), (0, size), (1000, 200_000)):
        part = recording.ask(path, Range=f"bytes={first}-{end - 1}")
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{min(end, size) - 1}/{size}"
        assert part.body == whole.body[first:end]
    beyond = recording.ask(path, Range=f"bytes={size}-")
    refused(beyond, 416, "bad_value")
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    several = recording.ask(path, Range="bytes=0-1,4-5")
    assert (several.status, several.body) == (200, whole.body)
    assert recording.ask(path, Range="bytes=0-9", If_Range='"other"').status == 200
    assert recording.ask(path, Range="bytes=0-9", If_Range=whole.headers["ETag"]).status == 206
    assert recording.ask(path, If_None_Match=whole.headers["ETag"]).status == 304


def test_a_snapshot_is_a_picture_of_now_in_the_wanted_width(recording: Recorder) -> None:
    answer = recording.ask("/api/v1/cameras/stop/snapshot.jpg?width=320")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.body[:2] == b"\xff\xd8"
    age = datetime.now(UTC) - datetime.fromisoformat(answer.headers["X-Picture-Time"])
    assert timedelta(0) <= age < timedelta(seconds=10)
    for width in ("0", "-1", "9999", "wide", "", "1e3", "²"):
        refused(recording.ask(f"/api/v1/cameras/stop/snapshot.jpg?{urlencode({'width': width})}"), 400, "bad_value")


async def test_live_streams_need_a_ticket_of_that_camera_and_cost_the_camera_nothing(
    recording: Recorder, cameras: Cameras
) -> None:
    ticket = recording.ask("/api/v1/cameras/stop/live-tickets", "POST")
    assert ticket.status == 201
    validate(ticket.json, "LiveTicket")
    path: str = ticket.json["path"]
    refused(recording.ask(path.replace("/stop/", "/school/"), token=""), 401, "unauthorized")
    refused(recording.ask(path[:-1] + ("0" if path[-1] != "0" else "1"), token=""), 401, "unauthorized")
    before = cameras.connections()["stop/main"]
    async with aiohttp.ClientSession() as session:

        async def watch() -> int:
            async with session.get(recording.url + path) as stream:
                assert stream.headers["Content-Type"] == "video/mp2t"
                received = b""
                while len(received) < 200_000:
                    received += await stream.content.readany()
                assert received[0] == received[188] == 0x47
                return len(received)

        async with asyncio.timeout(20):
            await asyncio.gather(*(watch() for _ in range(4)))
    # Other tests' recorders may have theirs.
    assert 1 <= cameras.connections()["stop/main"] <= before


async def test_events_begin_with_everything_and_go_on_with_what_changes(recording: Recorder, cameras: Cameras) -> None:
    headers = {"Authorization": f"Bearer {recording.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recording.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(60),
    ):
        first = json.loads((await socket.receive()).data)
        validate(first, "Event")
        assert [camera["id"] for camera in first["cameras"]] == ["stop", "school", "locked", "absent"]
        await asyncio.to_thread(_warm_up, recording)
        cameras.move("stop")
        seen = []
        async for message in socket:
            event = json.loads(message.data)
            validate(event, "Event")
            if event["type"] == "camera" and event["camera"]["id"] == "stop":
                seen.append(event["camera"]["state"]["motion"])
                if seen[-1]:
                    break
        assert seen


def _warm_up(recording: Recorder) -> None:
    """The detector learns what is usual first."""
    recording.wait_for_footage("stop", 26)
    wait_until(lambda: not recording.camera("stop")["motion"])


async def test_a_clip_whose_file_has_just_been_deleted_breaks_off_and_never_looks_whole(tmp_path: Path) -> None:
    present = tmp_path / "present.mp4"
    present.write_bytes(b"x" * 1_000)
    clip = Clip(b"head", (Part(str(present), 0, 1_000), Part(str(tmp_path / "gone.mp4"), 0, 1_000)), 0, 1)
    app = web.Application(middlewares=[problems])

    async def answer_with_clip(request: web.Request) -> web.StreamResponse:
        return await send_clip(request, clip, "clip.mp4")

    app.router.add_get("/", answer_with_clip)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_the_document_lists_exactly_the_routes_that_there_are(tmp_path: Path) -> None:
    rules = config.parse(config.STARTER)
    archive = Archive(tmp_path, tmp_path, rules.storage, rules.retention_days)

    def ways(_address: Address) -> Sequence[Callable[[], Source]]:
        raise AssertionError("no camera is in this file")

    async with services_in(tmp_path, rules, archive, HostClock(), ways) as (services, _):
        app = build_app(services)
    served = {(route.method.lower(), route.resource.canonical) for route in app.router.routes() if route.resource}
    documented = {(method, path) for path, methods in openapi_document()["paths"].items() for method in methods}
    assert served == documented
