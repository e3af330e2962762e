"""Connections over TLS: counted from the first moment, and let go when they come to nothing."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from safe_community_recorder.api.connections import Connections
from safe_community_recorder.tls import Shown
from tests.recorder.archives import until
from tests.recorder.certificates import a_certificate, trusting

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Door:
    """Where something answers everything, and how to trust it."""

    port: int
    context: ssl.SSLContext

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def open_plainly(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@contextlib.asynccontextmanager
async def served(folder: Path, connections: Connections) -> AsyncIterator[Door]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.scheme)

    app = web.Application(middlewares=[connections.middleware()])
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    assert runner.server is not None
    files = a_certificate(folder)
    shown = Shown(files)
    protocols = connections.to(runner.server, lambda: shown.context)
    server = await asyncio.get_running_loop().create_server(protocols, "127.0.0.1", 0)
    try:
        yield Door(server.sockets[0].getsockname()[1], trusting(files.certificate))
    finally:
        server.close()
        await runner.cleanup()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a whole request on this connection is answered, and encrypted."""
    try:
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200") and await reader.readexactly(5) == b"https"
    except ConnectionError, asyncio.IncompleteReadError:
        return False


async def enters(door: Door) -> bool:
    """Whether one more is let in and answered."""
    try:
        reader, writer = await door.open()
    except ConnectionError:
        return False
    answered = await ask(reader, writer)
    writer.close()
    return answered


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(tmp_path: Path) -> None:
    """The last message of the handshake and the first request travel together: no byte of them is lost."""
    async with asyncio.timeout(60), served(tmp_path, Connections()) as door:
        reader, writer = await door.open_plainly()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = door.context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(1 << 16))
        tls.write(REQUEST)
        writer.write(outgoing.read())
        answer = b""
        while b"https" not in answer:
            received = await reader.read(1 << 16)
            assert received, "hung up without an answer"
            incoming.write(received)
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += tls.read()
        assert answer.startswith(b"HTTP/1.1 200")
        writer.close()


async def test_who_does_not_finish_in_time_is_let_go_and_who_has_asked_stays(tmp_path: Path) -> None:
    async with asyncio.timeout(60), served(tmp_path, Connections(first_s=0.5)) as door:
        asked = await door.open()
        assert await ask(*asked)
        for begun in (b"", b"\x16\x03\x01\x02\x00\x01"):
            reader, writer = await door.open_plainly()
            writer.write(begun)
            assert await reader.read() == b""
            writer.close()
        reader, writer = await door.open()
        writer.write(REQUEST[:10])
        assert await reader.read() == b""
        writer.close()
        assert await ask(*asked)
        asked[1].close()


@pytest.mark.parametrize("data", [REQUEST, b"\0" * 2_000, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff"])
async def test_what_is_no_tls_is_let_go_at_once_and_nothing_stands_in_the_log(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(15), served(tmp_path, Connections(most=1)) as door:
        reader, writer = await door.open_plainly()
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
        writer.close()
        await until(lambda: enters(door))
    gc.collect()
    assert caplog.messages == []


async def test_who_has_not_finished_the_handshake_counts_until_it_is_gone(tmp_path: Path) -> None:
    async with asyncio.timeout(60), served(tmp_path, Connections(most=2)) as door:
        asked = await door.open()
        assert await ask(*asked)
        _, silent = await door.open_plainly()
        await asyncio.sleep(0.2)
        assert not await enters(door)
        silent.close()
        await until(lambda: enters(door))
        asked[1].close()


async def test_those_who_go_in_the_middle_of_the_handshake_leave_their_places_and_nothing_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(60), served(tmp_path, Connections(most=3)) as door:
        for _ in range(30):
            _, writer = await door.open_plainly()
            writer.write(b"\x16\x03\x01\x02\x00\x01")
            writer.close()
        for _ in range(3):
            await until(lambda: enters(door))
    gc.collect()
    assert caplog.messages == []
