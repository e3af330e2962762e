"""Looks at a camera by a connection of its own: what it is, and what to know before it is recorded. Knows no HTTP."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from .cause import Cause
from .clock import HostClock
from .config import Camera
from .ingest.meter import Meter, Numbers
from .ingest.rtsp.wire import CertificateError
from .ingest.source import Address, Source, SourceError, Way
from .logs import redact
from .media.picture import PictureError, decode_keyframe, to_jpeg
from .media.video import AccessUnit, VideoFormat
from .utc import SECOND_US

_LOGGER = logging.getLogger(__name__)

# All of it is answered within five seconds: so long pictures are waited for, and so long the rest may take.
_LOOK_S = 3.8
_STILL_S = 0.7
_CERTIFICATE_S = 0.8
_CLOSING_S = 0.2
# A camera that has told all there is to tell is not looked at any longer than this.
_ENOUGH_US = 2 * SECOND_US
_MOST_AT_ONCE = 2
_STILL_WIDTH = 640
_RTSPS_PORT = 322

_LONGEST_GROUP_S = 10.0
_CLOCK_OFF_S = 2.0


class Trouble(StrEnum):
    """Why there is no picture of a camera."""

    REFUSED = "camera_refused"
    UNREACHABLE = "camera_unreachable"
    UNSUPPORTED = "camera_unsupported"
    CERTIFICATE = "camera_certificate"
    STREAM = "camera_stream"


_TROUBLES = {
    Cause.AUTHENTICATION_REFUSED: Trouble.REFUSED,
    Cause.UNSUPPORTED_STREAM: Trouble.UNSUPPORTED,
    Cause.CORRUPT_STREAM: Trouble.STREAM,
}


class ProbeError(Exception):
    """The camera gives no pictures. The text says why and what to do, without secrets.

    `certificate` is the fingerprint (sha256:…) of the one that it has shown, if that is the trouble.
    """

    def __init__(self, trouble: Trouble, detail: str, certificate: str | None = None) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.certificate = certificate


class BusyError(Exception):
    """As many cameras are being looked at as may be."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to know of a camera: a code that never changes, and what it means, in English."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a camera is. `sound` names the codecs it offers, None if that is not known; `still` is a JPEG."""

    video: VideoFormat | None
    numbers: Numbers
    sound: tuple[str, ...] | None
    way: Way
    why_not_native: str | None
    warnings: tuple[Warned, ...]
    still: bytes | None


class Prober:
    """Looks at cameras, two at a time. `ways` gives the sources of an address."""

    def __init__(self, ways: Callable[[Address], Sequence[Callable[[], Source]]], host: HostClock) -> None:
        self._ways = ways
        self._host = host
        self._running = 0
        self._closing: set[asyncio.Future[None]] = set()

    async def probe(self, camera: Camera) -> Found:
        """Connects, looks and disconnects: five seconds at most. Raises ProbeError and BusyError."""
        if self._running >= _MOST_AT_ONCE:
            raise BusyError
        self._running += 1
        try:
            return await self._probe(Address(camera.url, False, Way.named(camera.source), camera.certificate))
        finally:
            self._running -= 1

    async def _probe(self, address: Address) -> Found:
        look = _Look()
        until_s = asyncio.get_running_loop().time() + _LOOK_S
        fallback: str | None = None
        for open_source in self._ways(address):
            source = open_source()
            try:
                error = await _looked(source, look, until_s)
            finally:
                # Whoever asked may have gone: the camera is let go all the same.
                closing = asyncio.ensure_future(source.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closed)
            if error is not None and error.elsewhere:
                fallback = error.detail
                continue
            if look.pictures == 0:
                raise await _no_pictures(address, error, fallback)
            still = await _still(look.keyframe) if look.keyframe is not None else None
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(closing), _CLOSING_S)
            reason = None if source.way is Way.NATIVE else address.why_not_native(fallback)
            return _found(look, source, reason, self._host.offset_us, still)
        raise ProbeError(Trouble.UNSUPPORTED, redact(fallback or "there is no way to this address"))

    def _closed(self, closing: asyncio.Future[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and closing.exception() is not None:
            _LOGGER.warning("connection not closed cleanly", exc_info=closing.exception())


class _Look:
    """What is seen of a camera while it is looked at."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.pictures = self.keyframes = 0
        self.video: VideoFormat | None = None
        self.keyframe: AccessUnit | None = None
        self.sizes: set[tuple[int, int]] = set()
        self.enough = asyncio.Event()
        self._tells_time = False
        self._first_us = 0

    def take(self, unit: AccessUnit) -> None:
        """The next picture."""
        self.meter.take(unit)
        if self.pictures == 0:
            self._first_us = unit.arrival_us
        self.pictures += 1
        self._tells_time |= unit.sender_us is not None
        if self.video is not unit.video:
            self.video = unit.video
            self.sizes.add((unit.video.width, unit.video.height))
        if unit.is_key:
            self.keyframes += 1
            if self.keyframe is None or not unit.lost_packets:
                self.keyframe = unit
        if self.keyframes > 1 and self._tells_time and unit.arrival_us - self._first_us >= _ENOUGH_US:
            self.enough.set()


async def _looked(source: Source, look: _Look, until_s: float) -> SourceError | None:
    """Looks until enough is seen, the time is up or the stream ends; why it ended, if it did."""
    running = asyncio.ensure_future(source.run(look.take))
    waiting = asyncio.ensure_future(look.enough.wait())
    left_s = max(0.0, until_s - asyncio.get_running_loop().time())
    try:
        await asyncio.wait({running, waiting}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    except SourceError as error:
        return error
    finally:
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
    return None


async def _no_pictures(address: Address, error: SourceError | None, fallback: str | None) -> ProbeError:
    if error is None:
        tried = f" ({redact(fallback)})" if fallback is not None else ""
        text = f"no picture came within {_LOOK_S:g} s{tried}: is the address right, and is the camera on?"
        return ProbeError(Trouble.UNREACHABLE, text)
    if isinstance(error.__cause__, ssl.SSLCertVerificationError | CertificateError):
        shown = await _certificate(address.url)
        told = f"; the one that came is {shown}" if shown is not None and shown not in error.detail else ""
        return ProbeError(Trouble.CERTIFICATE, f"{error.detail}{told}", shown)
    return ProbeError(_TROUBLES.get(error.cause, Trouble.UNREACHABLE), redact(error.detail))


async def _certificate(url: str) -> str | None:
    """The fingerprint of the certificate that a camera shows, to whom nothing is said; None if it does not any more."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    parts = urlsplit(url)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CERTIFICATE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _RTSPS_PORT, ssl=context)
            shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()
            return f"sha256:{hashlib.sha256(shown).hexdigest()}" if shown else None
    return None


async def _still(keyframe: AccessUnit) -> bytes | None:
    def picture() -> bytes:
        return to_jpeg(decode_keyframe(keyframe.video, keyframe.nals), _STILL_WIDTH)

    with suppress(PictureError, TimeoutError):
        return await asyncio.wait_for(asyncio.to_thread(picture), _STILL_S)
    return None


def _found(look: _Look, source: Source, why_not_native: str | None, offset_us: int, still: bytes | None) -> Found:
    numbers = look.meter.numbers(offset_us)
    sound = source.sound
    return Found(
        look.video,
        numbers,
        None if sound is None else tuple(sound),
        source.way,
        why_not_native,
        tuple(_warnings(look, numbers, sound or (), why_not_native, source.lost_packets, no_still=still is None)),
        still,
    )


def _warnings(
    look: _Look, numbers: Numbers, sound: Sequence[str], why_not_native: str | None, lost: int, *, no_still: bool
) -> list[Warned]:
    warned = []
    if not look.keyframes:
        text = f"no keyframe came within {_LOOK_S:g} s: it cannot be recorded without; one in 2 s is best"
        warned.append(Warned("no_keyframe", text))
    elif numbers.group_s is None or numbers.group_s > _LONGEST_GROUP_S:
        lasts = f"no second keyframe came within {_LOOK_S:g} s"
        if numbers.group_s is not None:
            lasts = f"{numbers.group_s:g} s lie between two keyframes"
        text = f"{lasts}: a crash loses, and playback waits, as long; one in 2 s is best, 10 s is too long"
        warned.append(Warned("long_group", text))
    if look.keyframes and no_still:
        warned.append(Warned("no_still", "no picture could be made of the keyframe"))
    if look.video is not None and look.video.codec == "h265":
        warned.append(Warned("h265", "H.265 needs less space, but not every browser plays it"))
    if len(look.sizes) > 1:
        sizes = ", ".join(f"{width} x {height}" for width, height in sorted(look.sizes))
        warned.append(Warned("variable_resolution", f"the pictures change their size: {sizes}"))
    if sound:
        text = (
            f"the camera offers sound ({', '.join(sound)}): it is not recorded unless its entry says so, with a reason"
        )
        warned.append(Warned("sound", text))
    if numbers.clock_offset_s is None:
        text = "the camera does not tell its time (no RTCP sender report came): footage is dated by when it arrives"
        warned.append(Warned("clock_off", text))
    elif abs(numbers.clock_offset_s) > _CLOCK_OFF_S:
        side = "ahead" if numbers.clock_offset_s > 0 else "behind"
        text = f"the camera's clock is {abs(numbers.clock_offset_s):.1f} s {side}: set it by NTP"
        warned.append(Warned("clock_off", text))
    if lost:
        warned.append(Warned("lost_packets", f"{lost} packets were missing: network or camera cannot keep up"))
    if why_not_native is not None:
        text = f"it is received by libav, which costs several times as much: {redact(why_not_native)}"
        warned.append(Warned("not_native", text))
    return warned
