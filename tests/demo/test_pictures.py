"""Pictures tell their own time, and separately encoded parts of them become one."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import scenes, slices, timecode

WIDTH = 320


@given(milliseconds=st.integers(0, 2**41 - 1), factor=st.sampled_from([1, 2, 4]), noise=st.integers(0, 60))
def test_a_picture_says_when_it_was_taken(milliseconds: int, factor: int, noise: int) -> None:
    gray = np.full((180 * factor, WIDTH * factor), 120, np.uint8)
    timecode.draw(gray, milliseconds)
    rng = np.random.default_rng(noise)
    noisy = np.clip(gray + rng.integers(-noise, noise + 1, gray.shape), 0, 255).astype(np.uint8)

    assert timecode.read(noisy) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


@given(milliseconds=st.integers(1_024, 2**41 - 2_000), step=st.integers(1, 1_023))
def test_the_time_of_the_next_picture_changes_one_block_besides_the_last_ones(milliseconds: int, step: int) -> None:
    """However far a carry goes: nothing shall seem to move in all cameras at once."""
    rows = []
    for at in (milliseconds, milliseconds + step):
        gray = np.full((180, WIDTH), 120, np.uint8)
        timecode.draw(gray, at)
        rows.append(gray[0, :: timecode.block_size(WIDTH)][:31])

    assert np.count_nonzero(rows[0] != rows[1]) <= 1


def test_a_scaled_picture_still_says_it() -> None:
    gray = np.full((720, 1280), 120, np.uint8)
    timecode.draw(gray, 1_795_330_489_123)
    picture = av.VideoFrame.from_ndarray(gray, format="gray").reformat(width=500, height=281)

    assert timecode.read(picture.to_ndarray()) == datetime(2026, 11, 22, 6, 54, 49, 123000, UTC)


@pytest.mark.parametrize("level", [0, 100, 255])
def test_a_picture_without_a_time_says_so(level: int) -> None:
    with pytest.raises(ValueError, match="no readable time"):
        timecode.read(np.full((180, WIDTH), level, np.uint8))


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_scenes_leave_the_sky_to_the_clock(scene: str) -> None:
    top = round(scenes.HEIGHT * 0.17)

    assert np.array_equal(scenes.background(scene, "any")[:top], scenes.sky()[:top])


def encode(pictures: list[np.ndarray]) -> list[bytes]:
    """As `demo.drawing` encodes a part: baseline H.264 without deblocking at a constant quantizer."""
    height, width = pictures[0].shape
    coder = av.CodecContext.create("libx264", "w")
    assert isinstance(coder, av.VideoCodecContext)
    coder.width, coder.height, coder.pix_fmt, coder.time_base = width, height, "yuv420p", Fraction(1, 5)
    coder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "qp": "24",
        "x264-params": "keyint=5:scenecut=0:threads=1:bframes=0:annexb=1",
    }
    packets = []
    for number, gray in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
        frame.pts = number
        packets += coder.encode(frame)
    return [bytes(packet) for packet in packets]


def decode(units: list[bytes]) -> list[np.ndarray]:
    coder = av.CodecContext.create("h264", "r")
    assert isinstance(coder, av.VideoCodecContext)
    frames = [frame for unit in units for frame in coder.decode(av.Packet(unit))] + coder.decode(None)
    return [frame.to_ndarray()[: frame.height] for frame in frames]


def moving(rng: np.random.Generator, height: int) -> list[np.ndarray]:
    """Five pictures with something that moves, away from the edges."""
    background = rng.integers(60, 180, (height // 16, WIDTH // 16), np.uint8).repeat(16, 0).repeat(16, 1)
    pictures = [background.copy() for _ in range(5)]
    for number, picture in enumerate(pictures):
        picture[height // 3 : height // 3 + 12, 20 + 9 * number : 60 + 9 * number] = 230
    return pictures


@given(st.integers(0, 2**32))
def test_two_parts_become_one_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    above, below = encode(moving(rng, 48)), encode(moving(rng, 128))
    whole = slices.parameter_sets(encode([np.full((176, WIDTH), 90, np.uint8)])[0])
    first = 48 // 16 * (WIDTH // 16)

    joined = [
        slices.join(
            (slices.place(slices.slice_of(a), whole, 0, 1), slices.place(slices.slice_of(b), whole, first, 1)), whole
        )
        for a, b in zip(above, below, strict=True)
    ]

    parts = zip(decode(above), decode(below), strict=True)
    assert all(np.array_equal(got, np.vstack(both)) for got, both in zip(decode(joined), parts, strict=True))
