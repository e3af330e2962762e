"""What making an evidence package costs the cameras that are recorded meanwhile, beside copying the same bytes.

A recorder records simulated cameras; of another camera there are 2 GB of footage. Contestants one after the other:

- "rest": nothing is made;
- "package": the recorder makes a package of all 2 GB;
- "copy": `cp` and `sync` of the same files by another process, then `sha256sum`: as fast as disk and processor go.

Counted each 0.2 s: how old the newest footage on the disk is, of each camera. It grows with every picture until the
group is complete and written: the group's length is in it at rest, too.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.wire.document import put
from safe_community_recorder import utc
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.video import length_prefixed
from tests.recorder.footage import encode, recorded
from tests.world import Recorder, simulated_cameras, text, wait_until

CAMERAS = ("north", "east", "south", "west")
FILES = 20
FILE_BYTES = 100_000_000
EVERY_S = 0.2
REST_S = 40.0


@dataclass
class Turn:
    """What was seen while a contestant worked. Seconds."""

    took_s: float = 0.0
    ages_s: list[float] = field(default_factory=list)
    recorder_cpu_s: float = 0.0


def main() -> None:
    """Measures and prints, or writes into a document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a folder on the disk that is to be measured (6 GB)")
    parser.add_argument("--write", type=Path, help="the document whose table is to be replaced")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, simulated_cameras(CAMERAS) as cameras:
        recorder = Recorder(Path(folder))
        start_us = put_footage(recorder.archive)
        recorder.write_camera_file(
            [{"id": one, "url": cameras.url(one)} for one in CAMERAS]
            + [{"id": "laden", "url": "rtsp://127.0.0.1:9/main"}]
        )
        recorder.start()
        try:
            for one in CAMERAS:
                recorder.wait_for_footage(one, 10)
            span_s = FILES * 60
            wait_until(lambda: recorder.recorded_s("laden") >= span_s - 1, 120)
            turns = {
                "rest": measured(recorder, lambda: time.sleep(REST_S)),
                "package": measured(recorder, lambda: make_package(recorder, start_us)),
                "copy": measured(recorder, lambda: copy(recorder.archive / "laden", Path(folder) / "copy")),
            }
            lost = recorder.ask("/api/v1/storage").json["lost_groups"]
            gaps = sum(len(recorder.timeline(one)["gaps"]) for one in CAMERAS)
        finally:
            recorder.stop()
    table = as_table(turns, lost, gaps)
    print("\n".join(table))
    if arguments.write:
        put(arguments.write, "scripts/bench evidence", table)


def put_footage(archive: Path) -> int:
    """Recording files of a minute each of the camera "laden"; where they begin, in microseconds of UTC."""
    start_us = utc.to_us(datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=FILES + 10))
    video = encode(10).video
    for number in range(FILES):
        file_us = start_us + number * 60 * utc.SECOND_US
        groups = []
        for position in range(30):
            picture = length_prefixed([b"\x65" + os.urandom(FILE_BYTES // 30)])
            groups.append(Group(video, file_us + position * 2 * utc.SECOND_US, (Sample(picture, 2 * 90_000, 0),)))
        path = archive / relative_path("laden", file_us)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(recorded(groups, closed=True)[0])
    os.sync()
    return start_us


def measured(recorder: Recorder, work: Callable[[], object]) -> Turn:
    """Does the work and looks at the cameras meanwhile."""
    turn = Turn()
    began_s, used_s = time.monotonic(), cpu_s(recorder)
    with watching(recorder, turn.ages_s):
        work()
    turn.took_s, turn.recorder_cpu_s = time.monotonic() - began_s, cpu_s(recorder) - used_s
    return turn


@contextmanager
def watching(recorder: Recorder, ages_s: list[float]) -> Iterator[None]:
    """Notes how old the newest footage of each camera is."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(EVERY_S):
            ages_s.extend(age_s(recorder, one) for one in CAMERAS)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def age_s(recorder: Recorder, camera_id: str) -> float:
    """Seconds since the end of the newest footage on the disk."""
    now = datetime.now(UTC)
    query = urlencode({"start": text(now - timedelta(minutes=2)), "end": text(now)})
    rows: list[dict[str, Any]] = recorder.ask(f"/api/v1/cameras/{camera_id}/recordings?{query}").json["recordings"]
    return (now - datetime.fromisoformat(rows[-1]["end"])).total_seconds()


def make_package(recorder: Recorder, start_us: int) -> None:
    """Asks for a package of everything and waits for it."""
    end_us = start_us + FILES * 60 * utc.SECOND_US
    item = {"camera_id": "laden", "start": utc.to_text(start_us), "end": utc.to_text(end_us)}
    body = {"items": [item], "reason": "benchmark", "recipient": "nobody", "stills": False}
    answer = recorder.ask("/api/v1/exports", "POST", body=body)
    assert answer.status == 202, answer.body
    path = f"/api/v1/exports/{answer.json['number']}"
    export = wait_until(
        lambda: found if (found := recorder.ask(path).json)["state"] not in ("queued", "running") else None, 600, 0.5
    )
    assert export["state"] == "done", export


def copy(source: Path, target: Path) -> None:
    """As a person would."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-r", source, target], check=True)
    subprocess.run(["sync", "-f", target], check=True)
    files = [str(path) for path in target.rglob("*.mp4")]
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)


def cpu_s(recorder: Recorder) -> float:
    """Processor time of the recorder so far."""
    assert recorder.process is not None
    fields = Path(f"/proc/{recorder.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def as_table(turns: dict[str, Turn], lost_groups: int, gaps: int) -> list[str]:
    """As Markdown."""
    rows = [
        "| | took | age of the newest footage: median | 99 % | worst | recorder's processor time a second |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, turn in turns.items():
        median, high = statistics.median(turn.ages_s), statistics.quantiles(turn.ages_s, n=100)[98]
        rows.append(
            f"| {name} | {turn.took_s:.1f} s | {median:.2f} s | {high:.2f} s | {max(turn.ages_s):.2f} s "
            f"| {turn.recorder_cpu_s / turn.took_s:.3f} s |"
        )
    total_mb = FILES * FILE_BYTES / 1e6
    rate = total_mb / turns["package"].took_s
    rows += ["", f"The package of {total_mb:.0f} MB: {rate:.0f} MB/s. Lost groups: {lost_groups}; gaps: {gaps}."]
    return rows


if __name__ == "__main__":
    main()
