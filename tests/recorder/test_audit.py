"""The audit log of a real recorder: who looked, who was refused, what was changed; that it can be read and proved."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import config
from safe_community_recorder.__main__ import main
from safe_community_recorder.api.actor import Actor, actor_of
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.problems import Problem, problems
from safe_community_recorder.api.ranges import DAY_US
from safe_community_recorder.api.refusals import Refusals, network_of
from safe_community_recorder.audit import table
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.record import Record, line_of, read
from safe_community_recorder.audit.verification import verify
from safe_community_recorder.changes import camera_changes, cameras_changes, settings_changes
from tests.faults.disks import small_tmpfs
from tests.recorder.contract import refused, validate
from tests.world import Answer, Cameras, Recorder, text, wait_until

MB = 1_000_000
WHO = {"Safe_Community_Actor": quote("Aldona Žukauskienė"), "Safe_Community_Reason": quote("policijos prašymas 17")}


def records(recorder: Recorder, **query: object) -> list[dict[str, Any]]:
    """The newest records, of the newest first."""
    answer = recorder.ask(f"/api/v1/audit?{urlencode(query)}")
    assert answer.status == 200, answer.body
    validate(answer.json, "AuditPage")
    found: list[dict[str, Any]] = answer.json["records"]
    return found


def own(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the records that reading leaves."""
    return [record for record in found if record["details"].get("kind") != "audit"]


@pytest.fixture
def running(recorder: Recorder, cameras: Cameras) -> Recorder:
    """A recorder of the test's own that records one camera."""
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    return recorder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Recorder]:
    """One for all tests that leave it running."""
    recorder = Recorder(tmp_path_factory.mktemp("shared"))
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    yield recorder
    assert recorder.stop() == 0


def a_clip(recorder: Recorder) -> str:
    """A range with footage, as a query."""
    recorder.wait_for_footage("stop", 4)
    span = recorder.timeline("stop")["spans"][0]
    start = datetime.fromisoformat(span["start"]) + timedelta(seconds=1)
    return urlencode({"start": text(start), "end": text(start + timedelta(seconds=2))})


# --- looks ------------------------------------------------------------------------------------------------------------


def test_a_look_is_recorded_once_with_who_and_why_and_what(shared: Recorder) -> None:
    query = a_clip(shared)
    path = f"/api/v1/cameras/stop/clip.mp4?{query}"
    assert shared.ask(path, **WHO).status == 200
    for n in range(5):
        assert shared.ask(path, Range=f"bytes={n}-{n + 99}", **WHO).status == 206
    assert shared.ask(path).status == 200
    by_token, by_aldona = own(records(shared, event="look", camera="stop"))
    assert (by_token["actor"], by_token["reason"]) == ("recorder token", None)
    assert (by_aldona["actor"], by_aldona["reason"]) == ("Aldona Žukauskienė", "policijos prašymas 17")
    assert (by_aldona["camera_id"], by_aldona["outcome"], by_aldona["details"]) == ("stop", "done", {"kind": "clip"})
    assert urlencode({name: text(datetime.fromisoformat(by_aldona[name])) for name in ("start", "end")}) == query
    assert verify(shared.directory / "data") == []


def test_whoever_may_not_be_named_like_that_sees_nothing(shared: Recorder) -> None:
    for name, wrong in (
        ("Safe_Community_Actor", ""),
        ("Safe_Community_Actor", "%20"),
        ("Safe_Community_Actor", "%zz"),
        ("Safe_Community_Actor", "%FF"),
        ("Safe_Community_Actor", "Birut%C4"),
        ("Safe_Community_Actor", quote("a\nb")),
        ("Safe_Community_Actor", quote("abc\u202egpj")),
        ("Safe_Community_Actor", "x" * 201),
        ("Safe_Community_Reason", quote("ž" * 501)),
    ):
        answer = shared.ask("/api/v1/audit", **{name: wrong})
        assert name.replace("_", "-") in refused(answer, 400, "bad_actor")
    assert records(shared, actor="x" * 200) == []


def test_without_room_for_its_record_nothing_recorded_is_shown(cameras: Cameras, tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 16 * MB) as disk:
        recorder = Recorder(disk.at / "recorder", archive_root=tmp_path / "archive")
        recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
        recorder.start()
        try:
            query = a_clip(recorder)
            ballast = disk.fill()

            def looked(reason: int) -> Answer:
                return recorder.ask(f"/api/v1/cameras/stop/clip.mp4?{query}", Safe_Community_Reason=str(reason))

            # A file has room in its last block.
            answer = next(answer for answer in map(looked, range(100)) if answer.status != 200)
            assert "No space left on device" in refused(answer, 503, "audit_unavailable")
            before = recorder.recorded_s("stop")
            wait_until(lambda: recorder.recorded_s("stop") > before + 2)
            ballast.unlink()
            assert recorder.ask(f"/api/v1/cameras/stop/clip.mp4?{query}", **WHO).status == 200
            assert len(own(records(recorder, event="look", actor="Aldona Žukauskienė"))) == 1
            assert verify(recorder.directory / "data") == []
        finally:
            recorder.stop()


async def test_looks_at_the_same_at_the_same_time_wait_for_one_record(tmp_path: Path) -> None:
    now = [0.0]
    auditor = Auditor(AuditLog(tmp_path), lambda: now[0])
    actor = Actor("Aldona", "why")
    await asyncio.gather(*(auditor.look("clip", actor, "stop", 1, 2) for _ in range(50)))
    await auditor.look("clip", Actor("Aldona", "another reason"), "stop", 1, 2)
    await auditor.look("clip", actor, "stop", 1, 3)
    await auditor.look("clip", actor, "stop", 1, 2, outcome="refused")
    assert len(list(every(tmp_path, Wanted()))) == 4
    now[0] = 599.0
    await auditor.look("clip", actor, "stop", 1, 2)
    assert len(list(every(tmp_path, Wanted()))) == 4
    now[0] = 601.0
    await auditor.look("clip", actor, "stop", 1, 2)
    assert len(list(every(tmp_path, Wanted()))) == 5
    assert await auditor.close()


async def test_a_look_whose_first_asker_goes_away_is_recorded_all_the_same(tmp_path: Path) -> None:
    auditor = Auditor(AuditLog(tmp_path))
    first = asyncio.create_task(auditor.look("clip", Actor("Aldona"), "stop", 1, 2))
    await asyncio.sleep(0)
    second = asyncio.create_task(auditor.look("clip", Actor("Aldona"), "stop", 1, 2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert len(list(every(tmp_path, Wanted()))) == 1
    assert await auditor.close()


async def test_after_a_failure_the_same_look_is_tried_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    auditor = Auditor(AuditLog(data))
    for _ in range(2):
        with pytest.raises(Problem, match="audit log cannot be written"):
            await auditor.look("clip", Actor("Aldona"), "stop", 1, 2)
    data.mkdir()
    await auditor.look("clip", Actor("Aldona"), "stop", 1, 2)
    assert len(list(every(data, Wanted()))) == 1
    assert await auditor.close()


async def test_what_has_happened_anyway_is_kept_until_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safe_community_recorder.api.auditor._AGAIN_S", 0.05)
    data = tmp_path / "data"
    auditor = Auditor(AuditLog(data))
    auditor.tell("lock_made", Actor("Aldona"))
    auditor.tell("lock_made", Actor("what no log can hold: \ud800"))
    auditor.tell("lock_released", Actor("Aldona"))
    await asyncio.sleep(0.2)
    data.mkdir()
    assert await auditor.close()
    first, second = every(data, Wanted())
    assert (first.event, second.event) == ("lock_made", "lock_released")
    assert first.content["happened"] <= second.content["happened"] <= text(datetime.now(UTC))


async def test_months_go_only_after_an_hour_with_a_clock_that_is_set_and_did_not_leap(tmp_path: Path) -> None:
    steady_s, now_us, is_set = [0.0], [1_700_000_000_000_000], [True]
    auditor = Auditor(AuditLog(tmp_path, lambda: now_us[0]), lambda: steady_s[0])
    await auditor.note("recorder_started", Actor("recorder"))
    now_us[0] += 1_000 * DAY_US
    await auditor.note("recorder_started", Actor("recorder"))
    running = asyncio.create_task(auditor.run(lambda: is_set[0], every_s=0.01))

    async def trimmed() -> bool:
        await asyncio.sleep(0.3)
        return bool(list(every(tmp_path, Wanted(event="audit_trimmed"))))

    assert not await trimmed()
    steady_s[0], is_set[0] = 3_601.0, False
    assert not await trimmed()
    auditor.clock_leapt(2 * DAY_US)
    is_set[0] = True
    assert not await trimmed()
    auditor.clock_leapt(-2 * DAY_US)
    steady_s[0] = 2 * 3_601.0
    async with asyncio.timeout(60):
        while not await trimmed():
            pass
    running.cancel()
    assert await auditor.close()
    assert verify(tmp_path) == []
    assert [record.event for record in every(tmp_path, Wanted())] == ["recorder_started", "audit_trimmed"]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_changes_of_cameras_are_recorded_by_what_changed_and_never_with_an_address(
    running: Recorder, cameras: Cameras
) -> None:
    secret = "t0p-s3cret"
    entry = {"name": "School", "eldership": "pabirze", "url": cameras.url("school", password=secret), "paused": True}
    assert running.ask("/api/v1/cameras/school", "PUT", body=entry, **WHO).status == 201
    changed = {"name": "Mokykla", "eldership": "pabirze", "url": cameras.url("school", "sub", secret), "paused": True}
    assert running.ask("/api/v1/cameras/school", "PUT", body=changed, **WHO).status == 200
    assert running.ask("/api/v1/cameras/school", "PUT", body={"name": "x"}, **WHO).status == 422
    assert running.ask("/api/v1/cameras/..%2Fetc", "PUT", body=entry, **WHO).status == 422
    assert running.ask("/api/v1/cameras/school", "DELETE", **WHO).status == 204
    assert running.ask("/api/v1/cameras/school", "DELETE", **WHO).status == 404
    found = own(records(running, actor="Aldona Žukauskienė"))[::-1]
    assert [(one["event"], one["outcome"], one["camera_id"]) for one in found] == [
        ("camera_added", "done", "school"),
        ("camera_changed", "done", "school"),
        ("camera_changed", "failed", "school"),
        ("camera_changed", "failed", None),
        ("camera_removed", "done", "school"),
        ("camera_changed", "failed", None),
    ]
    assert found[0]["details"]["changed"]["url"] == [None, "set"]
    assert found[1]["details"] == {"changed": {"name": ["School", "Mokykla"], "url": ["set", "changed"]}}
    assert found[2]["details"] == {"code": "bad_camera"}
    log = b"".join(path.read_bytes() for path in (running.directory / "data" / "audit").iterdir())
    assert secret.encode() not in log
    assert b"rtsp://" not in log


def test_a_camera_file_that_somebody_edits_is_recorded(running: Recorder, cameras: Cameras) -> None:
    running.write_camera_file(
        [
            {"id": "stop", "url": cameras.url("stop"), "retention_days": 7},
            {"id": "school", "url": cameras.url("school")},
        ],
        storage={"retention_days": 10},
    )
    (found,) = wait_until(lambda: records(running, event="camera_file_changed"))
    assert found["actor"] == "camera file"
    assert found["details"]["settings"] == {"storage retention_days": [14, 10]}
    assert found["details"]["cameras"]["stop"] == {"retention_days": [None, 7]}
    assert found["details"]["cameras"]["school"]["url"] == [None, "set"]
    assert cameras.url("school") not in json.dumps(found)


def test_starts_stops_and_probes_are_recorded(running: Recorder, cameras: Cameras) -> None:
    answer = running.ask("/api/v1/probe", "POST", body={"url": cameras.url("stop", "sub")}, **WHO)
    assert answer.status == 200
    answer = running.ask("/api/v1/probe", "POST", body={"url": cameras.url("stop", password="wrong")}, **WHO)
    assert answer.status == 502
    assert running.stop() == 0
    running.start()
    found = own(records(running))[::-1]
    assert [(one["event"], one["outcome"]) for one in found] == [
        ("recorder_started", "done"),
        ("camera_probed", "done"),
        ("camera_probed", "failed"),
        ("recorder_stopped", "done"),
        ("recorder_started", "done"),
    ]
    assert found[1]["details"] == {"host": "127.0.0.1"}
    assert found[2]["details"] == {"host": "127.0.0.1", "code": "camera_refused"}
    assert found[3]["details"] == {"clean": True}
    assert found[0]["actor"] == "recorder"


CAMERA_FILE = """
version: 1
name: Biržai
time_zone: Europe/Vilnius
elderships: [{{id: pabirze, name: Pabiržė}}]
cameras:
  - {{id: stop, name: Stotelė, eldership: pabirze, url: "rtsp://u:{password}@192.0.2.1/{path}", purpose: {purpose}}}
"""


def _parsed(password: str = "p", path: str = "main", purpose: str = "Safety") -> config.Config:
    return config.parse(CAMERA_FILE.format(password=password, path=path, purpose=purpose))


def test_what_changed_is_told_without_addresses() -> None:
    former, new = _parsed(), _parsed("secret", purpose="x" * 300)
    assert cameras_changes(former, new) == {"stop": {"url": ["set", "changed"], "purpose": ["Safety", "x" * 200]}}
    assert cameras_changes(former, former) == {}
    assert settings_changes(former, new) == {}
    (camera,) = former.cameras
    assert camera_changes(camera, None)["url"] == ["set", None]
    assert camera_changes(None, camera)["eldership"] == [None, "pabirze"]


# --- refusals ---------------------------------------------------------------------------------------------------------


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


def test_whoever_has_one_address_of_ipv6_has_a_whole_network() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of(None) == network_of("") == network_of("nonsense") == "unknown"


def test_the_integration_adds_whom_it_refused_and_nothing_else(shared: Recorder) -> None:
    body = {
        "event": "access_refused",
        "action": "playback",
        "camera_id": "stop",
        "eldership_id": "pabirze",
        "start": "2026-11-22T06:00:00Z",
        "end": "2026-11-22T06:10:00Z",
    }
    answer = shared.ask("/api/v1/audit", "POST", body=body, **WHO)
    assert answer.status == 201
    validate(answer.json, "Noted")
    (found,) = records(shared, event="access_refused", camera="stop", actor="Aldona Žukauskienė")
    assert (found["outcome"], found["reason"]) == ("refused", "policijos prašymas 17")
    assert found["details"] == {"source": "integration", "action": "playback", "eldership_id": "pabirze"}
    assert {"number": found["number"], "hash": found["hash"]} == answer.json
    live = {"event": "live_viewed", "action": "live", "camera_id": "stop"}
    assert shared.ask("/api/v1/audit", "POST", body=live, **WHO).status == 201
    (found,) = records(shared, event="live_viewed")
    assert (found["outcome"], found["details"]["source"]) == ("done", "integration")

    assert "who it was" in refused(shared.ask("/api/v1/audit", "POST", body=body), 400, "bad_actor")
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
        refused(shared.ask("/api/v1/audit", "POST", body=wrong, **WHO), 400, "bad_value")
    refused(shared.ask("/api/v1/audit", "POST", body={**body, "start": "today"}, **WHO), 400, "bad_time")
    assert len(records(shared, event="access_refused", actor="Aldona Žukauskienė")) == 1


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(shared: Recorder) -> Recorder:
    """With thirty refusals of three people."""
    for n in range(30):
        name = ("Aldona", "Bronius", "Žydrė")[n % 3]
        body = {"event": "access_refused", "action": "live", "camera_id": f"camera-{n % 2}"}
        answer = shared.ask("/api/v1/audit", "POST", body=body, Safe_Community_Actor=quote(name))
        assert answer.status == 201
    return shared


def test_the_log_is_read_page_by_page_and_by_what_is_wanted(filled: Recorder) -> None:
    numbers: list[int] = []
    query: dict[str, object] = {"event": "access_refused", "limit": 7}
    while True:
        page = filled.ask(f"/api/v1/audit?{urlencode(query)}").json
        validate(page, "AuditPage")
        numbers += [record["number"] for record in page["records"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert len(numbers) >= 30
    assert numbers == sorted(numbers, reverse=True)
    assert len(records(filled, actor="Žydrė")) == 10
    assert len(records(filled, actor="Žydrė", camera="camera-0")) == 5
    assert [one["number"] for one in records(filled, event="access_refused", after=numbers[2])] == numbers[:2]
    now = datetime.now(UTC)
    assert len(records(filled, actor="Žydrė", **{"from": text(now - timedelta(hours=1))})) == 10
    assert records(filled, actor="Žydrė", to=text(now - timedelta(hours=1))) == []
    head = filled.ask("/api/v1/audit").json["head"]
    assert head["number"] >= numbers[0]


def test_reading_the_log_is_recorded(shared: Recorder) -> None:
    for _ in range(3):
        shared.ask("/api/v1/audit?camera=stop", Safe_Community_Actor="Officer")
    shared.ask("/api/v1/audit.csv", Safe_Community_Actor="Officer")
    found = records(shared, actor="Officer")
    assert [(one["event"], one["details"].get("kind"), one["camera_id"]) for one in found] == [
        ("audit_exported", None, None),
        ("look", "audit", "stop"),
    ]


def test_wrong_questions_are_refused_clearly(shared: Recorder) -> None:
    for query, code in (
        ({"from": "yesterday"}, "bad_time"),
        ({"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T00:00:00Z"}, "reversed_range"),
        ({"limit": 0}, "bad_value"),
        ({"limit": 1_001}, "bad_value"),
        ({"after": "x"}, "bad_value"),
        ({"before": "-1"}, "bad_value"),
        ({"before": "9" * 16}, "bad_value"),
        ({"camera": "x" * 65}, "bad_value"),
        ({"camera": "\n"}, "bad_value"),
        ({"actor": "x" * 1_000}, "bad_value"),
    ):
        refused(shared.ask(f"/api/v1/audit?{urlencode(query)}"), 400, code)
    refused(shared.ask("/api/v1/audit.csv?from=x"), 400, "bad_time")


def _rows(answer: Answer) -> list[list[str]]:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


def test_the_log_as_a_table_holds_what_the_log_holds(filled: Recorder) -> None:
    heading, *rows = _rows(filled.ask("/api/v1/audit.csv"))
    assert tuple(heading) == table.COLUMNS
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    refusals = [row for row in rows if row[2] == "access_refused" and row[4] == "Žydrė"]
    assert len(refusals) == 10
    assert refusals[2][3:7] == ["refused", "Žydrė", "", "camera-0"]
    by_number = {record["number"]: record["hash"] for record in records(filled, limit=1_000)}
    assert all(by_number[int(row[0])] == row[-1] for row in rows)
    later = text(datetime.now(UTC) + timedelta(minutes=1))
    assert _rows(filled.ask(f"/api/v1/audit.csv?{urlencode({'from': later})}")) == [heading]


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


FORMULAS = st.sampled_from(["=1+1", "+1", "-1", "@x", "\t=x", "\r=x", "\uff1d1", 'a"b,c\r\nd'])


@given(actor=PRINTABLE, reason=FORMULAS | PRINTABLE)
def test_a_table_is_read_back_as_written_and_no_cell_of_it_computes(actor: str, reason: str) -> None:
    line, _ = line_of(1, 0, "look", {"actor": actor, "reason": reason, "details": {"x": [1, None]}}, "0" * 64)
    record: Record = read(line[:-1])
    (cells,) = csv.reader(io.StringIO(table.rows([record]).decode(), newline=""))
    assert [cell.removeprefix("'") for cell in cells[4:6]] == [said.removeprefix("'") for said in (actor, reason)]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)
    assert json.loads(cells[9]) == {"x": [1, None]}


def test_while_the_recorder_runs_its_log_can_be_proved_and_afterwards(running: Recorder) -> None:
    assert running.ask("/api/v1/audit", Safe_Community_Actor="Bronius").status == 200
    data = str(running.directory / "data")
    head = running.ask("/api/v1/audit").json["head"]
    seen = f"{head['number']}:{head['hash']}"
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    assert main(["check", "--data", data]) in (0, 1)
    running.kill()
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    running.start()
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    path = next((running.directory / "data" / "audit").iterdir())
    path.write_bytes(path.read_bytes().replace(b"Bronius", b"Aldonas", 1))
    assert main(["audit", "verify", "--data", data]) == 1
    assert main(["check", "--data", data]) == 1


# --- who asks ---------------------------------------------------------------------------------------------------------


def asking(headers: Mapping[str, str]) -> Actor:
    """Whom a request with these headers comes from."""
    return actor_of(make_mocked_request("GET", "/", headers=headers))


@given(name=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=200))
def test_any_name_arrives_as_it_was_sent(name: str) -> None:
    assert asking({"Safe-Community-Actor": quote(name, safe="")}) == Actor(name)


def test_without_headers_it_is_whoever_has_the_token() -> None:
    assert asking({}) == Actor("recorder token")
    assert asking({"Safe-Community-Reason": "x"}) == Actor("recorder token", "x")
