"""The long run's own measures: what it calls lost, late, wrong or growing is that."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.wire.document import put
from benchmarks.wire.faults import STOPPED, Fault, timetable
from benchmarks.wire.footage import KINDS, Footage
from benchmarks.wire.verdict import Happened, Memory, Verdict
from benchmarks.wire.witness import Witness

_EPOCH_UTC = 1_795_000_000.0
_RATE = KINDS["sub"].rate
_SECONDS = 120
_HANGS = Happened(Fault("hangs", 0, 40, 50), _EPOCH_UTC + 40, _EPOCH_UTC + 50)


def memory(*sizes_mb: float) -> list[Memory]:
    """Sizes, a minute apart."""
    return [Memory(60.0 * minute, round(size * 1e6)) for minute, size in enumerate(sizes_mb)]


def verdict(
    recorded: Sequence[int],
    *,
    late_s: float = 0,
    happened: Sequence[Happened] = (_HANGS,),
    mb: Sequence[float] = (100,) * 9,
) -> Verdict:
    """Of a run with one camera, of which these pictures are recorded."""
    witness = Witness(Path(), Footage(KINDS["sub"], ()), [_EPOCH_UTC], _SECONDS)
    for number in recorded:
        witness.note(0, number, _EPOCH_UTC + number / _RATE + late_s)
    return Verdict(happened, memory(*mb), witness, 1, _EPOCH_UTC + _SECONDS)


def without(begin_s: float, end_s: float) -> list[int]:
    """All pictures but those of a time."""
    return [number for number in range(_SECONDS * _RATE) if not begin_s * _RATE <= number < end_s * _RATE]


def test_what_a_fault_took_is_not_lost_and_how_long_the_camera_took_is_told() -> None:
    found = verdict(without(40, 57))
    assert found.good
    assert (found.lost, found.twice) == (0, 0)
    assert found.back_s == {"hangs": [7.0]}


def test_a_single_picture_outside_a_fault_is_lost() -> None:
    found = verdict([number for number in without(40, 57) if number not in (300, 900)])
    assert found.lost == 2
    assert not found.good


def test_a_camera_that_comes_back_late_or_never_is_told() -> None:
    assert not verdict(without(40, 85)).good
    assert verdict(without(40, _SECONDS)).back_s == {"hangs": [None]}
    assert not verdict(without(40, _SECONDS)).good


def test_a_picture_that_is_recorded_again_is_told_unless_a_fault_did_it() -> None:
    assert verdict([*without(40, 50), 450]).good
    assert verdict([*without(40, 50), 700]).twice == 1
    assert not verdict([*without(40, 50), 700]).good


def test_wrong_times_are_told() -> None:
    assert verdict(without(0, 0), happened=(), late_s=0.04).good
    assert not verdict(without(0, 0), happened=(), late_s=0.06).good


def test_memory_that_grows_is_told_and_that_of_the_beginning_is_not() -> None:
    assert verdict(without(0, 0), happened=(), mb=(50, 90, 100, 100, 101, 100, 100, 101, 100, 100)).good
    assert not verdict(without(0, 0), happened=(), mb=(50, 60, 70, 80, 90, 100, 110, 120, 130, 140)).good


def test_who_recorded_nothing_is_not_judged() -> None:
    with pytest.raises(LookupError, match="camera 0"):
        verdict([])


@given(count=st.integers(1, 60), cameras=st.integers(1, 10), seed=st.integers(0, 1000))
def test_a_camera_has_time_to_recover_before_its_next_fault(count: int, cameras: int, seed: int) -> None:
    faults = timetable(count, cameras, 1800, random.Random(seed))

    def of(camera: int) -> Iterator[Fault]:
        return (fault for fault in faults if fault.concerns(camera))

    for camera in range(cameras):
        assert all(after.begin_s >= before.end_s + 40 for before, after in pairwise(of(camera)))
    assert all(20 <= fault.begin_s < fault.end_s <= 1800 - 40 for fault in faults)


def test_two_hours_have_time_for_two_hundred_faults_of_every_kind() -> None:
    faults = timetable(200, 24, 7200, random.Random(1))
    assert len(faults) == 200
    kinds = [fault.kind for fault in faults]
    assert min(map(kinds.count, kinds)) >= 14
    assert STOPPED in kinds


def test_tables_go_between_their_comments_and_nothing_else_changes(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- x -->\nold\n<!-- end of x -->\nafter\n")
    put(document, "x", ["| a |", "| --- |"])
    put(document, "x", ["| b |", "| --- |"])
    assert document.read_text() == "before\n<!-- x -->\n\n| b |\n| --- |\n\n<!-- end of x -->\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        put(document, "y", [])
