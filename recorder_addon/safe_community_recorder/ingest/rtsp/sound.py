"""A session's sound, brought onto the clock of its pictures. Pure."""

from collections.abc import Sequence

from ...media.audio import AudioFormat, AudioUnit
from .aac import AacPackets, HeaderSizes
from .rtp import RtpTrack

# Smaller differences between sound and pictures are not put right: nobody hears them, but everybody hears the jump.
_NOTICED_90K = 3_600


class SoundTrack:
    """Receives AAC (RFC 3640) beside a track of pictures whose timestamps count 1/90000 s."""

    def __init__(
        self, payload_type: int, clock_rate: int, audio: AudioFormat, sizes: HeaderSizes, pictures: RtpTrack
    ) -> None:
        self.rtp = RtpTrack(payload_type, clock_rate, self._take)
        self.audio = audio
        self._packets = AacPackets(audio, clock_rate, sizes)
        self._clock_rate = clock_rate
        self._pictures = pictures
        self._units: list[AudioUnit] = []
        self._starts: tuple[int, int] | None = None
        self._shift_90k: int | None = None

    def begin_together(self, pictures_timestamp: int, sound_timestamp: int) -> None:
        """These timestamps (32 bits) are of one instant, the camera says (RTP-Info)."""
        self._starts = pictures_timestamp, sound_timestamp

    def heard(self) -> Sequence[AudioUnit]:
        """The frames that have come since the last call."""
        units, self._units = self._units, []
        if not units:
            return ()
        self._follow(units[0].pts_90k)
        shift_90k = self._shift_90k
        if shift_90k is None:
            return ()
        return [AudioUnit(unit.data, unit.pts_90k + shift_90k) for unit in units]

    def _take(self, data: bytes, start: int, end: int, timestamp: int, _marker: bool, lost: int) -> None:
        if lost:
            self._packets.lost()
        self._units += self._packets.take(data[start:end], timestamp)

    def _follow(self, sound_90k: int) -> None:
        """The difference of the clocks: by both sender reports, or the common start, or else by what came together."""
        sound_us = self.rtp.sender_us(sound_90k * self._clock_rate // 90_000)
        pictures_us = self._pictures.sender_us(self._pictures.timestamp)
        if sound_us is not None and pictures_us is not None:
            at_90k = self._pictures.timestamp + (sound_us - pictures_us) * 9 // 100
        elif self._shift_90k is not None:
            return
        elif self._starts is not None:
            pictures, sound = self._starts
            begun_90k = self.rtp.unwrapped(sound) * 90_000 // self._clock_rate
            at_90k = self._pictures.unwrapped(pictures) + sound_90k - begun_90k
        elif self._pictures.received_packets:
            at_90k = self._pictures.timestamp
        else:
            return
        if self._shift_90k is None or abs(at_90k - sound_90k - self._shift_90k) > _NOTICED_90K:
            self._shift_90k = at_90k - sound_90k
