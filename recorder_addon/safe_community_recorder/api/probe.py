"""Looking at a camera before, or after, it is in the camera file."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ..config import Camera, ConfigError, parse_stream
from ..logs import redact
from ..probe import BusyError, Found, ProbeError
from .actor import actor_of
from .auditor import Auditor
from .body import json_of
from .cameras import CameraFile, camera_of
from .problems import Problem

_KEYS = ("url", "camera_id", "certificate", "source")
_AGAIN_AFTER_S = 5


class ProbeHandlers:
    """Thin over the prober; `probe` raises ProbeError and BusyError."""

    def __init__(self, file: CameraFile, probe: Callable[[Camera], Awaitable[Found]], auditor: Auditor) -> None:
        self._file = file
        self._probe = probe
        self._auditor = auditor

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.post("/api/v1/probe", self.probe)]

    async def probe(self, request: web.Request) -> web.Response:
        """What a camera is. Raises Problem."""
        actor, body = actor_of(request), await _body(request)
        camera = self._asked(body)
        camera_id = None if "url" in body else camera.id
        # The name of a machine, not its address: that may hold a password.
        host = urlsplit(camera.url).hostname
        try:
            found = await self._probe(camera)
        except BusyError as error:
            headers = {"Retry-After": str(_AGAIN_AFTER_S)}
            detail = "other cameras are being looked at; this one can be in a few seconds"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_probes", detail, headers) from error
        except ProbeError as error:
            self._auditor.tell(
                "camera_probed", actor, camera_id=camera_id, outcome="failed", host=host, code=error.trouble.value
            )
            more = {} if error.certificate is None else {"certificate": error.certificate}
            raise Problem(HTTPStatus.BAD_GATEWAY, error.trouble.value, error.detail, more=more) from error
        await self._auditor.note("camera_probed", actor, camera_id=camera_id, host=host)
        return web.json_response(probe_json(found))

    def _asked(self, body: Mapping[str, Any]) -> Camera:
        """The camera that is meant. Raises Problem."""
        unknown = next((key for key in body if key not in _KEYS), None)
        if unknown is not None:
            detail = f"{redact(unknown)[:64]}: this key is unknown; known are {', '.join(_KEYS)}"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_camera", detail)
        if ("url" in body) == ("camera_id" in body):
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "either url or camera_id was expected")
        own = {key: value for key, value in body.items() if key != "camera_id"}
        if "url" in body:
            return _parsed(own)
        camera = camera_of(self._file, str(body["camera_id"]))
        asked = _parsed({"url": camera.url, **own})
        return replace(
            camera,
            source=asked.source if "source" in body else camera.source,
            certificate=asked.certificate if "certificate" in body else camera.certificate,
        )


def _parsed(entry: Mapping[str, object]) -> Camera:
    try:
        return parse_stream(entry)
    except ConfigError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_camera", redact(str(error))) from error


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        body = await json_of(request)
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "url or camera_id was expected as JSON") from error
    if not isinstance(body, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "a JSON object was expected")
    return body


def probe_json(found: Found) -> dict[str, object]:
    """What a camera is, as openapi.json's Probe."""
    video, numbers = found.video, found.numbers
    return {
        "codec": video.codec if video else None,
        "width": video.width if video else None,
        "height": video.height if video else None,
        "frame_rate": numbers.frame_rate,
        "bitrate_bps": numbers.bitrate_bps,
        "group_s": numbers.group_s,
        "sound": None if found.sound is None else list(found.sound),
        "clock_offset_s": numbers.clock_offset_s,
        "source": found.way.value,
        "source_reason": found.why_not_native,
        "warnings": [{"code": warned.code, "text": warned.text} for warned in found.warnings],
        "still": None if found.still is None else base64.b64encode(found.still).decode("ascii"),
    }
