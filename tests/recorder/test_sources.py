"""Streams by libav, whatever their framing; and what is said when a stream is not one that can be recorded."""

import asyncio
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import SourceError
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import encode


async def read(url: str) -> tuple[list[AccessUnit], SourceError]:
    """Everything that a source gives, and why it ended."""
    source = PyAVSource(url, asyncio.get_running_loop())
    units = []
    try:
        async with asyncio.timeout(15):
            async for unit in source.access_units():
                units.append(unit)  # noqa: PERF401  kept when the stream ends with its error
    except SourceError as error:
        return units, error
    finally:
        await source.close()
    raise AssertionError("a source ends with an error")


def stored(path: Path) -> None:
    """The test's footage in a container."""
    footage = encode(30)
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("h264", width=64, height=48, time_base=Fraction(1, 90_000))
        for unit in footage.units:
            nals = [*footage.video.parameter_sets, *unit.nals] if unit.is_key else unit.nals
            packet = av.Packet(b"".join(b"\0\0\0\1" + nal for nal in nals))
            packet.stream = stream
            packet.time_base = Fraction(1, 90_000)
            packet.pts, packet.dts, packet.is_keyframe = unit.pts_90k, unit.dts_90k, unit.is_key
            container.mux(packet)


@pytest.mark.parametrize("container", ["ts", "flv"])
async def test_start_codes_and_lengths_give_the_same_pictures(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"footage.{container}"
    stored(path)
    units, error = await read(str(path))
    footage = encode(30)
    assert error.cause is Cause.CAMERA_UNREACHABLE
    assert [unit.nals[-1] for unit in units] == [unit.nals[-1] for unit in footage.units]
    assert [unit.is_key for unit in units] == [unit.is_key for unit in footage.units]
    assert {unit.video for unit in units} == {footage.video}
    steps = np.diff([unit.dts_90k for unit in units])
    assert set(steps.tolist()) == {9_000}


async def test_another_codec_is_named(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), format="yuv420p")))
    units, error = await read(str(path))
    assert units == []
    assert error.cause is Cause.UNSUPPORTED_STREAM
    assert error.detail == "H.264 or H.265 was expected, the camera sends mpeg2video"


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
        assert error.cause is Cause.CAMERA_UNREACHABLE
        assert "hunter2" not in error.detail
        assert error.detail.startswith("the camera cannot be reached: ")
