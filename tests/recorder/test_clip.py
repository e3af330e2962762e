"""The virtual MP4 shows the pictures that were taken in its range, with the sound of that time, and nothing else."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.media.boxes import find
from safe_community_recorder.media.clip import NoFootageError, build_clip, build_time_lapse
from safe_community_recorder.media.cmaf import Fragment, RecordingFile
from safe_community_recorder.media.video import CodecName
from tests.recorder.films import GAP_US, KINDS, PICTURE_US, T0, TAKEN_US, S, expected, film, instants, shown
from tests.recorder.footage import PICTURE_90K, brightness_of, encode, groups_of, recorded


@pytest.mark.parametrize(("codec", "b_frames"), KINDS)
@pytest.mark.parametrize("closed", [True, False])
@settings(max_examples=40)
@given(st.tuples(instants, instants).map(sorted))
def test_a_clip_shows_exactly_the_pictures_taken_in_its_range(
    codec: CodecName, b_frames: int, closed: bool, limits: list[int]
) -> None:
    start_us, end_us = T0 + limits[0], T0 + limits[1]
    numbers = expected(start_us, end_us)
    if not numbers:
        return
    one = film(codec, b_frames, closed=closed)
    clip = build_clip(one.files, start_us, end_us)
    pictures = shown(one.bytes_of(clip))
    assert [light for _, light in pictures] == [pytest.approx(brightness_of(number), abs=2) for number in numbers]
    assert [at_s for at_s, _ in pictures] == [pytest.approx(n * 0.1, abs=0.001) for n in range(len(numbers))]
    assert (clip.start_us, clip.end_us) == (TAKEN_US[numbers[0]], TAKEN_US[numbers[-1]] + PICTURE_US)
    # What the pieces say of each picture's instant is true.
    for number, (at_s, _) in zip(numbers, pictures, strict=True):
        piece = [piece for piece in clip.pieces if piece.at_90k <= at_s * 90_000 + 1][-1]
        assert piece.start_us + at_s * S - piece.at_90k * 100 / 9 == pytest.approx(TAKEN_US[number], abs=100)


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h265", 2)])
@settings(max_examples=30)
@given(st.tuples(instants, instants, instants).map(sorted))
def test_two_clips_side_by_side_show_what_one_over_both_shows(
    codec: CodecName, b_frames: int, limits: list[int]
) -> None:
    first, middle, last = (T0 + limit for limit in limits)
    one = film(codec, b_frames)

    def pictures(start_us: int, end_us: int) -> list[bytes]:
        """The coded pictures that are shown, in the order of their time."""
        if not expected(start_us, end_us):
            return []
        with av.open(io.BytesIO(one.bytes_of(build_clip(one.files, start_us, end_us))), "r") as container:
            duration = container.duration
            assert duration is not None
            packets = [(p.pts * p.time_base, bytes(p)) for p in container.demux(video=0) if p.pts is not None]
        return [data for at_s, data in sorted(packets) if 0 <= at_s < duration / S - 0.001]

    assert pictures(first, middle) + pictures(middle, last) == pictures(first, last)


def test_a_range_between_two_pictures_is_the_one_that_shows_then() -> None:
    one = film()
    clip = build_clip(one.files, T0 + 4 * PICTURE_US + 20_000, T0 + 4 * PICTURE_US + 70_000)
    assert [light for _, light in shown(one.bytes_of(clip))] == [pytest.approx(brightness_of(4), abs=2)]
    assert (clip.start_us, clip.end_us) == (T0 + 4 * PICTURE_US, T0 + 5 * PICTURE_US)


def test_a_range_without_footage_has_no_clip() -> None:
    for start_us, end_us in ((T0 - 10, T0), (T0 + 6 * S, T0 + 6 * S + GAP_US), (T0 + 2 * GAP_US, T0 + 3 * GAP_US)):
        with pytest.raises(NoFootageError):
            build_clip(film().files, start_us, end_us)


def test_a_clip_over_a_gap_says_where_it_jumps() -> None:
    clip = build_clip(film().files, T0, T0 + 2 * GAP_US)
    assert [(piece.start_us, piece.end_us, piece.at_90k) for piece in clip.pieces] == [
        (T0, T0 + 6 * S, 0),
        (T0 + 6 * S + GAP_US, T0 + 9 * S + GAP_US, 6 * 90_000),
    ]
    assert clip.duration_90k == 9 * 90_000


@pytest.mark.parametrize("kept", range(2, 10))
def test_pictures_before_a_gap_stay_before_those_behind_it_wherever_the_stream_broke_off(kept: int) -> None:
    """With B-frames, the last picture that came may be shown later than others that never came."""
    *whole, broken = groups_of(30, 2, start_us=T0)
    broken = replace(broken, samples=broken.samples[:kept])
    one, one_file = recorded([*whole, broken])
    two, two_file = recorded(groups_of(10, 2, start_us=T0 + GAP_US))
    clip = build_clip([("one", one_file), ("two", two_file)], T0, T0 + 2 * GAP_US)
    content = {"one": one, "two": two}
    data = clip.head + b"".join(content[p.path][p.offset : p.offset + p.size] for p in clip.parts)
    with av.open(io.BytesIO(data), "r") as container:
        shown_90k = [round(p.pts * p.time_base * 90_000) for p in container.demux(video=0) if p.pts is not None]
    behind = 20 + kept
    assert min(shown_90k[behind:]) >= max(shown_90k[:behind]) + PICTURE_90K
    assert len(shown(data)) == 30 + kept


def test_a_clip_over_a_change_of_the_picture_size_shows_both() -> None:
    small, small_file = recorded(groups_of(10, start_us=T0))
    large, large_file = recorded(groups_of(10, start_us=T0 + S, size=(128, 96)))
    clip = build_clip([("small", small_file), ("large", large_file)], T0 + S // 2, T0 + 2 * S)
    content = {"small": small, "large": large}
    data = clip.head + b"".join(content[p.path][p.offset : p.offset + p.size] for p in clip.parts)
    with av.open(io.BytesIO(data), "r") as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(64, 48)] * 5 + [(128, 96)] * 10
    assert [video.width for video in clip.formats] == [64, 128]


def test_a_clip_tells_its_time_and_is_the_same_every_time(tmp_path: Path) -> None:
    one = film(sound=True)
    clips = [build_clip(one.files, T0 + S // 2, T0 + 5 * S // 2) for _ in range(2)]
    assert one.bytes_of(clips[0]) == one.bytes_of(clips[1])
    assert clips[0].etag == clips[1].etag
    path = tmp_path / "clip.mp4"
    path.write_bytes(one.bytes_of(clips[0]))
    probed = subprocess.run(
        [*("ffprobe", "-v", "warning", "-show_format", "-show_streams", "-of", "json"), path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert probed.stderr == ""
    told: dict[str, Any] = json.loads(probed.stdout)
    assert told["format"]["tags"]["creation_time"] == "2026-11-22T06:54:49.000000Z"
    assert told["format"]["tags"]["com.apple.quicktime.creationdate"] == "2026-11-22T06:54:49.623456Z"
    assert [stream["codec_name"] for stream in told["streams"]] == ["h264", "aac"]
    assert float(told["streams"][0]["duration"]) == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize(("codec", "b_frames"), KINDS)
def test_the_track_is_as_long_as_its_samples_wherever_the_clip_ends(codec: CodecName, b_frames: int) -> None:
    """mdhd is the sum of stts (ISO/IEC 14496-12 §8.4.2.3): GPAC's MP4Box computes it anew and says if it differs."""
    one = film(codec, b_frames)
    for pictures in range(1, 25):
        head = build_clip(one.files, T0, T0 + pictures * PICTURE_US).head
        mdhd = find(head, b"moov", b"trak", b"mdia", b"mdhd")
        stts = find(head, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts")
        counts, durations = np.frombuffer(head[stts.body + 8 : stts.end], dtype=">u4").reshape(-1, 2).T
        assert int.from_bytes(head[mdhd.body + 24 : mdhd.body + 32]) == int(counts @ durations)


# --- large ------------------------------------------------------------------------------------------------------------


def test_a_clip_beyond_four_gigabytes_finds_its_pictures(tmp_path: Path) -> None:
    """Two fragments 5 GB apart in a sparse file: the second one's pictures are real."""
    data, file = recorded(groups_of(20, start_us=T0))
    near, far = file.fragments
    apart = 5 << 30
    path = tmp_path / "large.mp4"
    with path.open("wb") as sparse:
        sparse.write(data[: near.end])
        sparse.seek(far.start + apart)
        sparse.write(data[far.start :])
    moved = Fragment(
        far.utc_us,
        far.base_90k,
        far.start + apart,
        far.data + apart,
        far.end + apart,
        far.sizes,
        far.durations,
        far.offsets,
    )
    # As if what lies between belonged to the first fragment: then it is one part of the clip.
    stretched = Fragment(
        near.utc_us, near.base_90k, near.start, near.data, moved.start, near.sizes, near.durations, near.offsets
    )
    clip = build_clip([(str(path), RecordingFile(file.video, (stretched, moved), moved.end))], T0, T0 + 2 * S)
    assert clip.size > apart
    whole = tmp_path / "clip.mp4"
    with whole.open("wb") as sparse:
        sparse.write(clip.head)
        for part in clip.parts:
            sparse.write(data[part.offset : near.end])
            sparse.seek(len(clip.head) + part.size - (len(data) - far.start))
            sparse.write(data[far.start :])
    with av.open(str(whole)) as container:
        lights = [round(float(f.to_ndarray(format="yuv420p")[:48].mean())) for f in container.decode(video=0)]
    assert lights == [pytest.approx(brightness_of(number), abs=2) for number in range(20)]


def test_the_head_of_a_day_is_built_of_what_it_weighs() -> None:
    """A day of 25 pictures a second: two million samples, in files of five minutes that nobody holds together."""
    sizes = np.full(50, 20_000, dtype=np.uint32)
    durations = np.full(50, 3_600, dtype=np.uint32)
    offsets = np.zeros(50, dtype=np.int32)
    video = encode().video

    def file(number: int) -> tuple[str, RecordingFile]:
        fragments = tuple(
            Fragment(
                T0 + (number * 150 + n) * 2 * S,
                n * 180_000,
                1_000 + n * 1_000_100,
                1_100 + n * 1_000_100,
                1_000 + (n + 1) * 1_000_100,
                sizes,
                durations,
                offsets,
            )
            for n in range(150)
        )
        return f"{number}", RecordingFile(video, fragments, fragments[-1].end)

    clip = build_clip((file(number) for number in range(288)), T0, T0 + 24 * GAP_US)
    assert clip.duration_90k == 24 * 3_600 * 90_000
    assert len(clip.parts) == 288
    # Four bytes for each picture's size, eight for each fragment's place, four for each keyframe.
    assert len(clip.head) < 288 * 150 * (50 * 4 + 8 + 4) + 2_000


# --- time-lapse -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codec", "b_frames"), KINDS)
def test_a_time_lapse_shows_keyframes_spread_over_the_range(codec: CodecName, b_frames: int) -> None:
    one = film(codec, b_frames, sound=True)
    every = build_time_lapse(one.files, T0, T0 + 2 * GAP_US, 10_000, 10)
    lights = [light for _, light in shown(one.bytes_of(every))]
    assert lights == [pytest.approx(brightness_of(n), abs=2) for _ in range(3) for n in (0, 10, 20)]
    assert every.duration_90k == 9 * 9_000
    assert every.size < build_clip(one.files, T0, T0 + 2 * GAP_US, sound=False).size
    few = build_time_lapse(one.files, T0, T0 + 6 * S, 3, 2)
    assert [at_s for at_s, _ in shown(one.bytes_of(few))] == [0, 0.5, 1]
    assert [piece.start_us for piece in few.pieces] == [T0, T0 + 2 * S, T0 + 4 * S]
