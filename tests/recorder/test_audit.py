"""The audit log of a real recorder: who looked, and what was changed."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import config
from safe_community_recorder.api.actor import Actor, actor_of
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.problems import Problem, problems
from safe_community_recorder.api.searches import Searches
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.verification import verify
from safe_community_recorder.changes import camera_changes, cameras_changes, settings_changes
from tests.faults.disks import small_tmpfs
from tests.recorder.audit_logs import WHO, a_clip, own, records
from tests.recorder.contract import refused, validate
from tests.world import Answer, Cameras, Recorder, text, wait_until

MB = 1_000_000


# --- looks ------------------------------------------------------------------------------------------------------------


def test_a_look_is_recorded_once_with_who_and_why_and_what(audited: Recorder) -> None:
    query = a_clip(audited)
    path = f"/api/v1/cameras/stop/clip.mp4?{query}"
    assert audited.ask(path, **WHO).status == 200
    for n in range(5):
        assert audited.ask(path, Range=f"bytes={n}-{n + 99}", **WHO).status == 206
    assert audited.ask(path).status == 200
    (by_aldona,) = records(audited, event="look", camera="stop", actor="Aldona Žukauskienė")
    (by_token,) = own(records(audited, event="look", actor="recorder token", after=by_aldona["number"]))
    assert (by_token["actor"], by_token["reason"]) == ("recorder token", None)
    assert (by_aldona["actor"], by_aldona["reason"]) == ("Aldona Žukauskienė", "policijos prašymas 17")
    assert (by_aldona["camera_id"], by_aldona["outcome"], by_aldona["details"]) == ("stop", "done", {"kind": "clip"})
    assert urlencode({name: text(datetime.fromisoformat(by_aldona[name])) for name in ("start", "end")}) == query
    assert verify(audited.directory / "data") == []


def test_pieces_of_hls_belong_to_the_look_at_their_playlist_and_else_to_one_of_each_file(audited: Recorder) -> None:
    query = a_clip(audited)
    path = audited.ask(f"/api/v1/cameras/stop/hls/tickets?{query}", "POST", **WHO).json["path"]
    playlist = audited.ask(path, token="").body.decode()
    pieces = re.findall(r"\d{8}T[^\"\n]*", playlist)
    assert pieces
    ticket = f"ticket {parse_qs(urlsplit(path).query)['auth'][0][:8]}"
    for piece in pieces:
        assert audited.ask(f"/api/v1/cameras/stop/hls/{piece}", token="").status == 200
    (look,) = records(audited, actor=ticket)
    assert (look["event"], look["details"]["kind"]) == ("look", "hls")
    for piece in pieces * 2:
        without = piece.partition("?")[0]
        assert audited.ask(f"/api/v1/cameras/stop/hls/{without}", Safe_Community_Actor="Player").status == 200
    looks = records(audited, actor="Player")
    assert {(look["event"], look["camera_id"], look["details"]["kind"]) for look in looks} == {("look", "stop", "hls")}
    # The clip may go over the end of a file.
    files = {piece.partition("/")[0][:15] for piece in pieces}
    assert sorted(look["start"][:19].translate(str.maketrans("", "", "-:")) for look in looks) == sorted(files)


async def test_searches_of_the_same_hours_are_one_record_for_ten_minutes(tmp_path: Path) -> None:
    now = [0.0]
    auditor = Auditor(AuditLog(tmp_path))

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[problems, Searches(auditor, lambda: now[0]).middleware()])
    for name in ("timeline", "days", "entry"):
        app.router.add_get(f"/api/v1/cameras/{{camera_id}}/{name}", answer)
    async with TestClient(TestServer(app)) as client:

        async def search(what: str, actor: str = "Ona") -> int:
            path = f"/api/v1/cameras/stop/{what}"
            return (await client.get(path, headers={"Safe-Community-Actor": actor})).status

        day = "timeline?start=2026-11-22T06:00:00Z&end=2026-11-22T"
        for what in (f"{day}09:00:00Z", f"{day}09:59:59Z", f"{day}10:00:00Z", "entry"):
            assert await search(what) == 200
        assert await search(f"{day}09:00:00Z", "Jonas") == 200
        assert await search(f"{day}09:00:00Z", "%zz") == 400
        assert await search("days?first=2026-11-20&last=2026-11-22") == 200
        now[0] = 601.0
        assert await search(f"{day}09:30:00Z") == 200
    assert await auditor.close()
    told = [record.content for record in every(tmp_path, Wanted(event="look", camera_id="stop"))]
    assert [(one["actor"], one.get("end", "")[11:19]) for one in told] == [
        ("Ona", "09:00:00"),
        ("Ona", "10:00:00"),
        ("Jonas", "09:00:00"),
        ("Ona", ""),
        ("Ona", "09:30:00"),
    ]
    assert told[0]["details"] == {"kind": "search", "of": "timeline"}
    assert told[3]["details"] == {"kind": "search", "of": "days", "first": "2026-11-20", "last": "2026-11-22"}


def test_whoever_may_not_be_named_like_that_sees_nothing(audited: Recorder) -> None:
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
        answer = audited.ask("/api/v1/audit", **{name: wrong})
        assert name.replace("_", "-") in refused(answer, 400, "bad_actor")
    assert records(audited, actor="x" * 200) == []


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


async def test_how_many_records_no_memory_could_hold_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safe_community_recorder.api.auditor._AGAIN_S", 0.05)
    monkeypatch.setattr("safe_community_recorder.api.auditor._MOST_UNWRITTEN", 3)
    data = tmp_path / "data"
    auditor = Auditor(AuditLog(data))
    for n in range(8):
        auditor.tell("lock_made", Actor("Aldona"), n=n)
    await asyncio.sleep(0.1)
    data.mkdir()
    assert await auditor.close()
    *made, lost = every(data, Wanted())
    assert [record.content["details"]["n"] for record in made] == [0, 1, 2]
    assert (lost.event, lost.content["outcome"], lost.content["details"]) == ("records_lost", "failed", {"records": 5})


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


def test_a_pause_is_recorded_with_who_and_why_and_takes_effect(running: Recorder) -> None:
    running.wait_for_footage("stop", 2)
    answer = running.ask("/api/v1/cameras/stop", "PATCH", body={"paused": True}, **WHO)
    assert (answer.status, answer.json["state"]["connection"]) == (200, "paused")
    validate(answer.json, "Camera")
    answer = running.ask("/api/v1/cameras/stop", "PATCH", body={"paused": False}, **WHO)
    assert (answer.status, answer.json["state"]["connection"] == "paused") == (200, False)
    refused(running.ask("/api/v1/cameras/stop", "PATCH", body=[], **WHO), 400, "bad_value")
    refused(running.ask("/api/v1/cameras/stop", "PATCH", body={"paused": "no"}, **WHO), 422, "bad_camera")
    refused(running.ask("/api/v1/cameras/nobody", "PATCH", body={"paused": True}, **WHO), 404, "unknown_camera")
    found = own(records(running, actor="Aldona Žukauskienė"))[::-1]
    assert [(one["event"], one["outcome"], one["details"].get("changed")) for one in found] == [
        ("camera_changed", "done", {"paused": [False, True]}),
        ("camera_changed", "done", {"paused": [True, False]}),
        ("request_refused", "refused", None),
        ("camera_changed", "failed", None),
        ("camera_changed", "failed", None),
    ]
    assert {one["reason"] for one in found} == {"policijos prašymas 17"}


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


def test_of_zones_that_change_it_is_told_how_many_there_are_and_that_they_are_others() -> None:
    text = CAMERA_FILE.format(password="p", path="main", purpose="Safety")
    zone = "vision: {zones: [{id: door, area: [[0, 0], [1, 0], [1, 1]]}]}"
    zoned = text.replace("purpose:", f"{zone}, purpose:")
    plain, one, moved = (config.parse(each) for each in (text, zoned, zoned.replace("[1, 1]", "[0, 1]")))
    (((key, (before, after)),),) = (change.items() for change in cameras_changes(plain, one).values())
    assert (key, before, str(after)[:3]) == ("vision zones", 0, "1 (")
    ((before, after),) = cameras_changes(one, moved)["stop"].values()
    assert (str(before)[:3], str(after)[:3], before == after) == ("1 (", "1 (", False)
    assert settings_changes(plain, config.parse(text + "vision: {cpu: 50 %}\n")) == {"vision cpu_fraction": [0.25, 0.5]}


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
