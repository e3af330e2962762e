"""Recording for real: processes that die, cameras that go away, disks that fill."""

import itertools
import os
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.world import Cameras, Recorder, simulated_cameras, wait_until


def files(recorder: Recorder) -> list[Path]:
    """The recording files on the disk."""
    return sorted(recorder.archive.rglob("*.mp4"))


def probe(path: Path) -> tuple[int, str]:
    """How many pictures ffprobe decodes, and its complaints."""
    done = subprocess.run(
        [
            *("ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"),
            *("-of", "csv=p=0", str(path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    codec, pictures = done.stdout.strip().split(",")
    assert codec == "h264"
    return int(pictures), done.stderr


def test_ffprobe_reads_the_files_on_disk_without_complaint(tmp_path: Path, cameras: Cameras) -> None:
    recorder = Recorder(tmp_path)
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 5)
    recorded_s = recorder.recorded_s("stop")
    assert recorder.stop() == 0
    pictures = 0
    for path in files(recorder):
        count, complaints = probe(path)
        assert complaints == ""
        pictures += count
    assert pictures >= recorded_s * 10 - 1
    log = recorder.log_path.read_text()
    assert "s3cret" not in log
    assert log.count('"stopped"') == 1


def test_killed_it_loses_at_most_the_group_being_received(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 5)
    acknowledged = recorder.recorded_s("stop")
    recorder.kill()
    killed_at = time.time()
    # The power went while a fragment was being written.
    with files(recorder)[-1].open("ab") as file:
        file.write(b"\0\0\0\x20prft" + os.urandom(500))
    recorder.start()
    opened = next(entry for entry in reversed(recorder.log) if entry["event"] == "archive opened")
    assert (opened["repaired"], opened["adopted"], opened["missing"]) == (1, 0, 0)
    first_end = datetime.fromisoformat(recorder.timeline("stop")["spans"][0]["end"]).timestamp()
    assert recorder.recorded_s("stop") >= acknowledged - 0.001
    assert killed_at - first_end < 4
    recorder.wait_for_footage("stop", acknowledged + 3)
    (gap,) = recorder.timeline("stop")["gaps"]
    assert gap["cause"] == "recorder_stopped"
    assert gap["end"] is not None
    recorder.stop()
    for path in files(recorder):
        assert probe(path)[1] == ""


def test_without_its_index_a_recorder_finds_all_footage_again(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    recorder.stop()
    recorder.write_camera_file([{"id": "stop", "url": "rtsp://127.0.0.1:9/gone"}])
    recorder.start()
    before = recorder.timeline("stop")["spans"]
    recorder.stop()
    for path in recorder.archive.parent.glob("index.sqlite*"):
        path.unlink()
    recorder.start()
    assert recorder.timeline("stop")["spans"] == before
    assert recorder.log[-1]["event"] != "archive opened" or recorder.log[-1]["adopted"] >= 1
    recorder.stop()


def test_a_camera_that_goes_away_is_missed_noted_and_taken_back(recorder: Recorder) -> None:
    with simulated_cameras(["stop"]) as village:
        recorder.write_camera_file([{"id": "stop", "url": village.url("stop")}])
        recorder.start()
        recorder.wait_for_footage("stop", 3)
        port = village.port
        village.process.kill()
        gone_at = time.time()
        wait_until(lambda: recorder.camera("stop")["connection"] == "unreachable", 15)
        # What had come is still being written.
        wait_until(lambda: not recorder.camera("stop")["recording"], 15)
        (gap,) = wait_until(lambda: recorder.timeline("stop")["gaps"])
        assert (gap["cause"], gap["end"]) == ("camera_unreachable", None)
        assert abs(datetime.fromisoformat(gap["start"]).timestamp() - gone_at) < 4
    with simulated_cameras(["stop"], port):
        wait_until(lambda: recorder.camera("stop")["recording"], 60)
        (gap,) = wait_until(lambda: [g for g in recorder.timeline("stop")["gaps"] if g["end"] is not None])
        spans = recorder.timeline("stop")["spans"]
        assert spans[0]["end"] == gap["start"]
        assert spans[-1]["start"] == gap["end"]
        assert recorder.camera("stop")["connection"] == "connected"
        recorder.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("with_index", [False, True])
def test_a_full_disk_is_a_gap_with_its_cause_and_recording_goes_on_afterwards(
    recorder: Recorder, cameras: Cameras, with_index: bool
) -> None:
    disk = recorder.archive.parent if with_index else recorder.archive
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        ballast = disk / "ballast"
        recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}], storage={"memory_s": 5})
        recorder.start()
        recorder.wait_for_footage("stop", 2)
        ballast.write_bytes(b"\0" * 200_000)
        with pytest.raises(OSError, match="No space"), ballast.open("ab", buffering=0) as file:
            file.writelines(itertools.repeat(b"\0" * 4096))
        wait_until(lambda: not recorder.camera("stop")["recording"], 30)
        assert recorder.camera("stop")["connection"] == "connected"
        wait_until(lambda: recorder.ask("/api/v1/storage").json["state"] == "full", 5)
        wait_until(lambda: recorder.ask("/api/v1/storage").json["lost_groups"], 30)
        if not with_index:
            wait_until(lambda: [gap["cause"] for gap in recorder.timeline("stop")["gaps"]] == ["disk"])
        ballast.unlink()
        wait_until(lambda: recorder.camera("stop")["recording"], 30)
        gaps = wait_until(lambda: [gap for gap in recorder.timeline("stop")["gaps"] if gap["end"] is not None])
        # What housekeeping finds to delete may make room for a group in between.
        assert {gap["cause"] for gap in gaps} == {"disk"}, gaps
        recorder.stop()
        for path in files(recorder):
            if path.stat().st_size:
                assert probe(path)[1] == ""
    finally:
        recorder.stop()
        subprocess.run(["umount", disk], check=True)


def test_a_broken_camera_file_stops_the_start_with_line_and_reason(recorder: Recorder) -> None:
    recorder.write_camera_file([{"id": "stop", "url": "nonsense"}])
    with pytest.raises(AssertionError):
        recorder.start()
    assert recorder.process is not None
    assert recorder.process.wait(10) == 2
    (refusal,) = [entry for entry in recorder.log if entry["event"] == "camera file refused"]
    assert "line " in refusal["problem"]
    assert "address was expected" in refusal["problem"]


def test_a_first_start_writes_a_camera_file_to_fill_in(recorder: Recorder) -> None:
    recorder.start()
    assert recorder.ask("/api/v1/cameras").json == {"cameras": []}
    assert "pabirze-stotele" in recorder.camera_file.read_text()
    assert (recorder.directory / "data" / "token").stat().st_mode & 0o777 == 0o600
    started = time.monotonic()
    assert recorder.stop() == 0
    assert time.monotonic() - started < timedelta(seconds=5).total_seconds()
