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
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.archives.asking import measure_ours, measure_segments
from benchmarks.archives.rebuilding import bare_rebuild, measure_rebuild, write_archive
from benchmarks.archives.times import seconds_of
from benchmarks.archives.village import MB, build_ours, build_segments, end_of_footage_us
from benchmarks.archives.writing import measure_writing
from tests.world import ROOT

FILES = {1: 86, 10: 864, 100: 8_640}

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


def in_a_fresh_process(*arguments: str) -> dict[str, Any]:
    """What another run of this program measured."""
    command = [sys.executable, "-m", "benchmarks.archive", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'recorder_addon'}"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


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
        ours |= {"rows": ours_rows, "database MB": ours_path.stat().st_size / MB}
        theirs |= {"rows": theirs_rows, "database MB": theirs_path.stat().st_size / MB}
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
