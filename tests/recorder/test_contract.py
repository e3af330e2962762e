"""Schemathesis asks a running recorder whatever its OpenAPI document allows, and what it forbids.

No answer is a 500, and none has a status, a type, a header or a body that the document does not name. Whether wrong
values are refused and tokens are asked for is held in test_bad_input.py, route by route: schemathesis would have
unknown headers and parameters refused, which HTTP passes over.
"""

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from safe_community_recorder.api.server import openapi_document
from tests.world import Cameras, Recorder, text, wait_until

# Values that lead somewhere: what else comes to the generator's mind it tries as what the document forbids.
_CAMERAS = ["stop", "absent"]
_AGO_S = {"@future": -3_600, "@now": 0, "@recently": 3, "@before": 8, "@earlier": 11, "@yesterday": 86_400}
_AGO_S |= {"@long ago": 20 * 86_400}
_BEGINNINGS = ["@before", "@earlier", "@recently", "@yesterday", "@long ago"]
_ENDS = ["@recently", "@now", "@future", "@before"]
_ADDRESSES = ["rtsp://127.0.0.1:9/main", "rtsp://", "http://127.0.0.1:9/\x00", "file:///etc/passwd"]
_VALUES: dict[str, list[Any]] = {
    "camera_id": _CAMERAS,
    "number": ["some-export"],
    "lock_id": ["some-lock"],
    "start": _BEGINNINGS,
    "from": _BEGINNINGS,
    "end": _ENDS,
    "to": _ENDS,
    "expires": ["@future", "@now"],
    "at": list(_AGO_S),
    "url": _ADDRESSES,
    "detect_url": [*_ADDRESSES, None],
    "eldership": ["vabalninkas"],
}
# Their streams have no end.
_ENDLESS = ("/live.ts", "/live.mp4")


def _document() -> dict[str, Any]:
    """The document, in which cameras, instants and addresses that are asked for are some that there are."""
    document = copy.deepcopy(openapi_document())
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            if parameter.get("name") in _VALUES:
                parameter["schema"] = {"enum": _VALUES[parameter["name"]]}
    bodies = json.dumps([operation.get("requestBody") for operation in operations])
    for name in set(re.findall(r"#/components/schemas/(\w+)", bodies)):
        _suggest(document["components"]["schemas"][name])
    return document


def _suggest(schema: object) -> None:
    if isinstance(schema, dict):
        for name, values in schema.get("properties", {}).items():
            if name in _VALUES:
                schema["properties"][name] = {"enum": _VALUES[name]}
            else:
                _suggest(values)
        _suggest(schema.get("items"))


@dataclass(frozen=True)
class Place:
    """A recorder whose cameras may be changed, and what tokens stand for there; the last may be deleted."""

    recorder: Recorder
    known: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Place]:
    recorder = Recorder(tmp_path_factory.mktemp("contract"))
    recorder.write_camera_file(
        [
            {"id": "stop", "url": cameras.url("stop")},
            {"id": "absent", "url": "rtsp://127.0.0.1:9/main"},
            {"id": "spare", "url": "rtsp://127.0.0.1:9/main"},
        ]
    )
    recorder.start()
    recorder.wait_for_footage("stop", 12)
    yield Place(recorder, {**_exports(recorder), **_locks(recorder)})
    failed = [entry for entry in recorder.log if entry["event"] == "request failed"]
    assert recorder.stop() == 0
    assert failed == []


def _exports(recorder: Recorder) -> dict[str, str]:
    item = {"camera_id": "stop", "start": _ago("@before"), "end": _ago("@recently")}
    order = {"items": [item], "reason": "test", "recipient": "test"}
    numbers = [recorder.ask("/api/v1/exports", "POST", body=order).json["number"] for _ in range(2)]
    wait_until(lambda: recorder.ask(f"/api/v1/exports/{numbers[0]}/package.zip").status == 200, 60)
    return {"some-export": numbers[0], "other-export": numbers[1]}


def _locks(recorder: Recorder) -> dict[str, str]:
    lock = {
        "camera_id": "stop",
        "start": _ago("@before"),
        "end": _ago("@recently"),
        "reason": "test",
        "expires": _ago("@future"),
    }
    ids = [recorder.ask("/api/v1/locks", "POST", body=lock).json["id"] for _ in range(2)]
    return {"some-lock": ids[0], "other-lock": ids[1]}


def _ago(token: str) -> str:
    return text(datetime.now(UTC) - timedelta(seconds=_AGO_S[token]))


def no_500(_context: object, response: schemathesis.Response, _case: schemathesis.Case[Any]) -> None:
    """503 and 502 are answers, too."""
    assert response.status_code not in (500, 501), response.text


# What each operation has answered.
_ANSWERED: defaultdict[str, Counter[int]] = defaultdict(Counter)
_REFUSALS = {400, 401, 403, 404, 405, 413, 422}
# One needs a WebSocket, the other names that only a playlist tells: tests of their own ask for them.
_REACHED_ELSEWHERE = {"GET /api/v1/events", "GET /api/v1/cameras/{camera_id}/hls/{file}/{bytes}.mp4"}

CHECKS: list[CheckFunction] = [
    no_500,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(_document())


@schema.parametrize()
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case[Any], place: Place) -> None:
    _make_real(case, place)
    with requests.Session() as session:
        answer = case.call(
            base_url=place.recorder.url,
            session=session,
            headers={"Authorization": f"Bearer {place.recorder.token}"},
            timeout=30,
        )
    _ANSWERED[case.operation.label][answer.status_code] += 1
    case.validate_response(answer, checks=CHECKS)


def test_the_questions_were_such_that_something_was_answered(place: Place) -> None:
    """Otherwise the test before proves nothing but that everything is refused."""
    if len(_ANSWERED) < sum(len(methods) for methods in openapi_document()["paths"].values()):
        pytest.skip(f"only part of {place.recorder.url} was asked")
    print(
        *(f"{sum(found.values()):4} {label} {dict(sorted(found.items()))}" for label, found in _ANSWERED.items()),
        sep="\n",
    )
    refused = {label for label, statuses in _ANSWERED.items() if statuses.keys() <= _REFUSALS}
    assert refused <= _REACHED_ELSEWHERE


def _make_real(case: schemathesis.Case[Any], place: Place) -> None:
    """Puts instants in, and keeps to loopback, to streams that end and to what nobody else needs."""
    case.query = _real(case.query, place)
    case.body = _real(case.body, place)
    case.path_parameters = _real(case.path_parameters, place)
    camera_id = case.path_parameters.get("camera_id")
    if camera_id == "stop" and case.path.endswith(_ENDLESS):
        case.path_parameters["camera_id"] = "absent"
    if case.method.upper() in ("PUT", "DELETE"):
        others = {"stop": "spare", "absent": "spare"}
        others |= {
            place.known[name]: place.known[name.replace("some", "other")] for name in ("some-export", "some-lock")
        }
        for name, value in case.path_parameters.items():
            if isinstance(value, str):
                case.path_parameters[name] = others.get(value, value)
    if isinstance(case.body, dict):
        if case.path.endswith("/probe") and case.body.get("camera_id") == "stop":
            case.body["camera_id"] = "absent"
        for name in ("url", "detect_url"):
            address = case.body.get(name)
            if isinstance(address, str) and address not in _ADDRESSES and urlsplit(address).netloc:
                case.body[name] = _ADDRESSES[0]


def _real(value: Any, place: Place) -> Any:
    """What tokens stand for, however deep they lie."""
    if isinstance(value, dict):
        return {name: _real(one, place) for name, one in value.items()}
    if isinstance(value, list):
        return [_real(one, place) for one in value]
    if isinstance(value, str) and value in _AGO_S:
        return _ago(value)
    return place.known.get(value, value) if isinstance(value, str) else value
