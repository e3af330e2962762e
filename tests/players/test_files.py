"""Clips of a recorder that records: the pictures the camera sent, to the last pixel, and nothing to complain of."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.faults.evidence import read, recording_files
from tests.players.watched import KINDS, PICTURE_US, Watched, pictures_of, probe

S = 1_000_000
every_kind = pytest.mark.parametrize("watched", [kind.id for kind in KINDS], indirect=True)


def ranges(watched: Watched) -> list[tuple[int, int]]:
    """Over the gap; within a group; a picture; over the border of two files, with odd ends; all until now."""
    # The camera's times come in 1/90000 s and as NTP timestamps: a picture's UTC is right to some microseconds.
    first_us, second_us = (run.begin_us - 1_000 for run in watched.runs)
    return [
        (first_us, watched.until_us),
        (first_us + 2_350_000, first_us + 2_750_000),
        (first_us + 3 * S, first_us + 3 * S + 10_000),
        (first_us + 1_234_567, first_us + 11_765_432),
        (second_us + 50_000, second_us + 8 * S + 50_000),
    ]


def sound_of(watched: Watched, start_us: int, end_us: int) -> list[int]:
    """When the frames of sound begin that are recorded in the range, in UTC."""
    taken_us = []
    for path in recording_files(watched.recorder.archive, watched.kind.id):
        file = read(path)
        assert file.audio is not None
        for fragment in file.fragments:
            if fragment.audio is not None:
                durations = fragment.audio.durations.astype(np.int64)
                # Sound may begin before the file's first picture.
                at = np.cumsum(durations) - durations + fragment.audio.base
                zero_us = fragment.utc_us - fragment.base_90k * 100 // 9
                taken_us += [int(zero_us + one * S / file.audio.sample_rate) for one in at]
    return [one_us for one_us in taken_us if start_us <= one_us < end_us]


@every_kind
def test_a_clip_shows_what_the_camera_sent_to_the_last_pixel(watched: Watched, tmp_path: Path) -> None:
    assert len(recording_files(watched.recorder.archive, watched.kind.id)) > 5
    for start_us, end_us in ranges(watched):
        expected = watched.expected(start_us, end_us)
        assert expected
        clip = watched.download(start_us, end_us, tmp_path / "clip.mp4")
        assert pictures_of(clip) == expected


@every_kind
def test_a_clip_shows_what_the_recording_files_show(watched: Watched, tmp_path: Path) -> None:
    """Each file decoded by itself, one after the other."""
    start_us, end_us = watched.start_us, watched.until_us
    clip = pictures_of(watched.download(start_us, end_us, tmp_path / "clip.mp4"))
    files = [
        shown for path in recording_files(watched.recorder.archive, watched.kind.id) for shown in pictures_of(path)
    ]
    assert files[: len(clip)] == clip


@every_kind
def test_ffprobe_has_nothing_to_complain_of(watched: Watched, tmp_path: Path) -> None:
    for start_us, end_us in ranges(watched):
        expected = watched.expected(start_us, end_us)
        clip = watched.download(start_us, end_us, tmp_path / "clip.mp4")
        told, complaints = probe(clip, "-count_frames")
        assert complaints == ""
        codec = {"h264": "h264", "h265": "hevc"}[watched.kind.codec]
        streams = {stream["codec_name"]: stream for stream in told["streams"]}
        assert list(streams) == ([codec, "aac"] if watched.kind.sound else [codec])
        # Pictures that are only there to decode the first one are decoded, too, but not shown.
        assert int(streams[codec]["nb_read_frames"]) >= len(expected)
        duration_s = float(streams[codec]["duration"])
        # How long the last one before the gap is to be seen nobody knows.
        assert duration_s == pytest.approx(watched.lasts_s(start_us, end_us), abs=0.1)
        if watched.kind.sound and len(expected) > 5:
            assert float(streams["aac"]["duration"]) == pytest.approx(duration_s, abs=0.2)
            recorded = sound_of(watched, start_us, end_us)
            assert int(streams["aac"]["nb_read_frames"]) == pytest.approx(len(recorded), abs=4)
        described = watched.described(start_us, end_us)
        tags = told["format"]["tags"]
        assert tags["com.apple.quicktime.creationdate"] == described["start"]
        assert tags["creation_time"][:19] == described["start"][:19]
        assert float(told["format"]["duration"]) == pytest.approx(described["duration_s"], abs=0.2)


@every_kind
def test_pictures_stand_where_the_description_says(watched: Watched, tmp_path: Path) -> None:
    """Also behind the gap: the pieces tell which instant is when."""
    start_us, end_us = watched.start_us + 350_000, watched.until_us
    described = watched.described(start_us, end_us)
    taken_us = [taken_us for _, taken_us in watched.taken_us() if start_us <= taken_us < end_us]
    clip = watched.download(start_us, end_us, tmp_path / "clip.mp4")
    with av.open(str(clip)) as container:
        times_s = [frame.time for frame in container.decode(video=0)]
    assert len(described["pieces"]) == 2
    assert len(described["gaps"]) == 1
    assert times_s == [pytest.approx(watched.at_s(described, one_us), abs=0.001) for one_us in taken_us]


@every_kind
def test_without_sound_a_clip_has_none(watched: Watched, tmp_path: Path) -> None:
    clip = watched.download(watched.start_us, watched.until_us, tmp_path / "clip.mp4", sound="false")
    told, complaints = probe(clip)
    assert complaints == ""
    assert [stream["codec_type"] for stream in told["streams"]] == ["video"]
    assert pictures_of(clip) == watched.expected(watched.start_us, watched.until_us)


@every_kind
def test_a_clip_plays_up_to_the_last_complete_group_while_it_is_recorded(watched: Watched, tmp_path: Path) -> None:
    """What is asked for ends in the future; the clip then ends at most a group and a bit before now."""
    end_us = watched.until_us + 60 * S
    clip = watched.download(watched.runs[1].begin_us - 1_000, end_us, tmp_path / "growing.mp4")
    shown = pictures_of(clip)
    numbers = [picture.number for picture in shown]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) * PICTURE_US >= watched.until_us - watched.runs[1].begin_us
    _, complaints = probe(clip)
    assert complaints == ""
