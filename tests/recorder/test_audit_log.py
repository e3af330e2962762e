"""The audit log on a real disk: what is written stays provable, whatever is done to its files."""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.__main__ import main
from safe_community_recorder.audit import files
from safe_community_recorder.audit.files import LogFile
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every, page
from safe_community_recorder.audit.record import DamagedError, Noted, line_of, read
from safe_community_recorder.audit.trimming import effective_months, is_past
from safe_community_recorder.audit.verification import Finding, verify

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


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    own = Written(tmp_path)
    yield own
    own.log.close()


@pytest.fixture(scope="module")
def three_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve records in three files, the last ones of them long and with letters beyond ASCII."""
    written = Written(tmp_path_factory.mktemp("months"), "2026-09-20")
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


# --- what is found ----------------------------------------------------------------------------------------------------


@PATIENT
@given(data=st.data())
def test_any_change_of_any_byte_is_found_at_its_record(three_months: Path, data: st.DataObject) -> None:
    copy = Copy(three_months)
    position = data.draw(st.integers(0, len(copy.lines) - 1))
    line = copy.lines[position]
    at_byte = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255))
    assume(line[at_byte] != byte)
    copy.lines[position] = line[:at_byte] + bytes([byte]) + line[at_byte + 1 :]
    copy.put_back(copy.lines)
    assert first_wrong(copy.data) == position + 1
    shutil.rmtree(copy.data)


def test_every_single_byte_of_a_record_counts(written: Written) -> None:
    written.write("one", "two", "three")
    (path,) = written.paths
    content = path.read_bytes()
    ends = [n for n, byte in enumerate(content) if byte == 10]
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert first_wrong(written.data) == 1 + sum(end < position for end in ends), position
    path.write_bytes(content)
    assert verify(written.data) == []


@PATIENT
@given(data=st.data())
def test_any_records_taken_away_are_found_at_the_first_of_them(three_months: Path, data: st.DataObject) -> None:
    copy = Copy(three_months)
    first = data.draw(st.integers(0, len(copy.lines) - 1))
    behind = data.draw(st.integers(first + 1, len(copy.lines)))
    copy.put_back(copy.lines[:first] + copy.lines[behind:])
    assert first_wrong(copy.data) == first + 1
    shutil.rmtree(copy.data)


@PATIENT
@given(data=st.data())
def test_records_that_change_places_are_found_at_the_first_of_them(three_months: Path, data: st.DataObject) -> None:
    copy = Copy(three_months)
    one, other = sorted(data.draw(st.sets(st.integers(0, len(copy.lines) - 1), min_size=2, max_size=2)))
    copy.lines[one], copy.lines[other] = copy.lines[other], copy.lines[one]
    copy.put_back(copy.lines)
    assert first_wrong(copy.data) == one + 1
    shutil.rmtree(copy.data)


@PATIENT
@given(data=st.data())
def test_a_record_put_in_is_found_at_its_place_however_well_it_is_made(three_months: Path, data: st.DataObject) -> None:
    copy = Copy(three_months)
    position = data.draw(st.integers(0, len(copy.lines) - 1))
    before = read(copy.lines[position - 1][:-1]).hash if position else "0" * 64
    forged, _ = line_of(position + 1, at("2026-10-01"), "look", {"actor": "nobody"}, before)
    forged = data.draw(st.sampled_from([forged, b"\n", b"no record\n", copy.lines[position]]))
    copy.put_back([*copy.lines[:position], forged, *copy.lines[position:]])
    assert first_wrong(copy.data) == position + 1
    shutil.rmtree(copy.data)


@PATIENT
@given(data=st.data())
def test_a_record_replaced_by_one_with_its_right_hash_is_found(three_months: Path, data: st.DataObject) -> None:
    copy = Copy(three_months)
    position = data.draw(st.integers(0, len(copy.lines) - 1))
    record = read(copy.lines[position][:-1])
    content = {**record.content, "actor": "somebody else"}
    copy.lines[position], _ = line_of(record.number, record.time_us, record.event, content, record.previous)
    copy.put_back(copy.lines)
    assert first_wrong(copy.data) == position + 1
    shutil.rmtree(copy.data)


@PATIENT
@given(data=st.data())
def test_a_chain_forged_from_a_record_to_the_end_is_found_by_what_was_noted_elsewhere(
    three_months: Path, data: st.DataObject
) -> None:
    copy = Copy(three_months)
    position = data.draw(st.integers(0, len(copy.lines) - 1))
    noted = [read(line[:-1]).noted for line in copy.lines]
    previous = noted[position - 1].hash if position else "0" * 64
    for n in range(position, len(copy.lines)):
        record = read(copy.lines[n][:-1])
        content = {**record.content, "actor": "somebody else"}
        copy.lines[n], previous = line_of(record.number, record.time_us, record.event, content, record.previous)
        if n + 1 < len(copy.lines):
            following = read(copy.lines[n + 1][:-1])
            copy.lines[n + 1], _ = line_of(
                following.number, following.time_us, following.event, following.content, previous
            )
    copy.put_back(copy.lines)
    # The head beside the files tells it, and so does any record behind the first forged one.
    assert verify(copy.data)
    (copy.data / files.HEAD_NAME).write_text(json.dumps({"number": len(noted), "hash": previous}))
    assert verify(copy.data) == []
    for seen in noted:
        assert bool(verify(copy.data, seen)) == (seen.number > position), seen
    shutil.rmtree(copy.data)


def test_a_change_in_the_audit_log_is_noticed(written: Written) -> None:
    written.write("one", "two", "three")
    (path,) = written.paths
    one, two, three = path.read_bytes().splitlines(keepends=True)
    for wrong, complaint in (
        (one + two.replace(b"Aldona", b"Birute") + three, "record 2 was altered (000000001-2026-11.jsonl, line 2)"),
        (one + three, "record 2 is missing before record 3"),
        (two + three, "record 1 is missing, and no record says that they were past their time"),
        (one + two, "record 3 is missing at the end"),
        (b"", "records 1 to 3 are missing at the end"),
        (one + two + three[:-3], "line 3, is torn"),
        (one + b"\xff\n" + three, "record 2 was altered"),
        (one + b"[" * 100_000 + b"\n" + three, "record 2 was altered"),
        (one + b'{"number": 1e999}\n' + three, "record 2 was altered"),
        (one + one + two + three, "record 1 stands where record 2 should be"),
    ):
        path.write_bytes(wrong)
        assert complaint in str(verify(written.data)[0])


def test_a_month_that_was_taken_away_is_found(three_months: Path) -> None:
    for position, (first, text) in enumerate(
        [(1, "records 1 to 4 are missing, and no record says"), (5, "records 5 to 8"), (9, "records 9 to 12")]
    ):
        copy = Copy(three_months)
        copy.paths[position].unlink()
        finding = verify(copy.data)[0]
        assert (finding.number, finding.text[: len(text)]) == (first, text)


def test_files_that_were_renamed_or_all_taken_away_are_found(three_months: Path) -> None:
    copy = Copy(three_months)
    copy.paths[0].rename(copy.paths[0].with_name("000000099-2026-09.jsonl"))
    assert first_wrong(copy.data) == 1
    copy = Copy(three_months)
    shutil.rmtree(copy.data / "audit")
    assert str(verify(copy.data)[0]) == "records 1 to 12 are missing at the end"


def test_without_the_head_the_end_is_said_to_be_unknown(three_months: Path) -> None:
    for content in (None, b"", b"\xff" * 128, b"[]", b"{}"):
        copy = Copy(three_months)
        head = copy.data / files.HEAD_NAME
        if content is None:
            head.unlink()
        else:
            head.write_bytes(content)
        assert "audit.head is missing or damaged" in str(verify(copy.data)[0])


def test_no_log_at_all_is_nothing_wrong_and_holds_nothing(tmp_path: Path) -> None:
    assert verify(tmp_path) == []
    assert page(tmp_path, Wanted(), 10).records == []
    assert list(every(tmp_path, Wanted())) == []


# --- how it is written ------------------------------------------------------------------------------------------------


def test_a_record_is_a_line_that_anybody_can_check(written: Written) -> None:
    """By the words of docs/audit-log.md, with nothing of ours."""
    written.write("one", "two")
    previous = "0" * 64
    for number, line in enumerate(written.paths[0].read_text().splitlines(), 1):
        members = json.loads(line)
        told = members.pop("hash")
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(canonical.encode()).hexdigest() == told
        assert (members["number"], members["previous"]) == (number, previous)
        previous = told
    assert written.paths[0].stat().st_mode & 0o077 == 0


def test_the_audit_log_goes_on_after_a_restart_and_a_power_cut(written: Written) -> None:
    written.write("one")
    with written.paths[0].open("ab") as file:
        file.write(b'{"number": 2, "ti')
    written.again()
    written.write("two")
    written.again()
    written.write("three")
    assert verify(written.data) == []
    assert written.events == ["one", "two", "three"]


def test_each_month_has_its_file_and_the_chain_goes_on(written: Written) -> None:
    written.write("one")
    written.now_us = at("2026-11-30T23:59:59.999999")
    written.write("two")
    written.now_us = at("2026-12-01")
    written.write("three")
    written.again()
    written.write("four")
    assert written.names == ["000000001-2026-11.jsonl", "000000003-2026-12.jsonl"]
    assert verify(written.data) == []


def test_a_clock_that_is_set_back_a_little_begins_no_file_and_one_that_leaps_does(written: Written) -> None:
    written.now_us = at("2026-12-01T00:00:01")
    written.write("one")
    written.now_us = at("2026-11-30T23:59:59")
    written.write("two")
    assert written.names == ["000000001-2026-12.jsonl"]
    written.now_us = at("2036-05-01")
    written.write("three")
    written.now_us = at("2026-12-02")
    written.write("four")
    written.again()
    written.write("five")
    assert written.names[1:] == ["000000003-2036-05.jsonl", "000000004-2026-12.jsonl"]
    assert verify(written.data) == []
    assert written.events == ["one", "two", "three", "four", "five"]


def test_records_of_two_months_that_wait_together_go_into_two_files(written: Written) -> None:
    held = threading.Event()
    written.log._thread.submit(held.wait)
    waiting: list[Future[Noted]] = []
    for day in ("2026-11-30", "2026-12-01", "2026-12-02", "2027-01-01", "2026-11-30"):
        written.now_us = at(day)
        waiting.append(written.log.submit(day, {}))
    held.set()
    assert [future.result(30).number for future in waiting] == [1, 2, 3, 4, 5]
    assert [name[10:17] for name in written.names] == ["2026-11", "2026-12", "2027-01", "2026-11"]
    assert verify(written.data) == []


def test_many_who_wait_at_once_are_written_with_one_sync(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    written.write("first")
    synced: list[int] = []
    real = os.fsync

    def count(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    held = threading.Event()
    written.log._thread.submit(held.wait)
    waiting = [written.log.submit("look", {"n": n}) for n in range(500)]
    held.set()
    assert [future.result(30).number for future in waiting] == list(range(2, 502))
    assert len(synced) == 1
    assert verify(written.data) == []


def test_many_threads_write_one_chain(written: Written) -> None:
    def work() -> None:
        for _ in range(25):
            written.log.append("look", {})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written.events) == 200
    assert verify(written.data) == []


def test_beginning_reads_the_end_of_the_newest_file_only(written: Written) -> None:
    for n in range(2_000):
        written.log.submit("look", {"n": n, "filling": "x" * 500})
    written.write("last")
    written.again()
    (path,) = written.paths
    size = path.stat().st_size
    assert size > 1_000_000
    before = _bytes_read()
    assert written.write("first of the next run").number == 2_002
    assert _bytes_read() - before < size // 4


def _bytes_read() -> int:
    return int(next(line for line in Path("/proc/self/io").read_text().splitlines() if "rchar" in line).split()[1])


def test_a_record_longer_than_any_block_is_resumed_after(written: Written) -> None:
    written.log.append("footage_deleted", {"cameras": {str(n): "x" * 100 for n in range(3_000)}})
    written.again()
    assert written.write("next").number == 2
    assert verify(written.data) == []


def test_what_the_disk_refuses_leaves_no_trace_and_is_said(written: Written) -> None:
    written.write("one")
    size = written.paths[0].stat().st_size
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, former[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            written.write("two")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert written.paths[0].stat().st_size == size
    assert written.write("three").number == 2
    assert written.events == ["one", "three"]
    assert verify(written.data) == []


def test_without_its_directory_nothing_is_written_and_it_is_said(written: Written) -> None:
    written.write("one")
    away = written.data.with_name("away")
    written.data.rename(away)
    with pytest.raises(FileNotFoundError):
        written.write("two")
    away.rename(written.data)
    assert written.write("three").number == 2
    assert verify(written.data) == []


def test_who_writes_after_the_end_is_told_so(written: Written) -> None:
    written.write("one")
    assert written.log.close()
    with pytest.raises(OSError, match="closed"):
        written.log.append("two", {})


def test_content_that_is_none_is_refused_and_spoils_nothing(written: Written) -> None:
    for content, why in (
        ({"odd": object()}, "not JSON serializable"),
        ({"number": 7}, "number is the audit log's own"),
        ({"hash": "mine"}, "hash is the audit log's own"),
        ({"broken": "\ud800"}, "surrogates"),
        ({"none": float("nan")}, "not JSON compliant"),
    ):
        with pytest.raises((TypeError, ValueError), match=why):
            written.log.append("one", content)
    assert written.write("two").number == 1
    assert verify(written.data) == []


# --- what somebody does while the recorder is away --------------------------------------------------------------------


def _cut(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def _forge(path: Path) -> None:
    *lines, last = path.read_bytes().splitlines(keepends=True)
    record = read(last[:-1])
    forged, _ = line_of(record.number, record.time_us, "nothing", {}, record.previous)
    path.write_bytes(b"".join([*lines, forged]))


@pytest.mark.parametrize("change", [_cut, _forge, Path.unlink], ids=["cut", "forged", "gone"])
def test_an_end_that_was_changed_stays_known_when_the_recorder_goes_on(
    written: Written, change: Callable[[Path], None]
) -> None:
    written.write("one", "two", "three", "four")
    change(written.paths[0])
    written.again()
    written.write("five")
    written.again()
    written.write("six")
    told = [finding for finding in verify(written.data) if "did not end as it was written" in str(finding)]
    assert len(told) == 1
    (damage,) = (record for record in every(written.data, Wanted()) if record.event == "audit_damaged")
    assert damage.content["details"]["expected_number"] == 4
    assert written.events[-2:] == ["five", "six"]


def test_a_head_that_was_taken_away_stays_known(written: Written) -> None:
    written.write("one")
    (written.data / files.HEAD_NAME).unlink()
    written.again()
    written.write("two")
    assert written.events == ["one", "audit_damaged", "two"]
    assert [finding.number for finding in verify(written.data)] == [2]


def test_behind_a_damaged_last_line_the_log_goes_on(written: Written) -> None:
    written.write("one", "two")
    (path,) = written.paths
    one, _ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(one + b"scribble\n")
    written.again()
    assert written.write("three").number == 4
    numbers = [finding.number for finding in verify(written.data)]
    assert numbers == [2, 3]
    assert written.events == ["one", "audit_damaged", "three"]


# --- months that are over ---------------------------------------------------------------------------------------------


def test_a_month_is_deleted_24_months_after_its_end_and_that_is_proved(written: Written) -> None:
    last = written.write("one", "two", "three")
    written.now_us = at("2027-06-01")
    written.write("four")
    written.now_us = at("2028-11-30T23:59:59")
    assert written.log.trim().result() == 0
    written.now_us = at("2028-12-01")
    assert written.log.trim().result() == 1
    assert written.names == ["000000004-2027-06.jsonl", "000000005-2028-12.jsonl"]
    assert verify(written.data) == []
    (told,) = every(written.data, Wanted(event="audit_trimmed"))
    assert told.content["details"] == {
        "file": "000000001-2026-11.jsonl",
        "month": "2026-11",
        "last_number": last.number,
        "last_hash": last.hash,
    }
    assert "record 3 is past its time" in str(verify(written.data, last)[0])


def test_trimmed_as_told_is_told_from_taken_away(written: Written) -> None:
    written.write("one", "two")
    for day in ("2027-06-01", "2028-12-01"):
        written.now_us = at(day)
        written.write("more")
    assert written.log.trim().result() == 1
    assert verify(written.data) == []
    written.paths[0].unlink()
    assert str(verify(written.data)[0]).startswith("records 1 to 3 are missing, and no record says")


def test_a_log_trimmed_before_its_time_is_found(written: Written) -> None:
    last = written.write("one", "two")
    written.now_us = at("2026-12-01")
    details = {"file": "…", "month": "2026-11", "last_number": last.number, "last_hash": last.hash}
    written.log.append("audit_trimmed", {"details": details})
    written.paths[0].unlink()
    assert [str(finding) for finding in verify(written.data)] == ["record 3 tells of records deleted before their time"]


def test_a_stop_between_the_record_and_the_deletion_is_made_good(written: Written) -> None:
    written.write("one")
    written.now_us = at("2029-01-01")
    written.write("two")
    kept = written.paths[0].read_bytes()
    path = written.paths[0]
    assert written.log.trim().result() == 1
    path.write_bytes(kept)
    assert verify(written.data) == []
    written.again()
    assert written.log.trim().result() == 1
    assert verify(written.data) == []
    assert not path.exists()


def test_the_newest_file_stays_however_old_it_is(written: Written) -> None:
    written.write("one")
    written.now_us = at("2050-01-01")
    assert written.log.trim().result() == 0
    assert written.events == ["one"]


def _named(*months: str) -> list[LogFile]:
    return [LogFile(Path("x"), n, month) for n, month in enumerate(months)]


def test_a_file_of_a_wrong_clock_neither_blocks_nor_goes_early() -> None:
    now = at("2029-01-15")
    assert effective_months(_named("2026-10", "1970-01", "2026-11"), now) == ["2026-10", "2026-11", "2026-11"]
    assert effective_months(_named("2026-10", "2036-05", "2026-11"), now) == ["2026-10", "2026-11", "2026-11"]
    assert effective_months(_named("1970-01", "2026-11"), now) == ["2026-11", "2026-11"]
    assert effective_months(_named("2026-11", "2036-05"), now) == ["2026-11", "2029-01"]
    assert effective_months(_named("1970-01"), now) == ["2029-01"]


@given(st.integers(at("2020-01-01"), at("2190-01-01")), st.integers(0, 60))
def test_a_month_is_kept_for_24_months_after_its_end_and_no_longer(now_us: int, months_ago: int) -> None:
    now = utc.from_us(now_us)
    count = now.year * 12 + now.month - 1 - months_ago
    month = f"{count // 12:04d}-{count % 12 + 1:02d}"
    assert is_past(month, now_us) == (months_ago > 24)


# --- the log of former versions ---------------------------------------------------------------------------------------


def _former(*times: str) -> bytes:
    """Lines as the former version wrote them."""
    content, previous = b"", "0" * 64
    for number, time in enumerate(times, 1):
        members = {
            "number": number,
            "time": utc.to_text(at(time)),
            "event": "footage_deleted",
            "reason": "retention",
            "files": 1,
            "bytes": 7,
            "cameras": {"stop": {"files": 1}},
            "previous": previous,
        }
        canonical = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(canonical.encode()).hexdigest()
        content += json.dumps({**members, "hash": previous}, ensure_ascii=False).encode() + b"\n"
    return content


def test_the_log_of_the_former_version_is_taken_over_with_its_chain(tmp_path: Path) -> None:
    content = _former("2026-09-30", "2026-10-01", "2026-10-02", "2026-11-22")
    path = tmp_path / "audit.jsonl"
    path.write_bytes(content + b'{"number": 5, "to')
    assert "torn" in str(verify(tmp_path)[0])
    path.write_bytes(content)
    assert verify(tmp_path) == []
    written = Written(tmp_path, "2026-11-23")
    assert written.write("first of the new").number == 5
    assert not path.exists()
    assert [name[:9] for name in written.names] == ["000000001", "000000002", "000000004"]
    whole = b"".join(each.read_bytes() for each in written.paths)
    assert whole.startswith(content)
    assert verify(tmp_path) == []


def test_damage_in_the_former_log_is_taken_over_as_it_is(tmp_path: Path) -> None:
    one, two, three = _former("2026-09-30", "2026-10-01", "2026-10-02").splitlines(keepends=True)
    (tmp_path / "audit.jsonl").write_bytes(one + two.replace(b"7", b"8", 1) + b"\n" + three)
    written = Written(tmp_path)
    written.write("next")
    assert verify(tmp_path)[0].number == 2


def test_a_power_cut_while_the_former_log_is_taken_over_loses_nothing(tmp_path: Path) -> None:
    content = _former("2026-09-30", "2026-10-01")
    (tmp_path / "audit.jsonl").write_bytes(content)
    beside = tmp_path / "audit.new"
    beside.mkdir()
    (beside / "000000001-2026-09.jsonl").write_bytes(content[:50])
    (tmp_path / files.HEAD_NAME).write_bytes(b"")
    written = Written(tmp_path)
    assert written.write("three").number == 3
    assert verify(tmp_path) == []
    # The other half: everything is in its place, only the former file is still there.
    (tmp_path / "audit.jsonl").write_bytes(content)
    written.again()
    assert written.write("four").number == 4
    assert not (tmp_path / "audit.jsonl").exists()
    assert verify(tmp_path) == []


# --- reading it -------------------------------------------------------------------------------------------------------


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


def test_the_log_can_be_proved_while_it_is_written(written: Written) -> None:
    """Nothing is read between a line and its head."""
    going = threading.Event()
    going.set()
    found: list[Finding] = []

    def look() -> None:
        while going.is_set():
            found.extend(verify(written.data))

    written.write("first")
    looking = threading.Thread(target=look)
    looking.start()
    for n in range(300):
        written.log.append("look", {"n": n, "filling": "x" * 5_000})
    going.clear()
    looking.join()
    assert found == []
