"""What every way into the recorder gives: access units as they come, and at the end why it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ..cause import Cause
from ..media.video import AccessUnit


class Way(StrEnum):
    """How a stream is received."""

    NATIVE = "native"
    """RTSP over TCP, spoken by this recorder: cheapest, no thread."""
    LIBAV = "libav"
    """By libav (PyAV), a thread for each camera: everything else."""

    @classmethod
    def named(cls, name: str) -> Way | None:
        """The way that the camera file names; None for "auto"."""
        return None if name == "auto" else cls(name)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a stream is, and how it is to be had.

    `url` may hold user and password: it is never shown. `way` is None where the recorder is to choose. `certificate`
    is what a camera with TLS has to show: None for one that is signed, "ignore" for any, or "sha256:" and its
    fingerprint.
    """

    url: str = field(repr=False)
    audio: bool = False
    way: Way | None = None
    certificate: str | None = None

    def why_not_native(self, fallback: str | None) -> str:
        """Why it is libav that receives, for people; `fallback` is what the native way failed with, if it was tried."""
        if fallback is not None:
            return fallback
        if not self.url.startswith(("rtsp://", "rtsps://")):
            return "the address is none of RTSP"
        return "the camera's entry asks for libav" if self.way is Way.LIBAV else "the recorder is told to use libav"


class SourceError(Exception):
    """A camera's stream could not be had or has ended. The text names no secrets.

    `elsewhere` says that another way may be able to what this one is not.
    """

    def __init__(self, cause: Cause, detail: str, *, elsewhere: bool = False) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.elsewhere = elsewhere


class Source(Protocol):
    """A connection to a camera."""

    @property
    def way(self) -> Way:
        """How it receives."""
        ...

    @property
    def lost_packets(self) -> int:
        """How many packets are missing in what came, as far as that can be told."""
        ...

    @property
    def sound(self) -> Sequence[str] | None:
        """The codecs of the sound that the camera offers, as SDP names them (AAC, PCMU); None if that is not known."""
        ...

    @property
    def transcodes(self) -> bool:
        """True if the pictures are encoded anew, because as they come they cannot be stored (JPEG)."""
        ...

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        """Connects and gives the pictures in decoding order, each with the format in force, until the stream ends.

        `deliver` is called in the event loop. Always ends with SourceError.
        """
        ...

    async def close(self) -> None:
        """Ends the connection; returns when it is gone or has been told to go."""
        ...
