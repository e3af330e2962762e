"""Every route of a running recorder, asked wrongly in every way we know: a clear refusal, never a failure."""

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from safe_community_recorder.api.server import openapi_document
from tests.recorder.contract import validate
from tests.world import Answer, Recorder, text

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
_LONG = "x" * 10_000
# What a parameter of a path is where the route itself is meant.
_NAMES = {"camera_id": "stop", "number": "2026-0001", "lock_id": "none", "file": "none", "bytes": "100-200"}
_TRICKS = (
    "nobody",
    "STOP",
    "stop%00",
    "%00",
    "stop%2F",
    "..",
    "%2e%2e",
    "%2E%2E%2Fstop",
    "..%2F..%2F..%2Fetc%2Fpasswd",
    "%252e%252e%252fetc",
    "stop%0d%0aSet-Cookie:%20a=b",
    "%c3%28",
    "%ff",
    "%",
    quote("žibintas"),
    "%20stop",
    "-",
    "*",
    "'%20or%201=1--",
    _LONG[:4_000],
)
_VALUES = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "",
    "-1",
    "0",
    "1e9",
    "9" * 400,
    "²",
    "%00",
    "\x00",
    "\ud7ff",
    "[]",
    "{}",
    "null",
    "../../etc/passwd",
    _LONG,
)

_DOCUMENT = openapi_document()
_SHARED = {
    f"#/components/parameters/{name}": one for name, one in _DOCUMENT["components"].get("parameters", {}).items()
}


@dataclass(frozen=True)
class Route:
    """An operation of the document."""

    method: str
    path: str
    operation: Mapping[str, Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of its query's parameters."""
        return self._named("query")

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of its headers."""
        return self._named("header")

    def _named(self, place: str) -> tuple[str, ...]:
        told = (_SHARED.get(one.get("$ref"), one) for one in self.operation.get("parameters", ()))
        return tuple(one["name"] for one in told if one["in"] == place)

    def at(self, **names: str) -> str:
        """Its address. Of what has no end, and of what would change something, there is no such camera."""
        known = dict(_NAMES)
        if self.method in ("PUT", "PATCH", "DELETE") or self.path.endswith(("/live.ts", "/live.mp4")):
            known["camera_id"] = "new"
        return re.sub(r"\{(\w+)\}", lambda match: {**known, **names}[match[1]], self.path)


ROUTES = [
    Route(method.upper(), path, operation)
    for path, methods in _DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
each_route = pytest.mark.parametrize("route", ROUTES, ids=str)


def those(wanted: Callable[[Route], bool]) -> pytest.MarkDecorator:
    chosen = [route for route in ROUTES if wanted(route)]
    assert chosen
    return pytest.mark.parametrize("route", chosen, ids=str)


def send(
    recorder: Recorder,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    token: bool = True,
) -> Answer:
    """One request whose target travels exactly as it is written here."""
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=30)
    try:
        own = {"Authorization": f"Bearer {recorder.token}"} if token else {}
        connection.putrequest(method, target)
        for name, value in {**own, **(headers or {})}.items():
            connection.putheader(name, value.encode())
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read())
    finally:
        connection.close()


def refusal(answer: Answer, method: str = "GET") -> str:
    """Checks that an answer refuses, with a reason for people and programs; its code."""
    assert 400 <= answer.status < 500, (answer.status, answer.body[:300])
    if method == "HEAD":
        return ""
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json", answer.body[:300]
    validate(answer.json, "Problem")
    assert len(answer.json["detail"]) < 1_000
    assert "Traceback" not in answer.json["detail"]
    code: str = answer.json["code"]
    return code


@pytest.fixture(autouse=True, scope="module")
def _nothing_fails(recording: Recorder) -> Iterator[None]:
    yield
    assert [
        entry for entry in recording.log if entry["event"] == "request failed" or "aiohttp" in entry["logger"]
    ] == []
    assert recording.ask("/health").json["status"] == "ok"


@those(lambda route: {"start", "end"} <= set(route.queries))
def test_wrong_ranges_are_refused_with_their_reason(recording: Recorder, route: Route) -> None:
    now = datetime.now(UTC)
    then, soon = now - timedelta(seconds=10), now + timedelta(days=2)
    malformed = ["", "now", "0", "2026-11-22", "2026-11-22T06:54:49", "2026-13-01T00:00:00Z", "2026-11-22T25:00:00Z"]
    malformed += [
        "2026-11-22T06:54:49Z\x00",
        "٢٠٢٦-١١-٢٢T06:54:49Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "NaN",
        _LONG[:4_000],
    ]
    cases = [("bad_time", {"start": wrong, "end": text(now)}) for wrong in malformed]
    cases += [("bad_time", {"start": text(then), "end": wrong}) for wrong in malformed]
    cases += [
        ("bad_time", {}),
        ("bad_time", {"start": text(then)}),
        ("bad_time", {"end": text(now)}),
        ("reversed_range", {"start": text(now), "end": text(then)}),
        ("reversed_range", {"start": text(then), "end": text(then)}),
        ("range_too_long", {"start": "1970-01-01T00:00:00Z", "end": text(now)}),
        ("future_range", {"start": text(soon), "end": text(soon + timedelta(seconds=1))}),
    ]
    for expected, query in cases:
        answer = send(recording, route.method, f"{route.at()}?{urlencode(query)}")
        assert answer.status == 400, query
        assert refusal(answer, route.method) in ("", expected), query


@those(lambda route: {"start", "end"} <= set(route.queries))
def test_of_what_is_past_its_days_nothing_comes(recording: Recorder, route: Route) -> None:
    start = datetime.now(UTC) - timedelta(days=15)
    query = urlencode({"start": text(start), "end": text(start + timedelta(seconds=9))})
    answer = send(recording, route.method, f"{route.at()}?{query}")
    if answer.status not in (200, 201):
        assert answer.status == 404
        assert refusal(answer, route.method) in ("", "no_footage")
    elif answer.headers["Content-Type"].startswith("application/json"):
        assert {one["picture"] for one in answer.json.get("tiles", ())} <= {None}
        assert not answer.json.get("spans")
        assert not answer.json.get("recordings")


@those(lambda route: "{" in route.path)
def test_no_name_in_a_path_leads_elsewhere(recording: Recorder, route: Route) -> None:
    now = datetime.now(UTC)
    day = {"first": now.date().isoformat(), "last": now.date().isoformat()}
    asked = {"start": text(now - timedelta(seconds=10)), "end": text(now), **day}
    query = urlencode({name: value for name, value in asked.items() if name in route.queries})
    body = b"{}" if route.operation.get("requestBody") else None
    for name in re.findall(r"\{(\w+)\}", route.path):
        for trick in _TRICKS:
            answer = send(recording, route.method, f"{route.at(**{name: trick})}?{query}", body=body)
            assert refusal(answer, route.method) not in ("unauthorized", "internal"), trick
            assert "Set-Cookie" not in answer.headers
            assert b"root:" not in answer.body


@each_route
def test_addresses_that_only_look_like_a_route_are_none(recording: Recorder, route: Route) -> None:
    path = route.at()
    for target in (
        f"/{path}",
        f"{path}/",
        f"{path}//",
        path.replace("/", "//"),
        f"/x/..{path}",
        f"{path}%00",
        f"{path}/.",
    ):
        answer = send(recording, route.method, target)
        refusal(answer, route.method)
        # Not even the routes that need no token are there.
        assert refusal(send(recording, route.method, target, token=False), route.method) in ("", "unauthorized")


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_methods_that_a_route_has_not_are_refused_with_those_it_has(recording: Recorder, path: str) -> None:
    routes = [route for route in ROUTES if route.path == path]
    for method in _METHODS:
        if method in {route.method for route in routes}:
            continue
        answer = send(recording, method, routes[0].at())
        assert answer.status == 405, method
        assert refusal(answer, method) in ("", "method_not_allowed")
        allowed = {one.strip() for one in answer.headers["Allow"].split(",")}
        assert allowed == {route.method for route in routes}


@those(lambda route: route.path.startswith("/api/"))
def test_without_the_right_token_nothing_is_told(recording: Recorder, route: Route) -> None:
    token = recording.token
    wrong = ["", "Bearer", "Bearer ", f"Bearer {token[:-1]}", f"Bearer {token} ", f"Bearer {token}x", f"Basic {token}"]
    wrong += [token, f"Bearer\t{token}", "Bearer ž", f"Bearer {_LONG[:7_000]}", f"Bearer {token},Bearer {token}"]
    for value in wrong:
        if value.strip() == f"Bearer {token}":
            continue
        answer = send(recording, route.method, route.at(), {"Authorization": value}, token=False)
        assert answer.status == 401, value
        assert refusal(answer, route.method) in ("", "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert token not in answer.body.decode()


@those(lambda route: bool(route.queries))
def test_values_of_any_length_and_sort_are_refused_or_change_nothing(recording: Recorder, route: Route) -> None:
    now = datetime.now(UTC)
    day = now.date().isoformat()
    right = {"start": text(now - timedelta(seconds=10)), "end": text(now), "first": day, "last": day}
    asked = {name: value for name, value in right.items() if name in route.queries}
    for name in route.queries:
        for value in _VALUES:
            answer = send(recording, route.method, f"{route.at()}?{urlencode({**asked, name: value})}")
            if answer.status != 503 and answer.status >= 400:
                refusal(answer, route.method)
    doubled = "&".join(f"{name}={quote(value)}" for name, value in asked.items() for _ in range(2))
    assert send(recording, route.method, f"{route.at()}?{doubled}&{'&' * 500}&x={_LONG[:3_000]}").status != 500


@each_route
def test_headers_of_any_length_and_sort_break_nothing(recording: Recorder, route: Route) -> None:
    now = datetime.now(UTC)
    query = urlencode({"start": text(now - timedelta(seconds=10)), "end": text(now)})
    names = {*route.headers, "Range", "If-None-Match", "If-Range", "Safe-Community-Actor", "Safe-Community-Reason"}
    values = (
        "",
        "bytes=",
        "bytes=9-1",
        "bytes=-0",
        f"bytes={'9' * 30}-",
        "bytes=0-0,2-3",
        "W/",
        '"',
        "%",
        "%00",
        "ž",
        ",",
    )
    for name in sorted(names):
        for value in (*values, ",".join(["bytes=0-0"] * 500), _LONG):
            answer = send(recording, route.method, f"{route.at()}?{query}", {name: value})
            if answer.status != 503 and answer.status >= 400:
                refusal(answer, route.method)


@those(lambda route: "requestBody" in route.operation)
def test_bodies_that_make_no_sense_are_refused(recording: Recorder, route: Route) -> None:
    bodies = [b"", b"{", b"null", b"[]", b'"text"', b"1e999", b"NaN", b"\x00", b"\xff\xfe{}", b"[" * 100_000]
    bodies += [b'{"a":' * 5_000 + b"1" + b"}" * 5_000, json.dumps({"x": _LONG}).encode(), b'{"url": "' + b"x" * 900_000]
    bodies += [
        b"{}",
        b'{"camera_id": {}}',
        b'{"url": 5}',
        b'{"url": "\\ud800"}',
        b'{"reason": "\\u0000"}',
        b"x" * 3_000_000,
    ]
    for body in bodies:
        answer = send(recording, route.method, route.at(), {"Content-Type": "application/json"}, body)
        assert str(answer.status) in route.operation["responses"], (body[:40], answer.status, answer.body[:200])
        refusal(answer)


@each_route
def test_a_request_line_that_is_far_too_long_is_refused(recording: Recorder, route: Route) -> None:
    # Up to 32 KiB the answer says what was expected; what is longer is no HTTP request to the server.
    refusal(send(recording, route.method, f"{route.at()}{_LONG}"), route.method)
    for target in (f"{route.at()}?x={_LONG * 4}", f"{route.at()}{_LONG * 4}"):
        answer = send(recording, route.method, target)
        assert answer.status == 400
        assert b"Traceback" not in answer.body
