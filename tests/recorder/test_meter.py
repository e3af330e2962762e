"""What a stream's numbers are, whatever its clock and its arrivals are like; and which changes of them are told."""

import tracemalloc
from collections.abc import Iterable, Sequence
from copy import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.meter import Meter, Numbers, Telling, matters
from safe_community_recorder.media.video import AccessUnit, VideoFormat

SECOND_US = 1_000_000
BEAT_US = 190_000
UTC_US = 1_795_000_000 * SECOND_US
"""The camera's UTC at the steady clock's zero, where nothing else is said."""
VIDEO = VideoFormat("h264", 64, 48, ())


def stream(
    seconds: float,
    rate: float = 25.0,
    group: int = 50,
    size_bytes: int = 10_000,
    ahead_us: int | None = None,
    *,
    clock_rate: float = 1.0,
) -> list[AccessUnit]:
    """Pictures that arrive in beats; keyframes are ten times as large. `clock_rate` is how fast the camera's runs."""
    units = []
    for number in range(round(seconds * rate)):
        taken_us = round(number * SECOND_US / rate)
        arrival_us = -(-taken_us // BEAT_US) * BEAT_US
        is_key = number % group == 0
        sender_us = None if ahead_us is None else UTC_US + taken_us + ahead_us
        at_90k = round(number * 90_000 * clock_rate / rate)
        data = b"\0" * (10 * size_bytes if is_key else size_bytes)
        units.append(AccessUnit(data, at_90k, at_90k, is_key, arrival_us, VIDEO, sender_us))
    return units


def measured(units: Iterable[AccessUnit], meter: Meter | None = None) -> Numbers:
    meter = meter or Meter()
    for unit in units:
        meter.take(unit)
    return meter.numbers(UTC_US)


@pytest.mark.parametrize(("rate", "group"), [(25.0, 50), (25.0, 25), (5.0, 20), (12.5, 50), (25.0, 1), (1.0, 2)])
def test_the_numbers_are_those_of_the_stream(rate: float, group: int) -> None:
    numbers = measured(stream(30, rate, group))
    assert numbers.frame_rate == pytest.approx(rate, rel=0.01)
    assert numbers.group_s == pytest.approx(group / rate, abs=0.01)
    assert numbers.bitrate_bps == pytest.approx(rate * 10_000 * 8 * (group + 9) / group, rel=0.01)
    last_key_us = (round(30 * rate) - 1) // group * group * SECOND_US / rate
    assert numbers.last_keyframe_us == pytest.approx(last_key_us, abs=BEAT_US)


def test_nothing_is_said_before_it_is_known_and_nothing_of_a_camera_that_is_gone() -> None:
    meter = Meter()
    assert meter.numbers(UTC_US) == Numbers()
    first, *others = stream(4, ahead_us=0)
    meter.take(first)
    assert meter.numbers(UTC_US) == Numbers(last_keyframe_us=0, clock_offset_s=0)
    assert measured(others, meter).frame_rate == 25
    meter.begin_anew()
    assert meter.numbers(UTC_US) == Numbers()


@pytest.mark.parametrize("clock_rate", [0.0, 0.01, -1.0, 90.0])
def test_where_the_cameras_clock_is_of_no_use_arrivals_count(clock_rate: float) -> None:
    numbers = measured(stream(30, clock_rate=clock_rate))
    assert numbers.frame_rate == pytest.approx(25, rel=0.05)
    assert numbers.group_s == pytest.approx(2, abs=BEAT_US / SECOND_US)


def test_a_jump_of_the_cameras_clock_is_forgotten_after_a_while() -> None:
    units = stream(40)
    jumped = [
        replace(unit, dts_90k=unit.dts_90k + 3_600 * 90_000) if n >= 500 else unit for n, unit in enumerate(units)
    ]
    assert measured(jumped[:540]).frame_rate == pytest.approx(25, rel=0.05)
    assert measured(jumped) == measured(units)


def test_a_change_shows_within_the_window() -> None:
    meter = Meter()
    day = stream(30)
    measured(day, meter)
    at = day[-1]
    night = [
        replace(u, dts_90k=u.dts_90k + at.dts_90k + 3_600, arrival_us=u.arrival_us + at.arrival_us)
        for u in stream(13, rate=10, group=20, size_bytes=1_000)
    ]
    numbers = measured(night, meter)
    assert numbers.frame_rate == pytest.approx(10, rel=0.05)
    assert numbers.group_s == pytest.approx(2, abs=0.1)
    assert numbers.bitrate_bps == pytest.approx(10 * 1_000 * 8 * 29 / 20, rel=0.1)


def test_of_groups_longer_than_the_window_the_last_whole_one_counts() -> None:
    units = stream(100, rate=10, group=300)
    assert measured(units[:250]).group_s is None
    assert measured(units[:250]).frame_rate == pytest.approx(10, rel=0.05)
    for end in range(310, 1_000, 45):
        numbers = measured(units[:end])
        assert numbers.group_s == pytest.approx(30, abs=0.1)
        assert numbers.frame_rate == pytest.approx(10, rel=0.05)


def test_the_longest_of_groups_of_different_lengths_is_told() -> None:
    units = [replace(unit, is_key=n % 75 in (0, 10)) for n, unit in enumerate(stream(30))]
    assert measured(units).group_s == pytest.approx(65 / 25, abs=0.01)


@pytest.mark.parametrize("ahead_s", [0.0, -7_200.0, 0.25, 30.0])
def test_the_clocks_difference_is_that_of_the_earliest_arrivals(ahead_s: float) -> None:
    numbers = measured(stream(12, ahead_us=round(ahead_s * SECOND_US)))
    assert numbers.clock_offset_s == pytest.approx(ahead_s, abs=0.01)
    assert measured(stream(12)).clock_offset_s is None


def test_a_clock_that_is_set_shows_within_the_window() -> None:
    units = stream(40, ahead_us=0)
    late = [replace(unit, sender_us=(unit.sender_us or 0) - 5 * SECOND_US) for unit in units[500:]]
    assert measured([*units[:500], *late]).clock_offset_s == pytest.approx(-5, abs=0.01)


@given(
    st.lists(
        st.tuples(st.integers(-(1 << 40), 1 << 40), st.booleans(), st.integers(0, 30_000_000), st.integers(0, 5)),
        max_size=400,
    )
)
def test_whatever_comes_the_numbers_make_sense(
    pictures: Sequence[tuple[int, bool, int, int]],
) -> None:
    meter, at_us = Meter(), 0
    for dts_90k, is_key, pause_us, size_bytes in pictures:
        at_us += pause_us
        meter.take(AccessUnit(b"\0" * size_bytes, dts_90k, dts_90k, is_key, at_us, VIDEO, dts_90k))
        numbers = meter.numbers(0)
        assert numbers.bitrate_bps is None or numbers.bitrate_bps >= 0
        assert numbers.frame_rate is None or numbers.frame_rate >= 0
        assert numbers.group_s is None or numbers.group_s > 0


def test_what_is_kept_of_a_stream_does_not_grow() -> None:
    meter = Meter()
    unit = AccessUnit(b"", 0, 0, True, 0, VIDEO, 0)
    tracemalloc.start()
    try:
        for number in range(100_000):
            # Neither does the time go on nor do keyframes come as they should.
            at_us = number * 100 if number % 3 else number * SECOND_US
            meter.take(replace(unit, is_key=number % 7 < 3, arrival_us=at_us, dts_90k=-number))
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 200_000


KNOWN = Numbers(4_000_000, 25.0, 2.0, 7, 0.1)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (replace(KNOWN, last_keyframe_us=2_000_007), False),
        (replace(KNOWN, bitrate_bps=4_700_000), False),
        (replace(KNOWN, bitrate_bps=4_900_000), True),
        (replace(KNOWN, bitrate_bps=None), True),
        (replace(KNOWN, frame_rate=24.0), False),
        (replace(KNOWN, frame_rate=20.0), True),
        (replace(KNOWN, group_s=2.04), False),
        (replace(KNOWN, group_s=4.0), True),
        (replace(KNOWN, clock_offset_s=-0.1), False),
        (replace(KNOWN, clock_offset_s=1.0), True),
        (replace(KNOWN, clock_offset_s=None), True),
    ],
)
def test_only_a_change_that_matters_is_told(now: Numbers, told: bool) -> None:
    assert matters(KNOWN, now) == told


def test_however_wildly_numbers_change_they_are_told_once_in_ten_seconds_at_most() -> None:
    telling = Telling()
    told_us = [
        at_us
        for at_us in range(0, 100 * SECOND_US, SECOND_US // 2)
        if telling.is_due(replace(KNOWN, bitrate_bps=at_us), (at_us, 0), at_us)
    ]
    assert len(told_us) == 10
    assert min(after - before for before, after in pairwise(told_us)) >= 10 * SECOND_US


def test_a_packet_lost_is_told_and_what_was_told_with_something_else_is_not_told_again() -> None:
    telling = Telling()
    assert telling.is_due(KNOWN, (0, 0), 0)
    assert not telling.is_due(KNOWN, (0, 0), 20 * SECOND_US)
    assert telling.is_due(KNOWN, (1, 0), 30 * SECOND_US)
    telling.told(KNOWN, (5, 1))
    assert not telling.is_due(KNOWN, (5, 1), 50 * SECOND_US)
