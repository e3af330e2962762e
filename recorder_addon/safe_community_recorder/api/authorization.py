"""Who may ask: the bearer token for everything, tickets for one camera's moving pictures. Deny by default."""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from .. import utc
from ..archive.timeline import Span
from .actor import Actor, actor_of, enters
from .problems import Handler, Problem

LIVE_LIFETIME_S = 24 * 3600
# Besides the length of the footage: to look again, to pause over lunch.
RECORDED_LIFETIME_S = 12 * 3600

_NUMBER = r"(0|[1-9]\d{0,17})"
_TICKET = re.compile(rf"([0-9a-f]{{8}})\.{_NUMBER}(?:\.{_NUMBER}-{_NUMBER})?\.([0-9a-f]{{64}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What may be looked at without the token until `expires_s`: a camera's recorded `span`, or what it shows live.

    `id` is told in the audit log, so that who looks is known from who was given the ticket.
    """

    id: str
    camera_id: str
    expires_s: int
    span: Span | None = None


class Tickets:
    """Tickets need no storage: what they allow stands in them, and is signed."""

    def __init__(self, token: str) -> None:
        self._key = hashlib.sha256(b"ticket\0" + token.encode()).digest()

    def issue(self, camera_id: str, now_s: int, span: Span | None = None) -> tuple[str, Ticket]:
        """A ticket for a camera's recorded span or, without one, for its live pictures; as text and as what it is."""
        if span is None:
            lifetime_s = LIVE_LIFETIME_S
        else:
            lifetime_s = RECORDED_LIFETIME_S + -(-(span.end_us - span.start_us) // utc.SECOND_US)
        ticket = Ticket(secrets.token_hex(4), camera_id, now_s + lifetime_s, span)
        return f"{_content(ticket)}.{self._signature(ticket)}", ticket

    def read(self, text: str, camera_id: str, now_s: int) -> Ticket | None:
        """What a ticket allows; None if it was not issued for this camera, or has expired."""
        match = _TICKET.fullmatch(text)
        if match is None:
            return None
        number, expires, start, end, signature = match.groups()
        span = None if start is None else Span(int(start), int(end))
        ticket = Ticket(number, camera_id, int(expires), span)
        fits = hmac.compare_digest(self._signature(ticket), signature)
        return ticket if fits and now_s < ticket.expires_s else None

    def _signature(self, ticket: Ticket) -> str:
        return hmac.new(self._key, f"{ticket.camera_id}\0{_content(ticket)}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks, and by which ticket, of which `auth` is the text; without one by the bearer token."""

    actor: Actor
    ticket: Ticket | None = None
    auth: str | None = None

    def require_live(self) -> None:
        """Raises the 403 answer where the ticket is for recorded footage only."""
        if self.ticket is not None and self.ticket.span is not None:
            raise Problem(HTTPStatus.FORBIDDEN, "other_ticket", "this ticket is not one for live pictures")

    def require_recorded(self, within: Span) -> None:
        """Raises the 403 answer where the ticket is not for all of this range."""
        if self.ticket is None:
            return
        span = self.ticket.span
        if span is None or not span.start_us <= within.start_us <= within.end_us <= span.end_us:
            raise Problem(HTTPStatus.FORBIDDEN, "other_ticket", "this ticket is not one for this range")


class Entrance:
    """Lets in who has the bearer token, or a ticket."""

    def __init__(self, token: str) -> None:
        self.tickets = Tickets(token)
        self._token = token

    def looker(self, request: web.Request) -> Looker:
        """Who looks at the request's camera. Raises the 401 answer."""
        if has_token(request, self._token):
            return Looker(actor_of(request))
        auth = request.query.get("auth", "")
        ticket = self.tickets.read(auth, request.match_info["camera_id"], int(time.time()))
        if ticket is None:
            raise _unauthorized()
        actor = Actor(f"ticket {ticket.id}")
        enters(request, actor)
        return Looker(actor, ticket, auth)


def _content(ticket: Ticket) -> str:
    span = "" if ticket.span is None else f".{ticket.span.start_us}-{ticket.span.end_us}"
    return f"{ticket.id}.{ticket.expires_s}{span}"


def has_token(request: web.Request, token: str) -> bool:
    """True if the request carries the bearer token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # Octets that are no UTF-8 come as surrogates.
    given_bytes = given.strip().encode(errors="surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(given_bytes, token.encode())


def require(allowed: bool) -> None:
    """Raises the 401 answer unless allowed."""
    if not allowed:
        raise _unauthorized()


def _unauthorized() -> Problem:
    return Problem(
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
