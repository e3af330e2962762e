"""Notes who is not let in, without letting them fill the disk: a record or two a minute and address."""

import asyncio
import ipaddress
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..audit.actor import Actor
from .auditor import Auditor
from .problems import Handler, Problem

_EVERY_S = 60.0
_MOST_ADDRESSES = 100
_OTHERS = "others"
_NOBODY = Actor("unknown")
_TOLD = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(slots=True)
class _Since:
    """Refusals of one address that are not recorded yet, and what the last of them was."""

    timer: asyncio.TimerHandle
    count: int = 0
    method: str = ""
    resource: str = ""
    code: str = ""


class Refusals:
    """Counts those who have neither the token nor a ticket."""

    def __init__(self, auditor: Auditor, every_s: float = _EVERY_S) -> None:
        self._auditor = auditor
        self._every_s = every_s
        self._addresses: dict[str, _Since] = {}

    def middleware(self) -> Middleware:
        """Sees every refusal, and lets it pass."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except Problem as problem:
                if problem.status in _TOLD:
                    self._refused(request, problem.code)
                raise

        return watch

    async def close(self, _app: web.Application) -> None:
        """Records what was only counted so far."""
        for address in list(self._addresses):
            self._over(address)

    def _refused(self, request: web.Request, code: str) -> None:
        address = network_of(request.remote)
        if address not in self._addresses and len(self._addresses) >= _MOST_ADDRESSES:
            address = _OTHERS
        resource = request.match_info.route.resource
        what = request.method[:10], "" if resource is None else resource.canonical, code
        since = self._addresses.get(address)
        if since is None:
            timer = asyncio.get_running_loop().call_later(self._every_s, self._over, address)
            self._addresses[address] = _Since(timer)
            self._tell(address, 1, *what)
        else:
            since.count += 1
            since.method, since.resource, since.code = what

    def _over(self, address: str) -> None:
        since = self._addresses.pop(address)
        since.timer.cancel()
        if since.count:
            self._tell(address, since.count, since.method, since.resource, since.code)

    def _tell(self, address: str, count: int, method: str, resource: str, code: str) -> None:
        self._auditor.tell(
            "request_refused",
            _NOBODY,
            outcome="refused",
            address=address,
            count=count,
            method=method,
            resource=resource,
            code=code,
        )


def network_of(address: str | None) -> str:
    """An IPv4 address, or the network of 64 bits that an IPv6 address is one of: who has one has all of these."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
