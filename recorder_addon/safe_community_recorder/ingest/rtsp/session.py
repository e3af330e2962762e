"""A camera's RTSP session that plays: read whenever its turn comes, kept alive, told what of it arrives."""

from contextlib import suppress

from ...clock import steady_us
from ...utc import SECOND_US
from .dialogue import Dialogue
from .headers import StreamStart
from .pictures import Pictures
from .rtp import RtpTrack
from .sound import SoundTrack
from .wire import Wire

_REPORT_EVERY_US = 5 * SECOND_US
_LONGEST_KEEP_ALIVE_US = 30 * SECOND_US
_FIRST_CONTROL, _LAST_CONTROL = 192, 223

type Channels = tuple[int, int]
"""Of RTP and RTCP."""


class RtspSession:
    """`drain` takes what has come. All that it raises (SourceError, OSError, BitstreamError) ends the session."""

    def __init__(
        self,
        wire: Wire,
        dialogue: Dialogue,
        track: RtpTrack,
        pictures: Pictures,
        sound: SoundTrack | None,
    ) -> None:
        self.pictures = pictures
        self.sound_offered: tuple[str, ...] = ()
        """The codecs of the sound that the camera offers, whether it is wanted or not."""
        self._wire = wire
        self._dialogue = dialogue
        self._track = track
        self._sound = sound
        self._reporting: dict[int, RtpTrack] = {}
        self._keep_alive_us = _LONGEST_KEEP_ALIVE_US
        self._received = 0
        self.received_us = self._reported_us = self._kept_us = steady_us()
        """When something of the pictures has last come, on the steady clock."""
        dialogue.interleaved.on_unknown = self._unknown
        dialogue.on_receive = self._arrive

    @property
    def lost_packets(self) -> int:
        """Of the pictures, since the session began."""
        return self._track.lost_packets

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self._wire.fileno()

    def listen(self, track: RtpTrack, channels: Channels) -> None:
        """The camera sends a track's packets and reports on these channels."""
        rtp, control = channels
        self._dialogue.interleaved.channels |= {rtp: track.packet, control: track.control}
        self._dialogue.interleaved.runs[rtp] = track.run
        self._reporting[control] = track

    def begin(self, timeout_s: int, pictures: StreamStart | None, sound: StreamStart | None) -> None:
        """The camera plays. It ends the session after so many seconds without a word; and where the streams begin."""
        self._keep_alive_us = min(timeout_s * SECOND_US // 2, _LONGEST_KEEP_ALIVE_US)
        if (
            self._sound is not None
            and pictures is not None
            and sound is not None
            and pictures.rtp_timestamp is not None
            and sound.rtp_timestamp is not None
        ):
            self._sound.begin_together(pictures.rtp_timestamp, sound.rtp_timestamp)

    def drain(self) -> None:
        """Takes what has come, and says what is due."""
        self._dialogue.receive()
        now_us = self.pictures.arrival_us
        self.pictures.settle()
        if self._sound is not None:
            self.pictures.hear(self._sound.heard())
        if self._track.received_packets != self._received:
            self._received = self._track.received_packets
            self.received_us = now_us
        if now_us - self._reported_us > _REPORT_EVERY_US:
            self._reported_us = now_us
            self._report()
        if now_us - self._kept_us > self._keep_alive_us:
            self._kept_us = now_us
            self._dialogue.keep_alive()
        self._wire.flush()

    def close(self) -> None:
        """Takes leave and ends the connection; the answer is not waited for."""
        with suppress(OSError):
            self._dialogue.tear_down()
        self._wire.close()

    def _arrive(self, now_us: int) -> None:
        self.pictures.arrival_us = now_us

    def _report(self) -> None:
        for channel, track in self._reporting.items():
            report = track.report()
            if report is not None:
                self._wire.send(b"".join((b"$", channel.to_bytes(), len(report).to_bytes(2), report)))

    def _unknown(self, channel: int, data: bytes, start: int, end: int) -> None:
        """A channel of which nobody spoke: taken for the pictures' while nothing comes where it should."""
        if self._track.received_packets or end - start < 2:
            return
        if _FIRST_CONTROL <= data[start + 1] <= _LAST_CONTROL:
            self._track.control(data, start, end)
            return
        self._track.packet(data, start, end)
        if self._track.received_packets:
            self._dialogue.interleaved.channels[channel] = self._track.packet
