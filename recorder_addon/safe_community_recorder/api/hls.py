"""HLS (RFC 8216): playlists of what was recorded and of what is new, and the pieces of files that they name.

The kernel sends the pictures and the sound as they lie in the files; only the bytes that tell times are made anew.
"""

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import BinaryIO

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from .. import utc
from ..archive.archive import Archive
from ..archive.timeline import Span
from ..clock import HostClock
from ..media.boxes import BoxError
from ..media.cmaf import Fragment, RecordingFile
from ..media.hls import LiveWindow, recorded_playlist
from ..media.retimed import Region, regions, retimed
from .actor import actor_of
from .auditor import Auditor
from .authorization import Entrance, Looker
from .live import LiveView
from .problems import Problem
from .ranges import DAY_US, asked_number, asked_range
from .sending import break_off, send_part

_LOGGER = logging.getLogger(__name__)

_FOLDER = "/api/v1/cameras/{camera_id}/hls"
_RECORDED, _LIVE, _PIECE = f"{_FOLDER}/recorded.m3u8", f"{_FOLDER}/live.m3u8", f"{_FOLDER}/{{file}}/{{bytes}}.mp4"
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_LONGEST_US = DAY_US
# What ended longer ago is not live any more; a live ticket opens it a little longer, for players that are behind.
_LISTED_US = 60 * utc.SECOND_US
_OPENED_US = 120 * utc.SECOND_US
_NAME = "%Y%m%dT%H%M%S.%fZ"
_NAMED = re.compile(r"\d{8}T\d{6}\.\d{6}Z", re.ASCII)
_BYTES = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
_DISK_S = 5.0
_BLOCKING_TARGETS = 3
# A window that begins anew after a restart goes on with higher numbers, as live segments last half a second or longer;
# discontinuities are half a minute apart.
_NUMBERED_FROM_S = 1_735_689_600  # 2025
_PER_SECOND = 2
_SECONDS_PER_DISCONTINUITY = 30
_HIGHEST_NUMBER = 999_999_999
_AGAIN_AFTER_S = 2


class HlsHandlers:
    """Thin over the archive. `camera_of` checks a request's camera."""

    OWN_CHECK = frozenset({_RECORDED, _LIVE, _PIECE})

    def __init__(
        self,
        archive: Archive,
        host: HostClock,
        entrance: Entrance,
        auditor: Auditor,
        camera_of: Callable[[web.Request], tuple[str, LiveView]],
    ) -> None:
        self._archive = archive
        self._host = host
        self._entrance = entrance
        self._auditor = auditor
        self._camera_of = camera_of
        self._edges: dict[str, _Edge] = {}

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.post(f"{_FOLDER}/tickets", self.ticket),
            web.get(_RECORDED, self.recorded, allow_head=False),
            web.get(_LIVE, self.live, allow_head=False),
            web.get(_PIECE, self.piece, allow_head=False),
        ]

    async def ticket(self, request: web.Request) -> web.Response:
        """A ticket for a range of a camera's footage. Raises Problem."""
        camera_id, _ = self._camera_of(request)
        within = asked_range(request, _LONGEST_US)
        # Nothing was recorded before 1970, and a ticket knows no such times.
        within = Span(max(0, within.start_us), max(1, within.end_us))
        text, ticket = self._entrance.tickets.issue(camera_id, int(time.time()), within)
        await self._auditor.note(
            "ticket",
            actor_of(request),
            camera_id=camera_id,
            start_us=within.start_us,
            end_us=within.end_us,
            kind="recorded",
            ticket=ticket.id,
        )
        query = f"start={utc.to_text(within.start_us)}&end={utc.to_text(within.end_us)}&auth={text}"
        path = f"{_RECORDED.format(camera_id=camera_id)}?{query}"
        return web.json_response(
            {"path": path, "expires": utc.to_text(ticket.expires_s * utc.SECOND_US)}, status=HTTPStatus.CREATED
        )

    async def recorded(self, request: web.Request) -> web.Response:
        """The playlist of a range. Raises Problem."""
        looker = self._entrance.looker(request)
        camera_id, _ = self._camera_of(request)
        within = asked_range(request, _LONGEST_US)
        looker.require_recorded(within)
        look = partial(self._auditor.look, "hls", looker.actor, camera_id, within.start_us, within.end_us)
        files = await self._archive.files(camera_id, within)
        if not files:
            # What is past its days may be there, but nobody may see it any more.
            await look(outcome="failed" if self._archive.shown(camera_id, within) else "refused")
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", "no footage in this range", noted=True)
        await look()
        text = await asyncio.to_thread(recorded_playlist, _named(files), within.start_us, looker.auth)
        return _playlist(text)

    async def live(self, request: web.Request) -> web.Response:
        """The playlist of what is new; held back until the asked segment is there. Raises Problem."""
        looker = self._entrance.looker(request)
        camera_id, camera = self._camera_of(request)
        looker.require_live()
        asked = asked_number(request, "_HLS_msn", default=0, least=0, most=_HIGHEST_NUMBER)
        await self._auditor.look("live", looker.actor, camera_id)
        edge = self._edges.get(camera_id)
        if edge is None:
            edge = self._edges[camera_id] = _Edge(int(time.time()))
        camera.live.called("token" if looker.ticket is None else looker.ticket.id)
        written = await self._read(camera_id, edge)
        window = edge.window
        if window.next_sequence <= asked <= window.next_sequence + 1:
            try:
                async with asyncio.timeout(_BLOCKING_TARGETS * window.target_s):
                    while asked >= window.next_sequence and written is not None:
                        await written.wait()
                        written = await self._read(camera_id, edge)
            except TimeoutError:
                _LOGGER.debug("nothing new for a live playlist", extra={"camera": camera_id})
        if window.is_empty:
            detail = "of the last minute there is no footage on the disk"
            headers = {"Retry-After": str(_AGAIN_AFTER_S)}
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no_picture", detail, headers)
        return _playlist(window.playlist(looker.auth))

    async def piece(self, request: web.Request) -> web.StreamResponse:
        """Bytes of a recording file, as a playlist names them, as long as they may be shown. Raises Problem."""
        looker = self._entrance.looker(request)
        camera_id, _ = self._camera_of(request)
        start_us = _start_of(request.match_info["file"])
        asked = _BYTES.fullmatch(request.match_info["bytes"])
        found = None if start_us is None or asked is None else await self._archive.file(camera_id, start_us)
        if asked is None or found is None or found[1].start_us != start_us:
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", "there is no such recording, or not any more")
        path, file = found
        start, end = int(asked[1]), int(asked[2])
        wanted = regions(file, self._opened(looker, file), start, end)
        if not wanted:
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", "these bytes are not of footage that may be shown now")
        await self._look(looker, camera_id, file)
        return await _send(request, path, file, wanted, start, end)

    async def _look(self, looker: Looker, camera_id: str, file: RecordingFile) -> None:
        """Notes a look at a piece: the same as that of its playlist; by the token, at the recording. Raises Problem."""
        if looker.ticket is None:
            await self._auditor.look("hls", looker.actor, camera_id, file.start_us)
        elif (span := looker.ticket.span) is None:
            await self._auditor.look("live", looker.actor, camera_id)
        else:
            await self._auditor.look("hls", looker.actor, camera_id, span.start_us, span.end_us)

    async def _read(self, camera_id: str, edge: _Edge) -> asyncio.Event | None:
        """Brings a camera's window up to date, once however many ask; what is set when there is more."""
        now_us = self._host.utc_us()
        async with edge.reading:
            written = self._archive.written(camera_id)
            if written is None or written is not edge.read:
                # Also if it fails: those who wait here need not all wait for the same disk.
                edge.read = written
                try:
                    # Footage may be ahead of the clock for a while, after that was set back.
                    within = Span(now_us - _LISTED_US, now_us + DAY_US)
                    async with asyncio.timeout(_DISK_S):
                        files = await self._archive.files(camera_id, within)
                    edge.window.take(_named(files), within.start_us)
                except (TimeoutError, OSError, SQLAlchemyError) as error:
                    _LOGGER.warning("live playlist not renewed", extra={"camera": camera_id, "problem": str(error)})
            edge.window.forget(now_us - _LISTED_US)
        return written

    def _opened(self, looker: Looker, file: RecordingFile) -> Sequence[Fragment]:
        """The fragments that whoever looks may see."""
        if looker.ticket is None:
            return file.fragments
        span = looker.ticket.span or Span(self._host.utc_us() - _OPENED_US, 1 << 62)
        return [f for f in file.fragments if f.utc_us < span.end_us and f.end_us > span.start_us]


class _Edge:
    """The newest of a camera's footage: its window, and which footage's coming it is as old as."""

    def __init__(self, now_s: int) -> None:
        passed_s = max(0, now_s - _NUMBERED_FROM_S)
        self.window = LiveWindow(passed_s * _PER_SECOND, passed_s // _SECONDS_PER_DISCONTINUITY)
        self.reading = asyncio.Lock()
        self.read: asyncio.Event | None = None


def _named(files: Iterable[tuple[str, RecordingFile]]) -> list[tuple[str, RecordingFile]]:
    """Files by their addresses beside the playlist."""
    return [(f"{utc.from_us(file.start_us):{_NAME}}", file) for _, file in files]


def _start_of(name: str) -> int | None:
    """The beginning of the recording that is named so; None if none could be."""
    if not _NAMED.fullmatch(name):
        return None
    try:
        return utc.to_us(datetime.strptime(name, _NAME).replace(tzinfo=UTC))
    except ValueError:
        return None


def _playlist(text: str) -> web.Response:
    return web.Response(body=text.encode(), content_type=_PLAYLIST_TYPE, headers={"Cache-Control": "no-store"})


def _heads(opened: BinaryIO, file: RecordingFile, wanted: Iterable[Region]) -> list[bytes]:
    """The bytes of the regions that tell times, as HLS has them; of the others none. Raises OSError and BoxError."""
    return [
        retimed(file, region, os.pread(opened.fileno(), region.end - region.start, region.start))
        if region.has_times
        else b""
        for region in wanted
    ]


def _unreadable() -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no_picture", "the disk does not give this footage")


async def _send(
    request: web.Request, path: str, file: RecordingFile, wanted: Sequence[Region], start: int, end: int
) -> web.StreamResponse:
    try:
        opened = await asyncio.to_thread(open, path, "rb")
    except FileNotFoundError as error:
        raise Problem(HTTPStatus.NOT_FOUND, "no_footage", "this footage has just been deleted") from error
    except OSError as error:
        raise _unreadable() from error
    with opened:
        try:
            heads = await asyncio.to_thread(_heads, opened, file, wanted)
        except (OSError, BoxError) as error:
            raise _unreadable() from error
        response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Cache-Control": "no-store"})
        response.content_length = end - start
        await response.prepare(request)
        try:
            # The headers travel with the first write.
            await response.write(b"")
            for region, head in zip(wanted, heads, strict=True):
                first, last = max(start, region.start), min(end, region.end)
                if region.has_times:
                    await response.write(head[first - region.start : last - region.start])
                elif not await send_part(request, opened, first, last - first):
                    break
        except OSError as error:
            if not isinstance(error, ConnectionError):
                _LOGGER.warning("footage broken off", extra={"path": path, "problem": error.strerror})
            break_off(request)
    await response.write_eof()
    return response
