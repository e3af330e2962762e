"""What takes bytes from cameras and files, each as one function of bytes, with bytes that make sense to begin with.

A parser more is one more line in TARGETS: hypothesis (test_parsers.py) and atheris (fuzz_ingest.py) take it from there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from safe_community_recorder.ingest.rtsp.aac import AacPackets, HeaderSizes, header_sizes
from safe_community_recorder.ingest.rtsp.authentication import Authenticator
from safe_community_recorder.ingest.rtsp.headers import methods, session, stream_starts, transport
from safe_community_recorder.ingest.rtsp.interleaved import Interleaved, Packet
from safe_community_recorder.ingest.rtsp.message import (
    BODY_LIMIT_BYTES,
    HEADER_LIMIT_BYTES,
    MessageError,
    Request,
    Response,
    parse_message,
)
from safe_community_recorder.ingest.rtsp.pictures import Pictures
from safe_community_recorder.ingest.rtsp.rtcp import RtcpError, parse_rtcp, receiver_report
from safe_community_recorder.ingest.rtsp.rtp import RtpTrack
from safe_community_recorder.ingest.rtsp.sdp import SdpError, aac_config, parameter_sets, parse_sdp
from safe_community_recorder.ingest.rtsp.url import base_url
from safe_community_recorder.media.audio import read_audio_config, split_adts
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.boxes import BoxError
from safe_community_recorder.media.codec import CODECS, H264, H265, Codec, ParameterSets
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.video import AccessUnit, join_annexb, split_annexb, split_length_prefixed
from tests.cameras.packets import fragments, interleaved, rtp, together
from tests.recorder.descriptions import AXIS, DAHUA, HIKVISION, REOLINK, SETS, TP_LINK, UNIVIEW
from tests.recorder.footage import encode, groups_of, recorded

_AUDIO = read_audio_config(b"\x14\x08")  # AAC LC, 16 kHz, mono
_RESPONSE = (
    b"\r\nRTSP/1.0 401 Unauthorized\r\nCSeq: 1 \nServer : Cam\r\n"
    b'WWW-Authenticate: Basic realm="a, b"\r\nRTP-Info: url=rtsp://h/1;seq=1,\r\n url=rtsp://h/2\r\n'
    b"Content-length: 3\r\n\r\nv=0RTSP/1.0 200 OK\r\nSession: 1;timeout=60\r\n\r\n"
)
_REQUEST = b"SET_PARAMETER rtsp://192.168.1.20/ch1?a=b RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 4\r\n\r\nx: y"
_HEADERS = (
    b"708886412;timeout=60",
    b"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627;mode=play",
    b"RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0",
    b"url=rtsp://h/trackID=1;seq=41000;rtptime=3894549240, url=rtsp://h/trackID=2;seq=7;rtptime=0",
    b"OPTIONS, DESCRIBE,get_parameter  PLAY",
)
_CHALLENGES = (
    b'Digest realm="IP Camera(12345)", nonce="abc", stale="FALSE"\nDigest realm="r", nonce="d", stale=TRUE',
    b'Basic realm="x\\"", Digest realm="r", qop="auth,auth-int", nonce="n", algorithm=SHA-256-sess, opaque="o"',
)
_RTCP = (
    bytes.fromhex("80c8000666426ae1ee362f99cccccccc852ef807002a43332f4c341d81ca000466426ae1")
    + bytes.fromhex("0106286e6f6e652900000000"),
    bytes.fromhex("a0c8000766426ae1ee362f99cccccccc852ef807002a43332f4c341d00000004a1cb000266426ae100000004"),
)
_SSRC = int.from_bytes(_RTCP[0][4:8])


@dataclass(frozen=True, slots=True)
class Target:
    """`read` raises nothing but `errors`; `seeds` are bytes that it understands."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]

    def check(self, data: bytes) -> bool:
        """Reads the bytes; whether they made sense. Any error but the parser's own goes on."""
        try:
            self.read(data)
        except self.errors:
            return False
        return True


def packets(data: bytes) -> list[bytes]:
    """Bytes as packets: each behind its length in 16 bits."""
    found = []
    position = 0
    while position + 2 < len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2])
        found.append(data[position + 2 : end])
        position = end
    return found


def joined(*parts: bytes) -> bytes:
    """Packets as bytes."""
    return b"".join(part for packet in parts for part in (len(packet).to_bytes(2), packet))


def _read_messages(data: bytes) -> None:
    position = 0
    while (found := parse_message(data, position)) is not None:
        message, after = found
        assert position < after <= len(data)
        assert len(message.body) <= BODY_LIMIT_BYTES
        assert after - position - len(message.body) <= HEADER_LIMIT_BYTES
        assert parse_message(message.to_bytes()) == (message, len(message.to_bytes()))
        position = after


def _read_headers(data: bytes) -> None:
    text = data.decode("latin-1")
    opened, carried = session(text), transport(text)
    assert 0 < opened.timeout_s <= 3_600
    assert carried.interleaved is None or all(0 <= channel < 256 for channel in carried.interleaved)
    assert carried.ssrc is None or 0 <= carried.ssrc < 1 << 32
    for start in stream_starts(text):
        assert start.sequence is None or 0 <= start.sequence < 1 << 16
        assert start.rtp_timestamp is None or 0 <= start.rtp_timestamp < 1 << 32
    methods(text)


def _authenticate(data: bytes) -> None:
    login = Authenticator("user", "secret", cnonce=lambda: "c")
    asked = 0
    for value in data.decode("latin-1").split("\n"):
        if login.challenged([value]):
            asked += 1
            answer = login.authorization("DESCRIBE", "rtsp://h/")
            assert answer is not None
            assert "\n" not in answer
    # Never more than the first attempt and one more.
    assert asked <= 2


def _read_description(data: bytes) -> None:
    description = parse_sdp(data)
    base = base_url("rtsp://h/a", data[:100].decode("latin-1"), None)
    assert description.aggregate_url(base).isascii()
    for media in description.media:
        url = description.media_url(base, media)
        assert url.isascii()
        assert url.isprintable()
        aac_config(media)
        sets = parameter_sets(media)
        if media.encoding in ("H264", "H265"):
            ParameterSets(H264 if media.encoding == "H264" else H265).take(sets)
        try:
            header_sizes(media.fmtp)
        except BitstreamError:
            continue


def _read_rtcp(data: bytes) -> None:
    parse_rtcp(data)
    numbers = [int.from_bytes(data[at : at + 4], signed=True) for at in range(0, 32, 4)]
    own, source, *counted = numbers
    parse_rtcp(receiver_report(own & 0xFFFFFFFF, source & 0xFFFFFFFF, *counted[:6]))


def _read_aac(data: bytes) -> None:
    sizes = HeaderSizes() if data[:1] < b"\x80" else HeaderSizes(6, 2, 2)
    sound = AacPackets(_AUDIO, 16_000, sizes)
    received = 0
    for number, packet in enumerate(packets(data[1:])):
        if packet[-1:] == b"\xff":
            sound.lost()
        received += sum(len(unit.data) for unit in sound.take(packet, number // 2 * 1_024))
    assert received <= len(data)


def _pictures(codec: Codec, size: int) -> tuple[Pictures, list[AccessUnit]]:
    """What puts pictures together, and where they come out. Checks what is promised of them."""
    units: list[AccessUnit] = []

    def deliver(unit: AccessUnit) -> None:
        assert unit.nals
        assert not any(codec.nal_type(nal) in codec.unstored for nal in unit.nals)
        assert len(unit.data) <= 5 * size + sum(map(len, SETS[codec.name]))
        assert not units or unit.dts_90k > units[-1].dts_90k or unit.pts_90k != unit.dts_90k or _went_back(units, unit)
        units.append(unit)

    return Pictures(codec, SETS[codec.name], deliver), units


def _went_back(units: list[AccessUnit], unit: AccessUnit) -> bool:
    """A camera's clock may be set back, or stand still."""
    return unit.pts_90k <= units[-1].pts_90k


def _read_payloads(codec: Codec) -> Callable[[bytes], None]:
    """Packets of a byte (marker, packets lost, how far the time goes on) and a payload."""

    def read(data: bytes) -> None:
        pictures, _ = _pictures(codec, len(data))
        timestamp = 0
        for packet in packets(data):
            if len(packet) < 2:
                continue
            timestamp += (packet[0] >> 4) * 900 - 1_800 * (packet[0] >> 7)
            pictures.take(packet, 1, len(packet), timestamp, bool(packet[0] & 1), packet[0] >> 1 & 7)
        pictures.finish()

    return read


def _read_connection(codec: Codec) -> Callable[[bytes], None]:
    """The first byte says how large the pieces are that come."""

    def read(data: bytes) -> None:
        pictures, _ = _pictures(codec, len(data))
        track = RtpTrack(96, 90_000, pictures.take, pictures.take_run)
        pictures.sender_us = track.sender_us
        messages: list[Request | Response] = []
        channels: dict[int, Packet] = {0: track.packet, 1: track.control}
        connection = Interleaved(channels, messages.append, lambda _channel, *packet: track.packet(*packet))
        connection.runs[0] = track.run
        step = 1 << data[0] % 24 if data else 1
        # Bytes that come one by one are not read at once.
        step = max(step, len(data) // 1_000 + 1)
        for position in range(1, len(data), step):
            connection.feed(data[position : position + step])
        track.report()
        pictures.finish()

    return read


def _payloads(codec: Codec) -> bytes:
    """Pictures as packets: single ones and fragments, the parameter sets together."""
    footage = encode(12, 2, codec=codec.name)
    parts = [b"\0" + nal for nal in footage.video.parameter_sets]
    for unit in footage.units:
        payloads = [payload for nal in unit.nals for payload in fragments(codec.name, nal, 200)]
        parts += [b"\0" + payload for payload in payloads[:-1]] + [b"\x41" + payloads[-1]]
    return joined(b"\0" + together(codec.name, footage.video.parameter_sets), *parts)


def _connections(codec: Codec) -> tuple[bytes, ...]:
    """A connection with pictures, reports and messages."""
    pieces = [_RESPONSE]
    for number, packet in enumerate(packets(_payloads(codec))):
        pieces.append(
            interleaved(0, rtp(packet[1:], 65_530 + number, number * 900, _SSRC, 96, marker=bool(packet[0] & 1)))
        )
        if number % 10 == 0:
            pieces += [interleaved(1, _RTCP[0]), _REQUEST, interleaved(9, _RTCP[0])]
    return b"\x08" + b"".join(pieces), b"\xff" + b"rubbish $ and RTSP/ of all sorts".join(pieces)


def _read_parameter_sets(codec: Codec) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        sets = ParameterSets(codec)
        sets.take(split_annexb(data))
        if sets.video is not None:
            assert codec.read_record(codec.write_record(sets.video.parameter_sets)) == sets.video.parameter_sets

    return read


def _split(data: bytes) -> None:
    nals = split_annexb(data)
    assert split_annexb(join_annexb(nals)) == nals
    assert sum(map(len, split_length_prefixed(data))) < len(data) or not data


def _read_file(data: bytes) -> None:
    file = read_recording(lambda position, count: data[position : position + count], len(data))
    assert file.size <= len(data)
    for fragment in file.fragments:
        assert fragment.start < fragment.data <= fragment.end <= file.size


_AAC = (
    b"\0" + joined(b"\0\x10\0\x18abc", b"\0\x20\0\x10\0\x08abc", b"\0\x10\0\x50begin", b"\0\x10\0\x50ended"),
    b"\x80" + joined(b"\0\x10\x14\x14abcdeabcde", b"\0\x08\x0cabc"),
)
_ADTS = b"".join(
    bytes((0xFF, 0xF1, 1 << 6 | 8 << 2, 1 << 6, 12 >> 3, (12 & 7) << 5 | 0x1F, 0xFC)) + b"frame" for _ in range(2)
)
_H264_SETS = (SETS["h264"], encode(1, 2, 70, 50, preset="medium").video.parameter_sets)
_H265_SETS = (SETS["h265"], encode(1, 2, 70, 50, codec="h265").video.parameter_sets)
_FILES = tuple(
    recorded(groups_of(12, codec=codec, sound_after_us=0), closed=closed)[0]
    for codec in CODECS
    for closed in (False, True)
)

TARGETS = {
    "message": Target(_read_messages, (MessageError,), (_RESPONSE, _REQUEST)),
    "headers": Target(_read_headers, (), _HEADERS),
    "authentication": Target(_authenticate, (), _CHALLENGES),
    "sdp": Target(
        _read_description,
        (SdpError,),
        tuple(text.encode() for text in (HIKVISION, DAHUA, AXIS, REOLINK, UNIVIEW, TP_LINK)),
    ),
    "rtcp": Target(_read_rtcp, (RtcpError,), _RTCP),
    "aac": Target(_read_aac, (), _AAC),
    "aac_config": Target(
        read_audio_config, (BitstreamError,), (b"\x14\x08", b"\x2b\x92\x08\x00", b"\x17\x80\x3e\x80\x08")
    ),
    "adts": Target(split_adts, (BitstreamError,), (_ADTS,)),
    "annexb": Target(_split, (BitstreamError,), (join_annexb(SETS["h264"]), encode(1).units[0].data)),
    "h264_sets": Target(_read_parameter_sets(H264), (BitstreamError,), tuple(map(join_annexb, _H264_SETS))),
    "h265_sets": Target(_read_parameter_sets(H265), (BitstreamError,), tuple(map(join_annexb, _H265_SETS))),
    "avcc": Target(H264.read_record, (BitstreamError,), tuple(map(H264.write_record, _H264_SETS))),
    "hvcc": Target(H265.read_record, (BitstreamError,), tuple(map(H265.write_record, _H265_SETS))),
    "h264": Target(_read_payloads(H264), (), (_payloads(H264),)),
    "h265": Target(_read_payloads(H265), (), (_payloads(H265),)),
    "h264_connection": Target(_read_connection(H264), (BitstreamError,), _connections(H264)),
    "h265_connection": Target(_read_connection(H265), (BitstreamError,), _connections(H265)),
    "recording": Target(_read_file, (BoxError,), _FILES),
}
