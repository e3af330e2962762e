"""Leaves a trace of what is asked for: before anything recorded is shown, and of whatever has happened."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from .. import utc
from ..audit.actor import RECORDER, Actor
from ..audit.log import AuditLog
from ..audit.record import Noted, check
from .problems import Problem

_LOGGER = logging.getLogger(__name__)

type Outcome = Literal["done", "refused", "failed"]
type Value = str | float | bool | Sequence[Value] | Mapping[str, Value] | None

_SAME_LOOK_S = 600.0
_MOST_LOOKS = 10_000
_WRITE_S = 5.0
_AGAIN_S = 5.0
_MOST_UNWRITTEN = 10_000
_LATE_S = 1.0
_LEAP_US = 86_400 * utc.SECOND_US
_TRUSTED_AFTER_S = 3_600.0


@dataclass(frozen=True, slots=True)
class _Told:
    """A record of what has happened, and when."""

    event: str
    content: dict[str, object]
    since_s: float
    at_us: int


class Auditor:
    """Writes to the audit log without holding up the event loop; to be used in one."""

    def __init__(self, log: AuditLog, steady_s: Callable[[], float] = time.monotonic) -> None:
        self.log = log
        self._steady_s = steady_s
        # By what a look is: when its record was asked for, and the record. The oldest first.
        self._looks: dict[tuple[object, ...], tuple[float, asyncio.Task[Noted]]] = {}
        self._unwritten: deque[_Told] = deque()
        self._lost = 0
        self._failed_s = -math.inf
        self._closing = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None
        self._works: set[asyncio.Task[Any]] = set()
        self._trusted_since_s = steady_s()

    async def note(
        self,
        event: str,
        actor: Actor,
        *,
        camera_id: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        outcome: Outcome = "done",
        **details: Value,
    ) -> Noted:
        """Writes a record and returns when the disk has it.

        Raises Problem `audit_unavailable`: then whatever was to be recorded must not happen.
        """
        content = _content(actor, camera_id, start_us, end_us, outcome, details)
        try:
            async with asyncio.timeout(_WRITE_S):
                return await asyncio.wrap_future(self.log.submit(event, content))
        except OSError as error:
            problem = "the disk does not answer" if isinstance(error, TimeoutError) else str(error.strerror or error)
            _LOGGER.error("audit log cannot be written", extra={"problem": problem})
            detail = f"nothing is shown or done without a record of it, and the audit log cannot be written: {problem}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "audit_unavailable", detail) from error

    async def look(
        self,
        kind: str,
        actor: Actor,
        camera_id: str | None,
        start_us: int | None = None,
        end_us: int | None = None,
        *,
        outcome: Outcome = "done",
        **details: Value,
    ) -> None:
        """Notes that somebody looks: one record for all requests of the same look within ten minutes.

        `kind` is clip, snapshot, strip, timelapse, live, hls or audit. Raises Problem `audit_unavailable`.
        """
        now_s = self._steady_s()
        key = (kind, actor, camera_id, start_us, end_us, outcome)
        self._forget_looks(now_s)
        known = self._looks.get(key)
        if known is None:
            noted = self.note(
                "look",
                actor,
                camera_id=camera_id,
                start_us=start_us,
                end_us=end_us,
                outcome=outcome,
                kind=kind,
                **details,
            )
            task = asyncio.create_task(noted)
            task.add_done_callback(lambda done: self._looked(key, done))
            known = self._looks[key] = now_s, task
        # Whoever asked first may go away: the others wait for the same record.
        await asyncio.shield(known[1])

    def tell(
        self,
        event: str,
        actor: Actor,
        *,
        camera_id: str | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
        outcome: Outcome = "done",
        **details: Value,
    ) -> None:
        """Notes what has happened anyway. Never waits or raises: what the disk does not take now is tried again."""
        if len(self._unwritten) >= _MOST_UNWRITTEN:
            _LOGGER.error("audit log has not been written for long; a record is lost", extra={"record": event})
            self._lost += 1
            return
        content = _content(actor, camera_id, start_us, end_us, outcome, details)
        try:
            check(content)
        except TypeError, ValueError:
            # It would keep all others from being written.
            _LOGGER.exception("audit record is none", extra={"record": event})
            return
        self._unwritten.append(self._told(event, content))
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up())

    async def whole[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Does something together with its record, even if whoever asked for it goes away meanwhile."""
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return await asyncio.shield(task)

    def clock_leapt(self, by_us: int) -> None:
        """The host's clock was set. If it leapt ahead, it may be wrong: nothing is deleted for an hour."""
        if by_us > _LEAP_US:
            self._trusted_since_s = self._steady_s()

    async def run(self, is_set: Callable[[], bool], every_s: float = 600.0) -> None:
        """Deletes what is past its time, until cancelled; never in the first hour, nor while the clock is not set."""
        while True:
            await asyncio.sleep(every_s)
            if not is_set() or self._steady_s() - self._trusted_since_s < _TRUSTED_AFTER_S:
                continue
            try:
                deleted = await asyncio.wrap_future(self.log.trim())
            except OSError as error:
                _LOGGER.error("audit log cannot be trimmed; it is tried again", extra={"problem": error.strerror})
            else:
                if deleted:
                    _LOGGER.info("audit log trimmed", extra={"months": deleted})

    async def close(self) -> bool:
        """Writes what is still to be written, and no more; False if a write hangs in the disk."""
        self._closing.set()
        works: list[asyncio.Task[Any]] = [*self._works, *(() if self._catching_up is None else (self._catching_up,))]
        if works:
            await asyncio.wait(works, timeout=_WRITE_S)
        if self._catching_up is not None:
            self._catching_up.cancel()
        if self._unwritten:
            lost = {"records": len(self._unwritten)}
            _LOGGER.error("audit records are lost: the disk does not take them", extra=lost)
        return await asyncio.to_thread(self.log.close)

    def _told(self, event: str, content: dict[str, object]) -> _Told:
        return _Told(event, content, self._steady_s(), time.time_ns() // 1_000)

    async def _catch_up(self) -> None:
        while self._unwritten:
            told = self._unwritten[0]
            if told.since_s <= self._failed_s or self._steady_s() - told.since_s > _LATE_S:
                told.content["happened"] = utc.to_text(told.at_us)
            try:
                await asyncio.wrap_future(self.log.submit(told.event, told.content))
            except OSError as error:
                _LOGGER.error("audit log cannot be written; it is tried again", extra={"problem": error.strerror})
                self._failed_s = self._steady_s()
                if self._closing.is_set():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await self._closing.wait()
                continue
            self._unwritten.popleft()
            if self._lost:
                content = _content(RECORDER, None, None, None, "failed", {"records": self._lost})
                self._unwritten.append(self._told("records_lost", content))
                self._lost = 0

    def _looked(self, key: tuple[object, ...], task: asyncio.Task[Noted]) -> None:
        if (task.cancelled() or task.exception() is not None) and key in self._looks and self._looks[key][1] is task:
            del self._looks[key]

    def _forget_looks(self, now_s: float) -> None:
        for key, (since_s, _) in list(self._looks.items()):
            if now_s - since_s < _SAME_LOOK_S and len(self._looks) <= _MOST_LOOKS:
                break
            del self._looks[key]


def _content(
    actor: Actor,
    camera_id: str | None,
    start_us: int | None,
    end_us: int | None,
    outcome: Outcome,
    details: Mapping[str, Value],
) -> dict[str, object]:
    """A record's members; those that say nothing are left out."""
    content: dict[str, object] = {
        "actor": actor.name,
        "reason": actor.reason,
        "camera_id": camera_id,
        "start": None if start_us is None else utc.to_text(start_us),
        "end": None if end_us is None else utc.to_text(end_us),
        "outcome": outcome,
        "details": dict(details) or None,
    }
    return {name: value for name, value in content.items() if value is not None}
