"""Clips with ground truth: boxes round people and vehicles. The street's own, and other people's clips.

A directory of such clips has, for each:

- NAME.mp4 (.avi, .mkv) or a directory NAME of numbered pictures, and beside it NAME.csv: lines
  `frame,x,y,width,height`, or MOT's `frame,id,x,y,width,height,…` (frames from 1), in pixels of the picture; or
- CDnet's layout: NAME/input/in%06d.jpg, NAME/groundtruth/gt%06d.png, NAME/temporalROI.txt; a box round each
  connected area that moves.

Pictures in directories count as 25 a second.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from safe_community_recorder.media.picture import to_gray
from safe_community_recorder.vision.gray import Gray, analysis_size

from .street import FPS, street_clip

type Box = tuple[float, float, float, float]
"""x, y, width, height as shares of the picture."""

_TRUTH = Path(__file__).parent / "truth"
_VIDEOS = {".mp4", ".avi", ".mkv", ".mov"}
_PICTURES_PER_S = 25.0
_MOVING, _UNKNOWN = 255, (85, 170)
_LEAST_PIXELS = 60


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and where somebody is in some of its frames, by their number from 0."""

    name: str
    frames: tuple[Gray, ...]
    per_s: float
    truth: Mapping[int, tuple[Box, ...]]


def street_truth() -> Clip:
    """The street of the other benchmarks, with people boxes made by eye."""
    return _clip(street_clip(), _TRUTH / "vtest.csv", FPS)


def clips_in(directory: Path) -> Iterator[Clip]:
    """All clips of a directory. Raises ValueError if there is none."""
    found = False
    for path in sorted(directory.iterdir()):
        if (path / "groundtruth").is_dir():
            found = True
            yield _cdnet(path)
        elif (path.is_dir() or path.suffix in _VIDEOS) and path.with_suffix(".csv").exists():
            found = True
            yield _clip(path, path.with_suffix(".csv"), None)
    if not found:
        raise ValueError(f"{directory} has no clip with ground truth: NAME.mp4 and NAME.csv, or CDnet's layout")


def read_boxes(text: str) -> dict[int, list[tuple[float, float, float, float]]]:
    """Boxes in pixels by frame, from 0, of either sort of lines. Raises ValueError."""
    boxes: dict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    for line in text.splitlines():
        if not line or line.startswith(("#", "frame")):
            continue
        numbers = [float(cell) for cell in line.split(",")]
        if len(numbers) == 5:
            number, (x, y, width, height) = int(numbers[0]), numbers[1:]
        elif len(numbers) >= 6:
            number, (x, y, width, height) = int(numbers[0]) - 1, numbers[2:6]
        else:
            raise ValueError(f"frame,x,y,width,height or MOT's columns were expected, not {line[:60]!r}")
        boxes[number].append((x, y, width, height))
    return boxes


def _clip(path: Path, truth: Path, per_s: float | None) -> Clip:
    frames, size, own_per_s = _frames(path)
    width, height = size
    boxes = {
        number: tuple((x / width, y / height, w / width, h / height) for x, y, w, h in some)
        for number, some in read_boxes(truth.read_text(encoding="utf-8")).items()
    }
    return Clip(path.stem, frames, per_s or own_per_s, boxes)


def _frames(path: Path) -> tuple[tuple[Gray, ...], tuple[int, int], float]:
    if path.is_dir():
        pictures = [_picture(one) for one in sorted(path.iterdir()) if one.suffix in {".jpg", ".png"}]
        height, width = pictures[0].shape
        frames = tuple([_shrunk(one) for one in pictures])
        return frames, (width, height), _PICTURES_PER_S
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = analysis_size(stream.width, stream.height)
        decoded = tuple([to_gray(frame, *size) for frame in container.decode(stream)])
        return decoded, (stream.width, stream.height), float(stream.average_rate or _PICTURES_PER_S)


def _cdnet(path: Path) -> Clip:
    frames, (width, height), per_s = _frames(path / "input")
    first, last = map(int, (path / "temporalROI.txt").read_text(encoding="ascii").split())
    truth = {}
    for number in range(first, last + 1):
        mask = _picture(path / "groundtruth" / f"gt{number:06}.png")
        if np.isin(mask, _UNKNOWN).all():
            continue
        _, _, stats, _ = cv2.connectedComponentsWithStats((mask == _MOVING).astype(np.uint8))
        areas = [area for area in stats[1:] if area[cv2.CC_STAT_AREA] >= _LEAST_PIXELS]
        truth[number - 1] = tuple((a[0] / width, a[1] / height, a[2] / width, a[3] / height) for a in areas)
    return Clip(path.name, frames, per_s, truth)


def _picture(path: Path) -> Gray:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(f"{path} is no picture")
    return _gray(picture)


def _shrunk(picture: Gray) -> Gray:
    height, width = picture.shape
    return _gray(cv2.resize(picture, analysis_size(width, height), interpolation=cv2.INTER_AREA))


def _gray(picture: cv2.typing.MatLike) -> Gray:
    return cast("Gray", picture.astype(np.uint8, copy=False))
