"""Still pictures and contact strips over HTTP."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from hashlib import sha256
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.timeline import Span
from ..clock import HostClock
from ..live import LiveChannel
from ..media.mosaic import Layout
from ..media.picture import PictureError
from ..stills import BusyError, Live, Recorded, Source, Stills
from ..strip import Strip, keyframe_near, marks, name_of, plan
from .actor import Actor, actor_of
from .auditor import Auditor, Outcome
from .problems import Problem
from .ranges import DAY_US, asked_instant, asked_number, asked_range

_REACH_US = 10 * utc.SECOND_US
_LONGEST_STRIP_US = 31 * DAY_US
_MOST_TILES = 48
_MOST_TILE_PIXELS_ACROSS = 15_360
_AGAIN_AFTER_S = 2
_FIND_S = 10.0


class CameraView(Protocol):
    """What pictures need to know of a camera."""

    @property
    def live(self) -> LiveChannel:
        """Its live stream."""
        ...


class PictureHandlers:
    """Thin over `stills` and the archive. `camera_of` gives a request's camera, or raises Problem."""

    def __init__(
        self,
        archive: Archive,
        host: HostClock,
        auditor: Auditor,
        stills: Stills,
        camera_of: Callable[[web.Request], tuple[str, CameraView]],
    ) -> None:
        self._archive = archive
        self._host = host
        self._auditor = auditor
        self._stills = stills
        self._camera_of = camera_of

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/api/v1/cameras/{camera_id}/snapshot.jpg", self.snapshot, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/strip.jpg", self.strip, allow_head=False),
            web.get(_STRIP_PATTERN, self.strip_described, allow_head=False),
        ]

    async def snapshot(self, request: web.Request) -> web.Response:
        """The newest picture, or that of an instant. Raises Problem."""
        camera_id, camera = self._camera_of(request)
        width = asked_number(request, "width", default=0, least=16, most=8192) or None
        actor = actor_of(request)
        if "at" in request.query:
            source, at_us = await self._recorded(camera_id, asked_instant(request, "at"), actor)
        else:
            source, at_us = await self._newest(camera_id, camera, actor)
        etag = _etag(source.key, width)
        headers = {**_headers(etag), "X-Picture-Time": utc.to_text(at_us)}
        if _is_known(request, etag):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        body = await _made(self._stills.jpeg(source, width))
        return web.Response(body=body, content_type="image/jpeg", headers=headers)

    async def strip(self, request: web.Request) -> web.Response:
        """A range as one picture. Raises Problem."""
        camera_id, within, strip, layout = await self._strip(request)
        outcome: Outcome = "done" if self._archive.shown(camera_id, within) else "refused"
        actor = actor_of(request)
        await self._auditor.look("strip", actor, camera_id, within.start_us, within.end_us, outcome=outcome)
        name = name_of(strip, layout)
        headers = _headers(f'"{name}"')
        if _is_known(request, f'"{name}"'):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        tiles = [
            (Recorded(tile.keyframe, self._archive.read) if tile.keyframe else None, marks(tile, layout))
            for tile in strip.tiles
        ]
        body = await _made(self._stills.strip(name, tiles, layout))
        return web.Response(body=body, content_type="image/jpeg", headers=headers)

    async def strip_described(self, request: web.Request) -> web.Response:
        """What a strip shows, and where in it. Raises Problem."""
        camera_id, within, strip, layout = await self._strip(request)
        asked = {
            "start": utc.to_text(within.start_us),
            "end": utc.to_text(within.end_us),
            "count": len(strip.tiles),
            "columns": layout.columns,
            "width": layout.width,
        }
        return web.json_response(
            {
                "start": asked["start"],
                "end": asked["end"],
                "path": f"{_STRIP_PATTERN.format(camera_id=camera_id)}.jpg?{urlencode(asked)}",
                "columns": layout.columns,
                "tile_width": layout.width,
                "tile_height": layout.height,
                "tiles": [
                    {
                        "start": utc.to_text(tile.span.start_us),
                        "end": utc.to_text(tile.span.end_us),
                        "picture": None if tile.keyframe is None else utc.to_text(tile.keyframe.utc_us),
                        "missing_s": round(tile.missing_us / utc.SECOND_US, 3),
                        "cause": tile.cause,
                    }
                    for tile in strip.tiles
                ],
            }
        )

    async def _newest(self, camera_id: str, camera: CameraView, actor: Actor) -> tuple[Source, int]:
        keyframe = camera.live.keyframe
        if keyframe is None:
            raise _no_picture("the camera sends no pictures now")
        # Home Assistant asks every few seconds: the auditor makes one record of that.
        await self._auditor.look("snapshot", actor, camera_id)
        return Live(camera_id, keyframe), self._host.utc_us(keyframe.arrival_us)

    async def _recorded(self, camera_id: str, at_us: int, actor: Actor) -> tuple[Source, int]:
        if at_us > time.time_ns() // 1_000:
            raise Problem(HTTPStatus.BAD_REQUEST, "future_range", "at: the instant lies in the future")
        keyframe = await _in_time(keyframe_near(self._archive, camera_id, at_us, _REACH_US, _REACH_US))
        if keyframe is None:
            if not self._archive.shown(camera_id, Span(at_us, at_us + 1)):
                await self._auditor.look("snapshot", actor, camera_id, at_us, at_us, outcome="refused")
                detail = "the footage of this instant is past its days"
                raise Problem(HTTPStatus.NOT_FOUND, "no_footage", detail, noted=True)
            _, gaps = await self._archive.timeline(camera_id, Span(at_us, at_us + 1))
            if gaps:
                cause = gaps[0].cause.value
                detail = f"nothing was recorded at this instant: {cause}"
                raise Problem(HTTPStatus.NOT_FOUND, "no_footage", detail, more={"cause": cause})
            detail = f"there is no footage within {_REACH_US // utc.SECOND_US} s of this instant"
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", detail)
        await self._auditor.look("snapshot", actor, camera_id, at_us, at_us)
        return Recorded(keyframe, self._archive.read), keyframe.utc_us

    async def _strip(self, request: web.Request) -> tuple[str, Span, Strip, Layout]:
        camera_id, _ = self._camera_of(request)
        within = asked_range(request, _LONGEST_STRIP_US)
        count = asked_number(request, "count", default=12, least=1, most=_MOST_TILES)
        columns = asked_number(request, "columns", default=6, least=1, most=_MOST_TILES)
        width = asked_number(request, "width", default=160, least=16, most=1280)
        if count * width > _MOST_TILE_PIXELS_ACROSS:
            detail = f"count × width: at most {_MOST_TILE_PIXELS_ACROSS} was expected"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)
        strip = await _in_time(plan(self._archive, camera_id, within, count, time.time_ns() // 1_000))
        return camera_id, within, strip, strip.layout(columns, width)


_STRIP_PATTERN = "/api/v1/cameras/{camera_id}/strip"


async def _in_time[T](finding: Awaitable[T]) -> T:
    """What it finds, unless the disk hangs. Raises Problem."""
    try:
        async with asyncio.timeout(_FIND_S):
            return await finding
    except TimeoutError as error:
        raise _no_picture("the disk does not answer") from error


async def _made(making: Awaitable[bytes]) -> bytes:
    """The JPEG. Raises Problem."""
    try:
        return await making
    except BusyError as error:
        detail = "many pictures are being made; this one can be in a few seconds"
        headers = {"Retry-After": str(_AGAIN_AFTER_S)}
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers) from error
    except PictureError as error:
        raise _no_picture(str(error)) from error
    except FileNotFoundError as error:
        detail = "a file of this footage has just been deleted, or its disk is away"
        raise Problem(HTTPStatus.NOT_FOUND, "no_footage", detail) from error
    except TimeoutError as error:
        raise _no_picture("the disk does not answer") from error
    except OSError as error:
        raise _no_picture(f"the disk does not give it: {error.strerror or error}") from error


def _no_picture(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no_picture", detail)


def _headers(etag: str) -> dict[str, str]:
    # To be asked for again each time: what is past its days is not shown, not even from a browser's memory.
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def _etag(key: Hashable, width: int | None) -> str:
    return f'"{sha256(repr((key, width)).encode()).hexdigest()[:32]}"'


def _is_known(request: web.Request, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(","))
    return any(tag in (etag, "*") for tag in tags)
