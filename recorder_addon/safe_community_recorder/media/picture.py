"""Pictures from keyframes: decoded by libav, as JPEG for people or as a small gray array for vision."""

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.video.reformatter import Colorspace

from .codec import CODECS
from .video import VideoFormat, join_annexb

type Gray = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

# A stream that does not say by which matrix its colours were made: as browsers take it.
_UNSPECIFIED = 2
_LEAST_HD_HEIGHT = 720
_MATRICES = frozenset({Colorspace.ITU709, Colorspace.FCC, Colorspace.SMPTE240M, Colorspace.BT2020})
# No camera's pixels are narrower or flatter than that: then what it says of them is damaged.
_MOST_STRETCH = 4


class PictureError(ValueError):
    """The keyframe cannot be decoded."""


def decode_keyframe(video: VideoFormat, nals: Sequence[bytes]) -> av.VideoFrame:
    """The picture of one keyframe, with square pixels. Raises PictureError."""
    decoder = cast("av.VideoCodecContext", av.CodecContext.create(CODECS[video.codec].libav_name, "r"))
    decoder.thread_count = 1
    try:
        frames = decoder.decode(av.Packet(join_annexb([*video.parameter_sets, *nals])))
        frames = frames or decoder.decode(None)
    except av.error.FFmpegError as error:
        raise PictureError(f"the keyframe cannot be decoded: {error}") from error
    if not frames:
        raise PictureError("the keyframe gave no picture")
    pixel = decoder.sample_aspect_ratio
    return _squared(frames[0], pixel.num, pixel.den)


def to_gray(frame: av.VideoFrame, width: int, height: int) -> Gray:
    """The luma of a picture, scaled: uint8, shape (height, width)."""
    scaled = frame.reformat(width=width, height=height, format="gray", interpolation="AREA")
    return cast("Gray", scaled.to_ndarray())


def to_jpeg(frame: av.VideoFrame, width: int | None = None) -> bytes:
    """JPEG of a picture, at most as wide as the picture itself, in its proportions."""
    return encode_jpeg(scaled(frame, *size_for(frame.width, frame.height, width or frame.width)))


def size_for(width: int, height: int, wanted: int) -> tuple[int, int]:
    """Width and height in which a picture is shown `wanted` pixels wide: even, its proportions, never enlarged."""
    shown = max(2, min(wanted, width) & ~1)
    return shown, max(2, round(height * shown / width) & ~1)


def scaled(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """A picture in this size, as JPEG stores it: 4:2:0, full range, colours by the matrix of ITU-R BT.601 (JFIF §3)."""
    source = frame.colorspace
    if source == _UNSPECIFIED and frame.height >= _LEAST_HD_HEIGHT:
        source = Colorspace.ITU709
    known = source in _MATRICES
    return frame.reformat(
        width=width,
        height=height,
        format="yuvj420p",
        interpolation="AREA",
        threads=1,
        src_colorspace=source if known else None,
        dst_colorspace=Colorspace.ITU601 if known else None,
    )


def _squared(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """A picture whose pixels were as wide to high as these numbers; its shorter side grows, so that nothing is lost."""
    if width == height or not max(width, height) <= _MOST_STRETCH * min(width, height):
        return frame
    wide, high = frame.width * max(width, height) // height, frame.height * max(width, height) // width
    return frame.reformat(width=wide & ~1, height=high & ~1, interpolation="BILINEAR", threads=1)


def encode_jpeg(frame: av.VideoFrame) -> bytes:
    """JPEG of a picture that is 4:2:0 with the full range."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"q:v": "4", "qmin": "4", "qmax": "4"}
    frame.pts = 0
    frame.time_base = Fraction(1, 1)
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
