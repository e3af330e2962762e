"""What the recorder says of its storage, its days, observations and clocks."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from tests.recorder.contract import refused, validate
from tests.world import Cameras, Recorder, last, wait_until

VILNIUS = ZoneInfo("Europe/Vilnius")


def test_the_storage_says_what_it_keeps_and_for_how_long(recording: Recorder) -> None:
    answer = recording.ask("/api/v1/storage")
    validate(answer.json, "Storage")
    assert (answer.json["state"], answer.json["problem"]) == ("ok", None)
    wait_until(lambda: len(recording.ask("/api/v1/storage").json["retention"]) >= 2, 30)
    storage = recording.ask("/api/v1/storage").json
    assert storage["disk_bytes"] >= storage["allowed_bytes"] > 0
    assert storage["lost_groups"] == 0
    assert {entry["camera_id"] for entry in storage["retention"]} >= {"stop", "school"}
    assert all(entry["met"] and entry["wanted_days"] == 14 for entry in storage["retention"])
    stop = next(entry for entry in storage["retention"] if entry["camera_id"] == "stop")
    assert storage["oldest"] <= stop["oldest"] < datetime.now(UTC).isoformat()
    # The second in which a camera begins is missing.
    assert 0 < stop["recorded_percent"] <= 100
    assert 0 <= storage["lost_today_s"] < 24 * 3_600 * len(storage["retention"])


def test_the_rate_of_writing_is_told_once_it_is_known(recording: Recorder) -> None:
    def rate() -> int | None:
        told: int | None = recording.ask("/api/v1/storage").json["write_bps"]
        return told

    assert 10_000 < (wait_until(rate, 90) or 0) < 1_000_000_000


def test_elderships_are_told_also_without_a_camera(recording: Recorder) -> None:
    answer = recording.ask("/api/v1/elderships")
    validate(answer.json, "Elderships")
    assert {one["id"] for one in answer.json["elderships"]} == {"vabalninkas", "pabirze"}


def test_a_day_says_how_much_of_it_was_recorded(recording: Recorder) -> None:
    today = datetime.now(VILNIUS).date()
    query = urlencode({"first": today - timedelta(days=1), "last": today})
    answer = recording.ask(f"/api/v1/cameras/stop/days?{query}").json
    validate(answer, "Days")
    assert answer["time_zone"] == "Europe/Vilnius"
    now = answer["days"][-1]
    assert now["date"] == today.isoformat()
    assert now["recorded_s"] >= 6
    passed_s = (datetime.now(UTC) - datetime.fromisoformat(now["start"])).total_seconds()
    assert now["recorded_percent"] == pytest.approx(100 * now["recorded_s"] / passed_s, abs=0.5)
    assert now["size_bytes"] > 10_000
    tomorrow = today + timedelta(days=1)
    query = urlencode({"first": tomorrow, "last": tomorrow, "time_zone": "Europe/Riga"})
    (day,) = recording.ask(f"/api/v1/cameras/stop/days?{query}").json["days"]
    assert (day["recorded_s"], day["recorded_percent"]) == (0, None)


def test_days_of_23_and_25_hours_are_told_as_such(recording: Recorder) -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)):
        query = urlencode({"first": day, "last": day, "time_zone": "Europe/Riga"})
        (told,) = recording.ask(f"/api/v1/cameras/stop/days?{query}").json["days"]
        lasts = datetime.fromisoformat(told["end"]) - datetime.fromisoformat(told["start"])
        assert lasts == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"first": "2026-11-22"}, "bad_time"),
        ({"first": "2026-11-22", "last": "22.11.2026"}, "bad_time"),
        ({"first": "2026-W47-1", "last": "2026-11-22"}, "bad_time"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "bad_time"),
        ({"first": "2026-11-22", "last": "2026-11-21"}, "reversed_range"),
        ({"first": "2026-01-01", "last": "2026-11-22"}, "range_too_long"),
        ({"first": "2026-11-22", "last": "2026-11-22", "time_zone": "Europe/Biržai"}, "bad_value"),
        ({"first": "2026-11-22", "last": "2026-11-22", "time_zone": "../../etc/passwd"}, "bad_value"),
        ({"first": "2026-11-22", "last": "2026-11-22", "time_zone": "\x00"}, "bad_value"),
        ({"first": "2026-11-22", "last": "2026-11-22", "time_zone": ""}, "bad_value"),
    ],
)
def test_wrong_days_are_refused_clearly(recording: Recorder, query: dict[str, str], code: str) -> None:
    refused(recording.ask(f"/api/v1/cameras/stop/days?{urlencode(query)}"), 400, code)


def test_unknown_cameras_have_no_days(recording: Recorder) -> None:
    for resource in ("days?first=2026-11-22&last=2026-11-22", f"observations?{last(timedelta(hours=1))}"):
        refused(recording.ask(f"/api/v1/cameras/nobody/{resource}"), 404, "unknown_camera")


def test_motion_is_kept_as_an_observation(recording: Recorder, cameras: Cameras) -> None:
    recording.wait_for_footage("stop", 26)

    def observed() -> list[dict[str, str]]:
        if not recording.camera("stop")["motion"]:
            cameras.move("stop", seconds=3)
        answer = recording.ask(f"/api/v1/cameras/stop/observations?{last(timedelta(hours=1))}").json
        validate(answer, "Observations")
        return list(answer["observations"])

    seen = wait_until(observed, 60, 2)
    assert seen[0]["kind"] == "motion"
    assert seen[0]["start"] < seen[0]["end"]


def test_while_the_clocks_are_quiet_there_is_nothing_to_tell_of_them(recording: Recorder) -> None:
    answer = recording.ask(f"/api/v1/cameras/stop/clock-events?{last(timedelta(hours=1))}").json
    validate(answer, "ClockEvents")
    assert answer["clock_events"] == []


def test_footage_is_dated_by_the_cameras_own_reports(recorder: Recorder, cameras: Cameras) -> None:
    """The simulated cameras send RTCP sender reports, as most real ones do."""
    recorder.options = ("--file-seconds", "2")
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 12)
    rows = recorder.ask(f"/api/v1/cameras/stop/recordings?{last(timedelta(hours=1))}").json["recordings"]
    # The first file begins before the first report has come.
    assert {row["clock"] for row in rows[2:]} == {"sender_report"}
