"""libav's packets as coded pictures and frames of sound."""

import logging
import struct
from collections.abc import Callable
from fractions import Fraction

import av
from av.rational import AVRational
from av.stream import Stream

from ..media.audio import AudioFormat, AudioUnit, is_adts, read_audio_config, split_adts
from ..media.bits import BitstreamError
from ..media.codec import H264, H265, Codec, ParameterSets
from ..media.h265 import is_random_access
from ..media.video import AccessUnit, VideoFormat, split_annexb, split_length_prefixed

_LOGGER = logging.getLogger(__name__)

_CODECS = {codec.libav_name: codec for codec in (H264, H265)}
# A picture that is to be shown later than this after its decoding has a senseless time.
_LONGEST_REORDERING_90K = 10 * 90_000
# AVProducerReferenceTime: UTC in microseconds, then flags; 24 is the instant of capture, by RTCP sender reports.
_REFERENCE_TIME = struct.Struct("=qi")
_CAPTURED = 24
# libav's AVStream carries lengths before NAL units where the first byte of its extradata is this.
_RECORD_VERSION = b"\x01"


def codec_of(stream: av.VideoStream) -> Codec | None:
    """The stream's codec if it can be recorded."""
    return _CODECS.get(stream.codec_context.name)


class Pictures:
    """Makes access units of a video stream's packets. `video` is the format in force, None until it is known."""

    def __init__(self, stream: av.VideoStream, codec: Codec) -> None:
        self._codec = codec
        self._sets = ParameterSets(codec)
        extradata = stream.codec_context.extradata or b""
        # RTMP and MP4 put lengths before NAL units and announce a record, everything else start codes.
        self._split: Callable[[bytes], list[bytes]] = split_annexb
        if extradata.startswith(_RECORD_VERSION):
            self._split = split_length_prefixed
            self._sets.take(codec.read_record(extradata))
        else:
            self._sets.take(split_annexb(extradata))

    @property
    def video(self) -> VideoFormat | None:
        """The format in force."""
        return self._sets.video

    def take(self, packet: av.Packet[Stream], arrival_us: int) -> AccessUnit | None:
        """The packet's picture, if there is one that can be decoded. Raises BitstreamError."""
        pts = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or pts is None or not packet.time_base:
            return None
        nals = self._split(bytes(packet))
        self._sets.take(nals)
        stored = self._codec.stored(nals)
        if not stored or self._sets.video is None:
            return None
        dts_90k = _at_90k(packet.dts if packet.dts is not None else pts, packet.time_base)
        pts_90k = _at_90k(pts, packet.time_base)
        if not 0 <= pts_90k - dts_90k <= _LONGEST_REORDERING_90K:
            pts_90k = dts_90k
        # libav's mark is right for H.264 (IDR, recovery point); for H.265 not every container tells it.
        is_key = packet.is_keyframe if self._codec is H264 else is_random_access(stored)
        return AccessUnit(stored, pts_90k, dts_90k, is_key, arrival_us, self._sets.video, _captured_us(packet))


class Sounds:
    """Makes frames of sound of an audio stream's packets. `audio` is the format in force, None until it is known."""

    def __init__(self, stream: av.AudioStream) -> None:
        self.audio: AudioFormat | None = None
        self._said = False
        extradata = stream.codec_context.extradata
        if stream.codec_context.name != "aac":
            self._refuse(f"AAC was expected, the camera sends {stream.codec_context.name}")
        elif extradata:
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
        start_90k = _at_90k(packet.pts, packet.time_base)
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


def _at_90k(time: int, time_base: AVRational) -> int:
    """A time in 1/90000 s, rounded."""
    ticks, parts = time * time_base.numerator * 90_000, time_base.denominator
    return (2 * ticks + parts) // (2 * parts)


def _captured_us(packet: av.Packet[Stream]) -> int | None:
    """When the camera says it took the picture."""
    if not packet.has_sidedata("prft"):
        return None
    data = bytes(packet.get_sidedata("prft"))
    if len(data) < _REFERENCE_TIME.size:
        return None
    utc_us, flags = _REFERENCE_TIME.unpack_from(data)
    return int(utc_us) if flags == _CAPTURED else None
