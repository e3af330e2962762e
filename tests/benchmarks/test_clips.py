"""Ground truth of others, as the vision benchmark reads it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.sight.clips import clips_in, read_boxes
from benchmarks.sight.motion import measure


def test_own_lines_and_those_of_mot_are_the_same_boxes() -> None:
    own = read_boxes("# made by eye\nframe,x,y,width,height\n0,10,20,30,40\n0,1,2,3,4\n")
    assert own == {0: [(10, 20, 30, 40), (1, 2, 3, 4)]}
    assert read_boxes("1,7,10,20,30,40,1,-1,-1,-1\n1,8,1,2,3,4,1\n") == own
    with pytest.raises(ValueError, match="columns were expected"):
        read_boxes("1,2\n")


def test_a_clip_in_cdnets_layout_is_measured(tmp_path: Path) -> None:
    clip = tmp_path / "walk"
    for folder in ("input", "groundtruth"):
        (clip / folder).mkdir(parents=True)
    rng = np.random.default_rng(1)
    ground = np.kron(rng.uniform(60, 160, (15, 20)), np.ones((16, 16)))
    for number in range(1, 501):
        picture, truth = ground + rng.normal(0, 2, ground.shape), np.zeros(ground.shape, np.uint8)
        if number > 300:
            left = number - 300
            picture[100:160, left : left + 24] = 10
            truth[100:160, left : left + 24] = 255
        cv2.imwrite(str(clip / "input" / f"in{number:06}.jpg"), np.clip(picture, 0, 255).astype(np.uint8))
        cv2.imwrite(str(clip / "groundtruth" / f"gt{number:06}.png"), truth)
    (clip / "temporalROI.txt").write_text("251 500")
    results = measure(clips_in(tmp_path))
    assert {one.clip.split(",")[0] for one in results} == {"walk"}
    ours = [one for one in results if one.detector == "ours"]
    assert all(one.boxes > 5 for one in ours)
    # From the second look at it on.
    assert all(one.found >= one.boxes - 1 for one in ours)
    assert all(one.outside < 0.01 * one.empty for one in ours)


def test_a_directory_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no clip with ground truth"):
        [*clips_in(tmp_path)]
