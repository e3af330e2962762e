"""Movement in gray pictures: who is found, what is not somebody, where and for how long."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count

import numpy as np
import pytest

from safe_community_recorder.vision.gray import Gray, analysis_size
from safe_community_recorder.vision.motion import Motion, MotionDetector, MotionSettings
from safe_community_recorder.vision.zones import Zone, blocks_inside

type Levels = np.ndarray[tuple[int, ...], np.dtype[np.floating]]

HEIGHT, WIDTH = 176, 320
RNG = np.random.default_rng(7)
GROUND: Levels = np.kron(RNG.uniform(60, 170, (HEIGHT // 16, WIDTH // 16)), np.ones((16, 16)))
CLOTHES = RNG.uniform(0, 40, (40, 16))
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))

type Paint = Callable[[float, Levels], None]


def place(at_s: float, *paints: Paint, light: float = 1.0) -> Gray:
    """A place with a sensor's noise, and what is painted into it."""
    picture = GROUND.copy()
    for paint in paints:
        paint(at_s, picture)
    return np.clip(picture * light + RNG.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


def walker(from_s: float, *, speed: float = 24.0, stops_at: float = 1e9, until_s: float = 1e9, top: int = 90) -> Paint:
    """Somebody of 16 × 40 pixels who comes in from the left, `speed` pixels a second, and may stop at a column."""

    def paint(at_s: float, picture: Levels) -> None:
        left = round(min((at_s - from_s) * speed - 16, stops_at))
        if from_s <= at_s < until_s and -16 < left < WIDTH:
            shown = slice(max(0, -left), min(16, WIDTH - left))
            picture[top : top + 40, max(0, left) : left + 16] = CLOTHES[:, shown]

    return paint


def clock(at_s: float, picture: Levels) -> None:
    """Digits that change every second, and tenths of it, in a line of text that does not."""
    picture[0:12, 0:100] = 230
    for column, step in ((60, 10.0), (68, 1.0), (76, 0.1)):
        digits = np.random.default_rng(int(at_s / step + 1e-6)).integers(0, 2, (3, 2)) * 200
        picture[0:12, column : column + 8] = np.kron(digits, np.ones((4, 4)))


def looks(
    seconds: float,
    *paints: Paint,
    rate: float = 5.0,
    settings: MotionSettings | None = None,
    lit: Callable[[float], float] = lambda _: 1.0,
) -> Iterator[tuple[float, Motion]]:
    """What a detector says of so many seconds."""
    detector = MotionDetector(settings)
    for number in range(round(seconds * rate)):
        at_s = number / rate
        yield at_s, detector.observe(place(at_s, *paints, light=lit(at_s)), at_s)


def moving_s(these: Iterable[tuple[float, Motion]]) -> list[float]:
    """When something moves."""
    return [at_s for at_s, motion in these if motion.moving]


def begins(these: Iterable[tuple[float, Motion]]) -> list[float]:
    """When movement begins."""
    found, before = [], False
    for at_s, motion in these:
        if motion.moving and not before:
            found.append(at_s)
        before = motion.moving
    return found


# --- somebody ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "late_s"), [(10.0, 1.6), (5.0, 1.6), (2.0, 2.1), (1.0, 3.1)])
def test_who_crosses_is_found_once_soon_and_it_ends(rate: float, late_s: float) -> None:
    these = [*looks(75, walker(40.0), clock, rate=rate)]
    [begun_s] = begins(these)
    assert 40.0 <= begun_s <= 40.0 + late_s
    last_s = max(at_s for at_s, motion in these if motion.activity > 0)
    assert 50 < last_s < 56
    assert last_s + 7 < moving_s(these)[-1] <= last_s + 8


def test_keyframes_every_four_seconds_show_who_walks_slowly() -> None:
    assert begins(looks(240, walker(160.0, speed=8.0), rate=0.25))


def test_foreground_is_where_somebody_is_and_hardly_anywhere_else() -> None:
    hits = outside = people = 0
    for at_s, motion in looks(50, walker(40.0), clock):
        left = (at_s - 40) * 24 - 16
        if 41.5 < at_s < 49:
            body = np.zeros_like(motion.foreground)
            body[90 // 8 : 130 // 8 + 1, int(left) // 8 : int(left + 16) // 8 + 1] = True
            people += 1
            hits += bool((motion.foreground & body).any())
            outside += int((motion.foreground & ~body).sum())
    assert hits == people > 30
    assert outside / people < 0.01 * HEIGHT * WIDTH / 64


def test_who_stands_still_for_a_minute_stays_foreground_and_is_not_always_moving() -> None:
    these = [*looks(110, walker(30.0, stops_at=120.0))]
    assert begins(these)
    standing = [motion for at_s, motion in these if 40 < at_s < 100]
    assert sum(bool(motion.foreground[11:16, 15:17].any()) for motion in standing) > 0.95 * len(standing)
    assert not these[-1][1].moving
    assert these[-1][1].activity == 0


def test_two_seconds_of_the_first_picture_with_somebody_in_it_leave_no_ghost() -> None:
    these = [*looks(40, walker(-4.0))]
    assert not any(motion.foreground[:, :14].any() for at_s, motion in these if at_s > 25)


# --- nobody -----------------------------------------------------------------------------------------------------------


def test_noise_and_a_running_clock_are_nobody_and_not_even_suspicious_for_long() -> None:
    these = [*looks(90, clock)]
    assert moving_s(these) == []
    late = [motion.suspicious for at_s, motion in these if at_s > 30]
    assert sum(late) < 0.05 * len(late)


@pytest.mark.parametrize(
    "lit",
    [
        lambda at_s: 1.0 if at_s < 40 else 0.6,
        lambda at_s: 1.0 if at_s < 40 else 1.4,
        lambda at_s: 1.5 if 40 <= at_s < 40.3 else 1.0,
        lambda at_s: 1.0 + 0.2 * np.sin(at_s / 3),
    ],
    ids=["darker", "brighter", "lightning", "exposure that hunts"],
)
def test_a_change_of_the_light_of_everything_is_nobody(lit: Callable[[float], float]) -> None:
    assert moving_s(looks(70, lit=lit)) == []


def test_an_infrared_switch_is_told_as_such_and_who_comes_after_it_is_found() -> None:
    detector, begun = MotionDetector(), []
    told = False
    for number in range(400):
        at_s = number / 5
        picture = place(at_s, walker(60.0))
        if at_s >= 40:
            # Another look altogether: other contrasts, bright in the middle.
            lamp = 1.6 - np.abs(np.linspace(-1, 1, WIDTH))
            picture = np.clip((255 - picture.astype(np.float64)) * 0.7 * lamp, 0, 255).astype(np.uint8)
        motion = detector.observe(picture, at_s)
        told |= motion.changed_globally and 40 <= at_s < 41
        if motion.moving:
            begun.append(at_s)
    assert told
    assert 60 <= begun[0] < 63


def test_a_branch_that_swings_in_its_place_is_nobody() -> None:
    def branch(at_s: float, picture: Levels) -> None:
        left = 200 + round(12 * np.sin(at_s * 4))
        picture[40:80, left : left + 24] = CLOTHES[:, :12].repeat(2, axis=1)

    assert moving_s(these := [*looks(120, branch)]) == []
    assert sum(motion.foreground.any() for at_s, motion in these if at_s > 60) < 60


# --- settings ---------------------------------------------------------------------------------------------------------


def test_only_zones_count_and_ignored_areas_never_do() -> None:
    zones = (Zone("left", LEFT), Zone("right", RIGHT))
    both = [*looks(60, walker(40.0), settings=MotionSettings(zones=zones))]
    told = [name for _, motion in both for name in motion.zones]
    assert told[0] == "left"
    assert told[-1] == "right"
    right = [*looks(60, walker(40.0), settings=MotionSettings(zones=zones[1:]))]
    assert 46 < begins(right)[0] < 48.5
    ignored = [*looks(60, walker(40.0), settings=MotionSettings(ignore=(LEFT, RIGHT)))]
    assert moving_s(ignored) == []
    assert not any(motion.foreground.any() for _, motion in ignored)


def test_shorter_than_the_minimum_is_none_and_it_lasts_for_the_hold() -> None:
    short = walker(40.0, until_s=42.0)
    assert begins(looks(60, short))
    assert moving_s(looks(60, short, settings=MotionSettings(minimum_s=3.0))) == []
    these = [*looks(60, short, settings=MotionSettings(hold_s=2.0))]
    last_s = max(at_s for at_s, motion in these if motion.activity > 0)
    assert last_s + 1 < moving_s(these)[-1] <= last_s + 2


def test_the_more_sensitive_the_smaller_and_fainter_it_may_be() -> None:
    def small(at_s: float, picture: Levels) -> None:
        left = round((at_s - 40) * 16)
        if at_s >= 40 and left < WIDTH - 10:
            picture[100:116, left : left + 10] += 18

    found = [bool(begins(looks(60, small, settings=MotionSettings(sensitivity=one)))) for one in (1, 5, 9)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (False, True)


@pytest.mark.parametrize("sensitivity", [0, 10])
def test_an_unknown_sensitivity_is_refused(sensitivity: int) -> None:
    with pytest.raises(ValueError, match="1 to 9"):
        MotionDetector(MotionSettings(sensitivity=sensitivity))


# --- pictures and times -----------------------------------------------------------------------------------------------


def test_another_shape_and_a_camera_that_was_away_begin_anew() -> None:
    detector = MotionDetector()
    for number in range(200):
        detector.observe(place(number / 5), number / 5)
    other = RNG.integers(0, 255, (96, 160), dtype=np.uint8)
    assert detector.observe(other, 41.0).foreground.shape == (12, 20)
    assert not detector.observe(other, 41.2).foreground.any()
    detector.forget()
    assert not detector.observe(255 - other, 100.0).foreground.any()


def test_times_may_stand_still_jump_and_go_back() -> None:
    detector = MotionDetector()
    for number, at_s in zip(count(), [0.0, 0.0, 0.2, 5.0, 4.9, 4000.0, 3.0, 3.0, 1e9, 1e9 + 0.1], strict=False):
        motion = detector.observe(place(float(number)), at_s)
        assert not motion.moving
        assert 0 <= motion.activity <= 1


@pytest.mark.parametrize("shape", [(16, 16), (16, 320), (320, 16)])
def test_the_smallest_pictures_are_looked_at(shape: tuple[int, int]) -> None:
    detector = MotionDetector()
    for number in range(60):
        assert not detector.observe(RNG.integers(90, 96, shape, dtype=np.uint8), number / 5).moving


@pytest.mark.parametrize("shape", [(8, 16), (17, 32), (0, 0)])
def test_what_is_not_of_whole_blocks_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="8 × 8 blocks"):
        MotionDetector().observe(np.zeros(shape, np.uint8), 0.0)


def test_a_picture_is_analysed_small_in_whole_blocks_and_in_its_proportions() -> None:
    assert analysis_size(640, 360) == (320, 176)
    assert analysis_size(1920, 1080) == (320, 176)
    assert analysis_size(768, 576) == (320, 240)
    assert analysis_size(1080, 1920) == (176, 320)
    assert analysis_size(100, 60) == (96, 56)
    assert analysis_size(4000, 20) == (320, 16)
    for size in ((15, 400), (1, 1), (0, 0)):
        with pytest.raises(ValueError, match="at least 16 × 16"):
            analysis_size(*size)


# --- zones ------------------------------------------------------------------------------------------------------------


def test_a_block_belongs_to_an_area_if_its_middle_does() -> None:
    left = blocks_inside([LEFT], 4, 8)
    assert left.tolist() == [[True] * 4 + [False] * 4] * 4
    triangle = blocks_inside([((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))], 10, 10)
    assert triangle[0, 0]
    assert triangle[2, 6]
    assert not triangle[9, 9]
    assert 45 <= triangle.sum() <= 55
    assert blocks_inside([LEFT, RIGHT], 5, 7).all()
    assert not blocks_inside([], 5, 7).any()


def test_no_zone_is_so_thin_that_it_has_no_block() -> None:
    line = ((0.1, 0.501), (0.9, 0.501), (0.9, 0.502), (0.1, 0.502))
    assert blocks_inside([line], 10, 10).any()
