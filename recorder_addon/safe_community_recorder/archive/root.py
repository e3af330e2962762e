"""The archive's root directory: that it is the right one, and every way into it.

An identity file marks the root. Everything is opened below the directory that was found to carry it, never by a path
from the root of the file system: so a mount that goes away is noticed, and the disk under it is never filled instead.
"""

import errno
import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

IDENTITY_NAME = ".safe-community-archive.json"
_KNOWN_NAME = "archive_id"


class StorageState(StrEnum):
    """How the archive's disk is."""

    OK = "ok"
    MISSING = "missing"
    FOREIGN = "foreign"
    READ_ONLY = "read_only"
    FULL = "full"
    NO_INODES = "no_inodes"
    FAILING = "failing"
    SLOW = "slow"
    CLOCK = "clock"


_STATE_OF = {
    errno.EROFS: StorageState.READ_ONLY,
    errno.EACCES: StorageState.READ_ONLY,
    errno.EPERM: StorageState.READ_ONLY,
    errno.EDQUOT: StorageState.FULL,
}


class RootError(OSError):
    """Nothing may be written now. `state` says what kind of trouble it is."""

    def __init__(self, state: StorageState, problem: str) -> None:
        super().__init__(problem)
        self.state = state
        self.strerror = problem


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the disk, and how many more files it takes (None: it does not count them)."""

    free_bytes: int
    disk_bytes: int
    free_inodes: int | None


class ArchiveRoot:
    """The root directory of one archive. `data` remembers which archive it was. Methods block on the disk.

    `changed` says that it is another archive than before, by somebody's will; whoever knows the former resets it.
    `entered` grows whenever the directory was found anew: files opened before belong to a mount that went away.
    """

    def __init__(self, path: Path, data: Path) -> None:
        self.path = path
        self._known = data / _KNOWN_NAME
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._small_files: dict[str, threading.RLock] = {}
        self.entered = 0
        self.changed = False

    def verify(self) -> None:
        """Makes sure that the path leads to this archive. Raises RootError."""
        with self._lock:
            try:
                if self._descriptor is not None and self._same_as_open():
                    return
                self._leave()
                self._enter()
                self.entered += 1
            except RootError:
                self._leave()
                raise
            except OSError as error:
                self._leave()
                raise RootError(StorageState.MISSING, f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Lets go of the directory."""
        with self._lock:
            self._leave()

    def create(self, relative: str) -> int:
        """A new file, open for writing, with the directories above it. Raises FileExistsError and RootError."""
        self.verify()
        root = self._open_root()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            try:
                return os.open(relative, flags, 0o640, dir_fd=root)
            except FileNotFoundError:
                self._make_directories(relative, root)
                return os.open(relative, flags, 0o640, dir_fd=root)
        finally:
            os.close(root)

    def alone(self, camera_id: str) -> threading.RLock:
        """To be held by whoever changes a camera's small files; `append` holds it itself."""
        with self._lock:
            return self._small_files.setdefault(camera_id, threading.RLock())

    def append(self, relative: str, data: bytes, *, sync: bool = False) -> None:
        """Adds to a small file, which is made if need be. After an OSError a part of it may have been written."""
        self.verify()
        with self.alone(relative.partition("/")[0]):
            self._write(relative, data, os.O_APPEND, sync=sync)

    def replace(self, relative: str, data: bytes) -> None:
        """Makes a small file anew, whole or not at all; without content there is no file."""
        if not data:
            self.remove(relative)
            return
        self.verify()
        beside = f"{relative}.new"
        self._write(beside, data, os.O_TRUNC, sync=True)
        self.move(beside, relative)

    def _write(self, relative: str, data: bytes, how: int, *, sync: bool) -> None:
        root = self._open_root()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how
        try:
            try:
                descriptor = os.open(relative, flags, 0o640, dir_fd=root)
            except FileNotFoundError:
                self._make_directories(relative, root)
                descriptor = os.open(relative, flags, 0o640, dir_fd=root)
        finally:
            os.close(root)
        try:
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def move(self, relative: str, target: str) -> None:
        """Renames a file within the archive."""
        self.verify()
        root = self._open_root()
        try:
            self._make_directories(target, root)
            os.rename(relative, target, src_dir_fd=root, dst_dir_fd=root)
        finally:
            os.close(root)

    def remove(self, relative: str) -> None:
        """Deletes a file and the directories above it that are empty then; one that is gone already is no trouble."""
        self.verify()
        root = self._open_root()
        try:
            with suppress(FileNotFoundError):
                os.unlink(relative, dir_fd=root)
            with suppress(OSError):
                for directory in list(Path(relative).parents)[:-2]:
                    os.rmdir(directory, dir_fd=root)
        finally:
            os.close(root)

    def space(self) -> Space:
        """What the disk has left. Raises OSError."""
        self.verify()
        root = self._open_root()
        try:
            figures = os.fstatvfs(root)
        finally:
            os.close(root)
        return Space(
            figures.f_bavail * figures.f_frsize,
            figures.f_blocks * figures.f_frsize,
            figures.f_favail if figures.f_files else None,
        )

    def state_of(self, error: OSError) -> StorageState:
        """What kind of trouble a failed write means."""
        if isinstance(error, RootError):
            return error.state
        if error.errno == errno.ENOSPC:
            with suppress(OSError):
                space = self.space()
                if space.free_inodes == 0 and space.free_bytes > 0:
                    return StorageState.NO_INODES
            return StorageState.FULL
        return _STATE_OF.get(error.errno or 0, StorageState.FAILING)

    def _same_as_open(self) -> bool:
        assert self._descriptor is not None
        here, there = os.fstat(self._descriptor), os.stat(self.path)
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            return False
        os.stat(IDENTITY_NAME, dir_fd=self._descriptor)
        return True

    def _enter(self) -> None:
        known_path, former = _known(self._known)
        # Another place was chosen for the archive: what is known of the former says nothing about it.
        known = former if known_path == str(self.path) else None
        if known is None:
            self.path.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        found = _identity(self.path / IDENTITY_NAME)
        if not found:
            if found is None and known is not None:
                raise RootError(
                    StorageState.MISSING,
                    f"{self.path} is not the archive: its identity file is missing. Is the disk mounted? If it is new, "
                    f"put an empty file named {IDENTITY_NAME} on it",
                )
            found = uuid.uuid4().hex
            _write_identity(self._descriptor, found)
        elif known is not None and found != known:
            raise RootError(
                StorageState.FOREIGN,
                f"{self.path} holds another archive ({found}, not {known}). If it is to be used from now on, replace "
                f"its {IDENTITY_NAME} by an empty file",
            )
        if found != known:
            self._known.write_text(json.dumps({"path": str(self.path), "archive_id": found}), encoding="utf-8")
            self.changed = former is not None and found != former

    def _leave(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)

    def _open_root(self) -> int:
        """A descriptor of the caller's own: another thread may leave the root at any moment."""
        with self._lock:
            if self._descriptor is None:
                raise RootError(StorageState.MISSING, f"{self.path} is not there now")
            return os.dup(self._descriptor)

    def _make_directories(self, relative: str, root: int) -> None:
        for directory in reversed(list(Path(relative).parents)[:-1]):
            with suppress(FileExistsError):
                os.mkdir(directory, 0o750, dir_fd=root)


def forget_identity(data: Path) -> None:
    """The next archive that is found is the right one."""
    (data / _KNOWN_NAME).unlink(missing_ok=True)


def _known(path: Path) -> tuple[str | None, str | None]:
    """(path, id) of the archive that was used last."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["path"]), str(content["archive_id"])
    except FileNotFoundError, ValueError, KeyError, TypeError:
        return None, None


def _identity(path: Path) -> str | None:
    """The id of the archive on a disk; None if there is none, "" if somebody asks for one to be made."""
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            return ""
        found = json.loads(text)["archive_id"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise RootError(StorageState.FOREIGN, f"{path} is not an archive's identity file") from error
    return str(found)


def _write_identity(root: int, archive_id: str) -> None:
    content = {
        "archive_id": archive_id,
        "about": "Footage of Safe Community. This file tells the recorder that the disk is the right one: keep it.",
    }
    beside = f"{IDENTITY_NAME}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644, dir_fd=root)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(beside, IDENTITY_NAME, src_dir_fd=root, dst_dir_fd=root)
    os.fsync(root)


def day_directories(root: Path, camera_id: str) -> Iterator[str]:
    """A camera's days below the root, as `<camera>/YYYY/MM/DD`, the newest first."""
    for year in _numbered(root / camera_id, 4):
        for month in _numbered(root / camera_id / year, 2):
            for day in _numbered(root / camera_id / year / month, 2):
                yield f"{camera_id}/{year}/{month}/{day}"


def cameras_on_disk(root: Path) -> list[str]:
    """The cameras that have a directory."""
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))


def _numbered(directory: Path, digits: int) -> list[str]:
    try:
        names = [entry.name for entry in os.scandir(directory)]
    except FileNotFoundError, NotADirectoryError:
        return []
    return sorted((name for name in names if len(name) == digits and name.isascii() and name.isdigit()), reverse=True)
