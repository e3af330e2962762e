"""A recorder that is killed again and again, at random moments and in the middle of writing, and what is left.

`pytest tests/recorder/test_crash.py --crash-rounds=50 -s` is the long run; --crash-seed=N throws the same dice again.
"""

import itertools
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.faults import evidence
from tests.faults.disks import failing_disk
from tests.world import ROOT, Cameras, Recorder, last, wait_until

IDS = ("stop", "school")
# Files end every few seconds, so that their ends are met as well.
OPTIONS = ("--file-seconds", "4")
NOWHERE = "rtsp://127.0.0.1:9/gone"


def recordings(recorder: Recorder, camera_id: str) -> list[dict[str, Any]]:
    """A camera's files as the recorder answers."""
    listed: list[dict[str, Any]] = recorder.ask(
        f"/api/v1/cameras/{camera_id}/recordings?{last(timedelta(days=1))}"
    ).json["recordings"]
    return listed


@dataclass(slots=True)
class Acknowledged:
    """What the recorder has said to be written, asked for until it dies."""

    recorder: Recorder
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    spans: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def ask_until_it_dies(self) -> None:
        while True:
            time.sleep(0.05)
            for camera_id in IDS:
                try:
                    self.files[camera_id] = recordings(self.recorder, camera_id)
                    self.spans[camera_id] = self.recorder.timeline(camera_id)["spans"]
                except OSError, HTTPException:
                    return

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Asks while the block runs, which must end with the recorder's death."""
        thread = threading.Thread(target=self.ask_until_it_dies)
        thread.start()
        try:
            yield
        finally:
            thread.join(30)
        assert not thread.is_alive()

    def check(self) -> None:
        """After a restart: all of it is still there."""
        for camera_id, files in self.files.items():
            now = {row["start"]: row for row in recordings(self.recorder, camera_id)}
            for row in files:
                kept = now.get(row["start"])
                assert kept is not None, f"{camera_id}: {row} is lost"
                assert kept["size_bytes"] >= row["size_bytes"], f"{camera_id}: of {row} there is only {kept}"
                assert instant(kept["end"]) >= instant(row["end"]), f"{camera_id}: of {row} there is only {kept}"
            spans = self.recorder.timeline(camera_id)["spans"]
            for span in self.spans.get(camera_id, []):
                assert any(
                    instant(s["start"]) <= instant(span["start"]) and instant(span["end"]) <= instant(s["end"])
                    for s in spans
                ), f"{camera_id}: {span} is not covered by {spans}"


def instant(text: str) -> datetime:
    """An instant of the interface."""
    return datetime.fromisoformat(text)


def sizes(archive: Path) -> Mapping[Path, int]:
    """The size of every file."""
    found = {}
    for path in archive.rglob("*.mp4"):
        try:
            found[path] = path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def at_any_moment(_archive: Path, dice: random.Random) -> None:
    time.sleep(dice.uniform(0, 3))


def when_a_file_grows(archive: Path, dice: random.Random) -> None:
    """At once after (or, with luck, in the middle of) a write."""
    before = sizes(archive)
    time.sleep(dice.uniform(0, 2))
    wait_until(lambda: sizes(archive) != before, 20, 0.02)
    path = max(sizes(archive), key=lambda path: path.stat().st_mtime_ns)
    size = path.stat().st_size
    deadline = time.monotonic() + 6
    while path.stat().st_size == size and time.monotonic() < deadline:
        pass


def when_a_file_begins(archive: Path, dice: random.Random) -> None:
    """The first after the start, or one in whose place another has just been closed or is about to be."""
    others = dice.choice((1, 3))
    before = sizes(archive).keys()
    wait_until(lambda: len(sizes(archive).keys() - before) >= others, 20, 0.001)


MOMENTS: Sequence[Callable[[Path, random.Random], None]] = (at_any_moment, when_a_file_grows, when_a_file_begins)


def write_camera_file(recorder: Recorder, url: Callable[[str], str]) -> None:
    recorder.write_camera_file([{"id": camera_id, "url": url(camera_id)} for camera_id in IDS])


def answers(recorder: Recorder) -> dict[str, Any]:
    """All that the recorder says of its footage, as soon as it has said that none comes now."""

    def said(camera_id: str) -> Any:
        timeline = recorder.timeline(camera_id)
        if not timeline["gaps"] or timeline["gaps"][-1]["end"] is not None:
            return None
        return recordings(recorder, camera_id), timeline

    return {camera_id: wait_until(partial(said, camera_id), 10) for camera_id in IDS}


def command(recorder: Recorder, name: str) -> str:
    """What one of the recorder's commands says; AssertionError if it is not content."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "safe_community_recorder", name),
            *("--data", str(recorder.directory / "data"), "--archive", str(recorder.archive)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_index(recorder: Recorder, kept: dict[str, Any], copy: Path) -> None:
    """The index agrees with the files, and answers as one that is made from them alone."""
    command(recorder, "check")
    shutil.copytree(recorder.directory / "data", copy / "data")
    for path in (copy / "data").glob("index.sqlite*"):
        path.unlink()
    rebuilt = Recorder(copy)
    write_camera_file(rebuilt, lambda _: NOWHERE)
    rebuilt.start()

    def compared() -> bool:
        done = rebuilt.ask("/api/v1/storage").json["comparison"]
        return bool(done["days"]) and done["days_done"] == done["days"]

    try:
        # Old footage is taken in while recording already goes on.
        wait_until(compared, 20)
        assert answers(rebuilt) == kept
    finally:
        rebuilt.stop()


def check_files(archive: Path) -> int:
    """Everything on the disk plays in full, and nothing lies about; the number of pictures."""
    assert list(archive.rglob("*.tmp")) == []
    pictures = 0
    for camera_id in IDS:
        pictures += len(evidence.check(archive, camera_id))
        assert evidence.complaints(evidence.recording_files(archive, camera_id)[-1]) == ""
    return pictures


def test_killed_again_and_again_it_keeps_all_that_it_acknowledged(
    recorder: Recorder, cameras: Cameras, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rounds: int = request.config.getoption("--crash-rounds")
    seed = request.config.getoption("--crash-seed")
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    print(f"{rounds} rounds with --crash-seed={seed}")
    dice = random.Random(seed)
    recorder.options = OPTIONS
    write_camera_file(recorder, cameras.url)
    acknowledged = Acknowledged(recorder)
    began = time.monotonic()
    for number, moment in zip(range(rounds), itertools.cycle(MOMENTS), strict=False):
        recorder.start()
        acknowledged.check()
        with acknowledged.asked():
            try:
                moment(recorder.archive, dice)
            except AssertionError as error:
                error.add_note(recorder.log_path.read_text()[-5000:])
                raise
            finally:
                recorder.kill()
        known = sum(map(len, acknowledged.files.values()))
        print(f"{number + 1:3} {time.monotonic() - began:6.1f} s: killed {moment.__name__}, {known} files known")
    write_camera_file(recorder, lambda _: NOWHERE)
    recorder.start()
    acknowledged.check()
    kept = answers(recorder)
    recorded_s = sum(recorder.recorded_s(camera_id) for camera_id in IDS)
    assert recorder.stop() == 0
    assert check_files(recorder.archive) >= 10 * recorded_s - 1
    check_index(recorder, kept, tmp_path / "rebuilt")


def test_killed_in_the_middle_of_a_write_it_cuts_off_the_torn_tail(cameras: Cameras, tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at, options=OPTIONS)
        write_camera_file(recorder, cameras.url)
        recorder.start()
        acknowledged = Acknowledged(recorder)
        with acknowledged.asked():
            for camera_id in IDS:
                recorder.wait_for_footage(camera_id, 2)
            disk.suffer(delay_s={"write": 1.0}, short_writes=True)
            whole = sizes(disk.backing)
            wait_until(lambda: sizes(disk.backing) != whole, 20, 0)
            recorder.kill()
        torn = [
            path
            for path, size in sizes(disk.backing).items()
            if not (file := evidence.read(path)).closed and file.size < size
        ]
        assert torn, "no write was under way"
        disk.recover()
        recorder.start()
        acknowledged.check()
        recorder.stop()
        assert all(evidence.read(path).closed for path in torn)
        check_files(disk.at)


def wait_for_spans(recorder: Recorder, number: int) -> None:
    """Until each camera has footage in so many pieces."""
    wait_until(lambda: all(len(recorder.timeline(camera_id)["spans"]) == number for camera_id in IDS))


def test_a_gap_whose_end_was_not_noted_any_more_ends_with_the_footage_after_it(
    recorder: Recorder, cameras: Cameras, tmp_path: Path
) -> None:
    write_camera_file(recorder, cameras.url)
    for spans in (1, 2):
        recorder.start()
        wait_for_spans(recorder, spans)
        before = {camera_id: recorder.timeline(camera_id)["gaps"] for camera_id in IDS}
        recorder.stop()
    # As if it had been killed when footage came again, just before it wrote the end of the gap.
    for notes in recorder.archive.rglob("notes.jsonl"):
        lines = notes.read_text().splitlines()
        assert '"end": null' not in lines.pop()
        notes.write_text("\n".join(lines) + "\n")
    for index_left in (True, False):
        again = Recorder(tmp_path / f"again-{index_left}")
        shutil.copytree(recorder.directory / "data", again.directory / "data")
        if not index_left:
            (again.directory / "data" / "index.sqlite").unlink()
        write_camera_file(again, lambda _: NOWHERE)
        again.start()
        try:
            for camera_id, (_, timeline) in answers(again).items():
                assert timeline["gaps"][:-1] == before[camera_id]
                assert len(timeline["spans"]) == 2
        finally:
            again.stop()
        command(again, "check")
