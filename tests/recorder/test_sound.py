"""Sound beside the pictures: every frame once, at its time, however late it comes; lost ones leave silence."""

from collections.abc import Sequence
from copy import replace
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.media.audio import AudioUnit, is_adts, read_audio_config, split_adts
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.reading import grouped
from tests.recorder.footage import encode, recorded

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


def heard(groups: Sequence[Group]) -> list[tuple[int, float]]:
    """Number and time of each frame in the file that is written of these groups, in seconds of the file."""
    data, _ = recorded(groups, closed=True)
    file = read_recording(lambda at, count: data[at : at + count], len(data))
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


def test_what_was_heard_before_a_file_begins_is_left_out_frame_by_frame() -> None:
    groups = grouped(stream(5, 20_000, 0), Host())
    later = heard(groups[2:])
    assert [number for number, _ in later] == list(range(later[0][0], later[-1][0] + 1))
    assert 0 <= later[0][1] < FRAME_90K / 90_000


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
