"""Requests and answers over one RTSP connection (RFC 2326), as client."""

import asyncio
from collections.abc import Callable

from ...cause import Cause
from ...clock import steady_us
from ..source import SourceError
from .authentication import Authenticator
from .interleaved import Interleaved
from .message import Headers, Request, Response
from .url import request_url
from .wire import Wire

_UNAUTHORIZED, _FORBIDDEN, _UNSUPPORTED_TRANSPORT = 401, 403, 461
_SESSION_NOT_FOUND = 454
_NOT_HERE = frozenset({405, 501, 551})
# How much is read of one camera at a time: no camera, however wild, takes the others' time.
_MOST_READS = 8
_AGENT = ("User-Agent", "Safe Community")


class Dialogue:
    """Asks, waits for answers, and answers what the camera asks.

    Pictures may come together with any answer: whatever is received goes to `interleaved`, and `on_receive` hears the
    steady time before.
    """

    def __init__(self, wire: Wire, authenticator: Authenticator) -> None:
        self.interleaved = Interleaved({}, self._take, lambda *_: None)
        self.on_receive: Callable[[int], None] = lambda _now_us: None
        self._wire = wire
        self._authenticator = authenticator
        self._number = 0
        self._awaited: int | None = None
        self._answer: Response | None = None
        self._kept_alive: int | None = None
        self._keep_alive_method = "OPTIONS"
        self._url = ""
        self._session = ""

    async def ask(self, method: str, url: str, *headers: tuple[str, str]) -> Response:
        """Sends a request, with user and password if the camera wants them, and gives the answer, whatever it says.

        Raises SourceError when user and password are refused, OSError, BitstreamError and MessageError.
        """
        while True:
            self._awaited = self._send(method, url, *headers)
            answer = await self._answered()
            if answer.status == _FORBIDDEN:
                raise SourceError(Cause.AUTHENTICATION_REFUSED, "the camera does not allow this user to see the stream")
            if answer.status != _UNAUTHORIZED:
                self._authenticator.accepted()
                return answer
            if not self._authenticator.challenged(answer.headers.get_all("WWW-Authenticate")):
                raise SourceError(Cause.AUTHENTICATION_REFUSED, self._authenticator.refusal)

    def receive(self) -> bool:
        """Takes what has come, of one camera not more than its share; False if more is there already.

        Raises OSError and BitstreamError.
        """
        self.on_receive(steady_us())
        for _ in range(_MOST_READS):
            data = self._wire.receive()
            if data:
                self.interleaved.feed(data)
            if self._wire.is_drained(data):
                return True
        return False

    def begin_to_play(self, url: str, session: str, methods: frozenset[str]) -> None:
        """From now on `keep_alive` keeps this session."""
        self._url, self._session = url, session
        if "GET_PARAMETER" in methods:
            self._keep_alive_method = "GET_PARAMETER"

    def keep_alive(self) -> None:
        """Tells the camera that somebody is still there. Its answer is not waited for. Raises OSError."""
        self._kept_alive = self._send(self._keep_alive_method, self._url, *self.session_header)

    def tear_down(self) -> None:
        """Says goodbye. Raises OSError."""
        self._send("TEARDOWN", self._url, *self.session_header)

    @property
    def session_header(self) -> tuple[tuple[str, str], ...]:
        """The header that names the session, if the camera has given one."""
        return (("Session", self._session),) if self._session else ()

    def _send(self, method: str, url: str, *headers: tuple[str, str]) -> int:
        self._number += 1
        url = request_url(url)
        authorization = self._authenticator.authorization(method, url)
        credentials = (("Authorization", authorization),) if authorization else ()
        fields = (("CSeq", str(self._number)), *credentials, _AGENT, *headers)
        self._wire.send(Request(method, url, Headers(fields)).to_bytes())
        return self._number

    async def _answered(self) -> Response:
        self._answer = None
        is_drained = True
        while self._answer is None:
            # Who floods is left alone for a moment, too, so that others and the time limit get their turn.
            await (self._wire.readable() if is_drained else asyncio.sleep(0))
            is_drained = self.receive()
        return self._answer

    def _take(self, message: Request | Response) -> None:
        if isinstance(message, Request):
            self._respond(message)
            return
        number = message.headers.number("CSeq")
        # Some cameras number their answers as they like.
        if self._awaited is not None and (number in (None, self._awaited) or self._kept_alive is None):
            self._answer, self._awaited = message, None
        elif self._kept_alive is not None and number in (None, self._kept_alive):
            self._kept_alive = None
            self._kept(message)

    def _kept(self, answer: Response) -> None:
        if answer.status in _NOT_HERE:
            self._keep_alive_method = "OPTIONS"
        elif answer.status == _SESSION_NOT_FOUND:
            raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera has ended the session")
        elif answer.status != _UNAUTHORIZED:
            self._authenticator.accepted()
        elif self._authenticator.challenged(answer.headers.get_all("WWW-Authenticate")):
            self.keep_alive()

    def _respond(self, request: Request) -> None:
        number = request.headers.get("CSeq")
        fields = () if number is None else (("CSeq", number),)
        if request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"):
            self._wire.send(Response(200, "OK", Headers(fields)).to_bytes())
        elif request.method == "REDIRECT":
            raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera asks to connect anew")
        elif request.method == "TEARDOWN":
            raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera ended the stream")
        else:
            self._wire.send(Response(501, "Not Implemented", Headers(fields)).to_bytes())


def demand(answer: Response, what: str) -> Response:
    """The answer, if it is one to go on with. Raises SourceError."""
    status = answer.status
    if 200 <= status < 300:
        return answer
    if status == _UNSUPPORTED_TRANSPORT:
        raise SourceError(Cause.UNSUPPORTED_STREAM, "the camera does not send over TCP", elsewhere=True)
    if status == 404:
        raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera has no such stream (404): is the address right?")
    raise SourceError(
        Cause.CAMERA_UNREACHABLE, f"the camera answered {what} with {status} {answer.reason[:100]}".strip()
    )
