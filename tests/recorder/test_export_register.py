"""The register of packages, and what a package says of the footage in it."""

from dataclasses import replace
from pathlib import Path

from safe_community_recorder.archive.timeline import Gap
from safe_community_recorder.cause import Cause
from safe_community_recorder.evidence.contents import (
    NOT_RECORDED,
    UNEXPLAINED,
    PackedFile,
    clock_source,
    missing_of,
)
from safe_community_recorder.evidence.register import Export, Failure, Register, Result, State
from safe_community_recorder.media.clip import Clip, Piece
from tests.recorder.packages import ITEM, NOON_US, REQUEST, S


def clip_with(*pieces: tuple[int, int]) -> Clip:
    found = tuple(Piece(NOON_US + start, NOON_US + end, 0) for start, end in pieces)
    return Clip(b"", (), found[0].start_us, found[-1].end_us, pieces=found)


def test_holes_have_the_cause_that_was_noted_for_most_of_them() -> None:
    item = replace(ITEM, end_us=NOON_US + 100 * S)
    clip = clip_with((0, 10 * S), (20 * S, 30 * S), (31 * S, 80 * S))
    gaps = [
        Gap(NOON_US + 8 * S, NOON_US + 12 * S, Cause.PACKETS_LOST),
        Gap(NOON_US + 12 * S, NOON_US + 20 * S, Cause.DISK),
    ]
    first, last = missing_of(item, clip, gaps)
    assert (first.start_us, first.end_us, first.cause) == (NOON_US + 10 * S, NOON_US + 20 * S, "disk")
    assert (last.start_us, last.end_us, last.cause) == (NOON_US + 80 * S, item.end_us, UNEXPLAINED)
    lasting = [Gap(NOON_US + 80 * S, None, Cause.CAMERA_UNREACHABLE)]
    assert missing_of(item, clip, lasting)[-1].cause == "camera_unreachable"


def test_without_a_clip_everything_is_missing() -> None:
    (missing,) = missing_of(ITEM, None, [])
    assert (missing.start_us, missing.end_us) == (ITEM.start_us, ITEM.end_us)


def test_the_clocks_of_several_files_are_mixed() -> None:
    assert clock_source([]) is None
    assert clock_source(["arrival"] * 2) == "arrival"
    assert clock_source(["sender_report"]) == "sender_report"
    assert clock_source(["sender_report", "arrival"]) == "mixed"


# --- the register -----------------------------------------------------------------------------------------------------


def test_the_register_remembers_everything_and_passes_over_what_a_power_cut_left(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.load()
    assert register.next_number(2026) == "2026-0001"
    first = Export(replace(REQUEST, number="2026-0001"), changed_us=NOON_US)
    register.put(first)
    clip = PackedFile("clips/x.mp4", 5, "ab" * 32)
    done = replace(
        first,
        state=State.DONE,
        changed_us=NOON_US + S,
        result=Result(9, "cd" * 32, (clip,)),
        expires_us=NOON_US + 9 * S,
    )
    register.put(done)
    second = Export(replace(REQUEST, number="2026-0002"), changed_us=NOON_US)
    register.put(second)
    failed = replace(second, state=State.FAILED, failure=Failure.NO_SPACE, problem="full")
    register.put(failed)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'\n{"export": "2026-0003", "sta')
    again = Register(tmp_path)
    again.load()
    assert again.exports == [done, failed]
    assert again.next_number(2026) == "2026-0003"
    assert again.next_number(2027) == "2027-0001"
    third = Export(replace(REQUEST, number="2026-0003"), changed_us=NOON_US)
    again.put(third)
    final = Register(tmp_path)
    final.load()
    assert final.exports == [done, failed, third]


def test_a_number_is_taken_before_its_request_is_on_the_record(tmp_path: Path) -> None:
    register = Register(tmp_path)
    request = replace(REQUEST, number="2026-0001", trace=NOT_RECORDED)
    reserved = Export(request, State.FAILED, NOON_US, Failure.AUDIT_UNAVAILABLE, "it did not get on the record")
    register.put(reserved)
    again = Register(tmp_path)
    again.load()
    assert again.exports == [reserved]
    assert again.next_number(2026) == "2026-0002"
    recorded = Export(replace(REQUEST, number="2026-0001"), changed_us=NOON_US)
    again.put(recorded)
    final = Register(tmp_path)
    final.load()
    assert final.exports == [recorded]


def test_numbers_of_a_year_never_end(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.put(Export(replace(REQUEST, number="2026-9999"), changed_us=NOON_US))
    assert register.next_number(2026) == "2026-10000"
