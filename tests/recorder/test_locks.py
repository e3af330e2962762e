"""Locks over HTTP: made, changed, released; what they keep, and what they cannot bring back."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder import utc
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.events import Hub
from safe_community_recorder.api.locks import LockHandlers
from safe_community_recorder.api.problems import problems
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Lock, Span
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.record import Record
from safe_community_recorder.clock import HostClock
from tests.recorder.archives import DAY, Folder, S, group, now_us, record
from tests.recorder.contract import refused, validate
from tests.world import Cameras, Recorder, text

WHO = {"Safe_Community_Actor": quote("Aldona Žukauskienė"), "Safe_Community_Reason": quote("įvykis 17")}
HOUR = timedelta(hours=1)


def wish(**more: object) -> dict[str, object]:
    """A lock that may be made."""
    now = datetime.now(UTC)
    body: dict[str, object] = {
        "camera_id": "stop",
        "start": text(now - HOUR),
        "end": text(now),
        "reason": "Policijos prašymas 17",
        "expires": text(now + timedelta(days=90)),
    }
    return body | more


async def until(condition: Callable[[], object]) -> None:
    """Looks again and again, as often as anything else happens."""
    async with asyncio.timeout(60):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


# --- with a real recorder ---------------------------------------------------------------------------------------------


def events(recorder: Recorder, lock_id: str) -> list[dict[str, Any]]:
    """What the audit log says of a lock, the oldest first."""
    found = recorder.ask("/api/v1/audit?limit=1000").json["records"]
    return [entry for entry in found if entry["details"].get("lock") == lock_id][::-1]


@pytest.mark.usefixtures("cameras")
def test_a_lock_is_made_extended_and_released_and_all_of_it_stays_known(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop"), "paused": True}])
    recorder.start()
    made = recorder.ask("/api/v1/locks", "POST", body=wish(), **WHO)
    assert made.status == 201
    validate(made.json, "Lock")
    lock, path = made.json, made.headers["Location"]
    assert (lock["owner"], lock["reason"], lock["active"]) == ("Aldona Žukauskienė", "Policijos prašymas 17", True)
    assert recorder.ask(path).json == lock

    later = text(datetime.now(UTC) + timedelta(days=300))
    changed = recorder.ask(path, "PATCH", body={"expires": later, "reason": "Teismas"}, **WHO)
    validate(changed.json, "Lock")
    assert changed.json == {**lock, "reason": "Teismas", "expires": changed.json["expires"]}
    assert recorder.ask(path, "PATCH", body={"expires": later}, **WHO).json == changed.json

    recorder.kill()
    recorder.start()
    assert recorder.ask("/api/v1/locks?active=true").json == {"locks": [changed.json]}
    assert recorder.ask(path, "DELETE", **WHO).status == 204
    assert recorder.ask(path, "DELETE", **WHO).status == 204
    assert recorder.ask("/api/v1/locks?active=true").json == {"locks": []}
    (released,) = recorder.ask("/api/v1/locks?camera=stop").json["locks"]
    validate(released, "Lock")
    assert (released["active"], released["released"] is None) == (False, False)
    assert "make another one" in refused(recorder.ask(path, "PATCH", body={"reason": "x"}), 409, "lock_over")

    told = events(recorder, lock["id"])
    assert [(one["event"], one["outcome"], one["actor"]) for one in told] == [
        ("lock_made", "done", "Aldona Žukauskienė"),
        ("lock_changed", "done", "Aldona Žukauskienė"),
        ("lock_released", "done", "Aldona Žukauskienė"),
    ]
    assert (told[0]["reason"], told[0]["camera_id"], told[0]["start"]) == ("įvykis 17", "stop", lock["start"])
    assert told[0]["details"]["lock_reason"] == "Policijos prašymas 17"
    assert told[1]["details"]["changed"] == {
        "reason": ["Policijos prašymas 17", "Teismas"],
        "expires": [lock["expires"], changed.json["expires"]],
    }


def test_wrong_locks_are_refused_clearly(recording: Recorder) -> None:
    now = datetime.now(UTC)
    day = timedelta(days=1)
    for more, code in (
        ({"start": text(now), "end": text(now)}, "reversed_range"),
        ({"start": text(now - 32 * day)}, "range_too_long"),
        ({"end": text(now + 2 * day)}, "future_range"),
        ({"expires": text(now)}, "bad_expiry"),
        ({"expires": text(now + 401 * day)}, "bad_expiry"),
        ({"expires": "in May"}, "bad_time"),
        ({"start": None}, "bad_time"),
        ({"start": "9999-12-31T23:59:59-23:00"}, "bad_time"),
        ({"reason": ""}, "bad_value"),
        ({"reason": "  "}, "bad_value"),
        ({"reason": "x" * 501}, "bad_value"),
        ({"reason": "a\nb"}, "bad_value"),
        ({"reason": "\ud800"}, "bad_value"),
        ({"reason": 7}, "bad_value"),
        ({"camera_id": ["stop"]}, "bad_value"),
        ({"owner": "somebody else"}, "bad_value"),
        ({"id": "1"}, "bad_value"),
    ):
        refused(recording.ask("/api/v1/locks", "POST", body=wish(**more)), 400, code)
    for key in wish():
        body = {name: value for name, value in wish().items() if name != key}
        code = "bad_time" if key in ("start", "end", "expires") else "bad_value"
        assert key in refused(recording.ask("/api/v1/locks", "POST", body=body), 400, code)
    for camera_id in ("nobody", "../etc", "x" * 64):
        refused(recording.ask("/api/v1/locks", "POST", body=wish(camera_id=camera_id)), 404, "unknown_camera")
    for junk in (b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'"x"', b"null"):
        refused(recording.ask("/api/v1/locks", "POST", body=junk), 400, "bad_value")
    for lock_id in ("nobody", "..%2F..%2Fetc", "x" * 1_000, "%00"):
        refused(recording.ask(f"/api/v1/locks/{lock_id}"), 404, "unknown_lock")
        refused(recording.ask(f"/api/v1/locks/{lock_id}", "PATCH", body={"reason": "x"}), 404, "unknown_lock")
        refused(recording.ask(f"/api/v1/locks/{lock_id}", "DELETE"), 404, "unknown_lock")
    refused(recording.ask("/api/v1/locks?active=yes"), 400, "bad_value")
    refused(recording.ask("/api/v1/locks", "PUT"), 405, "method_not_allowed")


async def test_everybody_who_listens_is_told_of_locks(recording: Recorder) -> None:
    headers = {"Authorization": f"Bearer {recording.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recording.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(60),
    ):
        await socket.receive_json()
        made = await asyncio.to_thread(recording.ask, "/api/v1/locks", "POST", None, wish())
        path = f"/api/v1/locks/{made.json['id']}"
        await asyncio.to_thread(recording.ask, path, "DELETE")
        told: list[dict[str, Any]] = []
        while len(told) < 2:
            message = await socket.receive_json()
            if message["type"] == "lock":
                validate(message, "Event")
                told.append(message["lock"])
    assert told[0] == made.json
    assert (told[1]["active"], told[1]["id"]) == (False, made.json["id"])


# --- what is past its days --------------------------------------------------------------------------------------------

type Serve = Callable[..., Awaitable[Served]]


class Served:
    """An archive and its locks behind a server."""

    def __init__(self, archive: Archive, client: TestClient[web.Request, web.Application], data: Path) -> None:
        self.archive = archive
        self.client = client
        self.data = data
        self.auditor = Auditor(AuditLog(data))

    async def make(self, start_us: int, end_us: int, status: int = 201) -> dict[str, Any]:
        """Asks for a lock."""
        body = wish(start=utc.to_text(start_us), end=utc.to_text(end_us))
        answer = await self.client.post("/api/v1/locks", json=body)
        found: dict[str, Any] = await answer.json()
        assert answer.status == status, found
        return found

    async def records(self, event: str) -> list[Record]:
        """What the audit log says, when everything is written."""
        await asyncio.to_thread(self.auditor.log.append, "end", {})
        return list(every(self.data, Wanted(event=event)))


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serves archives over the test's directory."""
    running: list[Served] = []

    async def serve_one(days: float = 1, storage: Storage | None = None) -> Served:
        archive = Folder(tmp_path).open(days, storage)
        await archive.start()
        app = web.Application(middlewares=[problems])
        served = Served(archive, TestClient(TestServer(app)), tmp_path)
        handlers = LockHandlers(archive, HostClock(), served.auditor, Hub(), {"stop"}.__contains__)
        app.add_routes(handlers.routes())
        await served.client.start_server()
        running.append(served)
        return served

    yield serve_one
    for served in running:
        await served.client.close()
        await served.archive.stop()
        assert await served.auditor.close()


async def test_footage_past_its_days_cannot_be_locked_into_view_again(serve: Serve) -> None:
    served = await serve()
    old = now_us() - 2 * DAY
    await record(served.archive, "stop", [group(old), group(old + S)])
    problem = await served.make(old, old + S, 409)
    assert problem["code"] == "past_days"
    assert served.archive.shown("stop", Span(old, old + S)) == []
    (told,) = await served.records("lock_made")
    assert (told.content["outcome"], told.content["details"]["code"]) == ("refused", "past_days")


async def test_of_a_range_only_what_is_within_its_days_is_locked(serve: Serve) -> None:
    served = await serve()
    before = now_us()
    lock = await served.make(before - 3 * DAY, before)
    start_us = utc.parse(lock["start"])
    assert before - DAY <= start_us <= now_us() - DAY
    assert utc.parse(lock["end"]) == before
    assert served.archive.shown("stop", Span(before - 3 * DAY, start_us)) == []


async def test_footage_that_another_lock_keeps_can_be_locked_but_not_what_lies_between(serve: Serve) -> None:
    served = await serve()
    now = now_us()
    kept = Span(now - 5 * DAY, now - 4 * DAY)
    former = Lock("1", "stop", kept.start_us, kept.end_us, "Bronius", "x", now - 6 * DAY, now + DAY)
    await served.archive.put_lock(former)
    problem = await served.make(now - 5 * DAY, now, 409)
    assert "lock the others one by one" in problem["detail"]
    assert utc.to_text(kept.start_us) in problem["detail"]
    lock = await served.make(now - 6 * DAY, now - 3 * DAY)
    assert (utc.parse(lock["start"]), utc.parse(lock["end"])) == (kept.start_us, kept.end_us)


async def test_a_lock_that_has_expired_or_was_released_cannot_be_brought_back(serve: Serve) -> None:
    served = await serve()
    now = now_us()
    expired = Lock("1", "stop", now - 5 * DAY, now - 4 * DAY, "Bronius", "x", now - 6 * DAY, now - 1)
    released = Lock("2", "stop", now - 5 * DAY, now - 4 * DAY, "Bronius", "x", now - 6 * DAY, now + DAY, now - 1)
    for lock in (expired, released):
        await served.archive.put_lock(lock)
        answer = await served.client.patch(
            f"/api/v1/locks/{lock.id}", json={"expires": text(datetime.now(UTC) + timedelta(days=9))}
        )
        assert (answer.status, (await answer.json())["code"]) == (409, "lock_over")
        assert (await served.client.delete(f"/api/v1/locks/{lock.id}")).status == 204
    assert served.archive.locks() == [expired, released]
    assert served.archive.shown("stop", Span(now - 5 * DAY, now - 4 * DAY)) == []
    assert await served.records("lock_released") == []


async def test_extended_again_and_again_a_lock_ends_three_years_after_it_was_made(serve: Serve) -> None:
    served = await serve()
    now = now_us()
    made_us = now - 1_000 * DAY
    await served.archive.put_lock(Lock("1", "stop", now - 5 * DAY, now, "Bronius", "x", made_us, now + DAY))
    for days, status in ((97, 400), (95, 200)):
        expires = utc.to_text(now + days * DAY)
        answer = await served.client.patch("/api/v1/locks/1", json={"expires": expires})
        assert answer.status == status, await answer.text()


async def test_locked_footage_stays_and_released_footage_goes(serve: Serve) -> None:
    served = await serve(14)
    start = now_us() - 2 * DAY
    await record(served.archive, "stop", [group(start)])
    lock = await served.make(start, start + S)
    served.archive.use(Storage(), lambda _camera_id: 1)
    assert (await served.archive.delete_expired()).decision.expired == []
    assert served.archive.shown("stop", Span(start, start + 2 * S)) == [Span(start, start + S)]
    assert (await served.client.delete(f"/api/v1/locks/{lock['id']}")).status == 204
    assert len((await served.archive.delete_expired()).decision.expired) == 1


async def test_a_lock_that_is_just_being_made_holds_against_a_deletion_that_begins_meanwhile(serve: Serve) -> None:
    served = await serve(14, Storage(quota_bytes=1))
    start = now_us() - DAY
    await record(served.archive, "stop", [group(start)])
    making = asyncio.create_task(served.make(start, start + S))
    await until(served.archive.locks)
    outcome = await served.archive.delete_expired()
    assert outcome.decision.pressed == []
    assert (await making)["active"]


async def test_nothing_is_released_without_a_record_and_everything_can_be_locked_without(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve()
    lock = await served.make(now_us() - 10 * S, now_us())
    await served.records("lock_made")
    away = tmp_path / "away"
    (tmp_path / "audit").rename(away)
    (tmp_path / "audit").write_text("in its place")
    path = f"/api/v1/locks/{lock['id']}"
    answer = await served.client.delete(path)
    assert (answer.status, (await answer.json())["code"]) == (503, "audit_unavailable")
    assert (await (await served.client.get(path)).json())["active"]
    another = await served.make(now_us() - 10 * S, now_us())
    await until(lambda: "it is tried again" in caplog.text)
    (tmp_path / "audit").unlink()
    away.rename(tmp_path / "audit")
    assert (await served.client.delete(path)).status == 204
    assert await served.auditor.close()
    told = list(every(tmp_path, Wanted(event="lock_made")))
    assert [one.content["details"]["lock"] for one in told] == [lock["id"], another["id"]]
    done, failed = every(tmp_path, Wanted(event="lock_released"))
    assert (done.content["outcome"], done.content["details"]["lock"]) == ("done", lock["id"])
    assert (failed.content["outcome"], failed.content["details"]["code"]) == ("failed", "audit_unavailable")
    assert utc.parse(failed.content["happened"]) < done.time_us


async def test_a_disk_that_takes_no_lock_is_said_and_nothing_is_locked(serve: Serve, tmp_path: Path) -> None:
    served = await serve()
    locks = tmp_path / "archive" / "locks.jsonl"
    locks.mkdir()
    problem = await served.make(now_us() - 10 * S, now_us(), 503)
    assert problem["code"] == "lock_not_written"
    assert served.archive.locks() == []
    locks.rmdir()
    await served.make(now_us() - 10 * S, now_us())
    failed, done = await served.records("lock_made")
    assert (failed.content["outcome"], done.content["outcome"]) == ("failed", "done")


async def test_whoever_goes_away_meanwhile_has_locked_all_the_same(serve: Serve, tmp_path: Path) -> None:
    served = await serve()
    url = served.client.make_url("/api/v1/locks")
    body = json.dumps(wish(start=utc.to_text(now_us() - 10 * S))).encode()
    reader, writer = await asyncio.open_connection(url.host, url.port)
    del reader
    head = f"POST /api/v1/locks HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    await until(served.archive.locks)
    writer.close()
    await until(lambda: [*every(tmp_path, Wanted(event="lock_made"))])


async def test_one_who_releases_and_one_who_extends_at_once_do_not_undo_each_other(serve: Serve) -> None:
    served = await serve()
    for _ in range(10):
        lock = await served.make(now_us() - 10 * S, now_us())
        path = f"/api/v1/locks/{lock['id']}"
        later = text(datetime.now(UTC) + timedelta(days=200))
        patched, deleted = await asyncio.gather(
            served.client.patch(path, json={"expires": later}), served.client.delete(path)
        )
        assert deleted.status == HTTPStatus.NO_CONTENT
        assert patched.status in (HTTPStatus.OK, HTTPStatus.CONFLICT)
        assert not (await (await served.client.get(path)).json())["active"]


def test_the_document_says_what_may_be_asked(recording: Recorder) -> None:
    query = urlencode({"camera": "nobody, and never was"})
    assert recording.ask(f"/api/v1/locks?{query}").json == {"locks": []}
    validate(recording.ask("/api/v1/locks").json, "Locks")
