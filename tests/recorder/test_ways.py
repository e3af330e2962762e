"""Which ways there are to a stream, and what libav may do on its way."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.native_source import NativeSource
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import Address, SourceError, Way
from safe_community_recorder.ingest.ways import Ways
from tests.cameras.certificate import self_made, trusted_for
from tests.cameras.gst import gst_camera, movie, transport_stream
from tests.cameras.reading import libav, native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode, groups_of
from tests.world import Recorder

UNITS = encode(30).units


@pytest.mark.parametrize(
    ("address", "only", "ways"),
    [
        (Address("rtsp://camera/main"), None, [NativeSource, PyAVSource]),
        (Address("rtsps://camera/main"), None, [NativeSource, PyAVSource]),
        (Address("rtsp://camera/main", way=Way.NATIVE), None, [NativeSource]),
        (Address("rtsp://camera/main", way=Way.LIBAV), None, [PyAVSource]),
        (Address("rtsp://camera/main", way=Way.LIBAV), Way.NATIVE, [NativeSource]),
        (Address("http://camera/video.ts"), None, [PyAVSource]),
        (Address("https://camera/video.mjpg", way=Way.NATIVE), None, [PyAVSource]),
        (Address("rtmp://camera/live"), Way.NATIVE, [PyAVSource]),
    ],
)
async def test_rtsp_is_tried_natively_first_and_everything_else_by_libav_only(
    address: Address, only: Way | None, ways: list[type]
) -> None:
    assert [type(source()) for source in Ways(only).to(address)] == ways


# --- over UDP ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def udp_only(tmp_path: Path) -> Iterator[str]:
    """The address of a camera that sends over UDP only."""
    path = movie(tmp_path / "movie.mp4", groups_of(200, size=(320, 240), grain=40))
    with gst_camera(path, "h264", "--transport", "udp") as camera:
        yield camera.url


@pytest.mark.process
async def test_a_camera_that_sends_over_udp_only_comes_by_libav(udp_only: str) -> None:
    units, error = await taken(native(udp_only))
    assert units == []
    assert isinstance(error, SourceError)
    assert (error.elsewhere, error.detail) == (True, "the camera does not send over TCP")
    units, _ = await taken(libav(udp_only), 40)
    footage = encode(200, width=320, height=240, grain=40).units
    assert [unit.data for unit in units] == [unit.data for unit in footage[:40]]


@pytest.mark.process
async def test_udp_is_also_tried_where_a_camera_has_other_words_for_it(udp_only: str) -> None:
    port = urlsplit(udp_only).port

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(re.sub(rb"RTSP/1.0 461 [^\r]*", b"RTSP/1.0 400 Bad Request", data))
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        units, error = await taken(libav(f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"), 10)
    assert error is None
    assert len(units) == 10


def test_a_recorder_records_a_camera_over_udp_and_says_why_it_takes_libav(udp_only: str, recorder: Recorder) -> None:
    recorder.write_camera_file([{"id": "stop", "url": udp_only}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    stream = recorder.camera("stop")["stream"]
    assert (stream["source"], stream["source_reason"]) == ("libav", "the camera does not send over TCP")
    assert stream["transcoded"] is False


# --- whom libav trusts ------------------------------------------------------------------------------------------------


def by_libav(url: str, certificate: str | None) -> PyAVSource:
    return PyAVSource(Address(url, certificate=certificate), asyncio.get_running_loop())


@asynccontextmanager
async def secured(scheme: str, context: ssl.SSLContext, tmp_path: Path) -> AsyncIterator[str]:
    """A camera with TLS."""
    if scheme == "rtsps":
        async with ScriptedCamera(UNITS, tls=context) as camera:
            yield camera.url
    else:
        async with served({"/": streamed(tmp_path)}, tls=context) as server:
            yield server.url


def streamed(tmp_path: Path) -> Callable[[web.Request], web.FileResponse]:
    """Gives out footage as MPEG-TS."""
    return lambda _request: web.FileResponse(transport_stream(tmp_path))


@pytest.mark.process
@pytest.mark.parametrize("scheme", ["rtsps", "https"])
async def test_a_certificate_that_nobody_signed_is_refused_unless_it_is_to_be_ignored(
    tmp_path: Path, scheme: str
) -> None:
    context, _ = self_made(tmp_path)
    async with secured(scheme, context, tmp_path) as url:
        units, error = await taken(by_libav(url, None))
        assert units == []
        assert error is not None
        assert error.cause is Cause.CAMERA_UNREACHABLE
        assert error.detail == "the camera's TLS failed: is its certificate signed, and for this host?"
        units, _ = await taken(by_libav(url, "ignore"), 10)
        assert len(units) == 10


@pytest.mark.process
@pytest.mark.parametrize("scheme", ["rtsps", "https"])
async def test_a_certificate_is_accepted_from_whom_it_is_for_if_the_system_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    for address, is_right in (("127.0.0.1", True), ("127.0.0.2", False)):
        context, authority = trusted_for(tmp_path, address)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with secured(scheme, context, tmp_path) as url:
            units, error = await taken(by_libav(url, None), 10)
            assert (len(units) == 10) == is_right
            assert is_right or (error is not None and error.detail.startswith("the camera's TLS failed"))


@pytest.mark.parametrize("scheme", ["rtsps", "https"])
async def test_libav_does_not_even_connect_where_a_fingerprint_is_to_be_compared(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/"
        units, error = await taken(by_libav(url, "sha256:" + "00" * 32))
        assert units == []
        assert error is not None
        assert error.cause is Cause.UNSUPPORTED_STREAM
        assert "fingerprint" in error.detail
        with pytest.raises(BlockingIOError):
            listening.accept()


# --- what libav may read ----------------------------------------------------------------------------------------------


class Server:
    """An HTTP server that gives out what it is told to. `asked` are the paths asked for, `told` all headers."""

    def __init__(self, answers: dict[str, Callable[[web.Request], web.StreamResponse]]) -> None:
        self._answers = answers
        self.url = ""
        self.asked: list[str] = []
        self.told: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.told += request.headers.values()
        if request.path not in self._answers:
            raise web.HTTPNotFound
        return self._answers[request.path](request)


@asynccontextmanager
async def served(
    answers: dict[str, Callable[[web.Request], web.StreamResponse]],
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """The server runs."""
    server = Server(answers)
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=tls).start()
        server.url = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}/"
        yield server
    finally:
        await runner.cleanup()


def page(text: str, kind: str) -> Callable[[web.Request], web.Response]:
    return lambda _request: web.Response(text=text, content_type=kind)


def moved(location: str) -> Callable[[web.Request], web.Response]:
    return lambda _request: web.Response(status=302, headers={"Location": location})


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n"
SDP = "v=0\r\no=- 0 0 IN IP4 {}\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 33\r\n"
PLAYLISTS = {
    "hls": (HLS, "application/vnd.apple.mpegurl"),
    "concat": ("ffconcat version 1.0\nfile '{}'\n", "text/plain"),
    "sdp": (SDP, "application/sdp"),
}


@pytest.mark.process
@pytest.mark.parametrize("kind", PLAYLISTS)
async def test_a_camera_cannot_make_the_recorder_read_files_or_ask_other_hosts(tmp_path: Path, kind: str) -> None:
    text, content_type = PLAYLISTS[kind]
    footage = transport_stream(tmp_path)
    async with served({"/footage.ts": streamed(tmp_path)}, host="127.0.0.2") as other:
        for target in (
            "file:///etc/passwd",
            f"file://{footage}",
            str(footage),
            f"concat:{footage}",
            f"subfile,,start,0,end,0,,:{footage}",
            f"{other.url}footage.ts",
        ):
            async with served({"/": page(text.format(target), content_type)}) as camera:
                units, error = await taken(libav(camera.url))
            assert units == []
            assert error is not None
            assert error.detail == "the address gives no stream of a kind that can be recorded"
            assert error.cause is Cause.UNSUPPORTED_STREAM
    assert other.asked == []


@pytest.mark.process
async def test_a_redirect_leads_to_no_file_and_out_of_no_tls_and_carries_no_password(tmp_path: Path) -> None:
    footage = transport_stream(tmp_path)
    context, _ = self_made(tmp_path)
    async with served({"/footage.ts": streamed(tmp_path)}, host="127.0.0.2") as other:
        for target in (f"file://{footage}", f"concat:{footage}", "data:video/mp2t;base64,AAAA"):
            async with served({"/": moved(target)}) as camera:
                units, error = await taken(libav(camera.url))
            assert units == []
            assert error is not None
        async with served({"/": moved(f"{other.url}footage.ts")}, tls=context) as camera:
            units, error = await taken(by_libav(camera.url, "ignore"))
        assert units == []
        assert other.asked == []
        # To another address of the same protocol a camera may send, but it learns nothing there.
        async with served({"/": moved(f"{other.url}footage.ts")}) as camera:
            units, error = await taken(libav(camera.url.replace("//", "//user:hunter2@")))
        assert len(units) > 20
        assert not any("hunter2" in told or "Basic" in told for told in other.told)
