"""The same questions to our index and to a table with a row for every ten seconds."""

import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.archives.times import median_ms, seconds_of
from benchmarks.archives.village import CAMERAS, FILE_US, MB, SEGMENTS_PER_FILE, camera_id
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.deletion import MOST_AT_ONCE
from safe_community_recorder.archive.index import Index, RecordingRow
from safe_community_recorder.archive.retention import Storage, decide
from safe_community_recorder.archive.timeline import Span

DAYS = 31
ZONE = ZoneInfo("Europe/Riga")
QUESTIONS = 200
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """When and of whom a question is."""

    camera_id: str
    at_us: int


def questions(files: int, end_us: int) -> list[Asked]:
    """The same for everybody."""
    dice = random.Random(8)
    return [
        Asked(camera_id(dice.randrange(CAMERAS)), end_us - dice.randrange(min(files, 12), files + 1) * FILE_US)
        for _ in range(QUESTIONS)
    ]


def limits(files: int, end_us: int, used_bytes: int) -> dict[str, tuple[int, int]]:
    """What retention has to decide: (footage before this instant is past its days, bytes that may stay)."""
    begin_us = end_us - files * FILE_US
    return {
        "an hour past its days": (begin_us + _HOUR_US, used_bytes),
        "1 % over the quota": (begin_us, used_bytes - used_bytes // 100),
        "days halved": (begin_us + (end_us - begin_us) // 2, used_bytes),
    }


class Memory:
    """How much more than at its beginning the process has held at most."""

    def __init__(self) -> None:
        # Forgets the peak so far (proc(5)).
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._before_kb = self._of("VmRSS")

    def on_top_mb(self) -> float:
        """Megabytes."""
        return (self._of("VmHWM") - self._before_kb) / 1024

    @staticmethod
    def _of(name: str) -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))


async def timed[T](question: Callable[[Asked], Awaitable[object]], asked: Sequence[Asked]) -> float:
    """The median of the answers' times in ms; the first, which warms up, does not count."""
    await question(asked[0])
    took = []
    for one in asked:
        began = time.perf_counter()
        await question(one)
        took.append(time.perf_counter() - began)
    return median_ms(took)


async def measure_ours(folder: Path, files: int, end_us: int) -> dict[str, float]:
    """Everything of our index of one size."""
    memory = Memory()
    archive = Archive(folder / "archive", folder / "data", Storage(DAYS), lambda _camera: DAYS)
    began = time.perf_counter()
    await archive.start()
    result = {"opening s": time.perf_counter() - began}
    asked = questions(files, end_us)

    def day(one: Asked) -> Awaitable[object]:
        local = datetime.fromtimestamp(one.at_us / 1e6, ZONE).date()
        return archive.days(one.camera_id, local, local, ZONE)

    def hour(one: Asked) -> Awaitable[object]:
        return archive.recordings(one.camera_id, Span(one.at_us, one.at_us + _HOUR_US))

    result["day ms"] = await timed(day, asked)
    result["hour ms"] = await timed(hour, asked)
    await archive.stop()
    result["asked MB"] = memory.on_top_mb()
    index = Index(folder / "data" / "index.sqlite")
    used = index.used_bytes
    for name, (before_us, allowed) in limits(files, end_us, used).items():

        def retention(before_us: int = before_us, allowed: int = allowed) -> int:
            past: list[RecordingRow] = []
            for camera in index.cameras():
                past += index.ended_before(camera, before_us, MOST_AT_ONCE - len(past))
            decision = decide(past, index.everything(), [], end_us, used, allowed)
            return len(decision.expired) + len(decision.pressed)

        assert retention() > 0, name
        result[f"{name} s"] = seconds_of(retention)
    index.close()
    result["MB"] = memory.on_top_mb()
    return result


async def measure_segments(database: Path, files: int, end_us: int) -> dict[str, float]:
    """The same questions to a table with a row for every ten seconds."""
    memory = Memory()
    connection = sqlite3.connect(database)
    asked = questions(files, end_us)

    async def day(one: Asked) -> object:
        local = datetime.fromtimestamp(one.at_us / 1e6, ZONE).date()
        start = datetime(local.year, local.month, local.day, tzinfo=ZONE)
        span = (one.camera_id, start.timestamp(), (start + timedelta(days=1)).timestamp())
        return connection.execute(
            "SELECT CAST(start_time AS INTEGER) / 3600, SUM(duration), SUM(motion), SUM(objects) "
            "FROM segment WHERE camera = ? AND start_time >= ? AND start_time < ? GROUP BY 1",
            span,
        ).fetchall()

    async def hour(one: Asked) -> object:
        return connection.execute(
            "SELECT path, start_time, end_time, duration FROM segment "
            "WHERE camera = ? AND start_time < ? AND end_time > ? AND start_time > ? ORDER BY start_time",
            (one.camera_id, one.at_us / 1e6 + 3600, one.at_us / 1e6, one.at_us / 1e6 - 10),
        ).fetchall()

    result = {"day ms": await timed(day, asked), "hour ms": await timed(hour, asked)}
    result["asked MB"] = memory.on_top_mb()
    used_mb = connection.execute("SELECT SUM(size_mb) FROM segment").fetchone()[0]
    for name, (before_us, allowed) in limits(files, end_us, round(used_mb * MB)).items():

        def retention(before_us: int = before_us, allowed: int = allowed) -> int:
            doomed: list[int] = []
            most = MOST_AT_ONCE * SEGMENTS_PER_FILE
            freed_mb = 0.0
            for camera in range(CAMERAS):
                for number, _path, size_mb in connection.execute(
                    "SELECT id, path, size_mb FROM segment "
                    "WHERE camera = ? AND start_time < ? AND end_time <= ? LIMIT ?",
                    (camera_id(camera), before_us / 1e6, before_us / 1e6, most - len(doomed)),
                ):
                    doomed.append(number)
                    freed_mb += size_mb
            excess = used_mb - freed_mb - allowed / MB
            if excess > 0:
                for number, _path, size_mb in connection.execute(
                    "SELECT id, path, size_mb FROM segment ORDER BY start_time"
                ):
                    doomed.append(number)
                    excess -= size_mb
                    if excess <= 0:
                        break
            return len(doomed)

        assert retention() > 0, name
        result[f"{name} s"] = seconds_of(retention)
    connection.close()
    result["MB"] = memory.on_top_mb()
    return result
