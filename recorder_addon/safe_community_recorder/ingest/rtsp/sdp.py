"""Session descriptions (SDP, RFC 8866) as cameras write them, and what of them the decoders need. Pure."""

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ...media.bits import BitstreamError
from ...media.codec import CODECS, LONGEST_SET_BYTES
from ...media.video import START_CODE, CodecName, split_annexb
from .url import control_url, is_absolute

_MEDIA_LIMIT = 32
# A parameter follows a blank where the semicolon is missing; behind a comma the value goes on.
_NEXT_PARAMETER = re.compile(r";|(?<![,;]) (?=[A-Za-z][\w-]*=[^=])")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_SPELLINGS = {"HEVC": "H265", "H.265": "H265", "H.264": "H264"}
_CODEC_NAMES: dict[str, CodecName] = {"H264": "h264", "H265": "h265"}
_SPROP = {"h264": ("sprop-parameter-sets",), "h265": ("sprop-vps", "sprop-sps", "sprop-pps")}
# RFC 3551 §6: encoding, clock rate, channels.
_STATIC = {
    0: ("PCMU", 8_000, 1),
    3: ("GSM", 8_000, 1),
    4: ("G723", 8_000, 1),
    8: ("PCMA", 8_000, 1),
    9: ("G722", 8_000, 1),
    10: ("L16", 44_100, 2),
    11: ("L16", 44_100, 1),
    14: ("MPA", 90_000, 1),
    15: ("G728", 8_000, 1),
    18: ("G729", 8_000, 1),
    26: ("JPEG", 90_000, 1),
    31: ("H261", 90_000, 1),
    32: ("MPV", 90_000, 1),
    33: ("MP2T", 90_000, 1),
    34: ("H263", 90_000, 1),
}

type Direction = Literal["sendrecv", "recvonly", "sendonly", "inactive"]
_DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "recvonly", "sendonly", "inactive")


class SdpError(ValueError):
    """The bytes describe no stream."""


@dataclass(frozen=True, slots=True)
class Media:
    """One stream of a camera.

    `kind` is video, audio, application, …; `encoding` in capital letters (H264, H265, MPEG4-GENERIC, PCMU), "" if it
    is not told; `clock_rate` in Hz; `fmtp` with names in small letters; `control` as written, "" if there is none;
    `framerate` in pictures a second. `direction` is the reader's: recvonly is a stream that the camera sends.
    """

    kind: str
    protocol: str
    payload_type: int
    encoding: str
    clock_rate: int
    channels: int
    fmtp: Mapping[str, str]
    control: str
    framerate: float | None
    direction: Direction

    @property
    def is_sent(self) -> bool:
        """True for what the camera sends; False for the way back to its loudspeaker (ONVIF streaming §5.3)."""
        return self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class Description:
    """What a camera offers: `control` of all streams together as written, "" if there is none, and the streams."""

    control: str
    media: tuple[Media, ...]

    def aggregate_url(self, base: str) -> str:
        """Where PLAY goes. `base` is url.base_url of the answer."""
        return control_url(base, self.control)

    def media_url(self, base: str, media: Media) -> str:
        """Where a stream's SETUP goes: beside the aggregate, if that is an absolute URL of its own."""
        return control_url(self.aggregate_url(base) if is_absolute(self.control) else base, media.control)


@dataclass(frozen=True, slots=True)
class _Section:
    """The lines of the session (without a `media_line`) or of one stream."""

    media_line: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [value for own, value in self.attributes if own == name]

    def last(self, name: str) -> str:
        return ["", *self.values(name)][-1]

    def numbers(self) -> list[int]:
        """The payload types on the media line."""
        return [int(word) for word in self.media_line[2:] if _is_payload_type(word)]


def parse_sdp(data: bytes) -> Description:
    """A description. Raises SdpError if there is no stream in it; what else makes no sense is left out."""
    session, *streams = _sections(data)
    streams = streams[:_MEDIA_LIMIT]
    stray = _stray_parameters([session, *streams])
    media: list[Media] = []
    for stream in streams:
        parsed = _parse_media(stream, _direction(stream, _direction(session, "sendrecv")), stray)
        if parsed is not None and parsed not in media:
            media.append(parsed)
    if not media:
        raise SdpError(f"a description of {len(data)} bytes without a stream")
    # Who sends pictures "sendonly" means the camera's side, of its sound as well.
    if any(each.kind == "video" and each.direction == "sendonly" for each in media):
        media = [replace(each, direction="recvonly") if each.direction == "sendonly" else each for each in media]
    return Description(session.last("control"), tuple(media))


def parameter_sets(media: Media) -> tuple[bytes, ...]:
    """The parameter sets that a description holds (RFC 6184 §8.1, RFC 7798 §7.1), those that can be read."""
    name = _CODEC_NAMES.get(media.encoding)
    if name is None:
        return ()
    texts = [text for key in _SPROP[name] for text in media.fmtp.get(key, "").split(",")]
    nals = [nal for text in texts for nal in split_annexb(START_CODE + _from_base64(text))]
    return tuple(dict.fromkeys(nal for nal in nals if _is_parameter_set(name, nal)))


def aac_config(media: Media) -> bytes | None:
    """The AudioSpecificConfig that a description holds (RFC 3640 §4.1), None without one."""
    if media.encoding != "MPEG4-GENERIC":
        return None
    try:
        return bytes.fromhex(media.fmtp.get("config", "").strip('"')) or None
    except ValueError:
        return None


def _sections(data: bytes) -> list[_Section]:
    """The session, then stream by stream; what follows behind the end of a description is left out."""
    sections = [_Section()]
    for line in data.partition(b"\0")[0].decode("utf-8", "replace").replace("\r", "\n").split("\n"):
        kind, _, value = line.strip().partition("=")
        if kind == "v" and len(sections) > 1:
            break
        if kind == "m":
            sections.append(_Section(media_line=value.split()))
        elif kind == "a":
            name, _, content = value.partition(":")
            sections[-1].attributes.append((name.strip().lower(), content.strip()))
    return sections


def _is_payload_type(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 3 and int(word) < 128


def _numbered(section: _Section, name: str) -> list[tuple[int, str]]:
    """The values of an attribute that begins with a payload type, and that."""
    pairs = [(number, rest) for number, _, rest in (value.partition(" ") for value in section.values(name))]
    return [(int(number), rest.strip()) for number, rest in pairs if _is_payload_type(number)]


def _stray_parameters(sections: Iterable[_Section]) -> dict[int, str]:
    """fmtp of payload types that the stream they stand in has not: some cameras put them below another stream."""
    return {
        number: rest
        for section in sections
        for number, rest in _numbered(section, "fmtp")
        if number not in section.numbers()
    }


def _direction(section: _Section, inherited: Direction) -> Direction:
    named = [direction for direction in _DIRECTIONS if section.values(direction)]
    return named[-1] if named else inherited


def _parse_media(section: _Section, direction: Direction, stray: Mapping[int, str]) -> Media | None:
    """The stream with the first payload type of which something is known; None if it is no RTP."""
    line = section.media_line
    protocol = next((word for word in line[1:] if "RTP" in word.upper() or "MP2T" in word.upper()), "")
    maps = dict(_numbered(section, "rtpmap"))
    numbers = section.numbers() or list(maps)
    if not protocol or not numbers:
        return None
    number = next((each for each in numbers if each in maps or each in _STATIC), numbers[0])
    fmtp = _parameters([rest for own, rest in _numbered(section, "fmtp") if own == number] or [stray.get(number, "")])
    kind = line[0].lower()
    encoding, clock_rate, channels = _encoding(kind, maps.get(number), _STATIC.get(number), fmtp)
    rates = [rate for rate in map(_rate, section.values("framerate")) if rate is not None]
    return Media(
        kind,
        protocol,
        number,
        encoding,
        clock_rate,
        channels,
        fmtp,
        section.last("control"),
        rates[-1] if rates else None,
        direction,
    )


def _encoding(
    kind: str, rtpmap: str | None, static: tuple[str, int, int] | None, fmtp: Mapping[str, str]
) -> tuple[str, int, int]:
    """Encoding, clock rate and channels: by rtpmap, or else by the payload type, or else by the parameters."""
    default_rate = 90_000 if kind == "video" else 8_000
    if rtpmap is None:
        guessed = {"sprop-parameter-sets": "H264", "sprop-sps": "H265"}
        return static or (next((name for key, name in guessed.items() if key in fmtp), ""), default_rate, 1)
    name, rate, channels, *_ = [*(part.strip() for part in rtpmap.split("/")), "", ""]
    encoding = name.upper()
    return _SPELLINGS.get(encoding, encoding), _positive(rate, default_rate), _positive(channels, 1)


def _positive(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) else default


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if math.isfinite(rate) and 0 < rate <= 1_000 else None


def _parameters(lines: Iterable[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for line in lines:
        for part in _NEXT_PARAMETER.split(" ".join(line.split()).replace(" = ", "=")):
            name, _, value = part.partition("=")
            if name.strip():
                parameters.setdefault(name.strip().lower(), value.strip())
    return parameters


def _from_base64(text: str) -> bytes:
    """What can be read of base64, whatever stands between and however it is padded; nothing if that is impossible."""
    letters = _NO_BASE64.sub("", text.replace("-", "+").replace("_", "/"))
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return b""


def _is_parameter_set(name: CodecName, nal: bytes) -> bool:
    """True for one that can be read."""
    codec = CODECS[name]
    if len(nal) > LONGEST_SET_BYTES:
        return False
    try:
        if codec.nal_type(nal) == codec.sps_type:
            codec.sequence_parameters(nal)
        return codec.parameter_set_key(nal) is not None
    except BitstreamError:
        return False
