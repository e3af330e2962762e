"""H.265 beside H.264: parameter sets, configuration records, pictures, live streams, clips and files of both."""

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.archive.recovery import read_file
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.boxes import find
from safe_community_recorder.media.clip import build_clip
from safe_community_recorder.media.cmaf import Group, init_segment
from safe_community_recorder.media.codec import CODECS, H264, H265, ParameterSets
from safe_community_recorder.media.h265 import is_random_access
from safe_community_recorder.media.mpegts import TransportStream
from safe_community_recorder.media.picture import decode_keyframe, to_gray
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.video import CodecName, join_annexb
from tests.recorder.archives import ALWAYS, Folder, S, file_start_us, record
from tests.recorder.footage import Footage, brightness_of, encode, groups_of, recorded

T0 = 1_795_330_489_123_456
BOTH: tuple[CodecName, ...] = ("h264", "h265")


def ffmpeg_record(footage: Footage, directory: Path) -> bytes:
    """The avcC or hvcC that ffmpeg writes for the same stream."""
    codec = CODECS[footage.video.codec]
    stream, file = directory / f"stream.{footage.video.codec}", directory / f"{footage.video.codec}.mp4"
    sets = footage.video.parameter_sets
    stream.write_bytes(b"".join(join_annexb([*(sets if unit.is_key else ()), *unit.nals]) for unit in footage.units))
    tag = codec.sample_entry.decode()
    command = ["ffmpeg", "-v", "error", "-y", "-f", codec.libav_name, "-i", str(stream), "-c", "copy", "-tag:v", tag]
    subprocess.run([*command, str(file)], check=True)
    data = file.read_bytes()
    entries = find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    entry = find(data, codec.sample_entry, start=entries.body + 8, end=entries.end)
    record = find(data, codec.record, start=entry.body + 78, end=entry.end)
    return data[record.body : record.end]


def without_zeros(nals: Sequence[bytes]) -> tuple[bytes, ...]:
    """Debian's ffmpeg leaves a zero of the next start code at the end of a parameter set."""
    return tuple(nal.rstrip(b"\0") for nal in nals)


@pytest.mark.parametrize("codec", BOTH)
@pytest.mark.parametrize("size", [(64, 48), (70, 50), (320, 180), (1280, 720), (1920, 1080)])
def test_the_picture_size_is_that_of_the_parameter_sets(codec: CodecName, size: tuple[int, int]) -> None:
    video = encode(1, 0, *size, codec=codec).video
    assert (video.codec, video.width, video.height) == (codec, *size)


@pytest.mark.parametrize("codec", BOTH)
def test_a_configuration_record_brings_its_parameter_sets_back(codec: CodecName) -> None:
    video = encode(codec=codec).video
    assert CODECS[codec].read_record(CODECS[codec].write_record(video.parameter_sets)) == video.parameter_sets


def test_the_configuration_records_are_those_that_ffmpeg_writes(tmp_path: Path) -> None:
    for preset in ("ultrafast", "medium"):
        h264 = encode(30, 0, 64, 48, "h264", preset)
        ours, theirs = H264.write_record(h264.video.parameter_sets), ffmpeg_record(h264, tmp_path)
        assert ours[:6] == theirs[:6]
        assert without_zeros(H264.read_record(theirs)) == h264.video.parameter_sets
        is_high_profile = ours[1] == 100
        assert is_high_profile == (preset == "medium")
        if is_high_profile:
            assert ours[-4:] == theirs[-4:]
    h265 = encode(codec="h265")
    ours, theirs = H265.write_record(h265.video.parameter_sets), ffmpeg_record(h265, tmp_path)
    # Profile, tier, level, chroma format, bit depths, temporal layers; the rest is ffmpeg's guess at frame rates.
    for part in (slice(13), slice(16, 19), slice(21, 22)):
        assert ours[part] == theirs[part]
    assert without_zeros(H265.read_record(theirs)) == h265.video.parameter_sets


@given(st.sampled_from(BOTH), st.data())
def test_a_damaged_configuration_record_is_refused_or_read_never_more(codec: CodecName, data: st.DataObject) -> None:
    record = bytearray(CODECS[codec].write_record(encode(codec=codec).video.parameter_sets))
    for position in data.draw(st.lists(st.integers(0, len(record) - 1), max_size=3)):
        record[position] ^= data.draw(st.integers(0, 255))
    cut = bytes(record[: data.draw(st.integers(0, len(record)))])
    try:
        nals = CODECS[codec].read_record(cut)
    except BitstreamError:
        return
    assert all(nals)
    assert sum(map(len, nals)) <= len(cut)


def test_decoding_can_begin_at_every_sort_of_random_access_picture() -> None:
    kinds = [kind for kind in range(64) if is_random_access([bytes((kind << 1, 1)) + b"slice"])]
    assert kinds == list(range(16, 24))


@pytest.mark.parametrize("codec", BOTH)
def test_a_stream_is_known_when_all_its_parameter_sets_are(codec: CodecName) -> None:
    video = encode(codec=codec).video
    sets = ParameterSets(CODECS[codec])
    for nal in reversed(video.parameter_sets):
        assert sets.video is None
        sets.take([nal])
    assert sets.video == video


@pytest.mark.parametrize("codec", BOTH)
def test_parameter_sets_that_change_make_another_format_and_the_same_ones_do_not(codec: CodecName) -> None:
    small, large = encode(codec=codec), encode(1, 0, 320, 180, codec=codec)
    sets = ParameterSets(CODECS[codec])
    sets.take(small.video.parameter_sets)
    first = sets.video
    sets.take(small.units[0].nals)
    sets.take(small.video.parameter_sets)
    assert sets.video is first
    sets.take(large.video.parameter_sets)
    assert sets.video == large.video


def test_all_picture_parameter_sets_of_a_stream_are_kept() -> None:
    video = encode().video
    sps, pps = video.parameter_sets
    # pic_parameter_set_id 1 instead of 0: ue(v) "010" instead of "1".
    bits = int.from_bytes(pps[1:]) & ((1 << (8 * len(pps) - 9)) - 1)
    second = pps[:1] + ((0b010 << (8 * len(pps) - 9) | bits) << 6).to_bytes(len(pps))
    sets = ParameterSets(H264)
    sets.take([sps, pps, second])
    assert sets.video is not None
    assert sets.video.parameter_sets == (sps, pps, second)
    record = H264.write_record(sets.video.parameter_sets)
    assert H264.read_record(record) == (sps, pps, second)


@pytest.mark.parametrize("codec", BOTH)
def test_a_file_has_its_parameter_sets_once_and_its_samples_have_none(codec: CodecName) -> None:
    groups = groups_of(30, codec=codec, start_us=T0)
    data, _ = recorded(groups)
    assert CODECS[codec].sample_entry in init_segment(groups[0])
    for nal in groups[0].video.parameter_sets:
        assert data.count(nal) == 1
    assert read_recording(lambda at, count: data[at : at + count], len(data)).video == groups[0].video


@pytest.mark.parametrize("codec", BOTH)
def test_a_keyframe_of_either_codec_becomes_a_picture(codec: CodecName) -> None:
    footage = encode(11, 0, 320, 180, codec=codec)
    gray = to_gray(decode_keyframe(footage.video, footage.units[10].nals), 160, 96)
    assert float(gray.mean()) == pytest.approx((brightness_of(10) - 16) * 255 / 219, abs=2)


@pytest.mark.parametrize("codec", BOTH)
def test_a_viewer_can_join_either_codecs_transport_stream_at_any_keyframe(codec: CodecName) -> None:
    footage = encode(30, codec=codec)
    stream = TransportStream(footage.video)
    chunks = [stream.mux(unit) for unit in footage.units]
    for first in (0, 10, 20):
        with av.open(io.BytesIO(b"".join(chunks[first:])), "r", format="mpegts") as container:
            assert container.streams.video[0].codec_context.name == CODECS[codec].libav_name
            assert sum(1 for _ in container.decode(video=0)) == 30 - first


def test_a_clip_goes_over_a_change_of_the_picture_size() -> None:
    content: dict[str, bytes] = {}
    files = []
    for number, size in enumerate(((64, 48), (320, 180))):
        data, known = recorded(groups_of(10, codec="h265", size=size, start_us=T0 + number * 1_000_000))
        content[str(number)] = data
        files.append((str(number), known))
    clip = build_clip(files, T0, T0 + 2_000_000)
    data = clip.head + b"".join(content[p.path][p.offset : p.offset + p.size] for p in clip.parts)
    with av.open(io.BytesIO(data), "r") as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(64, 48)] * 10 + [(320, 180)] * 10


async def test_a_camera_that_changes_codec_size_or_sound_begins_a_new_file_and_the_footage_goes_on(
    tmp_path: Path,
) -> None:
    start_us = file_start_us(600 * S)
    sorts: list[list[Group]] = []
    kinds: tuple[tuple[CodecName, tuple[int, int], int | None], ...] = (
        ("h264", (64, 48), None),
        ("h264", (320, 180), None),
        ("h265", (320, 180), None),
        ("h265", (320, 180), 0),
        ("h264", (64, 48), None),
    )
    for codec, size, sound_after_us in kinds:
        at_us = start_us + 2 * S * len(sorts)
        sorts.append(groups_of(20, 0, codec, size=size, start_us=at_us, sound_after_us=sound_after_us))
    folder = Folder(tmp_path)
    archive = folder.open()
    await archive.start()
    items: list[Group | Cause | tuple[Group, Cause]] = [group for groups in sorts for group in groups]
    await record(archive, "stop", items)
    rows = await archive.recordings("stop", ALWAYS)
    assert [row.start_us for row in rows] == [start_us + 2 * S * n for n in range(len(sorts))]
    spans, _ = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start_us, start_us + 2 * S * len(sorts))]
    assert await archive.stop()
    for row, groups in zip(rows, sorts, strict=True):
        file = read_file(folder.archive / row.path)
        assert file.closed
        assert (file.video, file.audio) == (groups[0].video, groups[0].audio)
        with av.open(str(folder.archive / row.path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 20
