"""Asks recorders for evidence packages, and puts footage into their archives to be packed."""

import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from safe_community_recorder import utc
from safe_community_recorder.__main__ import main
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.video import length_prefixed
from tests.recorder.contract import validate
from tests.recorder.footage import encode, recorded
from tests.world import Recorder, text, wait_until

S = timedelta(seconds=1)
MB = 1 << 20
ACTOR = "Aldona Šimkienė"
WHO = {"Safe_Community_Actor": quote(ACTOR)}


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


def command(*arguments: str | Path) -> tuple[int, str]:
    """A command of the recorder's: its exit code, and what it printed."""
    with redirect_stdout(StringIO()) as told, redirect_stderr(told):
        code = main([str(argument) for argument in arguments])
    return code, told.getvalue()


def records(recorder: Recorder, number: str) -> list[dict[str, Any]]:
    """What the audit log says of a package."""
    listed = recorder.ask("/api/v1/audit?limit=500").json["records"]
    return [one for one in listed if one.get("details", {}).get("number") == number]


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
    code, told = command("verify", path, "--fingerprint", key_of(recorder))
    assert code == 0, told
