"""MPEG-TS of a live stream, muxed once however many watch; each picture comes with the tables a new viewer needs."""

import io
from fractions import Fraction

import av

from .codec import CODECS
from .live_times import LiveTimes
from .video import AccessUnit, VideoFormat, join_annexb

_TIME_BASE = Fraction(1, 90_000)


class TransportStream:
    """Turns access units of one codec into bytes of one MPEG transport stream.

    `head` is empty: viewers may join at any keyframe.
    """

    head = b""

    def __init__(self, video: VideoFormat) -> None:
        self._codec = CODECS[video.codec]
        self._times = LiveTimes()
        self._sink = io.BytesIO()
        # The tables (PAT, PMT) stand before every picture, so that a viewer may join at any keyframe.
        self._container = av.open(
            self._sink, "w", format="mpegts", options={"mpegts_flags": "pat_pmt_at_frames", "flush_packets": "1"}
        )
        self._stream = self._container.add_mux_stream(
            self._codec.libav_name, width=video.width, height=video.height, time_base=_TIME_BASE
        )

    def mux(self, unit: AccessUnit) -> bytes:
        """The stream's bytes for one picture. Keyframes carry the parameter sets. Raises FFmpegError."""
        wanted = self._codec.stored(unit.nals)
        if unit.is_key:
            wanted = (*unit.video.parameter_sets, *wanted)
        packet = av.Packet(join_annexb([self._codec.delimiter, *wanted]))
        packet.stream = self._stream
        packet.time_base = _TIME_BASE
        packet.dts = self._times.decoding_90k(unit)
        packet.pts = packet.dts + unit.pts_90k - unit.dts_90k
        packet.is_keyframe = unit.is_key
        self._container.mux(packet)
        data = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return data
