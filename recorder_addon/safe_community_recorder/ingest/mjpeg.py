"""Cameras that send JPEG pictures: the one exception of "no re-encoding". They are stored as H.264.

A thread beside the one that reads encodes them, so that what arrives is dated when it arrives, however long that takes.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from copy import replace
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
from av.stream import Stream
from av.video.frame import PictureType

from ..cause import Cause
from ..media.codec import H264, ParameterSets
from ..media.video import AccessUnit, length_prefixed, split_annexb
from .packets import at_90k, captured_us
from .source import SourceError

_LOGGER = logging.getLogger(__name__)

# With a higher crf, strokes of a number plate are harder to read than in the JPEG: 24 is worse, 20 is hardly better.
_OPTIONS = {"preset": "superfast", "tune": "zerolatency", "crf": "18", "forced-idr": "1", "x264-params": "scenecut=0"}
_GROUP_90K = 2 * 90_000
_MOST_PIXELS = 40_000_000
# What may wait for the encoder: the pictures that libav collects before it gives the first ones, and twice as many.
_MOST_WAITING = 60
_MOST_WAITING_BYTES = 24 << 20
# Encoding gives way to everything else in this process.
_NICENESS = 10


class Jpeg(NamedTuple):
    """A picture as it came; its times are those of AccessUnit."""

    data: bytes
    pts_90k: int
    arrival_us: int
    sender_us: int | None = None


class JpegEncoder:
    """Makes an access unit of each picture; a keyframe every two seconds of the camera's clock, no B-frames."""

    def __init__(self) -> None:
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(_MOST_PIXELS)}
        self._encoder: av.VideoCodecContext | None = None
        self._sets = ParameterSets(H264)
        self._number = 0
        self._key_90k = 0

    def encode(self, picture: Jpeg) -> AccessUnit | None:
        """The picture as H.264; None if it cannot be read. Raises SourceError when there is no encoder for it."""
        frame = self._read(picture.data)
        if frame is None:
            return None
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (frame.width, frame.height):
            encoder = self._encoder = _encoder_for(frame)
            self._number = 0
        begins = self._number == 0 or not 0 <= picture.pts_90k - self._key_90k < _GROUP_90K
        if begins:
            self._key_90k = picture.pts_90k
        frame.pict_type = PictureType.I if begins else PictureType.NONE
        # The encoder only counts: it is the camera's times that are stored.
        frame.pts, frame.time_base = self._number, encoder.time_base
        self._number += 1
        nals = [nal for packet in encoder.encode(frame) for nal in split_annexb(bytes(packet))]
        self._sets.take(nals)
        stored = H264.stored(nals)
        if not stored or self._sets.video is None:
            return None
        return AccessUnit(
            length_prefixed(stored),
            picture.pts_90k,
            picture.pts_90k,
            begins,
            picture.arrival_us,
            self._sets.video,
            picture.sender_us,
        )

    def _read(self, data: bytes) -> av.VideoFrame | None:
        """The picture with even sides, as every player shows it."""
        if not data:
            # To the decoder this would mean that nothing more comes.
            return None
        try:
            frames = self._decoder.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        if not frames or frames[0].width < 2 or frames[0].height < 2:
            return None
        frame = frames[0]
        even = frame.width & ~1, frame.height & ~1
        if frame.format.name == "yuvj420p" and even == (frame.width, frame.height):
            return frame
        return frame.reformat(*even, format="yuvj420p")


def _encoder_for(frame: av.VideoFrame) -> av.VideoCodecContext:
    """Raises SourceError."""
    try:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
        encoder.colorspace = frame.colorspace
        encoder.time_base = Fraction(1, 25)
        encoder.gop_size = 1 << 20
        encoder.max_b_frames = 0
        encoder.thread_count = 1
        encoder.options = _OPTIONS
        encoder.open()
    except (av.error.FFmpegError, ValueError) as error:
        size = f"{frame.width} × {frame.height}"
        reason = f"the camera sends JPEG pictures ({size}); this recorder has no encoder that could store them"
        raise SourceError(Cause.UNSUPPORTED_STREAM, reason) from error
    return encoder


class JpegPictures:
    """Takes a stream of JPEG pictures; `deliver` gets the access units, in another thread than the one that takes.

    What the encoder cannot keep up with, or cannot read, is left out and counted in the next unit's `lost_packets`.
    A stream that is not `timed` by the camera is timed by its arrival. When `stop` is set, nothing more is encoded.
    """

    def __init__(self, deliver: Callable[[AccessUnit], None], stop: threading.Event, *, timed: bool) -> None:
        self._deliver = deliver
        self._stop = stop
        self._timed = timed
        self._last_90k = -1
        self._waiting: deque[Jpeg] = deque()
        self._waiting_bytes = self._left_out = 0
        self._come = threading.Condition()
        self._is_over = False
        self._error: SourceError | None = None
        self._thread = threading.Thread(target=self._run, name="jpeg-encoder", daemon=True)
        self._thread.start()

    def take(self, packet: av.Packet[Stream], arrival_us: int) -> list[AccessUnit]:
        """The next picture; there is nothing to give yet. Raises SourceError when the encoder has failed."""
        time_90k = self._time_90k(packet, arrival_us)
        with self._come:
            if self._error is not None:
                raise self._error
            if packet.size == 0 or time_90k is None:
                return []
            if len(self._waiting) >= _MOST_WAITING or self._waiting_bytes + packet.size > _MOST_WAITING_BYTES:
                self._left_out += 1
                return []
            self._waiting.append(Jpeg(bytes(packet), time_90k, arrival_us, captured_us(packet)))
            self._waiting_bytes += packet.size
            self._come.notify()
        return []

    def finish(self) -> list[AccessUnit]:
        """Delivers what waits, unless all is to stop; there is nothing to give afterwards."""
        with self._come:
            self._is_over = True
            self._come.notify()
        self._thread.join()
        return []

    def _time_90k(self, packet: av.Packet[Stream], arrival_us: int) -> int | None:
        if self._timed:
            return None if packet.pts is None or not packet.time_base else at_90k(packet.pts, packet.time_base)
        self._last_90k = max(self._last_90k + 1, arrival_us * 9 // 100)
        return self._last_90k

    # --- in the encoder's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        try:
            encoder, lost = JpegEncoder(), 0
            while (picture := self._next()) is not None:
                with self._come:
                    lost, self._left_out = lost + self._left_out, 0
                unit = encoder.encode(picture)
                if unit is None:
                    lost += 1
                    continue
                self._deliver(replace(unit, lost_packets=lost))
                lost = 0
        except SourceError as error:
            self._fail(error)
        except Exception as error:
            _LOGGER.exception("pictures cannot be encoded")
            reason = f"the camera's JPEG pictures cannot be encoded: {type(error).__name__}"
            self._fail(SourceError(Cause.UNSUPPORTED_STREAM, reason))

    def _fail(self, error: SourceError) -> None:
        with self._come:
            self._error = error

    def _next(self) -> Jpeg | None:
        """The next picture, as soon as there is one; None when there will be no more."""
        with self._come:
            self._come.wait_for(lambda: self._waiting or self._is_over)
            if not self._waiting or self._stop.is_set():
                return None
            picture = self._waiting.popleft()
            self._waiting_bytes -= len(picture.data)
            return picture
