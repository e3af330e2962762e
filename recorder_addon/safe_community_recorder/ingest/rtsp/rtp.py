"""One RTP stream as it is received (RFC 3550): order, loss, the clock of its timestamps, reports. Pure.

Over TCP nothing is reordered on the way. What is missing, the camera has left out itself: its buffers were full.
"""

import struct
from collections.abc import Callable, Iterable

from ...clock import steady_us
from ...media.cmaf import from_ntp
from .rtcp import RtcpError, SenderReport, parse_rtcp, receiver_report

_HEADER = struct.Struct(">BBHII")
_HEADER_BYTES = 12
_PLAIN = 0x80
_FRAMING_BYTES = 4
# Of framing and header: the length first, it tells the most. Number, timestamp and source are looked at by themselves.
_ALIKE = (3, 5, 0, 1, 2, 4)
_NUMBERS = bytes(range(256))
_SEQUENCES = 1 << 16
_TIMESTAMPS = 1 << 32
# A sequence number that goes further is no loss but a new beginning (RFC 3550 appendix A.1, MAX_DROPOUT).
_MOST_LOST = 3_000
_FIRST_DYNAMIC = 96
# NTP's timestamps before 2001 are those of a camera that counts from its start, whatever it may call that.
_EARLIEST_SENDER_US = 978_307_200_000_000

type Payload = Callable[[bytes, int, int, int, bool, int], None]
"""Takes a payload: (bytes in which it lies, its beginning, its end, timestamp, marker, packets lost before it)."""
type PayloadRun = Callable[[bytes, int, int, int, int], int]
"""Takes payloads of one size that follow one another, with one timestamp and without markers: (bytes in which they lie,
beginning of the first, how far it is to the next, number, timestamp); how many of them it has taken, be it none."""


def alike(data: bytes, start: int, stride: int, count: int, places: Iterable[int]) -> int:
    """How many pieces of data, `stride` apart, have the same bytes at these places as the first, of `count` at most."""
    for place in places:
        column = data[start + place : start + count * stride : stride]
        if others := column.lstrip(column[:1]):
            count -= len(others)
    return count


class RtpTrack:
    """Receives one RTP stream and hands on its payloads, in order, with timestamps that never wrap.

    `payload_type` is what the session's description announces; a camera that keeps to another one is believed.
    `received_packets` and `lost_packets` count since the beginning.
    """

    def __init__(
        self,
        payload_type: int,
        clock_rate: int,
        take: Payload,
        take_run: PayloadRun = lambda *_: 0,
        own_ssrc: int = 0x5AFE,
    ) -> None:
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._take = take
        self._take_run = take_run
        self._own_ssrc = own_ssrc
        self._ssrc: int | None = None
        self._expected = 0
        # A packet that did not fit, and what the next one is like if the camera begins anew with it.
        self._strange: tuple[bytes, tuple[int, int, int]] | None = None
        self.timestamp = 0
        """The newest timestamp."""
        self._report: SenderReport | None = None
        self._strange_report: SenderReport | None = None
        self._report_timestamp = 0
        self._report_us = 0
        self._sender_us: int | None = None
        self._reported_lost = self._reported_received = 0
        self._cycles = 0
        self.received_packets = 0
        self.lost_packets = 0

    def packet(self, data: bytes, start: int, end: int) -> None:
        """An RTP packet (RFC 3550 §5.1) that lies in `data`; what is none is left out."""
        if end - start <= _HEADER_BYTES:
            return
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data, start)
        payload, stop = start + _HEADER_BYTES, end
        if first != _PLAIN:
            payload, stop = _bounds(data, start, end, first)
            if payload >= stop:
                return
        if second & 0x7F != self._payload_type and not self._adopts(second & 0x7F):
            return
        lost = 0
        if ssrc != self._ssrc or sequence != self._expected:
            lost = self._jumped(ssrc, sequence, timestamp)
            if lost < 0:
                self._strange = data[start:end], (ssrc, sequence + 1 & 0xFFFF, self.received_packets)
                return
        self._expected = sequence + 1 & 0xFFFF
        if not self._expected:
            self._cycles += 1
        self.received_packets += 1
        if timestamp != self.timestamp & 0xFFFFFFFF:
            self.timestamp = self.unwrapped(timestamp)
        self._take(data, payload, stop, self.timestamp, second >= 0x80, lost)

    def run(self, data: bytes, start: int, stride: int) -> int:
        """Packets that follow one another and are alike but for their numbers, see interleaved.Run."""
        header = start + _FRAMING_BYTES
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data, header)
        if sequence != self._expected or second != self._payload_type or first != _PLAIN or ssrc != self._ssrc:
            return 0
        low = sequence & 0xFF
        count = alike(data, start, stride, min((len(data) - start) // stride, 256 - low), _ALIKE)
        end = start + count * stride
        if count < 2 or data[header + 3 : end : stride] != _NUMBERS[low : low + count]:
            return 0
        # Between two packets of one picture there is none of another.
        _, _, last, last_timestamp, last_ssrc = _HEADER.unpack_from(data, end - stride + _FRAMING_BYTES)
        if last != sequence + count - 1 or last_timestamp != timestamp or last_ssrc != ssrc:
            return 0
        unwrapped = self.timestamp if timestamp == self.timestamp & 0xFFFFFFFF else self.unwrapped(timestamp)
        count = self._take_run(data, header + _HEADER_BYTES, stride, count, unwrapped)
        if count:
            self.timestamp = unwrapped
            self._expected = sequence + count & 0xFFFF
            if not self._expected:
                self._cycles += 1
            self.received_packets += count
        return count

    def control(self, data: bytes, start: int, end: int) -> None:
        """An RTCP packet: a sender report ties the stream's timestamps to the camera's clock."""
        try:
            reports = parse_rtcp(data[start:end])
        except RtcpError:
            return
        for report in reports:
            if not isinstance(report, SenderReport):
                continue
            if report.ssrc == self._ssrc:
                self._believe(report)
            else:
                self._strange_report = report

    def sender_us(self, timestamp: int) -> int | None:
        """UTC of a timestamp by the camera's clock; None as long as it has not told any."""
        at_us = self._sender_us
        return None if at_us is None else at_us + (timestamp - self._report_timestamp) * 1_000_000 // self._clock_rate

    def report(self) -> bytes | None:
        """A receiver report (RFC 3550 §6.4.2) of what has come since the last; None before anything has."""
        if self._ssrc is None:
            return None
        lost, received = self.lost_packets - self._reported_lost, self.received_packets - self._reported_received
        self._reported_lost, self._reported_received = self.lost_packets, self.received_packets
        last, since = 0, 0
        if self._report is not None:
            last = self._report.ntp >> 16 & 0xFFFFFFFF
            since = min((steady_us() - self._report_us) * 65_536 // 1_000_000, 0xFFFFFFFF)
        return receiver_report(
            self._own_ssrc,
            self._ssrc,
            min(255, lost * 256 // max(1, lost + received)),
            min(self.lost_packets, 0x7FFFFF),
            (self._cycles & 0xFFFF) << 16 | self._expected - 1 & 0xFFFF,
            0,
            last,
            since,
        )

    def _adopts(self, payload_type: int) -> bool:
        """Before anything has come, a camera may use another dynamic payload type than it said."""
        if self.received_packets or payload_type < _FIRST_DYNAMIC:
            return False
        self._payload_type = payload_type
        return True

    def _jumped(self, ssrc: int, sequence: int, timestamp: int) -> int:
        """How many packets are missing before one that is not the next; -1 for one that is not to be taken yet.

        A packet of another source, behind or far ahead is a camera that begins anew, or rubbish, or came twice. The one
        after it tells.
        """
        if ssrc == self._ssrc:
            ahead = (sequence - self._expected) % _SEQUENCES
            if ahead <= _MOST_LOST:
                if sequence < self._expected:
                    self._cycles += 1
                self.lost_packets += ahead
                self._strange = None
                return ahead
        strange, self._strange = self._strange, None
        if self._ssrc is None:
            self.timestamp = timestamp
            self._begin(ssrc, sequence)
        elif strange is not None and strange[1] == (ssrc, sequence, self.received_packets):
            packet = strange[0]
            self._begin(ssrc, sequence - 1 & 0xFFFF)
            self.packet(packet, 0, len(packet))
        else:
            return -1
        return 0

    def _begin(self, ssrc: int, sequence: int) -> None:
        """Counts this source's packets from here on."""
        self._expected = sequence
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            report, self._strange_report = self._strange_report, None
            self._believe(report if report is not None and report.ssrc == ssrc else None)

    def _believe(self, report: SenderReport | None) -> None:
        self._report, self._sender_us = report, None
        if report is not None:
            self._report_us = steady_us()
            self._report_timestamp = self.unwrapped(report.rtp_timestamp)
            # 0 says that the camera has no clock (RFC 3550 §6.4.1).
            at_us = from_ntp(report.ntp) if report.ntp else 0
            self._sender_us = at_us if at_us >= _EARLIEST_SENDER_US else None

    def unwrapped(self, timestamp: int) -> int:
        """The timestamp as a number that goes on beyond 32 bits, next to the last one."""
        step = (timestamp - self.timestamp) % _TIMESTAMPS
        return self.timestamp + (step if step < _TIMESTAMPS // 2 else step - _TIMESTAMPS)


def _bounds(data: bytes, start: int, end: int, first: int) -> tuple[int, int]:
    """Where the payload lies in a packet with contributing sources, an extension or padding; (end, end) for none."""
    payload = start + _HEADER_BYTES + 4 * (first & 0x0F)
    if first >> 6 != 2:
        return end, end
    if first & 0x10:
        if payload + 4 > end:
            return end, end
        payload += 4 + 4 * (data[payload + 2] << 8 | data[payload + 3])
    if first & 0x20:
        padding = data[end - 1]
        if not 0 < padding <= end - payload:
            return end, end
        end -= padding
    return payload, end
