"""H.264 and MP4: what is written is what is read back, whatever is cut off, and others' software agrees."""

import hashlib
import io
import subprocess
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.media import cmaf, h264, h265
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.boxes import BoxError
from safe_community_recorder.media.clip import Clip, NoFootageError, build_clip
from safe_community_recorder.media.cmaf import ClockSource, Group, Sample, encode_group, init_segment
from safe_community_recorder.media.mpegts import TransportStream
from safe_community_recorder.media.picture import PictureError, decode_keyframe, to_gray, to_jpeg
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.video import (
    VideoFormat,
    join_annexb,
    length_prefixed,
    split_annexb,
    split_length_prefixed,
)
from tests.recorder.footage import PICTURE_90K, brightness_of, encode

T0 = 1_795_330_489_123_456  # 2026-11-22, with odd microseconds
GROUP_US = 1_000_000

nals = st.lists(st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"\x00", b"\x01")), min_size=1, max_size=8)


def file_of(groups: list[list[Sample]], start_us: int = T0, video: VideoFormat | None = None) -> bytes:
    """A recording file of these groups, one a second."""
    data = b""
    for number, samples in enumerate(groups):
        utc_us = start_us + number * GROUP_US
        group = Group(video or encode().video, utc_us, tuple(samples))
        data = data or init_segment(group)
        buffers, _ = encode_group(number + 1, (utc_us - start_us) * 9 // 100, group, len(data))
        data += b"".join(buffers)
    return data


def groups_of(pictures: int = 30, b_frames: int = 0) -> list[list[Sample]]:
    """Real footage as samples, by group."""
    groups: list[list[Sample]] = []
    for unit in encode(pictures, b_frames).units:
        if unit.is_key:
            groups.append([])
        groups[-1].append(Sample(unit.data, PICTURE_90K, unit.pts_90k - unit.dts_90k))
    return groups


def read(data: bytes) -> cmaf.RecordingFile:
    """Reads a file that lies in memory."""
    return read_recording(lambda position, count: data[position : position + count], len(data))


def clip_bytes(clip: Clip, data: bytes) -> bytes:
    """All bytes of a clip of one file."""
    return clip.head + b"".join(data[part.offset : part.offset + part.size] for part in clip.parts)


def brightness(video: bytes) -> list[int]:
    """The pictures a player shows, by their brightness."""
    with av.open(io.BytesIO(video), "r") as container:
        return [round(float(frame.to_ndarray(format="yuv420p")[:48].mean())) for frame in container.decode(video=0)]


@given(nals)
def test_nal_units_survive_both_framings(units: list[bytes]) -> None:
    assert split_annexb(join_annexb(units)) == units
    assert split_length_prefixed(length_prefixed(units)) == units


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_parsers(data: bytes) -> None:
    for parse in (
        split_length_prefixed,
        h264.sequence_parameters,
        h264.read_decoder_configuration,
        h265.sequence_parameters,
        h265.read_decoder_configuration,
    ):
        with suppress(BitstreamError):
            parse(data)
    split_annexb(data)


def test_the_picture_size_is_that_of_the_parameter_set() -> None:
    for width, height in ((64, 48), (320, 180), (1280, 720), (1920, 1080), (70, 50)):
        video = encode(1, 0, width, height).video
        assert (video.width, video.height) == (width, height)


samples = st.builds(
    Sample,
    st.binary(min_size=1, max_size=60),
    st.integers(1, 2**32 - 1),
    st.integers(-(2**31), 2**31 - 1),
)


@given(st.lists(st.lists(samples, min_size=1, max_size=12), min_size=1, max_size=5), st.integers(0, 2**51))
def test_what_is_written_is_read_back(groups: list[list[Sample]], start_us: int) -> None:
    data = file_of(groups, start_us)
    file = read(data)
    assert file.size == len(data)
    assert file.video == encode().video
    assert [fragment.utc_us for fragment in file.fragments] == [start_us + n * GROUP_US for n in range(len(groups))]
    for fragment, group in zip(file.fragments, groups, strict=True):
        assert fragment.durations.tolist() == [sample.duration_90k for sample in group]
        assert fragment.offsets.tolist() == [sample.offset_90k for sample in group]
        ends = np.cumsum(fragment.sizes)
        read_back = [
            data[fragment.data + end - size : fragment.data + end]
            for end, size in zip(ends.tolist(), fragment.sizes.tolist(), strict=True)
        ]
        assert read_back == [sample.data for sample in group]


def test_a_file_cut_anywhere_keeps_all_whole_fragments() -> None:
    whole = file_of(groups_of(30))
    ends = [fragment.end for fragment in read(whole).fragments]
    for cut in range(ends[0], len(whole)):
        torn = read(whole[:cut])
        assert torn.size == max(end for end in ends if end <= cut)
        assert len(torn.fragments) == sum(end <= cut for end in ends)


@pytest.mark.parametrize("flags", range(33))
def test_a_fragment_says_how_its_time_was_got_and_unknown_ways_count_as_arrival(flags: int) -> None:
    group = Group(encode().video, T0, tuple(groups_of(10)[0]), ClockSource.SENDER_REPORT)
    head = init_segment(group)
    data = bytearray(head + b"".join(encode_group(1, 0, group, len(head))[0]))
    assert read(bytes(data)).fragments[0].clock is ClockSource.SENDER_REPORT
    data[len(head) + 9 : len(head) + 12] = flags.to_bytes(3)
    expected = ClockSource.SENDER_REPORT if flags == 24 else ClockSource.ARRIVAL
    assert read(bytes(data)).fragments[0].clock is expected


def test_a_file_without_its_beginning_is_refused() -> None:
    whole = file_of(groups_of(10))
    head = read(whole).fragments[0].start
    for data in (b"", whole[: head - 1], whole[head:], b"RIFF" * 30):
        with pytest.raises(BoxError):
            read(data)


@given(st.binary(max_size=300))
def test_garbage_behind_a_file_is_left_out(garbage: bytes) -> None:
    whole = file_of(groups_of(10))
    assert read(whole + garbage).size == len(whole)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_ffprobe_and_a_decoder_accept_a_recording_file(tmp_path: Path, b_frames: int) -> None:
    path = tmp_path / "recording.mp4"
    path.write_bytes(file_of(groups_of(30, b_frames), video=encode(30, b_frames).video))
    probed = subprocess.run(
        [
            "ffprobe",
            "-v",
            "warning",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,nb_read_frames",
            "-of",
            "csv=p=0",
            path,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert probed.stdout.strip() == "h264,30"
    assert probed.stderr == ""


@pytest.mark.parametrize("b_frames", [0, 2])
@settings(max_examples=40)
@given(st.integers(0, 29), st.integers(1, 30))
def test_a_clip_shows_exactly_the_pictures_of_its_range(b_frames: int, first: int, count: int) -> None:
    last = min(30, first + count)
    data = file_of(groups_of(30, b_frames), video=encode(30, b_frames).video)
    clip = build_clip([("file", read(data))], T0 + first * 100_000, T0 + last * 100_000)
    shown = brightness(clip_bytes(clip, data))
    # Pictures before the asked instant are decoded, but the edit list tells players not to show them.
    assert shown[-(last - first) :] == [pytest.approx(brightness_of(n), abs=2) for n in range(first, last)]
    assert len(shown) == last - first or b_frames or first % 10
    assert clip.size == len(clip_bytes(clip, data))


def test_a_clip_is_the_same_every_time_and_ordinary_mp4(tmp_path: Path) -> None:
    data = file_of(groups_of(30))
    one, two = (build_clip([("file", read(data))], T0 + 500_000, T0 + 2_500_000) for _ in range(2))
    assert hashlib.sha256(clip_bytes(one, data)).digest() == hashlib.sha256(clip_bytes(two, data)).digest()
    assert one.etag == two.etag
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip_bytes(one, data))
    probed = subprocess.run(
        ["ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0", path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(probed.stdout) == pytest.approx(2.0, abs=0.001)
    assert probed.stderr == ""


def test_a_clip_goes_over_files_and_gaps() -> None:
    one, two = file_of(groups_of(20)), file_of(groups_of(10), T0 + 60_000_000)
    files = [("one", read(one)), ("two", read(two))]
    clip = build_clip(files, T0, T0 + 120_000_000)
    content = {"one": one, "two": two}
    data = clip.head + b"".join(content[p.path][p.offset : p.offset + p.size] for p in clip.parts)
    assert len(brightness(data)) == 30
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration == 3_000_000
    assert (clip.start_us, clip.end_us) == (T0, T0 + 61_000_000)


def test_a_range_without_footage_has_no_clip() -> None:
    files = [("file", read(file_of(groups_of(10))))]
    for start, end in ((T0 - 10, T0), (T0 + 1_000_000, T0 + 2_000_000)):
        with pytest.raises(NoFootageError):
            build_clip(files, start, end)


def test_a_viewer_can_join_the_transport_stream_at_any_keyframe() -> None:
    footage = encode(30)
    stream = TransportStream(footage.video)
    chunks = [stream.mux(unit.nals, unit.pts_90k, unit.dts_90k, is_key=unit.is_key) for unit in footage.units]
    for first in (0, 10, 20):
        with av.open(io.BytesIO(b"".join(chunks[first:])), "r", format="mpegts") as container:
            assert sum(1 for _ in container.decode(video=0)) == 30 - first


def test_a_keyframe_becomes_a_picture() -> None:
    footage = encode(11, 0, 320, 180)
    frame = decode_keyframe(footage.video, footage.units[10].nals)
    assert to_gray(frame, 160, 96).shape == (96, 160)
    with av.open(io.BytesIO(to_jpeg(frame, 160)), "r") as picture:
        jpeg = next(picture.decode(video=0))
    assert (jpeg.width, jpeg.height) == (160, 90)
    assert float(jpeg.to_ndarray(format="gray").mean()) == pytest.approx((brightness_of(10) - 16) * 255 / 219, abs=2)


def test_garbage_is_no_picture() -> None:
    with pytest.raises(PictureError):
        decode_keyframe(encode().video, [b"\x65garbage" * 5])
