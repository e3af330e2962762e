"""Whatever is done to the audit log's files is found, at the first record that it was done to."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safe_community_recorder.__main__ import main
from safe_community_recorder.audit import files
from safe_community_recorder.audit.reading import Wanted, every, page
from safe_community_recorder.audit.record import line_of, read
from safe_community_recorder.audit.verification import Finding, verify
from tests.recorder.audit_logs import PATIENT, Copy, Written, at, first_wrong

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


def test_what_was_being_written_when_the_recorder_was_killed_is_told_from_tampering(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written.write("one", "two")
    (path,) = written.paths
    whole = path.read_bytes()
    third, _ = line_of(3, written.now_us, "three", {}, read(whole.splitlines()[-1]).hash)
    for length in range(1, len(third)):
        path.write_bytes(whole + third[:length])
        assert [(finding.number, finding.harmless) for finding in verify(written.data)] == [(3, True)]
    assert main(["audit", "verify", "--data", str(written.data)]) == 0
    told = capsys.readouterr()
    assert "was being written when the recorder broke off" in told.out
    assert told.err.startswith("nothing wrong; ")
    # Whoever tears a record that had been told of, or one before it, is found.
    for length in (len(whole) - 1, len(whole) - 40):
        path.write_bytes(whole[:length])
        assert [(finding.number, finding.harmless) for finding in verify(written.data)] == [(2, False)]
        assert main(["audit", "verify", "--data", str(written.data)]) == 1


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
