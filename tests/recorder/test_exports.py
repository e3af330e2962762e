"""Evidence packages of what a camera sends, from asking to verifying, with others' tools."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.recorder.contract import refused, validate
from tests.recorder.exporting import (
    ACTOR,
    WHO,
    S,
    body,
    command,
    entry,
    first_moments,
    item,
    key_of,
    made,
    manifest_of,
    records,
)
from tests.world import ROOT, Recorder, wait_until


def test_a_package_holds_the_very_clip_and_others_tools_verify_it(recording: Recorder, tmp_path: Path) -> None:
    start = first_moments(recording)
    asked = item("stop", start + S / 2, start + 5 * S)
    export, package = made(recording, asked, language="lt")
    (tmp_path / "package.zip").write_bytes(package)
    subprocess.run(["unzip", "-q", "package.zip", "-d", "out"], cwd=tmp_path, check=True)
    out = tmp_path / "out"
    lines = re.findall(r"(?<=\n\n)   (\S.*)(?=\n\n)", (out / "README.txt").read_text())
    commands = list(dict.fromkeys(lines))
    assert len(lines) == 3 * len(commands) == 9, lines
    sums, signature, fingerprint = (
        subprocess.run(line, shell=True, cwd=out, capture_output=True, text=True, check=True).stdout
        for line in commands
    )
    assert sums.count("OK") == len([path for path in out.rglob("*") if path.is_file()]) - 2
    assert "Verified Successfully" in signature
    assert fingerprint.split()[0] == key_of(recording)
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
    told = subprocess.run(
        [sys.executable, "-m", "safe_community_recorder", "verify", "package.zip", "--fingerprint", key_of(recording)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")},
    )
    assert "as the recorder with the expected key made it" in told.stdout


def test_the_command_says_whose_package_it_is_and_whether_it_was_changed(recording: Recorder, tmp_path: Path) -> None:
    start = first_moments(recording)
    _, package = made(recording, item("stop", start, start + S))
    path = tmp_path / "package.zip"
    path.write_bytes(package)
    (tmp_path / "key.pem").write_text(recording.ask("/api/v1/info").json["evidence_key"]["pem"])
    spaced = " ".join(key_of(recording).upper()[at : at + 4] for at in range(0, 64, 4))
    for options in (("--fingerprint", spaced), ("--key", tmp_path / "key.pem"), ()):
        assert command("verify", path, *options)[0] == 0
    code, told = command("verify", path, "--fingerprint", "0" * 64)
    assert (code, "NOT signed by the key you expect" in told) == (3, True)
    path.write_bytes(package[:1_000] + b"x" + package[1_001:])
    code, told = command("verify", path, "--fingerprint", key_of(recording))
    assert (code, "NOT as it was made" in told) == (1, True)
    assert command("verify", tmp_path / "nothing.zip")[0] == 2
    assert command("verify", path, "--fingerprint", "12")[0] == 2


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
    _, told = command("check", "--data", recording.directory / "data")
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
