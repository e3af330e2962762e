"""Time: cameras' clocks, the host's clock, and footage that never overlaps, goes back or is lost whatever they do."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.cause import Cause
from safe_community_recorder.clock import HostClock
from safe_community_recorder.ingest.gop import FAR_AHEAD_US, CameraClock, ClockChange, Continuity, GroupBuilder
from safe_community_recorder.media.cmaf import ClockSource, Group
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import encode

S = utc.SECOND_US
HOUR = 3_600 * S
STEADY_US = 5_000 * S
"""The steady clock when a test begins: the machine has been up for a while."""
NOW_US = 1_795_330_489_000_000
"""UTC at that moment."""


@dataclass
class Host:
    """A host's clock that tests set."""

    offset_us: int = NOW_US - STEADY_US
    is_set: bool = True


@dataclass
class Camera:
    """What becomes of a camera's pictures."""

    host: Host = field(default_factory=Host)
    end_us: int = 0
    trusted_us: int | None = None
    groups: list[Group] = field(default_factory=list)
    holes: list[Cause] = field(default_factory=list)
    changes: list[tuple[ClockChange, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = CameraClock(self.host, lambda change, by_us: self.changes.append((change, by_us)))
        self.builder = GroupBuilder(self.host, clock, Continuity(self.end_us, self.trusted_us), self._take)

    def _take(self, group: Group, hole: Cause) -> None:
        self.groups.append(group)
        self.holes.append(hole)

    def sees(self, units: Sequence[AccessUnit]) -> Camera:
        for each in units:
            self.builder.push(each)
        return self

    def ends(self) -> Camera:
        self.builder.flush()
        return self

    @property
    def starts(self) -> list[int]:
        """Of the groups, in microseconds since NOW_US."""
        return [group.start_us - NOW_US for group in self.groups]

    @property
    def pictures(self) -> int:
        return sum(len(group.samples) for group in self.groups)


def unit(dts_90k: int, after_us: int, *, is_key: bool = False, taken_us: int | None = None) -> AccessUnit:
    """A picture that arrives so long after the test's beginning."""
    sender_us = None if taken_us is None else NOW_US + taken_us
    return AccessUnit(
        b"\0\0\0\5\x65data", dts_90k, dts_90k, is_key, STEADY_US + after_us, encode().video, sender_us=sender_us
    )


def seconds(first: int, last: int, *, late_us: int = 0, rate: float = 1.0) -> list[AccessUnit]:
    """Groups of one second and ten pictures, from the first second to the last, by a camera's clock of that rate."""
    return [
        unit(round(n * 9_000 * rate), n * S // 10 + late_us, is_key=n % 10 == 0) for n in range(10 * first, 10 * last)
    ]


def assert_in_order(camera: Camera) -> None:
    for one, two in itertools.pairwise(camera.groups):
        assert one.end_us <= two.start_us
    assert all(sample.duration_90k > 0 for group in camera.groups for sample in group.samples)


def test_a_group_begins_with_a_keyframe_and_lasts_to_the_next() -> None:
    early, first, second = (unit(n * 9_000, (n - 10) * S // 10, is_key=n == 10) for n in (9, 10, 11))
    (group,) = Camera().sees([early, first, second]).ends().groups
    assert group.start_us == NOW_US
    assert [sample.duration_90k for sample in group.samples] == [9_000, 9_000]


events = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40),
        st.integers(-10_000 * S, 10_000 * S),
        st.booleans(),
        st.one_of(st.none(), st.integers(-10_000 * S, 10_000 * S)),
        st.one_of(st.none(), st.integers(-400 * 24 * HOUR, 400 * 24 * HOUR)),
    ),
    max_size=40,
)


@given(events, st.integers(0, NOW_US + 100 * S))
def test_footage_never_overlaps_or_goes_back_whatever_the_clocks_do(
    happens: list[tuple[int, int, bool, int | None, int | None]], end_us: int
) -> None:
    camera = Camera(end_us=end_us)
    for dts_90k, after_us, is_key, taken_us, step_us in happens:
        camera.host.offset_us += step_us or 0
        camera.sees([unit(dts_90k, after_us, is_key=is_key, taken_us=taken_us)])
    camera.ends()
    reached_us = end_us
    for group in camera.groups:
        set_aside = reached_us - group.start_us
        # Back only behind footage that a wrong clock dated more than a day ahead: the archive puts that aside.
        assert set_aside <= 0 or set_aside > FAR_AHEAD_US
        assert group.end_us > group.start_us
        reached_us = group.end_us
    behind_first_key = next((len(happens) - n for n, each in enumerate(happens) if each[2]), 0)
    assert camera.pictures == behind_first_key


def test_a_steady_camera_keeps_its_own_clock_through_late_packets() -> None:
    # The network stalls for nine seconds, and then everything comes at once.
    delays = [0, 300_000, 50_000, 700_000, 0, *(n * S for n in range(9, 0, -1)), 0, 0]
    units = [unit(n * 90_000, n * S + delay, is_key=True) for n, delay in enumerate(delays)]
    assert Camera().sees(units).ends().starts == [n * S for n in range(len(delays))]


def test_pictures_that_waited_while_the_stream_was_probed_do_not_set_the_clock() -> None:
    delays = [600_000, 500_000, 400_000, *[0] * 20]
    units = [unit(n * 9_000, n * S // 10 + delay, is_key=n % 10 == 0) for n, delay in enumerate(delays)]
    assert Camera().sees(units).ends().starts == [0, S, 2 * S]


def test_a_connection_counts_from_its_own_zero() -> None:
    camera = Camera()
    # The second connection's zero looks as if the first had only stalled.
    for connected_us, zero_90k in ((0, 0), (12 * S, 270_000)):
        camera.sees([unit(zero_90k + n * 90_000, connected_us + n * S, is_key=True) for n in range(3)]).ends()
    assert camera.starts == [0, S, 2 * S, 12 * S, 13 * S, 14 * S]


def test_a_camera_clock_that_drifts_is_followed_without_a_hole() -> None:
    for rate in (0.9998, 0.99, 1.01, 1.1):
        camera = Camera().sees(seconds(0, 900, rate=rate)).ends()
        assert_in_order(camera)
        changes = [change for change, by_us in camera.changes if (by_us > 0) == (rate > 1)]
        assert changes == ([ClockChange.CAMERA_DRIFTS] if abs(rate - 1) > 0.005 else [])
        assert len(camera.changes) == len(changes)
        late = [group.start_us - NOW_US - n * S for n, group in enumerate(camera.groups)]
        assert max(map(abs, late)) < 3.2 * S, rate
        holes = [two.start_us - one.end_us for one, two in itertools.pairwise(camera.groups)]
        assert max(holes) < 1.5 * S, rate


def test_a_camera_whose_clock_makes_no_sense_is_dated_by_its_arrivals() -> None:
    for rate in (0.0, 0.5, 2.0, -1.0):
        camera = Camera().sees(seconds(0, 120, rate=rate)).ends()
        assert_in_order(camera)
        assert camera.pictures == 1_200
        late = [group.start_us - NOW_US - n * S for n, group in enumerate(camera.groups)]
        # Until it is found out, a clock that is too fast runs ahead; that is caught up with.
        assert max(map(abs, late[60:])) < S, rate
        assert camera.changes, rate


def test_a_camera_clock_that_jumps_is_an_event_and_costs_no_picture() -> None:
    for jump_90k in (50_000_000, -50_000_000):
        before, after = seconds(0, 5), seconds(5, 10)
        jumped = [unit(u.dts_90k + jump_90k, u.arrival_us - STEADY_US, is_key=u.is_key) for u in after]
        camera = Camera().sees([*before, *jumped]).ends()
        assert camera.starts == [n * S for n in range(10)]
        assert camera.pictures == 100
        ((change, by_us),) = camera.changes
        assert change is ClockChange.CAMERA_JUMPED
        assert abs(by_us - jump_90k * 100 // 9) <= S


def test_a_camera_with_a_right_clock_is_believed_about_when_it_took_its_pictures() -> None:
    # It takes 400 ms from the camera to here; by arrivals alone, the footage would be dated so much too late.
    units = [
        unit(n * 9_000, n * S // 10 + 400_000, is_key=n % 10 == 0, taken_us=n * S // 10 if n > 15 else None)
        for n in range(50)
    ]
    camera = Camera().sees(units).ends()
    assert camera.starts[-1] == 4 * S
    assert [group.clock for group in camera.groups] == [ClockSource.ARRIVAL] + [ClockSource.SENDER_REPORT] * 4
    assert_in_order(camera)


def test_a_camera_with_a_wrong_clock_is_not_believed() -> None:
    for wrong_us in (-3 * HOUR, -5 * S, 2 * S, 24 * HOUR):
        units = [unit(n * 9_000, n * S // 10, is_key=n % 10 == 0, taken_us=n * S // 10 + wrong_us) for n in range(30)]
        camera = Camera().sees(units).ends()
        assert camera.starts == [0, S, 2 * S]
        assert {group.clock for group in camera.groups} == {ClockSource.ARRIVAL}


def test_a_step_forward_of_the_hosts_clock_is_followed_at_once_and_leaves_a_gap_that_says_why() -> None:
    for step_us in (5 * S, 3 * HOUR):
        camera = Camera().sees(seconds(0, 5))
        camera.host.offset_us += step_us
        camera.sees(seconds(5, 10)).ends()
        assert camera.starts == [0, S, 2 * S, 3 * S, *(step_us + n * S for n in range(4, 10))]
        assert camera.holes.index(Cause.CLOCK_STEPPED) == 4
        assert camera.holes.count(Cause.CLOCK_STEPPED) == 1
        assert camera.pictures == 100


def test_a_step_back_is_caught_up_with_and_nothing_overlaps() -> None:
    camera = Camera().sees(seconds(0, 10))
    camera.host.offset_us -= 5 * S
    camera.sees(seconds(10, 60)).ends()
    assert_in_order(camera)
    assert camera.pictures == 600
    ahead = [start + 5 * S - n * S for n, start in enumerate(camera.starts)]
    assert ahead[:9] == [5 * S] * 9
    # Each second of footage lasts three quarters of one, until the footage's time is the host's again.
    assert ahead[-1] == 0
    assert all(two <= one for one, two in itertools.pairwise(ahead))


def test_a_step_back_by_hours_loses_nothing_either() -> None:
    camera = Camera().sees(seconds(0, 10))
    camera.host.offset_us -= 3 * HOUR
    camera.sees(seconds(10, 100)).ends()
    assert_in_order(camera)
    assert camera.pictures == 1_000
    assert camera.starts[-1] < 82 * S


def test_footage_that_a_wrong_clock_dated_years_ahead_is_not_waited_for() -> None:
    camera = Camera().sees(seconds(0, 10))
    camera.host.offset_us += 4_000 * 24 * HOUR
    camera.sees(seconds(10, 20))
    camera.host.offset_us -= 4_000 * 24 * HOUR
    camera.sees(seconds(20, 30)).ends()
    assert camera.starts[:9] == [n * S for n in range(9)]
    assert camera.starts[-9:] == [n * S for n in range(21, 30)]
    assert camera.pictures == 300


def test_a_clock_set_far_back_by_mistake_does_not_make_right_footage_look_wrong() -> None:
    camera = Camera(end_us=NOW_US - S).sees(seconds(0, 10))
    camera.host.offset_us -= 4_000 * 24 * HOUR
    camera.sees(seconds(10, 20))
    camera.host.offset_us += 4_000 * 24 * HOUR
    camera.sees(seconds(20, 30)).ends()
    assert_in_order(camera)
    assert camera.starts[-1] == 29 * S


def test_footage_waits_for_its_date_until_the_clock_is_set() -> None:
    camera = Camera(Host(offset_us=0, is_set=False)).sees(seconds(0, 10))
    assert camera.builder.undated
    assert camera.groups == []
    camera.host.offset_us, camera.host.is_set = NOW_US - STEADY_US, True
    camera.sees(seconds(10, 15)).ends()
    assert camera.starts == [n * S for n in range(15)]
    assert not camera.builder.undated


def test_what_waits_too_long_for_a_date_is_a_gap_that_says_why() -> None:
    camera = Camera(Host(offset_us=0, is_set=False)).sees(seconds(0, 60))
    camera.host.offset_us, camera.host.is_set = NOW_US - STEADY_US, True
    camera.sees(seconds(60, 62)).ends()
    assert camera.starts[0] >= 29 * S
    assert camera.starts[-1] == 61 * S
    assert camera.holes[0] is Cause.CLOCK_UNSET


def test_pictures_of_a_single_tick_do_not_overlap_either() -> None:
    camera = Camera().sees([unit(n, n, is_key=n % 5 == 0) for n in range(100)])
    camera.host.offset_us -= 5 * S
    camera.sees([unit(n, n, is_key=n % 5 == 0) for n in range(100, 200)]).ends()
    assert_in_order(camera)
    assert camera.pictures == 200


def test_the_hosts_clock_tells_no_step_while_nobody_sets_it() -> None:
    clock = HostClock()
    assert clock.is_set
    assert clock.take_step() == 0
    assert abs(clock.utc_us() - utc.to_us(datetime.now(UTC))) < S


def test_pictures_before_a_hole_last_as_long_as_they_do() -> None:
    lost = [unit(n * 9_000, n * S // 10, is_key=n % 10 == 0) for n in range(160) if not 20 <= n < 140]
    camera = Camera().sees(lost).ends()
    assert [(group.end_us - group.start_us) for group in camera.groups] == [S, S, S, S]
    assert camera.starts == [0, S, 14 * S, 15 * S]


lengths = st.lists(st.integers(1, 100_000), min_size=1, max_size=30)


@given(lengths, st.integers(-50 * S, 50 * S), st.integers(-50 * S, 50 * S))
def test_pictures_last_at_least_three_quarters_and_at_most_five_quarters_of_their_time(
    durations: list[int], wanted_us: int, ends_us: int
) -> None:
    nominal_us = sum(durations) * 100 // 9
    continuity = Continuity(NOW_US)
    start_us, lasts_us = continuity.place(NOW_US + wanted_us, nominal_us, NOW_US + ends_us)
    assert start_us >= NOW_US
    assert 0.75 * nominal_us - 1 <= lasts_us <= 1.25 * nominal_us + 1
