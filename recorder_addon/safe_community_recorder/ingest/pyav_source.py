"""Streams by libav (PyAV): a thread reads, the event loop gets the access units in batches."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import replace

import av
import av.error
from av.stream import Stream

from ..cause import Cause
from ..clock import steady_us
from ..media.audio import AudioUnit
from ..media.bits import BitstreamError
from ..media.video import AccessUnit
from .packets import Pictures, Sounds, codec_of
from .source import Address, SourceError, Way

_LOGGER = logging.getLogger(__name__)

# FFmpeg's own socket timeout. PyAV's `timeout` argument polls: three times the CPU at 96 cameras, and lost data.
_SOCKET_TIMEOUT_US = 5_000_000
_NO_KEYFRAME_S = 30.0
_CLOSING_S = 1.0
# libav's names of sound's codecs, as SDP has them.
_SOUND_NAMES = {"aac": "AAC", "aac_latm": "AAC", "pcm_mulaw": "PCMU", "pcm_alaw": "PCMA", "opus": "OPUS"}
# What one camera may hold in memory while the event loop is busy.
_BACKLOG_UNITS = 1_000
_BACKLOG_BYTES = 32 << 20
# Frames of sound that may wait for the next picture.
_WAITING_SOUND = 500


class PyAVSource:
    """A camera's stream read by libav. Sound is not even asked for, unless it is wanted.

    `lost_packets` counts pictures here that had to be thrown away because nobody took them.
    """

    way = Way.LIBAV

    def __init__(self, address: Address, loop: asyncio.AbstractEventLoop) -> None:
        self._url = address.url
        self._audio = address.audio
        self._loop = loop
        self._lock = threading.Lock()
        self._backlog: deque[AccessUnit] = deque()
        self._backlog_bytes = 0
        self._error: SourceError | None = None
        self._ready = asyncio.Event()
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self.lost_packets = 0
        self.sound: tuple[str, ...] | None = None
        self._thread = threading.Thread(target=self._run, name="pyav-source", daemon=True)

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        """See Source."""
        self._thread.start()
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

    async def close(self) -> None:
        """See Source."""
        # A thread that hangs in a socket ends with the socket's timeout; nobody waits for it here.
        self._stop.set()
        if not self._thread.ident:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await self._ended.wait()

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._read()
            error = SourceError(Cause.CAMERA_UNREACHABLE, "the camera ended the stream")
        except SourceError as caught:
            error = caught
        except BitstreamError as caught:
            error = SourceError(Cause.CORRUPT_STREAM, f"the camera's pictures cannot be read: {caught}")
        except av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError:
            error = SourceError(Cause.AUTHENTICATION_REFUSED, "the camera refused user name or password")
        except (av.error.FFmpegError, OSError) as caught:
            # str() of the error would name the address with the password in it.
            reason = getattr(caught, "strerror", None) or type(caught).__name__
            error = SourceError(Cause.CAMERA_UNREACHABLE, f"the camera cannot be reached: {reason}")
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
            full = len(self._backlog) >= _BACKLOG_UNITS or self._backlog_bytes + size > _BACKLOG_BYTES
            if full:
                self.lost_packets += len(self._backlog)
                self._backlog.clear()
                self._backlog_bytes = 0
            first = not self._backlog
            self._backlog.append(unit)
            self._backlog_bytes += size
        if first:
            self._wake(self._ready)

    def _read(self) -> None:
        # To RTMP, `timeout` would mean to wait for a camera that calls.
        timeout = "rw_timeout" if self._url.startswith("rtmp") else "timeout"
        options = {timeout: str(_SOCKET_TIMEOUT_US), "analyzeduration": "500000"}
        if self._url.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
            options["allowed_media_types"] = "video+audio" if self._audio else "video"
        with av.open(self._url, options=options) as container:
            streams = container.streams.video
            heard = tuple(_SOUND_NAMES.get(s.codec_context.name, s.codec_context.name) for s in container.streams.audio)
            # Where sound is not asked for, RTSP does not tell of it either.
            self.sound = heard if heard or not self._url.startswith("rtsp") else None
            if not streams:
                raise SourceError(Cause.UNSUPPORTED_STREAM, "the stream has no video")
            codec = codec_of(streams[0])
            if codec is None:
                name = streams[0].codec_context.name
                raise SourceError(Cause.UNSUPPORTED_STREAM, f"H.264 or H.265 was expected, the camera sends {name}")
            wanted: list[av.VideoStream | av.AudioStream] = [streams[0]]
            sounds: Sounds | None = None
            if self._audio and container.streams.audio:
                wanted.append(container.streams.audio[0])
                sounds = Sounds(container.streams.audio[0])
            self._demux(container.demux(wanted), Pictures(streams[0], codec), sounds)

    def _demux(self, packets: Iterator[av.Packet[Stream]], pictures: Pictures, sounds: Sounds | None) -> None:
        heard: deque[AudioUnit] = deque(maxlen=_WAITING_SOUND)
        key_due = time.monotonic() + _NO_KEYFRAME_S

        def give(units: list[AccessUnit]) -> None:
            for unit in units:
                if sounds is None:
                    self._deliver(unit)
                else:
                    self._deliver(replace(unit, audio=sounds.audio, audio_units=tuple(heard)))
                    heard.clear()

        try:
            for packet in packets:
                if self._stop.is_set():
                    return
                if time.monotonic() > key_due:
                    raise SourceError(Cause.NO_KEYFRAME, f"no keyframe for {_NO_KEYFRAME_S:.0f} s")
                if packet.stream.type == "audio":
                    if sounds is not None:
                        heard.extend(sounds.take(packet))
                    continue
                units = pictures.take(packet, steady_us())
                if any(unit.is_key for unit in units):
                    key_due = time.monotonic() + _NO_KEYFRAME_S
                give(units)
        finally:
            give(pictures.finish())
