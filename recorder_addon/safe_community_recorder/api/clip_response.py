"""A virtual MP4 over HTTP: exact length, one byte range, validators (RFC 9110 §13–14); the kernel sends the bytes."""

import asyncio
import logging
import re
from http import HTTPStatus

from aiohttp import web

from .. import utc
from ..media.clip import Clip
from .problems import Problem
from .sending import break_off, send_part

_LOGGER = logging.getLogger(__name__)

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """(first, behind the last) of a Range header; None where it is to be ignored (RFC 9110 §14.2).

    Raises ValueError when no byte of it can be had.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), int(last) + 1 if last else size
        if last and end <= start:
            return None
    elif last:
        start, end = max(0, size - int(last)), size
    else:
        return None
    if start >= size or start >= end:
        raise ValueError
    return start, min(end, size)


def asked_part(request: web.Request, etag: str, size: int, headers: dict[str, str]) -> tuple[HTTPStatus, int, int]:
    """How a request for so many bytes is to be answered, with those from … to …; adds to the headers.

    Raises Problem when no byte of the asked range can be had.
    """
    known = (tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(","))
    if any(tag in (etag, "*") for tag in known):
        return HTTPStatus.NOT_MODIFIED, 0, 0
    wanted = request.headers.get("Range") if request.method == "GET" else None
    if wanted is not None and request.headers.get("If-Range", etag) == etag:
        try:
            chosen = byte_range(wanted, size)
        except ValueError:
            detail = f"there are {size} bytes"
            content_range = {"Content-Range": f"bytes */{size}"}
            raise Problem(HTTPStatus.RANGE_NOT_SATISFIABLE, "bad_value", detail, content_range) from None
        if chosen is not None:
            start, end = chosen
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            return HTTPStatus.PARTIAL_CONTENT, start, end
    return HTTPStatus.OK, 0, size


async def send_clip(request: web.Request, clip: Clip, name: str) -> web.StreamResponse:
    """Answers a GET or HEAD request with the clip or the asked range of it. `name` is what a saved file is called."""
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Type": "video/mp4",
        "Accept-Ranges": "bytes",
        "ETag": clip.etag,
        "Cache-Control": "private, no-cache",
        "X-Clip-Start": utc.to_text(clip.start_us),
        "X-Clip-End": utc.to_text(clip.end_us),
    }
    status, start, end = asked_part(request, clip.etag, clip.size, headers)
    if status is HTTPStatus.NOT_MODIFIED:
        return web.Response(status=status, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(request, response, clip, start, end)
    await response.write_eof()
    return response


async def _send(request: web.Request, response: web.StreamResponse, clip: Clip, start: int, end: int) -> None:
    # The headers travel with the first write: it is never left out.
    await response.write(clip.head[start:end])
    position = len(clip.head)
    path, file = "", None
    try:
        for part in clip.parts:
            first, last = max(start, position), min(end, position + part.size)
            if first < last:
                if file is None or path != part.path:
                    if file is not None:
                        file.close()
                    path, file = part.path, await asyncio.to_thread(open, part.path, "rb")
                if not await send_part(request, file, part.offset + first - position, last - first):
                    return
            position += part.size
    except OSError as error:
        if not isinstance(error, ConnectionError):
            _LOGGER.warning("clip broken off", extra={"path": path, "problem": error.strerror})
        break_off(request)
    finally:
        if file is not None:
            file.close()
