"""A process that decodes, as the recorder has it: begun, spoken to, watched, begun anew when it dies or hangs."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .messages import Inbox, Message, MessageError

_LOGGER = logging.getLogger(__name__)

_PACKAGE = Path(__file__).parents[1]
_HANGS_S = 20.0
_WATCHED_EVERY_S = 2.0
_ENDS_WITHIN_S = 3.0
_PAUSES_S = (0.2, 1.0, 5.0, 30.0)


class Decoder:
    """One process after the other; what is said while there is none is lost.

    In the event loop `on_begin` is called when one has begun, `on_message` for what it says, and `on_death` with why
    when it is gone or hung.
    """

    def __init__(
        self,
        on_begin: Callable[[], None],
        on_message: Callable[[Message], None],
        on_death: Callable[[str], None],
    ) -> None:
        self._on_begin = on_begin
        self._on_message = on_message
        self._on_death = on_death
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._asked_s: float | None = None
        self.pid: int | None = None

    @property
    def is_running(self) -> bool:
        """True while it can be spoken to."""
        return self._transport is not None

    def say(self, message: Message) -> None:
        """Never waits."""
        if self._transport is not None:
            self._transport.write(message.encoded())

    def expects(self, *, answer: bool) -> None:
        """An answer is due from now on; or none is."""
        self._asked_s = asyncio.get_running_loop().time() if answer else None

    async def run(self) -> None:
        """Keeps one process going until cancelled."""
        deaths = 0
        while True:
            began_s = asyncio.get_running_loop().time()
            reason = await self._one_life()
            if asyncio.get_running_loop().time() - began_s > 120:
                deaths = 0
            self._on_death(reason)
            await asyncio.sleep(_PAUSES_S[min(deaths, len(_PAUSES_S) - 1)])
            deaths += 1

    async def _one_life(self) -> str:
        """Why it ended."""
        loop = asyncio.get_running_loop()
        ours, its = socket.socketpair()
        try:
            ended = loop.create_future()
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "PYTHONPATH": str(_PACKAGE.parent),
                "OPENBLAS_NUM_THREADS": "1",
                # glibc learns from one large picture to keep what is freed: 8K once would cost 50 MB for ever.
                "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
                "LANG": "C.UTF-8",
            }
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                f"{_PACKAGE.name}.sampler.worker",
                str(its.fileno()),
                pass_fds=[its.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
            )
            self.pid = self._process.pid
        except OSError as error:
            ours.close()
            return f"cannot be begun: {error.strerror}"
        finally:
            its.close()
        transport, _ = await loop.create_connection(lambda: _Line(self._heard, ended), sock=ours)
        self._transport, self._asked_s = transport, None
        try:
            self._on_begin()
            return await self._watched(ended)
        finally:
            self._transport = None
            transport.abort()
            await _ended(self._process)

    async def _watched(self, ended: asyncio.Future[str]) -> str:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(ended), _WATCHED_EVERY_S)
            if self._asked_s is not None and loop.time() - self._asked_s > _HANGS_S:
                return f"gave no answer for {_HANGS_S:.0f} s"

    def _heard(self, message: Message) -> None:
        self._on_message(message)


class _Line(asyncio.Protocol):
    """The recorder's end of the socket; `ended` is told why nothing comes any more."""

    def __init__(self, on_message: Callable[[Message], None], ended: asyncio.Future[str]) -> None:
        self._inbox = Inbox()
        self._on_message = on_message
        self._ended = ended

    def data_received(self, data: bytes) -> None:
        """What it says. It decodes what strangers send: nothing it says may end the recorder."""
        try:
            for message in self._inbox.put(data):
                if not self._ended.done():
                    self._on_message(message)
        except MessageError as error:
            self._end(str(error))
        except Exception:
            _LOGGER.exception("an answer could not be taken")
            self._end("an answer could not be taken")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._end("has ended" if exc is None else f"has ended: {exc}")

    def _end(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """It has nobody to talk to any more; should it not notice, it is ended."""
    try:
        async with asyncio.timeout(_ENDS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
