"""When pictures are decoded, reckoned from when they are shown."""

from copy import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.decoding import DecodingTimes
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import encode

STEP = 3_600
UNIT = encode(10).units[1]


def picture(pts_90k: int, *, is_key: bool = False) -> AccessUnit:
    return replace(UNIT, pts_90k=pts_90k, dts_90k=pts_90k, is_key=is_key)


def groups(count: int, b_frames: int, length: int = 12) -> list[AccessUnit]:
    """Pictures as they are sent: each that others refer to comes before the B-frames that are shown before it."""
    order = [0]
    for first in range(1, length, b_frames + 1):
        part = list(range(first, min(first + b_frames + 1, length)))
        order += [part[-1], *part[:-1]]
    return [picture((number * length + at) * STEP, is_key=at == 0) for number in range(count) for at in order]


def decoded(units: list[AccessUnit], held: int) -> list[AccessUnit]:
    times = DecodingTimes()
    times.holds(held)
    return [timed for unit in units for timed in times.take(unit)] + [*times.finish()]


@pytest.mark.parametrize("b_frames", [0, 1, 2, 3])
def test_pictures_are_decoded_one_step_after_the_other(b_frames: int) -> None:
    sent = groups(4, b_frames)
    timed = decoded(sent, 1 if b_frames else 0)
    assert [unit.pts_90k for unit in timed] == [unit.pts_90k for unit in sent]
    steps = [after.dts_90k - before.dts_90k for before, after in pairwise(timed)]
    # Of the very first picture only its neighbours in time tell how long before the second it was decoded.
    assert set(steps[1:]) == {STEP}
    assert all(unit.dts_90k <= unit.pts_90k for unit in timed)


@pytest.mark.parametrize("joined_at", range(1, 12))
def test_who_joins_within_a_group_is_right_from_the_first_whole_group_on(joined_at: int) -> None:
    timed = decoded(groups(4, 2)[joined_at:], 1)
    after = [number for number, unit in enumerate(timed) if unit.is_key][-2]
    assert {two.dts_90k - one.dts_90k for one, two in pairwise(timed[after:])} == {STEP}


@pytest.mark.parametrize("twice_at", range(12))
def test_a_picture_that_comes_twice_is_forgotten_with_its_group(twice_at: int) -> None:
    sent = groups(4, 2)
    timed = decoded([*sent[: twice_at + 1], *sent[twice_at:]], 1)
    second = [number for number, unit in enumerate(timed) if unit.is_key][-2]
    assert {two.dts_90k - one.dts_90k for one, two in pairwise(timed[second:])} == {STEP}


def test_a_beginning_that_comes_twice_is_decoded_as_it_would_be_once() -> None:
    sent = groups(3, 2)
    timed = decoded([*sent[:3], *sent], 2)
    assert [unit.dts_90k // STEP for unit in timed[:8]] == [-2, -1, 0, 0, 0, 0, 1, 2]
    assert {two.dts_90k - one.dts_90k for one, two in pairwise(timed[6:])} == {STEP}


def test_a_stream_in_order_stays_in_order_when_its_beginning_comes_twice() -> None:
    sent = groups(3, 0)
    timed = decoded([*sent[:2], *sent], 0)
    assert [unit.dts_90k for unit in timed[4:]] == [unit.pts_90k for unit in timed[4:]]
    assert all(two.dts_90k > one.dts_90k for one, two in pairwise(timed))


@pytest.mark.parametrize("held", [0, 1])
@pytest.mark.parametrize("jump_s", [-9, -2, 9, 3_600])
def test_a_clock_that_is_set_is_no_reordering(jump_s: int, held: int) -> None:
    before = groups(2, 0)
    after = [picture(unit.pts_90k + jump_s * 90_000, is_key=unit.is_key) for unit in groups(4, 0)[24:]]
    timed = decoded([*before, *after], held)
    # From the second picture after the jump on each lasts as long as it should.
    assert {two.dts_90k - one.dts_90k for one, two in pairwise(timed[25:])} == {STEP}
    assert all(unit.pts_90k - unit.dts_90k in (0, STEP) for unit in timed[25:])


def test_reordering_that_nothing_had_announced_is_noticed() -> None:
    timed = decoded(groups(4, 2), 0)
    last = [number for number, unit in enumerate(timed) if unit.is_key][-1]
    assert {two.dts_90k - one.dts_90k for one, two in pairwise(timed[last:])} == {STEP}
    assert all(two.dts_90k > one.dts_90k for one, two in pairwise(timed))


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.booleans()), max_size=60), st.integers(0, 20))
def test_no_picture_is_lost_whatever_the_times_are(times: list[tuple[int, bool]], held: int) -> None:
    sent = [picture(pts, is_key=is_key) for pts, is_key in times]
    assert [unit.pts_90k for unit in decoded(sent, held)] == [unit.pts_90k for unit in sent]


def test_a_clock_that_stands_still_is_said() -> None:
    times = DecodingTimes()
    for _ in range(3):
        times.take(picture(0))
    assert not times.stands_still
    for _ in range(3):
        assert len(times.take(picture(0))) == 1
    assert times.stands_still
    times.take(picture(STEP))
    assert not times.stands_still
