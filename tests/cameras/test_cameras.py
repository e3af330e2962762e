"""The simulated cameras and networks themselves: what they promise is so, as others than the recorder see it."""

import asyncio
import json
import subprocess
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from safe_community_recorder.media.codec import CODECS
from safe_community_recorder.media.video import CodecName, split_annexb
from tests.cameras.gst import gst_camera, movie
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import DialogueQuirks, Login, StreamQuirks
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import PICTURE_90K, encode, encode_sound, groups_of

# They take as long as cameras do.
pytestmark = pytest.mark.process

SIZE = (320, 240)


def by_ffmpeg(url: str, codec: CodecName, count: int) -> list[tuple[tuple[bytes, ...], int | None]]:
    """The first pictures as FFmpeg's own RTSP reads them: what of them is stored, and when they are shown."""
    options = {"rtsp_transport": "tcp", "timeout": "5000000", "analyzeduration": "500000"}
    found: list[tuple[tuple[bytes, ...], int | None]] = []
    with av.open(url, options=options) as container:
        for packet in container.demux(container.streams.video):
            if packet.size:
                at = (
                    None
                    if packet.pts is None or packet.time_base is None
                    else packet.pts * Fraction(packet.time_base.numerator, packet.time_base.denominator)
                )
                stored = CODECS[codec].stored(split_annexb(bytes(packet)))
                found.append((stored, None if at is None else round(at * 90_000)))
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize(
    "stream",
    [
        StreamQuirks(),
        StreamQuirks(sets="in band", fragments="always"),
        StreamQuirks(aggregated=True, header="extended"),
        StreamQuirks(timestamps="wrapping", most_bytes=300),
    ],
    ids=["plain", "fragmented", "aggregated", "wrapping"],
)
async def test_ffmpeg_reads_a_scripted_camera_byte_for_byte(codec: CodecName, stream: StreamQuirks) -> None:
    footage = encode(30, 0, *SIZE, codec=codec, grain=40).units
    login = Login(schemes=("basic", "md5"))
    async with ScriptedCamera(footage, stream, login=login, sound=encode_sound(), pace_s=0.02) as camera:
        found = await asyncio.to_thread(by_ffmpeg, camera.url, codec, 20)
        assert camera.seen.refusals == 1
        assert camera.seen.connections == 1
    assert [nals for nals, _ in found] == [unit.nals for unit in footage[:20]]
    assert [at for _, at in found[1:]] == pytest.approx([PICTURE_90K * n for n in range(1, 20)], abs=9)


async def test_who_does_not_know_the_password_gets_nothing() -> None:
    async with ScriptedCamera(encode(30).units, login=Login(schemes=("basic", "md5"))) as camera:
        with pytest.raises(av.error.HTTPUnauthorizedError):
            await asyncio.to_thread(by_ffmpeg, camera.address("wrong"), "h264", 1)
        assert camera.seen.count("SETUP") == 0


async def test_a_camera_without_tcp_refuses_and_says_why() -> None:
    quirks = DialogueQuirks(status=("SETUP", 461, "Unsupported Transport"))
    async with ScriptedCamera(encode(30).units, dialogue=quirks) as camera:
        with pytest.raises(av.error.FFmpegError):
            await asyncio.to_thread(by_ffmpeg, camera.url, "h264", 1)


async def bytes_of(port: int, seconds: float) -> bytes:
    """What a plain client gets of an endless talker behind a port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while data := await reader.read(10_000):
                got += data
    except TimeoutError:
        return got
    finally:
        writer.close()
    return got


def frames(count: int) -> bytes:
    """RTP packets of one size, numbered, each behind an empty message."""
    return b"RTSP/1.0 200 OK\r\n\r\n" + b"".join(
        b"$\0\0\x20" + b"\x80\x60" + n.to_bytes(2) + bytes([n]) * 28 for n in range(count)
    )


@pytest.fixture
async def talker() -> Any:
    """Says a hundred packets to whoever comes, and then nothing; its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames(100))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_well_network_hands_on_what_it_gets(talker: int) -> None:
    async with Proxy(talker) as proxy:
        assert await bytes_of(proxy.port, 0.3) == frames(100)
        proxy.split()
        assert await bytes_of(proxy.port, 0.5) == frames(100)


async def test_a_lossy_network_loses_what_it_says_and_nothing_else(talker: int) -> None:
    async with Proxy(talker) as proxy:
        proxy.lose(sequences=frozenset({3, 50}))
        got = await bytes_of(proxy.port, 0.3)
        assert proxy.lost_sequences == [3, 50]
        whole = frames(100)
        packets = [whole[19 + n * 36 : 55 + n * 36] for n in range(100)]
        assert got == whole[:19] + b"".join(packet for n, packet in enumerate(packets) if n not in (3, 50))
        proxy.heal()
        proxy.lose(0.2)
        got = await bytes_of(proxy.port, 0.3)
        lost = len(proxy.lost_sequences) - 2
        assert 5 < lost < 40
        assert len(got) == len(whole) - 36 * lost


@pytest.mark.parametrize("fault", ["hang", "half_open"])
async def test_a_hanging_network_says_nothing_until_it_is_healed(talker: int, fault: str) -> None:
    async with Proxy(talker) as proxy:
        getattr(proxy, fault)()
        assert await bytes_of(proxy.port, 0.3) == b""
        proxy.heal()
        assert await bytes_of(proxy.port, 0.3) == frames(100)


async def test_damage_is_done_to_as_many_packets_as_was_asked_for(talker: int) -> None:
    whole = frames(100)
    async with Proxy(talker) as proxy:
        proxy.corrupt(1.0)
        got = await bytes_of(proxy.port, 0.3)
        assert len(got) == len(whole)
        assert sum(a != b for a, b in zip(got, whole, strict=True)) == 100
        proxy.heal()
        proxy.truncate(1.0)
        assert len(await bytes_of(proxy.port, 0.3)) < len(whole) - 100
        proxy.heal()
        proxy.flood(10)
        assert len(await bytes_of(proxy.port, 0.3)) == 19 + 100 * 36 * 12
        proxy.heal()
        proxy.delay(0.3)
        began = time.monotonic()
        assert await bytes_of(proxy.port, 0.2) == b""
        assert await bytes_of(proxy.port, 0.6) == whole
        assert time.monotonic() - began > 0.5


async def test_calls_are_refused_or_not_even_answered_until_it_is_healed(talker: int) -> None:
    async with Proxy(talker) as proxy:
        proxy.refuse()
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.heal()
        await asyncio.sleep(0.05)
        assert await bytes_of(proxy.port, 0.3) == frames(100)
        proxy.ignore_calls()
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.heal()
        await asyncio.sleep(0.05)
        assert await bytes_of(proxy.port, 0.3) == frames(100)


async def test_a_cut_connection_is_reset_at_once(talker: int) -> None:
    async with Proxy(talker) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await reader.read(10)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


def probe(url: str) -> dict[str, Any]:
    """What Debian's ffprobe says of a stream."""
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json", url]
    result: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)
    return result


@pytest.mark.parametrize(
    ("codec", "options", "kinds"),
    [
        ("h264", ("--login", "digest", "--sound", "aac"), ["video", "audio"]),
        ("h265", ("--login", "basic", "--shared", "--mtu", "300"), ["video"]),
    ],
    ids=["digest", "basic"],
)
def test_gst_rtsp_server_serves_footage_to_whom_it_lets_in(
    tmp_path: Path, codec: CodecName, options: Sequence[str], kinds: list[str]
) -> None:
    path = movie(tmp_path / "movie.mp4", groups_of(60, codec=codec, sound_after_us=0))
    with gst_camera(path, codec, *options) as camera:
        said = probe(camera.url.replace("rtsp://", "rtsp://camera:secret@"))
        assert [stream["codec_type"] for stream in said["streams"]] == kinds
        with pytest.raises(subprocess.CalledProcessError):
            probe(camera.url)
