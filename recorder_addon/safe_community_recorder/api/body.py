"""What requests bring as JSON, checked."""

import asyncio
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from .. import utc
from .actor import plain_text
from .problems import Problem

# Of what is at most a megabyte. Whoever sends it byte by byte takes a place from others.
_BODY_S = 20.0


async def json_of(request: web.Request, within_s: float = _BODY_S) -> Any:
    """What the request brings. Raises Problem if that takes too long, ValueError or RecursionError if it is no JSON."""
    try:
        async with asyncio.timeout(within_s):
            return await request.json()
    except TimeoutError as error:
        raise _bad(f"the whole body was expected within {within_s:g} s", {"Connection": "close"}) from error


async def json_object(request: web.Request, keys: Collection[str]) -> Mapping[str, Any]:
    """The request's object, with known keys only. Raises Problem."""
    try:
        body = await json_of(request)
    except (ValueError, RecursionError) as error:
        raise _bad(f"a JSON object was expected, with keys of {', '.join(keys)}") from error
    if not isinstance(body, dict):
        raise _bad(f"a JSON object was expected, with keys of {', '.join(keys)}")
    unknown = next((key for key in body if key not in keys), None)
    if unknown is not None:
        raise _bad(f"{unknown[:64]!r}: this key is unknown; known are {', '.join(keys)}")
    return body


def text_of(body: Mapping[str, Any], key: str, longest: int) -> str:
    """A text for people. Raises Problem."""
    given = body.get(key)
    text = plain_text(given, longest) if isinstance(given, str) else None
    if text is None:
        raise _bad(f"{key}: a text of 1 to {longest} signs without control characters was expected")
    return text


def instant_of(body: Mapping[str, Any], key: str) -> int:
    """An instant in microseconds of UTC. Raises Problem."""
    given = body.get(key)
    try:
        if isinstance(given, str):
            return utc.parse(given)
    except ValueError, OverflowError:
        pass
    expected = f"{key}: an RFC 3339 time with its offset was expected, such as 2026-11-22T06:54:49Z"
    came = f", not {given[:40]!r}" if isinstance(given, str) else ""
    raise Problem(HTTPStatus.BAD_REQUEST, "bad_time", expected + came)


def _bad(detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail, headers)
