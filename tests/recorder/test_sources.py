"""Streams by libav, whatever their framing; and what is said when a stream is not one that can be recorded."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.beginning import Times, earliest_us, filled_in, is_flowing, is_settled
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import Address, SourceError
from safe_community_recorder.media.audio import read_audio_config
from safe_community_recorder.media.codec import CODECS
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.gst import gst_camera
from tests.cameras.reading import taken
from tests.recorder.footage import encode, encode_sound, groups_of, recorded


async def read(url: str, *, audio: bool = False, count: int = 1 << 30) -> tuple[list[AccessUnit], SourceError | None]:
    """What a source gives, up to `count` pictures, and why it ended if it did."""
    source = PyAVSource(Address(url, audio), asyncio.get_running_loop())
    units: list[AccessUnit] = []
    enough = asyncio.Event()

    def take(unit: AccessUnit) -> None:
        units.append(unit)
        if len(units) == count:
            enough.set()

    running = asyncio.create_task(source.run(take))
    waiting = asyncio.create_task(enough.wait())
    try:
        async with asyncio.timeout(20):
            await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
            if enough.is_set():
                return units[:count], None
            await running
    except SourceError as error:
        return units, error
    finally:
        running.cancel()
        waiting.cancel()
        await source.close()
    raise AssertionError("a source ends with an error")


def stored(path: Path, codec: CodecName = "h264", *, sound: bool = False) -> None:
    """The test's footage in a container."""
    footage = encode(30, codec=codec)
    _, frames = encode_sound()
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream(CODECS[codec].libav_name, width=64, height=48, time_base=Fraction(1, 90_000))
        audio = container.add_mux_stream("aac", rate=16_000, time_base=Fraction(1, 16_000)) if sound else None
        heard = 0
        for unit in footage.units:
            nals = [*footage.video.parameter_sets, *unit.nals] if unit.is_key else unit.nals
            packet = av.Packet(b"".join(b"\0\0\0\1" + nal for nal in nals))
            packet.stream = stream
            packet.time_base = Fraction(1, 90_000)
            packet.pts, packet.dts, packet.is_keyframe = unit.pts_90k, unit.dts_90k, unit.is_key
            container.mux(packet)
            while audio is not None and heard * 1_024 / 16_000 < (unit.dts_90k + 9_000) / 90_000:
                packet = av.Packet(adts(frames[heard]))
                packet.stream = audio
                packet.time_base = Fraction(1, 16_000)
                packet.pts = packet.dts = heard * 1_024 + 160
                container.mux(packet)
                heard += 1


def adts(frame: bytes) -> bytes:
    """A frame of AAC LC, 16 kHz, mono, behind an ADTS header without a checksum."""
    size = len(frame) + 7
    bits = 0xFFF << 44 | 1 << 40 | 1 << 38 | 8 << 34 | 1 << 30 | size << 13 | 0x7FF << 2
    return bits.to_bytes(7) + frame


@contextmanager
def served(path: Path, codec: CodecName, sound: str) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """The file as an RTSP camera: its address, and a function that ends it and tells which streams were set up."""
    with gst_camera(path, codec, "--sound", sound) as camera:
        yield camera.url, camera.end


@pytest.mark.parametrize(("container", "codec"), [("ts", "h264"), ("flv", "h264"), ("ts", "h265"), ("flv", "h265")])
async def test_start_codes_and_lengths_give_the_same_pictures(tmp_path: Path, container: str, codec: CodecName) -> None:
    path = tmp_path / f"footage.{container}"
    stored(path, codec)
    units, error = await read(str(path))
    footage = encode(30, codec=codec)
    assert error is not None
    assert error.cause is Cause.CAMERA_UNREACHABLE
    assert [unit.nals[-1] for unit in units] == [unit.nals[-1] for unit in footage.units]
    assert [unit.is_key for unit in units] == [unit.is_key for unit in footage.units]
    assert {unit.video for unit in units} == {footage.video}
    steps = np.diff([unit.dts_90k for unit in units])
    assert set(steps.tolist()) == {9_000}


async def test_sound_comes_with_the_pictures_where_it_is_wanted_and_only_there(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    stored(path, sound=True)
    silent, _ = await read(str(path))
    assert {(unit.audio, unit.audio_units) for unit in silent} == {(None, ())}
    units, _ = await read(str(path), audio=True)
    heard = [sound for unit in units for sound in unit.audio_units]
    _, frames = encode_sound()
    assert len(heard) > 40
    assert [sound.data for sound in heard] == list(frames[: len(heard)])
    assert units[-1].audio == read_audio_config(b"\x14\x08")
    first = heard[0].pts_90k - units[0].pts_90k
    assert first == 900
    assert {after.pts_90k - before.pts_90k for before, after in pairwise(heard)} == {5_760}


@pytest.mark.process
async def test_a_camera_with_h265_and_aac_gives_both_and_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "footage.mp4"
    data, _ = recorded(groups_of(60, codec="h265", sound_after_us=5_000))
    path.write_bytes(data)
    with served(path, "h265", "aac") as (url, end):
        units, _ = await read(url, audio=True)
        assert len(set(end())) == 2
    footage = encode(60, codec="h265")
    assert len(units) > 55
    assert [unit.nals for unit in units] == [unit.nals for unit in footage.units[: len(units)]]
    assert [unit.is_key for unit in units] == [unit.is_key for unit in footage.units[: len(units)]]
    assert [unit.dts_90k - units[0].dts_90k for unit in units] == pytest.approx(
        range(0, len(units) * 9_000, 9_000), abs=9
    )
    _, frames = encode_sound()
    heard = [sound for unit in units for sound in unit.audio_units]
    begin = frames.index(heard[0].data)
    assert [sound.data for sound in heard] == list(frames[begin : begin + len(heard)])
    shift = heard[0].pts_90k - units[0].pts_90k
    assert shift == pytest.approx(450 + begin * 5_760, abs=2)
    senders = [unit.sender_us for unit in units if unit.sender_us is not None]
    assert abs(senders[-1] - time.time_ns() // 1_000) < 5_000_000
    assert senders == sorted(senders)


@pytest.mark.process
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_camera_with_b_frames_gives_them_at_their_times_from_the_first_keyframe(
    tmp_path: Path, codec: CodecName
) -> None:
    path = tmp_path / "footage.mp4"
    data, _ = recorded(groups_of(30, 2, codec, sound_after_us=0))
    path.write_bytes(data)
    with served(path, codec, "aac") as (url, _):
        units, _ = await read(url)
    footage = encode(30, 2, codec=codec)
    assert len(units) > 25
    assert units[0].is_key
    assert [unit.nals for unit in units] == [unit.nals for unit in footage.units[: len(units)]]
    shown = [unit.pts_90k - units[0].pts_90k for unit in units]
    assert shown == pytest.approx([unit.pts_90k for unit in footage.units[: len(units)]], abs=9)
    assert all(after.dts_90k > before.dts_90k for before, after in pairwise(units))
    assert all(unit.pts_90k >= unit.dts_90k for unit in units)


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=40), st.integers(0, 3), st.integers(0, 40))
@example([1, 1, 1, 1, 1, 1], 3, 6)
def test_times_that_libav_leaves_out_are_filled_in(steps: list[int], delay: int, without: int) -> None:
    shown = list(accumulate(steps, initial=0))
    decoding = list(range(len(shown)))
    if delay:
        # Each fourth picture is decoded before the three that are shown before it.
        decoding = [n for start in range(0, len(shown), 4) for n in rotated(range(start, min(start + 4, len(shown))))]
    decoded = [shown[n - delay] if n >= delay else None for n in range(len(shown))]
    times: list[Times] = []
    for number, picture in enumerate(decoding):
        pts = None if number == 0 and len(shown) > 1 else shown[picture]
        times.append((pts, None if number < without else decoded[number]))
        if is_settled(times):
            break
    else:
        return
    whole = filled_in(times)
    assert [given for (given, _), (pts, _) in zip(whole, times, strict=True) if pts is not None] == [
        pts for pts, _ in times if pts is not None
    ]
    assert all(after[1] > before[1] for before, after in pairwise(whole))
    for (_, filled), (_, known) in zip(whole, times, strict=True):
        assert known in (None, filled)


@given(st.lists(st.integers(1_000, 20_000), min_size=2, max_size=60), st.integers(0, 59), st.integers(0, 50_000))
def test_pictures_that_libav_collected_are_dated_by_those_that_flow(
    steps: list[int], collected: int, late_us: int
) -> None:
    decoded = list(accumulate(steps, initial=0))
    collected = min(collected, len(decoded) - 2)
    came_us = [time * 100 // 9 + late_us for time in decoded]
    told_us = [max(came, came_us[collected]) for came in came_us]
    first = next(count for count in range(len(decoded) + 1) if is_flowing(told_us[:count], decoded[:count]))
    assert first - 1 > collected
    earliest = earliest_us(told_us[:first], decoded[:first])
    assert earliest == pytest.approx(came_us[:first], abs=1)


def rotated(part: range) -> list[int]:
    """The last one first."""
    return [part[-1], *part[:-1]]


@pytest.mark.process
async def test_sound_that_nobody_wants_is_not_even_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "footage.mp4"
    data, _ = recorded(groups_of(30, sound_after_us=0))
    path.write_bytes(data)
    with served(path, "h264", "aac") as (url, end):
        units, _ = await read(url)
        assert len(set(end())) == 1
    assert len(units) > 20
    assert {(unit.audio, unit.audio_units) for unit in units} == {(None, ())}


@pytest.mark.process
async def test_sound_of_another_codec_is_named_once_and_the_pictures_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "footage.mp4"
    data, _ = recorded(groups_of(30))
    path.write_bytes(data)
    with served(path, "h264", "pcmu") as (url, _):
        units, _ = await read(url, audio=True, count=25)
    assert len(units) == 25
    assert {(unit.audio, unit.audio_units) for unit in units} == {(None, ())}
    said = [record for record in caplog.records if record.message == "sound is not recorded"]
    assert [vars(record)["problem"] for record in said] == ["AAC was expected, the camera sends pcm_mulaw"]


async def test_another_codec_is_named(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), format="yuv420p")))
    units, error = await read(str(path))
    assert units == []
    assert error is not None
    assert error.cause is Cause.UNSUPPORTED_STREAM
    assert error.detail == "H.264 or H.265 was expected, the camera sends mpeg2video"


async def test_what_is_missing_in_mpeg_ts_is_counted_where_it_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    stored(path)
    whole, _ = await read(str(path))
    data = path.read_bytes()
    packets = [data[start : start + 188] for start in range(0, len(data), 188)]
    pictures = [number for number, packet in enumerate(packets) if packet[1:3] in (b"\x41\x00", b"\x01\x00")]
    del packets[pictures[len(pictures) // 2]]
    path.write_bytes(b"".join(packets))
    source = PyAVSource(Address(str(path)), asyncio.get_running_loop())
    units, _ = await taken(source)
    assert len(units) >= len(whole) - 1
    assert {unit.lost_packets for unit in whole} == {0}
    assert sum(unit.lost_packets for unit in units) == source.lost_packets == 1


@pytest.mark.parametrize("container", ["ts", "flv", "mp4"])
@given(st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_comes_a_source_ends_with_a_reason(tmp_path: Path, container: str, data: st.DataObject) -> None:
    path = tmp_path / f"footage.{container}"
    if not path.exists():
        stored(path)
    bad = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 30))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "bad").write_bytes(bad[: data.draw(st.integers(1, len(bad)))])
    units, error = asyncio.run(read(str(tmp_path / "bad"), audio=data.draw(st.booleans())))
    assert error is not None
    # That is what is said of defects of ours.
    assert not error.detail.startswith("the stream cannot be read")
    assert all(unit.nals for unit in units)


async def test_a_stream_that_breaks_off_before_its_codec_is_known_is_one_that_cannot_be_recorded(
    tmp_path: Path,
) -> None:
    path = tmp_path / "footage.flv"
    stored(path)
    path.write_bytes(path.read_bytes()[:199])
    units, error = await read(str(path))
    assert units == []
    assert error is not None
    assert error.detail == "H.264 or H.265 was expected, the camera sends something unknown"


async def test_what_is_no_stream_at_all_is_said_without_the_password(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    path.write_bytes(b"hello " * 1_000)
    for url in (
        str(path),
        str(tmp_path / "gone.ts"),
        "rtsp://user:hunter2@127.0.0.1:9/main",
        "http://u:hunter2@127.0.0.1:9/",
    ):
        units, error = await read(url)
        assert units == []
        assert error is not None
        assert error.cause is Cause.CAMERA_UNREACHABLE
        assert "hunter2" not in error.detail
        assert error.detail.startswith("the camera cannot be reached: ")
