"""Who may ask: the bearer token for everything, tickets for one camera's live stream. Deny by default."""

import hashlib
import hmac
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from .problems import Handler, Problem

TICKET_LIFETIME_S = 24 * 3600


class Tickets:
    """Live tickets: an expiry and its signature, so that a media player needs no header. They need no storage."""

    def __init__(self, token: str) -> None:
        self._key = hashlib.sha256(b"live ticket\0" + token.encode()).digest()

    def issue(self, camera_id: str, now_s: int) -> tuple[str, int]:
        """A ticket for a camera and the second of its expiry."""
        expires_s = now_s + TICKET_LIFETIME_S
        return f"{expires_s}.{self._signature(camera_id, expires_s)}", expires_s

    def valid(self, ticket: str, camera_id: str, now_s: int) -> bool:
        """True if this ticket was issued for this camera and has not expired."""
        expiry, _, signature = ticket.partition(".")
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 12):
            return False
        fits = hmac.compare_digest(self._signature(camera_id, int(expiry)).encode(), signature.encode())
        return fits and now_s < int(expiry)

    def _signature(self, camera_id: str, expires_s: int) -> str:
        return hmac.new(self._key, f"{camera_id}\0{expires_s}".encode(), hashlib.sha256).hexdigest()


def has_token(request: web.Request, token: str) -> bool:
    """True if the request carries the bearer token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def require(allowed: bool) -> None:
    """Raises the 401 answer unless allowed."""
    if not allowed:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "a valid bearer token was expected in the header Authorization",
            {"WWW-Authenticate": "Bearer"},
        )


def authorization(token: str, open_paths: frozenset[str], own_check: frozenset[str]) -> Middleware:
    """Middleware: all but `open_paths` and the resources (by their pattern) that check themselves need the token."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        pattern = resource.canonical if resource is not None else None
        if request.path not in open_paths and pattern not in own_check:
            require(has_token(request, token))
        return await handler(request)

    return check
