"""What the archive's index and writer cost, beside named baselines measured in the same run.

The village is Aizkraukle's 119 cameras with files of five minutes: 7.2 hours, 3 days and 30 days of footage are 1×, 10×
and 100× (1.03 million files). Baselines:

- "a row per 10 s": Frigate's way, a row for each segment of ten seconds in SQLite with its indexes on (camera, start)
  and its questions (its migrations 003 and 020 show the table); 30 times as many rows for the same footage.
- "bare": the same bytes by `writev` alone; or each file opened and its last 64 KiB read, nothing made of them.

The numbers are medians of many questions about random cameras and times, each size in a fresh process.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.deletion import MOST_AT_ONCE
from safe_community_recorder.archive.index import Index, RecordingRow
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.archive.place import Place
from safe_community_recorder.archive.retention import Storage, decide
from safe_community_recorder.archive.root import ArchiveRoot
from safe_community_recorder.archive.threads import DiskThreads
from safe_community_recorder.archive.timeline import Gap, Span
from safe_community_recorder.archive.writer import RecordingWriter
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.cmaf import (
    Fragment,
    Group,
    RecordingFile,
    Sample,
    encode_group,
    init_segment,
    to_ntp,
)
from safe_community_recorder.media.sample_table import closing_boxes
from safe_community_recorder.media.video import VideoFormat
from tests.recorder.footage import encode
from tests.world import ROOT

CAMERAS = 119
FILE_US = 300_000_000
SEGMENTS_PER_FILE = 30
FILES = {1: 86, 10: 864, 100: 8_640}
GROUP_S = 2
PICTURES = 20
DAYS = 31
ZONE = ZoneInfo("Europe/Riga")
QUESTIONS = 200
_WRITING_ROUNDS = 9
_HOUR_US = 3_600_000_000
_MB = 1 << 20


def camera_id(number: int) -> str:
    """The name of a camera."""
    return f"camera-{number:03}"


def end_of_footage_us() -> int:
    """The last whole five minutes."""
    return time.time_ns() // 1_000 // FILE_US * FILE_US


def rows(files: int, end_us: int) -> Iterator[RecordingRow]:
    """The files of all cameras, by their start; one in two hundred is missing."""
    dice = random.Random(7)
    for number in range(files, 0, -1):
        start_us = end_us - number * FILE_US
        for camera in range(CAMERAS):
            if dice.random() < 0.005:
                continue
            path = relative_path(camera_id(camera), start_us)
            size_bytes = dice.randrange(30 * _MB, 40 * _MB)
            yield RecordingRow(path, camera_id(camera), start_us, start_us + FILE_US, size_bytes, True)


def build_ours(data: Path, files: int, end_us: int) -> int:
    """Writes the index; the number of its rows."""
    index = Index(data / "index.sqlite")
    last_us: dict[str, int] = {}
    batch: list[RecordingRow] = []
    count = 0
    for row in rows(files, end_us):
        batch.append(row)
        if (before_us := last_us.get(row.camera_id)) is not None and before_us < row.start_us:
            index.put_gap(row.camera_id, Gap(before_us, row.start_us, Cause.CAMERA_UNREACHABLE))
        last_us[row.camera_id] = row.end_us
        if len(batch) == 20_000:
            index.put_many(batch)
            count += len(batch)
            batch = []
    index.put_many(batch)
    index.close()
    return count + len(batch)


_SEGMENTS = """
CREATE TABLE segment (
  id INTEGER PRIMARY KEY, camera TEXT NOT NULL, path TEXT NOT NULL, start_time REAL NOT NULL, end_time REAL NOT NULL,
  duration REAL NOT NULL, motion INTEGER, objects INTEGER, size_mb REAL NOT NULL
);
"""
_SEGMENT_INDEXES = """
CREATE INDEX by_camera ON segment (camera, start_time DESC, end_time DESC);
CREATE INDEX for_summaries ON segment (camera, start_time DESC, duration, motion, objects);
CREATE INDEX by_age ON segment (start_time);
ANALYZE;
"""
_FILL = """
INSERT INTO segment (camera, path, start_time, end_time, duration, motion, objects, size_mb)
SELECT r.camera_id, 'recordings/' || r.camera_id || '/' || CAST(r.start_us / 1000000 + 10 * n.n AS TEXT) || '.mp4',
  r.start_us / 1e6 + 10 * n.n, r.start_us / 1e6 + 10 * n.n + 10, 10.0, 0, 0, r.size_bytes / 1048576.0 / 30
FROM ours.recording AS r, n ORDER BY r.start_us, n.n
"""


def build_segments(database: Path, ours: Path) -> int:
    """Writes the same footage with a row for every ten seconds; the number of rows."""
    with sqlite3.connect(database) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _SEGMENTS)
        connection.execute("ATTACH ? AS ours", (str(ours),))
        connection.execute("CREATE TEMP TABLE n (n INTEGER)")
        connection.executemany("INSERT INTO n VALUES (?)", [(n,) for n in range(SEGMENTS_PER_FILE)])
        count = connection.execute(_FILL).rowcount
        connection.commit()
        connection.executescript(_SEGMENT_INDEXES)
    connection.close()
    return count


# --- questions --------------------------------------------------------------------------------------------------------


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


def median_ms(seconds: Sequence[float]) -> float:
    """Of many times."""
    return statistics.median(seconds) * 1_000


async def timed[T](question: Callable[[Asked], Awaitable[object]], asked: Sequence[Asked]) -> float:
    """The median of the answers' times in ms; the first, which warms up, does not count."""
    await question(asked[0])
    took = []
    for one in asked:
        began = time.perf_counter()
        await question(one)
        took.append(time.perf_counter() - began)
    return median_ms(took)


def seconds_of(act: Callable[[], object], rounds: int = 3) -> float:
    """The best of some tries."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - began)
    return best


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
    for name, (before_us, allowed) in limits(files, end_us, round(used_mb * _MB)).items():

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
            excess = used_mb - freed_mb - allowed / _MB
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


def in_a_fresh_process(*arguments: str) -> dict[str, Any]:
    """What another run of this program measured."""
    command = [sys.executable, "-m", "benchmarks.archive", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'recorder_addon'}"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# --- rebuilding -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Template:
    """A recording file of five minutes, with pictures of a few bytes, to be written again with other times."""

    data: bytes
    file: RecordingFile

    def at(self, start_us: int) -> bytes:
        """The whole file, begun at another instant."""
        data = bytearray(self.data)
        shift_us = start_us - self.file.fragments[0].utc_us
        fragments = []
        for fragment in self.file.fragments:
            utc_us = fragment.utc_us + shift_us
            data[fragment.start + 16 : fragment.start + 24] = to_ntp(utc_us).to_bytes(8)
            fragments.append(replace(fragment, utc_us=utc_us))
        return bytes(data) + closing_boxes(replace(self.file, fragments=tuple(fragments)))


def template(video: VideoFormat) -> Template:
    """The file at the beginning of 2026."""
    start_us = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    samples = tuple(Sample(b"\0\0\0\1\x09", 9_000, 0) for _ in range(PICTURES))
    parts = [init_segment(Group(video, start_us, samples))]
    fragments: list[Fragment] = []
    for number in range(FILE_US // (GROUP_S * 1_000_000)):
        group = Group(video, start_us + number * GROUP_S * 1_000_000, samples)
        buffers, fragment = encode_group(number + 1, number * GROUP_S * 90_000, group, sum(map(len, parts)))
        parts.append(b"".join(buffers))
        fragments.append(fragment)
    data = b"".join(parts)
    return Template(data, RecordingFile(video, tuple(fragments), len(data)))


def write_archive(archive: Path, files: int, end_us: int) -> int:
    """Real files of all cameras; how many."""
    one = template(encode(2).video)
    count = 0
    for row in rows(files, end_us):
        path = archive / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.at(row.start_us))
        count += 1
    return count


def bare_rebuild(archive: Path) -> int:
    """Opens each file and reads its end, as anybody must who wants to know what is in it."""
    count = 0
    for path in archive.rglob("*.mp4"):
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            os.pread(file.fileno(), 64 << 10, max(0, size - (64 << 10)))
        count += 1
    return count


def measure_rebuild(folder: Path) -> dict[str, float]:
    """Our command `rebuild` in a process of its own: seconds and the process's memory at most, in MB."""
    command = [sys.executable, "-m", "safe_community_recorder", "rebuild"]
    command += ["--data", str(folder / "data"), "--archive", str(folder / "archive")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, log
    return {"s": time.perf_counter() - began, "MB": usage.ru_maxrss / 1024}


# --- writing ----------------------------------------------------------------------------------------------------------


def measure_writing(folder: Path) -> dict[str, float]:
    """Processor time of a group of pictures of 500 kB (2 Mbit/s): by our writer with its index, and by writev alone."""
    groups = 150
    dice = random.Random(9)
    video = encode(2).video
    pictures = tuple(Sample(dice.randbytes(100_000 if number == 0 else 21_000), 9_000, 0) for number in range(PICTURES))
    start_us = end_of_footage_us()
    made = [Group(video, start_us + number * GROUP_S * 1_000_000, pictures) for number in range(groups)]
    buffers = [[b"", *(sample.data for sample in group.samples)] for group in made]

    def ours(number: int) -> None:
        writer = RecordingWriter(place, f"stop{number}", made[0])
        for group in made:
            writer.append(group)
            place.index.put(writer.row(complete=False))
        writer.close()
        place.index.put(writer.row(complete=True))

    def bare(number: int) -> None:
        descriptor = os.open(folder / f"bare{number}", os.O_WRONLY | os.O_CREAT)
        for parts in buffers:
            os.writev(descriptor, parts)
        os.fsync(descriptor)
        os.close(descriptor)

    result: dict[str, float] = {}
    data = folder / "data"
    data.mkdir()
    place = Place(ArchiveRoot(folder / "archive", data), Index(data / "index.sqlite"), DiskThreads(1), Storage())
    walls: dict[str, list[float]] = {"ours": [], "bare": []}
    processors: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(_WRITING_ROUNDS):
        # In turns, and each with the disk at rest: the kernel still writes what came before.
        for name, act in (("ours", ours), ("bare", bare)):
            os.sync()
            began = time.perf_counter(), time.process_time()
            act(number)
            walls[name].append(time.perf_counter() - began[0])
            processors[name].append(time.process_time() - began[1])
    for kind, taken in (("wall", walls), ("processor", processors)):
        result |= {f"{name} {kind} ms": median_ms(seconds) / groups for name, seconds in taken.items()}
    place.index.close()
    place.root.close()
    return result


# --- the tables -------------------------------------------------------------------------------------------------------

_QUESTIONS = {
    "day summary of one camera": ("day ms", "ms"),
    "range query (one hour)": ("hour ms", "ms"),
    "retention decision, an hour past its days": ("an hour past its days s", "s"),
    "retention decision, 1 % over the quota": ("1 % over the quota s", "s"),
    "retention decision, days halved (a run: 20,000 files)": ("days halved s", "s"),
    "memory on top, asking": ("asked MB", "MB"),
    "memory on top, with the retention decisions": ("MB", "MB"),
    "size of the database": ("database MB", "MB"),
}


_TARGETS = {"day ms": 5, "hour ms": 5, "an hour past its days s": 1, "1 % over the quota s": 1, "days halved s": 1}


def _verdict(value: float, most: float) -> str:
    return f"{number_text(value)} < {most:g}: {'met' if value < most else 'MISSED'}"


def number_text(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"


def print_questions(results: dict[int, tuple[dict[str, float], dict[str, float]]]) -> None:
    """A line for each question and size."""
    print("\n| question | size | index rows | ours | a row per 10 s | ratio |")
    print("|---|---|---|---|---|---|")
    for question, (key, unit) in _QUESTIONS.items():
        for size, (ours, theirs) in results.items():
            ratio = theirs[key] / ours[key] if ours[key] > 0 else float("nan")
            print(
                f"| {question} | {size}× | {ours['rows']:,.0f} / {theirs['rows']:,.0f} "
                f"| {number_text(ours[key])} {unit} | {number_text(theirs[key])} {unit} | {number_text(ratio)} |"
            )
    largest, (ours, _) = max(results.items())
    print(
        f"\nTargets at {largest}×: " + "; ".join(f"{key} {_verdict(ours[key], most)}" for key, most in _TARGETS.items())
    )
    for size, (ours, _) in results.items():
        print(f"\nOpening the index at {size}×, with the check of its soundness: {ours['opening s']:.2f} s")


def ask_everything(folder: Path, sizes: Sequence[int], end_us: int) -> None:
    """Builds both indexes of each size and asks them."""
    results = {}
    for size in sizes:
        place = folder / f"index-{size}"
        (place / "data").mkdir(parents=True)
        (place / "archive").mkdir()
        ours_path, theirs_path = place / "data" / "index.sqlite", place / "segments.sqlite"
        ours_rows = build_ours(place / "data", FILES[size], end_us)
        theirs_rows = build_segments(theirs_path, ours_path)
        print(f"{size}×: {ours_rows:,} files, {theirs_rows:,} segments", file=sys.stderr)
        shared = ("--size", str(size), "--end", str(end_us), "--folder", str(place))
        # Each is alone in memory: the one asked second would find the caches of the disk filled by the other.
        ours = in_a_fresh_process("--measure", "ours", *shared)
        theirs = in_a_fresh_process("--measure", "segments", *shared)
        ours |= {"rows": ours_rows, "database MB": ours_path.stat().st_size / _MB}
        theirs |= {"rows": theirs_rows, "database MB": theirs_path.stat().st_size / _MB}
        results[size] = ours, theirs
        shutil.rmtree(place)
    print_questions(results)


def rebuild_everything(folder: Path, sizes: Sequence[int], end_us: int) -> None:
    """Writes real files and makes the index of them."""
    print("\n| rebuild from the files alone | files | ours | per file | memory | bare | ratio |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        place = folder / f"files-{size}"
        (place / "data").mkdir(parents=True)
        began = time.perf_counter()
        count = write_archive(place / "archive", FILES[size], end_us)
        print(f"{count:,} files written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        bare_s = seconds_of(partial(bare_rebuild, place / "archive"))
        ours = measure_rebuild(place)
        print(
            f"| {size}× | {count:,} | {ours['s']:.1f} s | {ours['s'] / count * 1e3:.2f} ms | {ours['MB']:.0f} MB "
            f"| {bare_s:.1f} s | {bare_s / ours['s']:.2f} |"
        )
        if size == max(sizes) and size < max(FILES):
            factor = max(FILES) // size
            print(
                f"| {max(FILES)}× | not run: {factor} × the line above would be | {ours['s'] * factor:.0f} s | | | | |"
            )
        shutil.rmtree(place)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench archive", description=__doc__)
    parser.add_argument("--largest", type=int, choices=(1, 10, 100), default=100, help="largest size of the index")
    parser.add_argument("--largest-rebuild", type=int, choices=(1, 10), default=10, help="of the files rebuilt from")
    parser.add_argument("--folder", type=Path, help="where to work: up to 12 GB (default: a temporary directory)")
    parser.add_argument("--measure", choices=("ours", "segments"), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--end", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure == "ours":
        print(json.dumps(asyncio.run(measure_ours(arguments.folder, FILES[arguments.size], arguments.end))))
    elif arguments.measure == "segments":
        database = arguments.folder / "segments.sqlite"
        print(json.dumps(asyncio.run(measure_segments(database, FILES[arguments.size], arguments.end))))
    else:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
            folder = Path(temporary)
            writing = measure_writing(folder)
            print("| a group of pictures (500 kB), written | ours | bare writev | ratio |\n|---|---|---|---|")
            for kind in ("processor", "wall"):
                ours, bare = writing[f"ours {kind} ms"], writing[f"bare {kind} ms"]
                print(f"| {kind} time | {ours:.2f} ms | {bare:.2f} ms | {ours / bare:.2f} |")
            end_us = end_of_footage_us()
            ask_everything(folder, [size for size in FILES if size <= arguments.largest], end_us)
            rebuild_everything(folder, [size for size in FILES if size <= arguments.largest_rebuild], end_us)


if __name__ == "__main__":
    main()
