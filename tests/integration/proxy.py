"""Stands between Home Assistant and a real recorder, and has it misbehave: on the wire, as it would be seen there."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto


class Mood(Enum):
    """What becomes of a request."""

    WELL = auto()
    """It goes on to the recorder."""
    CUT = auto()
    """The connection ends in the middle of the answer's head."""
    SILENT = auto()
    """It is taken, and never answered."""
    GARBAGE = auto()
    """What comes back is no HTTP."""
    PRINTER = auto()
    """Something else answers, politely."""
    BROKEN = auto()
    """500, and a page that says so."""
    UNAUTHORIZED = auto()
    """The recorder does not know the token any more."""
    ENDLESS = auto()
    """An answer that does not end."""
    REDIRECT = auto()
    """Elsewhere, to the port of `redirect_to`."""
    SLOW = auto()
    """Every piece waits a quarter of a second."""
    WRONG = auto()
    """JSON, but not as the interface describes it."""
    LATIN = auto()
    """JSON, but not in UTF-8."""
    MUDDLED = auto()
    """A problem document that is none."""


def _answer(status: str, content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWERS = {
    Mood.CUT: b"HTTP/1.1 200 OK\r\nContent-",
    Mood.GARBAGE: b"\x00\xff\x13garbage" * 50 + b"\r\n\r\n",
    Mood.PRINTER: _answer("200 OK", "text/html", b"<html>a printer</html>"),
    Mood.BROKEN: _answer("500 Internal Server Error", "text/plain", b"oh"),
    Mood.UNAUTHORIZED: _answer(
        "401 Unauthorized",
        "application/problem+json",
        b'{"type":"about:blank","title":"x","status":401,"detail":"x","code":"unauthorized"}',
    ),
    Mood.WRONG: _answer("200 OK", "application/json", b'{"cameras": 7, "info": []}'),
    Mood.LATIN: _answer("200 OK", "application/json", '{"name": "Biržai"}'.encode("iso8859-13")),
    Mood.MUDDLED: _answer("500 Internal Server Error", "application/problem+json", b"[oh"),
}


@dataclass(slots=True)
class Proxy:
    """`mood` may change at any time; `swap` replaces bytes of what the recorder says (as many by as many)."""

    behind: int
    port: int = 0
    mood: Mood = Mood.WELL
    swap: tuple[bytes, bytes] = (b"", b"")
    redirect_to: int = 9
    asked: int = 0
    heads: bytearray = field(default_factory=bytearray)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """End all connections now, each in the middle of whatever it says."""
        for writer in list(self.open):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self.open.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.heads += head
        match self.mood:
            case Mood.SILENT:
                await reader.read()
            case Mood.REDIRECT:
                target = f"http://127.0.0.1:{self.redirect_to}/"
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
            case Mood.ENDLESS:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
                while True:
                    writer.write(b" " * 65_536)
                    await writer.drain()
            case mood if mood in ANSWERS:
                writer.write(ANSWERS[mood])
            case _:
                await self._pass_on(head, reader, writer)
        with suppress(OSError):
            await writer.drain()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recorder_reader, recorder = await asyncio.open_connection("127.0.0.1", self.behind)
        self.open.add(recorder)
        # One request for each connection: so the mood counts for each.
        if b"upgrade: websocket" not in head.lower():
            head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        recorder.write(head)
        try:
            await asyncio.gather(self._pump(reader, recorder), self._pump(recorder_reader, writer, swap=True))
        finally:
            self.open.discard(recorder)
            recorder.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, swap: bool = False) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.mood is Mood.SLOW:
                    await asyncio.sleep(0.25)
                writer.write(data.replace(*self.swap) if swap and self.swap[0] else data)
                await writer.drain()
            if swap:
                writer.close()


@asynccontextmanager
async def proxy_before(port: int) -> AsyncGenerator[Proxy]:
    """Listen on a port of its own."""
    proxy = Proxy(port)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
