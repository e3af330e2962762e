"""Still pictures and strips of a running recorder."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from demo import timecode
from safe_community_recorder import utc
from tests.recorder.archives import Folder, S, group, now_us
from tests.recorder.contract import refused, validate
from tests.recorder.jpegs import is_hatched, open_archive, shown
from tests.world import Recorder, last, text, wait_until


def camera_path(what: str, **query: object) -> str:
    return f"/api/v1/cameras/stop/{what}?{urlencode(query)}"


def span_of(recorder: Recorder) -> tuple[datetime, datetime]:
    """The newest recorded span of the camera."""
    span = recorder.timeline("stop")["spans"][-1]
    return datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])


def test_the_right_picture_shows_of_footage_that_is_being_written(recording: Recorder) -> None:
    start, end = span_of(recording)
    for part in (0.0, 0.3, 0.5, 0.9, 1.0):
        at = start + (end - start) * part
        answer = recording.ask(camera_path("snapshot.jpg", at=text(at), width=640))
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
        told = datetime.fromisoformat(answer.headers["X-Picture-Time"])
        assert timedelta(0) <= at - told < timedelta(seconds=4)
        written = timecode.read(shown(answer.body))
        assert abs(written - told) < timedelta(seconds=1)


def test_a_picture_that_is_known_is_not_sent_again(recording: Recorder) -> None:
    start, _ = span_of(recording)
    for path in (
        camera_path("snapshot.jpg", at=text(start), width=320),
        camera_path("strip.jpg", start=text(start), end=text(start + timedelta(seconds=4)), count=2),
    ):
        answer = recording.ask(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = recording.ask(path, If_None_Match=f'"other", W/{answer.headers["ETag"]}')
        assert (again.status, again.body) == (304, b"")
        assert recording.ask(path, If_None_Match='"other"').body == answer.body


def test_a_strip_shows_the_pictures_that_its_description_names(recording: Recorder) -> None:
    start, end = span_of(recording)
    query = {"start": text(start), "end": text(end), "count": 5, "columns": 3, "width": 320}
    described = recording.ask(camera_path("strip", **query))
    validate(described.json, "Strip")
    tiles, wide, high = described.json["tiles"], described.json["tile_width"], described.json["tile_height"]
    assert (described.json["columns"], wide, high, len(tiles)) == (3, 320, 180, 5)
    assert tiles[0]["start"] == described.json["start"]
    assert tiles[-1]["end"] == described.json["end"]
    luma = shown(recording.ask(described.json["path"]).body)
    assert luma.shape == (2 * high, 3 * wide)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 3)
        written = timecode.read(luma[row * high : (row + 1) * high, column * wide : (column + 1) * wide])
        assert abs(written - datetime.fromisoformat(tile["picture"])) < timedelta(seconds=1)
        assert (tile["cause"], tile["missing_s"]) == (None, 0)


def test_many_who_look_at_once_all_see_it(recording: Recorder) -> None:
    start, end = span_of(recording)
    path = camera_path("strip.jpg", start=text(start), end=text(end), count=12, width=320)
    snapshots = [camera_path("snapshot.jpg", at=text(start), width=640), camera_path("snapshot.jpg", width=320)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(recording.ask, [path, *snapshots] * 12))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers[::3]}) == 1


def test_where_there_is_no_picture_the_answer_says_why(recording: Recorder) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=15)
    detail = refused(recording.ask(camera_path("snapshot.jpg", at=text(old))), 404, "no_footage")
    assert "past its days" in detail
    detail = refused(recording.ask(camera_path("snapshot.jpg", at=text(now - timedelta(days=2)))), 404, "no_footage")
    assert "within 10 s" in detail
    refused(recording.ask(camera_path("snapshot.jpg", at=text(now + timedelta(hours=1)))), 400, "future_range")
    for wrong in ("", "now", "2026-11-22T06:54:49", "9" * 4_000):
        refused(recording.ask(camera_path("snapshot.jpg", at=wrong)), 400, "bad_time")
    wait_until(lambda: recording.timeline("locked")["gaps"])
    moment = datetime.now(UTC)
    answer = recording.ask(f"/api/v1/cameras/locked/snapshot.jpg?{urlencode({'at': text(moment)})}")
    assert "authentication_refused" in refused(answer, 404, "no_footage")
    assert answer.json["cause"] == "authentication_refused"
    strip = recording.ask(f"/api/v1/cameras/locked/strip?{last(timedelta(minutes=1))}").json
    assert {tile["picture"] for tile in strip["tiles"]} == {None}
    assert "authentication_refused" in {tile["cause"] for tile in strip["tiles"]}
    assert is_hatched(shown(recording.ask(strip["path"]).body)[:90, :160])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"count": 0}, "bad_value"),
        ({"count": 49}, "bad_value"),
        ({"count": "many"}, "bad_value"),
        ({"columns": 0}, "bad_value"),
        ({"width": 15}, "bad_value"),
        ({"width": 1_281}, "bad_value"),
        ({"width": 640, "count": 48}, "bad_value"),
        ({"start": "2026-01-01T00:00:00Z"}, "range_too_long"),
    ],
)
@pytest.mark.parametrize("what", ["strip", "strip.jpg"])
def test_wrong_strips_are_refused_clearly(recording: Recorder, what: str, query: dict[str, object], code: str) -> None:
    now = datetime.now(UTC)
    asked = {"start": text(now - timedelta(minutes=1)), "end": text(now), **query}
    refused(recording.ask(camera_path(what, **asked)), 400, code)


def looks(recorder: Recorder, actor: str) -> list[dict[str, Any]]:
    """What the audit log says of somebody's looks."""
    paths = sorted((recorder.directory / "data").glob("audit*.jsonl")) + sorted(
        (recorder.directory / "data" / "audit").glob("*.jsonl")
    )
    records = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return [one for one in records if one["event"] == "look" and one.get("actor") == actor]


def test_every_look_leaves_a_trace(recording: Recorder) -> None:
    start, end = span_of(recording)
    who = {"Safe_Community_Actor": "Ona%20Onait%C4%97", "Safe_Community_Reason": "incident%2012"}
    instant, long_ago = text(start), datetime.now(UTC) - timedelta(days=20)
    old, old_end = text(long_ago), text(long_ago + timedelta(minutes=1))
    for _ in range(3):
        assert recording.ask(camera_path("snapshot.jpg"), **who).status == 200
        assert recording.ask(camera_path("snapshot.jpg", at=instant), **who).status == 200
        assert recording.ask(camera_path("strip.jpg", start=instant, end=text(end)), **who).status == 200
        assert recording.ask(camera_path("snapshot.jpg", at=old), **who).status == 404
        assert is_hatched(shown(recording.ask(camera_path("strip.jpg", start=old, end=old_end), **who).body)[:90, :160])
    noted = looks(recording, "Ona Onaitė")
    assert [(one["details"]["kind"], "start" in one, one["outcome"]) for one in noted] == [
        ("snapshot", False, "done"),
        ("snapshot", True, "done"),
        ("strip", True, "done"),
        ("snapshot", True, "refused"),
        ("strip", True, "refused"),
    ]
    assert {(one["camera_id"], one["reason"]) for one in noted} == {("stop", "incident 12")}
    assert noted[1]["start"] == utc.to_text(utc.parse(instant))


def test_footage_past_its_days_is_not_even_known_to_be_unchanged(recorder: Recorder) -> None:
    """Not from memory, and not by 304 from a browser's memory either."""
    start_us = now_us() - 2 * 3_600 * S
    data = recorder.directory / "data"
    data.mkdir()
    asyncio.run(recorded(Folder(data), start_us))
    recorder.write_camera_file([{"id": "stop", "url": "rtsp://127.0.0.1:9/main"}])
    recorder.start()
    start, end = utc.to_text(start_us), utc.to_text(start_us + S)
    paths = camera_path("snapshot.jpg", at=start), camera_path("strip.jpg", start=start, end=end, count=1)
    snapshot, strip = (recorder.ask(path) for path in paths)
    assert (snapshot.status, strip.status) == (200, 200)
    assert recorder.ask(paths[0], If_None_Match=snapshot.headers["ETag"]).status == 304
    recorder.write_camera_file([{"id": "stop", "url": "rtsp://127.0.0.1:9/main", "retention_days": 0.05}])
    wait_until(lambda: recorder.ask(paths[0]).status == 404, 60)
    refused(recorder.ask(paths[0], If_None_Match=snapshot.headers["ETag"]), 404, "no_footage")
    answer = recorder.ask(paths[1], If_None_Match=strip.headers["ETag"])
    assert answer.status == 200
    assert is_hatched(shown(answer.body))


async def recorded(folder: Folder, start_us: int) -> None:
    """Leaves a group in an archive."""
    archive = await open_archive(folder, [group(start_us)])
    await archive.stop()
