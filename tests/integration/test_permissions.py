"""The permission matrix: everybody at every door, in their own eldership and in another, as one table says."""

import re
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any

import pytest
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.components.camera import async_register_webrtc_provider
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.config_entries import ConfigEntry, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.devices import eldership_identifier
from tests.integration.conftest import SetUp
from tests.integration.matrix.doors import DOORS, HARMLESS, Place
from tests.integration.matrix.people import Grant, Person, Standing, everybody
from tests.integration.provider import Provider
from tests.integration.world import PABIRZE, VABALNINKAS, Cameras, eventually, member, subentry, wait_for_files
from tests.world import Recorder

OWN, FOREIGN = VABALNINKAS, PABIRZE


@pytest.fixture(scope="module")
def recorder(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Generator[Recorder]:
    """The matrix's own, because it is written to; each eldership has a camera, and a spare one."""
    recorder = Recorder(tmp_path_factory.mktemp("matrix"))
    recorder.write_camera_file(
        [
            cameras.entry("stotele", "Autobusų stotelė", VABALNINKAS),
            cameras.entry("kapines", "Kapinės", PABIRZE),
            cameras.entry("spare-v", "Spare", VABALNINKAS),
            cameras.entry("spare-p", "Spare", PABIRZE),
        ]
    )
    recorder.start()
    wait_for_files(recorder, ["stotele", "kapines"])
    yield recorder
    recorder.stop()


@dataclass(slots=True)
class Crowd:
    """Everybody, and the two places they ask for."""

    people: list[Person]
    places: dict[str, Place]


@pytest.fixture
async def crowd(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client_no_auth: ClientSessionGenerator
) -> AsyncGenerator[Crowd]:
    """Log everybody in, then take away what was taken away from some of them."""
    entry = await set_up(recorder)
    assert await async_setup_component(hass, "websocket_api", {})
    assert await async_setup_component(hass, "api", {})
    async_mock_service(hass, "media_player", "play_media")
    hass.config.allowlist_external_dirs = {hass.config.path("www")}
    await hass.config.async_update(internal_url="http://127.0.0.1:8123")
    await hass.auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])
    web = await hass_client_no_auth()
    people = []
    for standing in everybody():
        name = f"Somebody: {standing}"
        user = await hass.auth.async_create_user(
            name, group_ids=[GROUP_ID_ADMIN if standing.is_admin else GROUP_ID_USER]
        )
        refresh_token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1/")
        token = hass.auth.async_create_access_token(refresh_token)
        socket = await web.ws_connect("/api/websocket")
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        actor = f"{name} ({user.id})"
        people.append(Person(standing, user.id, actor, token, web, socket, refresh_token.id))
        for described in claims(standing, user.id, name):
            hass.config_entries.async_add_subentry(entry, subentry(described))
    for person in people:
        await withdraw(hass, entry, person)
    async_register_webrtc_provider(hass, Provider())
    await hass.async_block_till_done()
    yield Crowd(
        people,
        {
            OWN: place(hass, entry, OWN, "stotele", "vabalninkas_autobusu_stotele"),
            FOREIGN: place(hass, entry, FOREIGN, "kapines", "pabirze_kapines"),
        },
    )
    for camera in hass.data[DATA_COMPONENT].entities:
        if camera.stream is not None:
            # A stopped stream forgets its outputs, but leaves their timers running if a picture has come.
            outputs = camera.stream.outputs()
            await camera.stream.stop()
            for output in outputs.values():
                output.cleanup()
    for person in people:
        await person.socket.close()


def place(hass: HomeAssistant, entry: MockConfigEntry, eldership_id: str, camera_id: str, object_id: str) -> Place:
    identifier = eldership_identifier(entry.runtime_data.recorder, eldership_id)
    device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert device is not None
    spare = f"switch.{eldership_id}_spare_recording"
    return Place(hass, entry.entry_id, eldership_id, device.id, camera_id, f"camera.{object_id}", spare)


def claims(standing: Standing, user_id: str, account: str) -> list[ConfigSubentryData]:
    """Return the members that claim an account."""
    if standing.role is None or standing.grant is None:
        return []
    more: dict[str, Any] = {"elderships": [OWN], "user_id": user_id, "account_name": account}
    if (expires := standing.grant.expires(dt_util.now().date())) is not None:
        more["grant_expires"] = expires
    return [member(str(standing), standing.role, **more)] * (2 if standing.grant is Grant.TWICE else 1)


async def withdraw(hass: HomeAssistant, entry: ConfigEntry, person: Person) -> None:
    """Remove a member whose grant is told to be removed, and rename an account that is told to be renamed."""
    match person.standing.grant:
        case Grant.REMOVED:
            for claim in list(entry.subentries.values()):
                if claim.data.get("user_id") == person.user_id:
                    hass.config_entries.async_remove_subentry(entry, claim.subentry_id)
        case Grant.RENAMED:
            user = await hass.auth.async_get_user(person.user_id)
            assert user is not None
            await hass.auth.async_update_user(user, name=f"Another: {person.standing}")
            person.actor = f"Another: {person.standing} ({person.user_id})"


def refusals(recorder: Recorder, people: list[Person]) -> set[tuple[str, str, str | None]]:
    """Return who was refused what where, as the audit log has it."""
    actors = {person.actor for person in people}
    return {
        (record["actor"], record["details"]["action"], record["details"].get("eldership_id"))
        for record in audit(recorder)
        if record["event"] == "access_refused" and record["actor"] in actors
    }


def audit(recorder: Recorder) -> list[dict[str, Any]]:
    answer = recorder.ask("/api/v1/audit?limit=1000")
    assert answer.status == 200, answer
    records: list[dict[str, Any]] = answer.json["records"]
    return records


@pytest.mark.parametrize("name", DOORS)
async def test_everybody_at(
    name: str, hass: HomeAssistant, crowd: Crowd, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    door = DOORS[name]
    wrong = []
    expected = set()
    for person in crowd.people:
        for eldership_id, place in crowd.places.items():
            may = person.standing.may(door.action, eldership_id == OWN)
            if await door.knock(person, place) != may:
                wrong.append(f"{person.standing}: {eldership_id} should be {'open' if may else 'closed'}")
            if not may:
                expected.add((person.actor, door.action.value, eldership_id if door.is_of_eldership else None))
    assert not wrong, "\n".join(wrong)
    # A 401 would count as a failed log-in, and ban a volunteer's phone.
    assert "invalid authentication" not in caplog.text
    found = refusals(recorder, crowd.people)
    if door.is_audited:
        await eventually(
            hass, lambda: expected <= refusals(recorder, crowd.people), "the refusals are in the audit log"
        )
        found = refusals(recorder, crowd.people)
    assert found == (expected if door.is_audited else set())


async def test_every_door_that_home_assistant_has_is_in_the_table(hass: HomeAssistant, crowd: Crowd) -> None:
    known = {re.sub(r" \(.*\)$", "", name) for name in DOORS} | set(HARMLESS)
    assert known == {*routes(hass), *commands(hass), *actions(hass)}


def routes(hass: HomeAssistant) -> set[str]:
    """Return the HTTP routes that lead to our pictures and footage, and all that are ours."""
    roots = (f"/api/{DOMAIN}", "/api/camera_proxy", "/api/hls/")
    return {
        f"{route.method} {route.resource.canonical}"
        for route in hass.http.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith(roots) and route.method != "OPTIONS"
    }


def commands(hass: HomeAssistant) -> set[str]:
    """Return the WebSocket commands of cameras, of media, and those that are ours."""
    return {
        f"ws {command}"
        for command in hass.data["websocket_api"]
        if command.startswith(("camera/", "media_source/", f"{DOMAIN}/"))
    }


def actions(hass: HomeAssistant) -> set[str]:
    """Return the actions that are ours, and those of the entities that our integration has."""
    domains = {state.domain for state in hass.states.async_all()} | {DOMAIN}
    registered = hass.services.async_services_internal()
    return {f"action {domain}.{service}" for domain in domains for service in registered.get(domain, {})}
