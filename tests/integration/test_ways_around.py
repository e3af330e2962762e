"""What somebody with an account tries who is no member: by way of other integrations, and by what they tell everybody.

The straight ways are in the permission matrix.
"""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import LoggedIn, LogIn, SetUp
from tests.integration.world import member
from tests.world import Recorder

SWITCH = "switch.vabalninkas_autobusu_stotele_recording"
CAMERA = "camera.vabalninkas_autobusu_stotele"
MEMBER = "Ona Onaitė"

type Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: Recorder, set_up: SetUp, picture: Path) -> MockConfigEntry:
    """A recorder, a member of whom the repairs have something to tell, and other integrations that know the cameras."""
    peep = {"action": "camera.snapshot", "data": {"entity_id": CAMERA, "filename": str(picture)}}
    others: dict[str, Any] = {
        "homeassistant": {},
        "config": {},
        "repairs": {},
        "scene": {},
        "conversation": {},
        "mobile_app": {},
        "group": {"everything": {"entities": [SWITCH]}},
        "switch": [{"platform": "group", "name": "In other clothes", "entities": [SWITCH]}],
        "script": {"peep": {"sequence": [peep]}},
    }
    for domain, config in others.items():
        assert await async_setup_component(hass, domain, {domain: config})
    old = {"grant_expires": "2020-01-01", "review_date": "2020-01-01", "user_id": "nobody"}
    entry = await set_up(recorder, member(MEMBER, "volunteer", **old))
    assert {"switch.in_other_clothes", "group.everything", "script.peep", SWITCH, CAMERA} <= {
        *hass.states.async_entity_ids()
    }
    return entry


@pytest.fixture
def picture(hass: HomeAssistant) -> Path:
    """Where a picture would lie that anybody on the network can fetch."""
    folder = Path(hass.config.path("www"))
    folder.mkdir()
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder / "picture.jpg"


@pytest.fixture
async def stranger(log_in: LogIn) -> LoggedIn:
    return await log_in("A stranger")


@pytest.fixture
async def ask(
    hass: HomeAssistant, entry: MockConfigEntry, stranger: LoggedIn, hass_ws_client: WebSocketGenerator
) -> Ask:
    """Send a WebSocket command as the stranger."""
    socket = await hass_ws_client(hass, stranger.token)

    async def ask(command: str, **data: Any) -> Any:
        await socket.send_json_auto_id({"type": command, **data})
        answer = await socket.receive_json()
        await hass.async_block_till_done()
        return answer

    return ask


def is_recorded(hass: HomeAssistant) -> bool:
    state = hass.states.get(SWITCH)
    assert state is not None
    return state.state == "on"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("homeassistant.turn_off", {"entity_id": SWITCH}),
        ("homeassistant.toggle", {"entity_id": SWITCH}),
        ("homeassistant.turn_off", {"entity_id": "group.everything"}),
        ("switch.turn_off", {"entity_id": "switch.in_other_clothes"}),
        ("switch.turn_off", {"entity_id": "all"}),
        ("scene.apply", {"entities": {SWITCH: "off"}}),
        ("script.peep", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_no_other_action_lets_a_stranger_in(
    hass: HomeAssistant, ask: Ask, picture: Path, action: str, data: dict[str, Any]
) -> None:
    domain, service = action.split(".")
    answer = await ask("call_service", domain=domain, service=service, service_data=data)
    assert not answer["success"]
    assert answer["error"]["translation_key"] == "not_permitted"
    assert is_recorded(hass)
    assert not os.listdir(picture.parent)


async def test_a_scene_of_one_s_own_lets_a_stranger_in_no_more(hass: HomeAssistant, ask: Ask) -> None:
    scene = {"scene_id": "night", "entities": {SWITCH: "off"}}
    assert (await ask("call_service", domain="scene", service="create", service_data=scene))["success"]
    used = await ask("call_service", domain="scene", service="turn_on", service_data={"entity_id": "scene.night"})
    assert used["error"]["translation_key"] == "not_permitted"
    assert is_recorded(hass)


async def test_a_spoken_word_lets_a_stranger_in_no_more(hass: HomeAssistant, ask: Ask) -> None:
    state = hass.states.get(SWITCH)
    assert state is not None
    answer = await ask("conversation/process", text=f"turn off {state.name}")
    assert answer["result"]["response"]["response_type"] == "error"
    assert is_recorded(hass)


@pytest.mark.parametrize("request_", ["stream_camera", "snapshot", "turn_off"])
async def test_a_phone_of_one_s_own_lets_a_stranger_in_no_more(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    picture: Path,
    stranger: LoggedIn,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    request_: str,
) -> None:
    """Every account may register a phone; what that sends comes without a person, or in the account's name."""
    texts = "app_id app_name app_version device_id device_name manufacturer model os_name os_version"
    phone: dict[str, object] = {**dict.fromkeys(texts.split(), "x"), "supports_encryption": False}
    registered = await (await hass_client(stranger.token)).post("/api/mobile_app/registrations", json=phone)
    path = f"/api/webhook/{(await registered.json())['webhook_id']}"
    action = {
        "domain": "camera",
        "service": "snapshot",
        "service_data": {"entity_id": CAMERA, "filename": str(picture)},
    }
    if request_ == "turn_off":
        action = {"domain": "switch", "service": "turn_off", "service_data": {"entity_id": SWITCH}}
    body = {"type": "call_service", "data": action}
    if request_ == "stream_camera":
        body = {"type": "stream_camera", "data": {"camera_entity_id": CAMERA}}
    answer = await (await hass_client_no_auth()).post(path, json=body)
    await hass.async_block_till_done()
    assert "/api/" not in await answer.text()
    assert is_recorded(hass)
    assert not os.listdir(picture.parent)


@pytest.mark.parametrize(
    "command",
    [
        "config_entries/get",
        "config/device_registry/list",
        "config/entity_registry/list",
        "get_states",
        "get_config",
        "repairs/list_issues",
    ],
)
async def test_what_every_account_may_read_holds_no_secret_and_no_member(
    hass: HomeAssistant, entry: MockConfigEntry, ask: Ask, recorder: Recorder, command: str
) -> None:
    answer = await ask(command)
    assert answer["success"]
    assert any(ours in str(answer) for ours in (DOMAIN, CAMERA))
    for hidden in (MEMBER, recorder.token, str(recorder.port)):
        assert hidden not in str(answer)


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("config_entries/get_single", {"entry_id": "{entry}"}),
        ("config_entries/subentries/list", {"entry_id": "{entry}"}),
        ("config_entries/flow/progress", {}),
        ("execute_script", {"sequence": [{"action": "switch.turn_off", "target": {"entity_id": SWITCH}}]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_home_assistant_keeps_for_administrators(
    hass: HomeAssistant, entry: MockConfigEntry, ask: Ask, command: str, data: dict[str, Any]
) -> None:
    """Members, addresses and dialogues are safe only while it does."""
    given = {key: entry.entry_id if value == "{entry}" else value for key, value in data.items()}
    assert (await ask(command, **given))["error"]["code"] == "unauthorized"
    assert is_recorded(hass)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/config/config_entries/flow", {"handler": DOMAIN}),
        ("POST", "/api/config/config_entries/options/flow", {"handler": "{entry}"}),
        ("POST", "/api/config/config_entries/subentries/flow", {"handler": ["{entry}", "member"]}),
        ("POST", "/api/config/config_entries/entry/{entry}/reload", None),
        ("DELETE", "/api/config/config_entries/entry/{entry}", None),
        ("POST", "/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": "any"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_home_assistant_keeps_for_administrators_over_http(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    stranger: LoggedIn,
    hass_client: ClientSessionGenerator,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    given = None if body is None else json.loads(json.dumps(body).replace("{entry}", entry.entry_id))
    client = await hass_client(stranger.token)
    answer = await client.request(method, path.replace("{entry}", entry.entry_id), json=given)
    assert answer.status == 401
    assert hass.config_entries.async_get_entry(entry.entry_id) is not None
