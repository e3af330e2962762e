"""Phones with the companion app: registered as real ones are, their pushes caught on loopback."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr


@dataclass(slots=True)
class Phone:
    """One member's phone."""

    name: str
    device_id: str
    webhook_id: str
    client: TestClient[Any, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def screen(self) -> dict[str, dict[str, Any]]:
        """What the phone shows: the last message of every tag."""
        return {message["data"]["tag"]: message for message in self.messages}

    async def message(self, number: int) -> dict[str, Any]:
        """Wait for a message by its number from 1."""
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.messages) >= number)
        return self.messages[number - 1]

    async def show(self, message: dict[str, Any]) -> None:
        """Take a message from the push service."""
        async with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def buttons(self) -> dict[str, str]:
        """Return the titles and ids of the newest message's buttons."""
        return {action["title"]: action["action"] for action in self.messages[-1]["data"].get("actions", ())}

    async def tap(self, action: str) -> None:
        """Send what the app sends when a button is tapped."""
        event = {"event_type": "mobile_app_notification_action", "event_data": {"action": action}}
        answer = await self.client.post(f"/api/webhook/{self.webhook_id}", json={"type": "fire_event", "data": event})
        assert answer.status == HTTPStatus.OK


class Rings(Protocol):
    """Whatever takes messages from the push service."""

    async def show(self, message: dict[str, Any]) -> None:
        """Take a message."""
        ...


class PushService:
    """Stands for Google's and Apple's: takes a message for a phone."""

    def __init__(self, url: str, phones: dict[str, Rings]) -> None:
        self.url = url
        self._phones = phones

    def replace(self, name: str, phone: Rings) -> None:
        """Let something else take a phone's messages."""
        self._phones[name] = phone

    async def register(self, hass: HomeAssistant, client: TestClient[Any, Any], name: str) -> Phone:
        """Install the companion app on a phone."""
        app = {"app_id": "test", "app_name": "Test", "app_version": "1", "supports_encryption": False}
        device = {"device_id": name, "device_name": name, "manufacturer": "Test", "model": "Test", "os_name": "Test"}
        device["os_version"] = "1"
        push = {"app_data": {"push_token": name, "push_url": self.url}}
        answer = await client.post("/api/mobile_app/registrations", json=app | device | push)
        assert answer.status == HTTPStatus.CREATED
        await hass.async_block_till_done()
        webhook_id = (await answer.json())["webhook_id"]
        entry = next(
            entry for entry in hass.config_entries.async_entries("mobile_app") if entry.data["webhook_id"] == webhook_id
        )
        (registered,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        phone = Phone(name, registered.id, webhook_id, client)
        self._phones[name] = phone
        return phone


@asynccontextmanager
async def push_service() -> AsyncGenerator[PushService]:
    """Run the push service."""
    phones: dict[str, Rings] = {}

    async def push(request: web.Request) -> web.Response:
        message = await request.json()
        await phones[message["push_token"]].show(message)
        return web.json_response({}, status=HTTPStatus.CREATED)

    app = web.Application()
    app.router.add_post("/push", push)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield PushService(str(server.make_url("/push")), phones)
    await server.close()
