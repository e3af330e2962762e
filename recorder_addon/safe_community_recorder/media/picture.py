"""Pictures from keyframes: decoded by libav, as JPEG for people or as a small gray array for vision."""

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import av
import numpy as np

from .codec import CODECS
from .video import VideoFormat, join_annexb

type Gray = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


class PictureError(ValueError):
    """The keyframe cannot be decoded."""


def decode_keyframe(video: VideoFormat, nals: Sequence[bytes]) -> av.VideoFrame:
    """The picture of one keyframe. Raises PictureError."""
    decoder = cast("av.VideoCodecContext", av.CodecContext.create(CODECS[video.codec].libav_name, "r"))
    decoder.thread_count = 1
    try:
        frames = decoder.decode(av.Packet(join_annexb([*video.parameter_sets, *nals])))
        frames = frames or decoder.decode(None)
    except av.error.FFmpegError as error:
        raise PictureError(f"the keyframe cannot be decoded: {error}") from error
    if not frames:
        raise PictureError("the keyframe gave no picture")
    return frames[0]


def to_gray(frame: av.VideoFrame, width: int, height: int) -> Gray:
    """The luma of a picture, scaled: uint8, shape (height, width)."""
    scaled = frame.reformat(width=width, height=height, format="gray", interpolation="AREA")
    return cast("Gray", scaled.to_ndarray())


def to_jpeg(frame: av.VideoFrame, width: int | None = None) -> bytes:
    """JPEG of a picture, at most as wide as the picture itself, in its proportions."""
    wanted = min(width or frame.width, frame.width) & ~1
    height = max(2, round(frame.height * wanted / frame.width)) & ~1
    scaled = frame.reformat(width=wanted, height=height, format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = wanted, height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"q:v": "4", "qmin": "4", "qmax": "4"}
    scaled.pts = 0
    scaled.time_base = Fraction(1, 1)
    return b"".join(bytes(packet) for packet in (*encoder.encode(scaled), *encoder.encode(None)))
