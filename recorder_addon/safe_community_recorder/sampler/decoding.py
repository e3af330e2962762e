"""Pictures out of coded ones, as vision wants them: gray and small. Runs in a process that only decodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from ..media.codec import CODECS
from ..media.picture import Gray
from ..media.video import CodecName
from ..vision.gray import analysis_size

# 8K, and a little more. What claims to be larger is damaged, or wants our memory.
MOST_PIXELS = 7680 * 4320 * 5 // 4


class DecodingError(ValueError):
    """A coded picture gives none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: gray in the size of analysis, and how far its colours are from gray (None: not looked at).

    `index` is the coded picture's place in what was given since the keyframe.
    """

    index: int
    gray: Gray
    colour: float | None


class GroupDecoder:
    """Decodes one group of pictures, as far as somebody wants to see it.

    `configuration` is the codec's record (avcC, hvcC). One that will see a keyframe only leaves out the loop filter.
    Raises DecodingError.
    """

    def __init__(self, codec: CodecName, configuration: bytes, *, only_key: bool) -> None:
        decoder = cast("av.VideoCodecContext", av.CodecContext.create(CODECS[codec].libav_name, "r"))
        decoder.extradata = configuration
        decoder.thread_count = 1
        decoder.options = {"max_pixels": str(MOST_PIXELS)}
        if only_key:
            decoder.options |= {"skip_loop_filter": "all", "flags2": "+fast"}
        try:
            decoder.open()
        except (FFmpegError, ValueError) as error:
            raise DecodingError(f"the stream's parameters make no sense: {error}") from error
        self._decoder = decoder
        self._taken = 0
        self._reformatter = VideoReformatter()

    def decode(self, data: bytes, *, wanted: bool) -> Iterator[Picture]:
        """The pictures that come out with this one: one as a rule, later or none where the stream reorders.

        They are made gray if `wanted`. Raises DecodingError.
        """
        packet = av.Packet(data)
        packet.pts = packet.dts = self._taken
        self._taken += 1
        yield from self._pictures(packet, wanted=wanted)

    def flush(self) -> Iterator[Picture]:
        """What the decoder still holds. Raises DecodingError."""
        yield from self._pictures(None, wanted=True)

    def _pictures(self, packet: av.Packet[av.stream.Stream] | None, *, wanted: bool) -> Iterator[Picture]:
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError as error:
            raise DecodingError(f"a picture cannot be decoded: {error.strerror}") from error
        if not wanted:
            return
        for frame in frames:
            if frame.is_corrupt:
                continue
            index = self._taken - 1 if frame.pts is None else frame.pts
            yield Picture(index, self._gray(frame), colour_of(frame) if index == 0 else None)

    def _gray(self, frame: av.VideoFrame) -> Gray:
        try:
            width, height = analysis_size(frame.width, frame.height)
            scaled = self._reformatter.reformat(
                frame, width=width, height=height, format="gray", interpolation="AREA", threads=1
            )
        except (FFmpegError, ValueError) as error:
            raise DecodingError(f"a picture of {frame.width} × {frame.height} cannot be analysed: {error}") from error
        return cast("Gray", scaled.to_ndarray())


def colour_of(frame: av.VideoFrame) -> float | None:
    """Levels by which chroma differs from neutral on average; None for what is not planar with 8 bits."""
    if frame.format.name not in {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}:
        return 0.0 if frame.format.name.startswith("gray") else None
    distances = []
    for plane in frame.planes[1:3]:
        rows = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)[: plane.height : 4, : plane.width : 4]
        distances.append(float(np.abs(rows.astype(np.int16) - 128).mean()))
    return max(distances)


def keyframe_picture(codec: CodecName, configuration: bytes, data: bytes) -> Picture:
    """The picture of a keyframe by itself. Raises DecodingError."""
    decoder = GroupDecoder(codec, configuration, only_key=True)
    for picture in (*decoder.decode(data, wanted=True), *decoder.flush()):
        return picture
    raise DecodingError("the keyframe gave no picture")


def configuration_of(codec: CodecName, parameter_sets: Sequence[bytes]) -> bytes:
    """The record by which a decoder begins."""
    return CODECS[codec].write_record(parameter_sets)
