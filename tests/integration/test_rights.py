"""What somebody watches ends when the right to it ends, and for nobody before."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from homeassistant.components.camera import Camera, async_register_webrtc_provider
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from tests.integration.conftest import LoggedIn, LogIn, SetUp
from tests.integration.provider import Provider
from tests.integration.world import PABIRZE, VABALNINKAS, Cameras, eventually, member
from tests.world import Recorder

CAMERA = "camera.vabalninkas_autobusu_stotele"


class Watching:
    """Ona and Petras, who may see the bus stop; Ona watches it, by HLS and by WebRTC."""

    def __init__(
        self, hass: HomeAssistant, entry: MockConfigEntry, ona: LoggedIn, socket: Any, provider: Provider
    ) -> None:
        self.hass, self.entry, self.ona, self.socket, self.provider = hass, entry, ona, socket, provider
        self.playlist = self.session = ""

    @property
    def camera(self) -> Camera:
        camera = self.hass.data[DATA_COMPONENT].get_entity(CAMERA)
        assert camera is not None
        return camera

    async def start(self) -> None:
        socket = self.socket
        await socket.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
        self.playlist = (await socket.receive_json())["result"]["url"]
        await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": CAMERA, "offer": "v=0"})
        assert (await socket.receive_json())["success"]
        self.session = (await socket.receive_json())["event"]["session_id"]
        assert (await socket.receive_json())["event"]["type"] == "answer"

    def change(self, name: str, **data: Any) -> None:
        found = next(item for item in self.entry.subentries.values() if item.title == name)
        self.hass.config_entries.async_update_subentry(self.entry, found, data={**found.data, **data})

    def goes_on(self) -> bool:
        return self.camera.stream is not None and bool(self.camera.stream.outputs()) and not self.provider.closed

    def is_over(self) -> bool:
        return not self.camera.stream.outputs() and self.provider.closed == [self.session]  # type: ignore[union-attr]


@pytest.fixture
async def watching(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_ws_client: WebSocketGenerator
) -> AsyncGenerator[Watching]:
    ona, petras = await log_in("Ona"), await log_in("Petras")
    today = dt_util.now().date().isoformat()
    entry = await set_up(
        own_recorder,
        member("Ona", "eldership_specialist", elderships=[VABALNINKAS], user_id=ona.user.id, grant_expires=today),
        member("Petras", "public_order_specialist", user_id=petras.user.id),
    )
    provider = Provider()
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    watching = Watching(hass, entry, ona, await hass_ws_client(hass, ona.token), provider)
    await eventually(hass, lambda: hass.states.get(CAMERA).state != "unavailable", "the camera is there")  # type: ignore[union-attr]
    await watching.start()
    assert watching.goes_on()
    yield watching
    if watching.camera.stream is not None:
        await watching.camera.stream.stop()


async def test_a_role_that_is_taken_away_ends_its_streams(
    watching: Watching, hass_client_no_auth: ClientSessionGenerator
) -> None:
    web = await hass_client_no_auth()
    assert (await web.get(watching.playlist)).status == HTTPStatus.OK
    watching.change("Ona", role="volunteer")
    await eventually(watching.hass, watching.is_over, "nobody watches")
    assert (await web.get(watching.playlist)).status == HTTPStatus.NOT_FOUND


async def test_what_changes_for_others_ends_nothing(watching: Watching) -> None:
    watching.change("Petras", role="volunteer")
    watching.change("Ona", language="lt")
    await watching.hass.auth.async_create_user("Somebody new")
    await watching.hass.async_block_till_done()
    assert watching.goes_on()


async def test_a_renamed_account_watches_no_longer(watching: Watching) -> None:
    await watching.hass.auth.async_update_user(watching.ona.user, name="Ona the second")
    await eventually(watching.hass, watching.is_over, "nobody watches")


async def test_a_removed_account_watches_no_longer(watching: Watching) -> None:
    await watching.socket.close()
    await eventually(watching.hass, lambda: bool(watching.provider.closed), "who hangs up has no session")
    assert watching.camera.stream is not None
    assert watching.camera.stream.outputs()
    await watching.hass.auth.async_remove_user(watching.ona.user)
    await eventually(watching.hass, watching.is_over, "nobody watches")


async def test_a_grant_ends_at_midnight_also_for_who_watches(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = dt_util.start_of_local_day() + timedelta(days=1)
    async_fire_time_changed(watching.hass, midnight - timedelta(seconds=2))
    await watching.hass.async_block_till_done()
    assert watching.goes_on()
    # The clock of the process stays: the recorder's connection and this test's patience go by it.
    monkeypatch.setattr("custom_components.safe_community.access.dt_util.now", lambda: midnight)
    async_fire_time_changed(watching.hass, midnight)
    await eventually(watching.hass, watching.is_over, "nobody watches")


async def test_a_camera_that_moves_to_a_foreign_eldership_is_seen_no_longer(
    watching: Watching, own_recorder: Recorder, cameras: Cameras
) -> None:
    own_recorder.write_camera_file([cameras.entry("stotele", "Autobusų stotelė", PABIRZE)])
    await eventually(watching.hass, watching.is_over, "nobody watches")


async def test_who_hangs_up_is_forgotten(watching: Watching) -> None:
    watching.camera.close_webrtc_session(watching.session)
    assert watching.provider.closed == [watching.session]
    watching.change("Ona", role="volunteer")
    await eventually(watching.hass, watching.is_over, "nobody watches, and nothing was closed twice")
