"""Notes who is refused, and what, without letting them fill the disk: of the same, two records a minute at most."""

import asyncio
import ipaddress
from collections.abc import Hashable
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..audit.actor import Actor
from .actor import asker_of, plain_text
from .auditor import Auditor
from .problems import Handler, Problem
from .ranges import told_range

_EVERY_S = 60.0
_MOST = 100
_OTHERS = "others"
_NOBODY = Actor("unknown")
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What was refused to whom."""

    address: str
    actor: Actor
    method: str
    resource: str
    code: str
    camera_id: str | None = None
    start_us: int | None = None
    end_us: int | None = None

    @property
    def same(self) -> Hashable:
        """What the refusals have in common that are counted together."""
        if self.actor is _NOBODY:
            # Whoever is not let in chooses all the rest.
            return self.address
        return self.address, self.actor, self.method, self.resource, self.code, self.camera_id


@dataclass(slots=True)
class _Since:
    """How many are not recorded yet, and the last of them."""

    timer: asyncio.TimerHandle
    last: _Refusal
    count: int = 0


class Refusals:
    """Sees all that is refused, and records it unless whoever refused has."""

    def __init__(self, auditor: Auditor, every_s: float = _EVERY_S) -> None:
        self._auditor = auditor
        self._every_s = every_s
        self._since: dict[Hashable, _Since] = {}

    def middleware(self) -> Middleware:
        """Sees every refusal, and lets it pass."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except Problem as problem:
                if not problem.noted and (problem.status < 500 or problem.code == "audit_unavailable"):
                    self._refused(_refusal(request, problem.code))
                raise
            except web.HTTPException as error:
                if error.status >= 400:
                    self._refused(_refusal(request, HTTPStatus(error.status).name.lower()))
                raise

        return watch

    async def close(self, _app: web.Application) -> None:
        """Records what was only counted so far."""
        for key in list(self._since):
            self._over(key)

    def _refused(self, refusal: _Refusal) -> None:
        key = refusal.same
        if key not in self._since and len(self._since) >= _MOST:
            key = _OTHERS
            refusal = replace(refusal, address=_OTHERS, actor=_NOBODY, camera_id=None, start_us=None, end_us=None)
        since = self._since.get(key)
        if since is None:
            timer = asyncio.get_running_loop().call_later(self._every_s, self._over, key)
            self._since[key] = _Since(timer, refusal)
            self._tell(refusal, 1)
        else:
            since.count += 1
            since.last = refusal

    def _over(self, key: Hashable) -> None:
        since = self._since.pop(key)
        since.timer.cancel()
        if since.count:
            self._tell(since.last, since.count)

    def _tell(self, refusal: _Refusal, count: int) -> None:
        self._auditor.tell(
            "request_refused",
            refusal.actor,
            camera_id=refusal.camera_id,
            start_us=refusal.start_us,
            end_us=refusal.end_us,
            outcome="refused",
            address=refusal.address,
            count=count,
            method=refusal.method,
            resource=refusal.resource,
            code=refusal.code,
        )


def _refusal(request: web.Request, code: str) -> _Refusal:
    resource = request.match_info.route.resource
    pattern = "" if resource is None else resource.canonical
    what = network_of(request.remote), _NOBODY, request.method[:10], pattern, code
    if code == "unauthorized":
        return _Refusal(*what)
    camera_id = plain_text(request.match_info.get("camera_id", ""), _LONGEST_ID)
    return replace(_Refusal(*what, camera_id, *told_range(request)), actor=asker_of(request))


def network_of(address: str | None) -> str:
    """An IPv4 address, or the network of 64 bits that an IPv6 address is one of: who has one has all of these."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
