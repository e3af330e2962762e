"""A recorder that misbehaves: entities are away once and back once, and the log has one line each way."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Any

import pytest
from homeassistant import block_async_io
from homeassistant.components.camera import async_get_image, async_request_stream
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.coordinator import RecorderCoordinator
from custom_components.safe_community.local_time import HOUR
from custom_components.safe_community.views import clip_url
from tests.integration.conftest import SetUp
from tests.integration.proxy import Mood, Proxy, proxy_before
from tests.integration.world import VABALNINKAS, eventually
from tests.world import Recorder

SEEN = "camera.vabalninkas_autobusu_stotele"
CAMERA = "binary_sensor.vabalninkas_autobusu_stotele_connection"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, and give up after seconds."""
    monkeypatch.setattr("custom_components.safe_community.coordinator.FIRST_RETRY_S", 0.1)
    monkeypatch.setattr("custom_components.safe_community.coordinator.LONGEST_RETRY_S", 0.3)
    monkeypatch.setattr("custom_components.safe_community.client.HEARTBEAT_S", 1.0)
    monkeypatch.setattr("custom_components.safe_community.client.CONNECT_TIMEOUT_S", 1.0)


@pytest.fixture
def expected_lingering_timers() -> bool:
    """aiohttp sets a heartbeat's timer anew when data comes while a WebSocket closes; it goes off once, for nothing."""
    return True


@pytest.fixture
async def proxy(recorder: Recorder) -> AsyncGenerator[Proxy]:
    async with proxy_before(recorder.port) as proxy:
        yield proxy


@pytest.fixture
async def entry(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, proxy: Proxy
) -> AsyncGenerator[MockConfigEntry]:
    entry = await set_up(recorder, data={"url": proxy.url, "token": recorder.token})
    await eventually(hass, is_there(hass), "the camera is connected")
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


def is_there(hass: HomeAssistant) -> Callable[[], bool]:
    return lambda: (state := hass.states.get(CAMERA)) is not None and state.state == "on"


def is_away(hass: HomeAssistant) -> Callable[[], bool]:
    return lambda: (state := hass.states.get(CAMERA)) is not None and state.state == "unavailable"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (record for record in caplog.records if record.name.startswith("custom_components.safe_community"))
    return [record.getMessage() for record in ours if record.levelname != "DEBUG"]


def state_of(entry: MockConfigEntry) -> ConfigEntryState:
    state: ConfigEntryState = entry.state
    return state


FAULTS = [mood for mood in Mood if mood not in {Mood.WELL, Mood.SLOW, Mood.UNAUTHORIZED}]
ANSWERING = [mood for mood in FAULTS if mood is not Mood.SILENT]


@pytest.mark.parametrize("mood", FAULTS, ids=lambda mood: mood.name.lower())
async def test_it_is_away_once_and_back_once(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    recorder: Recorder,
    mood: Mood,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    changes = async_capture_events(hass, "state_changed")
    async with proxy_before(recorder.port) as elsewhere:
        proxy.redirect_to = elsewhere.port
        proxy.mood = mood
        proxy.hang_up()
        await eventually(hass, is_away(hass), "the recorder is away")
        asked = proxy.asked
        await eventually(hass, lambda: proxy.asked > asked + 1, "it is tried again and again")
        assert recorder.token.encode() not in elsewhere.heads, "no token goes where the recorder is not"
    proxy.mood = Mood.WELL
    proxy.hang_up()
    await eventually(hass, is_there(hass), "the recorder is back")
    await hass.async_block_till_done()
    seen = [one.data["new_state"].state for one in changes if one.data["entity_id"] == CAMERA]
    assert seen == ["unavailable", "on"]
    lines = said(caplog)
    assert (len(lines), lines[-1]) == (2, "Biržai is back"), lines
    assert recorder.token not in caplog.text


@pytest.mark.parametrize("mood", FAULTS, ids=lambda mood: mood.name.lower())
async def test_set_up_waits_until_it_is_well(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, mood: Mood, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.mood = mood
    await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_reach_recorder"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    proxy.mood = Mood.WELL
    await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.LOADED
    await eventually(hass, is_there(hass), "the camera is connected")


@pytest.mark.parametrize(
    "mood", [mood for mood in FAULTS if mood is not Mood.SILENT], ids=lambda mood: mood.name.lower()
)
async def test_who_looks_meanwhile_hears_why_not(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    proxy: Proxy,
    mood: Mood,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    socket = await hass_ws_client(hass)
    client = await hass_client()
    # The event stream stays as it is: only what is asked now goes wrong.
    proxy.mood = mood
    with pytest.raises(HomeAssistantError) as failure:
        await async_get_image(hass, SEEN)
    assert failure.value.translation_key == "no_picture"
    with pytest.raises(HomeAssistantError) as failure:
        await async_request_stream(hass, SEEN, "hls")
    assert failure.value.translation_key == "no_picture"

    answer = await client.get(clip_url(entry.entry_id, "stotele", dt_util.utcnow() - HOUR, dt_util.utcnow()))
    assert answer.status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}

    node = f"media-source://{DOMAIN}/{entry.entry_id}/{VABALNINKAS}/stotele"
    await socket.send_json_auto_id({"type": "media_source/browse_media", "media_content_id": node})
    refused = await socket.receive_json()
    assert (refused["success"], refused["error"]["code"]) == (False, "browse_media_failed")
    assert "cannot be reached" in refused["error"]["message"]


async def test_a_lost_token_is_asked_for_once(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    proxy.mood = Mood.UNAUTHORIZED
    proxy.hang_up()
    await eventually(hass, is_away(hass), "the recorder is away")
    asked = proxy.asked
    await eventually(hass, lambda: proxy.asked > asked + 3, "it is tried again and again")
    flows = [flow["step_id"] for flow in hass.config_entries.flow.async_progress()]
    assert flows == ["reauth_confirm"]
    proxy.mood = Mood.WELL
    proxy.hang_up()
    await eventually(hass, is_there(hass), "the recorder is back")
    assert len(said(caplog)) == 2


async def test_another_recorder_at_the_address_is_not_taken_for_ours(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    own_id = str(entry.unique_id).encode()
    proxy.swap = (own_id, own_id[::-1])
    proxy.hang_up()
    await eventually(hass, is_away(hass), "ours is away")
    proxy.swap = (b"", b"")
    proxy.hang_up()
    await eventually(hass, is_there(hass), "ours is back")
    lines = said(caplog)
    assert len(lines) == 2, lines
    assert "Another recorder" in lines[0]


@pytest.mark.parametrize(("version", "key"), [(b"0", "recorder_too_old"), (b"2", "recorder_too_new")])
async def test_an_older_and_a_newer_recorder_are_told_of(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, version: bytes, key: str
) -> None:
    def told() -> bool:
        return any(issue.translation_key == key for issue in ir.async_get(hass).issues.values())

    proxy.swap = (b'"api_version": 1', b'"api_version": ' + version)
    proxy.hang_up()
    await eventually(hass, told, "somebody is told")
    assert is_away(hass)()
    await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert told()
    proxy.swap = (b"", b"")
    await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert not told()
    await eventually(hass, is_there(hass), "the recorder is back")


async def test_a_slow_recorder_is_only_slow(hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy) -> None:
    proxy.mood = Mood.SLOW
    await hass.config_entries.async_reload(entry.entry_id)
    await eventually(hass, is_there(hass), "the camera is connected")
    assert entry.state is ConfigEntryState.LOADED


async def test_a_message_that_makes_no_sense_ends_the_connection_and_not_the_listening(
    hass: HomeAssistant, entry: MockConfigEntry, proxy: Proxy, recorder: Recorder
) -> None:
    proxy.swap = (b'"type": "snapshot"', b'"type": {"snaps": 1}'[: len(b'"type": "snapshot"')])
    proxy.hang_up()
    await eventually(hass, is_away(hass), "the recorder is away")
    proxy.swap = (b"", b"")
    proxy.hang_up()
    await eventually(hass, is_there(hass), "the recorder is back")


async def test_a_defect_of_ours_while_listening_begins_anew(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    proxy: Proxy,
) -> None:
    coordinator = entry.runtime_data.coordinator

    def fail(_self: RecorderCoordinator, _event: Any) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(RecorderCoordinator, "_async_take", fail)
        proxy.hang_up()
        await eventually(hass, lambda: "Following the recorder" in caplog.text, "it is logged")
    await eventually(
        hass,
        lambda: entry.state is ConfigEntryState.LOADED and entry.runtime_data.coordinator is not coordinator,
        "the entry is set up anew",
    )
    await eventually(hass, is_there(hass), "the camera is connected")


# --- nothing is left --------------------------------------------------------------------------------------------------


def listeners(hass: HomeAssistant) -> dict[str, int]:
    return {str(event): count for event, count in hass.bus.async_listeners().items()}


def tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if not task.done()}


async def test_fifty_reloads_leave_nothing_behind(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    disable_block_async_io: None,
) -> None:
    # Home Assistant's own detector, as it is outside of tests; the fixture takes it away again.
    monkeypatch.setattr(block_async_io, "_IN_TESTS", False)
    block_async_io.enable()
    entry = await set_up(recorder)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    def sockets() -> int:
        return sum(_is_socket(number) for number in os.listdir("/proc/self/fd"))

    def counts() -> tuple[dict[str, int], set[str], int]:
        return listeners(hass), {name for name in tasks() if "Task-" not in name}, sockets()

    for _ in range(5):
        await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    before = counts()
    states = len(hass.states.async_all())
    for _ in range(50):
        assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = counts()
    # Fewer may be left: of what was waiting to be written, say.
    assert {name: count for name, count in after[0].items() if count > before[0].get(name, 0)} == {}
    assert after[1] == before[1]
    # A few connections to the recorder are kept for the next request.
    assert abs(after[2] - before[2]) <= 3
    assert len(hass.states.async_all()) == states
    blocking = [record.getMessage() for record in caplog.records if "blocking call" in record.getMessage()]
    assert [line for line in blocking if f"integration '{DOMAIN}'" in line] == []
    assert blocking, "that of the listing of sockets above: the detector is awake"
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert not [name for name in tasks() if "events" in name or DOMAIN in name]


def _is_socket(number: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    except FileNotFoundError:
        # That of the listing itself.
        return False
