"""Cameras that send JPEG pictures: stored as H.264, as readable as they came, at the times at which they came."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from aiohttp import web
from av.stream import Stream
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.mjpeg import Jpeg, JpegEncoder, JpegPictures
from safe_community_recorder.ingest.source import SourceError, Way
from safe_community_recorder.media.video import AccessUnit, join_annexb
from tests.cameras.background import Background
from tests.cameras.gst import gst_camera
from tests.cameras.reading import libav, native, taken
from tests.recorder.footage import brightness_of
from tests.world import Recorder, wait_until

type Luma = NDArray[np.uint8]

WIDTH, HEIGHT = 320, 240


def jpeg(luma: Luma, pix_fmt: str = "yuvj420p", quality: int = 3) -> bytes:
    """A gray picture as JPEG; the quality is FFmpeg's, 2 is the best."""
    height, width = luma.shape
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pix_fmt
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = quality
    # RTP has no place for other tables of Huffman's.
    encoder.options = {"huffman": "default"}
    frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format=pix_fmt, dst_color_range="JPEG")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def plain(number: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A picture whose brightness tells its number."""
    return jpeg(np.full((height, width), brightness_of(number), np.uint8))


def shown(units: Sequence[AccessUnit]) -> list[Luma]:
    """The pictures that a player shows."""
    decoder = av.CodecContext.create("h264", "r")
    pictures = []
    for unit in units:
        nals = [*unit.video.parameter_sets, *unit.nals] if unit.is_key else unit.nals
        pictures += decoder.decode(av.Packet(join_annexb(nals)))
    pictures += decoder.decode(None)
    return [luma_of(frame) for frame in pictures]


def luma_of(frame: av.VideoFrame) -> Luma:
    """How bright a picture's pixels are."""
    return np.asarray(frame.to_ndarray()[: frame.height], np.uint8)


def numbers_of(units: Sequence[AccessUnit]) -> list[int]:
    """Which pictures they are, by their brightness."""
    return [round((float(luma.mean()) - brightness_of(0)) / 7) for luma in shown(units)]


STROKES = np.random.default_rng(1).integers(0, 2, (HEIGHT // 2, WIDTH // 2)).repeat(2, 0).repeat(2, 1)


def plates(number: int) -> Luma:
    """Strokes two pixels wide and hardly darker than their ground, as of a plate at night, moving; with much noise."""
    noise = np.random.default_rng(number).normal(0, 6, STROKES.shape)
    return cast("Luma", (90 + 30 * np.roll(STROKES, number, 1) + noise).clip(0, 255).astype(np.uint8))


def misread(picture: Luma, number: int) -> float:
    """The share of pixels that are on the wrong side between stroke and ground."""
    return float(np.mean((picture > 105) != np.roll(STROKES, number, 1)))


@pytest.mark.parametrize("quality", [2, 4, 8])
def test_strokes_are_as_readable_as_in_the_jpeg_however_good_that_is(quality: int) -> None:
    encoder, decoder = JpegEncoder(), av.CodecContext.create("mjpeg", "r")
    units, came = [], []
    for number in range(30):
        data = jpeg(plates(number), quality=quality)
        came.append(luma_of(decoder.decode(av.Packet(data))[0]))
        unit = encoder.encode(Jpeg(data, number * 9_000, 0))
        assert unit is not None
        units.append(unit)
    in_jpeg = np.mean([misread(picture, number) for number, picture in enumerate(came)])
    stored = np.mean([misread(picture, number) for number, picture in enumerate(shown(units))])
    assert 0.001 < in_jpeg < 0.05
    assert stored <= in_jpeg


@given(st.lists(st.integers(1_000, 150_000), min_size=1, max_size=40))
@settings(max_examples=20)
def test_there_is_a_keyframe_every_two_seconds_whatever_the_frame_rate(steps: list[int]) -> None:
    encoder = JpegEncoder()
    times = list(accumulate(steps, initial=0))
    units = [encoder.encode(Jpeg(plain(number, 64, 48), pts, 0)) for number, pts in enumerate(times)]
    assert [unit and unit.pts_90k for unit in units] == times
    assert [unit and unit.dts_90k for unit in units] == times
    key_90k = times[0]
    for unit in units:
        assert unit is not None
        assert unit.is_key == (unit.pts_90k in (times[0], key_90k) or unit.pts_90k - key_90k >= 180_000)
        if unit.is_key:
            key_90k = unit.pts_90k


def test_a_cameras_clock_that_jumps_begins_with_a_keyframe() -> None:
    encoder = JpegEncoder()
    units = [encoder.encode(Jpeg(plain(1), pts, 0)) for pts in (900_000, 909_000, 0, 9_000)]
    assert [unit and unit.is_key for unit in units] == [True, False, True, False]


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuvj422p", "yuvj444p"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (1_920, 1_080)])
def test_pictures_of_any_sampling_and_size_are_shown_as_bright_as_they_were(
    pix_fmt: str, width: int, height: int
) -> None:
    encoder = JpegEncoder()
    units = []
    for number in range(3):
        luma = np.full((height, width), brightness_of(number * 10), np.uint8)
        unit = encoder.encode(Jpeg(jpeg(luma, pix_fmt), number * 9_000, 0))
        assert unit is not None
        units.append(unit)
    assert {(unit.video.width, unit.video.height) for unit in units} == {(width & ~1, height & ~1)}
    assert numbers_of(units) == [0, 10, 20]


def test_a_picture_of_another_size_begins_a_new_format() -> None:
    encoder = JpegEncoder()
    sizes = [(64, 48), (64, 48), (320, 240), (64, 48)]
    units = [encoder.encode(Jpeg(plain(n, *size), n * 9_000, 0)) for n, size in enumerate(sizes)]
    assert [unit and (unit.video.width, unit.video.height) for unit in units] == sizes
    assert [unit and unit.is_key for unit in units] == [True, False, True, True]


@given(st.binary(max_size=200) | st.integers(0, 900).map(lambda size: plain(3)[:size]))
def test_what_is_no_picture_is_left_out_and_the_next_one_is_taken(data: bytes) -> None:
    encoder = JpegEncoder()
    encoder.encode(Jpeg(data, 0, 0))
    for time_90k in (180_000, 360_000):
        unit = encoder.encode(Jpeg(plain(4), time_90k, 0))
        assert unit is not None
        assert numbers_of([unit]) == [4]


def packets(pictures: Sequence[bytes], path: Path) -> Iterator[av.Packet[Stream]]:
    """The pictures as libav gives them, and its end."""
    with av.open(str(movie(path, pictures))) as container:
        yield from container.demux([*container.streams])


def movie(path: Path, pictures: Sequence[bytes]) -> Path:
    """A file of JPEG pictures, ten a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", width=WIDTH, height=HEIGHT, time_base=Fraction(1, 90_000))
        for number, picture in enumerate(pictures):
            packet = av.Packet(picture)
            packet.stream, packet.time_base = stream, Fraction(1, 90_000)
            packet.pts = packet.dts = number * 9_000
            packet.duration, packet.is_keyframe = 9_000, True
            container.mux(packet)
    return path


def test_what_the_encoder_cannot_keep_up_with_is_left_out_and_counted(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    pictures = JpegPictures(units.append, threading.Event(), timed=True)
    large = plain(1, 1_920, 1_080)
    *burst, last, _end = packets([large] * 201, tmp_path / "movie.mov")
    for packet in burst:
        pictures.take(packet, 0)
    wait_until(lambda: len(units) >= 60)
    time.sleep(1)
    pictures.take(last, 0)
    pictures.finish()
    assert 60 <= len(units) < 201
    assert len(units) + sum(unit.lost_packets for unit in units) == 201
    assert units[-1].pts_90k == 200 * 9_000


def test_nothing_more_is_encoded_after_it_was_told_to_stop(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    stop = threading.Event()
    pictures = JpegPictures(units.append, stop, timed=True)
    for packet in packets([plain(1)] * 50, tmp_path / "movie.mov"):
        pictures.take(packet, 0)
    stop.set()
    pictures.finish()
    assert len(units) < 50


class HttpCamera:
    """A camera with pictures over HTTP, one after the other, each after its pause. With a password, if it has one."""

    def __init__(self, pauses_s: Sequence[float], *, lengths: bool, again: bool = False) -> None:
        self._pauses_s = pauses_s
        self._lengths = lengths
        self._again = again
        self.sent_s: list[float] = []

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Its address."""
        application = web.Application()
        application.router.add_get("/mjpg/video.mjpg", self._send)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/mjpg/video.mjpg"
        finally:
            await runner.cleanup()

    async def _send(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=--picture"})
        await response.prepare(request)
        number = 0
        while number < len(self._pauses_s) or self._again:
            await asyncio.sleep(self._pauses_s[number % len(self._pauses_s)])
            picture = plain(number)
            length = f"Content-Length: {len(picture)}\r\n" if self._lengths else ""
            head = f"--picture\r\nContent-Type: image/jpeg\r\n{length}\r\n"
            self.sent_s.append(time.monotonic())
            await response.write(head.encode() + picture + b"\r\n")
            number += 1
        return response


@pytest.mark.parametrize("lengths", [True, False], ids=["with lengths", "without"])
async def test_pictures_over_http_are_stored_at_the_times_at_which_they_came(lengths: bool) -> None:
    camera = HttpCamera([0.1, 0.3, 0.05, 0.2] * 5, lengths=lengths)
    async with camera.served() as url:
        source = libav(url)
        units, error = await taken(source)
    assert error is not None
    assert error.cause is Cause.CAMERA_UNREACHABLE
    # Where no length is told, a picture is complete when the next one begins.
    sent_s = camera.sent_s if lengths else camera.sent_s[1:]
    assert numbers_of(units) == list(range(len(sent_s)))
    assert {unit.lost_packets for unit in units} == {0}
    # The first picture is kept back by libav until it knows the stream.
    assert [(unit.pts_90k - units[1].pts_90k) / 90_000 for unit in units[1:]] == pytest.approx(
        [one_s - sent_s[1] for one_s in sent_s[1:]], abs=0.06
    )
    assert all(after.pts_90k > before.pts_90k for before, after in pairwise(units))


@pytest.mark.process
async def test_a_camera_with_jpeg_over_rtsp_comes_by_libav_at_its_own_times(tmp_path: Path) -> None:
    path = movie(tmp_path / "movie.mov", [plain(number) for number in range(60)])
    with gst_camera(path, "jpeg") as camera:
        units, error = await taken(native(camera.url))
        assert units == []
        assert isinstance(error, SourceError)
        assert error.elsewhere
        assert error.detail == "H.264 or H.265 was expected, the camera sends JPEG"
        units, _ = await taken(libav(camera.url), 45)
    assert numbers_of(units) == [number % 30 for number in range(45)]
    assert {after.pts_90k - before.pts_90k for before, after in pairwise(units)} == {9_000}
    assert [number for number, unit in enumerate(units) if unit.is_key] == [0, 20, 40]


async def test_a_camera_that_sends_no_readable_picture_ends_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safe_community_recorder.ingest.pyav_source._NO_KEYFRAME_S", 1.0)
    application = web.Application()

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=--picture"})
        await response.prepare(request)
        while True:
            rubbish = plain(1)[:2] + b"rubbish" * 50
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(rubbish)}\r\n\r\n"
            await response.write(head.encode() + rubbish + b"\r\n")
            await asyncio.sleep(0.1)

    application.router.add_get("/", send)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        units, error = await taken(libav(f"http://127.0.0.1:{runner.addresses[0][1]}/"))
    finally:
        await runner.cleanup()
    assert units == []
    assert error is not None


def test_a_recorder_records_jpeg_over_http_and_says_that_it_encodes(recorder: Recorder) -> None:
    with Background() as background:
        url = background.enter(HttpCamera([0.1], lengths=True, again=True).served())
        recorder.write_camera_file([{"id": "stop", "url": url}])
        recorder.start()
        recorder.wait_for_footage("stop", 6)
        stream = recorder.camera("stop")["stream"]
    assert stream["source"] == Way.LIBAV
    assert stream["source_reason"] == "the address is none of RTSP"
    assert stream["transcoded"] is True
