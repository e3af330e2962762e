"""What was seen, asked over HTTP: observations of one camera and of all, activity, its curve, and a corner searched."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from safe_community_recorder.archive.activity import ActivitySecond, encode
from tests.recorder.audit_logs import records
from tests.recorder.contract import refused, validate
from tests.world import Recorder, text

ABSENT = "rtsp://127.0.0.1:9/main"
DOOR = [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]
# Yesterday at noon: neither days nor tests end there.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def observation(kind: str, since_s: int, lasts_s: float, zone: str | None = None) -> dict[str, object]:
    start = NOON + timedelta(seconds=since_s)
    end = start + timedelta(seconds=lasts_s)
    return {
        "observation": kind,
        "start": text(start),
        "end": text(end),
        "score": 0.5,
        "zone": zone,
        "still": text(start),
    }


def second(number: int, *places: tuple[int, int]) -> ActivitySecond:
    blocks = np.zeros((22, 40), dtype=np.bool_)
    for row, column in places:
        blocks[row, column] = True
    return ActivitySecond(int(NOON.timestamp()) + number, float(blocks.mean()), blocks)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """A recorder whose three cameras, in two elderships, have seen something yesterday."""
    recorder = Recorder(tmp_path_factory.mktemp("seen"))
    zones = {"zones": [{"id": "door", "name": "Durys", "area": DOOR}]}
    recorder.write_camera_file(
        [
            {"id": "stop", "url": ABSENT, "paused": True, "vision": zones},
            {"id": "school", "url": ABSENT, "paused": True, "eldership": "pabirze"},
            {"id": "park", "url": ABSENT, "paused": True, "eldership": "pabirze"},
        ]
    )
    seen = {
        "stop": [observation("motion", n * 60, 9, "door") for n in range(5)] + [observation("covered", 30, 600)],
        "school": [observation("motion", n * 60 + 1, 9) for n in range(5)],
    }
    for camera_id, lines in seen.items():
        day = recorder.archive / camera_id / f"{NOON:%Y/%m/%d}"
        day.mkdir(parents=True)
        (day / "observations.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    minute = [second(n, *([(20, 3)] if n in (10, 11) else [(2, 30)] if n == 40 else [])) for n in range(60)]
    (recorder.archive / "stop" / f"{NOON:%Y/%m/%d}" / "activity.bin").write_bytes(
        b"".join(record for _, record in encode(minute))
    )
    recorder.start()
    yield recorder
    assert recorder.stop() == 0


def query(first_s: int = 0, behind_s: int = 3_600, *more: tuple[str, object]) -> str:
    start, end = NOON + timedelta(seconds=first_s), NOON + timedelta(seconds=behind_s)
    return urlencode([("start", text(start)), ("end", text(end)), *more])


def page(place: Recorder, *more: tuple[str, object], camera: str | None = None, first_s: int = 0) -> Any:
    path = "/api/v1/observations" if camera is None else f"/api/v1/cameras/{camera}/observations"
    answer = place.ask(f"{path}?{query(first_s, 3_600, *more)}")
    assert answer.status == 200, answer.body
    validate(answer.json, "Observations")
    return answer.json


def after_noon_s(found: Any) -> list[tuple[str, int]]:
    return [(one["camera_id"], at_s(one["start"])) for one in found["observations"]]


def at_s(instant: str) -> int:
    """Seconds after noon."""
    return round((datetime.fromisoformat(instant) - NOON).total_seconds())


def test_a_camera_tells_what_it_saw_the_oldest_first(place: Recorder) -> None:
    found = page(place, camera="stop")
    assert after_noon_s(found) == [("stop", each) for each in (0, 30, 60, 120, 180, 240)]
    first = found["observations"][0]
    assert (first["kind"], first["zone"], first["score"], first["lasting"], first["still"]) == (
        *("motion", "door", 0.5, False),
        None,
    )
    assert found["next"] is None
    assert after_noon_s(page(place, ("order", "newest"), ("limit", 1), camera="stop")) == [("stop", 240)]


def test_all_cameras_tell_page_by_page_the_newest_first(place: Recorder) -> None:
    told, more = list[tuple[str, int]](), list[tuple[str, object]]()
    while True:
        found = page(place, ("limit", 4), *more)
        told += after_noon_s(found)
        if found["next"] is None:
            break
        assert len(found["observations"]) == 4
        more = [("after", found["next"])]
    assert told == sorted(told, key=lambda one: -one[1])
    assert len(set(told)) == 11


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ([("kind", "covered")], 1),
        ([("kind", "covered"), ("kind", "motion")], 11),
        ([("zone", "door")], 5),
        ([("camera", "school")], 5),
        ([("camera", "school"), ("camera", "stop")], 11),
        ([("eldership", "pabirze")], 5),
        ([("eldership", "pabirze"), ("camera", "stop")], 0),
        ([("camera", "park")], 0),
    ],
)
def test_what_is_asked_for_is_told(place: Recorder, more: list[tuple[str, object]], count: int) -> None:
    assert len(page(place, *more)["observations"]) == count


def test_what_began_before_the_range_and_lasts_into_it_is_told(place: Recorder) -> None:
    assert after_noon_s(page(place, camera="stop", first_s=300)) == [("stop", 30)]


@pytest.mark.parametrize(
    ("path", "more", "status", "code"),
    [
        ("/api/v1/observations", [("kind", "person")], 400, "bad_value"),
        ("/api/v1/observations", [("order", "any")], 400, "bad_value"),
        ("/api/v1/observations", [("limit", 1_001)], 400, "bad_value"),
        ("/api/v1/observations", [("after", "x")], 400, "bad_value"),
        ("/api/v1/observations", [("zone", "Door?")], 400, "bad_value"),
        ("/api/v1/observations", [("camera", "nobody")], 404, "unknown_camera"),
        ("/api/v1/cameras/stop/activity", [("step_s", 0)], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity.png", [("width", 5_000)], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity/search", [("zone", "yard")], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity/search", [("zone", "door"), ("area", "0,0,1,0,1,1")], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity/search", [("area", "0,0,1,1,1,0,0,1")], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity/search", [("area", "0,0,1")], 400, "bad_value"),
        ("/api/v1/cameras/stop/activity/search", [("area", "0,0,1,0,2,1")], 400, "bad_value"),
        ("/api/v1/cameras/nobody/activity", [], 404, "unknown_camera"),
    ],
)
def test_wrong_questions_are_refused(
    place: Recorder, path: str, more: list[tuple[str, object]], status: int, code: str
) -> None:
    refused(place.ask(f"{path}?{query(0, 3_600, *more)}"), status, code)


def test_activity_is_told_step_by_step_and_where_nobody_looked(place: Recorder) -> None:
    answer = place.ask(f"/api/v1/cameras/stop/activity?{query(0, 120, ('step_s', 20))}").json
    validate(answer, "Activity")
    share = round(74 / 65_534, 5)
    assert answer["values"] == [share, 0, share, None, None, None]


def test_a_corner_is_searched_by_points_or_by_zone(place: Recorder) -> None:
    for more in ([("area", "0,0.5,0.5,0.5,0.5,1,0,1")], [("zone", "door")]):
        answer = place.ask(f"/api/v1/cameras/stop/activity/search?{query(0, 600, *more)}").json
        validate(answer, "ActivitySearch")
        (one,) = answer["ranges"]
        assert (at_s(one["start"]), at_s(one["end"])) == (10, 12)
    newest = [("order", "newest"), ("limit", 1)]
    first = place.ask(f"/api/v1/cameras/stop/activity/search?{query(0, 600, *newest)}").json
    assert at_s(first["ranges"][0]["start"]) == 40
    following = place.ask(
        f"/api/v1/cameras/stop/activity/search?{query(0, 600, *newest, ('after', first['next']))}"
    ).json
    assert at_s(following["ranges"][0]["start"]) == 10
    assert following["next"] is None


def test_the_curve_is_a_picture_of_the_size_that_was_asked_for(place: Recorder) -> None:
    answer = place.ask(f"/api/v1/cameras/stop/activity.png?{query(0, 600, ('width', 300), ('height', 40))}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert (int.from_bytes(answer.body[16:20]), int.from_bytes(answer.body[20:24])) == (300, 40)


def test_to_look_for_what_was_seen_anywhere_is_a_search_in_the_audit_log(place: Recorder) -> None:
    page(place, first_s=-7_200)
    told = [one for one in records(place, event="look", limit=100) if one["details"].get("of") == "observations"]
    assert any("camera_id" not in one or one["camera_id"] is None for one in told)


def test_what_is_looked_for_is_said_and_changed_over_http(place: Recorder) -> None:
    vision = {"sensitivity": 7, "zones": [{"id": "gate", "name": "Vartai", "area": DOOR}]}
    entry = {"name": "Park", "eldership": "pabirze", "paused": True, "vision": vision}
    assert place.ask("/api/v1/cameras/park", "PUT", body=entry).status == 200
    told = place.ask("/api/v1/cameras/park/entry").json
    validate(told, "CameraEntry")
    assert told["vision"] == vision
    wrong = {**entry, "vision": {"zones": [{"id": "gate", "area": DOOR[:2]}]}}
    detail = refused(place.ask("/api/v1/cameras/park", "PUT", body=wrong), 422, "bad_camera")
    assert "vision.zones[0].area: 3 to 32 points were expected" in detail
