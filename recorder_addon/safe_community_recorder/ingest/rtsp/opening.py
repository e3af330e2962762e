"""How a session is opened: connect, describe, choose the streams, set them up, play (RFC 2326 §10)."""

import logging
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from ...cause import Cause
from ...media.audio import read_audio_config
from ...media.bits import BitstreamError
from ...media.codec import CODECS
from ...media.video import AccessUnit, CodecName
from ..source import Address, SourceError
from . import headers
from .aac import header_sizes
from .authentication import Authenticator
from .dialogue import Dialogue, demand
from .message import Response
from .pictures import Pictures
from .rtp import RtpTrack
from .sdp import Description, Media, SdpError, aac_config, parameter_sets, parse_sdp
from .session import Channels, RtspSession
from .sound import SoundTrack
from .url import base_url, control_url
from .wire import Wire

_LOGGER = logging.getLogger(__name__)

_CODEC_NAMES: dict[str, CodecName] = {"H264": "h264", "H265": "h265"}
_PORTS = {"rtsp": 554, "rtsps": 322}
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 305, 307, 308})
_SOUND_NAMES = {"MPEG4-GENERIC": "AAC", "MP4A-LATM": "AAC", "": "unknown"}
_NO_RANGES = frozenset({456, 457})


async def open_session(address: Address, deliver: Callable[[AccessUnit], None]) -> RtspSession:
    """A session that plays; `deliver` gets the pictures as it is drained.

    Raises SourceError, OSError and BitstreamError (what comes is no RTSP). Never waits for itself: who calls sets the
    time.
    """
    url = address.url
    home = urlsplit(url)
    for _ in range(_MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        # Another host, to which a camera may send us, gets no password.
        known = parts.hostname == home.hostname
        user, password = (unquote(home.username or ""), unquote(home.password or "")) if known else ("", "")
        tls = parts.scheme == "rtsps"
        port = parts.port or _PORTS.get(parts.scheme, 554)
        wire = await Wire.open(parts.hostname or "", port, tls=tls, certificate=address.certificate)
        try:
            dialogue = Dialogue(wire, Authenticator(user, password))
            asked = await dialogue.ask("OPTIONS", url)
            methods = headers.methods(asked.headers.get("Public") or "") if asked.status < 300 else frozenset[str]()
            answer = await dialogue.ask("DESCRIBE", url, ("Accept", "application/sdp"))
            if answer.status not in _REDIRECTS:
                opening = _Opening(address, wire, dialogue, deliver)
                return await opening.play(url, demand(answer, "DESCRIBE"), methods)
        except BaseException:
            wire.close()
            raise
        wire.close()
        url = _new_address(url, answer)
    raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera sends from one address to the next")


class _Opening:
    """One connection on its way to a playing session."""

    def __init__(self, address: Address, wire: Wire, dialogue: Dialogue, deliver: Callable[[AccessUnit], None]) -> None:
        self._address = address
        self._wire = wire
        self._dialogue = dialogue
        self._deliver = deliver
        self._channel = 0
        self._session = headers.session("")

    async def play(self, url: str, described: Response, methods: frozenset[str]) -> RtspSession:
        """Sets up what is wanted of the streams described, and plays."""
        fields = described.headers
        base = base_url(url, fields.get("Content-Base"), fields.get("Content-Location"))
        try:
            description = parse_sdp(described.body)
        except SdpError as error:
            reason = f"the camera describes nothing: {error}"
            raise SourceError(Cause.UNSUPPORTED_STREAM, reason, elsewhere=True) from error
        video = _video(description)
        codec = CODECS[_CODEC_NAMES[video.encoding]]
        pictures = Pictures(
            codec,
            parameter_sets(video),
            self._deliver,
            order_numbers=video.fmtp.get("sprop-max-don-diff", "0") != "0",
        )
        track = RtpTrack(video.payload_type, video.clock_rate, pictures.take, pictures.take_run)
        pictures.sender_us = track.sender_us
        heard = _sound(description, track) if self._address.audio else None
        session = RtspSession(self._wire, self._dialogue, track, pictures, heard[1] if heard else None)
        pictures_url = description.media_url(base, video)
        session.sound_offered = tuple(_sound_name(media) for media in description.media if _is_sound(media))
        session.listen(track, await self._set_up(pictures_url))
        sound_url = ""
        if heard is not None:
            media, sound = heard
            sound_url = description.media_url(base, media)
            pictures.audio = sound.audio
            session.listen(sound.rtp, await self._set_up(sound_url))
        aggregate = description.aggregate_url(base)
        self._dialogue.begin_to_play(aggregate, self._session.id, methods)
        answer = await self._dialogue.ask("PLAY", aggregate, *self._dialogue.session_header, ("Range", "npt=0.000-"))
        if answer.status in _NO_RANGES:
            answer = await self._dialogue.ask("PLAY", aggregate, *self._dialogue.session_header)
        starts = headers.stream_starts(demand(answer, "PLAY").headers.get("RTP-Info") or "")
        by_url = {control_url(base, start.url or ""): start for start in starts}
        session.begin(self._session.timeout_s, by_url.get(pictures_url), by_url.get(sound_url))
        return session

    async def _set_up(self, url: str) -> Channels:
        """Asks for one stream over this connection; the channels on which it comes. Raises SourceError."""
        wanted = self._channel, self._channel + 1
        self._channel += 2
        transport = f"RTP/AVP/TCP;unicast;interleaved={wanted[0]}-{wanted[1]}"
        session = (("Session", self._session.id),) if self._session.id else ()
        answer = demand(await self._dialogue.ask("SETUP", url, ("Transport", transport), *session), "SETUP")
        if (value := answer.headers.get("Session")) is not None:
            self._session = headers.session(value)
        agreed = headers.transport(answer.headers.get("Transport") or transport)
        if agreed.lower != "tcp":
            raise SourceError(Cause.UNSUPPORTED_STREAM, "the camera does not send over TCP", elsewhere=True)
        return agreed.interleaved or wanted


def _new_address(url: str, answer: Response) -> str:
    """Where a redirect leads. Raises SourceError."""
    location = (answer.headers.get("Location") or "").strip()
    if location.startswith("/"):
        parts = urlsplit(url)
        location = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{location}"
    try:
        parts = urlsplit(location)
        valid = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera sends to an address that is none")
    if urlsplit(url).scheme == "rtsps" and parts.scheme != "rtsps":
        raise SourceError(Cause.CAMERA_UNREACHABLE, "the camera sends from a protected address to one that is not")
    return location


def _video(description: Description) -> Media:
    """The stream of pictures to take: the first that can be. Raises SourceError."""
    offered = [media for media in description.media if media.kind == "video" and media.is_sent]
    for media in offered:
        if media.encoding in _CODEC_NAMES and "SAVP" not in media.protocol.upper():
            return media
    if not offered:
        raise SourceError(Cause.UNSUPPORTED_STREAM, "the stream has no video", elsewhere=True)
    names = ", ".join(media.encoding[:20] or "something unnamed" for media in offered)
    reason = f"H.264 or H.265 was expected, the camera sends {names}"
    raise SourceError(Cause.UNSUPPORTED_STREAM, reason, elsewhere=True)


def _sound(description: Description, pictures: RtpTrack) -> tuple[Media, SoundTrack] | None:
    """The stream of sound to take, if there is one that can be recorded."""
    offered = [media for media in description.media if _is_sound(media)]
    for media in offered:
        config = aac_config(media)
        if config is not None:
            try:
                audio, sizes = read_audio_config(config), header_sizes(media.fmtp)
            except BitstreamError as error:
                _LOGGER.warning("sound is not recorded", extra={"problem": str(error)})
                return None
            return media, SoundTrack(media.payload_type, media.clock_rate, audio, sizes, pictures)
    if offered:
        problem = f"AAC was expected, the camera sends {offered[0].encoding[:20]}"
        _LOGGER.warning("sound is not recorded", extra={"problem": problem})
    return None


def _is_sound(media: Media) -> bool:
    return media.kind == "audio" and media.is_sent


def _sound_name(media: Media) -> str:
    """The codec's name for people."""
    return _SOUND_NAMES.get(media.encoding, media.encoding[:20])
