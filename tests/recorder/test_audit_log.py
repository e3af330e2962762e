"""The audit log on a real disk: what is written stays, through restarts, power cuts and full disks."""

import errno
import hashlib
import json
import os
import resource
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from safe_community_recorder import utc
from safe_community_recorder.audit import files
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.record import Noted
from safe_community_recorder.audit.verification import verify
from tests.recorder.audit_logs import Written, at


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
    assert written.events == ["one", "audit_torn", "two", "three"]
    (torn,) = every(written.data, Wanted(event="audit_torn"))
    assert torn.content["details"] == {"bytes": 17}


def test_the_recorder_and_a_command_write_in_turn_and_nothing_is_wrong(written: Written) -> None:
    command = AuditLog(written.data)
    for number in range(3):
        written.write(f"recorder {number}")
        command.append(f"command {number}", {"actor": "command line"})
    written.write("recorder 3")
    command.close()
    assert verify(written.data) == []
    assert written.events == [f"{who} {n}" for n in range(3) for who in ("recorder", "command")] + ["recorder 3"]


def test_a_torn_record_is_told_of_even_if_the_disk_is_full_at_first(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.write("one")
    with written.paths[0].open("ab") as file:
        file.write(b"{")
    written.again()
    with monkeypatch.context() as full:
        full.setattr("safe_community_recorder.audit.log._append", _no_room)
        with pytest.raises(OSError, match="No space left"):
            written.write("two")
    written.write("three")
    assert written.events == ["one", "audit_torn", "three"]


def _no_room(_path: Path, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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
