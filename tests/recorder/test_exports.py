"""Evidence packages of a real recorder, from asking to verifying, with others' tools and under bad luck."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest

from safe_community_recorder import utc
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.archive.retention import Storage, allowed_bytes
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.video import length_prefixed
from tests.faults.disks import failing_disk, small_tmpfs
from tests.recorder.contract import refused, validate
from tests.recorder.footage import encode, groups_of, recorded
from tests.world import ROOT, Recorder, text, wait_until

S = timedelta(seconds=1)
MB = 1 << 20
ACTOR = "Aldona Šimkienė"
WHO = {"Safe_Community_Actor": quote(ACTOR)}
SIGNATURE = "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig"


def item(camera_id: str, start: datetime, end: datetime) -> dict[str, str]:
    return {"camera_id": camera_id, "start": text(start), "end": text(end)}


def body(*items: object, **more: object) -> dict[str, object]:
    return {"items": list(items), "reason": "policijos prašymas Nr. 17", "recipient": "Biržų PK", **more}


def ask(recorder: Recorder, *items: dict[str, str], **more: object) -> dict[str, Any]:
    answer = recorder.ask("/api/v1/exports", "POST", body=body(*items, **more), **WHO)
    assert answer.status == 202, answer.body
    validate(answer.json, "Export")
    assert answer.headers["Location"] == f"/api/v1/exports/{answer.json['number']}"
    export: dict[str, Any] = answer.json
    return export


def entry(recorder: Recorder, number: str) -> dict[str, Any]:
    export: dict[str, Any] = recorder.ask(f"/api/v1/exports/{number}").json
    validate(export, "Export")
    return export


def ended(recorder: Recorder, number: str, timeout_s: float = 90) -> dict[str, Any]:
    """The entry when it is no longer being made."""

    def look() -> dict[str, Any] | None:
        export = entry(recorder, number)
        return None if export["state"] in ("queued", "running") else export

    return wait_until(look, timeout_s, 0.2)


def first_moments(recorder: Recorder, camera_id: str = "stop") -> datetime:
    """The beginning of what is recorded of a camera."""
    return datetime.fromisoformat(recorder.timeline(camera_id)["spans"][0]["start"])


def made(recorder: Recorder, *items: dict[str, str], **more: object) -> tuple[dict[str, Any], bytes]:
    """An entry that is done, and its package."""
    export = ended(recorder, ask(recorder, *items, **more)["number"])
    assert (export["state"], export["failure"]) == ("done", None), export
    answer = recorder.ask(export["package"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    return export, answer.body


def manifest_of(package: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(BytesIO(package)) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return manifest


def key_of(recorder: Recorder) -> str:
    fingerprint: str = recorder.ask("/api/v1/info").json["evidence_key"]["sha256"]
    return fingerprint


def verify(package: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safe_community_recorder", "verify", str(package), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def records(recorder: Recorder, number: str) -> list[dict[str, Any]]:
    """What the audit log says of a package."""
    listed = recorder.ask("/api/v1/audit?limit=500").json["records"]
    return [one for one in listed if one.get("details", {}).get("number") == number]


# --- a package of what a camera sends -------------------------------------------------------------------------------


def test_a_package_holds_the_very_clip_and_others_tools_verify_it(recording: Recorder, tmp_path: Path) -> None:
    start = first_moments(recording)
    asked = item("stop", start + S / 2, start + 5 * S)
    export, package = made(recording, asked, language="lt")
    (tmp_path / "package.zip").write_bytes(package)
    subprocess.run(["unzip", "-q", "package.zip", "-d", "out"], cwd=tmp_path, check=True)
    out = tmp_path / "out"
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=True)
    assert sums.stdout.count("OK") == len([path for path in out.rglob("*") if path.is_file()]) - 2
    assert SIGNATURE in (out / "README.txt").read_text()
    told = subprocess.run(SIGNATURE.split(), cwd=out, capture_output=True, text=True, check=True)
    assert "Verified Successfully" in told.stdout
    (one,) = json.loads((out / "manifest.json").read_text())["items"]
    clip = one["footage"]["clip"]
    query = urlencode({"start": asked["start"], "end": asked["end"]})
    played = recording.ask(f"/api/v1/cameras/stop/clip.mp4?{query}").body
    assert (out / clip["file"]).read_bytes() == played
    assert clip["sha256"] == sha256(played).hexdigest() == export["items"][0]["clip"]["sha256"]
    assert one["missing"] == []
    assert one["footage"]["video"] == [{"codec": "h264", "width": 1280, "height": 720}]
    stills = [out / still["picture"]["file"] for still in one["footage"]["stills"]]
    assert len(stills) >= 2
    assert all(still.read_bytes()[:2] == b"\xff\xd8" for still in stills)
    protocol = (out / "protocol.html").read_text()
    assert all(part in protocol for part in ('lang="lt"', clip["sha256"], "Aldona Šimkienė", key_of(recording)))
    verified = verify(tmp_path / "package.zip", "--fingerprint", key_of(recording).upper())
    assert verified.returncode == 0, verified.stdout
    (tmp_path / "key.pem").write_text(recording.ask("/api/v1/info").json["evidence_key"]["pem"])
    assert verify(tmp_path / "package.zip", "--key", str(tmp_path / "key.pem")).returncode == 0
    other = verify(tmp_path / "package.zip", "--fingerprint", "0" * 64)
    assert (other.returncode, "NOT signed by the key you expect" in other.stdout) == (3, True)
    (tmp_path / "package.zip").write_bytes(package[:1_000] + b"x" + package[1_001:])
    damaged = verify(tmp_path / "package.zip", "--fingerprint", key_of(recording))
    assert (damaged.returncode, "NOT as it was made" in damaged.stdout) == (1, True)
    assert verify(tmp_path / "nothing.zip").returncode == 2


def test_the_same_range_has_the_same_clip_every_time(recording: Recorder) -> None:
    start = first_moments(recording)
    asked = item("stop", start, start + 5 * S)
    (first, one), (second, other) = made(recording, asked), made(recording, asked, language="lv", stills=False)
    assert first["number"] != second["number"]
    assert first["items"][0]["clip"] == second["items"][0]["clip"] is not None
    assert one != other
    assert manifest_of(other)["items"][0]["footage"]["stills"] == []


def test_the_end_of_what_is_asked_for_is_waited_for(recording: Recorder) -> None:
    """The group that is just being received is part of it: asked again later, it is the same clip."""
    now = datetime.now(UTC)
    asked = item("school", now - 5 * S, now)
    first, _ = made(recording, asked)
    time.sleep(3)
    second, _ = made(recording, asked)
    assert first["items"][0]["clip"] == second["items"][0]["clip"] is not None


def test_cameras_of_which_there_is_nothing_are_in_the_package_with_the_cause(recording: Recorder) -> None:
    start = first_moments(recording)
    _, package = made(recording, item("stop", start, start + 2 * S), item("absent", start, start + 2 * S))
    present, absent = manifest_of(package)["items"]
    assert present["footage"]["clip"]["size_bytes"] > 0
    assert absent["footage"] is None
    assert [hole["cause"] for hole in absent["missing"]] == ["camera_unreachable"]


def test_a_clip_may_be_asked_for_twice_in_one_package(recording: Recorder) -> None:
    start = first_moments(recording)
    same = item("stop", start, start + 2 * S)
    _, package = made(recording, same, same)
    with zipfile.ZipFile(BytesIO(package)) as archive:
        clips = [name for name in archive.namelist() if name.startswith("clips/")]
        assert len(set(clips)) == 2
        assert archive.read(clips[0]) == archive.read(clips[1])


def test_a_package_can_be_had_in_pieces(recording: Recorder) -> None:
    start = first_moments(recording)
    export, whole = made(recording, item("stop", start, start + 2 * S))
    path, size = export["package"], len(whole)
    head = recording.ask(path, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(size), b"")
    assert head.headers["Content-Disposition"] == f'attachment; filename="evidence-{export["number"]}.zip"'
    for first, end in ((0, 10), (5, size), (size - 3, size)):
        part = recording.ask(path, Range=f"bytes={first}-{end - 1}")
        assert (part.status, part.body) == (206, whole[first:end])
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
    refused(recording.ask(path, Range=f"bytes={size}-"), 416, "bad_value")
    assert recording.ask(path, If_None_Match=head.headers["ETag"]).status == 304
    assert recording.ask(path, Range="bytes=0-9", If_Range='"other"').status == 200


def test_everything_that_happens_to_a_package_is_on_the_record(recording: Recorder) -> None:
    start = first_moments(recording)
    export, _ = made(recording, item("stop", start, start + 2 * S), item("school", start, start + 2 * S))
    recording.ask(export["package"], **WHO)
    recording.ask(export["package"], Range="bytes=5-9", **WHO)
    validate(recording.ask(f"/api/v1/exports/{export['number']}", "DELETE", **WHO).json, "Export")
    found = sorted(records(recording, export["number"]), key=lambda one: one["number"])
    told = [(one["event"], one["actor"], one.get("camera_id")) for one in found]
    assert told == [
        ("export_asked", ACTOR, "stop"),
        ("export_asked", ACTOR, "school"),
        ("export_done", ACTOR, "stop"),
        ("export_done", ACTOR, "school"),
        ("export_downloaded", "recorder token", None),
        ("export_downloaded", ACTOR, None),
        ("export_deleted", ACTOR, None),
    ]
    assert found[0]["reason"] == "policijos prašymas Nr. 17"
    assert found[2]["details"]["sha256"] == export["items"][0]["clip"]["sha256"]
    gone = entry(recording, export["number"])
    assert (gone["state"], gone["package"], gone["deleted"] is None) == ("done", None, False)
    refused(recording.ask(export["package"] + "?", **WHO), 410, "package_gone")
    assert recording.ask(f"/api/v1/exports/{export['number']}", "DELETE", **WHO).json == gone


def test_what_is_packed_is_locked_until_it_is(recording: Recorder) -> None:
    start = first_moments(recording)
    export, _ = made(recording, item("stop", start, start + 2 * S))
    reason = f"evidence package {export['number']}"
    locks = [lock for lock in recording.ask("/api/v1/locks").json["locks"] if lock["reason"] == reason]
    assert len(locks) == 1
    wait_until(
        lambda: not [one for one in recording.ask("/api/v1/locks?active=true").json["locks"] if one["reason"] == reason]
    )


def test_the_register_is_read_in_pages_the_newest_first(recording: Recorder) -> None:
    start = first_moments(recording)
    numbers = [made(recording, item("stop", start, start + S))[0]["number"] for _ in range(3)]
    assert numbers == sorted(numbers)
    listed: list[str] = []
    query = "?limit=2"
    while query:
        page = recording.ask(f"/api/v1/exports{query}").json
        validate(page, "Exports")
        assert len(page["exports"]) <= 2
        listed += [export["number"] for export in page["exports"]]
        query = f"?limit=2&before={page['next']}" if page["next"] else ""
    assert listed[:3] == numbers[::-1]
    assert listed == sorted(set(listed), reverse=True)
    for wrong in ("limit=0", "limit=x", "before=17", "before=2026-1"):
        refused(recording.ask(f"/api/v1/exports?{wrong}"), 400, "bad_value")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"items": []}, 400, "bad_value"),
        ({"items": None}, 400, "bad_value"),
        ({"items": ["stop"]}, 400, "bad_value"),
        ({"items": [{}] * 101}, 400, "bad_value"),
        ({"items": [{"camera_id": 5}]}, 400, "bad_value"),
        ({"items": [{"camera_id": "nobody"}]}, 404, "unknown_camera"),
        ({"items": [{"camera_id": "stop"}]}, 400, "bad_time"),
        ({"items": [{"camera_id": "stop", "start": "x" * 10_000, "end": "2026-11-22T00:00:00Z"}]}, 400, "bad_time"),
        ({"items": [{"camera_id": "stop", "url": "rtsp://x"}]}, 400, "bad_value"),
        ({"reason": ""}, 400, "bad_value"),
        ({"reason": "x" * 501}, 400, "bad_value"),
        ({"reason": "two\nlines"}, 400, "bad_value"),
        ({"recipient": None}, 400, "bad_value"),
        ({"language": "ru"}, 400, "bad_value"),
        ({"stills": "yes"}, 400, "bad_value"),
        ({"more": 1}, 400, "bad_value"),
    ],
)
def test_wrong_requests_are_refused_clearly(
    recording: Recorder, change: dict[str, object], status: int, code: str
) -> None:
    start = first_moments(recording)
    right = body(item("stop", start, start + S))
    before = len(recording.ask("/api/v1/exports?limit=200").json["exports"])
    detail = refused(recording.ask("/api/v1/exports", "POST", body={**right, **change}), status, code)
    assert len(detail) < 300
    assert len(recording.ask("/api/v1/exports?limit=200").json["exports"]) == before


def test_ranges_that_cannot_be_packed_are_refused_clearly(recording: Recorder) -> None:
    now = datetime.now(UTC)
    for start, end, status, code in (
        (now, now - S, 400, "reversed_range"),
        (now - timedelta(days=2), now, 400, "range_too_long"),
        (now - S, now + timedelta(minutes=1), 400, "future_range"),
        (now - timedelta(days=5), now - timedelta(days=4.5), 404, "no_footage"),
        (now - timedelta(days=20), now - timedelta(days=19.5), 404, "no_footage"),
    ):
        refused(recording.ask("/api/v1/exports", "POST", body=body(item("stop", start, end)), **WHO), status, code)
    for wrong in (b"", b"[]", b"{", b"[" * 100_000, b"\xff"):
        refused(recording.ask("/api/v1/exports", "POST", body=wrong), 400, "bad_value")
    refused(recording.ask("/api/v1/exports", "POST", body={}, Safe_Community_Actor="%zz"), 400, "bad_actor")
    noted = recording.ask("/api/v1/audit?event=export_asked&limit=500").json["records"]
    assert {"no_footage"} == {one["details"]["code"] for one in noted if one["outcome"] == "refused"}


def test_unknown_numbers_are_refused_clearly(recording: Recorder) -> None:
    for number in ("2025-0001", "0", "..%2F..%2Fetc", "x" * 5_000, "%00"):
        for path, method in (("", "GET"), ("", "DELETE"), ("/package.zip", "GET")):
            refused(recording.ask(f"/api/v1/exports/{number}{path}", method), 404, "unknown_export")


def test_packages_are_no_camera_and_no_difference(recording: Recorder) -> None:
    start = first_moments(recording)
    made(recording, item("stop", start, start + S))
    command = [sys.executable, "-m", "safe_community_recorder", "check", "--data", str(recording.directory / "data")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")}
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout
    assert ".exports" not in told
    assert "export" not in {path.name for path in recording.archive.iterdir() if not path.name.startswith(".")}
    assert (recording.archive / ".exports").is_dir()


def test_nobody_is_shown_the_key(recording: Recorder) -> None:
    pem = (recording.directory / "data" / "evidence_key.pem").read_text()
    secret = pem.splitlines()[1]
    assert (recording.directory / "data" / "evidence_key.pem").stat().st_mode & 0o777 == 0o600
    assert secret not in recording.log_path.read_text()
    start = first_moments(recording)
    _, package = made(recording, item("stop", start, start + S))
    assert secret.encode() not in package
    assert b"PRIVATE" not in package
    assert secret.encode() not in recording.ask("/api/v1/info").body


# --- a recorder with much footage, and bad luck -----------------------------------------------------------------------


def put_footage(archive: Path, camera_id: str, files: int, megabytes: int) -> tuple[datetime, datetime]:
    """Recording files of a minute each, large and of no worth to look at; from … to …."""
    start_us = utc.to_us(datetime.now(UTC).replace(microsecond=0)) - (files + 10) * 60 * utc.SECOND_US
    start_us -= start_us % (60 * utc.SECOND_US)
    video = encode(10).video
    for number in range(files):
        file_us = start_us + number * 60 * utc.SECOND_US
        groups = []
        for position in range(12):
            picture = length_prefixed([b"\x65" + os.urandom(megabytes * MB // 12)])
            groups.append(Group(video, file_us + position * 5 * utc.SECOND_US, (Sample(picture, 5 * 90_000, 0),)))
        put_file(archive, camera_id, groups)
    end_us = start_us + files * 60 * utc.SECOND_US
    return utc.from_us(start_us), utc.from_us(end_us)


def put_file(archive: Path, camera_id: str, groups: Sequence[Group]) -> None:
    path = archive / relative_path(camera_id, groups[0].start_us)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(recorded(groups, closed=True)[0])


def started(recorder: Recorder, **more: Any) -> None:
    """Started, with one camera, which sends nothing; what was put into its archive is known."""
    recorder.write_camera_file([{"id": "stop", "url": "rtsp://127.0.0.1:9/main"}], **more)
    recorder.start()
    wait_until(lambda: recorder.timeline("stop")["spans"], 60)


@pytest.fixture
def laden(recorder: Recorder) -> tuple[Recorder, dict[str, str]]:
    """A recorder with a clip to be packed that takes a while: its camera sends nothing more."""
    start, end = put_footage(recorder.archive, "stop", 8, 25)
    started(recorder)
    wait_until(lambda: recorder.recorded_s("stop") >= 8 * 60 - 1, 60)
    return recorder, item("stop", start, end)


def begun(recorder: Recorder, number: str) -> dict[str, Any]:
    """The entry as soon as some of it is written."""

    def look() -> dict[str, Any] | None:
        export = entry(recorder, number)
        assert export["state"] in ("queued", "running"), export
        return export if export["done_bytes"] > 0 else None

    return wait_until(look, 60, 0.05)


def shelf(recorder: Recorder) -> list[str]:
    """What lies where the packages lie."""
    folder = recorder.archive / ".exports"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def check_package(recorder: Recorder, export: dict[str, Any], folder: Path) -> None:
    path = folder / "checked.zip"
    shutil.copyfile(recorder.archive / ".exports" / f"{export['number']}.zip", path)
    verified = verify(path, "--fingerprint", key_of(recorder))
    assert verified.returncode == 0, verified.stdout


async def test_progress_is_told_at_most_once_a_second(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    headers = {"Authorization": f"Bearer {recorder.token}"}
    running: list[tuple[float, dict[str, Any]]] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(120),
    ):
        number = (await asyncio.to_thread(ask, recorder, asked))["number"]
        async for message in socket:
            event = json.loads(message.data)
            validate(event, "Event")
            if event["type"] != "export":
                continue
            assert event["export"]["number"] == number
            if event["export"]["state"] == "running":
                running.append((time.monotonic(), event["export"]))
            if event["export"]["state"] == "done":
                break
    percents = [export["percent"] for _, export in running]
    assert len(percents) > 2
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    assert any(export["eta_s"] is not None for _, export in running)
    # What is told is told at the recorder's pace; one message may arrive late and the next in time.
    for (earlier_s, _), (later_s, _) in zip(running, running[2:], strict=False):
        assert later_s - earlier_s > 1
    await asyncio.to_thread(check_package, recorder, event["export"], tmp_path)


def test_what_nobody_wants_any_more_is_ended_at_once(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    number, next_number = ask(recorder, asked)["number"], ask(recorder, asked)["number"]
    begun(recorder, number)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    assert entry(recorder, next_number)["state"] == "queued"
    cancelled = recorder.ask(f"/api/v1/exports/{number}", "DELETE", **WHO).json
    assert (cancelled["state"], cancelled["package"]) == ("cancelled", None)
    wait_until(lambda: f"{number}.zip.part" not in shelf(recorder), 10)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    export = ended(recorder, next_number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{next_number}.zip"]
    check_package(recorder, export, tmp_path)
    assert entry(recorder, number)["state"] == "cancelled"
    assert [one["event"] for one in records(recorder, number)] == ["export_cancelled", "export_asked"]


def test_what_still_waits_can_be_cancelled(laden: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = laden
    first, second = ask(recorder, asked)["number"], ask(recorder, asked)["number"]
    assert recorder.ask(f"/api/v1/exports/{second}", "DELETE").json["state"] == "cancelled"
    assert ended(recorder, first)["state"] == "done"
    assert entry(recorder, second)["state"] == "cancelled"
    assert shelf(recorder) == [f"{first}.zip"]


def test_so_many_packages_wait_and_no_more(laden: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = laden
    waiting = [ask(recorder, asked)["number"] for _ in range(50)]
    answer = recorder.ask("/api/v1/exports", "POST", body=body(asked), **WHO)
    assert "packages wait" in refused(answer, 429, "too_many_exports")
    assert int(answer.headers["Retry-After"]) > 0
    assert recorder.ask(f"/api/v1/exports/{waiting[-1]}", "DELETE").json["state"] == "cancelled"
    assert ask(recorder, asked)["number"] > waiting[-1]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_package_that_was_being_made_is_made_after_a_restart(
    laden: tuple[Recorder, dict[str, str]], tmp_path: Path, end: str
) -> None:
    recorder, asked = laden
    number = ask(recorder, asked)["number"]
    begun(recorder, number)
    if end == "kill":
        recorder.kill()
    else:
        assert recorder.stop() == 0
    assert shelf(recorder) in ([f"{number}.zip.part"], [])
    recorder.start()
    export = ended(recorder, number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{number}.zip"]
    check_package(recorder, export, tmp_path)
    assert [one["number"] for one in recorder.ask("/api/v1/exports").json["exports"]] == [number]
    assert [one["event"] for one in records(recorder, number)] == ["export_done", "export_asked"]
    wait_until(lambda: not recorder.ask("/api/v1/locks?active=true").json["locks"], 10)


def test_the_register_and_the_packages_outlive_a_restart(recorder: Recorder, tmp_path: Path) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, package = made(recorder, item("stop", start, end))
    key = key_of(recorder)
    assert recorder.stop() == 0
    recorder.start()
    assert entry(recorder, export["number"]) == export
    assert recorder.ask(export["package"]).body == package
    assert key_of(recorder) == key
    assert made(recorder, item("stop", start, end))[0]["number"] != export["number"]
    check_package(recorder, export, tmp_path)


def test_a_package_past_its_days_is_deleted_and_its_entry_stays(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, _ = made(recorder, item("stop", start, end))
    lasts = datetime.fromisoformat(export["expires"]) - datetime.fromisoformat(export["changed"])
    assert lasts == timedelta(days=14)
    recorder.stop()
    register = recorder.directory / "data" / "exports.jsonl"
    past = text(datetime.now(UTC) - S)
    register.write_text(register.read_text().replace(export["expires"], past))
    (recorder.archive / ".exports" / "2020-0001.zip").write_bytes(b"left behind")
    recorder.start()
    wait_until(lambda: entry(recorder, export["number"])["deleted"], 30)
    wait_until(lambda: shelf(recorder) == [], 10)
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert records(recorder, export["number"])[0]["actor"] == "recorder"


def test_a_package_that_somebody_took_off_the_disk_is_said_to_be_gone(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, _ = made(recorder, item("stop", start, end))
    (recorder.archive / ".exports" / f"{export['number']}.zip").unlink()
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert recorder.ask(f"/api/v1/exports/{export['number']}", "DELETE").json["package"] is None


def test_sound_that_was_recorded_is_in_the_clip(recorder: Recorder) -> None:
    start_us = utc.to_us(datetime.now(UTC)) - 600 * utc.SECOND_US
    put_file(recorder.archive, "stop", groups_of(30, start_us=start_us, sound_after_us=0))
    started(recorder)
    _, package = made(recorder, item("stop", utc.from_us(start_us), utc.from_us(start_us + 3 * utc.SECOND_US)))
    (one,) = manifest_of(package)["items"]
    assert one["footage"]["sound"] is True
    assert one["clock"]["source"] == "arrival"
    assert len(one["footage"]["stills"]) == 3


def test_with_a_damaged_key_nothing_is_signed_and_everything_else_works(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    key = recorder.directory / "data" / "evidence_key.pem"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text("damaged")
    started(recorder)
    assert recorder.ask("/api/v1/info").json["evidence_key"] is None
    validate(recorder.ask("/api/v1/info").json, "Info")
    answer = recorder.ask("/api/v1/exports", "POST", body=body(item("stop", start, end)))
    refused(answer, 503, "evidence_key_unusable")
    assert key.read_text() == "damaged"


# --- disks ------------------------------------------------------------------------------------------------------------


def test_a_disk_without_room_is_said_to_have_none_and_keeps_its_footage(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 32 * MB) as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at)
        start, end = put_footage(disk.at, "stop", 4, 5)
        started(recorder, storage={"reserve": "5 MB"})
        try:
            wait_until(lambda: recorder.recorded_s("stop") >= 239, 30)
            export = ended(recorder, ask(recorder, item("stop", start, end))["number"])
            assert (export["state"], export["failure"]) == ("failed", "no_space"), export
            assert "room" in export["problem"]
            assert recorder.recorded_s("stop") >= 239
            assert shelf(recorder) == []
            assert records(recorder, export["number"])[0]["details"]["failure"] == "no_space"
            # What fits is made.
            small = item("stop", start, start + 10 * S)
            assert ended(recorder, ask(recorder, small)["number"])["state"] == "done"
        finally:
            recorder.stop()


def test_a_disk_that_fails_meanwhile_is_a_failure_that_is_told(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at)
        start, end = put_footage(disk.backing, "stop", 4, 40)
        started(recorder)
        try:
            wait_until(lambda: recorder.recorded_s("stop") >= 239, 60)
            for errors, failure in (({"write": "EIO"}, "disk"), ({"write": "ENOSPC"}, "no_space")):
                number = ask(recorder, item("stop", start, end))["number"]
                begun(recorder, number)
                disk.suffer(errors=errors)
                export = ended(recorder, number)
                disk.recover()
                assert (export["state"], export["failure"]) == ("failed", failure), export
                assert export["problem"]
                wait_until(lambda: shelf(recorder) == [], 15)
            wait_until(lambda: recorder.ask("/api/v1/storage").json["state"] == "ok", 20)
            assert ended(recorder, ask(recorder, item("stop", start, start + 10 * S))["number"])["state"] == "done"
        finally:
            recorder.stop()


def test_a_disk_that_hangs_keeps_nobody_from_cancelling(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at)
        start, end = put_footage(disk.backing, "stop", 4, 40)
        started(recorder)
        try:
            wait_until(lambda: recorder.recorded_s("stop") >= 239, 60)
            number = ask(recorder, item("stop", start, end))["number"]
            begun(recorder, number)
            disk.suffer(hang=["write", "fsync"])
            time.sleep(1)
            assert recorder.ask(f"/api/v1/exports/{number}", "DELETE").json["state"] == "cancelled"
            disk.recover()
            wait_until(lambda: shelf(recorder) == [], 20)
            assert ended(recorder, ask(recorder, item("stop", start, start + 10 * S))["number"])["state"] == "done"
        finally:
            recorder.stop()


def test_what_cannot_be_put_on_the_record_is_not_packed(tmp_path: Path) -> None:
    """The disk of the data is full: neither the audit log nor the register can be written."""
    with small_tmpfs(tmp_path / "disk", 16 * MB) as disk:
        recorder = Recorder(disk.at, archive_root=tmp_path / "archive")
        start, end = put_footage(tmp_path / "archive", "stop", 1, 1)
        started(recorder)
        try:
            asked = item("stop", start, end)
            export, _ = made(recorder, asked)
            ballast = disk.fill()
            taken = [export["number"]]
            # What is left of the last page of each file takes a few more lines.
            for _ in range(40):
                answer = recorder.ask("/api/v1/exports", "POST", body=body(asked), **WHO)
                if answer.status != 202:
                    break
                taken.append(answer.json["number"])
            assert (answer.status, answer.json["code"] in ("audit_unavailable", "register_not_written")) == (503, True)
            assert [one["number"] for one in recorder.ask("/api/v1/exports").json["exports"]] == taken[::-1]
            ballast.unlink()
            assert made(recorder, asked)[0]["items"][0]["clip"] == export["items"][0]["clip"]
        finally:
            recorder.stop()


def test_packages_count_in_the_quota_and_need_free_space_before_they_are_written() -> None:
    quota = Storage(quota_bytes=1_000, reserve_bytes=100)
    assert allowed_bytes(500, 10_000, 20_000, quota) == 1_000
    assert allowed_bytes(500, 10_000, 20_000, quota, packages_bytes=300) == 700
    assert allowed_bytes(500, 10_000, 20_000, quota, packages_bytes=300, promised_bytes=200) == 500
    assert allowed_bytes(500, 300, 20_000, quota, promised_bytes=200) == 500
    assert allowed_bytes(500, 300, 20_000, quota, packages_bytes=2_000) == 0


def test_on_a_disk_that_is_full_of_footage_a_small_package_makes_the_oldest_way(tmp_path: Path) -> None:
    """A tenth of the space at most, and never what it is made of."""
    recorder = Recorder(tmp_path)
    start, _ = put_footage(recorder.archive, "stop", 20, 3)
    started(recorder, storage={"quota_gb": 0.065})
    try:
        wait_until(lambda: recorder.recorded_s("stop") >= 20 * 60 - 1, 60)
        export = ended(recorder, ask(recorder, item("stop", start, start + 10 * S), stills=False)["number"])
        assert export["state"] == "done", export
        assert datetime.fromisoformat(recorder.timeline("stop")["spans"][0]["start"]) == start
        assert recorder.recorded_s("stop") < 20 * 60 - 1
        all_of_it = ended(recorder, ask(recorder, item("stop", start, start + 19 * 60 * S))["number"])
        assert (all_of_it["state"], all_of_it["failure"]) == ("failed", "no_space")
    finally:
        recorder.stop()
