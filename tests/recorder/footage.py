"""Small pieces of real H.264, H.265 and AAC, encoded in the test process."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import cycle
from typing import cast

import av
import numpy as np

from safe_community_recorder.media.audio import AudioFormat, read_audio_config
from safe_community_recorder.media.cmaf import (
    AudioSample,
    ClockSource,
    Group,
    RecordingFile,
    Sample,
    Sound,
    encode_group,
    init_segment,
    sound_lead,
)
from safe_community_recorder.media.codec import CODECS, ParameterSets
from safe_community_recorder.media.h265 import is_random_access
from safe_community_recorder.media.sample_table import closing_boxes
from safe_community_recorder.media.video import AccessUnit, CodecName, VideoFormat, length_prefixed, split_annexb

type Yuv = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
"""A picture in planar 4:2:0: rows of luma, then those of chroma, as wide together."""

PICTURE_90K = 9_000
_ENCODERS: dict[CodecName, str] = {"h264": "libx264", "h265": "libx265"}


@dataclass(frozen=True)
class Footage:
    """Access units of one stream, ten pictures a second, ten to a group."""

    video: VideoFormat
    units: tuple[AccessUnit, ...]


def brightness_of(number: int) -> int:
    """The luma of a picture by its number; after thirty it begins anew."""
    return 20 + number % 30 * 7


@cache
def encode(
    pictures: int = 30,
    b_frames: int = 0,
    width: int = 64,
    height: int = 48,
    codec: CodecName = "h264",
    preset: str = "ultrafast",
    slices: int = 1,
    grain: int = 0,
) -> Footage:
    """Encodes pictures whose brightness tells their number. `grain`, in steps of luma, makes them large.

    Only H.264 comes in several slices here: x265 cuts none without threads.
    """
    assert codec == "h264" or slices == 1
    rng = np.random.default_rng(1)

    def paint(number: int) -> Yuv:
        luma = np.full((height * 3 // 2, width), brightness_of(number), dtype=np.uint8)
        if grain:
            luma += rng.integers(0, grain, luma.shape, dtype=np.uint8)
        return luma

    return encode_pictures(map(paint, range(pictures)), b_frames, codec, preset, slices)


def encode_pictures(
    pictures: Iterable[Yuv],
    b_frames: int = 0,
    codec: CodecName = "h264",
    preset: str = "ultrafast",
    slices: int = 1,
    more: str = "",
) -> Footage:
    """Encodes pictures of one size. `more` are parameters that x264 and x265 call the same, each behind a colon."""
    encoder = cast("av.VideoCodecContext", av.CodecContext.create(_ENCODERS[codec], "w"))
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = 10
    encoder.time_base = Fraction(1, 10)
    encoder.options = {
        "h264": {
            "preset": preset,
            "x264-params": f"keyint=10:scenecut=0:bframes={b_frames}:threads=1:sliced-threads=0:slices={slices}" + more,
        },
        "h265": {
            "preset": preset,
            "x265-params": f"log-level=none:keyint=10:min-keyint=10:scenecut=0:bframes={b_frames}:b-adapt=0"
            ":open-gop=0:pools=none:frame-threads=1" + more,
        },
    }[codec]
    packets = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        if not number:
            encoder.width, encoder.height = frame.width, frame.height
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    sets = ParameterSets(CODECS[codec])
    sets.take(split_annexb(bytes(packets[0])))
    video = sets.video
    assert video is not None
    units = []
    for packet in packets:
        nals = CODECS[codec].stored(split_annexb(bytes(packet)))
        assert packet.pts is not None
        assert packet.dts is not None
        is_key = packet.is_keyframe
        assert codec == "h264" or is_key == is_random_access(nals)
        dts = packet.dts * PICTURE_90K
        units.append(AccessUnit(length_prefixed(nals), packet.pts * PICTURE_90K, dts, is_key, 0, video))
    return Footage(video, tuple(units))


@cache
def encode_sound(frames: int = 50, sample_rate: int = 16_000) -> tuple[AudioFormat, tuple[bytes, ...]]:
    """AAC frames of a tone, without its encoder's delay being of any matter here."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate = sample_rate
    encoder.layout = "mono"
    encoder.format = "fltp"
    encoder.time_base = Fraction(1, sample_rate)
    packets = []
    for number in range(frames):
        at = np.arange(number * 1_024, (number + 1) * 1_024) / sample_rate
        tone = (np.sin(at * 2 * np.pi * 440) / 2).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        frame.pts = number * 1_024
        packets += encoder.encode(frame)
    config = encoder.extradata
    assert config is not None
    return read_audio_config(config), tuple(bytes(packet) for packet in packets)


def groups_of(
    pictures: int = 30,
    b_frames: int = 0,
    codec: CodecName = "h264",
    *,
    size: tuple[int, int] = (64, 48),
    start_us: int = 0,
    durations_90k: Sequence[int] = (PICTURE_90K,),
    sound_after_us: int | None = None,
    sound_frames: int = 50,
    slices: int = 1,
    grain: int = 0,
) -> list[Group]:
    """Real footage in groups of ten pictures. The durations come again and again; B-frames need a steady one.

    With `sound_after_us` a tone of `sound_frames` begins so long after the first picture; each group has the frames
    that begin in it.
    """
    footage = encode(pictures, b_frames, *size, codec=codec, slices=slices, grain=grain)
    audio, frames = (None, ()) if sound_after_us is None else encode_sound(sound_frames)
    samples: list[list[Sample]] = []
    for unit, duration_90k in zip(footage.units, cycle(durations_90k)):
        if unit.is_key:
            samples.append([])
        samples[-1].append(Sample(unit.data, duration_90k, unit.pts_90k - unit.dts_90k))
    groups = []
    shown_90k = heard = 0
    for part in samples:
        group_us = start_us + shown_90k * 100 // 9
        shown_90k += sum(sample.duration_90k for sample in part)
        sound: Sound | None = None
        if audio is not None and sound_after_us is not None:
            first = heard
            while heard < len(frames) and _heard_us(audio, heard, sound_after_us) < shown_90k * 100 // 9:
                heard += 1
            if heard > first:
                begin_us = start_us + _heard_us(audio, first, sound_after_us)
                sound = Sound(begin_us, tuple(AudioSample(data, audio.frame_samples) for data in frames[first:heard]))
        groups.append(Group(footage.video, group_us, tuple(part), ClockSource.ARRIVAL, audio, sound))
    return groups


def _heard_us(audio: AudioFormat, frame: int, after_us: int) -> int:
    return after_us + frame * audio.frame_samples * 1_000_000 // audio.sample_rate


def recorded(groups: Sequence[Group], *, closed: bool = False) -> tuple[bytes, RecordingFile]:
    """A recording file of these groups: its bytes, and what its writer knows of it."""
    data, lead = init_segment(groups[0]), sound_lead(groups[0])
    parts, fragments, position = [data], [], len(data)
    for number, group in enumerate(groups):
        base_90k = (group.start_us - groups[0].start_us) * 9 // 100
        buffers, fragment = encode_group(number + 1, base_90k, group, position, lead)
        parts += buffers
        position = fragment.end
        fragments.append(fragment)
    file = RecordingFile(groups[0].video, tuple(fragments), position, groups[0].audio, closed, lead=lead)
    if closed:
        parts.append(closing_boxes(file))
    return b"".join(parts), file
