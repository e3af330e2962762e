"""How many may be connected, and for how long without a request: nobody who says nothing takes what cameras need."""

import asyncio
import ssl
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from .problems import Handler

# Cameras and files need the rest of the descriptors that the recorder may have.
MOST = 512
# For the head of the first request. Those that follow on the same connection have KEPT_S each.
FIRST_S = 20.0
KEPT_S = 75.0
# To say that it is over, over TLS: who does not answer that is let go.
_GOODBYE_S = 2.0


class Connections:
    """Lets in so many at once, and lets go who does not ask in time."""

    def __init__(self, most: int = MOST, first_s: float = FIRST_S) -> None:
        self._most = most
        self._first_s = first_s
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}
        # Let in, but not counted by the server yet.
        self._arriving: set[asyncio.BaseProtocol] = set()

    def middleware(self) -> Middleware:
        """Sees who asks."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            timer = self._silent.pop(request.protocol, None)
            if timer is not None:
                timer.cancel()
            return await handler(request)

        return watch

    def to(
        self, server: web.Server, context: Callable[[], ssl.SSLContext] | None = None
    ) -> Callable[[], asyncio.Protocol]:
        """What makes a protocol for each connection to the server; over TLS with the context of that moment."""

        def connected() -> asyncio.Protocol:
            if len(server.connections) + len(self._arriving) >= self._most:
                return _TooMany()
            if context is None:
                protocol = self._asking(server)
                self._arriving.add(protocol)
                # The server counts a connection from the next turn of the loop on.
                asyncio.get_running_loop().call_soon(self._arriving.discard, protocol)
                return protocol
            greeting = _Greeting(context(), self._first_s, lambda: self._asking(server), self._arriving.discard)
            self._arriving.add(greeting)
            return greeting

        return connected

    def _asking(self, server: web.Server) -> web.RequestHandler:
        protocol = server()
        self._silent[protocol] = asyncio.get_running_loop().call_later(self._first_s, self._let_go, protocol)
        return protocol

    def _let_go(self, protocol: web.RequestHandler) -> None:
        del self._silent[protocol]
        protocol.force_close()


class _TooMany(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The kernel has let it in: that is undone at once."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Greeting(asyncio.Protocol):
    """A connection until TLS is agreed upon; what talks HTTP takes it over then."""

    def __init__(
        self,
        context: ssl.SSLContext,
        within_s: float,
        successor: Callable[[], asyncio.Protocol],
        over: Callable[[asyncio.BaseProtocol], None],
    ) -> None:
        self._context = context
        self._within_s = within_s
        self._successor = successor
        self._over = over
        self._task: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is read before TLS reads it."""
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._task = asyncio.create_task(self._greet(transport))

    def data_received(self, data: bytes) -> None:
        """The first request may come together with the end of the handshake."""
        self._early += data

    async def _greet(self, transport: asyncio.Transport) -> None:
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._within_s,
                ssl_shutdown_timeout=_GOODBYE_S,
            )
        except OSError, TimeoutError:
            # Whatever that was, it was no TLS, or did not come to an end.
            transport.abort()
            return
        finally:
            self._over(self)
        if encrypted is None:
            return
        successor = self._successor()
        encrypted.set_protocol(successor)
        successor.connection_made(encrypted)
        if self._early:
            successor.data_received(self._early)
