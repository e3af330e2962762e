"""Activity by the second and block: as bytes, as values, as ranges in which anything moved in an area."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.archive.activity import (
    ActivitySecond,
    Blocks,
    PackedArea,
    days_between,
    encode,
    records,
    stepped,
    values,
)

NOON = 1_795_348_800
ROWS, COLUMNS = 22, 40


def blocks(*places: tuple[int, int], shape: tuple[int, int] = (ROWS, COLUMNS)) -> Blocks:
    found = np.zeros(shape, dtype=np.bool_)
    for row, column in places:
        found[row, column] = True
    return found


def second(at_s: int, *places: tuple[int, int], activity: float | None = None) -> ActivitySecond:
    moved = blocks(*places)
    return ActivitySecond(at_s, float(moved.mean()) if activity is None else activity, moved)


def written(*batches: list[ActivitySecond]) -> bytes:
    return b"".join(record for batch in batches for _, record in encode(batch))


def told(data: bytes, start_s: int, end_s: int) -> list[float | None]:
    found = values(records(data), start_s, end_s).tolist()
    return [None if value != value else round(value, 4) for value in found]


def moved_in(data: bytes, area: Blocks) -> dict[int, float]:
    return {
        at_s: share for one in records(data) for at_s, share in zip(*one.moved_in(PackedArea.of(area)), strict=True)
    }


def test_what_nobody_looked_at_is_told_from_what_did_not_move() -> None:
    data = written([second(NOON, activity=0.5), second(NOON + 1), second(NOON + 3)])
    assert told(data, NOON - 1, NOON + 5) == [None, 0.5, 0.0, None, 0.0, None]


def test_however_little_moved_it_is_not_nothing() -> None:
    data = written([second(NOON, activity=1e-9)])
    assert values(records(data), NOON, NOON + 1)[0] > 0


def test_a_quiet_minute_takes_next_to_nothing_and_a_busy_one_little() -> None:
    quiet = written([second(NOON + n) for n in range(60)])
    assert len(quiet) == 26
    walks = [
        second(NOON + n, *((row, column) for row in range(8, 12) for column in (n // 2, n // 2 + 1))) for n in range(60)
    ]
    assert len(written(walks)) < 600


def test_blocks_outside_of_what_is_watched_are_found_though_they_count_for_nothing() -> None:
    data = written([second(NOON, (5, 5), activity=0.0)])
    assert moved_in(data, blocks((5, 5))) == {NOON: 1.0}


def test_an_area_knows_when_anything_moved_in_it() -> None:
    corner, elsewhere = (21, 0), (3, 30)
    data = written(
        [second(NOON, elsewhere), second(NOON + 1, corner, elsewhere), second(NOON + 2), second(NOON + 3, corner)]
    )
    area = blocks((21, 0), (21, 1), (20, 0), (20, 1))
    assert moved_in(data, area) == {NOON + 1: 0.25, NOON + 3: 0.25}
    assert moved_in(data, blocks((0, 0))) == {}


def test_records_that_overlap_tell_the_most_of_both() -> None:
    """The clock was set back, or a second was handed over in two parts."""
    first = [second(NOON, (1, 1)), second(NOON + 1), second(NOON + 2, (1, 1), (2, 2))]
    data = written(first, [second(NOON + 1, (3, 3)), second(NOON + 2)])
    assert told(data, NOON, NOON + 3) == [*told(written(first), NOON, NOON + 1), 0.0011, 0.0023]
    assert moved_in(data, np.ones((ROWS, COLUMNS), dtype=np.bool_)).keys() == {NOON, NOON + 1, NOON + 2}


def test_pictures_of_another_shape_have_records_of_their_own() -> None:
    small = ActivitySecond(NOON + 1, 0.1, blocks((0, 0), shape=(9, 16)))
    data = written([second(NOON, (0, 0)), small, second(NOON + 2)])
    assert [(one.rows, one.columns) for one in records(data)] == [(22, 40), (9, 16), (22, 40)]
    assert told(data, NOON, NOON + 3) == [0.0011, 0.1, 0.0]


def test_a_record_ends_with_the_minute_and_so_with_the_day() -> None:
    midnight = NOON // 86_400 * 86_400 + 86_400
    found = list(encode([second(midnight + n) for n in range(-70, 70)]))
    assert [at_s - midnight for at_s, _ in found] == [-70, -60, 0, 60]
    assert days_between(midnight - 1, midnight + 1) == ["2026/11/22", "2026/11/23"]


@given(st.data())
def test_torn_and_damaged_records_cost_no_other(data: st.DataObject) -> None:
    parts = [written([second(NOON + 60 * n, (n % ROWS, 3)), second(NOON + 60 * n + 1)]) for n in range(4)]
    hurt = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(parts[hurt]) - 1))
    if data.draw(st.booleans()):
        parts[hurt] = parts[hurt][:at]
    else:
        parts[hurt] = (
            parts[hurt][:at] + bytes([parts[hurt][at] ^ data.draw(st.integers(1, 255))]) + parts[hurt][at + 1 :]
        )
    found = {one.start_s for one in records(b"".join(parts))}
    assert found >= {NOON + 60 * n for n in range(4) if n != hurt}
    assert found <= {NOON + 60 * n for n in range(4)}


@given(st.binary(max_size=300))
def test_any_bytes_are_records_or_nothing(data: bytes) -> None:
    whole = written([second(NOON, (1, 1))])
    assert [one.start_s for one in records(data + whole)] == [NOON]
    assert [one.start_s for one in records(whole + data)] == [NOON]


SECONDS = st.lists(
    st.tuples(
        st.integers(0, 200), st.floats(0, 1), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=4)
    ),
    max_size=40,
    unique_by=lambda one: one[0],
)


@given(SECONDS)
def test_what_is_written_is_read(seconds: list[tuple[int, float, list[tuple[int, int]]]]) -> None:
    given_ones = [ActivitySecond(NOON + at, share, blocks(*places, shape=(6, 9))) for at, share, places in seconds]
    data = written(given_ones)
    each = values(records(data), NOON, NOON + 201)
    for one in given_ones:
        assert each[one.at_s - NOON] == pytest.approx(one.activity, abs=1 / 65_534)
    assert int(np.isfinite(each).sum()) == len(given_ones)
    everywhere = np.ones((6, 9), dtype=np.bool_)
    assert moved_in(data, everywhere) == {one.at_s: one.blocks.mean() for one in given_ones if one.blocks.any()}


def test_a_step_has_the_most_of_its_seconds() -> None:
    nobody = float("nan")
    each = np.array([0, 0.5, nobody, nobody, nobody, nobody, 0.25], dtype=np.float32)
    steps = stepped(each, 3).tolist()
    assert steps[0] == 0.5
    assert steps[1] != steps[1]
    assert steps[2] == 0.25
