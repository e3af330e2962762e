"""Audit logs for tests: written at times of the test's choice, asked of a recorder, or copied to be tampered with."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, settings

from safe_community_recorder import utc
from safe_community_recorder.audit import files
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.record import Noted
from safe_community_recorder.audit.verification import verify
from tests.recorder.contract import validate
from tests.world import Recorder, text

WHO = {"Safe_Community_Actor": quote("Aldona Žukauskienė"), "Safe_Community_Reason": quote("policijos prašymas 17")}
DAY = 86_400 * utc.SECOND_US
PATIENT = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def at(text: str) -> int:
    """An instant in UTC: 2026-11-22, or with its time."""
    return utc.to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


class Written:
    """A log that is written at times of the test's choice."""

    def __init__(self, data: Path, now: str = "2026-11-22") -> None:
        self.data = data
        self.now_us = at(now)
        self.log = AuditLog(data, lambda: self.now_us)

    def write(self, *events: str) -> Noted:
        noted = [self.log.append(event, {"actor": "Aldona", "outcome": "done"}) for event in events]
        return noted[-1]

    def again(self) -> None:
        """As after a restart."""
        assert self.log.close()
        self.log = AuditLog(self.data, lambda: self.now_us)

    @property
    def paths(self) -> list[Path]:
        return [file.path for file in files.files_in(files.directory(self.data))]

    @property
    def names(self) -> list[str]:
        return [path.name for path in self.paths]

    @property
    def events(self) -> list[str]:
        return [record.event for record in every(self.data, Wanted())]


def three_months_in(data: Path) -> Path:
    """A log of twelve records in three files, the last ones of them long and with letters beyond ASCII."""
    written = Written(data, "2026-09-20")
    for month in range(3):
        for n in range(4):
            details = {"kind": "clip", "n": n, "place": "Pabiržė " * (1 + 40 * (month == 2))}
            written.log.append("look", {"actor": "Žydrūnas", "camera_id": "stop", "details": details})
        written.now_us += 30 * DAY
    assert written.log.close()
    assert len(written.paths) == 3
    assert verify(written.data) == []
    return written.data


def first_wrong(data: Path) -> int | None:
    findings = verify(data)
    return findings[0].number if findings else None


class Copy:
    """A copy of a log's lines, for changing them."""

    def __init__(self, data: Path) -> None:
        self.data = Path(tempfile.mkdtemp(dir=data.parent))
        shutil.copytree(data / "audit", self.data / "audit")
        shutil.copy(data / files.HEAD_NAME, self.data)
        self.paths = [file.path for file in files.files_in(self.data / "audit")]
        self.sizes = [len(path.read_bytes().splitlines()) for path in self.paths]
        self.lines = [line for path in self.paths for line in path.read_bytes().splitlines(keepends=True)]

    def put_back(self, lines: list[bytes]) -> None:
        """The lines into the files as before; what is more or less, into or from the last one."""
        start = 0
        for path, size in zip(self.paths, [*self.sizes[:-1], len(lines)], strict=True):
            path.write_bytes(b"".join(lines[start : start + size]))
            start += size


def records(recorder: Recorder, **query: object) -> list[dict[str, Any]]:
    """The newest records, of the newest first."""
    answer = recorder.ask(f"/api/v1/audit?{urlencode(query)}")
    assert answer.status == 200, answer.body
    validate(answer.json, "AuditPage")
    found: list[dict[str, Any]] = answer.json["records"]
    return found


def own(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the records that asking leaves: for footage, and for these very records."""
    return [record for record in found if record["details"].get("kind") not in ("audit", "search")]


def a_clip(recorder: Recorder) -> str:
    """A range with footage, as a query."""
    recorder.wait_for_footage("stop", 4)
    span = recorder.timeline("stop")["spans"][0]
    start = datetime.fromisoformat(span["start"]) + timedelta(seconds=1)
    return urlencode({"start": text(start), "end": text(start + timedelta(seconds=2))})
