"""Who looked and who was refused stands in the recorder's audit log, by name, each look and each refusal once."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from homeassistant.components.camera import async_get_image
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community.access import Asker
from custom_components.safe_community.views import clip_url
from tests.integration.conftest import LoggedIn, LogIn, SetUp
from tests.integration.world import eventually, member
from tests.world import Recorder

CAMERA = "camera.vabalninkas_autobusu_stotele"
STILL = f"/api/camera_proxy/{CAMERA}"


def records(recorder: Recorder, person: LoggedIn | None) -> list[tuple[Any, ...]]:
    """What the audit log says of a person, or of Home Assistant itself: the oldest first."""
    actor = "Home Assistant" if person is None else f"{person.user.name} ({person.user.id})"
    found = recorder.ask("/api/v1/audit?limit=1000").json["records"]
    return [
        (record["event"], details.get("kind", details.get("action")), record["outcome"], record["camera_id"])
        for record in reversed(found)
        if record["actor"] == actor and (details := record["details"] or {}) is not None
    ]


def newest_clip(entry: ConfigEntry, camera_id: str = "stotele") -> str:
    """The address of a camera's last ten minutes."""
    now = dt_util.utcnow()
    return clip_url(entry.entry_id, camera_id, now - timedelta(minutes=10), now)


async def end_stream(hass: HomeAssistant) -> None:
    """Lets Home Assistant's stream of the camera go."""
    camera = hass.data[DATA_COMPONENT].get_entity(CAMERA)
    stream = None if camera is None else camera.stream
    assert stream is not None
    for output in list(stream.outputs().values()):
        await stream.remove_provider(output)


async def test_who_looks_is_named(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    ona = await log_in("Ona Žąsytė")
    entry = await set_up(
        recorder, member("Ona", "public_order_specialist", user_id=ona.user.id, account_name=ona.user.name)
    )
    socket = await hass_ws_client(hass, ona.token)
    client = await hass_client(ona.token)
    address = newest_clip(entry)
    for _ in range(2):
        assert (await client.get(STILL)).status == HTTPStatus.OK
        clip = await client.get(address)
        assert clip.status == HTTPStatus.OK
        await clip.read()
    await hass.async_block_till_done()
    seen = records(recorder, ona)
    assert sorted(seen) == [("look", "clip", "done", "stotele"), ("look", "snapshot", "done", "stotele")]
    days = f"media-source://safe_community/{entry.entry_id}/vabalninkas/stotele"
    await socket.send_json_auto_id({"type": "media_source/browse_media", "media_content_id": days})
    assert (await socket.receive_json())["success"]
    searched = ("look", "search", "done", "stotele")
    await eventually(hass, lambda: searched in records(recorder, ona), "who looks for footage is told")
    await async_get_image(hass, CAMERA)
    assert ("look", "snapshot", "done", "stotele") in records(recorder, None)


async def test_everybody_who_watches_live_is_named_though_they_share_one_stream(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_ws_client: WebSocketGenerator
) -> None:
    people = [await log_in("Ona"), await log_in("Jonas")]
    await set_up(recorder, *(member(p.user.name or "", "public_order_specialist", user_id=p.user.id) for p in people))
    for person in people:
        socket = await hass_ws_client(hass, person.token)
        await socket.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
        assert (await socket.receive_json())["success"]
    await hass.async_block_till_done()
    for person in people:
        watched = ("live_viewed", "live", "done", "stotele")

        def is_told(person: LoggedIn = person, watched: tuple[str, ...] = watched) -> bool:
            return records(recorder, person).count(watched) == 1

        await eventually(hass, is_told, "who watches live is told")
    await end_stream(hass)


async def test_who_is_refused_is_named_once_however_often_they_try(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    jonas = await log_in("Jonas")
    entry = await set_up(recorder, member("Jonas", "volunteer", user_id=jonas.user.id))
    socket = await hass_ws_client(hass, jonas.token)
    client = await hass_client(jonas.token)
    address = newest_clip(entry)
    for _ in range(3):
        assert (await client.get(STILL)).status == HTTPStatus.FORBIDDEN
        clip = await client.get(address)
        assert clip.status == HTTPStatus.FORBIDDEN
    recording = f"media-source://safe_community/{entry.entry_id}/pabirze/kapines"
    await socket.send_json_auto_id({"type": "media_source/browse_media", "media_content_id": recording})
    assert not (await socket.receive_json())["success"]
    await hass.async_block_till_done()

    def told() -> bool:
        return sorted(records(recorder, jonas)) == [
            ("access_refused", "live", "refused", "stotele"),
            ("access_refused", "playback", "refused", "kapines"),
            ("access_refused", "playback", "refused", "stotele"),
        ]

    await eventually(hass, told, "who was refused is told")


async def test_whoever_guesses_or_acts_without_a_right_is_named(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    petras = await log_in("Petras Ņikitins")
    specialist = member("Petras", "data_protection_officer", user_id=petras.user.id)
    entry = await set_up(recorder, specialist)
    socket = await hass_ws_client(hass, petras.token)
    client = await hass_client(petras.token)
    guessed = await client.get(newest_clip(entry, "no-such-camera"))
    assert guessed.status == HTTPStatus.FORBIDDEN
    for eldership in ("pabirze", "no-such-place"):
        folder = f"media-source://safe_community/{entry.entry_id}/{eldership}"
        await socket.send_json_auto_id({"type": "media_source/browse_media", "media_content_id": folder})
        answer = await socket.receive_json()
        assert (answer["success"], answer["error"]["message"]) == (False, "There is no such recording")
    call = {"type": "call_service", "domain": "safe_community", "service": "raise_incident"}
    await socket.send_json_auto_id(call | {"service_data": {"entity_id": CAMERA, "kind": "motion"}})
    assert not (await socket.receive_json())["success"]

    def told() -> bool:
        return sorted(map(str, records(recorder, petras))) == [
            "('access_refused', 'playback', 'refused', None)",
            "('access_refused', 'playback', 'refused', None)",
            "('access_refused', 'respond', 'refused', 'stotele')",
        ]

    await eventually(hass, told, "who was refused is told")
    found = recorder.ask("/api/v1/audit?event=access_refused&limit=1000").json["records"]
    places = [one["details"].get("eldership_id") for one in found if petras.user.id in one["actor"]]
    assert set(places) == {None, "pabirze", "vabalninkas"}


async def test_nobody_watches_live_whom_the_audit_log_cannot_name(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_ws_client: WebSocketGenerator
) -> None:
    ona = await log_in("Ona")
    await set_up(own_recorder, member("Ona", "public_order_specialist", user_id=ona.user.id))
    socket = await hass_ws_client(hass, ona.token)
    audit = own_recorder.directory / "data" / "audit"
    audit.rename(audit.with_name("away"))
    audit.write_text("in its place")
    await socket.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
    answer = await socket.receive_json()
    assert not answer["success"]
    assert "audit_unavailable" in answer["error"]["message"]
    audit.unlink()
    audit.with_name("away").rename(audit)
    await socket.send_json_auto_id({"type": "camera/stream", "entity_id": CAMERA})
    assert (await socket.receive_json())["success"]
    assert ("live_viewed", "live", "done", "stotele") in records(own_recorder, ona)
    await end_stream(hass)


async def test_a_recorder_that_is_away_refuses_nobody_wrongly_and_the_log_says_what_is_missing(
    hass: HomeAssistant,
    own_recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    jonas = await log_in("Jonas")
    entry = await set_up(own_recorder, member("Jonas", "volunteer", user_id=jonas.user.id))
    client = await hass_client(jonas.token)
    own_recorder.stop()
    clip = await client.get(newest_clip(entry))
    assert clip.status == HTTPStatus.FORBIDDEN
    await hass.async_block_till_done()
    assert f"The audit log misses that Jonas ({jonas.user.id}) access refused" in caplog.text


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ona\n\u202eanO", "OnaanO (1)"), ("  ", "no name (1)"), ("x" * 500, "x" * 120 + " (1)"), (None, "no name (1)")],
)
def test_a_name_of_whatever_signs_is_one_that_can_be_read(name: str | None, shown: str) -> None:
    assert Asker(is_person=True, user_id="1", user_name=name).name == shown
