"""How much of the time that should have been recorded was."""

from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.archive.figures import Missed, begun, lost_us, missed, rate_bps
from safe_community_recorder.archive.timeline import Gap, Span
from safe_community_recorder.cause import Cause

DAY = Span(0, 1_000)


def gap(start_us: int, end_us: int | None, cause: Cause = Cause.CAMERA_UNREACHABLE) -> Gap:
    return Gap(start_us, end_us, cause)


def test_gaps_that_overlap_or_reach_out_count_once_and_inside() -> None:
    assert missed([], DAY) == Missed(0, 1_000)
    assert missed([gap(-50, 100), gap(50, 150), gap(900, None)], DAY) == Missed(250, 1_000)
    assert missed([gap(-50, 0), gap(1_000, None)], DAY).recorded_percent == 100.0


def test_a_pause_is_nothing_that_is_missing() -> None:
    assert missed([gap(0, 400, Cause.PAUSED)], DAY) == Missed(0, 600)
    assert missed([gap(0, 400, Cause.PAUSED), gap(300, 500)], DAY) == Missed(100, 600)
    assert missed([gap(-1, None, Cause.PAUSED)], DAY).recorded_percent is None


def test_all_is_said_only_where_nothing_is_missing() -> None:
    assert Missed(1, 10_000_000).recorded_percent == 99.9
    assert Missed(0, 10_000_000).recorded_percent == 100.0
    assert Missed(10, 10).recorded_percent == 0.0
    assert Missed(0, 0).recorded_percent is None


def test_a_camera_counts_from_its_beginning_be_it_in_vain() -> None:
    assert begun(400, [], DAY) == Span(400, 1_000)
    assert begun(-5, [gap(600, 700)], DAY) == DAY
    assert begun(None, [gap(600, None)], DAY) == Span(600, 1_000)
    assert begun(None, [], DAY) == Span(1_000, 1_000)


def test_what_is_lost_is_lost_in_cameras_that_are_there() -> None:
    gaps = {"stop": [gap(0, 100)], "park": [gap(0, 30)], "gone": [gap(0, None)]}
    assert lost_us(gaps, ["stop", "park", "school"], DAY) == 130


def test_a_rate_has_two_figures() -> None:
    assert rate_bps(125_000, 1_000_000) == 1_000_000
    assert rate_bps(1_543_210, 1_000_000) == 12_000_000
    assert rate_bps(0, 1_000_000) == 0
    assert rate_bps(1, 1_000_000) == 8


@given(
    st.lists(
        st.tuples(st.integers(-100, 1_100), st.one_of(st.none(), st.integers(1, 500)), st.sampled_from(Cause)),
        max_size=8,
    )
)
def test_missing_and_paused_and_recorded_are_the_whole(listed: list[tuple[int, int | None, Cause]]) -> None:
    gaps = [gap(start, None if length is None else start + length, cause) for start, length, cause in listed]
    moments = range(DAY.start_us, DAY.end_us)

    def covered(one: Gap) -> set[int]:
        return set(range(max(0, one.start_us), min(1_000, 1_000 if one.end_us is None else one.end_us)))

    paused = set().union(*(covered(one) for one in gaps if one.cause is Cause.PAUSED))
    absent = set().union(*(covered(one) for one in gaps))
    assert missed(gaps, DAY) == Missed(len(absent - paused), len(moments) - len(paused))
