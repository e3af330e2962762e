"""Who is refused stands in the audit log, and cannot fill the disk."""

import asyncio
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.problems import Problem, problems
from safe_community_recorder.api.refusals import Refusals, network_of
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from tests.recorder.audit_logs import WHO, a_clip, records
from tests.recorder.contract import refused, validate
from tests.world import Recorder, text, wait_until


def test_whoever_is_not_let_in_is_counted_and_cannot_fill_the_disk(running: Recorder) -> None:
    log = running.directory / "data" / "audit"
    assert records(running)
    size = sum(path.stat().st_size for path in log.iterdir())
    for n in range(300):
        assert running.ask(f"/api/v1/cameras/stop/clip.mp4?start={n}", token="wrong").status == 401
    (first,) = records(running, event="request_refused")
    assert (first["actor"], first["outcome"], first["camera_id"]) == ("unknown", "refused", None)
    assert first["details"] == {
        "address": "127.0.0.1",
        "count": 1,
        "method": "GET",
        "resource": "/api/v1/cameras/{camera_id}/clip.mp4",
        "code": "unauthorized",
    }
    assert sum(path.stat().st_size for path in log.iterdir()) - size < 2_000
    assert running.stop() == 0
    *_, last = every(running.directory / "data", Wanted(event="request_refused"))
    assert last.content["details"]["count"] == 299


async def _refusing(refusals: Refusals) -> TestServer:
    async def answer(_request: web.Request) -> web.Response:
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "no token")

    app = web.Application(middlewares=[problems, refusals.middleware()])
    app.router.add_get("/", answer)
    app.on_cleanup.append(refusals.close)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_minute_of_refusals_is_two_records(tmp_path: Path) -> None:
    auditor = Auditor(AuditLog(tmp_path))
    server = await _refusing(Refusals(auditor, every_s=1))
    async with TestClient(server) as client:
        for _ in range(7):
            assert (await client.get("/")).status == 401
        await asyncio.sleep(1.5)
        assert (await client.get("/")).status == 401
    assert await auditor.close()
    counts = [record.content["details"]["count"] for record in every(tmp_path, Wanted())]
    # On a machine that is very slow, a minute may end in between.
    assert sum(counts) == 8
    assert 3 <= len(counts) < 8


async def test_however_many_addresses_there_are_they_share_what_room_there_is(tmp_path: Path) -> None:
    auditor = Auditor(AuditLog(tmp_path))
    server = await _refusing(Refusals(auditor))
    for n in range(1, 131):
        connector = aiohttp.TCPConnector(local_addr=(f"127.0.1.{n}", 0))
        async with aiohttp.ClientSession(connector=connector) as session, session.get(server.make_url("/")) as answer:
            assert answer.status == 401
    await server.close()
    assert await auditor.close()
    told = [record.content["details"] for record in every(tmp_path, Wanted())]
    assert len(told) == 102
    assert [one["count"] for one in told if one["address"] == "others"] == [1, 29]


async def test_somebody_who_is_known_is_named_for_each_camera_and_what_is_the_same_is_counted(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        code = request.query["code"]
        raise Problem(HTTPStatus(int(request.query["status"])), code, "no", noted=code == "told")

    auditor = Auditor(AuditLog(tmp_path))
    refusals = Refusals(auditor)
    app = web.Application(middlewares=[problems, refusals.middleware()])
    app.router.add_get("/{camera_id}", answer)
    app.on_cleanup.append(refusals.close)
    times = "start=2026-11-22T06:00:00Z&end=2026-11-22T06:10:00Z"
    async with TestClient(TestServer(app)) as client:
        for status, code, camera_id, actor, more in (
            (404, "unknown_camera", "stop", "Jonas", times),
            (404, "unknown_camera", "school", "Jonas", ""),
            (404, "unknown_camera", "school", "Ona", ""),
            (400, "bad_time", "school", "Ona", "start=x"),
            *[(404, "unknown_camera", "school", "Ona", times)] * 5,
            (503, "audit_unavailable", "stop", "Ona", "at=2026-11-22T06:00:00Z"),
            (503, "no_picture", "stop", "Ona", ""),
            (404, "told", "stop", "Ona", ""),
            (404, "unknown_camera", "x" * 65, "Ona", ""),
            (400, "bad_actor", "stop", "%zz", ""),
        ):
            headers = {"Safe-Community-Actor": actor}
            await client.get(f"/{camera_id}?status={status}&code={code}&{more}", headers=headers)
        await client.post("/stop", headers={"Safe-Community-Actor": "Ona"})
    assert await auditor.close()
    told = [record.content for record in every(tmp_path, Wanted())]
    assert [(one["actor"], one.get("camera_id"), one["details"]["code"], one["details"]["count"]) for one in told] == [
        ("Jonas", "stop", "unknown_camera", 1),
        ("Jonas", "school", "unknown_camera", 1),
        ("Ona", "school", "unknown_camera", 1),
        ("Ona", "school", "bad_time", 1),
        ("Ona", "stop", "audit_unavailable", 1),
        ("Ona", None, "unknown_camera", 1),
        ("recorder token", "stop", "bad_actor", 1),
        ("Ona", None, "method_not_allowed", 1),
        ("Ona", "school", "unknown_camera", 5),
    ]
    assert [(one.get("start", "")[11:16], one.get("end", "")[11:16]) for one in told] == [
        ("06:00", "06:10"),
        *[("", "")] * 3,
        ("06:00", "06:00"),
        *[("", "")] * 3,
        ("06:00", "06:10"),
    ]


def test_whoever_has_a_ticket_for_something_else_is_named_by_it(audited: Recorder) -> None:
    a_clip(audited)
    now = datetime.now(UTC)
    query = urlencode({"start": text(now - timedelta(seconds=9)), "end": text(now)})
    path = audited.ask(f"/api/v1/cameras/stop/hls/tickets?{query}", "POST", **WHO).json["path"]
    auth = parse_qs(urlsplit(path).query)["auth"][0]
    refused(audited.ask(f"/api/v1/cameras/stop/live.ts?auth={auth}", token=""), 403, "other_ticket")
    (ticket,) = [one for one in records(audited, event="ticket") if one["details"]["ticket"] == auth[:8]]
    assert ticket["actor"] == "Aldona Žukauskienė"
    (found,) = wait_until(lambda: records(audited, event="request_refused", actor=f"ticket {auth[:8]}"))
    assert (found["camera_id"], found["details"]["code"]) == ("stop", "other_ticket")


def test_whoever_has_one_address_of_ipv6_has_a_whole_network() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of(None) == network_of("") == network_of("nonsense") == "unknown"


def test_the_integration_adds_whom_it_refused_and_nothing_else(audited: Recorder) -> None:
    body = {
        "event": "access_refused",
        "action": "playback",
        "camera_id": "stop",
        "eldership_id": "pabirze",
        "start": "2026-11-22T06:00:00Z",
        "end": "2026-11-22T06:10:00Z",
    }
    answer = audited.ask("/api/v1/audit", "POST", body=body, **WHO)
    assert answer.status == 201
    validate(answer.json, "Noted")
    (found,) = records(audited, event="access_refused", camera="stop", actor="Aldona Žukauskienė")
    assert (found["outcome"], found["reason"]) == ("refused", "policijos prašymas 17")
    assert found["details"] == {"source": "integration", "action": "playback", "eldership_id": "pabirze"}
    assert {"number": found["number"], "hash": found["hash"]} == answer.json
    live = {"event": "live_viewed", "action": "live", "camera_id": "stop"}
    assert audited.ask("/api/v1/audit", "POST", body=live, **WHO).status == 201
    (found,) = records(audited, event="live_viewed")
    assert (found["outcome"], found["details"]["source"]) == ("done", "integration")

    assert "who it was" in refused(audited.ask("/api/v1/audit", "POST", body=body), 400, "bad_actor")
    for wrong in (
        {**body, "event": "footage_deleted"},
        {**body, "event": "look"},
        {**body, "action": "anything"},
        {**live, "action": "playback"},
        {**body, "outcome": "done"},
        {**body, "source": "recorder"},
        {**body, "number": 1},
        {**body, "camera_id": "x" * 65},
        {**body, "camera_id": "a\u0000b"},
        {**body, "camera_id": "\ud800"},
        {**body, "camera_id": 7},
        {"event": "access_refused"},
        [body],
        b"{",
        b"[" * 100_000,
        b"\xff",
    ):
        refused(audited.ask("/api/v1/audit", "POST", body=wrong, **WHO), 400, "bad_value")
    refused(audited.ask("/api/v1/audit", "POST", body={**body, "start": "today"}, **WHO), 400, "bad_time")
    assert len(records(audited, event="access_refused", actor="Aldona Žukauskienė")) == 1
