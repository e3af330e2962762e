"""The triggers, in real automations."""

from datetime import timedelta
from typing import Any

import probatio
import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.trigger import async_get_all_descriptions, async_validate_trigger_config
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.coordinator import after
from custom_components.safe_community.devices import camera_identifier, eldership_identifier, recorder_identifier
from custom_components.safe_community.documents import CameraRemoved, Connection, StorageChanged
from custom_components.safe_community.trigger import TRIGGERS
from custom_components.safe_community.watched import TAMPERING_KINDS
from tests.integration.automations import Heard, automation, connect, leave, quiet, say
from tests.integration.conftest import SetUp
from tests.integration.storages import kept, storage
from tests.integration.world import eventually
from tests.world import Recorder

MOTION = "binary_sensor.vabalninkas_autobusu_stotele_motion"
TAMPERING = "binary_sensor.vabalninkas_autobusu_stotele_tampering"
CONNECTION = "binary_sensor.vabalninkas_autobusu_stotele_connection"
CAMERA = "camera.vabalninkas_autobusu_stotele"


@pytest.fixture
async def entry(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """The cameras as they are, and from then on only what the tests say of them."""
    return await quiet(hass, recorder, set_up, monkeypatch)


def device(hass: HomeAssistant, entry: MockConfigEntry, identifier: tuple[str, str]) -> str:
    found = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert found is not None
    return found.id


async def later(hass: HomeAssistant, freezer: FrozenDateTimeFactory, **time: float) -> None:
    freezer.tick(timedelta(**time))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


async def test_home_assistant_describes_every_trigger(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    described = await async_get_all_descriptions(hass)
    assert {f"{DOMAIN}.{name}" for name in TRIGGERS} == {name for name in described if name.startswith(DOMAIN)}
    offline = described[f"{DOMAIN}.camera_offline"]
    assert offline is not None
    assert offline["fields"]["for"]["default"] == "00:05:00"
    tampered = described[f"{DOMAIN}.camera_tampered"]
    assert tampered is not None
    assert tuple(tampered["fields"]["kinds"]["selector"]["select"]["options"]) == TAMPERING_KINDS


async def test_motion_triggers_once_until_it_is_over(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    heard = await automation(
        hass, trigger={"trigger": "safe_community.motion_detected", "target": {"entity_id": MOTION}}
    )
    await say(hass, entry, "stotele", motion=True)
    await say(hass, entry, "stotele", viewers=3)
    assert heard.entities == [MOTION]
    await say(hass, entry, "stotele", motion=False)
    assert heard.entities == [MOTION]
    await say(hass, entry, "stotele", motion=True)
    assert heard.entities == [MOTION, MOTION]


@pytest.mark.parametrize("of", ["camera", "eldership", "recorder"])
async def test_a_device_stands_for_all_cameras_below_it(hass: HomeAssistant, entry: MockConfigEntry, of: str) -> None:
    recorder = entry.runtime_data.recorder
    identifiers = {
        "camera": camera_identifier(recorder, "stotele"),
        "eldership": eldership_identifier(recorder, "vabalninkas"),
        "recorder": recorder_identifier(recorder),
    }
    target = {"device_id": device(hass, entry, identifiers[of])}
    heard = await automation(hass, trigger={"trigger": "safe_community.motion_detected", "target": target})
    await say(hass, entry, "stotele", motion=True)
    await say(hass, entry, "kapines", motion=True)
    pabirze = ["binary_sensor.pabirze_kapines_motion"] if of == "recorder" else []
    assert heard.entities == [MOTION, *pabirze]


async def test_an_eldership_has_its_new_cameras_too(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator = entry.runtime_data.coordinator
    back = coordinator.data.cameras["stotele"]
    target = {"device_id": device(hass, entry, recorder_identifier(coordinator.data))}
    heard = await automation(hass, trigger={"trigger": "safe_community.motion_detected", "target": target})
    coordinator.async_set_updated_data(after(coordinator.data, CameraRemoved("stotele")))
    await hass.async_block_till_done()
    coordinator.async_changed(back)
    await hass.async_block_till_done()
    await say(hass, entry, "stotele", motion=True)
    assert heard.entities == [MOTION]


async def test_an_area_has_its_cameras_and_nothing_of_others(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    area = ar.async_get(hass).async_get_area_by_name("Vabalninkas")
    assert area is not None
    lamp = er.async_get(hass).async_get_or_create("binary_sensor", "other", "1_motion", original_device_class="motion")
    er.async_get(hass).async_update_entity(lamp.entity_id, area_id=area.id)
    heard = await automation(
        hass, trigger={"trigger": "safe_community.motion_detected", "target": {"area_id": area.id}}
    )
    for state in ("off", "on"):
        hass.states.async_set(lamp.entity_id, state, {"device_class": "motion"})
        await hass.async_block_till_done()
    await say(hass, entry, "kapines", motion=True)
    assert heard.entities == []
    await say(hass, entry, "stotele", motion=True)
    assert heard.entities == [MOTION]


@pytest.mark.parametrize(("kinds", "expected"), [(None, 1), (["covered", "moved"], 1), (["defocused"], 0)])
async def test_tampering_triggers_in_the_chosen_ways(
    hass: HomeAssistant, entry: MockConfigEntry, kinds: list[str] | None, expected: int
) -> None:
    trigger: dict[str, Any] = {"trigger": "safe_community.camera_tampered", "target": {"entity_id": TAMPERING}}
    if kinds is not None:
        trigger["options"] = {"kinds": kinds}
    heard = await automation(hass, trigger=trigger)
    await say(hass, entry, "stotele", tampering=("dark", "moved"))
    await say(hass, entry, "stotele", tampering=("dark", "moved", "covered"))
    assert len(heard.entities) == expected


async def test_a_second_way_of_tampering_triggers_who_waits_for_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": TAMPERING}
    options = {"kinds": ["covered"]}
    heard = await automation(
        hass, trigger={"trigger": "safe_community.camera_tampered", "target": target, "options": options}
    )
    await say(hass, entry, "stotele", tampering=("dark",))
    assert heard.entities == []
    await say(hass, entry, "stotele", tampering=("dark", "covered"))
    assert heard.entities == [TAMPERING]


async def test_a_kind_that_nobody_knows_is_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    trigger = {"trigger": "safe_community.camera_tampered", "target": {"entity_id": TAMPERING}}
    with pytest.raises(probatio.Invalid, match="kinds"):
        await async_validate_trigger_config(hass, cv.TRIGGER_SCHEMA([{**trigger, "options": {"kinds": ["melted"]}}]))


async def offline(hass: HomeAssistant, **options: Any) -> Heard:
    return await automation(
        hass,
        trigger={
            "trigger": "safe_community.camera_offline",
            "target": {"entity_id": CONNECTION},
            "options": options,
        },
    )


async def test_a_camera_is_offline_after_five_minutes(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    heard = await offline(hass)
    await connect(hass, entry, "stotele", Connection.UNREACHABLE)
    await later(hass, freezer, minutes=4, seconds=58)
    await connect(hass, entry, "stotele", Connection.CONNECTING)
    assert heard.entities == []
    await later(hass, freezer, seconds=3)
    assert heard.entities == [CONNECTION]


async def test_a_camera_that_answers_again_in_time_was_not_offline(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    heard = await offline(hass)
    await connect(hass, entry, "stotele", Connection.UNREACHABLE)
    await later(hass, freezer, minutes=4)
    await connect(hass, entry, "stotele", Connection.CONNECTED)
    await later(hass, freezer, minutes=10)
    assert heard.entities == []


async def test_a_camera_that_somebody_paused_is_not_offline(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    heard = await offline(hass)
    await connect(hass, entry, "stotele", Connection.PAUSED)
    await later(hass, freezer, minutes=10)
    assert heard.entities == []


async def test_what_went_while_the_recorder_was_away_is_told_when_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    heard = await offline(hass, **{"for": 0})
    await leave(hass, entry)
    assert heard.entities == []
    await connect(hass, entry, "stotele", Connection.UNREACHABLE)
    assert heard.entities == [CONNECTION]


async def test_a_camera_comes_online_that_was_away(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    heard = await automation(
        hass, trigger={"trigger": "safe_community.camera_online", "target": {"entity_id": CONNECTION}}
    )
    # As after a restart of the recorder.
    await leave(hass, entry)
    for connection in (Connection.CONNECTING, Connection.CONNECTED):
        await connect(hass, entry, "stotele", connection)
    assert heard.entities == []
    for connection in (Connection.UNREACHABLE, Connection.CONNECTING, Connection.CONNECTED, Connection.CONNECTED):
        await connect(hass, entry, "stotele", connection)
    assert heard.entities == [CONNECTION]


async def test_a_camera_that_was_away_when_the_automation_began_comes_online(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await connect(hass, entry, "stotele", Connection.REFUSED)
    heard = await automation(
        hass, trigger={"trigger": "safe_community.camera_online", "target": {"entity_id": CONNECTION}}
    )
    await connect(hass, entry, "stotele", Connection.CONNECTED)
    assert heard.entities == [CONNECTION]


async def test_recording_stops_at_a_camera_that_answers(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    heard = await automation(
        hass, trigger={"trigger": "safe_community.recording_stopped", "target": {"entity_id": CAMERA}}
    )
    await connect(hass, entry, "stotele", Connection.UNREACHABLE)
    await later(hass, freezer, minutes=6)
    assert heard.entities == [], "that is another trigger's"
    await say(hass, entry, "stotele", connection=Connection.CONNECTED, recording=False)
    await later(hass, freezer, minutes=6)
    assert heard.entities == [CAMERA]


async def test_archive_and_retention(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator = entry.runtime_data.coordinator
    target = {"device_id": device(hass, entry, recorder_identifier(coordinator.data))}
    names = ("archive_problem", "archive_recovered", "retention_not_met")
    trigger = [{"trigger": f"safe_community.{name}", "target": target} for name in names]
    heard = await automation(hass, trigger={"triggers": trigger})

    async def is_(**changes: Any) -> list[str]:
        coordinator.async_set_updated_data(after(coordinator.data, StorageChanged(storage(**changes))))
        await hass.async_block_till_done()
        return heard.entities

    archive, retention = "binary_sensor.birzai_archive", "binary_sensor.birzai_retention_met"
    assert await is_() == []
    assert await is_(state="missing") == [archive]
    await leave(hass, entry)
    assert await is_() == [archive, archive], "it has recovered"
    await leave(hass, entry)
    assert await is_() == [archive, archive], "it was well before"
    assert await is_(retention=[kept("stotele", 3, met=False)]) == [archive, archive, retention]


async def test_a_pause_is_told_and_its_end(hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(own_recorder)
    target = {"device_id": device(hass, entry, recorder_identifier(entry.runtime_data.recorder))}
    names = ("recording_paused", "recording_resumed")
    trigger = {"triggers": [{"trigger": f"safe_community.{name}", "target": target} for name in names]}
    heard = await automation(hass, trigger=trigger)
    switch = "switch.vabalninkas_autobusu_stotele_recording"
    data = {"entity_id": CAMERA, "reason": "Wedding"}
    await hass.services.async_call(DOMAIN, "pause_recording", data, blocking=True)
    await eventually(hass, lambda: heard.entities == [switch], "the pause is told")
    await hass.services.async_call(DOMAIN, "resume_recording", data, blocking=True)
    await eventually(hass, lambda: heard.entities == [switch, switch], "its end is told")
