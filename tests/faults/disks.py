"""Disks that fill, fail, turn slow and vanish: small real file systems, and one in user space that does as it is told.

All of it needs root. Where something is not allowed, the test is skipped, with what was refused as the reason.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.world import wait_until

_PASSTHROUGH = Path(__file__).with_name("passthrough.py")
_SYSTEM_PYTHON = "/usr/bin/python3"


def run(*command: str | Path) -> str:
    """Runs a system's tool; what it printed. Raises CalledProcessError."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def _set_up(*command: str | Path) -> str:
    """Runs a tool without which the fault cannot be made."""
    if os.geteuid() != 0:
        pytest.skip(f"root is needed for {command[0]}")
    try:
        return run(*command)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed (scripts/setup installs it)")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine refuses {' '.join(error.cmd)}: {error.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk, mounted where the recorder looks for it (`at`) and where only the test looks (`aside`)."""

    at: Path
    aside: Path

    def vanish(self) -> None:
        """As a network share that is not mounted: an empty directory is left. Open files stay open."""
        run("umount", "--lazy", self.at)

    def come_back(self) -> None:
        """Mounted again, with all that was on it."""
        run("mount", "--bind", self.aside, self.at)

    def protect(self, timeout_s: float = 30) -> None:
        """Makes it read-only; waits until nobody has a file open there for writing."""

        def remounted() -> bool:
            return (
                subprocess.run(["mount", "-o", "remount,ro", self.aside], capture_output=True, check=False).returncode
                == 0
            )

        wait_until(remounted, timeout_s)

    def unprotect(self) -> None:
        """Makes it writable again."""
        run("mount", "-o", "remount,rw", self.aside)
        # A mount that was made while it was read-only has that for itself as well.
        run("mount", "-o", "remount,bind,rw", self.at)

    def fill(self, *, leave_bytes: int = 0) -> Path:
        """Takes all its space; the ballast, to be deleted again."""
        ballast = self.aside / "ballast"
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 16, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass
        if leave_bytes:
            os.truncate(ballast, max(0, ballast.stat().st_size - leave_bytes))
        return ballast

    def use_inodes(self) -> Path:
        """Takes all its inodes; the directory that holds them, to be deleted again."""
        hoard = self.aside / "hoard"
        hoard.mkdir()
        with contextlib.suppress(OSError):
            for number in range(1_000_000):
                (hoard / str(number)).touch()
        return hoard


@contextlib.contextmanager
def small_tmpfs(at: Path, size_bytes: int, inodes: int | None = None) -> Iterator[Disk]:
    """A disk in memory."""
    aside = at.with_name(f"{at.name}-aside")
    options = f"size={size_bytes}" + (f",nr_inodes={inodes}" if inodes else "")
    with _mounted(at, aside, ["-t", "tmpfs", "-o", options, "tmpfs"]) as disk:
        yield disk


@dataclass(frozen=True, slots=True)
class Ext4:
    """A disk with a file system as on a real one, on a loop device."""

    disk: Disk
    device: str

    def fail(self) -> None:
        """The kernel finds an error and makes it read-only at once, open files or not (errors=remount-ro)."""
        Path(f"/sys/fs/ext4/{Path(self.device).name}/trigger_fs_error").write_text("a test's error")

    def repair(self, timeout_s: float = 60) -> None:
        """What an administrator does: takes it out of the tree, checks it when nobody uses it any more, mounts it."""
        for place in (self.disk.at, self.disk.aside):
            run("umount", "--lazy", place)

        def checked() -> bool:
            done = subprocess.run(["e2fsck", "-fy", self.device], capture_output=True, text=True, check=False)
            # Exit code 1: errors were there and have been corrected. 8: somebody still has files open there.
            assert done.returncode in {0, 1, 8}, done.stdout + done.stderr
            return done.returncode != 8

        wait_until(checked, timeout_s, 0.5)
        run("mount", "-o", "errors=remount-ro", self.device, self.disk.aside)
        self.disk.come_back()


@contextlib.contextmanager
def small_ext4(at: Path, size_bytes: int) -> Iterator[Ext4]:
    """A disk in a file."""
    aside, image = at.with_name(f"{at.name}-aside"), at.with_name(f"{at.name}.img")
    at.parent.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as file:
        file.truncate(size_bytes)
    _set_up("mkfs.ext4", "-q", "-F", image)
    device = _set_up("losetup", "--find", "--show", image).strip()
    try:
        with _mounted(at, aside, ["-o", "errors=remount-ro", device]) as disk:
            yield Ext4(disk, device)
    finally:
        run("losetup", "--detach", device)


@contextlib.contextmanager
def _mounted(at: Path, aside: Path, arguments: Sequence[str]) -> Iterator[Disk]:
    at.mkdir(parents=True, exist_ok=True)
    aside.mkdir(exist_ok=True)
    _set_up("mount", *arguments, aside)
    try:
        run("mount", "--bind", aside, at)
        yield Disk(at, aside)
    finally:
        for place in (at, aside):
            while os.path.ismount(place):
                run("umount", "--lazy", place)


@dataclass(slots=True)
class FailingDisk:
    """A file system in user space. What is written to `at` lands in `backing`, unless it is told to fail."""

    at: Path
    backing: Path
    faults: Path
    process: subprocess.Popen[bytes]

    def suffer(
        self,
        *,
        delay_s: Mapping[str, float] | None = None,
        hang: Collection[str] = (),
        errors: Mapping[str, str] | None = None,
        short_writes: bool = False,
    ) -> None:
        """From now on, by operation: how long each takes, which hang until `recover`, which fail with which errno."""
        told = {"delay_s": delay_s or {}, "hang": list(hang), "errors": errors or {}, "short_writes": short_writes}
        waiting = self.faults.with_suffix(".new")
        waiting.write_text(json.dumps(told), encoding="ascii")
        waiting.replace(self.faults)

    def recover(self) -> None:
        """All is well again; what hung goes on."""
        self.suffer()

    def die(self) -> None:
        """As a disk that was pulled out: whatever touches it fails (ENOTCONN)."""
        self.process.kill()
        self.process.wait()

    def come_back(self) -> None:
        """Mounted again after `die`."""
        run("umount", "--lazy", self.at)
        self.process = _serve(self.backing, self.at, self.faults)


@contextlib.contextmanager
def failing_disk(at: Path) -> Iterator[FailingDisk]:
    """A disk that does as it is told; well at first."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no /dev/fuse")
    _set_up(_SYSTEM_PYTHON, "-c", "import fusepy")
    backing, faults = at.with_name(f"{at.name}-backing"), at.with_name(f"{at.name}-faults.json")
    at.mkdir(parents=True, exist_ok=True)
    backing.mkdir(exist_ok=True)
    faults.write_text(json.dumps({"delay_s": {}, "hang": [], "errors": {}, "short_writes": False}), encoding="ascii")
    disk = FailingDisk(at, backing, faults, _serve(backing, at, faults))
    try:
        yield disk
    finally:
        disk.recover()
        while os.path.ismount(at) or _is_broken(at):
            run("umount", "--lazy", at)
        try:
            disk.process.wait(5)
        except subprocess.TimeoutExpired:
            disk.process.kill()
            disk.process.wait()


def _is_broken(at: Path) -> bool:
    try:
        at.stat()
    except OSError:
        return True
    return False


def _serve(backing: Path, at: Path, faults: Path) -> subprocess.Popen[bytes]:
    log = faults.with_suffix(".log")
    with log.open("ab") as output:
        process = subprocess.Popen([_SYSTEM_PYTHON, _PASSTHROUGH, backing, at, faults], stdout=output, stderr=output)
    deadline = time.monotonic() + 20
    while not os.path.ismount(at):
        if process.poll() is not None:
            pytest.skip(f"this machine refuses FUSE: {log.read_text(errors='replace')[-300:]}")
        assert time.monotonic() < deadline, "the file system was not mounted within 20 s"
        time.sleep(0.02)
    return process
