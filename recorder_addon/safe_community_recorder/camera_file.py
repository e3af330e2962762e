"""The camera file on disk: saved whole or not at all, changed in one place with all comments kept, and watched."""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from . import config, strict_yaml, yaml_edit
from .config import CAMERA_KEYS, Config, ConfigError
from .durable import sync_directory
from .strict_yaml import YamlError

_POLL_S = 0.5
# File systems without hard links: FAT, and some that come over a network.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_ADDRESSES = ("url", "detect_url")
_BY_HAND = (
    "the camera file is written in a way that only a person can change (with aliases, for instance); edit it by hand"
)

type Signature = tuple[int, int, int, int, int] | None


class UnknownCameraError(ConfigError):
    """The file has no camera of this id."""


class FileNotChangedError(ConfigError):
    """The file as it is cannot be changed by a program: it is wrong itself, or somebody else is just changing it."""


# --- saving -----------------------------------------------------------------------------------------------------------


def previous(path: Path) -> Path:
    """Where the content lies that the last save replaced."""
    target = path.resolve()
    return target.with_name(f"{target.name}.previous")


def save(path: Path, text: str) -> Config:
    """Replaces the camera file and keeps what it held as `<name>.previous`; at every moment there is a whole file.

    A symbolic link stays, its target is replaced. Mode and owner stay; a new file can be read by its owner only.
    Raises ConfigError, and OSError.
    """
    valid = config.parse(text)
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target) as new:
        _write(new, text.encode(), target)
        if target.exists():
            with _beside(target) as old:
                _keep(target, old)
                os.replace(old, previous(path))
        os.replace(new, target)
    sync_directory(target.parent)
    return valid


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A free name in the same directory; what is left there at the end is removed."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes, like: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        with suppress(FileNotFoundError):
            status = like.stat()
            with suppress(PermissionError):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _keep(target: Path, old: Path) -> None:
    try:
        os.link(target, old)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _write(old, target.read_bytes(), target)


# --- changing one camera ----------------------------------------------------------------------------------------------


def put_camera(path: Path, camera_id: str, entry: Mapping[str, object]) -> Config:
    """Adds a camera, or replaces its entry; addresses that the new entry does not name stay (None takes them away).

    Raises ConfigError with the entry's `field`, FileNotChangedError, and OSError.
    """
    return _change(path, lambda text: with_camera(text, camera_id, entry))


def change_camera(path: Path, camera_id: str, changes: Mapping[str, object]) -> Config:
    """Changes some keys of a camera's entry (None takes a key away).

    Raises ConfigError with the entry's `field`, UnknownCameraError, FileNotChangedError, and OSError.
    """
    return _change(path, lambda text: with_changes(text, camera_id, changes))


def delete_camera(path: Path, camera_id: str) -> Config:
    """Takes a camera out. Raises UnknownCameraError, FileNotChangedError and OSError."""
    return _change(path, lambda text: without_camera(text, camera_id))


def _change(path: Path, change: Callable[[str], str]) -> Config:
    try:
        text = config.read_text(path)
        changed = change(text)
        same = config.read_text(path) == text
    except ConfigError as error:
        if error.field or isinstance(error, UnknownCameraError | FileNotChangedError):
            raise
        raise FileNotChangedError(str(error)) from error
    if not same:
        raise FileNotChangedError("the camera file was changed by somebody else in this moment; try again")
    return save(path, changed)


def with_camera(text: str, camera_id: str, entry: Mapping[str, object]) -> str:
    """The file's text with this entry for the camera, in its place or at the end."""
    before = _present(text)
    position = _position(before, camera_id)
    if position is not None:
        kept = {name: getattr(before.cameras[position], name) for name in _ADDRESSES}
        entry = kept | dict(entry)
    entry = {name: value for name, value in entry.items() if value is not None}
    camera = config.parse_camera(camera_id, entry, before.elderships)
    values = {**entry, "id": camera_id, **camera.processing.as_dict()}
    values = {name: values[name] for name in CAMERA_KEYS if name in values}
    if position is None:
        return _certain(
            lambda: yaml_edit.with_item(text, "cameras", values), replace(before, cameras=(*before.cameras, camera))
        )
    old = strict_yaml.read(text).mapping_at(["cameras", position])
    cameras = (*before.cameras[:position], camera, *before.cameras[position + 1 :])
    return _certain(
        lambda: yaml_edit.with_values(text, "cameras", position, old, values), replace(before, cameras=cameras)
    )


def with_changes(text: str, camera_id: str, changes: Mapping[str, object]) -> str:
    """The file's text with some keys of the camera's entry changed."""
    position = _position(_present(text), camera_id)
    if position is None:
        raise UnknownCameraError(f"there is no camera {camera_id[:64]}")
    return with_camera(text, camera_id, strict_yaml.read(text).mapping_at(["cameras", position]) | dict(changes))


def without_camera(text: str, camera_id: str) -> str:
    """The file's text without the camera."""
    before = _present(text)
    position = _position(before, camera_id)
    if position is None:
        raise UnknownCameraError(f"there is no camera {camera_id[:64]}")
    left = (*before.cameras[:position], *before.cameras[position + 1 :])
    return _certain(lambda: yaml_edit.without_item(text, "cameras", position), replace(before, cameras=left))


def _present(text: str) -> Config:
    try:
        return config.parse(text)
    except ConfigError as error:
        raise FileNotChangedError(f"the camera file is refused as it is; mend it first: {error}") from error


def _position(rules: Config, camera_id: str) -> int | None:
    return next((at for at, camera in enumerate(rules.cameras) if camera.id == camera_id), None)


def _certain(edit: Callable[[], str], wanted: Config) -> str:
    """The edited text, which must say exactly what is wanted."""
    try:
        text = edit()
        if config.parse(text) == wanted:
            return text
    except (YamlError, ConfigError) as error:
        raise FileNotChangedError(_BY_HAND) from error
    raise FileNotChangedError(_BY_HAND)


# --- watching ---------------------------------------------------------------------------------------------------------


def signature(path: Path) -> Signature:
    """What changes when the file changes; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


async def changes(
    path: Path, since: Signature, hurry: asyncio.Event, poll_s: float = _POLL_S
) -> AsyncIterator[Signature]:
    """The file's signature each time that it has changed and then stayed the same for a moment, or `hurry` is set.

    An editor may write a file bit by bit, and the first half of a list of cameras is a list of cameras, too.
    """
    taken = seen = since
    while True:
        hurried = False
        with suppress(TimeoutError):
            async with asyncio.timeout(poll_s):
                await hurry.wait()
                hurried = True
        hurry.clear()
        before, seen = seen, await asyncio.to_thread(signature, path)
        if hurried or (seen != taken and seen == before):
            taken = seen
            yield taken
