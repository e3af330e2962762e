"""Bytes of files reach who asked for them, however slowly they are taken, and nobody waits for anybody else."""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from safe_community_recorder.api.sending import break_off, send_part
from safe_community_recorder.tls import Shown
from tests.recorder.archives import until
from tests.recorder.certificates import a_certificate

FILE = os.urandom(1 << 20) * 24
HEAD = b"head" * (1 << 18)


@dataclass(frozen=True)
class Server:
    """Sends a head, and the file behind it."""

    url: str
    path: Path


@pytest.fixture(params=["plain", "over TLS"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext | None:
    """What the kernel sends by itself, and what has to be encrypted."""
    return None if request.param == "plain" else Shown(a_certificate(tmp_path)).context


@asynccontextmanager
async def served(folder: Path, context: ssl.SSLContext | None, promised: int = len(FILE)) -> AsyncIterator[Server]:
    """A server that promises so many bytes of the file."""
    path = folder / "file"
    path.write_bytes(FILE)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(HEAD) + promised
        await response.prepare(request)
        await response.write(HEAD)
        with path.open("rb") as file:
            try:
                await send_part(request, file, 0, promised)
            except ConnectionError:
                break_off(request)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    server = TestServer(app, scheme="https" if context else "http")
    await server.start_server(ssl=context)
    try:
        yield Server(str(server.make_url("/")), path)
    finally:
        await server.close()


def all_descriptors() -> int:
    """How many files and connections this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def open_descriptors(path: Path) -> int:
    """How often it has this file open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += descriptor.readlink() == path
        except FileNotFoundError:
            continue
    return found


async def test_all_bytes_come_in_their_order_and_the_connection_serves_again(
    tmp_path: Path, context: ssl.SSLContext | None
) -> None:
    connector = aiohttp.TCPConnector(limit=1)
    async with served(tmp_path, context) as server, aiohttp.ClientSession(connector=connector) as session:
        for _ in range(3):
            async with session.get(server.url, ssl=False) as response:
                assert await response.read() == HEAD + FILE
        assert open_descriptors(server.path) == 0


async def test_those_who_take_nothing_hold_up_nobody_and_get_everything_in_the_end(
    tmp_path: Path, context: ssl.SSLContext | None
) -> None:
    """They are more than there are threads."""
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        served(tmp_path, context) as server,
        aiohttp.ClientSession(connector=connector, read_bufsize=1 << 10) as session,
    ):
        waiting = [await session.get(server.url, ssl=False) for _ in range(20)]
        async with session.get(server.url, ssl=False) as response:
            assert await response.read() == HEAD + FILE
        for slow in waiting:
            assert await slow.read() == HEAD + FILE
        await until(lambda: open_descriptors(server.path) == 0)


async def test_who_goes_away_leaves_nothing_open_and_nothing_in_the_log(
    tmp_path: Path, context: ssl.SSLContext | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(tmp_path, context) as server:
        before = all_descriptors()
        for _ in range(40):
            async with aiohttp.ClientSession(read_bufsize=1 << 10) as session:
                response = await session.get(server.url, ssl=False)
                await response.content.readexactly(100_000)
                response.close()
        await until(lambda: open_descriptors(server.path) == 0)
        await until(lambda: all_descriptors() <= before)
    assert caplog.messages == []


async def test_a_file_that_is_shorter_than_it_was_is_not_taken_for_whole(
    tmp_path: Path, context: ssl.SSLContext | None
) -> None:
    async with served(tmp_path, context, promised=len(FILE) + 1) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.get(server.url, ssl=False) as response:
                await response.read()
