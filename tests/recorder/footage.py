"""Small pieces of real H.264, encoded in the test process."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np

from safe_community_recorder.media.h264 import (
    NAL_PPS,
    NAL_SPS,
    AccessUnit,
    VideoFormat,
    nal_type,
    parameter_sets,
    split_annexb,
    video_format,
)

PICTURE_90K = 9_000


@dataclass(frozen=True)
class Footage:
    """Access units of one stream, ten pictures a second, ten to a group."""

    video: VideoFormat
    units: tuple[AccessUnit, ...]


def brightness_of(number: int) -> int:
    """The luma of a picture by its number."""
    return 20 + number * 7


@cache
def encode(pictures: int = 30, b_frames: int = 0, width: int = 64, height: int = 48) -> Footage:
    """Encodes pictures whose brightness tells their number."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = 10
    encoder.time_base = Fraction(1, 10)
    encoder.options = {"preset": "ultrafast", "g": "10", "sc_threshold": "0", "bf": str(b_frames)}
    packets = []
    for number in range(pictures):
        luma = np.full((height * 3 // 2, width), brightness_of(number), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    first = split_annexb(bytes(packets[0]))
    sps, pps = parameter_sets(first)
    assert sps is not None
    assert pps is not None
    video = video_format(sps, pps)
    units = []
    for packet in packets:
        nals = tuple(nal for nal in split_annexb(bytes(packet)) if nal_type(nal) not in (NAL_SPS, NAL_PPS))
        assert packet.pts is not None
        assert packet.dts is not None
        dts = packet.dts * PICTURE_90K
        units.append(AccessUnit(nals, packet.pts * PICTURE_90K, dts, packet.is_keyframe, 0, video))
    return Footage(video, tuple(units))
