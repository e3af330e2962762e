"""How many may be connected, and for how long without a request: nobody who says nothing takes what cameras need."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from .problems import Handler

# Cameras and files need the rest of the descriptors that the recorder may have.
MOST = 512
# For the head of the first request. Those that follow on the same connection have KEPT_S each.
FIRST_S = 20.0
KEPT_S = 75.0


class Connections:
    """Lets in so many at once, and lets go who does not ask in time."""

    def __init__(self, most: int = MOST, first_s: float = FIRST_S) -> None:
        self._most = most
        self._first_s = first_s
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}
        # The server counts a connection from the next turn of the loop on.
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

    def to(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What makes a protocol for each connection to the server."""

        def connected() -> asyncio.Protocol:
            if len(server.connections) + len(self._arriving) >= self._most:
                return _TooMany()
            protocol, loop = server(), asyncio.get_running_loop()
            self._arriving.add(protocol)
            loop.call_soon(self._arriving.discard, protocol)
            self._silent[protocol] = loop.call_later(self._first_s, self._let_go, protocol)
            return protocol

        return connected

    def _let_go(self, protocol: web.RequestHandler) -> None:
        del self._silent[protocol]
        protocol.force_close()


class _TooMany(asyncio.Protocol):
    """Hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The kernel has let it in: that is undone at once."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()
