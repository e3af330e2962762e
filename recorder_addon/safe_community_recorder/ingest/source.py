"""What every way into the recorder gives: a stream's format, its access units with UTC time, and why it ended."""

from collections.abc import AsyncIterator
from typing import Protocol

from ..cause import Cause
from ..media.video import AccessUnit


class SourceError(Exception):
    """A camera's stream could not be had or has ended. The text names no secrets."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class Source(Protocol):
    """An open connection to a camera."""

    def access_units(self) -> AsyncIterator[AccessUnit]:
        """The pictures in decoding order, until the stream ends: then SourceError. Each carries the format in force."""
        ...

    async def close(self) -> None:
        """Ends the connection; returns when it is gone or has been told to go."""
        ...
