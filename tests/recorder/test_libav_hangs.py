"""Nothing holds libav up for ever, and what does for a while costs nobody else anything."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import SourceError
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.gst import gst_camera, movie, transport_stream
from tests.cameras.reading import libav
from tests.recorder.footage import groups_of
from tests.world import wait_until

NOTICED_S = 10.0


@contextmanager
def pushed(scheme: str, path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """FFmpeg as a camera that waits for one caller: its address and process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/live/stop"
    container = {"rtmp": "flv", "http": "mpegts"}[scheme]
    command = ["ffmpeg", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(path), "-c", "copy"]
    with subprocess.Popen([*command, "-f", container, "-listen", "1", url], stdin=subprocess.DEVNULL) as process:
        port = urlsplit(url).port or 0
        wait_until(lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text())
        try:
            yield url, process
        finally:
            process.kill()


@asynccontextmanager
async def running(source: PyAVSource) -> AsyncIterator[tuple[list[AccessUnit], asyncio.Future[None]]]:
    """A source that runs, and what it gives."""
    units: list[AccessUnit] = []
    task = asyncio.ensure_future(source.run(units.append))
    try:
        yield units, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()


async def ended_within(task: asyncio.Future[None], limit_s: float) -> tuple[SourceError, float]:
    """Why and after how many seconds the source ended."""
    begun_s = time.monotonic()
    async with asyncio.timeout(limit_s):
        try:
            await task
        except SourceError as error:
            return error, time.monotonic() - begun_s
    raise AssertionError("a source ends with an error")


@pytest.mark.process
@pytest.mark.parametrize("scheme", ["rtmp", "http", "rtsp over udp"])
async def test_a_camera_that_stops_in_the_midst_of_its_stream_is_noticed(scheme: str, tmp_path: Path) -> None:
    path = movie(tmp_path / "movie.mp4", groups_of(200))
    camera = gst_camera(path, "h264", "--transport", "udp") if "udp" in scheme else pushed(scheme, path)
    with camera as entered:
        url, process = entered if isinstance(entered, tuple) else (entered.url, entered.process)
        async with running(libav(url)) as (units, task):
            await asyncio.to_thread(wait_until, lambda: len(units) >= 15)
            process.send_signal(signal.SIGSTOP)
            error, _ = await ended_within(task, NOTICED_S)
        process.send_signal(signal.SIGCONT)
        process.kill()
    assert error.cause is Cause.CAMERA_UNREACHABLE


@pytest.mark.process
@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_a_camera_that_does_not_answer_a_caller_is_noticed(scheme: str, tmp_path: Path) -> None:
    path = movie(tmp_path / "movie.mp4", groups_of(30))
    with pushed(scheme, path) as (url, process):
        process.send_signal(signal.SIGSTOP)
        async with running(libav(url)) as (_, task):
            error, _ = await ended_within(task, NOTICED_S)
    assert error.cause is Cause.CAMERA_UNREACHABLE


@asynccontextmanager
async def trickling(begin: bytes) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An HTTP camera of which after its beginning comes only a byte each second, until it is set free."""
    free = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + begin)
        while not free.is_set():
            writer.write(b"G")
            await asyncio.sleep(1)
        writer.transport.abort()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", free
        finally:
            free.set()


async def test_a_camera_that_answers_by_bytes_is_noticed() -> None:
    async with trickling(b"") as (url, _), running(libav(url)) as (units, task):
        error, _ = await ended_within(task, NOTICED_S)
    assert units == []
    assert error.detail == "the camera answers, but its stream does not begin"


def threads_of(url: str) -> int:
    """How many threads read this address."""
    return sum(thread.name == f"pyav-source-{hash(url):x}" for thread in threading.enumerate())


@pytest.mark.process
async def test_connections_that_hang_cost_the_others_nothing_and_do_not_become_more(tmp_path: Path) -> None:
    # More than are held back while it is not known how fast they come.
    begin = transport_stream(tmp_path, 150).read_bytes()
    async with trickling(begin) as (url, free):

        async def hang() -> SourceError:
            source = libav(url)
            async with running(source) as (units, task):
                error, _ = await ended_within(task, NOTICED_S + 2)
                assert len(units) > 20
                return error

        late_s: list[float] = []
        pulse = asyncio.create_task(beat(late_s))
        errors = await asyncio.gather(*(hang() for _ in range(4)))
        assert {error.detail for error in errors} == {"nothing has come for 8 s"}
        assert threads_of(url) == 4
        async with running(libav(url)) as (_, task):
            error, took_s = await ended_within(task, 1)
        assert (error.cause, error.detail) == (
            Cause.CAMERA_UNREACHABLE,
            "earlier connections to the camera hang and do not end",
        )
        assert took_s < 0.5
        pulse.cancel()
        assert max(late_s) < 0.5
        free.set()
        await asyncio.to_thread(wait_until, lambda: threads_of(url) == 0)
        async with running(libav(url)) as (units, task):
            await ended_within(task, 10)
        assert len(units) > 20


async def beat(late_s: list[float]) -> None:
    """How late the event loop is, ten times a second."""
    while True:
        due_s = time.monotonic() + 0.1
        await asyncio.sleep(0.1)
        late_s.append(time.monotonic() - due_s)


@pytest.mark.process
def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        script = f"""
import asyncio
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import Address

async def main():
    source = PyAVSource(Address({url!r}), asyncio.get_running_loop())
    task = asyncio.create_task(source.run(print))
    await asyncio.sleep(1)
    task.cancel()
    await source.close()
    print("closed", flush=True)

asyncio.run(main())
"""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"closed\n"
            closed_s = time.monotonic()
            assert process.wait(10) == 0
            assert time.monotonic() - closed_s < 2
