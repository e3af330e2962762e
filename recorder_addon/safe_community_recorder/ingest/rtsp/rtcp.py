"""RTCP (RFC 3550 §6): what cameras report of their clocks, and the report that is sent back. Pure."""

import struct
from dataclasses import dataclass

_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_BYE = 203
_CNAME = 1
_HEAD = struct.Struct(">BBH")
_SENDER_INFO = struct.Struct(">IQIII")
_BLOCK = struct.Struct(">IIIIII")


class RtcpError(ValueError):
    """The bytes are no RTCP."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """That the instant `rtp_timestamp` of a stream was `ntp` (NTP's 64 bits) on the camera's clock (§6.4.1).

    `packets` and `octets` are what the camera has sent so far, modulo 2³².
    """

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int

    @property
    def short_ntp(self) -> int:
        """The middle 32 bits of `ntp`, by which a receiver report names the report (§6.4.1, LSR)."""
        return self.ntp >> 16 & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Bye:
    """That streams end (§6.6)."""

    ssrcs: tuple[int, ...]


def parse_rtcp(data: bytes) -> list[SenderReport | Bye]:
    """The sender reports and goodbyes of a compound packet; the others are left out.

    What follows a packet that is broken (a wrong version, a length beyond the end, padding of more than there is, a
    report cut short) is left out, too. Raises RtcpError if the first one is broken already.
    """
    packets: list[SenderReport | Bye] = []
    position = 0
    while position < len(data):
        try:
            packet, position = _parse_packet(data, position)
        except RtcpError:
            if position == 0:
                raise
            break
        if packet is not None:
            packets.append(packet)
    return packets


def receiver_report(
    own_ssrc: int,
    source_ssrc: int,
    lost_fraction: int,
    lost_total: int,
    highest_sequence: int,
    jitter: int,
    last_sr: int,
    delay_since_sr_65536: int,
) -> bytes:
    """A compound packet of a receiver report on one source and our CNAME (§6.1, §6.4.2, §6.5.1).

    `lost_fraction` of 256 since the report before; `lost_total` since the beginning, negative after duplicates;
    `highest_sequence` is extended by its cycles; `jitter` in the stream's clock; `last_sr` is the report's short_ntp
    and `delay_since_sr_65536` the time since it came in 1/65536 s, both 0 before the first. What does not fit is cut to
    fit.
    """
    block = _BLOCK.pack(
        source_ssrc,
        _within(lost_fraction, 0, 255) << 24 | _within(lost_total, -(1 << 23), (1 << 23) - 1) & 0xFFFFFF,
        highest_sequence & 0xFFFFFFFF,
        _within(jitter, 0, 0xFFFFFFFF),
        last_sr & 0xFFFFFFFF,
        _within(delay_since_sr_65536, 0, 0xFFFFFFFF),
    )
    # Random as the SSRC is (RFC 7022): it tells nobody who records.
    name = b"%08x" % own_ssrc
    chunk = struct.pack(">IBB", own_ssrc, _CNAME, len(name)) + name
    chunk += bytes(4 - len(chunk) % 4)
    return b"".join(
        (
            _HEAD.pack(0x81, _RECEIVER_REPORT, 1 + len(block) // 4),
            own_ssrc.to_bytes(4),
            block,
            _HEAD.pack(0x81, _SOURCE_DESCRIPTION, len(chunk) // 4),
            chunk,
        )
    )


def _within(value: int, lowest: int, highest: int) -> int:
    return min(max(value, lowest), highest)


def _parse_packet(data: bytes, start: int) -> tuple[SenderReport | Bye | None, int]:
    """The packet at `start`, None if it is of another kind, and the position behind it. Raises RtcpError."""
    if len(data) < start + _HEAD.size:
        raise RtcpError(f"RTCP of {len(data) - start} bytes")
    first, kind, words = _HEAD.unpack_from(data, start)
    body, end = start + _HEAD.size, start + 4 * (words + 1)
    if first >> 6 != 2 or end > len(data):
        raise RtcpError(f"an RTCP packet of version {first >> 6} and {end - start} bytes in {len(data) - start}")
    padding = data[end - 1] if first & 0x20 else 0
    content_end = end - padding
    if content_end < body:
        raise RtcpError(f"an RTCP packet of {end - start} bytes with {padding} of padding")
    count = first & 0x1F
    if kind == _SENDER_REPORT:
        if content_end - body < _SENDER_INFO.size:
            raise RtcpError(f"a sender report of {content_end - body} bytes")
        return SenderReport(*_SENDER_INFO.unpack_from(data, body)), end
    if kind == _BYE:
        if content_end - body < 4 * count:
            raise RtcpError(f"a goodbye of {count} sources in {content_end - body} bytes")
        return Bye(struct.unpack_from(f">{count}I", data, body)), end
    return None, end
