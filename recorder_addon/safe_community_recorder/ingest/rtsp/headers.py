"""What is in the headers of RTSP answers (RFC 2326 §12). Pure; never an error: what makes no sense is left out."""

import re
from dataclasses import dataclass
from typing import Literal

_DEFAULT_TIMEOUT_S = 60
_SHORTEST_TIMEOUT_S = 2
_LONGEST_TIMEOUT_S = 3_600
_TIMEOUT = re.compile(r'timeout\s*=\s*"?(\d{1,9})', re.IGNORECASE)
_SSRC_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)
_NEXT_STREAM = re.compile(r",\s*(?=url\s*=)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Session:
    """A session's id ("" where the camera names none), and after how many seconds of silence the camera ends it."""

    id: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Transport:
    """How a stream is sent: `interleaved` are the channels of RTP and RTCP on the connection.

    `ssrc` is what the camera announces; not all then send what they announced.
    """

    lower: Literal["tcp", "udp"]
    interleaved: tuple[int, int] | None = None
    ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where a stream begins by RTP-Info: its control URL, the first sequence number, the RTP timestamp of its start."""

    url: str | None
    sequence: int | None
    rtp_timestamp: int | None


def session(value: str) -> Session:
    """Session (RFC 2326 §12.37). Without a timeout, or with 0, it is 60 s; others are taken as 2 s to an hour."""
    identifier, _, rest = value.partition(";")
    timeout = _TIMEOUT.search(rest)
    seconds = int(timeout[1]) if timeout else 0
    if seconds:
        seconds = min(max(seconds, _SHORTEST_TIMEOUT_S), _LONGEST_TIMEOUT_S)
    return Session(identifier.strip(), seconds or _DEFAULT_TIMEOUT_S)


def transport(value: str) -> Transport:
    """Transport (RFC 2326 §12.39): the first, if there are several.

    One that names channels is TCP, whatever it says before. The SSRC is hexadecimal, as it should be; what is longer
    than eight digits is taken as decimal.
    """
    protocol, *parameters = value.split(";")
    channels = ssrc = None
    for parameter in parameters:
        name, _, content = parameter.partition("=")
        match name.strip().lower():
            case "interleaved":
                channels = channels or _channels(content)
            case "ssrc":
                ssrc = ssrc if ssrc is not None else _ssrc(content.strip(' "'))
    over_tcp = channels is not None or "TCP" in protocol.partition(",")[0].upper()
    return Transport("tcp" if over_tcp else "udp", channels, ssrc)


def methods(value: str) -> frozenset[str]:
    """The methods of Public or Allow, in capital letters."""
    return frozenset(value.replace(",", " ").upper().split())


def stream_starts(value: str) -> tuple[StreamStart, ...]:
    """RTP-Info (RFC 2326 §12.33), stream by stream."""
    return tuple(_stream_start(stream) for stream in _NEXT_STREAM.split(value) if stream.strip())


def _stream_start(stream: str) -> StreamStart:
    values: dict[str, str] = {}
    for part in stream.split(";"):
        name, _, content = part.partition("=")
        values.setdefault(name.strip().lower(), content.strip(' ,"'))
    return StreamStart(
        values.get("url") or None, _number(values.get("seq"), 1 << 16), _number(values.get("rtptime"), 1 << 32)
    )


def _channels(content: str) -> tuple[int, int] | None:
    """Channels of RTP and RTCP; the second is the one after the first where it is not named or the same."""
    first, _, second = content.partition(",")[0].partition("-")
    rtp = _number(first, 256)
    if rtp is None:
        return None
    rtcp = _number(second, 256)
    return rtp, (rtp + 1) % 256 if rtcp in (None, rtp) else rtcp


def _ssrc(text: str) -> int | None:
    if hexadecimal := _SSRC_HEX.fullmatch(text):
        return int(hexadecimal[1], 16)
    return _number(text, 1 << 32)


def _number(text: str | None, below: int) -> int | None:
    text = (text or "").strip(' "')
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return value if (value := int(text)) < below else None
