"""libav's packets as coded pictures and frames of sound."""

import logging
import struct
from collections.abc import Callable
from copy import replace
from fractions import Fraction

import av
from av.rational import AVRational
from av.stream import Stream

from ..media.audio import AudioFormat, AudioUnit, is_adts, read_audio_config, split_adts
from ..media.bits import BitstreamError
from ..media.codec import H264, H265, Codec, ParameterSets
from ..media.h265 import is_random_access
from ..media.video import AccessUnit, length_prefixed, split_annexb, split_length_prefixed
from .beginning import Times, decoded_90k, earliest_us, filled_in, is_flowing, is_settled

_LOGGER = logging.getLogger(__name__)

_CODECS = {codec.libav_name: codec for codec in (H264, H265)}
# A picture that is to be shown further than this from its decoding has a senseless time.
_LONGEST_REORDERING_90K = 10 * 90_000
# AVProducerReferenceTime: UTC in microseconds, then flags; 24 is the instant of capture, by RTCP sender reports.
_REFERENCE_TIME = struct.Struct("=qi")
_CAPTURED = 24
# libav's AVStream carries lengths before NAL units where the first byte of its extradata is this.
_RECORD_VERSION = b"\x01"


def codec_name(stream: av.VideoStream | av.AudioStream) -> str:
    """libav's name of the stream's codec."""
    # Whatever its type says, there is no context where libav does not know the codec.
    return getattr(stream.codec_context, "name", "something unknown")


def codec_of(stream: av.VideoStream) -> Codec | None:
    """The stream's codec if it can be recorded."""
    return _CODECS.get(codec_name(stream))


class Pictures:
    """Makes access units of a video stream's packets."""

    def __init__(self, stream: av.VideoStream, codec: Codec) -> None:
        self._codec = codec
        self._sets = ParameterSets(codec)
        self._first: list[tuple[AccessUnit, Times]] | None = []
        self._last_90k = 0
        extradata = stream.codec_context.extradata or b""
        # RTMP and MP4 put lengths before NAL units and announce a record, everything else start codes.
        self._split: Callable[[bytes], list[bytes]] = split_annexb
        if extradata.startswith(_RECORD_VERSION):
            self._split = split_length_prefixed
            self._sets.take(codec.read_record(extradata))
        else:
            self._sets.take(split_annexb(extradata))

    def take(self, packet: av.Packet[Stream], arrival_us: int) -> list[AccessUnit]:
        """The pictures that can now be told: the packet's, or at the beginning none, then several.

        Raises BitstreamError.
        """
        if packet.size == 0 or not packet.time_base:
            return []
        nals = self._split(bytes(packet))
        self._sets.take(nals)
        stored = self._codec.stored(nals)
        if not stored or self._sets.video is None:
            return []
        # libav's mark is right for H.264 (IDR, recovery point); for H.265 not every container tells it.
        is_key = packet.is_keyframe if self._codec is H264 else is_random_access(stored)
        unit = AccessUnit(
            length_prefixed(stored),
            0,
            0,
            is_key,
            arrival_us,
            self._sets.video,
            captured_us(packet),
            # Only MPEG-TS numbers its packets so that libav can tell.
            lost_packets=int(packet.is_corrupt),
        )
        pts, dts = (None if time is None else at_90k(time, packet.time_base) for time in (packet.pts, packet.dts))
        if self._first is not None:
            self._first.append((unit, (pts, dts)))
            return self._begin(self._first)
        if pts is None:
            return []
        return [self._timed(unit, pts, decoded_90k(pts, self._last_90k) if dts is None else dts)]

    def finish(self) -> list[AccessUnit]:
        """The first pictures, should the stream have ended before more could be told of them."""
        first, self._first = self._first, None
        return self._released(first, filled_in([times for _, times in first])) if first else []

    def _begin(self, first: list[tuple[AccessUnit, Times]]) -> list[AccessUnit]:
        times = [times for _, times in first]
        if not is_settled(times):
            return []
        whole = filled_in(times)
        if not is_flowing([unit.arrival_us for unit, _ in first], [dts for _, dts in whole]):
            return []
        self._first = None
        return self._released(first, whole)

    def _released(self, first: list[tuple[AccessUnit, Times]], whole: list[tuple[int, int]]) -> list[AccessUnit]:
        arrivals_us = earliest_us([unit.arrival_us for unit, _ in first], [dts for _, dts in whole])
        return [
            self._timed(replace(unit, arrival_us=arrival_us), pts, dts)
            for (unit, _), arrival_us, (pts, dts) in zip(first, arrivals_us, whole, strict=True)
        ]

    def _timed(self, unit: AccessUnit, pts_90k: int, dts_90k: int) -> AccessUnit:
        self._last_90k = dts_90k
        if abs(pts_90k - dts_90k) > _LONGEST_REORDERING_90K:
            pts_90k = dts_90k
        return replace(unit, pts_90k=pts_90k, dts_90k=dts_90k)


class Sounds:
    """Makes frames of sound of an audio stream's packets. `audio` is the format in force, None until it is known."""

    def __init__(self, stream: av.AudioStream) -> None:
        self.audio: AudioFormat | None = None
        self._said = False
        name = codec_name(stream)
        if name != "aac":
            self._refuse(f"AAC was expected, the camera sends {name}")
        elif extradata := stream.codec_context.extradata:
            self._learn(lambda: read_audio_config(extradata))

    def take(self, packet: av.Packet[Stream]) -> list[AudioUnit]:
        """The packet's frames; none while sound cannot be recorded."""
        if self._said or packet.size == 0 or packet.pts is None or not packet.time_base:
            return []
        data = bytes(packet)
        frames = [data]
        if is_adts(data):
            try:
                audio, frames = split_adts(data)
            except BitstreamError as error:
                self._refuse(str(error))
                return []
            self.audio = audio
        if self.audio is None:
            return []
        start_90k = at_90k(packet.pts, packet.time_base)
        step = Fraction(90_000 * self.audio.frame_samples, self.audio.sample_rate)
        return [AudioUnit(frame, start_90k + round(number * step)) for number, frame in enumerate(frames) if frame]

    def _learn(self, read: Callable[[], AudioFormat]) -> None:
        try:
            self.audio = read()
        except BitstreamError as error:
            self._refuse(str(error))

    def _refuse(self, problem: str) -> None:
        self._said = True
        self.audio = None
        _LOGGER.warning("sound is not recorded", extra={"problem": problem})


def at_90k(time: int, time_base: AVRational) -> int:
    """A time in 1/90000 s, rounded."""
    ticks, parts = time * time_base.numerator * 90_000, time_base.denominator
    return (2 * ticks + parts) // (2 * parts)


def captured_us(packet: av.Packet[Stream]) -> int | None:
    """When the camera says it took the picture."""
    if not packet.has_sidedata("prft"):
        return None
    data = bytes(packet.get_sidedata("prft"))
    if len(data) < _REFERENCE_TIME.size:
        return None
    utc_us, flags = _REFERENCE_TIME.unpack_from(data)
    return int(utc_us) if flags == _CAPTURED else None
