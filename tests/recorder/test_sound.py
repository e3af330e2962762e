"""Sound beside the pictures: every frame once, at its time, however late it comes; lost ones leave silence."""

from collections.abc import Sequence
from copy import replace
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.media.audio import AudioUnit, is_adts, read_audio_config, split_adts
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.boxes import find, walk
from safe_community_recorder.media.clip import build_clip
from safe_community_recorder.media.cmaf import PRFT_BYTES, Group, RecordingFile
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.retimed import Region, retimed
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.reading import grouped
from tests.recorder.footage import encode, groups_of, recorded

NOW_US = 1_795_330_489_000_000
AUDIO = read_audio_config(b"\x14\x08")  # AAC LC, 16 kHz, mono
FRAME_90K = 1_024 * 90_000 // 16_000


@dataclass
class Host:
    """A host's clock that is right and stands still."""

    offset_us: int = NOW_US
    is_set: bool = True


def stream(seconds: int, late_90k: int, begins_90k: int, lost: frozenset[int] = frozenset()) -> list[AccessUnit]:
    """Pictures, ten a second, and the frames of sound that have come with each; frame n is the text of n."""
    footage = encode(10)
    waiting = [
        AudioUnit(str(n).encode(), begins_90k + n * FRAME_90K)
        for n in range(seconds * 90_000 // FRAME_90K)
        if n not in lost
    ]
    units = []
    for number in range(seconds * 10):
        dts_90k = number * 9_000
        come = [unit for unit in waiting if unit.pts_90k + late_90k <= dts_90k]
        waiting = waiting[len(come) :]
        picture = footage.units[number % 10]
        arrival_us = dts_90k * 100 // 9
        units.append(
            replace(
                picture,
                pts_90k=dts_90k,
                dts_90k=dts_90k,
                arrival_us=arrival_us,
                audio=AUDIO,
                audio_units=tuple(come),
            )
        )
    return units


def written(groups: Sequence[Group], *, closed: bool = True) -> tuple[bytes, RecordingFile]:
    """The file that is written of these groups: its bytes, and what is read of them."""
    data, _ = recorded(groups, closed=closed)
    return data, read_recording(lambda at, count: data[at : at + count], len(data))


def heard(groups: Sequence[Group], *, closed: bool = True) -> list[tuple[int, float]]:
    """Number and time of each frame in the file that is written of these groups, in seconds from its first picture."""
    data, file = written(groups, closed=closed)
    frames = []
    for fragment in file.fragments:
        if fragment.audio is not None:
            run = fragment.audio
            position, time = run.data, run.base
            for size, duration in zip(run.sizes.tolist(), run.durations.tolist(), strict=True):
                frames.append((int(data[position : position + size]), time / AUDIO.sample_rate))
                position, time = position + size, time + duration
    return frames


@given(st.integers(-9_000, 60_000), st.integers(0, 9_000))
def test_every_frame_is_in_the_file_once_and_at_its_time(late_90k: int, begins_90k: int) -> None:
    units = stream(5, late_90k, begins_90k)
    sent = [int(frame.data) for unit in units for frame in unit.audio_units]
    frames = heard(grouped(units, Host()))
    assert [number for number, _ in frames] == sent
    for number, at_s in frames:
        assert at_s == pytest.approx((begins_90k + number * FRAME_90K) / 90_000, abs=2 / AUDIO.sample_rate)


@given(st.frozensets(st.integers(0, 60), max_size=30))
def test_lost_frames_leave_silence_and_do_not_shift_the_others(lost: frozenset[int]) -> None:
    frames = heard(grouped(stream(5, 0, 450, lost), Host()))
    assert not {number for number, _ in frames} & lost
    for number, at_s in frames:
        assert at_s == pytest.approx((450 + number * FRAME_90K) / 90_000, abs=2 / AUDIO.sample_rate)


@given(st.integers(-9_000, 60_000), st.integers(0, 9_000), st.integers(1, 3), st.booleans())
def test_what_is_heard_before_a_file_begins_but_comes_after_is_lost_in_no_file(
    late_90k: int, begins_90k: int, first: int, closed: bool
) -> None:
    units = stream(5, late_90k, begins_90k)
    groups = grouped(units, Host())
    sent = [int(frame.data) for unit in units for frame in unit.audio_units]
    files = groups[:first], groups[first:]
    frames = [(number, at_s, file[0].start_us) for file in files for number, at_s in heard(file, closed=closed)]
    assert [number for number, *_ in frames] == sent
    for number, at_s, start_us in frames:
        expected_s = (begins_90k + number * FRAME_90K) / 90_000
        assert at_s + (start_us - groups[0].start_us) / 1_000_000 == pytest.approx(expected_s, abs=2 / 16_000)


def test_a_clip_over_two_files_has_all_sound_without_a_break() -> None:
    units = stream(5, 20_000, 0)
    groups = grouped(units, Host())
    files = [(name, written(part)[1]) for name, part in (("1", groups[:2]), ("2", groups[2:]))]
    clip = build_clip(files, groups[0].start_us, groups[-1].end_us)
    stts = clip.head.rindex(b"stts")
    count = sum(len(unit.audio_units) for unit in units)
    assert clip.head[stts + 8 : stts + 20] == b"".join(n.to_bytes(4) for n in (1, count, AUDIO.frame_samples))


def test_on_the_timeline_of_hls_the_sound_of_the_next_file_goes_on_where_that_of_the_last_ended() -> None:
    groups = grouped(stream(5, 20_000, 0), Host())
    times = []
    for part in (groups[:2], groups[2:]):
        data, file = written(part)
        for fragment in file.fragments:
            head = retimed(file, Region(fragment.start, fragment.data, True), data[fragment.start : fragment.data])
            moof = find(head, b"moof", start=PRFT_BYTES, end=len(head) - 8)
            *_, sound = (box for box in walk(head, moof.body, moof.end) if box.kind == b"traf")
            begin = find(head, b"tfdt", start=sound.body, end=sound.end)
            assert fragment.audio is not None
            times.append((int.from_bytes(head[begin.body + 4 : begin.end]), int(fragment.audio.durations.sum())))
    for (begin_at, lasts), (next_at, _) in pairwise(times):
        assert abs(begin_at + lasts - next_at) <= 2


def test_a_player_begins_a_file_with_sound_and_picture_of_one_instant(tmp_path: Path) -> None:
    """What came late from before the file is there, and skipped."""
    groups = groups_of(sound_after_us=0)
    first = groups[1]
    assert first.sound is not None
    late = replace(first.sound, start_us=first.start_us - 100_000)
    path = tmp_path / "late.mp4"
    path.write_bytes(recorded([replace(first, sound=late)])[0])
    with av.open(path) as container:
        played = list(container.decode(audio=0))
    assert played[0].pts is not None
    assert played[0].time_base is not None
    assert abs(played[0].pts * played[0].time_base) < 2 / 16_000
    heard_s = sum(frame.samples for frame in played) / 16_000
    assert heard_s == pytest.approx(len(late.samples) * 1_024 / 16_000 - 0.1, abs=2 / 16_000)


@given(st.binary(max_size=60))
def test_no_bytes_upset_the_parsers_of_sound(data: bytes) -> None:
    for parse in (read_audio_config, split_adts):
        try:
            parse(data)
        except BitstreamError:
            continue
    is_adts(data)


@pytest.mark.parametrize(
    ("config", "rate", "channels", "frame_samples"),
    [
        ("1408", 16_000, 1, 1_024),
        ("1190", 48_000, 2, 1_024),
        ("1210", 44_100, 2, 1_024),
        ("1588", 8_000, 1, 1_024),
        ("1194", 48_000, 2, 960),
        # HE-AAC told in front: 24 kHz coded, 48 kHz heard.
        ("2b118800", 24_000, 2, 1_024),
    ],
)
def test_a_configuration_tells_rate_channels_and_frames(
    config: str, rate: int, channels: int, frame_samples: int
) -> None:
    audio = read_audio_config(bytes.fromhex(config))
    assert (audio.sample_rate, audio.channels, audio.frame_samples) == (rate, channels, frame_samples)


@pytest.mark.parametrize("config", ["", "00", "0a10", "17ff", "f8f05000"])
def test_what_is_not_aac_lc_is_refused(config: str) -> None:
    with pytest.raises(BitstreamError):
        read_audio_config(bytes.fromhex(config))
