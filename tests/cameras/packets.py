"""RTP as cameras make it: payloads of H.264 (RFC 6184), H.265 (RFC 7798) and AAC (RFC 3640), headers, sender reports.

Pure, and written from the standards alone: it shares nothing with the recorder's own reading of them.
"""

from collections.abc import Sequence

from safe_community_recorder.media.video import CodecName

MOST_BYTES = 1_400
_H264_STAP_A, _H264_FU_A = 24, 28
_H265_AP, _H265_FU = 48, 49
_NTP_OF_1970 = 2_208_988_800


def kind_of(codec: CodecName, nal: bytes) -> int:
    """nal_unit_type."""
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def whole(codec: CodecName, nal: bytes, order: int | None = None) -> bytes:
    """A NAL unit as a payload by itself; with `order` (H.265 only) its decoding order number is said (DONL)."""
    return nal if order is None else nal[:2] + (order & 0xFFFF).to_bytes(2) + nal[2:]


def together(codec: CodecName, nals: Sequence[bytes], order: int | None = None) -> bytes:
    """Several NAL units in one payload: STAP-A (RFC 6184 §5.7.1), AP (RFC 7798 §4.4.2)."""
    parts = []
    if codec == "h264":
        parts.append((max(nal[0] & 0x60 for nal in nals) | _H264_STAP_A).to_bytes())
    else:
        parts.append(bytes((_H265_AP << 1, min(nal[1] for nal in nals))))
    for number, nal in enumerate(nals):
        if order is not None:
            parts.append((order & 0xFFFF).to_bytes(2) if number == 0 else b"\0")
        parts += [len(nal).to_bytes(2), nal]
    return b"".join(parts)


def fragments(codec: CodecName, nal: bytes, most_bytes: int = MOST_BYTES, order: int | None = None) -> list[bytes]:
    """A NAL unit in payloads of at most about `most_bytes`: FU-A (RFC 6184 §5.8), FU (RFC 7798 §4.4.3).

    A short one becomes a single fragment that is start and end at once, which the standards forbid and cameras send.
    """
    head = 1 if codec == "h264" else 2
    pieces = [nal[at : at + most_bytes] for at in range(head, len(nal), most_bytes)]
    payloads = []
    for number, piece in enumerate(pieces):
        flags = (0x80 if number == 0 else 0) | (0x40 if number == len(pieces) - 1 else 0)
        payloads.append(fragment_head(codec, nal, flags))
        if order is not None and number == 0:
            payloads[-1] += (order & 0xFFFF).to_bytes(2)
        payloads[-1] += piece
    return payloads


def fragment_head(codec: CodecName, nal: bytes, flags: int) -> bytes:
    """The bytes before a fragment's piece; `flags` are start (0x80), end (0x40) and for H.264 reserved (0x20)."""
    if codec == "h264":
        return bytes((nal[0] & 0xE0 | _H264_FU_A, flags | nal[0] & 0x1F))
    return bytes((nal[0] & 0x81 | _H265_FU << 1, nal[1], flags | nal[0] >> 1 & 0x3F))


def aac(frames: Sequence[bytes]) -> bytes:
    """Whole frames of sound in one payload, mode AAC-hbr (RFC 3640 §3.3.6)."""
    headers = b"".join((len(frame) << 3).to_bytes(2) for frame in frames)
    return (16 * len(frames)).to_bytes(2) + headers + b"".join(frames)


def rtp(
    payload: bytes,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload_type: int,
    *,
    marker: bool = False,
    csrcs: Sequence[int] = (),
    extension: bytes = b"",
    padding: int = 0,
) -> bytes:
    """An RTP packet (RFC 3550 §5.1). `extension` in whole words; `padding` is how many bytes of it, up to 255."""
    first = 2 << 6 | (0x20 if padding else 0) | (0x10 if extension else 0) | len(csrcs)
    parts = [
        bytes((first, (0x80 if marker else 0) | payload_type)),
        (sequence & 0xFFFF).to_bytes(2),
        (timestamp & 0xFFFFFFFF).to_bytes(4),
        ssrc.to_bytes(4),
        *(csrc.to_bytes(4) for csrc in csrcs),
    ]
    if extension:
        parts += [b"\xbe\xde", (len(extension) // 4).to_bytes(2), extension]
    parts.append(payload)
    if padding:
        parts.append(bytes(padding - 1) + padding.to_bytes())
    return b"".join(parts)


def ntp_of(utc_us: int) -> int:
    """NTP's 64 bits of an instant (RFC 3550 §4), modulo its era of 136 years."""
    return ((utc_us << 32) // 1_000_000 + (_NTP_OF_1970 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    """A compound RTCP packet: SR and SDES with a CNAME (RFC 3550 §6.4.1, §6.5)."""
    report = b"\x80\xc8\x00\x06" + ssrc.to_bytes(4) + ntp.to_bytes(8)
    report += b"".join((value & 0xFFFFFFFF).to_bytes(4) for value in (timestamp, packets, octets))
    return report + b"\x81\xca\x00\x04" + ssrc.to_bytes(4) + b"\x01\x06camera\0\0\0\0"


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet between RTSP messages (RFC 2326 §10.12)."""
    return b"$" + channel.to_bytes() + len(packet).to_bytes(2) + packet
