"""Supervision of one connection: connects, hands on what comes, and comes back after trouble with growing pauses."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..cause import Cause
from ..media.video import AccessUnit, VideoFormat
from .source import Source, SourceError

_LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
# Cameras lock an account after a few wrong passwords, and a codec does not change within seconds.
_PAUSE_AFTER_REFUSAL_S = 120.0


class Connection(StrEnum):
    """Where the connection to a camera stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    PAUSED = "paused"


_AFTER = {Cause.AUTHENTICATION_REFUSED: Connection.REFUSED, Cause.UNSUPPORTED_STREAM: Connection.UNSUPPORTED}


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of a connection. `problem` is for people and names no secrets."""

    connection: Connection
    cause: Cause | None = None
    problem: str | None = None
    video: VideoFormat | None = None


class Feed:
    """Keeps one connection to one stream going.

    `on_unit` gets every access unit, `on_state` every change of the state; both are called in the event loop.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Source],
        on_unit: Callable[[AccessUnit], None],
        on_state: Callable[[FeedState], None],
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self._connect = connect
        self._on_unit = on_unit
        self._on_state = on_state
        self._rng = rng or random.Random()
        self.state = FeedState(Connection.CONNECTING)

    async def run(self) -> None:
        """Runs until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            source = self._connect()
            try:
                async for unit in source.access_units():
                    if self.state.connection is not Connection.CONNECTED or self.state.video is not unit.video:
                        pause_s = _FIRST_PAUSE_S
                        self._change(FeedState(Connection.CONNECTED, video=unit.video))
                    self._on_unit(unit)
            except SourceError as error:
                connection = _AFTER.get(error.cause, Connection.UNREACHABLE)
                self._change(FeedState(connection, error.cause, error.detail, self.state.video))
            except Exception:
                # A defect of ours must cost this camera seconds, not its recording.
                _LOGGER.exception("camera's pictures cannot be taken", extra={"camera": self._name})
                problem = "the recorder failed; its log says why"
                self._change(FeedState(Connection.UNREACHABLE, Cause.RECORDER_FAILED, problem, self.state.video))
            finally:
                await source.close()
            longest = _LONGEST_PAUSE_S
            if self.state.connection in (Connection.REFUSED, Connection.UNSUPPORTED):
                longest = pause_s = _PAUSE_AFTER_REFUSAL_S
            # Jitter: after a switch reboots, not all cameras are asked in the same second.
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, longest)

    def _change(self, state: FeedState) -> None:
        if state == self.state:
            return
        if state.connection is Connection.CONNECTED:
            _LOGGER.info("camera connected", extra={"camera": self._name})
        elif state.connection is not self.state.connection:
            _LOGGER.warning("camera lost", extra={"camera": self._name, "cause": state.cause, "problem": state.problem})
        self.state = state
        self._on_state(state)
