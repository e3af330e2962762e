"""How long it takes to find what was seen: a month of a village's observations, and nights of one camera's activity."""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from safe_community_recorder.archive.activity import ActivitySecond, PackedArea, encode, records, stepped, values
from safe_community_recorder.archive.index import Index
from safe_community_recorder.archive.schema import OBSERVATION, RECORDING
from safe_community_recorder.archive.sightings import ObservationId, Sought
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.media.curve import draw_curve
from safe_community_recorder.utc import SECOND_US
from safe_community_recorder.vision.zones import blocks_inside

CAMERAS, DAYS, A_DAY = 119, 30, 200
NIGHT_S = 10 * 3_600
_DAY_US = 86_400 * SECOND_US
_END_US = 1_795_348_800 * SECOND_US
_ROWS, _COLUMNS = 22, 40
_CORNER = ((0.0, 0.5), (0.25, 0.5), (0.25, 1.0), (0.0, 1.0))
_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Took:
    """A question, how many answers it had, and how long they took: median and 95th percentile."""

    question: str
    answers: int
    median_ms: float
    p95_ms: float


def measure() -> list[Took]:
    """All questions."""
    return [*_observations(), *_activity()]


def _timed(question: str, ask: Callable[[random.Random], int]) -> Took:
    dice, took = random.Random(5), []
    answers = ask(dice)
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        ask(dice)
        took.append((time.perf_counter() - began_s) * 1_000)
    median, p95 = np.percentile(took, (50, 95)).tolist()
    return Took(question, answers, median, p95)


def _observations() -> Iterator[Took]:
    cameras = tuple(f"camera-{number:03}" for number in range(CAMERAS))
    with tempfile.TemporaryDirectory(prefix="found-") as folder:
        index = Index(Path(folder) / "index.sqlite")
        for camera_id in cameras:
            index.store.write(partial(_fill, camera_id=camera_id))

        everybody = Sought(cameras=cameras)

        def pages(dice: random.Random, sought: Sought = everybody, count: int = 100) -> int:
            behind = ObservationId(_END_US - dice.randrange(DAYS) * _DAY_US, "", "", "")
            return len(index.sightings.page(replace(sought, newest_first=True, after=behind), count + 1))

        yield _timed("100 of all cameras, newest first, any page", pages)
        yield _timed("1000 of all cameras, newest first, any page", partial(pages, count=1_000))
        yield _timed("100 of an eldership's 12 cameras, any page", partial(pages, sought=Sought(cameras=cameras[:12])))
        yield _timed(
            "those of a kind that is rare, of all cameras",
            partial(pages, sought=Sought(cameras=cameras, kinds=("covered",))),
        )
        yield _timed(
            "those of a zone that nobody has (all is looked through)",
            partial(pages, sought=Sought(cameras=cameras, zone="none")),
        )

        def night(dice: random.Random) -> int:
            start_us = _END_US - dice.randrange(1, DAYS) * _DAY_US
            return len(index.sightings.page(Sought(Span(start_us, start_us + NIGHT_S * SECOND_US), cameras), 1_001))

        def month(dice: random.Random) -> int:
            mine = (dice.choice(cameras),)
            return len(index.sightings.page(Sought(Span(_END_US - DAYS * _DAY_US, _END_US), mine), 1_001))

        yield _timed("1000 of a night, all cameras", night)
        yield _timed("1000 of a month, one camera", month)
        index.close()


def _fill(connection: sa.Connection, camera_id: str) -> None:
    dice = random.Random(camera_id)
    seen = {}
    for _ in range(DAYS * A_DAY):
        start_us = _END_US - dice.randrange(DAYS * _DAY_US)
        seen[start_us] = {
            "camera_id": camera_id,
            "start_us": start_us,
            "kind": "covered" if dice.random() < 0.001 else "motion",
            "zone": "",
            "end_us": start_us + dice.randrange(1, 60) * SECOND_US,
            "score": 0.5,
            "still_us": start_us + SECOND_US,
        }
    connection.execute(sa.insert(OBSERVATION), list(seen.values()))
    files = [
        {
            "path": f"{camera_id}/{start_us}",
            "camera_id": camera_id,
            "start_us": start_us,
            "end_us": start_us + 300 * SECOND_US,
            "size_bytes": 1,
            "complete": True,
            "clock": "arrival",
        }
        for start_us in range(_END_US - DAYS * _DAY_US, _END_US, 300 * SECOND_US)
    ]
    connection.execute(sa.insert(RECORDING), files)


def _activity() -> Iterator[Took]:
    """Nothing moves; people pass a tenth of the time; something moves all the time. File and answer, nothing cached."""
    start_s = _END_US // SECOND_US
    with tempfile.TemporaryDirectory(prefix="found-") as folder:
        for share, name in ((0.0, "quiet"), (0.1, "usual"), (1.0, "busy")):
            path = Path(folder) / f"{name}.bin"
            path.write_bytes(b"".join(_night(start_s, share)))
            size = f"{name} night of {NIGHT_S // 3_600} h, {path.stat().st_size / 1_000:.0f} kB"

            def search(_dice: random.Random, path: Path = path) -> int:
                area = PackedArea.of(blocks_inside([_CORNER], _ROWS, _COLUMNS))
                return sum(len(record.moved_in(area)[0]) for record in records(path.read_bytes()))

            def curve(_dice: random.Random, path: Path = path) -> int:
                each = values(records(path.read_bytes()), start_s, start_s + NIGHT_S)
                return len(draw_curve(each, 960, 120)) and len(stepped(each, 60))

            yield _timed(f"seconds in which anything moved in a corner: {size}", search)
            yield _timed(f"a curve of it, and a value a minute: {size}", curve)


def _night(start_s: int, share: float) -> Iterator[bytes]:
    """Somebody of 2 × 4 blocks walks about so much of the time, and a block somewhere flickers."""
    dice = random.Random(7)
    row, column = 8, 20
    for minute in range(NIGHT_S // 60):
        seconds = []
        for at_s in range(start_s + minute * 60, start_s + minute * 60 + 60):
            blocks = np.zeros((_ROWS, _COLUMNS), dtype=np.bool_)
            if dice.random() < share:
                row = min(_ROWS - 4, max(0, row + dice.randint(-1, 1)))
                column = min(_COLUMNS - 2, max(0, column + dice.randint(-1, 1)))
                blocks[row : row + 4, column : column + 2] = True
                blocks[dice.randrange(_ROWS), dice.randrange(_COLUMNS)] = True
            seconds.append(ActivitySecond(at_s, float(blocks.mean()), blocks))
        yield from (record for _, record in encode(seconds))
