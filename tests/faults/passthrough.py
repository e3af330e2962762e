"""A file system that hands everything on to a directory, and on demand is slow, hangs, fails or takes writes in parts.

Runs under the system's Python with python3-fusepy, as a process of its own, because a thread of the recorder that waits
for it must not wait for itself:

    /usr/bin/python3 tests/faults/passthrough.py DIRECTORY MOUNTPOINT FAULTS

FAULTS is a file of JSON that is read anew at every operation, for instance
{"delay_s": {"write": 1.5}, "hang": ["fsync"], "errors": {"create": "EROFS"}, "short_writes": true}. The operations are
FUSE's: getattr, open, create, read, write, truncate, flush, fsync, release, mkdir, unlink, rename, readdir, statfs …
"""

import errno
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from fusepy import FUSE

_LOOK_S = 0.02
_STATFS = (
    *("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag", "f_frsize"),
    "f_namemax",
)
_STAT = ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid", "st_blocks")


class Passthrough:
    """All operations on a directory; each first suffers what the faults say of it."""

    def __init__(self, directory: Path, faults: Path) -> None:
        self._directory = directory
        self._faults = faults

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """Called by fusepy for every operation."""
        self._suffer(operation)
        return getattr(self, operation)(*arguments)

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._faults.read_text(encoding="ascii"))
        return told

    def _suffer(self, operation: str) -> None:
        told = self._told()
        if operation in told["delay_s"]:
            time.sleep(told["delay_s"][operation])
        while operation in told["hang"]:
            time.sleep(_LOOK_S)
            told = self._told()
        if operation in told["errors"]:
            number = getattr(errno, told["errors"][operation])
            raise OSError(number, os.strerror(number))

    def _real(self, path: str) -> str:
        return str(self._directory) + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        state = os.lstat(self._real(path))
        return {name: getattr(state, name) for name in _STAT}

    def statfs(self, path: str) -> dict[str, Any]:
        state = os.statvfs(self._real(path))
        return {name: getattr(state, name) for name in _STATFS}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._real(path))]

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._real(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._real(path))

    def unlink(self, path: str) -> None:
        os.unlink(self._real(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._real(old), self._real(new))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._real(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.chown(self._real(path), uid, gid)

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        os.utime(self._real(path), times)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real(path), flags)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        if self._told()["short_writes"]:
            data = data[: (len(data) + 1) // 2]
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        if fh is None:
            os.truncate(self._real(path), length)
        else:
            os.ftruncate(fh, length)

    def flush(self, path: str, fh: int) -> int:
        """A close says nothing to the directory: the file stays open until its release."""
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        (os.fdatasync if datasync else os.fsync)(fh)

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def release(self, path: str, fh: int) -> None:
        os.close(fh)


def main() -> None:
    """Serves until the file system is unmounted."""
    directory, mountpoint, faults = map(Path, sys.argv[1:])
    # Directly: what the recorder writes is what arrives here, at once, and a part taken is a part told.
    FUSE(
        Passthrough(directory, faults),
        str(mountpoint),
        foreground=True,
        nothreads=False,
        direct_io=True,
        big_writes=True,
        hard_remove=True,
        attr_timeout=0,
        entry_timeout=0,
        fsname="failing-disk",
    )


if __name__ == "__main__":
    main()
