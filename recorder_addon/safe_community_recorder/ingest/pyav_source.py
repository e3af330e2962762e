"""Streams by libav (PyAV): a thread reads, the event loop gets the access units in batches."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

import av
import av.error

from ..cause import Cause
from ..media.h264 import (
    NAL_ACCESS_UNIT_DELIMITER,
    NAL_PPS,
    NAL_SPS,
    AccessUnit,
    BitstreamError,
    VideoFormat,
    nal_type,
    parameter_sets,
    read_decoder_configuration,
    split_annexb,
    split_length_prefixed,
    video_format,
)
from .source import SourceError

_LOGGER = logging.getLogger(__name__)

# FFmpeg's own socket timeout. PyAV's `timeout` argument polls: three times the CPU at 96 cameras, and lost data.
_SOCKET_TIMEOUT_US = 5_000_000
_NO_KEYFRAME_S = 30.0
_CLOSING_S = 1.0
# What one camera may hold in memory while the event loop is busy.
_BACKLOG_UNITS = 1_000
_BACKLOG_BYTES = 32 << 20


class PyAVSource:
    """A camera's stream read by libav."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self._url = url
        self._loop = loop
        self._lock = threading.Lock()
        self._backlog: deque[AccessUnit] = deque()
        self._backlog_bytes = 0
        self._error: SourceError | None = None
        self._ready = asyncio.Event()
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self.dropped_units = 0
        self._thread = threading.Thread(target=self._run, name="pyav-source", daemon=True)
        self._thread.start()

    async def access_units(self) -> AsyncIterator[AccessUnit]:
        """See Source."""
        while True:
            await self._ready.wait()
            with self._lock:
                batch, self._backlog = self._backlog, deque()
                self._backlog_bytes = 0
                error = self._error
                self._ready.clear()
            for unit in batch:
                yield unit
            if error is not None:
                raise error

    async def close(self) -> None:
        """See Source."""
        # A thread that hangs in a socket ends with the socket's timeout; nobody waits for it here.
        self._stop.set()
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
            error = SourceError(Cause.UNSUPPORTED_STREAM, f"the camera's H.264 cannot be read: {caught}")
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
        size = sum(map(len, unit.nals))
        with self._lock:
            full = len(self._backlog) >= _BACKLOG_UNITS or self._backlog_bytes + size > _BACKLOG_BYTES
            if full:
                self.dropped_units += len(self._backlog)
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
            options["allowed_media_types"] = "video"
        with av.open(self._url, options=options) as container:
            streams = container.streams.video
            if not streams:
                raise SourceError(Cause.UNSUPPORTED_STREAM, "the stream has no video")
            stream = streams[0]
            codec = stream.codec_context.name
            if codec != "h264":
                raise SourceError(Cause.UNSUPPORTED_STREAM, f"H.264 was expected, the camera sends {codec}")
            self._demux(container, stream)

    def _demux(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        extradata = stream.codec_context.extradata or b""
        # RTMP and MP4 put lengths before NAL units, everything else start codes; the first byte of avcC tells.
        split = split_length_prefixed if extradata[:1] == b"\x01" else split_annexb
        sps: bytes | None
        pps: bytes | None
        if split is split_length_prefixed:
            announced = read_decoder_configuration(extradata)
            sps, pps = announced.sps, announced.pps
        else:
            sps, pps = parameter_sets(split_annexb(extradata))
        video: VideoFormat | None = None
        key_due = time.monotonic() + _NO_KEYFRAME_S
        for packet in container.demux(stream):
            if self._stop.is_set():
                return
            pts = packet.pts if packet.pts is not None else packet.dts
            if packet.size == 0 or pts is None or packet.time_base is None:
                continue
            nals = split(bytes(packet))
            new_sps, new_pps = parameter_sets(nals)
            if (new_sps or sps) != sps or (new_pps or pps) != pps or video is None:
                sps, pps = new_sps or sps, new_pps or pps
                video = video_format(sps, pps) if sps and pps else None
            if packet.is_keyframe and video is not None:
                key_due = time.monotonic() + _NO_KEYFRAME_S
            elif time.monotonic() > key_due:
                raise SourceError(Cause.NO_KEYFRAME, f"no keyframe for {_NO_KEYFRAME_S:.0f} s")
            if video is None:
                continue
            dts = packet.dts if packet.dts is not None else pts
            scale = packet.time_base * 90_000
            payload = tuple(n for n in nals if nal_type(n) not in (NAL_SPS, NAL_PPS, NAL_ACCESS_UNIT_DELIMITER))
            if payload:
                arrival_us = time.time_ns() // 1_000
                self._deliver(
                    AccessUnit(payload, int(pts * scale), int(dts * scale), packet.is_keyframe, arrival_us, video)
                )
