"""The volunteers' phones: stands where the push service and the companion app stand, and shows what they show.

Each phone registers itself at the real Home Assistant as the Android app does, takes pushes at its push address, and
answers a tap on a button as that app does: by the event `mobile_app_notification_action` with the whole message in it.

    .venv/bin/python -m demo.phones --home-assistant http://127.0.0.1:8123 --state phones.json < people.json

People are [{"user", "password", "name"}]. One line of JSON on stdout says that it is ready. Beside the page there are
`GET /api/phones` and `POST /api/phones/USER/tap` with {"message": ID, "action": KEY} for programs.
"""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from demo.home_assistant import CannotSetUp, log_in

_PAGE = Path(__file__).with_name("phones.html")
_CLEAR = "clear_notification"
_MOST = 50  # messages kept on a phone
_ACTIONS = 3  # Android shows no more buttons


@dataclass
class Message:
    """A message on a phone; `answered` is the key of the button that was tapped."""

    id: int
    received: str
    title: str
    text: str
    tag: str
    actions: list[dict[str, str]]
    data: dict[str, Any] = field(repr=False)
    answered: str = ""


@dataclass
class Phone:
    """One person's phone and its registration at Home Assistant."""

    user: str
    name: str
    push_token: str
    webhook_id: str = ""
    messages: list[Message] = field(default_factory=list)

    def receive(self, push: dict[str, Any], number: int) -> None:
        """Show a message; one with the same tag takes the other's place, or only clears it."""
        data = push.get("data") or {}
        tag = str(data.get("tag", ""))
        if tag:
            self.messages = [message for message in self.messages if message.tag != tag]
        text = str(push.get("message", ""))
        if text == _CLEAR:
            return
        actions = [
            {"action": str(action.get("action", "")), "title": str(action.get("title", ""))}
            for action in data.get("actions", [])[:_ACTIONS]
        ]
        received = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown = Message(number, received, str(push.get("title", "")), text, tag, actions, _flat(push))
        self.messages = [shown, *self.messages[: _MOST - 1]]


def _flat(push: dict[str, Any]) -> dict[str, str]:
    """A message as the Android app gets it from the push service: one level of text, actions numbered."""
    data = dict(push.get("data") or {})
    flat: dict[str, str] = {key: str(push[key]) for key in ("title", "message") if key in push}
    for number, action in enumerate(data.pop("actions", []), 1):
        flat |= {f"action_{number}_{key}": str(value) for key, value in action.items() if key != "action"}
        flat[f"action_{number}_key"] = str(action.get("action", ""))
    for key, value in data.items():
        flat[key] = value if isinstance(value, str) else json.dumps(value)
    return flat | {"webhook_id": str(push.get("registration_info", {}).get("webhook_id", ""))}


class Phones:
    """All phones, and the server that shows them."""

    def __init__(self, url: str, people: list[dict[str, str]], state: Path) -> None:
        self._url = url
        self._people = people
        self._state = state
        known = json.loads(state.read_text()) if state.exists() else {}
        self._phones = {
            person["user"]: Phone(
                person["user"], person["name"], f"demo-push-{person['user']}", known.get(person["user"], "")
            )
            for person in people
        }
        self._number = 0
        self._push_url = ""
        self._session: aiohttp.ClientSession

    async def register(self, session: aiohttp.ClientSession, push_url: str) -> None:
        """Register each phone at Home Assistant, or renew its registration."""
        self._session = session
        self._push_url = push_url
        await asyncio.gather(*(self._register(person) for person in self._people))
        self._state.write_text(json.dumps({phone.user: phone.webhook_id for phone in self._phones.values()}))

    async def _register(self, person: dict[str, str]) -> None:
        phone = self._phones[person["user"]]
        app = {
            "app_data": {"push_token": phone.push_token, "push_url": self._push_url},
            "app_version": "2026.10.1-full",
            "device_name": f"{person['name']} (demo)",
            "manufacturer": "Demo",
            "model": "Phone",
            "os_version": "36",
        }
        if phone.webhook_id and await self._tell(phone, {"type": "update_registration", "data": app}) == 200:
            return
        home_assistant = await log_in(self._url, self._session, person["user"], person["password"])
        identity = {
            "app_id": "io.homeassistant.companion.android",
            "app_name": "Home Assistant",
            "device_id": f"demo-phone-{phone.user}",
            "os_name": "Android",
            "supports_encryption": False,
        }
        registered = await home_assistant.request("POST", "/api/mobile_app/registrations", identity | app)
        phone.webhook_id = registered["webhook_id"]

    async def _tell(self, phone: Phone, body: dict[str, Any]) -> int:
        """Speak to Home Assistant as the app does; the status of its answer."""
        async with self._session.post(f"{self._url}/api/webhook/{phone.webhook_id}", json=body) as response:
            # An unknown webhook is answered with 200 and nothing, a known one with JSON.
            return response.status if await response.read() else 410

    # --- requests -----------------------------------------------------------------------------------------------------
    def routes(self) -> list[web.RouteDef]:
        """What the server answers."""
        return [
            web.get("/", self._show),
            web.get("/api/phones", self._list),
            web.post("/api/phones/{user}/tap", self._tap),
            web.post("/push", self._push),
        ]

    async def _show(self, _: web.Request) -> web.FileResponse:
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return web.FileResponse(_PAGE, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    async def _list(self, _: web.Request) -> web.Response:
        listed = [asdict(phone) for phone in self._phones.values()]
        for phone in listed:
            del phone["webhook_id"], phone["push_token"]
            for message in phone["messages"]:
                del message["data"]
        return web.json_response({"phones": listed})

    async def _push(self, request: web.Request) -> web.Response:
        push = await request.json()
        phone = next((phone for phone in self._phones.values() if phone.push_token == push.get("push_token")), None)
        if phone is None:
            return web.json_response({"errorMessage": "unknown push token"}, status=404)
        self._number += 1
        phone.receive(push, self._number)
        return web.json_response({"target": phone.user}, status=201)

    async def _tap(self, request: web.Request) -> web.Response:
        phone = self._phones.get(request.match_info["user"])
        if request.content_type != "application/json":  # which no foreign page can send unasked
            return web.json_response({"error": "expected JSON"}, status=415)
        try:
            body = await request.json()
            number, key = int(body["message"]), str(body["action"])
        except ValueError, KeyError, TypeError:
            return web.json_response({"error": 'expected {"message": ID, "action": KEY}'}, status=400)
        message = next((message for message in phone.messages if message.id == number), None) if phone else None
        if phone is None or message is None or key not in {action["action"] for action in message.actions}:
            return web.json_response({"error": "no such phone, message or button"}, status=404)
        event = {"event_type": "mobile_app_notification_action", "event_data": message.data | {"action": key}}
        if await self._tell(phone, {"type": "fire_event", "data": event}) != 200:
            return web.json_response({"error": "Home Assistant did not take the answer"}, status=502)
        message.answered = key
        return web.json_response({"answered": key})


async def _serve(arguments: argparse.Namespace, people: list[dict[str, str]]) -> None:
    phones = Phones(arguments.home_assistant.rstrip("/"), people, arguments.state)
    app = web.Application()
    app.add_routes(phones.routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        site = web.TCPSite(runner, "127.0.0.1", arguments.port)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            await phones.register(session, f"{url}/push")
            print(json.dumps({"ready": True, "url": url}), flush=True)
            await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="demo.phones", description="The volunteers' phones on 127.0.0.1.")
    parser.add_argument("--home-assistant", default="http://127.0.0.1:8123", help="its address")
    parser.add_argument("--state", type=Path, default=Path("phones.json"), help="where registrations are kept")
    parser.add_argument("--port", type=int, default=8124, help="0 lets the system choose")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments, json.load(sys.stdin)))
    except (CannotSetUp, OSError, aiohttp.ClientError) as error:
        print(f"demo.phones: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
