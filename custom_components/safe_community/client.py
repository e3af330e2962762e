"""Speaks HTTP and WebSocket with the recorder; nothing else in the integration does. Knows no Home Assistant."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    Fingerprint,
    ServerFingerprintMismatch,
    WSMsgType,
    WSServerHandshakeError,
    hdrs,
)
from yarl import URL

from .documents import (
    Eldership,
    Export,
    Lock,
    Probe,
    RecorderCamera,
    RecorderEvent,
    RecorderInfo,
    Span,
    parse_event,
)
from .errors import CannotConnect, NotARecorder, RecorderError, RequestRefused, UntrustedCertificate, WrongToken
from .fields import format_time, parse_time
from .tls import PREFIX, digest

REQUEST_TIMEOUT: Final = ClientTimeout(total=15, sock_connect=5)
# The recorder looks at a camera for five seconds after it has reached it.
PROBE_TIMEOUT: Final = ClientTimeout(total=60, sock_connect=5)
# A clip may take hours to travel; only silence is an error.
CLIP_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5, sock_read=60)
# The recorder pings every 20 s; ours finds a half-open connection from this side.
HEARTBEAT_S: Final = 30.0
# A whole probe with its picture is some 100 kB, 400 days of a timeline with a gap each minute 50 MB.
LARGEST_DOCUMENT_BYTES: Final = 64 << 20
CONNECT_TIMEOUT_S: Final = 15.0
PICTURE_MIME_TYPE: Final = "image/jpeg"
PROBLEM_MIME_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTicket:
    """A way into one camera's live stream that needs no token, until it expires."""

    url: URL
    expires: datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and why: at most 200 and 500 signs, as the recorder's audit log takes them."""

    name: str
    reason: str | None = None


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
    """One recorder's API, as typed calls that raise only RecorderError.

    `fingerprint` is that of the one certificate to trust; without it, any that an authority signed for the address.
    """

    def __init__(self, session: ClientSession, url: str, token: str, fingerprint: str | None = None) -> None:
        self._session = session
        self._url = URL(url)
        self._headers: dict[str, str] = {hdrs.AUTHORIZATION: f"Bearer {token}"}
        # aiohttp compares it before it sends anything, so no other machine gets the token.
        self._tls: bool | Fingerprint = True if fingerprint is None else Fingerprint(digest(fingerprint))

    async def info(self) -> RecorderInfo:
        """Ask who answers at the address."""
        document = await self._json("GET", "info")
        return _read(RecorderInfo.parse, document)

    async def cameras(self) -> tuple[RecorderCamera, ...]:
        """List all cameras with their state."""
        document = await self._json("GET", "cameras")
        return _read(lambda data: tuple(RecorderCamera.parse(camera) for camera in data["cameras"]), document)

    async def footage(self, camera_id: str, start: datetime, end: datetime, actor: Actor) -> tuple[Span, ...]:
        """Return the recorded spans of a camera between two times, oldest first, for this person."""
        document = await self._json("GET", f"cameras/{camera_id}/timeline", _range(start, end), actor)
        return _read(
            lambda data: tuple(
                Span(start=parse_time(span["start"]), end=parse_time(span["end"])) for span in data["spans"]
            ),
            document,
        )

    async def elderships(self) -> tuple[Eldership, ...]:
        """List the elderships of the camera file, also those without a camera."""
        document = await self._json("GET", "elderships")
        return _read(
            lambda data: tuple(Eldership(id=str(one["id"]), name=str(one["name"])) for one in data["elderships"]),
            document,
        )

    async def entry(self, camera_id: str) -> dict[str, Any]:
        """Return a camera's entry in the camera file, without its addresses."""
        return await self._json("GET", f"cameras/{camera_id}/entry")

    async def put_camera(self, camera_id: str, entry: Mapping[str, Any], actor: Actor) -> RecorderCamera:
        """Add a camera to the camera file or replace its entry; addresses that are not named stay."""
        document = await self._json("PUT", f"cameras/{camera_id}", actor=actor, body=entry)
        return _read(RecorderCamera.parse, document)

    async def change_camera(self, camera_id: str, changes: Mapping[str, Any], actor: Actor) -> RecorderCamera:
        """Change some keys of a camera's entry; None takes a key away."""
        document = await self._json("PATCH", f"cameras/{camera_id}", actor=actor, body=changes)
        return _read(RecorderCamera.parse, document)

    async def delete_camera(self, camera_id: str, actor: Actor) -> None:
        """Take a camera out of the camera file; its footage stays for its days."""
        async with self._answer("DELETE", f"cameras/{camera_id}", actor=actor):
            pass

    async def probe(self, request: Mapping[str, Any], actor: Actor) -> Probe:
        """Have the recorder look at a camera: at `url`, or at the stored address of `camera_id`."""
        document = await self._json("POST", "probe", actor=actor, body=request, limits=PROBE_TIMEOUT)
        return _read(Probe.parse, document)

    async def lock(
        self, camera_id: str, start: datetime, end: datetime, reason: str, expires: datetime, actor: Actor
    ) -> Lock:
        """Keep a range past its days."""
        body = {"camera_id": camera_id, "reason": reason, **_range(start, end), "expires": format_time(expires)}
        return _read(Lock.parse, await self._json("POST", "locks", actor=actor, body=body))

    async def lock_of(self, lock_id: str) -> Lock:
        """Return one lock."""
        return _read(Lock.parse, await self._json("GET", f"locks/{quote(lock_id, safe='')}"))

    async def release(self, lock_id: str, actor: Actor) -> Lock:
        """Release a lock, and return it as it is then."""
        async with self._answer("DELETE", f"locks/{quote(lock_id, safe='')}", actor=actor):
            pass
        return await self.lock_of(lock_id)

    async def export(
        self, items: Sequence[tuple[str, datetime, datetime]], recipient: str, language: str, actor: Actor
    ) -> Export:
        """Ask for an evidence package of ranges (camera id, start, end), for the actor's reason."""
        body = {
            "items": [{"camera_id": camera_id, **_range(start, end)} for camera_id, start, end in items],
            "reason": actor.reason,
            "recipient": recipient,
            "language": language,
        }
        return _read(Export.parse, await self._json("POST", "exports", actor=actor, body=body))

    async def snapshot(self, camera_id: str, width: int | None, actor: Actor) -> bytes:
        """Return a camera's newest picture as JPEG, for this person."""
        query = {} if width is None else {"width": str(width)}
        async with self._answer("GET", f"cameras/{camera_id}/snapshot.jpg", query, actor) as response:
            if response.content_type != PICTURE_MIME_TYPE:
                raise NotARecorder(f"expected a picture, got {response.content_type}")
            return await _whole(response)

    async def live_ticket(self, camera_id: str, actor: Actor) -> LiveTicket:
        """Get an address of a camera's live stream that expires, for players that cannot send a token."""
        document = await self._json("POST", f"cameras/{camera_id}/live-tickets", actor=actor)
        return _read(
            lambda data: LiveTicket(url=self._address(data["path"]), expires=parse_time(data["expires"])), document
        )

    def clip(
        self, method: str, camera_id: str, start: datetime, end: datetime, headers: Mapping[str, str], actor: Actor
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Open a clip as the recorder answers it, whatever its status; the caller reads it inside `async with`."""
        path = f"cameras/{camera_id}/clip.mp4"
        return self._request(method, path, _range(start, end), CLIP_TIMEOUT, {**headers, **_headers(actor)})

    async def note(
        self, event: AuditEvent, actor: Actor, action: str, eldership_id: str | None, camera_id: str | None
    ) -> None:
        """Have the recorder's audit log say what happened here, to whom, and where if that is known."""
        where = {"eldership_id": eldership_id, "camera_id": camera_id}
        known = {name: value for name, value in where.items() if value is not None}
        await self._json("POST", "audit", actor=actor, body={"event": event, "action": action, **known})

    async def events(self) -> AsyncGenerator[RecorderEvent]:
        """Yield what happens at the recorder, a Snapshot first, until the connection ends in CannotConnect."""
        with _errors():
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    socket = await self._session.ws_connect(
                        self._url / "api/v1/events", headers=self._headers, heartbeat=HEARTBEAT_S, ssl=self._tls
                    )
            except WSServerHandshakeError as error:
                if error.status == 401:
                    raise WrongToken("the recorder does not know the token") from error
                raise NotARecorder(f"the event stream answers with status {error.status}") from error
            async with socket:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        event = _read(parse_event, _document(message.data))
                        if event is not None:
                            yield event
        raise CannotConnect("the recorder closed the connection")

    def _address(self, path: str) -> URL:
        # Below the recorder's own address, which may have a path when a reverse proxy stands before it.
        return URL(f"{str(self._url).rstrip('/')}{path}", encoded=True)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        limits: ClientTimeout,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> AbstractAsyncContextManager[ClientResponse]:
        return self._session.request(
            method,
            self._url / "api/v1" / path,
            params=query,
            json=body,
            headers={**headers, **self._headers},
            timeout=limits,
            allow_redirects=False,
            ssl=self._tls,
        )

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        actor: Actor | None = None,
        body: Mapping[str, Any] | None = None,
        limits: ClientTimeout = REQUEST_TIMEOUT,
    ) -> AsyncIterator[ClientResponse]:
        with _errors():
            async with self._request(method, path, query, limits, _headers(actor), body) as response:
                await _raise_for_status(response)
                yield response

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        actor: Actor | None = None,
        body: Mapping[str, Any] | None = None,
        limits: ClientTimeout = REQUEST_TIMEOUT,
    ) -> dict[str, Any]:
        async with self._answer(method, path, query, actor, body, limits) as response:
            return _document(await _text(response))


@contextmanager
def _errors() -> Iterator[None]:
    """Say in this integration's errors why there is no answer."""
    try:
        yield
    except ServerFingerprintMismatch as error:
        raise UntrustedCertificate(PREFIX + error.got.hex()) from error
    except ClientConnectorCertificateError as error:
        raise UntrustedCertificate from error
    except (ClientError, TimeoutError) as error:
        raise CannotConnect(str(error) or type(error).__name__) from error


def _headers(actor: Actor | None) -> dict[str, str]:
    """Return the headers that say who asks, and why."""
    if actor is None:
        return {}
    named = {"Safe-Community-Actor": quote(actor.name, safe="")}
    return named if actor.reason is None else named | {"Safe-Community-Reason": quote(actor.reason, safe="")}


def _range(start: datetime, end: datetime) -> dict[str, str]:
    return {"start": format_time(start), "end": format_time(end)}


async def _whole(response: ClientResponse) -> bytes:
    """Return the body of an answer that is not endless."""
    body = bytearray()
    async for data in response.content.iter_any():
        body += data
        if len(body) > LARGEST_DOCUMENT_BYTES:
            raise NotARecorder("the answer does not end")
    return bytes(body)


async def _text(response: ClientResponse) -> str:
    try:
        return (await _whole(response)).decode()
    except UnicodeDecodeError as error:
        raise NotARecorder("expected UTF-8, got something else") from error


async def refusal(response: ClientResponse) -> RecorderError:
    """Say what an answer of status 400 or more means."""
    if response.content_type != PROBLEM_MIME_TYPE:
        return NotARecorder(f"expected the recorder's API, got {response.status} of type {response.content_type}")
    if response.status == 401:
        return WrongToken("the recorder does not know the token")
    if response.method == hdrs.METH_HEAD:
        return RequestRefused(response.status, "unknown", f"the recorder refuses with status {response.status}")
    try:
        problem = _document(await _text(response))
    except NotARecorder as error:
        return error
    code, detail = str(problem.get("code", "unknown")), str(problem.get("detail", ""))
    return RequestRefused(response.status, code, detail, problem.get("certificate"))


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
