"""Every route of the document, asked rightly and wrongly: which record it leaves stands in docs/audit-log.md."""

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from safe_community_recorder.api.server import openapi_document
from tests.recorder.audit_logs import a_clip, records
from tests.world import ROOT, Answer, Cameras, Recorder, text, wait_until

CAMERA = "/api/v1/cameras/{camera_id}"
OPERATIONS = frozenset(
    f"{method.upper()} {path}" for path, methods in openapi_document()["paths"].items() for method in methods
)
# By these nothing can be asked wrongly: they take nothing, and who has no token is in the log as unknown.
TAKE_NOTHING = frozenset(
    {
        "GET /health",
        "GET /openapi.json",
        "GET /api/v1/info",
        "GET /api/v1/cameras",
        "GET /api/v1/elderships",
        "GET /api/v1/storage",
    }
)


def in_the_table() -> dict[str, set[tuple[str, ...]]]:
    """Each operation of the table with the records that it may leave: the event and, of a look, its kind."""
    page = (ROOT / "docs" / "audit-log.md").read_text()
    table = page.partition("## Which request leaves which record")[2].partition("\n## ")[0]
    told: dict[str, set[tuple[str, ...]]] = {}
    for line in table.splitlines():
        _, records_told, requests, *_ = [*line.split("|"), "", ""]
        for operation in re.findall(r"`([A-Z]+ /[^`]*)`", requests):
            assert operation not in told, operation
            told[operation] = {tuple(re.findall(r"`(\w+)`", one)) for one in records_told.split(", or ")} - {()}
    return told


TOLD = in_the_table()


def send(
    recorder: Recorder,
    operation: str,
    actor: str,
    query: str = "",
    body: object = None,
    more: Mapping[str, str] | None = None,
    **names: str,
) -> Answer:
    """One request of this person; of a stream that has no end, only its beginning is taken."""
    method, _, pattern = operation.partition(" ")
    path = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], pattern)
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=60)
    headers = {"Authorization": f"Bearer {recorder.token}", "Safe-Community-Actor": quote(actor), **(more or {})}
    try:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection.request(method, f"{path}?{query}" if query else path, data, headers)
        answer = connection.getresponse()
        content = answer.read(100) if pattern.endswith(("/live.ts", "/live.mp4")) else answer.read()
        return Answer(answer.status, dict(answer.headers), content)
    finally:
        connection.close()


def by(recorder: Recorder, actor: str) -> list[dict[str, Any]]:
    """What the log says of a person."""
    return records(recorder, actor=actor, limit=1_000)


def told_of(recorder: Recorder, actor: str) -> list[dict[str, Any]]:
    """The same, as soon as it says something."""
    return wait_until(lambda: by(recorder, actor), timeout_s=60)


def asked_rightly(recorder: Recorder, cameras: Cameras) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with what `send` needs, in an order in which all can be done."""
    clip = a_clip(recorder)
    now, today = datetime.now(UTC), datetime.now(UTC).date().isoformat()
    stop = {"camera_id": "stop"}
    for name in ("clip", "strip", "recordings", "timeline", "observations", "clock-events", "activity", "activity.png"):
        yield f"GET {CAMERA}/{name}", {**stop, "query": clip}
    yield f"GET {CAMERA}/activity/search", {**stop, "query": f"{clip}&area=0,0,1,0,1,1"}
    yield "GET /api/v1/observations", {"query": clip}
    yield f"GET {CAMERA}/days", {**stop, "query": urlencode({"first": today, "last": today})}
    for name in ("clip.mp4", "timelapse.mp4"):
        yield f"GET {CAMERA}/{name}", {**stop, "query": clip}
        yield f"HEAD {CAMERA}/{name}", {**stop, "query": clip}
    for name in ("strip.jpg", "hls/recorded.m3u8"):
        yield f"GET {CAMERA}/{name}", {**stop, "query": clip}
    for name in ("snapshot.jpg", "live.ts", "live.mp4", "hls/live.m3u8", "entry"):
        yield f"GET {CAMERA}/{name}", stop
    playlist = recorder.ask(f"/api/v1/cameras/stop/hls/recorded.m3u8?{clip}").body.decode()
    file, _, piece = next(line for line in playlist.splitlines() if ".mp4" in line and "#" not in line).partition("/")
    names = {"file": file, "bytes": piece.partition(".")[0]}
    yield f"GET {CAMERA}/hls/{{file}}/{{bytes}}.mp4", {**stop, **names}
    yield f"POST {CAMERA}/live-tickets", stop
    yield f"POST {CAMERA}/hls/tickets", {**stop, "query": clip}

    entry = {"name": "New", "eldership": "pabirze", "url": cameras.url("school"), "paused": True}
    yield f"PUT {CAMERA}", {"camera_id": "new", "body": entry}
    yield f"PATCH {CAMERA}", {"camera_id": "new", "body": {"paused": None, "name": "Newer"}}
    yield f"GET {CAMERA}", {"camera_id": "new"}
    yield f"DELETE {CAMERA}", {"camera_id": "new"}
    yield "POST /api/v1/probe", {"body": {"camera_id": "stop"}}

    start, end = text(now - timedelta(minutes=1)), text(now)
    lock = {"camera_id": "stop", "start": start, "end": end, "reason": "17", "expires": text(now + timedelta(days=9))}
    yield "POST /api/v1/locks", {"body": lock}
    lock_id = recorder.ask("/api/v1/locks").json["locks"][-1]["id"]
    yield "GET /api/v1/locks", {}
    yield "GET /api/v1/locks/{lock_id}", {"lock_id": lock_id}
    yield "PATCH /api/v1/locks/{lock_id}", {"lock_id": lock_id, "body": {"reason": "18"}}
    yield "DELETE /api/v1/locks/{lock_id}", {"lock_id": lock_id}

    item = dict(zip(("camera_id", "start", "end"), ("stop", start, end), strict=True))
    yield "POST /api/v1/exports", {"body": {"items": [item], "reason": "17", "recipient": "Biržų PK"}}
    number = recorder.ask("/api/v1/exports").json["exports"][0]["number"]
    wait_until(lambda: recorder.ask(f"/api/v1/exports/{number}").json["package"], timeout_s=60)
    yield "GET /api/v1/exports", {}
    for operation in ("GET {}", "GET {}/package.zip", "HEAD {}/package.zip", "DELETE {}"):
        yield operation.format("/api/v1/exports/{number}"), {"number": number}

    yield "GET /api/v1/audit", {}
    yield "GET /api/v1/audit.csv", {}
    yield "POST /api/v1/audit", {"body": {"event": "access_refused", "action": "live"}}
    for operation in TAKE_NOTHING:
        yield operation, {}
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    yield "GET /api/v1/events", {"more": {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}}


def test_the_table_tells_of_every_route() -> None:
    assert TOLD.keys() == OPERATIONS


def test_what_is_done_leaves_the_record_that_the_table_tells_and_no_other(audited: Recorder, cameras: Cameras) -> None:
    done: dict[str, dict[str, Any]] = {}
    for operation, how in asked_rightly(audited, cameras):
        answer = send(audited, operation, operation, **how)
        assert 101 <= answer.status < 300, (operation, answer.status, answer.body[:300])
        done[operation] = how
    assert done.keys() == OPERATIONS
    for operation, how in done.items():
        found = told_of(audited, operation) if TOLD[operation] else by(audited, operation)
        # A package is made in the name of whoever asked for it.
        found = [record for record in found if record["event"] not in ("export_done", "lock_made") or len(found) == 1]
        told = [(record["event"], *filter(None, [record["details"].get("kind")])) for record in found]
        assert bool(told) == bool(TOLD[operation]), operation
        assert len(told) <= 1, (operation, told)
        assert {one[: len(next(iter(TOLD[operation])))] for one in told} <= TOLD[operation], operation
        for record in found:
            refused = operation == "POST /api/v1/audit"
            assert record["outcome"] == ("refused" if refused else "done"), operation
            assert record["camera_id"] == how.get("camera_id", record["camera_id"]), operation
            if "start=" in how.get("query", ""):
                assert record["start"], operation
                assert record["end"], operation


WRONG: Mapping[str, tuple[str, object]] = {
    "GET /api/v1/exports": ("limit=x", None),
    "GET /api/v1/locks": ("active=x", None),
    "GET /api/v1/observations": ("limit=x", None),
    "GET /api/v1/audit": ("limit=x", None),
    "GET /api/v1/audit.csv": ("from=x", None),
    "POST /api/v1/exports": ("", b"{"),
    "POST /api/v1/locks": ("", b"{"),
    "POST /api/v1/probe": ("", b"{"),
    "POST /api/v1/audit": ("", b"{"),
    "GET /api/v1/events": ("", None),
}
NOBODY: Mapping[str, Any] = {
    "camera_id": "nobody",
    "number": "2099-0001",
    "lock_id": "nobody",
    "file": "x",
    "bytes": "x",
}


@pytest.mark.parametrize("operation", sorted(OPERATIONS - TAKE_NOTHING))
def test_what_is_refused_is_recorded_with_who_asked(audited: Recorder, operation: str) -> None:
    query, body = WRONG.get(operation, ("", b"{}" if operation.startswith("P") else None))
    actor = f"Wrong: {operation}"
    answer = send(audited, operation, actor, query, body, **NOBODY)
    assert 400 <= answer.status < 500, answer.body
    (record,) = told_of(audited, actor)
    assert record["outcome"] in ("refused", "failed")
    method, _, pattern = operation.partition(" ")
    if record["event"] == "request_refused":
        details = record["details"]
        assert (details["method"], details["resource"], details["count"]) == (method, pattern, 1)
        assert record["camera_id"] == ("nobody" if "{camera_id}" in pattern else None)
