"""What becomes of packages and of the key that signs them: restarts, days, and disks that somebody tidied."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from safe_community_recorder import utc
from tests.recorder.contract import refused, validate
from tests.recorder.exporting import (
    S,
    body,
    command,
    entry,
    first_moments,
    item,
    key_of,
    made,
    manifest_of,
    put_file,
    put_footage,
    records,
    shelf,
    started,
)
from tests.recorder.footage import groups_of
from tests.world import Cameras, Recorder, text, wait_until

SOUND_S = 300


@pytest.fixture(scope="module")
def modest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, dict[str, str]]]:
    """A recorder with a minute of footage to be packed, and some with sound five minutes ago."""
    recorder = Recorder(tmp_path_factory.mktemp("modest"))
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    sound_us = utc.to_us(end) + SOUND_S * utc.SECOND_US
    put_file(recorder.archive, "stop", groups_of(30, start_us=sound_us, sound_after_us=0))
    started(recorder)
    yield recorder, item("stop", start, end)
    recorder.stop()


def test_the_same_range_has_the_same_clip_after_a_restart_and_with_a_new_index(
    recorder: Recorder, cameras: Cameras
) -> None:
    """Also if it lay in the file that was just being written."""
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    start = first_moments(recorder)
    asked = item("stop", start + S / 3, start + 3 * S)
    first, package = made(recorder, asked)
    key = key_of(recorder)
    assert recorder.stop() == 0
    for part in (recorder.directory / "data").glob("index.sqlite*"):
        part.unlink()
    recorder.start()
    wait_until(lambda: recorder.timeline("stop")["spans"], 60)
    assert entry(recorder, first["number"]) == first
    assert recorder.ask(first["package"]).body == package
    assert key_of(recorder) == key
    second, _ = made(recorder, asked)
    assert second["number"] > first["number"]
    assert second["items"][0]["clip"] == first["items"][0]["clip"] is not None


def test_a_package_past_its_days_is_deleted_and_its_entry_stays(modest: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = modest
    export, _ = made(recorder, asked)
    lasts = datetime.fromisoformat(export["expires"]) - datetime.fromisoformat(export["changed"])
    assert lasts == timedelta(days=14)
    recorder.stop()
    register = recorder.directory / "data" / "exports.jsonl"
    past = text(datetime.now(UTC) - S)
    register.write_text(register.read_text().replace(export["expires"], past))
    (recorder.archive / ".exports" / "2020-0001.zip").write_bytes(b"left behind")
    recorder.start()
    wait_until(lambda: entry(recorder, export["number"])["deleted"], 60)
    wait_until(lambda: shelf(recorder) == [], 60)
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert records(recorder, export["number"])[0]["actor"] == "recorder"


def test_a_package_that_somebody_took_off_the_disk_is_said_to_be_gone(modest: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = modest
    export, _ = made(recorder, asked)
    (recorder.archive / ".exports" / f"{export['number']}.zip").unlink()
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert recorder.ask(f"/api/v1/exports/{export['number']}", "DELETE").json["package"] is None


def test_sound_that_was_recorded_is_in_the_clip(modest: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = modest
    start = datetime.fromisoformat(asked["end"]) + SOUND_S * S
    _, package = made(recorder, item("stop", start, start + 3 * S))
    (one,) = manifest_of(package)["items"]
    assert one["footage"]["sound"] is True
    assert one["clock"]["source"] == "arrival"
    assert len(one["footage"]["stills"]) == 3


def test_the_audit_log_knows_the_whole_package_by_its_checksums(modest: tuple[Recorder, dict[str, str]]) -> None:
    """So that a package can be told from a forged one even when the key has been stolen."""
    recorder, asked = modest
    export, package = made(recorder, asked)
    with zipfile.ZipFile(BytesIO(package)) as archive:
        sums = archive.read("SHA256SUMS")
    done = next(one for one in records(recorder, export["number"]) if one["event"] == "export_done")
    assert done["details"]["sums_sha256"] == sha256(sums).hexdigest()


def test_a_key_that_is_gone_is_replaced_and_that_is_on_the_record(
    modest: tuple[Recorder, dict[str, str]], tmp_path: Path
) -> None:
    recorder, asked = modest
    export, package = made(recorder, asked)
    former = key_of(recorder)
    recorder.stop()
    (recorder.directory / "data" / "evidence_key.pem").unlink()
    recorder.start()
    assert key_of(recorder) != former
    (told,) = recorder.ask("/api/v1/audit?event=evidence_key_made").json["records"]
    assert (told["actor"], told["details"]["sha256"]) == ("recorder", key_of(recorder))
    assert recorder.ask(export["package"]).body == package
    (tmp_path / "package.zip").write_bytes(package)
    assert command("verify", tmp_path / "package.zip", "--fingerprint", former)[0] == 0
    assert command("verify", tmp_path / "package.zip", "--fingerprint", key_of(recorder))[0] == 3


def test_with_a_damaged_key_nothing_is_signed_and_everything_else_works(
    modest: tuple[Recorder, dict[str, str]],
) -> None:
    recorder, asked = modest
    export, package = made(recorder, asked)
    recorder.stop()
    key = recorder.directory / "data" / "evidence_key.pem"
    whole = key.read_text()
    key.write_text("damaged")
    recorder.start()
    assert recorder.ask("/api/v1/info").json["evidence_key"] is None
    validate(recorder.ask("/api/v1/info").json, "Info")
    refused(recorder.ask("/api/v1/exports", "POST", body=body(asked)), 503, "evidence_key_unusable")
    assert recorder.ask(export["package"]).body == package
    assert key.read_text() == "damaged"
    recorder.stop()
    key.write_text(whole)
    recorder.start()
    made(recorder, asked)
