"""Gray frames as cameras send them: coded by x264 and x265 with the settings that cameras have, as access units."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np

from safe_community_recorder.media.codec import CODECS, ParameterSets
from safe_community_recorder.media.video import AccessUnit, CodecName, length_prefixed, split_annexb
from safe_community_recorder.utc import SECOND_US
from safe_community_recorder.vision.gray import Gray

_NEUTRAL = 128
_CLOCK_90K = 90_000
_ENCODERS: dict[CodecName, str] = {"h264": "libx264", "h265": "libx265"}
_SIZE = 640, 360


@dataclass(frozen=True, slots=True)
class Rate:
    """How a camera codes: its codec, a keyframe every so many seconds, and the encoder's options."""

    name: str
    codec: CodecName
    group_s: float
    options: tuple[tuple[str, str], ...]


def _x264(*options: tuple[str, str], preset: str = "veryfast") -> tuple[tuple[str, str], ...]:
    return (("preset", preset), ("x264-params", "scenecut=0"), *options)


_LIVE = ("tune", "zerolatency")
VBR = Rate("H.264 VBR", "h264", 4.0, _x264(_LIVE, ("crf", "26"), ("maxrate", "500k"), ("bufsize", "1000k")))
VBR_2S = Rate("H.264 VBR, 2 s", "h264", 2.0, _x264(_LIVE, ("crf", "24"), ("maxrate", "400k"), ("bufsize", "800k")))
CBR = Rate(
    "H.264 CBR",
    "h264",
    4.0,
    _x264(_LIVE, ("b", "300k"), ("minrate", "300k"), ("maxrate", "300k"), ("bufsize", "300k"), ("nal-hrd", "vbr")),
)
CBR_2S = Rate(
    "H.264 CBR, 2 s",
    "h264",
    2.0,
    _x264(
        _LIVE,
        ("b", "200k"),
        ("minrate", "200k"),
        ("maxrate", "200k"),
        ("bufsize", "400k"),
        ("nal-hrd", "cbr"),
        preset="superfast",
    ),
)
B_PICTURES = Rate(
    "H.264 VBR with B-pictures",
    "h264",
    2.0,
    _x264(("bf", "2"), ("crf", "26"), ("maxrate", "500k"), ("bufsize", "1000k")),
)
H265 = Rate(
    "H.265 VBR",
    "h265",
    4.0,
    (
        ("preset", "superfast"),
        _LIVE,
        ("crf", "28"),
        ("x265-params", "vbv-maxrate=500:vbv-bufsize=1000:log-level=none:pools=none:frame-threads=1:scenecut=0"),
    ),
)
RATES = (VBR, VBR_2S, CBR, CBR_2S, B_PICTURES, H265)


def encoded(frames: Iterable[Gray], fps: float, rate: Rate, size: tuple[int, int] = _SIZE) -> Iterator[AccessUnit]:
    """The frames as a stream of this width and height; colours are neutral. They arrive when they are taken."""
    width, height = size
    encoder = cast("av.VideoCodecContext", av.CodecContext.create(_ENCODERS[rate.codec], "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(fps), 1 / Fraction(fps)
    encoder.gop_size, encoder.thread_count = round(rate.group_s * fps), 1
    encoder.options = dict(rate.options)
    colours = np.full((height // 2, width), _NEUTRAL, np.uint8)
    sets = ParameterSets(CODECS[rate.codec])
    count = 0

    def units(packets: Iterable[av.Packet[av.VideoStream]]) -> Iterator[AccessUnit]:
        nonlocal count
        for packet in packets:
            nals = split_annexb(bytes(packet))
            sets.take(nals)
            if sets.video is None:
                raise ValueError("the encoder began without parameter sets")
            at_s = count / fps
            count += 1
            data = length_prefixed(CODECS[rate.codec].stored(nals))
            dts_90k = round(at_s * _CLOCK_90K)
            shown_90k = dts_90k + round(((packet.pts or 0) - (packet.dts or 0)) / fps * _CLOCK_90K)
            yield AccessUnit(data, shown_90k, dts_90k, packet.is_keyframe, round(at_s * SECOND_US), sets.video)

    for number, gray in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.vstack((scaled(gray, width, height), colours)), format="yuv420p")
        frame.pts = number
        yield from units(encoder.encode(frame))
    yield from units(encoder.encode(None))


def scaled(gray: Gray, width: int, height: int) -> Gray:
    """A frame in this size; what is too high or too wide is cut off, nothing is stretched."""
    rows, columns = gray.shape
    if rows * width > columns * height:
        kept = columns * height // width
        gray = gray[(rows - kept) // 2 :][:kept]
    else:
        kept = rows * width // height
        gray = gray[:, (columns - kept) // 2 :][:, :kept]
    if gray.shape == (height, width):
        return gray
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(gray), format="gray")
    return cast("Gray", frame.reformat(width=width, height=height, interpolation="BICUBIC", threads=1).to_ndarray())
