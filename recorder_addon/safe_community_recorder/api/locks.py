"""Locks: footage that is kept past its days, by whom, why and until when."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.timeline import Lock, Span
from ..clock import HostClock
from .actor import Actor, actor_of
from .auditor import Auditor, Outcome, Value
from .body import instant_of, json_object, text_of
from .events import Hub
from .problems import Problem
from .ranges import DAY_US, asked_flag

_PATH = "/api/v1/locks"
_KEYS = ("camera_id", "start", "end", "reason", "expires")
_LONGEST_RANGE_US = 31 * DAY_US
_FURTHEST_US = DAY_US
_LONGEST_US = 400 * DAY_US
# Extended again and again, a lock ends all the same.
_LONGEST_IN_ALL_US = 1_096 * DAY_US
_LONGEST_REASON = 500


class LockHandlers:
    """Thin over the archive. `known` says whether there is a camera of an id."""

    def __init__(
        self, archive: Archive, host: HostClock, auditor: Auditor, hub: Hub, known: Callable[[str], bool]
    ) -> None:
        self._archive = archive
        self._host = host
        self._auditor = auditor
        self._hub = hub
        self._known = known
        self._changing = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get(_PATH, self.locks, allow_head=False),
            web.post(_PATH, self.make),
            web.get(f"{_PATH}/{{lock_id}}", self.lock, allow_head=False),
            web.patch(f"{_PATH}/{{lock_id}}", self.change),
            web.delete(f"{_PATH}/{{lock_id}}", self.release),
        ]

    async def locks(self, request: web.Request) -> web.Response:
        """All of them, or those of a camera, or those that hold now; in the order of their making. Raises Problem."""
        only_active = asked_flag(request, "active", default=False)
        now_us = self._host.utc_us()
        found = self._archive.locks(request.query.get("camera"))
        listed = sorted((lock for lock in found if lock.holds(now_us) or not only_active), key=_age)
        return web.json_response({"locks": [lock_json(lock, now_us) for lock in listed]})

    async def lock(self, request: web.Request) -> web.Response:
        """One of them. Raises Problem."""
        return web.json_response(lock_json(self._lock(request), self._host.utc_us()))

    async def make(self, request: web.Request) -> web.Response:
        """Locks a range, or as much of it as may still be shown. Raises Problem."""
        actor = actor_of(request)
        body = await json_object(request, _KEYS)
        camera_id, reason = text_of(body, "camera_id", 64), text_of(body, "reason", _LONGEST_REASON)
        if not self._known(camera_id):
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_camera", f"there is no camera {camera_id!r}")
        now_us = self._host.utc_us()
        asked, expires_us = _range(body, now_us), _expiry(body, now_us, now_us)
        lock_id = secrets.token_hex(8)
        lock = Lock(lock_id, camera_id, asked.start_us, asked.end_us, actor.name, reason, now_us, expires_us)
        lock = await self._auditor.whole(self._make(lock, actor))
        headers = {"Location": f"{_PATH}/{lock.id}"}
        return web.json_response(lock_json(lock, now_us), status=HTTPStatus.CREATED, headers=headers)

    async def change(self, request: web.Request) -> web.Response:
        """Lets a lock last longer or shorter, or says why anew. Raises Problem."""
        former, actor = self._lock(request), actor_of(request)
        body = await json_object(request, ("expires", "reason"))
        if not body:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "expires or reason was expected")
        now_us = self._host.utc_us()
        reason = text_of(body, "reason", _LONGEST_REASON) if "reason" in body else None
        expires_us = _expiry(body, now_us, former.created_us) if "expires" in body else None
        lock = await self._auditor.whole(self._change(former.id, reason, expires_us, actor))
        return web.json_response(lock_json(lock, now_us))

    async def release(self, request: web.Request) -> web.Response:
        """Ends a lock; one that is over already stays as it is. Raises Problem."""
        await self._auditor.whole(self._release(self._lock(request).id, actor_of(request)))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _make(self, lock: Lock, actor: Actor) -> Lock:
        try:
            lock = self._within_what_is_shown(lock)
            await self._put(lock)
        except Problem as problem:
            outcome: Outcome = "refused" if problem.code == "past_days" else "failed"
            self._tell("lock_made", actor, lock, outcome, code=problem.code)
            problem.noted = True
            raise
        self._tell("lock_made", actor, lock, "done", lock_reason=lock.reason, expires=utc.to_text(lock.expires_us))
        return lock

    async def _change(self, lock_id: str, reason: str | None, expires_us: int | None, actor: Actor) -> Lock:
        async with self._changing:
            former = self._known_lock(lock_id)
            if not former.holds(self._host.utc_us()):
                detail = "this lock was released or has expired; make another one"
                raise Problem(HTTPStatus.CONFLICT, "lock_over", detail)
            lock = replace(former, reason=reason or former.reason, expires_us=expires_us or former.expires_us)
            if lock != former:
                await self._put_noted("lock_changed", actor, former, lock)
            return lock

    async def _release(self, lock_id: str, actor: Actor) -> None:
        async with self._changing:
            former, now_us = self._known_lock(lock_id), self._host.utc_us()
            if former.holds(now_us):
                await self._put_noted("lock_released", actor, former, replace(former, released_us=now_us))

    async def _put_noted(self, event: str, actor: Actor, former: Lock, lock: Lock) -> None:
        """Footage may go that would have stayed: not without a record that is on the disk before."""
        changed: dict[str, list[str]] = {}
        if lock.reason != former.reason:
            changed["reason"] = [former.reason, lock.reason]
        if lock.expires_us != former.expires_us:
            changed["expires"] = [utc.to_text(former.expires_us), utc.to_text(lock.expires_us)]
        try:
            await self._auditor.note(
                event,
                actor,
                camera_id=lock.camera_id,
                start_us=lock.start_us,
                end_us=lock.end_us,
                lock=lock.id,
                changed=changed,
            )
            await self._put(lock)
        except Problem as problem:
            self._tell(event, actor, lock, "failed", code=problem.code)
            problem.noted = True
            raise

    def _tell(self, event: str, actor: Actor, lock: Lock, outcome: Outcome, **details: Value) -> None:
        self._auditor.tell(
            event,
            actor,
            camera_id=lock.camera_id,
            start_us=lock.start_us,
            end_us=lock.end_us,
            outcome=outcome,
            lock=lock.id,
            **details,
        )

    async def _put(self, lock: Lock) -> None:
        try:
            await self._archive.put_lock(lock)
        except OSError as error:
            detail = f"the disk does not take the lock: {error.strerror or error}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "lock_not_written", detail) from error
        self._hub.publish({"type": "lock", "lock": lock_json(lock, self._host.utc_us())})

    def _lock(self, request: web.Request) -> Lock:
        return self._known_lock(request.match_info["lock_id"])

    def _known_lock(self, lock_id: str) -> Lock:
        found = next((lock for lock in self._archive.locks() if lock.id == lock_id), None)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_lock", f"there is no lock {lock_id[:64]!r}")
        return found

    def _within_what_is_shown(self, lock: Lock) -> Lock:
        """With as much of its range as may be shown now: what is past its days, no lock brings back."""
        shown = self._archive.shown(lock.camera_id, Span(lock.start_us, lock.end_us))
        if len(shown) == 1:
            return replace(lock, start_us=shown[0].start_us, end_us=shown[0].end_us)
        detail = "the footage of this range is past its days; it cannot be locked any more"
        if shown:
            parts = ", ".join(f"{utc.to_text(span.start_us)} to {utc.to_text(span.end_us)}" for span in shown)
            detail = f"parts of this range are past their days; lock the others one by one: {parts}"
        raise Problem(HTTPStatus.CONFLICT, "past_days", detail)


def lock_json(lock: Lock, now_us: int) -> dict[str, object]:
    """A lock as openapi.json's Lock."""
    return {
        "id": lock.id,
        "camera_id": lock.camera_id,
        "start": utc.to_text(lock.start_us),
        "end": utc.to_text(lock.end_us),
        "owner": lock.owner,
        "reason": lock.reason,
        "created": utc.to_text(lock.created_us),
        "expires": utc.to_text(lock.expires_us),
        "released": None if lock.released_us is None else utc.to_text(lock.released_us),
        "active": lock.holds(now_us),
    }


def _range(body: Mapping[str, Any], now_us: int) -> Span:
    start_us, end_us = instant_of(body, "start"), instant_of(body, "end")
    if start_us >= end_us:
        raise Problem(HTTPStatus.BAD_REQUEST, "reversed_range", "start was expected to lie before end")
    if end_us - start_us > _LONGEST_RANGE_US:
        raise Problem(HTTPStatus.BAD_REQUEST, "range_too_long", "a range of at most 31 days was expected")
    if end_us > now_us + _FURTHEST_US:
        raise Problem(HTTPStatus.BAD_REQUEST, "future_range", "end was expected at most a day in the future")
    return Span(start_us, end_us)


def _expiry(body: Mapping[str, Any], now_us: int, created_us: int) -> int:
    expires_us = instant_of(body, "expires")
    latest_us = min(now_us + _LONGEST_US, created_us + _LONGEST_IN_ALL_US)
    if not now_us < expires_us <= latest_us:
        detail = f"expires was expected in the future, and at the latest at {utc.to_text(latest_us)}"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_expiry", detail)
    return expires_us


def _age(lock: Lock) -> tuple[int, str]:
    return lock.created_us, lock.id
