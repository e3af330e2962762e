"""The audit log over HTTP: read it, have it as a table, and add what only the integration knows."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import batched

from aiohttp import web

from .. import utc
from ..audit import table
from ..audit.files import read_head
from ..audit.reading import Page, Wanted, every, page
from ..audit.record import Noted, Record
from .actor import ACTOR_HEADER, actor_of, plain_text
from .auditor import Auditor, Outcome
from .body import instant_of, json_object, text_of
from .problems import Problem
from .ranges import asked_instant, asked_number
from .sending import break_off

_LOGGER = logging.getLogger(__name__)

_PATH = "/api/v1/audit"
_PAGE = 100
_LONGEST_PAGE = 1_000
_ROWS_AT_ONCE = 500

EVENTS: Mapping[str, Outcome] = {"access_refused": "refused", "live_viewed": "done"}
"""What the integration may add, and how it came out: nothing that this recorder itself records."""

ACTIONS = ("live", "playback", "search", "export", "lock", "release", "pause", "respond", "manage", "audit")
_KEYS = ("event", "action", "camera_id", "eldership_id", "start", "end")


class AuditHandlers:
    """Thin over the audit log."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get(_PATH, self.records, allow_head=False),
            web.post(_PATH, self.add),
            web.get(f"{_PATH}.csv", self.csv, allow_head=False),
        ]

    async def records(self, request: web.Request) -> web.Response:
        """A page of it, the newest first. Raises Problem."""
        wanted = Wanted(
            *_times(request),
            camera_id=_text(request, "camera", 64),
            event=_text(request, "event", 64),
            actor=_text(request, "actor", 200),
            after=_number(request, "after") or 0,
            before=_number(request, "before"),
        )
        limit = asked_number(request, "limit", default=_PAGE, least=1, most=_LONGEST_PAGE)
        await self._auditor.look("audit", actor_of(request), wanted.camera_id, wanted.from_us, wanted.to_us)
        found, head = await self._read(wanted, limit)
        return web.json_response(
            {
                "records": [record_json(record) for record in found.records],
                "next": found.following,
                "head": None if head is None else {"number": head.number, "hash": head.hash},
            }
        )

    async def csv(self, request: web.Request) -> web.StreamResponse:
        """All of it, or of a time, as CSV, the oldest first. Raises Problem."""
        wanted = Wanted(*_times(request))
        await self._auditor.note("audit_exported", actor_of(request), start_us=wanted.from_us, end_us=wanted.to_us)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8; header=present",
                "Content-Disposition": 'attachment; filename="audit.csv"',
                "Cache-Control": "no-store",
            }
        )
        parts = _parts(self._auditor, wanted)
        # What cannot be read at all has an answer of its own: nothing has been sent yet.
        try:
            part = await asyncio.to_thread(next, parts, b"")
        except OSError as error:
            raise _unreadable(error) from error
        await response.prepare(request)
        try:
            while part:
                await response.write(part)
                part = await asyncio.to_thread(next, parts, b"")
        except OSError as error:
            if not isinstance(error, ConnectionError):
                _LOGGER.warning("table of the audit log broken off", extra={"problem": error.strerror})
            break_off(request)
        await response.write_eof()
        return response

    async def add(self, request: web.Request) -> web.Response:
        """Adds what only the integration knows: whom it refused, who watches a stream, too. Raises Problem."""
        if ACTOR_HEADER not in request.headers:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_actor", f"{ACTOR_HEADER}: who it was was expected")
        actor = actor_of(request)
        body = await json_object(request, _KEYS)
        event, action = text_of(body, "event", 64), text_of(body, "action", 64)
        if event not in EVENTS or action not in ACTIONS or (event == "live_viewed" and action != "live"):
            known = f"event was expected to be {' or '.join(EVENTS)} (live), and action one of {', '.join(ACTIONS)}"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", known)
        camera_id, eldership_id = (
            text_of(body, key, 64) if key in body else None for key in ("camera_id", "eldership_id")
        )
        start_us, end_us = (instant_of(body, key) if key in body else None for key in ("start", "end"))
        noted = await self._auditor.note(
            event,
            actor,
            camera_id=camera_id,
            start_us=start_us,
            end_us=end_us,
            outcome=EVENTS[event],
            source="integration",
            action=action,
            **({} if eldership_id is None else {"eldership_id": eldership_id}),
        )
        return web.json_response({"number": noted.number, "hash": noted.hash}, status=HTTPStatus.CREATED)

    async def _read(self, wanted: Wanted, limit: int) -> tuple[Page, Noted | None]:
        try:
            found = await asyncio.to_thread(page, self._auditor.log.data, wanted, limit)
            return found, await asyncio.to_thread(read_head, self._auditor.log.data)
        except OSError as error:
            raise _unreadable(error) from error


def record_json(record: Record) -> dict[str, object]:
    """A record as openapi.json's AuditRecord."""
    content = record.content
    return {
        "number": record.number,
        "time": utc.to_text(record.time_us),
        "event": record.event,
        **{name: content.get(name) for name in ("outcome", "actor", "reason", "camera_id", "start", "end")},
        "details": table.details_of(record),
        "hash": record.hash,
        "intact": record.intact,
    }


def _parts(auditor: Auditor, wanted: Wanted) -> Iterator[bytes]:
    batches = batched(every(auditor.log.data, wanted), _ROWS_AT_ONCE, strict=False)
    yield table.heading() + table.rows(next(batches, ()))
    yield from map(table.rows, batches)


def _times(request: web.Request) -> tuple[int | None, int | None]:
    from_us, to_us = (asked_instant(request, name) if name in request.query else None for name in ("from", "to"))
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise Problem(HTTPStatus.BAD_REQUEST, "reversed_range", "from was expected to lie before to")
    return from_us, to_us


def _text(request: web.Request, name: str, longest: int) -> str | None:
    given = request.query.get(name)
    text = None if given is None else plain_text(given, longest)
    if given is not None and text is None:
        detail = f"{name}: 1 to {longest} signs without control characters were expected"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)
    return text


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", f"{name}: the number of a record was expected")
    return int(text)


def _unreadable(error: OSError) -> Problem:
    detail = f"the audit log cannot be read: {error.strerror or error}"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "audit_unavailable", detail)
