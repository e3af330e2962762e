"""Speaks HTTP and WebSocket with the recorder; nothing else in the integration does. Knows no Home Assistant."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, WSMsgType, WSServerHandshakeError, hdrs
from yarl import URL

from .documents import RecorderCamera, RecorderEvent, RecorderInfo, Span, parse_event
from .errors import CannotConnect, NotARecorder, RecorderError, RequestRefused, WrongToken
from .fields import format_time, parse_time

REQUEST_TIMEOUT: Final = ClientTimeout(total=15, sock_connect=5)
# A clip may take hours to travel; only silence is an error.
CLIP_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5, sock_read=60)
# The recorder pings every 20 s; ours finds a half-open connection from this side.
HEARTBEAT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTicket:
    """A way into one camera's live stream that needs no token, until it expires."""

    url: URL
    expires: datetime


class AuditEvent(StrEnum):
    """What the recorder takes into its audit log from here."""

    ACCESS_REFUSED = "access_refused"
    LIVE_VIEWED = "live_viewed"


def normalise_url(text: str) -> str:
    """Return the recorder's address without trailing slash; raises ValueError for what is no http(s) address."""
    url = URL(text.strip())
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"expected an address such as http://192.168.1.10:8710, got {text!r}")
    return str(url.with_query(None).with_fragment(None)).rstrip("/")


class RecorderClient:
    """One recorder's API, as typed calls that raise only RecorderError."""

    def __init__(self, session: ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = URL(url)
        self._headers: dict[str, str] = {hdrs.AUTHORIZATION: f"Bearer {token}"}

    async def info(self) -> RecorderInfo:
        """Ask who answers at the address."""
        document = await self._json("GET", "info")
        return _read(RecorderInfo.parse, document)

    async def cameras(self) -> tuple[RecorderCamera, ...]:
        """List all cameras with their state."""
        document = await self._json("GET", "cameras")
        return _read(lambda data: tuple(RecorderCamera.parse(camera) for camera in data["cameras"]), document)

    async def footage(self, camera_id: str, start: datetime, end: datetime, actor: str) -> tuple[Span, ...]:
        """Return the recorded spans of a camera between two times, oldest first, for this person."""
        query = {"start": format_time(start), "end": format_time(end)}
        document = await self._json("GET", f"cameras/{camera_id}/timeline", query, _actor(actor))
        return _read(
            lambda data: tuple(
                Span(start=parse_time(span["start"]), end=parse_time(span["end"])) for span in data["spans"]
            ),
            document,
        )

    async def snapshot(self, camera_id: str, width: int | None, actor: str) -> bytes:
        """Return a camera's newest picture as JPEG, for this person."""
        query, path = {} if width is None else {"width": str(width)}, f"cameras/{camera_id}/snapshot.jpg"
        try:
            async with self._request("GET", path, query, REQUEST_TIMEOUT, _actor(actor)) as response:
                await _raise_for_status(response)
                return await response.read()
        except (ClientError, TimeoutError) as error:
            raise CannotConnect(_describe(error)) from error

    async def live_ticket(self, camera_id: str, actor: str) -> LiveTicket:
        """Get an address of a camera's live stream that expires, for players that cannot send a token."""
        document = await self._json("POST", f"cameras/{camera_id}/live-tickets", headers=_actor(actor))
        return _read(
            lambda data: LiveTicket(url=self._address(data["path"]), expires=parse_time(data["expires"])), document
        )

    def clip(
        self, method: str, camera_id: str, start: datetime, end: datetime, headers: Mapping[str, str], actor: str
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Open a clip as the recorder answers it, whatever its status; the caller reads it inside `async with`."""
        query = {"start": format_time(start), "end": format_time(end)}
        headers = {**headers, **_actor(actor)}
        return self._request(method, f"cameras/{camera_id}/clip.mp4", query, CLIP_TIMEOUT, headers)

    async def note(
        self, event: AuditEvent, actor: str, action: str, eldership_id: str | None, camera_id: str | None
    ) -> None:
        """Have the recorder's audit log say what happened here, to whom, and where if that is known."""
        where = {"eldership_id": eldership_id, "camera_id": camera_id}
        known = {name: value for name, value in where.items() if value is not None}
        await self._json("POST", "audit", headers=_actor(actor), body={"event": event, "action": action, **known})

    async def events(self) -> AsyncGenerator[RecorderEvent]:
        """Yield what happens at the recorder, a Snapshot first, until the connection ends in CannotConnect."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await self._session.ws_connect(
                    self._url / "api/v1/events", headers=self._headers, heartbeat=HEARTBEAT_S
                )
            async with socket:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        event = _read(parse_event, _document(message.data))
                        if event is not None:
                            yield event
        except WSServerHandshakeError as error:
            if error.status == 401:
                raise WrongToken("the recorder does not know the token") from error
            raise NotARecorder(f"the event stream answers with status {error.status}") from error
        except (ClientError, TimeoutError) as error:
            raise CannotConnect(_describe(error)) from error
        raise CannotConnect("the recorder closed the connection")

    def _address(self, path: str) -> URL:
        # Below the recorder's own address, which may have a path when a reverse proxy stands before it.
        return URL(f"{str(self._url).rstrip('/')}{path}", encoded=True)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        timeout: ClientTimeout,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[ClientResponse]:
        return self._session.request(
            method,
            self._url / "api/v1" / path,
            params=query,
            json=body,
            headers={**(headers or {}), **self._headers},
            timeout=timeout,
            allow_redirects=False,
        )

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            async with self._request(method, path, query or {}, REQUEST_TIMEOUT, headers, body) as response:
                await _raise_for_status(response)
                return _document(await response.text())
        except (ClientError, TimeoutError) as error:
            raise CannotConnect(_describe(error)) from error


def _actor(name: str) -> dict[str, str]:
    """Return the header that names who asks."""
    return {"Safe-Community-Actor": quote(name, safe="")}


async def refusal(response: ClientResponse) -> RecorderError:
    """Say what an answer of status 400 or more means."""
    if response.content_type != "application/problem+json":
        return NotARecorder(f"expected the recorder's API, got {response.status} of type {response.content_type}")
    if response.status == 401:
        return WrongToken("the recorder does not know the token")
    if response.method == hdrs.METH_HEAD:
        return RequestRefused(response.status, "unknown", f"the recorder refuses with status {response.status}")
    try:
        problem = _document(await response.text())
    except NotARecorder as error:
        return error
    return RequestRefused(response.status, str(problem.get("code", "unknown")), str(problem.get("detail", "")))


async def _raise_for_status(response: ClientResponse) -> None:
    if response.status >= 400:
        raise await refusal(response)
    if response.status >= 300:
        raise NotARecorder(f"expected the recorder's API, got a redirect with status {response.status}")


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NotARecorder("expected JSON, got something else") from error
    if not isinstance(document, dict):
        raise NotARecorder(f"expected a JSON object, got {type(document).__name__}")
    return document


def _read[T](parse: Callable[[dict[str, Any]], T], document: dict[str, Any]) -> T:
    try:
        return parse(document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotARecorder(f"the answer is not as the API describes it: {error!r}") from error


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
