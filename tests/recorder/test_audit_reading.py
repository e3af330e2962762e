"""Reading the audit log: page by page, by what is wanted, as a table, by the command; who does so is recorded."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.__main__ import main
from safe_community_recorder.audit import files, table
from safe_community_recorder.audit.reading import Wanted, every, page
from safe_community_recorder.audit.record import DamagedError, line_of, read
from tests.recorder.audit_logs import PATIENT, Copy, Written, at, records
from tests.recorder.contract import refused, validate
from tests.world import Answer, Recorder, text


def test_pages_lead_through_all_records_the_newest_first(three_months: Path) -> None:
    numbers: list[int] = []
    before: int | None = None
    while True:
        found = page(three_months, Wanted(before=before), 5)
        numbers += [record.number for record in found.records]
        before = found.following
        if before is None:
            break
    assert numbers == list(range(12, 0, -1))
    assert [record.number for record in page(three_months, Wanted(after=9), 100).records] == [12, 11, 10]
    assert [record.number for record in every(three_months, Wanted(after=9))] == [10, 11, 12]


@PATIENT
@given(
    from_us=st.none() | st.integers(at("2026-08-01"), at("2027-01-01")),
    to_us=st.none() | st.integers(at("2026-08-01"), at("2027-01-01")),
    limit=st.integers(1, 13),
)
def test_a_time_is_answered_with_exactly_its_records(
    three_months: Path, from_us: int | None, to_us: int | None, limit: int
) -> None:
    expected = [
        record.number
        for record in every(three_months, Wanted())
        if (from_us is None or record.time_us >= from_us) and (to_us is None or record.time_us < to_us)
    ]
    assert [record.number for record in every(three_months, Wanted(from_us, to_us))] == expected
    newest = page(three_months, Wanted(from_us, to_us), limit).records
    assert [record.number for record in newest] == expected[::-1][:limit]


def test_damaged_lines_are_left_out_of_pages_and_altered_ones_say_so(written: Written) -> None:
    written.write("one", "two", "three", "four")
    (path,) = written.paths
    one, two, _, four = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(one + two.replace(b"Aldona", b"Birute") + b"scribble\n" + four)
    found = page(written.data, Wanted(), 10).records
    assert [(record.number, record.intact) for record in found] == [(4, True), (2, False), (1, True)]
    path.write_bytes(one + two + b"scribble\n\n")
    assert [record.number for record in page(written.data, Wanted(), 10).records] == [2, 1]
    path.write_bytes(one + two + b"scribble\n" + four)
    first = page(written.data, Wanted(), 1)
    assert [record.number for record in page(written.data, Wanted(before=first.following), 1).records] == [2]


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_what_is_no_record_is_refused_and_breaks_nothing(line: bytes) -> None:
    with pytest.raises(DamagedError):
        read(line)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(audited: Recorder) -> Recorder:
    """With thirty refusals of three people."""
    for n in range(30):
        name = ("Aldona", "Bronius", "Žydrė")[n % 3]
        body = {"event": "access_refused", "action": "live", "camera_id": f"camera-{n % 2}"}
        answer = audited.ask("/api/v1/audit", "POST", body=body, Safe_Community_Actor=quote(name))
        assert answer.status == 201
    return audited


def test_the_log_is_read_page_by_page_and_by_what_is_wanted(filled: Recorder) -> None:
    numbers: list[int] = []
    query: dict[str, object] = {"event": "access_refused", "limit": 7}
    while True:
        page = filled.ask(f"/api/v1/audit?{urlencode(query)}").json
        validate(page, "AuditPage")
        numbers += [record["number"] for record in page["records"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert len(numbers) >= 30
    assert numbers == sorted(numbers, reverse=True)
    assert len(records(filled, actor="Žydrė")) == 10
    assert len(records(filled, actor="Žydrė", camera="camera-0")) == 5
    assert [one["number"] for one in records(filled, event="access_refused", after=numbers[2])] == numbers[:2]
    now = datetime.now(UTC)
    assert len(records(filled, actor="Žydrė", **{"from": text(now - timedelta(hours=1))})) == 10
    assert records(filled, actor="Žydrė", to=text(now - timedelta(hours=1))) == []
    head = filled.ask("/api/v1/audit").json["head"]
    assert head["number"] >= numbers[0]


def test_reading_the_log_is_recorded(audited: Recorder) -> None:
    for _ in range(3):
        audited.ask("/api/v1/audit?camera=stop", Safe_Community_Actor="Officer")
    audited.ask("/api/v1/audit.csv", Safe_Community_Actor="Officer")
    found = records(audited, actor="Officer")
    assert [(one["event"], one["details"].get("kind"), one["camera_id"]) for one in found] == [
        ("audit_exported", None, None),
        ("look", "audit", "stop"),
    ]


def test_wrong_questions_are_refused_clearly(audited: Recorder) -> None:
    for query, code in (
        ({"from": "yesterday"}, "bad_time"),
        ({"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T00:00:00Z"}, "reversed_range"),
        ({"limit": 0}, "bad_value"),
        ({"limit": 1_001}, "bad_value"),
        ({"after": "x"}, "bad_value"),
        ({"before": "-1"}, "bad_value"),
        ({"before": "9" * 16}, "bad_value"),
        ({"camera": "x" * 65}, "bad_value"),
        ({"camera": "\n"}, "bad_value"),
        ({"actor": "x" * 1_000}, "bad_value"),
    ):
        refused(audited.ask(f"/api/v1/audit?{urlencode(query)}"), 400, code)
    refused(audited.ask("/api/v1/audit.csv?from=x"), 400, "bad_time")


def _rows(answer: Answer) -> list[list[str]]:
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


def test_the_log_as_a_table_holds_what_the_log_holds(filled: Recorder) -> None:
    heading, *rows = _rows(filled.ask("/api/v1/audit.csv"))
    assert tuple(heading) == table.COLUMNS
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    refusals = [row for row in rows if row[2] == "access_refused" and row[4] == "Žydrė"]
    assert len(refusals) == 10
    assert refusals[2][3:7] == ["refused", "Žydrė", "", "camera-0"]
    by_number = {record["number"]: record["hash"] for record in records(filled, limit=1_000)}
    assert all(by_number[int(row[0])] == row[-1] for row in rows)
    later = text(datetime.now(UTC) + timedelta(minutes=1))
    assert _rows(filled.ask(f"/api/v1/audit.csv?{urlencode({'from': later})}")) == [heading]


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


SIGNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = st.tuples(
    st.sampled_from(["", "a;", "a;;", 'a;"', "a; ", "a\t", "\t", "a\r\n", 'a"b,c\n', "a;\n;"]), st.sampled_from(SIGNS)
).map(lambda parts: f"{parts[0]}{parts[1]}cmd|' /C calc'!A0")


@given(actor=PRINTABLE, reason=FORMULAS | PRINTABLE)
def test_a_table_is_read_back_as_written_and_no_cell_of_it_computes(actor: str, reason: str) -> None:
    line, _ = line_of(1, 0, "look", {"actor": actor, "reason": reason, "details": {"x": [1, None]}}, "0" * 64)
    (cells,) = csv.reader(io.StringIO(table.rows([read(line[:-1])]).decode(), newline=""))
    assert [cell.replace("'", "") for cell in cells[4:6]] == [said.replace("'", "") for said in (actor, reason)]
    assert json.loads(cells[9]) == {"x": [1, None]}


@given(actor=PRINTABLE, reason=FORMULAS | PRINTABLE)
def test_no_cell_of_a_table_computes_whatever_separates_cells_where_it_is_opened(actor: str, reason: str) -> None:
    line, _ = line_of(
        1, 0, "lock_made", {"actor": actor, "reason": reason, "details": {"lock_reason": reason}}, "0" * 64
    )
    written = table.rows([read(line[:-1])]).decode()
    for separator in ",;\t":
        for cells in csv.reader(io.StringIO(written, newline=""), delimiter=separator):
            assert not any(cell.lstrip(' "').startswith((*SIGNS, "\t", "\r", "\n")) for cell in cells)


# --- the command ------------------------------------------------------------------------------------------------------


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "safe_community_recorder", "audit", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


def test_the_command_names_the_first_wrong_record(three_months: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Copy(three_months)
    done = _run("verify", "--data", str(copy.data))
    assert (done.returncode, done.stdout) == (0, "")
    head = json.loads((copy.data / files.HEAD_NAME).read_text())
    seen = f"{head['number']}:{head['hash']}"
    assert done.stderr == f"nothing wrong; the last record is {seen}\n"
    assert main(["audit", "verify", "--data", str(copy.data), "--seen", seen]) == 0
    copy.lines[6] = copy.lines[6].replace(b'"n": 2', b'"n": 9')
    copy.put_back(copy.lines)
    capsys.readouterr()
    assert main(["audit", "verify", "--data", str(copy.data)]) == 1
    assert capsys.readouterr().out.splitlines() == ["record 7 was altered (000000005-2026-10.jsonl, line 3)"]


def test_the_command_says_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "--data", str(tmp_path)]) == 2
    assert "there is no audit log in this directory" in capsys.readouterr().err
    assert main(["audit", "export", "--data", str(tmp_path)]) == 2
    for seen in ("7", "7:abc", "-1:" + "0" * 64, "0:" + "0" * 64):
        with pytest.raises(SystemExit) as caught:
            main(["audit", "verify", "--data", str(tmp_path), "--seen", seen])
        assert caught.value.code == 2


def test_the_command_writes_everything_as_lines_or_as_a_table(three_months: Path, tmp_path: Path) -> None:
    done = _run("export", "--data", str(three_months))
    copy = Copy(three_months)
    assert done.stdout.encode() == b"".join(copy.lines)
    table = tmp_path / "audit.csv"
    assert main(["audit", "export", "--data", str(three_months), "--csv", str(table)]) == 0
    assert len(table.read_bytes().split(b"\r\n")) == 1 + 12 + 1
    on_output = subprocess.run(
        [sys.executable, "-m", "safe_community_recorder", "audit", "export", "--data", str(three_months), "--csv", "-"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])},
        check=True,
        timeout=120,
    )
    assert on_output.stdout == table.read_bytes()


def test_while_the_recorder_runs_its_log_can_be_proved_and_afterwards(running: Recorder) -> None:
    assert running.ask("/api/v1/audit", Safe_Community_Actor="Bronius").status == 200
    data = str(running.directory / "data")
    head = running.ask("/api/v1/audit").json["head"]
    seen = f"{head['number']}:{head['hash']}"
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    assert main(["check", "--data", data]) in (0, 1)
    running.kill()
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    running.start()
    assert main(["audit", "verify", "--data", data, "--seen", seen]) == 0
    path = next((running.directory / "data" / "audit").iterdir())
    path.write_bytes(path.read_bytes().replace(b"Bronius", b"Aldonas", 1))
    assert main(["audit", "verify", "--data", data]) == 1
    assert main(["check", "--data", data]) == 1
