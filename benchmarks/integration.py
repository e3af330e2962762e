"""What the integration costs Home Assistant: to set up, in memory, and by keeping its event loop from others.

    scripts/bench integration [load] [--cameras 119] [--recorders 3] [--rounds 3]
    scripts/bench integration rows [--minutes 20] [--quiet 3] [--busy 3]

load: real recorders with cameras that are paused; then all of them are told to record and do not answer, so that every
camera changes several times within seconds. Each contestant has a Home Assistant of its own: nothing, a bare
integration with as many entities of the same platforms, and ours. rows: see benchmarks/household/rows.py.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.household import rows
from tests.world import Recorder, wait_until

CONTESTANTS: Final = ("nothing", "bare", "ours")
SIT_S: Final = 10
SHAKE_S: Final = 15


def entries(cameras: int, *, paused: bool) -> list[dict[str, Any]]:
    """Cameras of a recorder, in as many elderships as Biržai has; nobody answers at their address."""
    return [
        {"id": f"camera-{number}", "name": f"Camera {number}", "url": "rtsp://127.0.0.1:9/", "paused": paused}
        | {"eldership": "vabalninkas" if number % 2 else "pabirze"}
        for number in range(cameras)
    ]


def shares(cameras: int, recorders: int) -> list[int]:
    """How many cameras each recorder has."""
    return [cameras // recorders + (number < cameras % recorders) for number in range(recorders)]


@contextlib.contextmanager
def village(folder: Path, cameras: int, recorders: int) -> Iterator[list[Recorder]]:
    """Real recorders, all cameras paused."""
    started: list[Recorder] = []
    try:
        for number, share in enumerate(shares(cameras, recorders)):
            recorder = Recorder(folder / f"recorder-{number}")
            recorder.write_camera_file(entries(share, paused=True))
            recorder.start()
            started.append(recorder)
        yield started
    finally:
        for recorder in started:
            recorder.stop()


def run(contestant: str, folder: Path, recorders: Sequence[Recorder], counts: list[dict[str, int]]) -> dict[str, Any]:
    """One contestant in a Home Assistant of its own."""
    for recorder in recorders:
        share = len(recorder.ask("/api/v1/cameras").json["cameras"])
        recorder.write_camera_file(entries(share, paused=True))
        wait_until(partial(_all_paused, recorder))
    asked = {
        "entries": [
            {
                "data": {"url": recorder.url, "token": recorder.token},
                "recorder_id": recorder.ask("/api/v1/info").json["recorder_id"],
                "counts": count,
            }
            for recorder, count in zip(recorders, counts, strict=True)
        ],
        "sit_s": SIT_S,
        "shake_s": SHAKE_S,
        "port": rows.free_port(),
    }
    command = [sys.executable, "-m", "benchmarks.household.home", contestant, str(folder)]
    # Modules are read compiled, as in an installed Home Assistant, whatever this shell says of compiled files.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.close()
        assert process.stdout.readline() == "shake\n", f"{contestant} did not start"
        for recorder in recorders:
            share = len(recorder.ask("/api/v1/cameras").json["cameras"])
            recorder.write_camera_file(entries(share, paused=False))
        outcome: dict[str, Any] = json.loads(process.stdout.readline())
    return outcome


def _all_paused(recorder: Recorder) -> bool:
    cameras = recorder.ask("/api/v1/cameras").json["cameras"]
    return all(camera["state"]["connection"] == "paused" for camera in cameras)


def load(cameras: int, recorders: int, rounds: int) -> None:
    """Measure all contestants in turns, and print medians."""
    outcomes: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory(prefix="integration-") as directory:
        folder = Path(directory)
        with village(folder, cameras, recorders) as started:
            # Once before, for the compiled files and to count the entities.
            warm = run("ours", folder / "warm", started, [{} for _ in started])["entities"]
            entities = sum(warm.values())
            counts = [{name: -(-number // recorders) for name, number in warm.items()} for _ in started]
            for number in range(rounds):
                for name in CONTESTANTS:
                    outcome = run(name, folder / f"{name}-{number}", started, counts)
                    assert name == "nothing" or sum(outcome["entities"].values()) >= entities, f"{name} is not set up"
                    assert not outcome["blocking_calls"], outcome["blocking_calls"]
                    outcomes[name].append(outcome)
    print(f"{cameras} cameras at {recorders} recorders, {entities} entities; medians of {rounds} rounds (least–most)\n")
    print(*table(outcomes), sep="\n")


COLUMNS: Final = (
    ("set up, s", "setup_s"),
    ("memory, MB", "memory_mb"),
    ("longest stall: set-up, ms", "setup_stall_s"),
    ("nothing happens, ms", "sitting_stall_s"),
    ("every camera changes, ms", "shaken_stall_s"),
    ("changes of states", "changes"),
)


def table(outcomes: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """The figures in Markdown."""
    yield f"| | {' | '.join(title for title, _ in COLUMNS)} |"
    yield f"|---|{'---:|' * len(COLUMNS)}"
    for name, found in outcomes.items():
        cells = [_cell(title, [one[key] for one in found]) for title, key in COLUMNS]
        yield f"| {name} | {' | '.join(cells)} |"
    setup, memory = (
        statistics.median(one[key] for one in outcomes["ours"])
        / statistics.median(one[key] for one in outcomes["bare"])
        for key in ("setup_s", "memory_mb")
    )
    yield f"\nours / bare: set up {setup:.1f}, memory {memory:.1f}"


def _cell(title: str, values: Sequence[float]) -> str:
    unit = 1_000 if title.endswith("ms") else 100 if title.endswith("%") else 1
    digits = 0 if title.endswith("ms") or "changes of" in title else 1 if unit == 100 or "MB" in title else 2
    low, middle, high = (
        f"{value * unit:.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low}–{high})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="load", choices=("load", "rows"))
    parser.add_argument("--cameras", type=int, default=119)
    parser.add_argument("--recorders", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--quiet", type=int, default=3)
    parser.add_argument("--busy", type=int, default=3)
    options = parser.parse_args()
    if options.part == "load":
        load(options.cameras, options.recorders, options.rounds)
    else:
        rows.report(options.minutes, options.quiet, options.busy)


if __name__ == "__main__":
    main()
