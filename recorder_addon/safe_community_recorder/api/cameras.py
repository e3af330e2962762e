"""Adding, changing and taking out cameras: all of it goes through the camera file."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from ..camera_file import FileNotChangedError, UnknownCameraError
from ..changes import camera_changes
from ..config import Camera, ConfigError, Eldership, UnknownEldershipError
from ..logs import redact
from .actor import Actor, actor_of
from .auditor import Auditor
from .body import json_of
from .problems import Problem


class CameraFile(Protocol):
    """What the interface needs to know of the camera file."""

    @property
    def name(self) -> str:
        """The recorder's name."""
        ...

    @property
    def elderships(self) -> Sequence[Eldership]:
        """Its elderships, also those without a camera."""
        ...

    def as_json(self) -> dict[str, object]:
        """Whether the file is in force, as openapi.json's CameraFile."""
        ...

    def entry(self, camera_id: str) -> dict[str, object]:
        """A camera's entry without its addresses. Raises UnknownCameraError."""
        ...

    def camera(self, camera_id: str) -> Camera:
        """A camera as the file describes it, with its addresses. Raises UnknownCameraError."""
        ...

    async def put(self, camera_id: str, entry: Mapping[str, object]) -> bool:
        """Adds or changes a camera; True if it is new. Raises ConfigError and OSError."""
        ...

    async def change(self, camera_id: str, changes: Mapping[str, object]) -> None:
        """Changes some keys of a camera's entry. Raises ConfigError and OSError."""
        ...

    async def delete(self, camera_id: str) -> None:
        """Takes a camera out. Raises ConfigError and OSError."""
        ...


def entry_of(file: CameraFile, camera_id: str) -> dict[str, object]:
    """A camera's entry. Raises Problem."""
    try:
        return file.entry(camera_id)
    except UnknownCameraError as error:
        raise _problem(error) from error


def camera_of(file: CameraFile, camera_id: str) -> Camera:
    """A camera with its addresses, which are to be shown to nobody. Raises Problem."""
    try:
        return file.camera(camera_id)
    except UnknownCameraError as error:
        raise _problem(error) from error


async def put_camera(file: CameraFile, request: web.Request, auditor: Auditor) -> bool:
    """Adds or changes the camera that the request describes; True if it is new. Raises Problem."""
    actor, camera_id = actor_of(request), request.match_info["camera_id"]
    entry = await _entry_in(request)
    return await auditor.whole(_recorded(file, camera_id, actor, auditor, lambda: file.put(camera_id, entry)))


async def change_camera(file: CameraFile, request: web.Request, auditor: Auditor) -> None:
    """Changes some keys of the camera's entry. Raises Problem."""
    actor, camera_id = actor_of(request), request.match_info["camera_id"]
    changes = await _entry_in(request)
    await auditor.whole(_recorded(file, camera_id, actor, auditor, lambda: file.change(camera_id, changes)))


async def delete_camera(file: CameraFile, request: web.Request, auditor: Auditor) -> None:
    """Takes the camera out. Raises Problem."""
    actor, camera_id = actor_of(request), request.match_info["camera_id"]
    await auditor.whole(_recorded(file, camera_id, actor, auditor, lambda: file.delete(camera_id)))


async def _entry_in(request: web.Request) -> dict[str, object]:
    try:
        entry = await json_of(request)
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "a camera's entry was expected as JSON") from error
    if not isinstance(entry, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "a camera's entry was expected as a JSON object")
    return entry


async def _recorded[T](
    file: CameraFile, camera_id: str, actor: Actor, auditor: Auditor, change: Callable[[], Awaitable[T]]
) -> T:
    """Makes a change, and a record of what it changed or why it was refused."""
    former = _camera(file, camera_id)
    try:
        done = await _done(change())
    except Problem as problem:
        # An id that is none is not taken down: only the camera file says how long one may be.
        told = camera_id if former is not None else None
        auditor.tell("camera_changed", actor, camera_id=told, outcome="failed", code=problem.code)
        problem.noted = True
        raise
    new = _camera(file, camera_id)
    changed = camera_changes(former, new)
    event = "camera_added" if former is None else "camera_changed" if new is not None else "camera_removed"
    if changed:
        auditor.tell(event, actor, camera_id=camera_id, changed=changed)
    return done


def _camera(file: CameraFile, camera_id: str) -> Camera | None:
    try:
        return file.camera(camera_id)
    except UnknownCameraError:
        return None


async def _done[T](change: Awaitable[T]) -> T:
    try:
        return await change
    except ConfigError as error:
        raise _problem(error) from error
    except OSError as error:
        detail = f"the camera file cannot be written: {error.strerror}"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "camera_file_not_written", detail) from error


def _problem(error: ConfigError) -> Problem:
    if isinstance(error, UnknownCameraError):
        return Problem(HTTPStatus.NOT_FOUND, "unknown_camera", str(error))
    if isinstance(error, FileNotChangedError):
        return Problem(HTTPStatus.CONFLICT, "camera_file_not_changed", redact(str(error)))
    code = "unknown_eldership" if isinstance(error, UnknownEldershipError) else "bad_camera"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, redact(str(error)))
