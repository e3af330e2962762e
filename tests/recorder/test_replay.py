"""Footage looked at again: boxes, holes in it, and what is drawn."""

from collections.abc import Iterator

import av
import numpy as np
from PIL import Image

from safe_community_recorder.replay.drawing import Curve, mark
from safe_community_recorder.replay.looking import Glance, Run, boxes_of, look_again
from safe_community_recorder.replay.pictures import Picture
from safe_community_recorder.vision.eye import EyeSettings
from safe_community_recorder.vision.motion import MotionSettings
from safe_community_recorder.vision.observer import Seen
from safe_community_recorder.vision.zones import Zone
from tests.recorder.village_scene import RATE, pictures

RED, GREEN, BLUE, YELLOW = (237, 51, 59), (87, 227, 137), (26, 95, 180), (252, 233, 160)


def footage(
    seconds: float,
    *walks: tuple[float, float],
    hole_s: float = 0,
    hole_at_s: float = 1e9,
    painted_from_s: float = 1e9,
) -> Iterator[Picture]:
    """Ten pictures a second; those from `hole_at_s` on come so much later."""
    for number, planes in enumerate(pictures(seconds, walks, covered_from_s=painted_from_s)):
        at_s = number / RATE
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        yield Picture(number, at_s + (hole_s if at_s >= hole_at_s else 0), number % 10 == 0, frame)


def test_what_hangs_together_is_one_box_and_corners_hang_together() -> None:
    blocks = np.zeros((4, 8), dtype=np.bool_)
    blocks[0, 0] = blocks[1, 1] = blocks[1, 2] = blocks[3, 7] = True
    assert boxes_of(blocks) == [(0, 0, 3 / 8, 2 / 4), (7 / 8, 3 / 4, 1, 1)]


def test_pictures_closer_together_than_asked_are_left_out() -> None:
    (run,) = look_again(footage(3), [EyeSettings()], 0.5)
    assert [glance.at_s for glance in run.glances] == [0, 0.5, 1, 1.5, 2, 2.5]


def test_who_crosses_is_seen_by_each_way_of_looking() -> None:
    ways = [EyeSettings(MotionSettings(sensitivity)) for sensitivity in (3, 7)]
    for run, way in zip(look_again(footage(40, (20, 26)), ways, 0.2), ways, strict=True):
        assert run.settings is way
        (seen,) = run.motion
        assert 19.5 < seen.start_s < 21.5
        assert not seen.lasting
        strongest = next(glance for glance in run.glances if glance.at_s == seen.still_s)
        assert strongest.moving
        assert strongest.foreground.any()


def test_over_a_hole_in_the_footage_nothing_lasts() -> None:
    patient = EyeSettings(MotionSettings(hold_s=30))
    (run,) = look_again(footage(34, (20, 34), hole_s=15, hole_at_s=26), [patient], 0.2)
    first = run.motion[0]
    assert first.end_s <= 26
    assert all(seen.start_s >= 41 or seen.end_s <= 26 for seen in run.motion)


def test_a_lens_that_is_painted_over_is_seen_by_each_way_of_looking() -> None:
    ways = [EyeSettings(MotionSettings(sensitivity)) for sensitivity in (3, 7)]
    for run in look_again(footage(75, painted_from_s=45), ways, 1.0):
        (found,) = [seen for seen in run.seen if seen.kind in {"covered", "dark"}]
        assert 44 <= found.start_s <= 47
        assert found.end_s == 74


def test_boxes_are_drawn_round_what_is_foreign_and_zones_where_they_are() -> None:
    picture = Image.new("RGB", (320, 176))
    blocks = np.zeros((22, 40), dtype=np.bool_)
    blocks[10:15, 20:22] = True
    zone = Zone("yard", ((0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)))
    mark(picture, blocks, MotionSettings(zones=(zone,)), "22:00:00")
    assert picture.getpixel((160, 100)) == RED
    assert picture.getpixel((175, 119)) == RED
    assert picture.getpixel((250, 88)) == GREEN
    assert picture.getpixel((100, 100)) == (0, 0, 0)


def test_the_curve_is_high_where_much_moves_and_yellow_where_something_does() -> None:
    glances = [
        Glance(float(at_s), 0.2 if 40 <= at_s < 60 else 0.0, 0.5, 40 <= at_s < 70, False, (22, 40), b"")
        for at_s in range(100)
    ]
    seen = Seen("motion", 40, 70, 0.5, None, 50, lasting=False)
    curve = Curve(Run(EyeSettings(), glances, [seen]), 0, 100, 1000)
    bitmap = curve.drawn(lambda at_s: f"{at_s:.0f}")
    assert bitmap.getpixel((round(curve.x(50)), 100)) == BLUE
    assert bitmap.getpixel((round(curve.x(65)), 100)) == YELLOW
    assert bitmap.getpixel((round(curve.x(80)), 100)) not in {BLUE, YELLOW}
