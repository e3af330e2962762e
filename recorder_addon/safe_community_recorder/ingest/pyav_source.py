"""Streams by libav (PyAV): a thread reads, the event loop gets the access units in batches."""

import asyncio
import errno
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import replace

import av
import av.error
from av.container import InputContainer
from av.stream import Stream

from ..cause import Cause
from ..clock import steady_us
from ..media.audio import AudioUnit
from ..media.bits import BitstreamError
from ..media.video import AccessUnit
from .libav import options_of
from .mjpeg import JpegPictures
from .packets import Pictures, Sounds, codec_name, codec_of
from .source import Address, SourceError, Way

_LOGGER = logging.getLogger(__name__)

# Of what PyAV's `timeout` is, only the limit of opening: while reading it would poll (libav.py).
_OPENING = (8.0, None)
# With a name that is not resolved, and a camera that is asked twice.
_OPENED_WITHIN_S = 20.0
_SILENCE_S = 8.0
_WATCHED_EVERY_S = 1.0
_NO_KEYFRAME_S = 30.0
_CLOSING_S = 1.0
# Threads that hang in one camera's connections, and those in use: the recording, the probe, the same address again.
_MOST_THREADS = 4
# A camera that wants another transport says so at once, in one of these ways.
_REFUSED = (
    av.error.InvalidDataError,
    av.error.HTTPBadRequestError,
    av.error.HTTPOtherClientError,
    av.error.HTTPServerError,
)
_REFUSED_WITHIN_S = 3.0
# In these containers pictures have no times; what libav gives them is made up.
_UNTIMED = ("mpjpeg", "mjpeg")
# libav's names of sound's codecs, as SDP has them.
_SOUND_NAMES = {"aac": "AAC", "aac_latm": "AAC", "pcm_mulaw": "PCMU", "pcm_alaw": "PCMA", "opus": "OPUS"}
# What one camera may hold in memory while the event loop is busy.
_BACKLOG_UNITS = 1_000
_BACKLOG_BYTES = 32 << 20
# Frames of sound that may wait for the next picture.
_WAITING_SOUND = 500


class PyAVSource:
    """A camera's stream read by libav. Sound is not even asked for, unless it is wanted.

    `lost_packets` counts what MPEG-TS tells to be damaged, pictures that nobody took in time, and JPEG pictures that
    could not be read or encoded in time. Of RTP over UDP libav does not tell what is missing.
    """

    way = Way.LIBAV

    def __init__(self, address: Address, loop: asyncio.AbstractEventLoop) -> None:
        self._address = address
        self._url = address.url
        self._loop = loop
        self._lock = threading.Lock()
        self._backlog: deque[AccessUnit] = deque()
        self._backlog_bytes = 0
        self._error: SourceError | None = None
        self._ready = asyncio.Event()
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._is_open = False
        self._packet_s = self._key_s = 0.0
        self._sounds: Sounds | None = None
        self._heard: deque[AudioUnit] = deque(maxlen=_WAITING_SOUND)
        self.lost_packets = 0
        self.sound: tuple[str, ...] | None = None
        self.transcodes = False
        self._thread = threading.Thread(target=self._run, name=f"pyav-source-{hash(self._url):x}", daemon=True)

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        """See Source."""
        if sum(thread.name == self._thread.name for thread in threading.enumerate()) >= _MOST_THREADS:
            raise SourceError(Cause.CAMERA_UNREACHABLE, "earlier connections to the camera hang and do not end")
        self._packet_s = time.monotonic()
        self._thread.start()
        self._watching = self._loop.call_later(_WATCHED_EVERY_S, self._watch)
        try:
            while True:
                await self._ready.wait()
                with self._lock:
                    batch, self._backlog = self._backlog, deque()
                    self._backlog_bytes = 0
                    error = self._error
                    self._ready.clear()
                for unit in batch:
                    deliver(unit)
                if error is not None:
                    raise error
        finally:
            self._watching.cancel()

    async def close(self) -> None:
        """See Source."""
        # A thread that hangs in a socket ends with the socket's timeout; nobody waits for it here.
        self._stop.set()
        if not self._thread.ident:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await self._ended.wait()

    def _watch(self) -> None:
        """Ends a stream that gives nothing. Most of them libav notices by itself, but not where some bytes come."""
        silent_s = time.monotonic() - self._packet_s
        if silent_s <= (_SILENCE_S if self._is_open else _OPENED_WITHIN_S):
            self._watching = self._loop.call_later(_WATCHED_EVERY_S, self._watch)
            return
        reason = f"nothing has come for {_SILENCE_S:.0f} s" if self._is_open else "the camera does not answer"
        with self._lock:
            self._error = SourceError(Cause.CAMERA_UNREACHABLE, reason)
        self._ready.set()

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._read()
            error = SourceError(Cause.CAMERA_UNREACHABLE, "the camera ended the stream")
        except (SourceError, BitstreamError, av.error.FFmpegError, OSError) as caught:
            error = _told(caught, is_open=self._is_open, tls=self._url.startswith(("rtsps", "https")))
        except Exception as caught:
            _LOGGER.exception("stream cannot be read")
            error = SourceError(Cause.UNSUPPORTED_STREAM, f"the stream cannot be read: {type(caught).__name__}")
        with self._lock:
            self._error = error
        self._wake(self._ready)
        self._wake(self._ended)

    def _wake(self, event: asyncio.Event) -> None:
        # The loop may close while the thread still hangs in its socket.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(event.set)

    def _deliver(self, unit: AccessUnit) -> None:
        size = unit.size_bytes
        with self._lock:
            if len(self._backlog) >= _BACKLOG_UNITS or self._backlog_bytes + size > _BACKLOG_BYTES:
                unit = replace(unit, lost_packets=unit.lost_packets + len(self._backlog))
                self._backlog.clear()
                self._backlog_bytes = 0
            self.lost_packets += unit.lost_packets
            first = not self._backlog
            self._backlog.append(unit)
            self._backlog_bytes += size
        if first:
            self._wake(self._ready)

    def _read(self) -> None:
        with self._opened() as container:
            self._packet_s, self._is_open = time.monotonic(), True
            streams = container.streams.video
            names = [codec_name(stream) for stream in container.streams.audio]
            heard = tuple(_SOUND_NAMES.get(name, name) for name in names)
            # Where sound is not asked for, RTSP does not tell of it either.
            self.sound = heard if heard or not self._url.startswith("rtsp") else None
            if not streams:
                raise SourceError(Cause.UNSUPPORTED_STREAM, "the stream has no video")
            wanted: list[av.VideoStream | av.AudioStream] = [streams[0]]
            if self._address.audio and container.streams.audio:
                wanted.append(container.streams.audio[0])
                self._sounds = Sounds(container.streams.audio[0])
            self._demux(container.demux(wanted), self._pictures_of(streams[0], container.format.name))

    def _opened(self) -> InputContainer:
        *others, last = options_of(self._address)
        for options in others:
            begun_s = time.monotonic()
            with suppress(*_REFUSED):
                return av.open(self._url, options=options, timeout=_OPENING)
            if time.monotonic() - begun_s > _REFUSED_WITHIN_S or self._stop.is_set():
                break
        return av.open(self._url, options=last, timeout=_OPENING)

    def _pictures_of(self, stream: av.VideoStream, container: str) -> Pictures | JpegPictures:
        """What makes access units of the stream. Raises SourceError if nothing can."""
        codec = codec_of(stream)
        if codec is not None:
            return Pictures(stream, codec)
        name = codec_name(stream)
        if name != "mjpeg":
            raise SourceError(Cause.UNSUPPORTED_STREAM, f"H.264 or H.265 was expected, the camera sends {name}")
        self.transcodes = True
        return JpegPictures(self._take, self._stop, timed=container not in _UNTIMED)

    def _demux(self, packets: Iterator[av.Packet[Stream]], pictures: Pictures | JpegPictures) -> None:
        self._key_s = time.monotonic()
        try:
            for packet in packets:
                if self._stop.is_set():
                    return
                self._packet_s = time.monotonic()
                if self._packet_s - self._key_s > _NO_KEYFRAME_S:
                    raise SourceError(Cause.NO_KEYFRAME, f"no keyframe for {_NO_KEYFRAME_S:.0f} s")
                if packet.stream.type != "audio":
                    self._take_all(pictures.take(packet, steady_us()))
                elif self._sounds is not None:
                    self._heard.extend(self._sounds.take(packet))
        finally:
            self._take_all(pictures.finish())

    def _take_all(self, units: Sequence[AccessUnit]) -> None:
        for unit in units:
            self._take(unit)

    def _take(self, unit: AccessUnit) -> None:
        """A picture, together with the sound that has come before it."""
        if unit.is_key:
            self._key_s = time.monotonic()
        if self._sounds is not None:
            # Meanwhile another thread may append.
            heard = tuple(self._heard.popleft() for _ in range(len(self._heard)))
            unit = replace(unit, audio=self._sounds.audio, audio_units=heard)
        self._deliver(unit)


def _told(error: Exception, *, is_open: bool, tls: bool) -> SourceError:
    """What a failure means for the camera; str() of libav's errors would name the address with the password in it."""
    match error:
        case SourceError():
            return error
        case BitstreamError():
            return SourceError(Cause.CORRUPT_STREAM, f"the camera's pictures cannot be read: {error}")
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return SourceError(Cause.AUTHENTICATION_REFUSED, "the camera refused user name or password")
        case av.error.ArgumentError() if not is_open:
            return SourceError(Cause.UNSUPPORTED_STREAM, "the address gives no stream of a kind that can be recorded")
        case av.error.ExitError():
            return SourceError(Cause.CAMERA_UNREACHABLE, "the camera answers, but its stream does not begin")
        case OSError(errno=errno.EIO) if tls and not is_open:
            reason = "the camera's TLS failed: is its certificate signed, and for this host?"
            return SourceError(Cause.CAMERA_UNREACHABLE, reason)
    reason = getattr(error, "strerror", None) or type(error).__name__
    what = "the stream broke off" if is_open else "the camera cannot be reached"
    return SourceError(Cause.CAMERA_UNREACHABLE, f"{what}: {reason}")
