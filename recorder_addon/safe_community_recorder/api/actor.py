"""Who is behind a request, and why: the integration says so in two headers; the recorder believes who has its token."""

import re
import unicodedata
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from aiohttp import web

from ..audit.actor import Actor
from .problems import Problem

__all__ = ["ACTOR_HEADER", "REASON_HEADER", "Actor", "actor_of", "asker_of", "enters", "plain_text"]

ACTOR_HEADER = "Safe-Community-Actor"
REASON_HEADER = "Safe-Community-Reason"
_LONGEST_NAME = 200
_LONGEST_REASON = 500
_NOBODY = "recorder token"
_ENTERED = web.RequestKey("entered", Actor)

# Visible ASCII and spaces; every percent sign begins an octet (RFC 3986 §2.1).
_ENCODED = re.compile(r"(?:[ !-$&-~]|%[0-9A-Fa-f]{2})*")
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# What turns the direction of writing could make a line of the audit log read as another one.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def actor_of(request: web.Request) -> Actor:
    """Who asks. Raises Problem `bad_actor`."""
    name = _header(request, ACTOR_HEADER, _LONGEST_NAME)
    return Actor(name or _NOBODY, _header(request, REASON_HEADER, _LONGEST_REASON))


def enters(request: web.Request, actor: Actor) -> None:
    """Remembers whom a ticket has let in."""
    request[_ENTERED] = actor


def asker_of(request: web.Request) -> Actor:
    """Who asks, by ticket or by token, as far as it can be said."""
    try:
        return request[_ENTERED] if _ENTERED in request else actor_of(request)
    except Problem:
        return Actor(_NOBODY)


def plain_text(text: str, longest: int) -> str | None:
    """A text for people without blanks around it; None if it is empty, too long or holds what cannot be seen."""
    text = text.strip()
    if not text or len(text) > longest:
        return None
    hidden = any(unicodedata.category(sign) in _INVISIBLE or sign in _DIRECTIONS for sign in text)
    return None if hidden else text


def _header(request: web.Request, name: str, longest: int) -> str | None:
    given = request.headers.getall(name, [])
    if not given:
        return None
    value: str | None = None
    if len(given) == 1 and _ENCODED.fullmatch(given[0]):
        try:
            value = plain_text(unquote_to_bytes(given[0]).decode(), longest)
        except UnicodeDecodeError:
            value = None
    if value is None:
        expected = f"1 to {longest} signs without control characters, as UTF-8 and percent-encoded (RFC 3986)"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_actor", f"{name}: {expected} were expected, once")
    return value
