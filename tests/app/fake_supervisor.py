"""A Supervisor that knows one app: takes discovery messages as the real one does, and remembers them."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(slots=True)
class FakeSupervisor:
    """What it was told, and how it answers (supervisor/api/discovery.py of the real one)."""

    token: str
    discovery: Sequence[str]
    failures: list[HTTPStatus] = field(default_factory=list)
    """Answers to give before it works."""
    attempts: int = 0
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/discovery", self._discovery)
        return application

    async def _discovery(self, request: web.Request) -> web.Response:
        self.attempts += 1
        if self.failures:
            return _refused(self.failures.pop(0), "The Supervisor is starting")
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=HTTPStatus.FORBIDDEN, text="403: Forbidden")
        body = await request.json()
        if not isinstance(body, dict) or set(body) != {"service", "config"} or not isinstance(body["config"], dict):
            return _refused(HTTPStatus.BAD_REQUEST, f"extra or missing keys: {body!r}")
        if body["service"] not in self.discovery:
            return _refused(HTTPStatus.FORBIDDEN, "Apps must list services they provide via discovery in their config!")
        identifier = uuid.uuid4().hex
        self.messages[identifier] = body
        return web.json_response({"result": "ok", "data": {"uuid": identifier}})


def _refused(status: HTTPStatus, message: str) -> web.Response:
    return web.json_response({"result": "error", "message": message}, status=status)


@asynccontextmanager
async def serving(supervisor: FakeSupervisor, port: int = 0) -> AsyncIterator[str]:
    """Serves it on loopback; gives its address."""
    server = TestServer(supervisor.application(), host="127.0.0.1", port=port)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()
