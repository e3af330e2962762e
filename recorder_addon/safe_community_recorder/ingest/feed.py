"""Supervision of one connection: connects, hands on what comes, and comes back after trouble with growing pauses."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..cause import Cause
from ..media.video import AccessUnit, VideoFormat
from .source import Source, SourceError, Way

_LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
# With the time that an attempt takes, a camera is back within 30 s.
_LONGEST_PAUSE_S = 16.0
# Who falls away sooner than this is not come back to at once.
_STEADY_S = 10.0
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
    """What is known of a connection. `problem` is for people and names no secrets.

    `way` is how it receives; `fallback` says why it is not by the way that would be preferred.
    """

    connection: Connection
    cause: Cause | None = None
    problem: str | None = None
    video: VideoFormat | None = None
    way: Way | None = None
    fallback: str | None = None


class Feed:
    """Keeps one connection to one stream going.

    `ways` open it, the preferred one first; the next is tried where one cannot. `on_unit` gets every access unit,
    `on_state` every change of the state; both are called in the event loop.
    """

    def __init__(
        self,
        name: str,
        ways: Sequence[Callable[[], Source]],
        on_unit: Callable[[AccessUnit], None],
        on_state: Callable[[FeedState], None],
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self._ways = ways
        self._on_unit = on_unit
        self._on_state = on_state
        self._rng = rng or random.Random()
        self._source: Source | None = None
        self._fallback: str | None = None
        self._lost_before = 0
        self._came = False
        self.reconnects = 0
        self.state = FeedState(Connection.CONNECTING)

    @property
    def lost_packets(self) -> int:
        """How many packets are missing in what came, over all connections."""
        return self._lost_before + (0 if self._source is None else self._source.lost_packets)

    async def run(self) -> None:
        """Runs until cancelled."""
        pause_s = _FIRST_PAUSE_S
        way = 0
        while True:
            source = self._source = self._ways[way]()
            begun_s = time.monotonic()
            self._came = False
            try:
                await source.run(self._take)
            except SourceError as error:
                if error.elsewhere and way + 1 < len(self._ways):
                    _LOGGER.info("another way is tried", extra={"camera": self._name, "problem": error.detail})
                    way += 1
                    self._fallback = error.detail
                    continue
                connection = _AFTER.get(error.cause, Connection.UNREACHABLE)
                self._end(connection, error.cause, error.detail)
            except Exception:
                # A defect of ours must cost this camera seconds, not its recording.
                _LOGGER.exception("camera's pictures cannot be taken", extra={"camera": self._name})
                problem = "the recorder failed; its log says why"
                self._end(Connection.UNREACHABLE, Cause.RECORDER_FAILED, problem)
            finally:
                await source.close()
                self._lost_before += source.lost_packets
                self._source = None
            if self._came:
                self.reconnects += 1
                if time.monotonic() - begun_s > _STEADY_S:
                    pause_s = _FIRST_PAUSE_S
            # It may be another camera by then, or have learnt something.
            way, self._fallback = 0, None
            longest = _LONGEST_PAUSE_S
            if self.state.connection in (Connection.REFUSED, Connection.UNSUPPORTED):
                longest = pause_s = _PAUSE_AFTER_REFUSAL_S
            # Jitter: after a switch reboots, not all cameras are asked in the same second.
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, longest)

    def _take(self, unit: AccessUnit) -> None:
        self._came = True
        if self.state.connection is not Connection.CONNECTED or self.state.video is not unit.video:
            way = None if self._source is None else self._source.way
            self._change(FeedState(Connection.CONNECTED, video=unit.video, way=way, fallback=self._fallback))
        self._on_unit(unit)

    def _end(self, connection: Connection, cause: Cause, problem: str) -> None:
        state = self.state
        self._change(FeedState(connection, cause, problem, state.video, state.way, self._fallback))

    def _change(self, state: FeedState) -> None:
        if state == self.state:
            return
        if state.connection is Connection.CONNECTED:
            _LOGGER.info("camera connected", extra={"camera": self._name})
        elif state.connection is not self.state.connection:
            _LOGGER.warning("camera lost", extra={"camera": self._name, "cause": state.cause, "problem": state.problem})
        self.state = state
        self._on_state(state)
