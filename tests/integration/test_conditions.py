"""The conditions, as Home Assistant itself checks them."""

from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community.condition import CONDITIONS
from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.coordinator import after
from custom_components.safe_community.devices import recorder_identifier
from custom_components.safe_community.documents import Connection, StorageChanged
from custom_components.safe_community.watched import TAMPERING_KINDS
from tests.integration.automations import automation, connect, leave, quiet, say
from tests.integration.conftest import SetUp
from tests.integration.storages import storage
from tests.world import Recorder

BUS_STOP, GRAVEYARD = "vabalninkas_autobusu_stotele", "pabirze_kapines"
CAMERAS = [f"camera.{BUS_STOP}", f"camera.{GRAVEYARD}"]


@pytest.fixture
async def entry(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """The cameras as they are, and from then on only what the tests say of them."""
    return await quiet(hass, recorder, set_up, monkeypatch)


async def holds(hass: HomeAssistant, name: str, target: dict[str, Any], **options: Any) -> bool:
    config = cv.CONDITION_SCHEMA({"condition": f"safe_community.{name}", "target": target, "options": options})
    checker = await condition.async_from_config(hass, await condition.async_validate_condition_config(hass, config))
    answer = checker.async_check()
    checker.async_unload()
    return bool(answer)


async def test_home_assistant_describes_every_condition(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    described = await condition.async_get_all_descriptions(hass)
    assert {f"{DOMAIN}.{name}" for name in CONDITIONS} == {name for name in described if name.startswith(DOMAIN)}
    tampered = described[f"{DOMAIN}.camera_is_tampered"]
    assert tampered is not None
    assert tuple(tampered["fields"]["kinds"]["selector"]["select"]["options"]) == TAMPERING_KINDS


async def test_offline(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": f"binary_sensor.{BUS_STOP}_connection"}
    assert not await holds(hass, "camera_is_offline", target)
    await connect(hass, entry, "stotele", Connection.UNREACHABLE)
    assert await holds(hass, "camera_is_offline", target)
    assert not await holds(hass, "camera_is_offline", target, **{"for": "00:05:00"})
    await connect(hass, entry, "stotele", Connection.PAUSED)
    assert not await holds(hass, "camera_is_offline", target)


async def test_motion(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": [f"binary_sensor.{BUS_STOP}_motion", f"binary_sensor.{GRAVEYARD}_motion"]}
    assert not await holds(hass, "camera_sees_motion", target)
    await say(hass, entry, "stotele", motion=True)
    assert await holds(hass, "camera_sees_motion", target)
    assert not await holds(hass, "camera_sees_motion", target, behavior="all")


async def test_tampering_of_a_kind(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": f"binary_sensor.{BUS_STOP}_tampering"}
    assert not await holds(hass, "camera_is_tampered", target)
    await say(hass, entry, "stotele", tampering=("moved",))
    assert await holds(hass, "camera_is_tampered", target)
    assert await holds(hass, "camera_is_tampered", target, kinds=["covered", "moved"])
    assert not await holds(hass, "camera_is_tampered", target, kinds=["covered"])
    assert not await holds(hass, "camera_is_tampered", target, **{"for": "00:05:00"})


async def test_all_are_recorded_only_if_that_is_known_of_all(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    both, stop = {"entity_id": CAMERAS}, {"entity_id": CAMERAS[0]}
    assert await holds(hass, "camera_is_recording", both, behavior="all")
    await connect(hass, entry, "kapines", Connection.UNREACHABLE)
    assert await holds(hass, "camera_is_recording", both)
    assert not await holds(hass, "camera_is_recording", both, behavior="all")
    await say(hass, entry, "stotele", recording=False)
    assert not await holds(hass, "camera_is_recording", stop)


async def test_an_archive_is_fine_only_if_that_is_known(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator = entry.runtime_data.coordinator
    hub = dr.async_get(hass).async_get_device_by_identifier(recorder_identifier(coordinator.data), entry.entry_id)
    assert hub is not None
    target = {"device_id": hub.id}
    assert not await holds(hass, "archive_is_fine", target, behavior="all")
    for state, is_fine in (("ok", True), ("slow", False), ("ok", True)):
        coordinator.async_set_updated_data(after(coordinator.data, StorageChanged(storage(state=state))))
        await hass.async_block_till_done()
        assert await holds(hass, "archive_is_fine", target, behavior="all") is is_fine
    await leave(hass, entry)
    assert not await holds(hass, "archive_is_fine", target, behavior="all")


async def test_entities_of_others_do_not_count(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    lamp = er.async_get(hass).async_get_or_create("binary_sensor", "other", "1_motion", original_device_class="motion")
    hass.states.async_set(lamp.entity_id, "on", {"device_class": "motion"})
    assert not await holds(hass, "camera_sees_motion", {"entity_id": lamp.entity_id})


async def test_an_automation_asks_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    motion = f"binary_sensor.{BUS_STOP}_motion"
    asked = {"condition": "safe_community.camera_sees_motion", "target": {"entity_id": motion}}
    heard = await automation(hass, asked, trigger={"trigger": "homeassistant", "event": "shutdown"})
    for moving in (False, True):
        await say(hass, entry, "stotele", motion=moving)
        await hass.services.async_call(
            "automation", "trigger", {"entity_id": "automation.heard", "skip_condition": False}, blocking=True
        )
        assert len(heard.entities) == moving
