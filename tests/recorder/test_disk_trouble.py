"""Disks that refuse, hang, turn slow or are pulled out under a running recorder, for real (needs root).

Each trouble here is shorter than what a camera's footage can wait in memory, so nothing may be lost: a witness, who
looks at the camera by itself, compares picture by picture. The longer trouble loses footage and says so.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.faults.disks import FailingDisk, failing_disk
from tests.recorder.disk_scenes import Scene, recording_on, storage
from tests.world import Cameras, wait_until

# What waits in memory for the disk, by default.
RING_S = 30


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
        time.sleep(2)
        disk.recover()
        scene.says("ok")
        wait_until(lambda: scene.recorder.camera("stop")["recording"], 60)
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_cannot_sync_costs_no_picture(scene: Scene, disk: FailingDisk, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(errors={"fsync": "EIO"})
        scene.says("failing")
        disk.recover()
        scene.says("ok")
    scene.nothing_lost_since(start, tmp_path / "clip.mp4")


@pytest.mark.usefixtures("whole")
def test_a_disk_that_takes_writes_in_parts_is_no_trouble(scene: Scene, disk: FailingDisk, tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with scene.answering():
        disk.suffer(short_writes=True)
        time.sleep(3)
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
        scene.says("slow")
        time.sleep(4)
        disk.recover()
        scene.says("ok")
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
        scene.says("ok")
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
    wait_until(lambda: scene.recorded_until() > now, 60)
    (gap,) = scene.gaps_since(began)
    assert gap["cause"] == "disk"
    start, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    assert abs(start - began) < timedelta(seconds=4)
    assert abs((end - start).total_seconds() - lost_s) < 6
    pictures = scene.clip(end, now, tmp_path / "clip.mp4")
    assert abs(pictures[0] - end) < timedelta(seconds=1)
    assert scene.witness.missing(pictures) == []
