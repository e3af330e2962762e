"""Disks that fill, fail, hang, turn slow or vanish under a running recorder, for real (needs root).

Each trouble here is shorter than what a camera's footage can wait in memory, so nothing may be lost: a witness, who
looks at the camera by itself, compares picture by picture. The longer trouble loses footage and says so.
"""

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av
import pytest

from demo import timecode
from tests.faults import evidence
from tests.faults.disks import Disk, FailingDisk, failing_disk, small_ext4, small_tmpfs
from tests.world import Cameras, Recorder, text, wait_until

IDENTITY = ".safe-community-archive.json"
MB = 1 << 20
# What waits in memory for the disk, by default.
RING_S = 30


def storage(recorder: Recorder) -> dict[str, Any]:
    """What the recorder says of its disk."""
    answer: dict[str, Any] = recorder.ask("/api/v1/storage").json
    return answer


@dataclass
class Scene:
    """A recorder that records one camera on a disk of its own, and a witness."""

    recorder: Recorder
    witness: evidence.Witness

    def says(self, state: str, timeout_s: float = 15) -> None:
        """Waits until the recorder says so of its disk."""
        deadline = time.monotonic() + timeout_s
        while (said := storage(self.recorder))["state"] != state:
            assert time.monotonic() < deadline, f"not {state} but {said['state']}: {said['problem']}"
            time.sleep(0.1)
        assert (said["problem"] is None) == (state == "ok")

    def does_not_record(self) -> None:
        """Waits until the recorder says so of the camera: at the next group of pictures at the latest."""
        wait_until(lambda: not self.recorder.camera("stop")["recording"], 5)

    def clip(self, start: datetime, end: datetime, path: Path) -> list[datetime]:
        """When the pictures of a clip were taken."""
        query = urlencode({"start": text(start), "end": text(end)})
        path.write_bytes(self.recorder.ask(f"/api/v1/cameras/stop/clip.mp4?{query}").body)
        with av.open(str(path)) as container:
            return [timecode.read(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]

    def nothing_lost_since(self, start: datetime, path: Path) -> None:
        """Waits for the footage of now; all pictures since are there, and no gap is said."""
        now = datetime.now(UTC)
        wait_until(lambda: self.recorded_until() > now, 20)
        assert self.gaps_since(start) == []
        pictures = self.clip(start, now, path)
        assert pictures == sorted(set(pictures))
        assert pictures[0] <= start + timedelta(seconds=1)
        assert pictures[-1] >= now - timedelta(seconds=1)
        assert self.witness.missing(pictures) == []

    def recorded_until(self) -> datetime:
        """The end of the footage."""
        return datetime.fromisoformat(self.recorder.timeline("stop")["spans"][-1]["end"])

    def gaps_since(self, start: datetime) -> list[dict[str, Any]]:
        """What is said to be missing."""
        gaps = self.recorder.timeline("stop")["gaps"]
        return [gap for gap in gaps if gap["end"] is None or datetime.fromisoformat(gap["end"]) > start]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """All along, the recorder lives and answers within a second."""
        assert self.recorder.process is not None
        paths = ("/api/v1/cameras", "/api/v1/storage", "/health")
        with evidence.Pulse(self.recorder, paths) as pulse:
            yield
        assert self.recorder.process.poll() is None
        assert pulse.failures == []
        assert pulse.answers > 0
        assert pulse.longest_s < 1, f"{pulse.slowest} took {pulse.longest_s:.1f} s"


@contextmanager
def recording_on(archive: Path, directory: Path, cameras: Cameras, *options: str) -> Iterator[Scene]:
    """A recorder that has just begun to record."""
    recorder = Recorder(directory, archive_root=archive, options=options)
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    with evidence.Witness(cameras.url("stop")) as witness:
        recorder.start()
        try:
            recorder.wait_for_footage("stop", 3)
            yield Scene(recorder, witness)
        finally:
            code = recorder.stop()
    assert code == 0
    evidence.check(archive, "stop")


# --- a disk that does as it is told -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailingDisk]:
    with failing_disk(tmp_path_factory.mktemp("failing") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def scene(disk: FailingDisk, cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One recorder for all these troubles, one after the other."""
    with recording_on(disk.at, tmp_path_factory.mktemp("recorder"), cameras) as scene:
        yield scene


@pytest.fixture
def whole(disk: FailingDisk) -> Iterator[None]:
    """Whatever a test has come to, the next one finds a disk that is well."""
    yield
    disk.recover()
    if disk.process.poll() is not None:
        disk.come_back()


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("errors", "state"),
    [
        ({"write": "EIO"}, "failing"),
        ({"fsync": "EIO", "write": "EIO", "create": "EIO"}, "failing"),
        ({"write": "EROFS", "create": "EROFS", "mkdir": "EROFS"}, "read_only"),
        ({"write": "ENOSPC"}, "full"),
    ],
)
def test_a_disk_that_refuses_for_a_while_costs_no_picture(
    scene: Scene, disk: FailingDisk, tmp_path: Path, errors: dict[str, str], state: str
) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(errors=errors)
        scene.says(state)
        scene.does_not_record()
        assert scene.recorder.camera("stop")["connection"] == "connected"
        time.sleep(4)
        disk.recover()
        scene.says("ok")
        wait_until(lambda: scene.recorder.camera("stop")["recording"], 10)
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_cannot_sync_costs_no_picture(scene: Scene, disk: FailingDisk, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(errors={"fsync": "EIO"})
        scene.says("failing", 20)
        disk.recover()
        scene.says("ok")
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_takes_writes_in_parts_is_no_trouble(scene: Scene, disk: FailingDisk, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(short_writes=True)
        time.sleep(5)
        assert storage(scene.recorder)["state"] == "ok"
        disk.recover()
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_takes_seconds_for_a_write_costs_no_picture(
    scene: Scene, disk: FailingDisk, tmp_path: Path
) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(delay_s={"write": 3.0, "fsync": 3.0})
        scene.says("slow", 20)
        time.sleep(4)
        disk.recover()
        scene.says("ok", 30)
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_hangs_for_ten_seconds_costs_no_picture(scene: Scene, disk: FailingDisk, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(hang=["write", "fsync", "create", "open", "mkdir"])
        time.sleep(10)
        assert storage(scene.recorder)["state"] == "slow"
        scene.does_not_record()
        disk.recover()
        scene.says("ok", 30)
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_while_a_clips_bytes_hang_in_the_disk_everything_else_goes_on(scene: Scene, disk: FailingDisk) -> None:
    span = scene.recorder.timeline("stop")["spans"][0]
    query = urlencode({"start": span["start"], "end": span["end"]})
    whole = scene.recorder.ask(f"/api/v1/cameras/stop/clip.mp4?{query}").body
    with scene.answering(), ThreadPoolExecutor() as threads:
        disk.suffer(hang=["read"])
        downloads = [threads.submit(scene.recorder.ask, f"/api/v1/cameras/stop/clip.mp4?{query}") for _ in range(3)]
        time.sleep(5)
        assert not any(download.done() for download in downloads)
        disk.recover()
        assert [download.result().body == whole for download in downloads] == [True] * 3


@pytest.mark.usefixtures("whole")
def test_a_disk_that_was_pulled_out_and_is_put_back_costs_no_picture(
    scene: Scene, disk: FailingDisk, tmp_path: Path
) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.die()
        scene.says("missing")
        scene.does_not_record()
        time.sleep(3)
        disk.come_back()
        scene.says("ok")
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_fails_for_longer_costs_what_did_not_fit_into_memory_and_that_is_a_gap(
    scene: Scene, disk: FailingDisk, tmp_path: Path
) -> None:
    lost_s = 12
    with scene.answering():
        disk.suffer(errors={"write": "EIO"})
        began = datetime.now(UTC)
        time.sleep(RING_S + lost_s)
        disk.recover()
        scene.says("ok")
    now = datetime.now(UTC)
    wait_until(lambda: scene.recorded_until() > now, 20)
    (gap,) = scene.gaps_since(began)
    assert gap["cause"] == "disk"
    start, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    assert abs(start - began) < timedelta(seconds=4)
    assert abs((end - start).total_seconds() - lost_s) < 6
    pictures = scene.clip(end, now, tmp_path / "clip.mp4")
    assert abs(pictures[0] - end) < timedelta(seconds=1)
    assert scene.witness.missing(pictures) == []


# --- real file systems ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Small:
    """A small disk in memory, with a recorder on it."""

    disk: Disk
    scene: Scene


@pytest.fixture(scope="module")
def small_for_all(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """One for all that comes to a disk which is not there or takes nothing."""
    directory = tmp_path_factory.mktemp("small")
    with (
        small_tmpfs(directory / "disk", 16 * MB) as disk,
        recording_on(disk.at, directory / "recorder", cameras) as scene,
    ):
        yield Small(disk, scene)


@pytest.fixture
def small(small_for_all: Small) -> Iterator[Small]:
    """Whatever a test has come to, the next one finds the disk mounted, writable and not full."""
    disk = small_for_all.disk
    yield small_for_all
    if not disk.at.is_mount():
        for left in disk.at.iterdir():
            left.unlink()
        disk.come_back()
    disk.unprotect()
    (disk.aside / "ballast").unlink(missing_ok=True)


def test_a_full_disk_costs_no_picture_if_it_has_room_again_soon(small: Small, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with small.scene.answering():
        ballast = small.disk.fill()
        small.scene.says("full")
        small.scene.does_not_record()
        time.sleep(3)
        ballast.unlink()
        small.scene.says("ok")
    small.scene.nothing_lost_since(start, tmp_path / "clip.mp4")


def test_a_disk_without_inodes_costs_no_picture_if_it_has_some_again_soon(cameras: Cameras, tmp_path: Path) -> None:
    with (
        small_tmpfs(tmp_path / "disk", 16 * MB, inodes=200) as disk,
        recording_on(disk.at, tmp_path / "recorder", cameras, "--file-seconds", "4") as scene,
    ):
        start = datetime.now(UTC)
        with scene.answering():
            hoard = disk.use_inodes()
            scene.says("no_inodes")
            scene.does_not_record()
            shutil.rmtree(hoard)
            scene.says("ok")
        scene.nothing_lost_since(start, tmp_path / "clip.mp4")


def test_a_file_system_that_turns_read_only_is_let_go_so_that_it_can_be_repaired(
    cameras: Cameras, tmp_path: Path
) -> None:
    with (
        small_ext4(tmp_path / "disk", 32 * MB) as ext4,
        recording_on(ext4.disk.at, tmp_path / "recorder", cameras) as scene,
    ):
        start = datetime.now(UTC)
        with scene.answering():
            ext4.fail()
            scene.says("read_only")
            scene.does_not_record()
            # Waits until the recorder has let go of it.
            ext4.repair()
            scene.says("ok")
        scene.nothing_lost_since(start, tmp_path / "clip.mp4")


def test_while_its_mount_is_away_nothing_is_written_below_it(small: Small, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with small.scene.answering():
        small.disk.vanish()
        small.scene.says("missing")
        small.scene.does_not_record()
        time.sleep(4)
        assert list(small.disk.at.iterdir()) == []
        small.disk.come_back()
        small.scene.says("ok")
    small.scene.nothing_lost_since(start, tmp_path / "clip.mp4")


def test_a_disk_that_comes_back_read_only_is_said_to_be(small: Small, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with small.scene.answering():
        small.disk.vanish()
        small.scene.says("missing")
        small.disk.protect()
        small.disk.come_back()
        small.scene.says("read_only")
        small.scene.does_not_record()
        small.disk.unprotect()
        small.scene.says("ok")
    small.scene.nothing_lost_since(start, tmp_path / "clip.mp4")


def test_a_recorder_that_starts_before_its_disk_is_mounted_waits_for_it(cameras: Cameras, tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 16 * MB) as disk:
        with recording_on(disk.at, tmp_path / "recorder", cameras) as scene:
            pass
        disk.vanish()
        scene.recorder.start()
        try:
            with scene.answering():
                scene.says("missing")
                wait_until(lambda: scene.recorder.camera("stop")["connection"] == "connected", 15)
                scene.does_not_record()
                time.sleep(3)
                assert list(disk.at.iterdir()) == []
                disk.come_back()
                scene.says("ok")
                wait_until(lambda: scene.recorder.camera("stop")["recording"], 15)
            (gap,) = wait_until(lambda: [g for g in scene.recorder.timeline("stop")["gaps"] if g["end"]], 15)
            assert gap["cause"] == "recorder_stopped"
        finally:
            scene.recorder.stop()
        evidence.check(disk.at, "stop")


def test_another_archives_disk_is_not_written_to(small: Small, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with small.scene.answering():
        own = (small.disk.at / IDENTITY).read_bytes()
        small.disk.vanish()
        (small.disk.at / IDENTITY).write_text(json.dumps({**json.loads(own), "archive_id": "0" * 32}))
        small.scene.says("foreign")
        small.scene.does_not_record()
        time.sleep(2)
        assert [path.name for path in small.disk.at.iterdir()] == [IDENTITY]
        (small.disk.at / IDENTITY).unlink()
        small.disk.come_back()
        small.scene.says("ok")
    small.scene.nothing_lost_since(start, tmp_path / "clip.mp4")
