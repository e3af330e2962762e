"""Streams by RTSP over TCP, spoken here: no thread and no libav. What it cannot, it leaves to another way."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Sequence

from ..cause import Cause
from ..clock import steady_us
from ..media.bits import BitstreamError
from ..media.video import AccessUnit
from ..utc import SECOND_US
from .beat import Beat
from .rtsp.opening import open_session
from .rtsp.session import RtspSession
from .rtsp.wire import CertificateError
from .source import Address, SourceError, Way

_LOGGER = logging.getLogger(__name__)

_OPENING_S = 8.0
_SILENCE_S = 8
_NO_KEYFRAME_S = 30


class NativeSource:
    """A camera's stream by RTSP 1.0, interleaved. It is read when the `beat` says."""

    way = Way.NATIVE
    transcodes = False

    def __init__(self, address: Address, beat: Beat) -> None:
        self._address = address
        self._beat = beat
        self._deliver: Callable[[AccessUnit], None] = _nowhere
        self._session: RtspSession | None = None
        self._ended: asyncio.Future[None] | None = None
        self._keyframe_us = 0
        self._as_it_comes = False

    @property
    def lost_packets(self) -> int:
        """See Source."""
        return 0 if self._session is None else self._session.lost_packets

    @property
    def sound(self) -> Sequence[str] | None:
        """See Source."""
        return None if self._session is None else self._session.sound_offered

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        """See Source."""
        self._deliver = deliver
        try:
            async with asyncio.timeout(_OPENING_S):
                session = self._session = await open_session(self._address, self._take)
        except Exception as error:
            raise _told(error) from error
        self._keyframe_us = steady_us()
        self._ended = asyncio.get_running_loop().create_future()
        self._beat.add(self._drain)
        try:
            await self._ended
        except Exception as error:
            session.pictures.finish()
            raise _told(error) from error
        finally:
            self._let_go(session)

    async def close(self) -> None:
        """See Source."""
        if self._session is not None:
            self._session.close()

    def _take(self, unit: AccessUnit) -> None:
        if unit.is_key:
            self._keyframe_us = unit.arrival_us
        self._deliver(unit)

    def _drain(self) -> None:
        session, ended = self._session, self._ended
        if session is None or ended is None or ended.done():
            return
        try:
            session.drain()
            self._watch(session)
        except (SourceError, OSError, BitstreamError) as error:
            ended.set_exception(error)
            return
        except Exception as error:
            _LOGGER.exception("stream cannot be taken")
            ended.set_exception(error)
            return
        if session.pictures.stands_still and not self._as_it_comes:
            # Without timestamps only the arrival tells the time: this camera is read as it comes.
            self._as_it_comes = True
            asyncio.get_running_loop().add_reader(session.fileno(), self._drain)

    def _watch(self, session: RtspSession) -> None:
        """Raises SourceError when the camera has stopped to give what it should."""
        now_us = steady_us()
        if now_us - session.received_us > _SILENCE_S * SECOND_US:
            raise SourceError(Cause.CAMERA_UNREACHABLE, f"nothing has come for {_SILENCE_S} s")
        if now_us - self._keyframe_us > _NO_KEYFRAME_S * SECOND_US:
            raise SourceError(Cause.NO_KEYFRAME, f"no keyframe for {_NO_KEYFRAME_S} s")

    def _let_go(self, session: RtspSession) -> None:
        self._beat.remove(self._drain)
        if self._as_it_comes:
            self._as_it_comes = False
            asyncio.get_running_loop().remove_reader(session.fileno())


def _nowhere(_unit: AccessUnit) -> None:
    """Nobody asks for pictures yet."""


def _told(error: Exception) -> Exception:
    """What a failure means for the camera, without secrets; a defect of ours stays what it is."""
    match error:
        case SourceError():
            return error
        case TimeoutError():
            return SourceError(Cause.CAMERA_UNREACHABLE, "the camera does not answer")
        case CertificateError():
            return SourceError(Cause.CAMERA_UNREACHABLE, f"the camera shows {error}")
        case ssl.SSLCertVerificationError():
            reason = f"the camera's certificate is not trusted: {error.verify_message}"
            return SourceError(Cause.CAMERA_UNREACHABLE, reason)
        case ssl.SSLError():
            return SourceError(Cause.CAMERA_UNREACHABLE, f"the camera's TLS failed: {error.reason}")
        case socket.gaierror():
            return SourceError(Cause.CAMERA_UNREACHABLE, "the camera's name is not known")
        case OSError():
            # asyncio writes the address where the reason should be.
            reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
            return SourceError(Cause.CAMERA_UNREACHABLE, f"the camera cannot be reached: {reason}")
        case BitstreamError():
            return SourceError(Cause.CORRUPT_STREAM, f"the camera's stream cannot be read: {error}")
    return error
