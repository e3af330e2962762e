"""The curve of a day as a picture."""

import io
from typing import cast

import av
import numpy as np
import pytest

from safe_community_recorder.media.curve import PALETTE, curve, draw_curve

type Picture = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

NOBODY = float("nan")


def colours(data: bytes) -> Picture:
    """What libav sees in a PNG: (height, width, 3)."""
    with av.open(io.BytesIO(data), "r") as container:
        return cast("Picture", next(container.decode(video=0)).to_ndarray(format="rgb24"))


def test_others_see_the_picture_that_was_drawn() -> None:
    values = [0, 0.1, NOBODY, 1, 0.5]
    drawn = curve(values, 50, 30)
    seen = colours(draw_curve(values, 50, 30))
    assert (seen == np.array(PALETTE, dtype=np.uint8)[drawn]).all()


def test_the_more_moved_the_higher_and_nothing_is_a_line_at_the_foot() -> None:
    drawn = curve([0, 0.25, 1], 3, 101)
    heights = [(drawn[:, column] != 0).sum() for column in range(3)]
    assert heights == [1, 50, 100]


def test_the_least_movement_of_a_second_is_seen_in_the_curve_of_a_day() -> None:
    day = np.zeros(86_400, dtype=np.float32)
    day[40_000] = 1e-9
    drawn = curve(day, 800, 80) == 2
    lit = np.flatnonzero(drawn.any(axis=0))
    assert drawn.sum() == 2
    assert lit.tolist() == [40_000 * 800 // 86_400]


def test_where_nobody_looked_it_is_hatched_to_the_top() -> None:
    drawn = curve([0, NOBODY, 0], 300, 60)
    assert set(np.unique(drawn[:, 100:200])) == {4, 5}
    assert 4 not in drawn[:, :100]


def test_what_differs_differs_in_brightness_too() -> None:
    def luminance(index: int) -> float:
        red, green, blue = (float(level / 255) ** 2.2 for level in PALETTE[index])
        return float(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)

    # WCAG 1.4.11: graphics need a contrast of 3 to 1.
    assert luminance(1) / luminance(0) > 3
    assert luminance(5) / luminance(4) > 2


@pytest.mark.parametrize("count", [0, 1, 7, 1_000])
def test_any_number_of_values_fills_any_width(count: int) -> None:
    drawn = curve([0.5] * count, 64, 16)
    assert drawn.shape == (16, 64)
    assert len(np.unique(drawn[8])) == (1 if count else 2)


def test_the_curve_of_a_day_is_a_small_picture() -> None:
    rng = np.random.default_rng(1)
    assert len(draw_curve(rng.random(86_400).astype(np.float32) ** 4, 960, 120)) < 20_000
