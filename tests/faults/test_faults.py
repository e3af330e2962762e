"""The faults themselves: what they promise to break is broken, and whole again afterwards."""

import errno
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.disks import failing_disk, small_ext4, small_tmpfs
from tests.faults.host_clock import HostClock
from tests.world import wait_until

pytestmark = pytest.mark.process


def refusal(path: Path, data: bytes = b"x") -> int:
    """The errno with which a new file cannot be written; 0 if it can."""
    try:
        path.write_bytes(data)
    except OSError as error:
        return error.errno or -1
    return 0


def test_a_small_disk_is_full_when_it_is_full_and_not_before(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20) as disk:
        assert refusal(disk.at / "first", b"x" * 100_000) == 0
        ballast = disk.fill()
        assert refusal(disk.at / "second", b"x" * 5000) == errno.ENOSPC
        ballast.unlink()
        assert refusal(disk.at / "second", b"x" * 5000) == 0
    assert list(tmp_path.glob("disk/*")) == []


def test_a_disk_without_inodes_has_room_and_takes_no_file(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20, inodes=20) as disk:
        hoard = disk.use_inodes()
        assert refusal(disk.at / "file") == errno.ENOSPC
        assert os.statvfs(disk.at).f_bavail > 200
        for file in hoard.iterdir():
            file.unlink()
        assert refusal(disk.at / "file") == 0


def test_a_vanished_disk_leaves_an_empty_directory_and_comes_back_with_all_that_was_on_it(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20) as disk:
        (disk.at / "file").write_text("here")
        disk.vanish()
        assert list(disk.at.iterdir()) == []
        disk.come_back()
        assert (disk.at / "file").read_text() == "here"


def test_a_protected_disk_is_read_only_until_it_is_unprotected(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 1 << 20) as disk:
        disk.protect()
        assert refusal(disk.at / "file") == errno.EROFS
        disk.unprotect()
        assert refusal(disk.at / "file") == 0


def test_a_file_system_with_an_error_turns_read_only_under_open_files_and_is_repaired(tmp_path: Path) -> None:
    with small_ext4(tmp_path / "disk", 16 << 20) as ext4:
        path = ext4.disk.at / "file"
        with path.open("wb", buffering=0) as file:
            file.write(b"before")
            os.fsync(file.fileno())
            ext4.fail()
            with pytest.raises(OSError, match="Read-only"):
                file.write(b"after")
        assert refusal(ext4.disk.at / "other") == errno.EROFS
        ext4.repair()
        assert path.read_bytes() == b"before"
        assert refusal(ext4.disk.at / "other") == 0


@pytest.mark.parametrize(
    ("operation", "name"), [("write", "EIO"), ("write", "ENOSPC"), ("create", "EROFS"), ("mkdir", "EIO")]
)
def test_a_failing_disk_fails_as_told_and_recovers(tmp_path: Path, operation: str, name: str) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        assert refusal(disk.at / "before") == 0
        disk.suffer(errors={operation: name})
        new = disk.at / "new"
        with pytest.raises(OSError, match=os.strerror(getattr(errno, name))):
            new.mkdir() if operation == "mkdir" else new.write_bytes(b"x")
        assert (disk.at / "before").read_bytes() == b"x"
        disk.recover()
        assert refusal(disk.at / "after") == 0
        assert (disk.backing / "after").read_bytes() == b"x"


def test_a_failing_fsync_fails_and_only_that(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk, (disk.at / "file").open("wb", buffering=0) as file:
        disk.suffer(errors={"fsync": "EIO"})
        assert file.write(b"x" * 300_000) == 300_000
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            os.fdatasync(file.fileno())


def test_a_slow_disk_takes_its_time(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk, (disk.at / "file").open("wb", buffering=0) as file:
        disk.suffer(delay_s={"write": 0.5})
        began = time.monotonic()
        os.writev(file.fileno(), [b"x" * 1000, b"y" * 1000])
        assert 0.5 <= time.monotonic() - began < 3
        assert (disk.backing / "file").stat().st_size == 2000


def test_a_disk_that_takes_a_part_says_so(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk, (disk.at / "file").open("wb", buffering=0) as file:
        disk.suffer(short_writes=True)
        written = os.writev(file.fileno(), [b"x" * 1000, b"y" * 1000])
        assert written == (disk.backing / "file").stat().st_size == 1000


def test_a_hanging_disk_hangs_until_it_is_released_and_shows_its_free_space_all_along(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        disk.suffer(hang=["write"])
        writing = threading.Thread(target=refusal, args=(disk.at / "file",))
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()
        assert os.statvfs(disk.at).f_blocks == os.statvfs(disk.backing).f_blocks
        disk.recover()
        writing.join(5)
        assert not writing.is_alive()
        assert (disk.at / "file").read_bytes() == b"x"


def test_a_disk_that_was_pulled_out_fails_everything_until_it_is_back(tmp_path: Path) -> None:
    with failing_disk(tmp_path / "disk") as disk:
        (disk.at / "file").write_text("here")
        disk.die()
        with pytest.raises(OSError, match=os.strerror(errno.ENOTCONN)):
            os.statvfs(disk.at)
        disk.come_back()
        assert (disk.at / "file").read_text() == "here"
    wait_until(lambda: not os.path.ismount(disk.at), 5)


@pytest.mark.parametrize("offset", [timedelta(hours=3), timedelta(seconds=-5), timedelta(days=-4000)])
def test_a_set_clock_shows_in_real_time_and_in_nothing_else(tmp_path: Path, offset: timedelta) -> None:
    clock = HostClock(tmp_path / "clock")
    clock.step(offset)
    real, monotonic, boot = clock.probe()
    assert abs(real - time.time() - offset.total_seconds()) < 2
    assert abs(monotonic - time.monotonic()) < 2
    assert abs(boot - time.clock_gettime(time.CLOCK_BOOTTIME)) < 2
