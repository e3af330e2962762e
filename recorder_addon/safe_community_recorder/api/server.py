"""The routes of the recorder's HTTP interface."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from aiohttp import WSCloseCode, WSMsgType, web

from .. import __version__, utc
from ..archive.archive import Archive
from ..archive.timeline import Span
from ..clock import HostClock
from ..config import Camera
from ..evidence.exports import Exports
from ..identity import Identity
from ..live import LiveChannel
from ..probe import Prober
from ..stills import Stills
from .activity import ActivityHandlers
from .audit import AuditHandlers
from .auditor import Auditor
from .authorization import Entrance, authorization
from .cameras import CameraFile, change_camera, delete_camera, entry_of, put_camera
from .clips import ClipHandlers
from .events import Hub
from .exports import ExportHandlers, key_json
from .hls import HlsHandlers
from .live import LiveHandlers
from .locks import LockHandlers
from .observations import ObservationHandlers
from .pictures import PictureHandlers
from .probe import ProbeHandlers
from .problems import Problem, problems
from .ranges import DAY_US, asked_range
from .refusals import Refusals
from .searches import Searches
from .storage import StorageHandlers, storage_json

_LOGGER = logging.getLogger(__name__)

API_VERSION = 1
_LONGEST_TIMELINE_US = 400 * DAY_US
_LONGEST_RECORDINGS_US = 31 * DAY_US
_HEARTBEAT_S = 20
_OPEN_PATHS = frozenset({"/health", "/openapi.json"})


class CameraView(Protocol):
    """What the interface needs to know of a camera."""

    @property
    def live(self) -> LiveChannel:
        """Its live stream."""
        ...

    @property
    def camera(self) -> Camera:
        """Its entry in the camera file."""
        ...

    def as_json(self) -> dict[str, object]:
        """Its entry and its state, as openapi.json's Camera."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers are thin over. `cameras` by id; it may change while the recorder runs."""

    camera_file: CameraFile
    identity: Identity
    cameras: Mapping[str, CameraView]
    archive: Archive
    hub: Hub
    host: HostClock
    time_zone: Callable[[], ZoneInfo]
    prober: Prober
    auditor: Auditor
    exports: Exports


def build_app(services: Services) -> web.Application:
    """The aiohttp application."""
    refusals = Refusals(services.auditor)
    app = web.Application(
        middlewares=[
            problems,
            refusals.middleware(),
            authorization(services.identity.token, _OPEN_PATHS, LiveHandlers.OWN_CHECK | HlsHandlers.OWN_CHECK),
            Searches(services.auditor).middleware(),
        ]
    )
    handlers = _Handlers(services)
    app.add_routes(
        [
            web.get("/health", handlers.health, allow_head=False),
            web.get("/openapi.json", handlers.openapi, allow_head=False),
            web.get("/api/v1/info", handlers.info, allow_head=False),
            web.get("/api/v1/events", handlers.events, allow_head=False),
            web.get("/api/v1/elderships", handlers.all_elderships, allow_head=False),
            web.get("/api/v1/cameras", handlers.cameras, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}", handlers.camera, allow_head=False),
            web.put("/api/v1/cameras/{camera_id}", handlers.put_camera),
            web.patch("/api/v1/cameras/{camera_id}", handlers.change_camera),
            web.delete("/api/v1/cameras/{camera_id}", handlers.delete_camera),
            web.get("/api/v1/cameras/{camera_id}/entry", handlers.entry, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/recordings", handlers.recordings, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/timeline", handlers.timeline, allow_head=False),
        ]
    )
    app.add_routes(StorageHandlers(services.archive, handlers.camera_id_of, services.time_zone).routes())
    seen = ObservationHandlers(services.archive, handlers.camera_id_of, handlers.elderships)
    app.add_routes(seen.routes())
    app.add_routes(ActivityHandlers(services.archive, lambda request: handlers.camera_of(request)[1].camera).routes())
    app.add_routes(ClipHandlers(services.archive, services.auditor, handlers.camera_id_of).routes())
    stills = Stills()
    pictures = PictureHandlers(services.archive, services.host, services.auditor, stills, handlers.camera_of)
    app.add_routes(pictures.routes())
    entrance = Entrance(services.identity.token)
    app.add_routes(LiveHandlers(entrance, services.auditor, handlers.camera_of).routes())
    hls = HlsHandlers(services.archive, services.host, entrance, services.auditor, handlers.camera_of)
    app.add_routes(hls.routes())
    app.add_routes(ProbeHandlers(services.camera_file, services.prober.probe, services.auditor).routes())
    app.add_routes(AuditHandlers(services.auditor).routes())
    known = services.cameras.__contains__
    app.add_routes(LockHandlers(services.archive, services.host, services.auditor, services.hub, known).routes())
    exports = ExportHandlers(services.exports, services.archive, services.camera_file, services.auditor)
    app.add_routes(exports.routes())
    app.on_shutdown.append(handlers.shut_down)
    app.on_cleanup.append(refusals.close)
    app.on_cleanup.append(_closing(stills))
    return app


class _Handlers:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._sockets: set[web.WebSocketResponse] = set()

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "version": __version__})

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi_document())

    async def info(self, _request: web.Request) -> web.Response:
        return web.json_response(info_json(self._services))

    async def cameras(self, _request: web.Request) -> web.Response:
        return web.json_response({"cameras": self._all_cameras()})

    async def camera(self, request: web.Request) -> web.Response:
        return web.json_response(self.camera_of(request)[1].as_json())

    async def all_elderships(self, _request: web.Request) -> web.Response:
        found = [{"id": one.id, "name": one.name} for one in self._services.camera_file.elderships]
        return web.json_response({"elderships": found})

    async def put_camera(self, request: web.Request) -> web.Response:
        new = await put_camera(self._services.camera_file, request, self._services.auditor)
        status = HTTPStatus.CREATED if new else HTTPStatus.OK
        return web.json_response(self.camera_of(request)[1].as_json(), status=status)

    async def change_camera(self, request: web.Request) -> web.Response:
        await change_camera(self._services.camera_file, request, self._services.auditor)
        return web.json_response(self.camera_of(request)[1].as_json())

    async def delete_camera(self, request: web.Request) -> web.Response:
        await delete_camera(self._services.camera_file, request, self._services.auditor)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def entry(self, request: web.Request) -> web.Response:
        return web.json_response(entry_of(self._services.camera_file, request.match_info["camera_id"]))

    async def recordings(self, request: web.Request) -> web.Response:
        camera_id, _ = self.camera_of(request)
        rows = await self._services.archive.recordings(camera_id, asked_range(request, _LONGEST_RECORDINGS_US))
        recordings = [
            {
                "start": utc.to_text(row.start_us),
                "end": utc.to_text(row.end_us),
                "size_bytes": row.size_bytes,
                "complete": row.complete,
                "clock": row.clock,
            }
            for row in rows
        ]
        return web.json_response({"recordings": recordings})

    async def timeline(self, request: web.Request) -> web.Response:
        camera_id, _ = self.camera_of(request)
        spans, gaps = await self._services.archive.timeline(camera_id, asked_range(request, _LONGEST_TIMELINE_US))
        return web.json_response(
            {
                "spans": [_span_json(span) for span in spans],
                "gaps": [
                    {
                        "start": utc.to_text(gap.start_us),
                        "end": None if gap.end_us is None else utc.to_text(gap.end_us),
                        "cause": gap.cause.value,
                    }
                    for gap in gaps
                ],
            }
        )

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S)
        await socket.prepare(request)
        self._sockets.add(socket)
        with self._services.hub.subscribe() as queue:
            await socket.send_json(
                {"type": "snapshot", "info": info_json(self._services), "cameras": self._all_cameras()}
            )
            await socket.send_json({"type": "storage", "storage": storage_json(self._services.archive.status)})
            sender = asyncio.create_task(_send_events(socket, queue))
            try:
                async for message in socket:
                    if message.type is WSMsgType.ERROR:
                        break
            finally:
                sender.cancel()
                self._sockets.discard(socket)
        return socket

    async def shut_down(self, _app: web.Application) -> None:
        """Lets listeners and live viewers go, so that the server stops at once."""
        for camera in self._services.cameras.values():
            camera.live.end()
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the recorder stops")

    def camera_id_of(self, request: web.Request) -> str:
        """The camera that a request is about. Raises Problem."""
        return self.camera_of(request)[0]

    def camera_of(self, request: web.Request) -> tuple[str, CameraView]:
        """The camera that a request is about, with its id. Raises Problem."""
        camera_id = request.match_info["camera_id"]
        camera = self._services.cameras.get(camera_id)
        if camera is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_camera", f"there is no camera {camera_id[:64]!r}")
        return camera_id, camera

    def elderships(self) -> dict[str, str]:
        """The id of each camera's eldership, by the camera's."""
        return {camera_id: view.camera.eldership.id for camera_id, view in self._services.cameras.items()}

    def _all_cameras(self) -> list[dict[str, object]]:
        return [camera.as_json() for camera in self._services.cameras.values()]


def info_json(services: Services) -> dict[str, object]:
    """The recorder, as openapi.json's Info."""
    return {
        "recorder_id": services.identity.recorder_id,
        "name": services.camera_file.name,
        "version": __version__,
        "api_version": API_VERSION,
        "time": utc.to_text(time.time_ns() // 1_000),
        "camera_file": services.camera_file.as_json(),
        "evidence_key": key_json(services.exports.public_key),
    }


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, with this recorder's version."""
    document: dict[str, Any] = json.loads((files(__package__) / "openapi.json").read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    return document


def _closing(stills: Stills) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_app: web.Application) -> None:
        stills.close()

    return close


def _span_json(span: Span) -> dict[str, str]:
    return {"start": utc.to_text(span.start_us), "end": utc.to_text(span.end_us)}


async def _send_events(socket: web.WebSocketResponse, queue: asyncio.Queue[Mapping[str, object] | None]) -> None:
    while (message := await queue.get()) is not None:
        await socket.send_json(message)
    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
