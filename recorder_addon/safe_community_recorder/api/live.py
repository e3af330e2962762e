"""Live pictures over HTTP: streams for players, and tickets for those that can send no header."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from .. import utc
from ..live import LiveChannel
from .actor import actor_of
from .auditor import Auditor
from .authorization import Entrance
from .problems import Problem

_LOGGER = logging.getLogger(__name__)

_CAMERA = "/api/v1/cameras/{camera_id}"
_MPEGTS, _MP4 = f"{_CAMERA}/live.ts", f"{_CAMERA}/live.mp4"
_PLAYLIST = f"{_CAMERA}/hls/live.m3u8"
# Who takes nothing at all for so long has gone without saying so, or does not look.
_STUCK_S = 60.0


class LiveView(Protocol):
    """What these handlers need to know of a camera."""

    @property
    def live(self) -> LiveChannel:
        """Its live stream."""
        ...


class LiveHandlers:
    """Thin over a camera's LiveChannel. `camera_of` checks a request's camera."""

    OWN_CHECK = frozenset({_MPEGTS, _MP4})

    def __init__(
        self, entrance: Entrance, auditor: Auditor, camera_of: Callable[[web.Request], tuple[str, LiveView]]
    ) -> None:
        self._entrance = entrance
        self._auditor = auditor
        self._camera_of = camera_of

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.post(f"{_CAMERA}/live-tickets", self.ticket),
            web.get(_MPEGTS, self.mpegts, allow_head=False),
            web.get(_MP4, self.mp4, allow_head=False),
        ]

    async def ticket(self, request: web.Request) -> web.Response:
        """A ticket for a camera's live pictures. Raises Problem."""
        camera_id, _ = self._camera_of(request)
        text, ticket = self._entrance.tickets.issue(camera_id, int(time.time()))
        await self._auditor.note("ticket", actor_of(request), camera_id=camera_id, kind="live", ticket=ticket.id)

        def path(pattern: str) -> str:
            return f"{pattern.format(camera_id=camera_id)}?auth={text}"

        return web.json_response(
            {
                "path": path(_MPEGTS),
                "mp4": path(_MP4),
                "hls": path(_PLAYLIST),
                "expires": utc.to_text(ticket.expires_s * utc.SECOND_US),
            },
            status=HTTPStatus.CREATED,
        )

    async def mpegts(self, request: web.Request) -> web.StreamResponse:
        """The live stream as MPEG-TS. Raises Problem."""
        camera_id, live, lasts_s = await self._entered(request)
        return await _send(request, camera_id, live.mpegts(), "video/mp2t", lasts_s)

    async def mp4(self, request: web.Request) -> web.StreamResponse:
        """The live stream as fragmented MP4. Raises Problem."""
        camera_id, live, lasts_s = await self._entered(request)
        return await _send(request, camera_id, live.mp4(), "video/mp4", lasts_s)

    async def _entered(self, request: web.Request) -> tuple[str, LiveChannel, float | None]:
        """The camera, what it shows, and for how long whoever asks may see that."""
        looker = self._entrance.looker(request)
        camera_id, camera = self._camera_of(request)
        looker.require_live()
        if camera.live.keyframe is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no_picture", "the camera sends no pictures now")
        await self._auditor.look("live", looker.actor, camera_id)
        return camera_id, camera.live, None if looker.ticket is None else looker.ticket.expires_s - time.time()


async def _send(
    request: web.Request, camera_id: str, pictures: AsyncGenerator[bytes], content_type: str, lasts_s: float | None
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    await response.prepare(request)
    try:
        await _write(response, pictures, lasts_s)
    except ConnectionError:
        _LOGGER.debug("live viewer gone", extra={"camera": camera_id})
    except TimeoutError:
        _LOGGER.info("live viewer takes nothing and is let go", extra={"camera": camera_id})
        if request.transport is not None:
            request.transport.abort()
    return response


async def _write(response: web.StreamResponse, pictures: AsyncGenerator[bytes], lasts_s: float | None) -> None:
    """All pictures that come within so many seconds. Raises ConnectionError, or TimeoutError if nobody takes them."""
    try:
        async with aclosing(pictures), asyncio.timeout(lasts_s) as whole:
            async for data in pictures:
                async with asyncio.timeout(_STUCK_S):
                    await response.write(data)
    except TimeoutError:
        if not whole.expired():
            raise
    async with asyncio.timeout(_STUCK_S):
        await response.write_eof()
