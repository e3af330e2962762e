"""File systems that fill, turn read-only or are not mounted under a running recorder, for real (needs root).

No trouble here costs a picture: see test_disk_trouble.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import evidence
from tests.faults.disks import Disk, small_ext4, small_tmpfs
from tests.recorder.disk_scenes import Scene, recording_on
from tests.world import Cameras, wait_until

IDENTITY = ".safe-community-archive.json"
MB = 1 << 20


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
                wait_until(lambda: scene.recorder.camera("stop")["connection"] == "connected", 60)
                scene.does_not_record()
                time.sleep(3)
                assert list(disk.at.iterdir()) == []
                disk.come_back()
                scene.says("ok")
                wait_until(lambda: scene.recorder.camera("stop")["recording"], 60)
            (gap,) = wait_until(lambda: [g for g in scene.recorder.timeline("stop")["gaps"] if g["end"]], 60)
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
