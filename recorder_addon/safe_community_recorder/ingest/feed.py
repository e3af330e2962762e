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
# Cameras lock an account after some five wrong passwords within half an hour.
_FIRST_PAUSE_AFTER_REFUSAL_S = 120.0
_LONGEST_PAUSE_AFTER_REFUSAL_S = 960.0
# A codec does not change within seconds.
_PAUSE_UNSUPPORTED_S = 120.0
# After a switch reboots all cameras are lost, and there again, in the same second. That is how many connections begin
# in one: 20.
_TURN_S = 0.05


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

    `way` is how it receives; `fallback` says why it is not by the way that would be preferred; `transcodes`
    that its pictures are encoded anew.
    """

    connection: Connection
    cause: Cause | None = None
    problem: str | None = None
    video: VideoFormat | None = None
    way: Way | None = None
    fallback: str | None = None
    transcodes: bool = False


class Backoff:
    """How long to wait before a camera is asked again. Pure, but for the `rng`, which keeps cameras apart."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.succeeded()

    def succeeded(self) -> None:
        """It has worked for a while: what went wrong before does not count any more."""
        self._pause_s = _FIRST_PAUSE_S
        self._refusal_s = _FIRST_PAUSE_AFTER_REFUSAL_S

    def pause_s(self, connection: Connection) -> float:
        """The pause after an attempt that ended like this."""
        match connection:
            case Connection.REFUSED:
                pause_s = self._refusal_s
                self._refusal_s = min(2 * pause_s, _LONGEST_PAUSE_AFTER_REFUSAL_S)
            case Connection.UNSUPPORTED:
                pause_s = _PAUSE_UNSUPPORTED_S
            case _:
                pause_s = self._pause_s
                self._pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return pause_s * self._rng.uniform(0.5, 1.0)


class Turns:
    """Lets connections begin one after the other, each a moment after the one before, whoever wants how many."""

    def __init__(self) -> None:
        self._line = asyncio.Lock()
        self._last_s = 0.0

    async def come(self) -> None:
        """Returns when it is the caller's turn: at once, unless others have just begun or wait.

        The moment is kept after those who really went, not after a plan: what a busy machine held up would
        otherwise go all at once when it is free again.
        """
        async with self._line:
            early_s = self._last_s + _TURN_S - time.monotonic()
            if early_s > 0:
                await asyncio.sleep(early_s)
            self._last_s = time.monotonic()


class Feed:
    """Keeps one connection to one stream going.

    `ways` open it, the preferred one first; the next is tried where one cannot. `on_unit` gets every access unit,
    `on_state` every change of the state; both are called in the event loop. `turns` are shared by all feeds.
    """

    def __init__(
        self,
        name: str,
        ways: Sequence[Callable[[], Source]],
        on_unit: Callable[[AccessUnit], None],
        on_state: Callable[[FeedState], None],
        turns: Turns | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self._ways = ways
        self._on_unit = on_unit
        self._on_state = on_state
        self._turns = turns or Turns()
        self._backoff = Backoff(rng or random.Random())
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
        way = 0
        while True:
            await self._turns.come()
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
                    self._backoff.succeeded()
            # It may be another camera by then, or have learnt something.
            way, self._fallback = 0, None
            await asyncio.sleep(self._backoff.pause_s(self.state.connection))

    def _take(self, unit: AccessUnit) -> None:
        self._came = True
        if self.state.connection is not Connection.CONNECTED or self.state.video is not unit.video:
            source = self._source
            way, transcodes = (None, False) if source is None else (source.way, source.transcodes)
            state = FeedState(Connection.CONNECTED, None, None, unit.video, way, self._fallback, transcodes)
            self._change(state)
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
