"""Fixtures: one set of cameras and one recorder for all tests that only look, and a Home Assistant for each test."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.const import DOMAIN
from tests.integration.world import PABIRZE, VABALNINKAS, Cameras, wait_for_files
from tests.world import Recorder, stop

type SetUp = Callable[..., Awaitable[MockConfigEntry]]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A person with a Home Assistant account."""

    user: User
    token: str


type LogIn = Callable[[str], Awaitable[LoggedIn]]


@pytest.fixture(autouse=True)
def _home_assistant_of_today(enable_custom_integrations: None, socket_enabled: None) -> None:
    """Let Home Assistant find the integration, and the integration the recorder."""


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give each Home Assistant a configuration directory of its own."""
    (Path(hass_tmp_config_dir) / ".storage").mkdir()
    return hass_tmp_config_dir


@pytest.fixture(scope="session")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cameras]:
    cameras = Cameras.start(tmp_path_factory.mktemp("cameras"))
    yield cameras
    stop(cameras.process)


@pytest.fixture(scope="session")
def recorder(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Generator[Recorder]:
    """The recorder of all tests that only look: two elderships, three cameras, one of which does not answer."""
    recorder = Recorder(tmp_path_factory.mktemp("recorder"))
    recorder.write_camera_file(
        [
            cameras.entry("stotele", "Autobusų stotelė", VABALNINKAS),
            cameras.entry("kapines", "Kapinės", PABIRZE),
            cameras.entry("aikste", "Aikštė", PABIRZE) | {"url": f"http://127.0.0.1:{cameras.port}/gone"},
        ]
    )
    recorder.start()
    wait_for_files(recorder, ["stotele", "kapines"])
    yield recorder
    recorder.stop()


@pytest.fixture
def own_recorder(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Generator[Recorder]:
    """A recorder that a test may stop and change."""
    recorder = Recorder(tmp_path_factory.mktemp("own"))
    recorder.write_camera_file([cameras.entry("stotele", "Autobusų stotelė", VABALNINKAS)])
    recorder.start()
    yield recorder
    recorder.stop()


@pytest.fixture
async def set_up(hass: HomeAssistant) -> AsyncGenerator[SetUp]:
    """Set up the integration with a recorder and members."""

    async def set_up(recorder: Recorder, *members: ConfigSubentryData, **values: object) -> MockConfigEntry:
        assert await async_setup_component(hass, "stream", {})
        assert await async_setup_component(hass, "media_source", {})
        info = await RecorderClient(async_get_clientsession(hass), recorder.url, recorder.token).info()
        entry = MockConfigEntry(
            domain=DOMAIN,
            title=info.name,
            unique_id=info.recorder_id,
            subentries_data=members,
            **{"minor_version": 2, "data": {CONF_URL: recorder.url, CONF_TOKEN: recorder.token}, **values},
        )
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        return entry

    yield set_up
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def log_in(hass: HomeAssistant) -> LogIn:
    """Make an ordinary account, as an administrator makes it for a volunteer."""

    async def log_in(name: str) -> LoggedIn:
        if not any(user.is_owner for user in await hass.auth.async_get_users()):
            # The first account of a person is the owner's, whatever its group.
            await hass.auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])
        user = await hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])
        refresh_token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1/")
        return LoggedIn(user, hass.auth.async_create_access_token(refresh_token))

    return log_in
