"""Who may see or do what: the rules by themselves, and at every door that Home Assistant has to a camera's picture."""

import asyncio
from datetime import date, timedelta
from http import HTTPStatus
from itertools import product
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import (
    async_get_image,
    async_register_webrtc_provider,
)
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community.access import Action, permits
from custom_components.safe_community.members import Member, Role
from tests.integration.conftest import LogIn, SetUp
from tests.integration.matrix.people import TABLE
from tests.integration.provider import Provider
from tests.integration.world import eventually, member
from tests.world import Recorder

CAMERA = "camera.vabalninkas_autobusu_stotele"
OWN, FOREIGN = "vabalninkas", "pabirze"

TODAY = date(2026, 11, 23)


def may(one: Member | None, action: Action, eldership_id: str | None = OWN, **other: Any) -> bool:
    given = {"is_admin": False, "account_name": "Ona", "today": TODAY, **other}
    return permits(one, action=action, eldership_id=eldership_id, **given)


def ona(role: Role, elderships: frozenset[str] = frozenset({OWN}), **other: Any) -> Member:
    return Member(id="1", name="Ona", role=role, elderships=elderships, account_name="Ona", **other)


@pytest.mark.parametrize(("role", "action", "eldership"), list(product(Role, Action, (OWN, FOREIGN))))
def test_the_matrix_of_roles(role: Role, action: Action, eldership: str) -> None:
    where = TABLE[role].get(action, "")
    assert may(ona(role), action, eldership) == (where == "A" or (where == "O" and eldership == OWN))
    assert may(ona(role), action, None) == bool(where)


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_a_role_counts_through_the_last_day_of_its_grant_and_for_no_other_account(role: Role, action: Action) -> None:
    granted = action in TABLE[role]
    assert may(ona(role, expires=TODAY), action) == granted
    assert not may(ona(role, expires=TODAY - timedelta(days=1)), action)
    assert not may(ona(role), action, account_name="Ona who took over")
    assert not may(ona(role), action, account_name=None)


@pytest.mark.parametrize("action", Action)
def test_who_is_no_member_may_nothing_and_an_administrator_of_home_assistant_may_all(action: Action) -> None:
    assert not may(None, action)
    assert may(None, action, is_admin=True)


def test_an_eldership_specialist_without_eldership_sees_nothing() -> None:
    assert not any(may(ona(Role.ELDERSHIP_SPECIALIST, frozenset()), action) for action in Action)


@pytest.fixture(params=["volunteer", "coordinator", "data_protection_officer", "administrator", "foreign", "stranger"])
async def outsider(request: pytest.FixtureRequest, recorder: Recorder, set_up: SetUp, log_in: LogIn) -> str:
    """The access token of somebody who may not see the camera."""
    person = await log_in("Jonas")
    match request.param:
        case "stranger":
            members = []
        case "foreign":
            members = [member("Jonas", "eldership_specialist", elderships=[FOREIGN], user_id=person.user.id)]
        case role:
            members = [member("Jonas", role, user_id=person.user.id)]
    await set_up(recorder, *members)
    return person.token


@pytest.fixture
async def specialist(recorder: Recorder, set_up: SetUp, log_in: LogIn) -> str:
    """The access token of the specialist of the camera's eldership."""
    person = await log_in("Ona")
    await set_up(recorder, member("Ona", "eldership_specialist", elderships=[OWN], user_id=person.user.id))
    return person.token


@pytest.mark.parametrize(
    "path",
    [
        f"/api/camera_proxy/{CAMERA}",
        f"/api/camera_proxy_stream/{CAMERA}",
        f"/api/camera_proxy_stream/{CAMERA}?interval=1",
    ],
)
async def test_an_outsider_gets_403_for_stills_and_mjpeg(
    outsider: str, path: str, hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    client = await hass_client(outsider)
    assert (await client.get(path)).status == HTTPStatus.FORBIDDEN
    # 401 would count as a failed login, and ban a volunteer's phone.
    assert "invalid authentication" not in caplog.text


async def test_an_outsider_gets_no_stream_and_no_webrtc(
    hass: HomeAssistant, outsider: str, hass_ws_client: WebSocketGenerator
) -> None:
    provider = Provider()
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    client = await hass_ws_client(hass, outsider)

    await client.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
    answer = await client.receive_json()
    assert (answer["success"], answer["error"]["code"]) == (False, "start_stream_failed")
    assert answer["error"]["message"] == "You may not do this in this eldership"

    await client.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": CAMERA, "offer": "v=0"})
    assert (await client.receive_json())["success"]
    assert (await client.receive_json())["event"]["type"] == "session"
    refused = (await client.receive_json())["event"]
    assert (refused["type"], refused["code"]) == ("error", "webrtc_offer_failed")
    assert provider.sources == []

    await client.send_json_auto_id(
        {"type": "media_source/resolve_media", "media_content_id": f"media-source://camera/{CAMERA}"}
    )
    assert not (await client.receive_json())["success"]


async def test_an_outsider_gets_no_picture_by_an_action(
    hass: HomeAssistant, outsider: str, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client(hass, outsider)
    for service in ("snapshot", "record"):
        call = {"type": "call_service", "domain": "camera", "service": service, "target": {"entity_id": CAMERA}}
        await client.send_json_auto_id(call | {"service_data": {"filename": hass.config.path("www/x.mp4")}})
        assert not (await client.receive_json())["success"]


async def test_a_camera_s_access_token_is_no_way_around(
    hass: HomeAssistant, specialist: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    state = hass.states.get(CAMERA)
    assert state is not None
    client = await hass_client_no_auth()
    for kind in ("camera_proxy", "camera_proxy_stream"):
        answer = await client.get(f"/api/{kind}/{CAMERA}?token={state.attributes['access_token']}")
        assert answer.status == HTTPStatus.FORBIDDEN


async def test_the_specialist_gets_the_picture(specialist: str, hass_client: ClientSessionGenerator) -> None:
    client = await hass_client(specialist)
    answer = await client.get(f"/api/camera_proxy/{CAMERA}?width=160")
    assert answer.status == HTTPStatus.OK
    assert (await answer.read()).startswith(b"\xff\xd8")
    stream = await client.get(f"/api/camera_proxy_stream/{CAMERA}")
    assert stream.status == HTTPStatus.OK
    assert b"--frameboundary" in await stream.content.readany()
    stream.close()
    away = await client.get("/api/camera_proxy/camera.pabirze_aikste")
    assert away.status == HTTPStatus.FORBIDDEN


async def test_a_camera_without_picture_is_an_error_that_says_so(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(recorder)
    with pytest.raises(HomeAssistantError, match="There is no picture: the camera sends no pictures now"):
        await async_get_image(hass, "camera.pabirze_aikste")


async def test_the_specialist_gets_hls_from_the_recorder_and_no_log_shows_the_ticket(
    hass: HomeAssistant,
    specialist: str,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    socket = await hass_ws_client(hass, specialist)
    await socket.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
    answer = await socket.receive_json()
    assert answer["success"], answer
    client = await hass_client(specialist)
    playlist = await client.get(answer["result"]["url"])
    assert playlist.status == HTTPStatus.OK
    assert "#EXTM3U" in await playlist.text()
    camera = hass.data[DATA_COMPONENT].get_entity(CAMERA)
    assert camera is not None
    assert camera.stream is not None
    part = await asyncio.wait_for(camera.stream.outputs()["hls"].recv(), 20)
    assert part
    source = await camera.stream_source()
    assert source is not None
    assert source.startswith("http://127.0.0.1:")
    ticket = source.partition("auth=")[2]
    assert ticket
    assert ticket not in caplog.text
    for output in list(camera.stream.outputs().values()):
        await camera.stream.remove_provider(output)


async def test_a_stream_that_failed_tries_again_with_a_new_ticket(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(recorder)
    camera = hass.data[DATA_COMPONENT].get_entity(CAMERA)
    assert camera is not None
    stream = await camera.async_create_stream()
    assert stream is not None
    fresh = stream.source
    # Nobody looks: the next who does gets a source whose ticket is good.
    stream.source = "http://127.0.0.1:9/old"
    assert await camera.async_create_stream() is stream
    assert stream.source == fresh
    # Somebody looks, and the worker says that the source is gone.
    stream.add_provider("hls")
    stream.source = "http://127.0.0.1:9/old"
    stream._async_update_state(False)
    await eventually(hass, lambda: stream.source != "http://127.0.0.1:9/old", "the stream has a new source")
    assert stream.source.startswith(f"{recorder.url}/api/v1/cameras/stotele/live.ts?auth=")
    await stream.remove_provider(stream.outputs()["hls"])


async def test_many_viewers_share_a_source_that_is_good_for_half_a_day_more(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    await set_up(recorder)
    camera = hass.data[DATA_COMPONENT].get_entity(CAMERA)
    assert camera is not None
    first = await camera.stream_source()
    assert first is not None
    freezer.tick(timedelta(hours=11, minutes=59))
    assert await camera.stream_source() == first
    freezer.tick(timedelta(minutes=2))
    assert await camera.stream_source() != first


async def test_the_specialist_gets_webrtc_by_a_provider(
    hass: HomeAssistant, specialist: str, hass_ws_client: WebSocketGenerator
) -> None:
    provider = Provider()
    async_register_webrtc_provider(hass, provider)
    await hass.async_block_till_done()
    client = await hass_ws_client(hass, specialist)
    await client.send_json_auto_id({"type": "camera/capabilities", "entity_id": CAMERA})
    assert set((await client.receive_json())["result"]["frontend_stream_types"]) == {"hls", "web_rtc"}
    for _ in range(2):
        await client.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": CAMERA, "offer": "v=0"})
        assert (await client.receive_json())["success"]
        assert (await client.receive_json())["event"]["type"] == "session"
        assert (await client.receive_json())["event"] == {"type": "answer", "answer": "an answer"}
    assert len(set(provider.sources)) == 1, "many viewers share one source"


async def test_a_new_role_counts_at_once(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_client: ClientSessionGenerator
) -> None:
    person = await log_in("Ona")
    entry = await set_up(recorder, member("Ona", "volunteer", user_id=person.user.id))
    client = await hass_client(person.token)
    assert (await client.get(f"/api/camera_proxy/{CAMERA}")).status == HTTPStatus.FORBIDDEN
    subentry = next(iter(entry.subentries.values()))
    data = dict(subentry.data) | {"role": "public_order_specialist"}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    assert (await client.get(f"/api/camera_proxy/{CAMERA}")).status == HTTPStatus.OK
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    assert (await client.get(f"/api/camera_proxy/{CAMERA}")).status == HTTPStatus.FORBIDDEN
