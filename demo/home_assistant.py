"""A real Home Assistant with a generated configuration: made, started, onboarded and spoken with over its own API.

It knows nothing of the demo village (`demo/scheme.py` does), so that a test can have its own Home Assistant.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from demo.waiting import until

ROOT = Path(__file__).parents[1]
_BLUEPRINTS = Path("blueprints", "automation", "safe_community")

# Only what the village needs: not default_config, which looks for the cloud, Bluetooth and devices in the network.
_CONFIGURATION = """\
homeassistant:
  name: Biržų rajonas
  latitude: 56.2003
  longitude: 24.7567
  elevation: 60
  unit_system: metric
  currency: EUR
  country: LT
  language: lt
  time_zone: Europe/Vilnius
frontend:
config:
history:
logbook:
media_source:
mobile_app:
my:
stream:
sun:
webhook:
automation: !include automations.yaml
script:
logger:
  default: warning
  logs:
    homeassistant.components.automation: info
    custom_components.safe_community: info
"""


class CannotSetUp(Exception):
    """Home Assistant answered otherwise than expected; the message says to what, and what came."""


# --- making and starting ----------------------------------------------------------------------------------------------
def write_configuration(folder: Path, port: int) -> None:
    """Make or renew a configuration folder; the integration and the blueprints are the repository's own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(_CONFIGURATION, encoding="utf-8")
    automations = folder / "automations.yaml"
    if not automations.exists():
        automations.write_text("[]\n", encoding="utf-8")
    integration = folder / "custom_components" / "safe_community"
    integration.parent.mkdir(exist_ok=True)
    if not integration.is_symlink():
        integration.symlink_to(ROOT / "custom_components" / "safe_community")
    # Home Assistant does not look into a folder of blueprints that is a link.
    shutil.copytree(ROOT / _BLUEPRINTS, folder / _BLUEPRINTS, dirs_exist_ok=True)
    storage = folder / ".storage"
    storage.mkdir(exist_ok=True)
    # An address in configuration.yaml would only be tried: unless somebody confirms it on a page, Home Assistant goes
    # back to listening on all addresses after five minutes. This is what it stores once it is confirmed.
    address = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-11-22T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    _store(storage / "http", 2, 2, {"stable": address, "pending": None, "yaml_migration_done": True})
    if not (storage / "onboarding").exists():
        # This step would set up services in the internet; what it asks for is in configuration.yaml.
        _store(storage / "onboarding", 4, 1, {"done": ["core_config"]})


def _store(path: Path, version: int, minor_version: int, data: dict[str, Any]) -> None:
    content = {"version": version, "minor_version": minor_version, "key": path.name, "data": data}
    path.write_text(json.dumps(content), encoding="utf-8")


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start it; what it says goes to `log`. Packages are the virtual environment's, nothing is installed."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "homeassistant", "-c", str(folder), "--skip-pip", "--log-no-color"],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )


async def wait_until_serving(url: str, alive: Callable[[], bool], timeout_s: float = 180) -> None:
    """Until it answers requests; CannotSetUp if it ends or does not within the time."""

    async def serving() -> bool:
        if not alive():
            raise CannotSetUp("Home Assistant ended while it started")
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{url}/manifest.json") as response:
                return bool(response.ok)
        return False

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        await until("Home Assistant", serving, timeout_s)


# --- the API ----------------------------------------------------------------------------------------------------------
@dataclass
class HomeAssistant:
    """A logged-in user's way to a Home Assistant: its REST API and, in `connected()`, its WebSocket API."""

    url: str
    token: str
    session: aiohttp.ClientSession
    socket: aiohttp.ClientWebSocketResponse | None = None
    _number: int = 0

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """One REST request; the decoded answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
            text = await response.text()
            if not response.ok:
                raise CannotSetUp(f"{method} {path} was answered with {response.status}: {text[:500]}")
            return json.loads(text) if text else None

    async def command(self, command: str, **fields: Any) -> Any:
        """One WebSocket command; its result."""
        if self.socket is None:
            raise CannotSetUp("the WebSocket is not connected")
        self._number += 1
        await self.socket.send_json({"id": self._number, "type": command, **fields})
        while (message := await self.socket.receive_json())["id"] != self._number:
            pass
        if not message["success"]:
            raise CannotSetUp(f"{command} was answered with {message['error']}")
        return message["result"]

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Self]:
        """With its WebSocket open."""
        async with self.session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as self.socket:
            await self.socket.receive_json()
            await self.socket.send_json({"type": "auth", "access_token": self.token})
            answer = await self.socket.receive_json()
            if answer["type"] != "auth_ok":
                raise CannotSetUp(f"the WebSocket refused the token: {answer}")
            yield self
        self.socket = None

    async def flow(self, path: str, begin: Mapping[str, Any], *answers: Mapping[str, Any]) -> dict[str, Any]:
        """Walk through a config or subentry flow; its last result, which has to be a new entry."""
        result: dict[str, Any] = await self.request("POST", path, dict(begin))
        for answer in answers:
            if result["type"] != "form":
                break
            result = await self.request("POST", f"{path}/{result['flow_id']}", dict(answer))
        if result["type"] != "create_entry":
            reason = {key: result.get(key) for key in ("type", "step_id", "errors", "reason")}
            raise CannotSetUp(f"the flow of {dict(begin)} ended with {reason}")
        return result


async def is_onboarded(url: str, session: aiohttp.ClientSession) -> bool:
    """Whether it has an owner."""
    async with session.get(f"{url}/api/onboarding") as response:
        # Once all is done, the address is gone.
        return response.status == 404 or all(step["done"] for step in await response.json())


async def onboard(url: str, session: aiohttp.ClientSession, name: str, user: str, password: str) -> HomeAssistant:
    """Make the owner and finish the onboarding, as its pages do."""
    client_id = f"{url}/"
    anonymous = HomeAssistant(url, "", session)
    owner = {"name": name, "username": user, "password": password, "client_id": client_id, "language": "lt"}
    made = await anonymous.request("POST", "/api/onboarding/users", owner)
    home_assistant = HomeAssistant(url, await _token(url, session, made["auth_code"]), session)
    await home_assistant.request("POST", "/api/onboarding/analytics", {})
    where = {"client_id": client_id, "redirect_uri": f"{url}/?auth_callback=1"}
    await home_assistant.request("POST", "/api/onboarding/integration", where)
    return home_assistant


async def log_in(url: str, session: aiohttp.ClientSession, user: str, password: str) -> HomeAssistant:
    """Log in as the login page does."""
    anonymous = HomeAssistant(url, "", session)
    client_id = f"{url}/"
    begin = {"client_id": client_id, "handler": ["homeassistant", None], "redirect_uri": client_id}
    flow = await anonymous.request("POST", "/auth/login_flow", begin)
    credentials = {"username": user, "password": password, "client_id": client_id}
    result = await anonymous.request("POST", f"/auth/login_flow/{flow['flow_id']}", credentials)
    if result["type"] != "create_entry":
        raise CannotSetUp(f"Home Assistant does not let {user} log in: {result.get('errors')}")
    return HomeAssistant(url, await _token(url, session, result["result"]), session)


async def _token(url: str, session: aiohttp.ClientSession, code: str) -> str:
    form = {"grant_type": "authorization_code", "code": code, "client_id": f"{url}/"}
    async with session.post(f"{url}/auth/token", data=form) as response:
        answer = await response.json()
        if not response.ok:
            raise CannotSetUp(f"no token for the authorization code: {answer}")
        return str(answer["access_token"])


async def wait_until_running(home_assistant: HomeAssistant, timeout_s: float = 180) -> None:
    """Until everything that is configured has been started."""

    async def running() -> bool:
        return bool((await home_assistant.request("GET", "/api/config"))["state"] == "RUNNING")

    await until("Home Assistant to have started everything", running, timeout_s)
