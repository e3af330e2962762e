"""Connections that say nothing, too little, too much or no HTTP at all: refused or let go, and recording goes on."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from safe_community_recorder.api.body import json_of
from safe_community_recorder.api.connections import MOST, Connections
from safe_community_recorder.api.problems import problems
from tests.recorder.archives import until
from tests.world import Recorder, wait_until

_HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
_PROBE = b"POST /api/v1/probe HTTP/1.1\r\nHost: x\r\n"
_SOCKET = b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
_SOCKET += b"Sec-WebSocket-Version: 13\r\n"
_KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def said(recorder: Recorder, request: bytes) -> bytes:
    """All that is answered until the recorder hangs up, or nothing more comes once we have."""
    with socket.create_connection(("127.0.0.1", recorder.port), 60) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := line.recv(1 << 16):
                answer += data
    return answer


def token_of(recorder: Recorder) -> bytes:
    return f"Authorization: Bearer {recorder.token}\r\n".encode()


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 39\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 39",
        b"Content-Length: 5\r\nContent-Length: 39",
        b"Content-Length: 5, 39",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\r\n chunked",
    ],
)
def test_nobody_hides_a_second_request_in_the_body_of_the_first(recording: Recorder, lengths: bytes) -> None:
    """Where a request ends is told once and clearly, or the connection ends."""
    hidden = b"0\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = said(recording, _PROBE + token_of(recording) + lengths + b"\r\n\r\n" + hidden)
    assert answer.split(b" ", 2)[1] == b"400"
    assert answer.count(b"HTTP/1.") == 1
    assert b"openapi" not in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(190),
        bytes(range(256)) * 20 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        _HEAD + b"Host: y\r\n\r\n",
        _HEAD + b"X: a\0b\r\n\r\n",
        _HEAD + b"X: a\rSet-Cookie: b\r\n\r\n",
        _HEAD + b"X: a\r\n folded\r\n\r\n",
        _HEAD + b"X : a\r\n\r\n",
        _HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(5_000)) + b"\r\n",
        _HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /api/v1/cameras/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda data: repr(data[:40]),
)
def test_what_is_no_http_is_refused_and_the_connection_ends(recording: Recorder, request_bytes: bytes) -> None:
    answer = said(recording, request_bytes)
    assert answer.split(b" ", 2)[1] == b"400"
    assert b"Traceback" not in answer
    assert b"\nSet-Cookie" not in answer.partition(b"\r\n\r\n")[0]


def test_a_body_is_taken_as_it_is_and_never_unpacked(recording: Recorder) -> None:
    """So nothing small becomes large, and what is packed wrongly is no failure."""
    for encoding in (b"gzip", b"deflate", b"br", b"none-such"):
        head = _PROBE + token_of(recording) + b"Content-Encoding: " + encoding + b"\r\n"
        for body in (b"{}", b"\x1f\x8b\x08\x00garbage"):
            answer = said(recording, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert answer.split(b" ", 2)[1] == b"400", encoding
            assert b'"bad_value"' in answer


@pytest.mark.parametrize(
    "frames",
    [b"\xff" * 2_000, b"\x82\xff\x7f" + b"\xff" * 11, b"\x81\xfe\xff\xff" + bytes(100), b"\x89\xfe\x7f\xff" + bytes(9)],
)
def test_garbage_on_the_event_socket_ends_it_and_nothing_else(recording: Recorder, frames: bytes) -> None:
    answer = said(recording, _SOCKET + _KEY + token_of(recording) + b"\r\n" + frames)
    assert answer.startswith(b"HTTP/1.1 101 ")
    for wrong in (b"", b"Sec-WebSocket-Key: short\r\n"):
        answer = said(recording, _SOCKET + wrong + token_of(recording) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert recording.ask("/health").status == 200


def test_a_thousand_connections_that_say_nothing_cost_no_footage(recording: Recorder) -> None:
    """Cameras and files need descriptors, too: there are some left for them, whoever connects."""
    assert recording.process is not None
    descriptors = f"/proc/{recording.process.pid}/fd"
    before = len(os.listdir(descriptors))
    with contextlib.ExitStack() as lines:
        for number in range(900):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", recording.port), 60))
            with contextlib.suppress(ConnectionError):
                line.sendall(_HEAD[: number % len(_HEAD)])
        wait_until(lambda: len(os.listdir(descriptors)) <= before + MOST + 20, 60)
    wait_until(lambda: _answers(recording), 60)
    assert recording.camera("stop")["recording"]
    assert [entry for entry in recording.log if "Too many open files" in str(entry)] == []


def _answers(recorder: Recorder) -> bool:
    try:
        return recorder.ask("/health").status == 200
    except OSError:
        return False


@contextlib.asynccontextmanager
async def served(connections: Connections) -> AsyncIterator[int]:
    """The port of something that answers everything."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def take(request: web.Request) -> web.Response:
        return web.json_response(await json_of(request, within_s=0.3))

    app = web.Application(middlewares=[problems, connections.middleware()])
    app.router.add_get("/", answer)
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(connections.to(runner.server), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a whole request on this connection is answered."""
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200") and await reader.readexactly(4) == b"here"
    except ConnectionError, asyncio.IncompleteReadError:
        return False


async def enters(port: int) -> bool:
    """Whether one more is let in and answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = await ask(reader, writer)
    writer.close()
    return answered


async def test_who_does_not_ask_in_time_is_let_go_and_who_has_asked_stays() -> None:
    async with asyncio.timeout(60), served(Connections(first_s=0.3)) as port:
        asked = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(*asked)
        for begun in (b"", b"GET / HTTP/1.1\r\nHost:"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            assert await reader.read() == b""
            writer.close()
        assert await ask(*asked)
        asked[1].close()


async def test_no_more_are_let_in_than_may_be_until_others_have_gone() -> None:
    async with asyncio.timeout(60), served(Connections(most=2)) as port:
        first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert await ask(*first)
        assert await ask(*second)
        assert not await enters(port)
        first[1].close()
        await until(lambda: enters(port))
        second[1].close()


async def test_a_body_that_comes_byte_by_byte_is_not_waited_for() -> None:
    async with asyncio.timeout(60), served(Connections()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"bad_value"' in answer
        writer.close()


async def test_of_many_who_come_at_once_no_more_are_let_in_than_may_be() -> None:
    async with served(Connections(most=5)) as port:
        lines = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(60)))
        answered = await asyncio.gather(*(ask(reader, writer) for reader, writer in lines))
        assert sum(answered) == 5
        for _, writer in lines:
            writer.close()


def test_a_recorder_takes_the_descriptors_that_the_system_lets_it_have(tmp_path: Path) -> None:
    """Begun with few, as by a shell or systemd, and allowed more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    recorder = Recorder(tmp_path)
    recorder.write_camera_file([])
    with fewer_descriptors(256):
        recorder.start()
    try:
        assert recorder.process is not None
        now, _ = resource.prlimit(recorder.process.pid, resource.RLIMIT_NOFILE)
        assert now == min(8_192, most)
    finally:
        recorder.stop()


@contextlib.contextmanager
def fewer_descriptors(number: int) -> Iterator[None]:
    """What is begun meanwhile may open so many files until it asks for more."""
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, former)
