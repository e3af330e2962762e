"""The night's blueprint, loaded by Home Assistant's own code and run against the real integration and recorder."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.safe_community.coordinator import after
from custom_components.safe_community.documents import CameraChanged
from tests.integration.conftest import SetUp
from tests.integration.world import member, subentry
from tests.world import Recorder

BLUEPRINT = Path(__file__).parents[2] / "blueprints" / "automation" / "safe_community" / "motion_alert.yaml"
ROTA = "calendar.budejimas"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 21, hour, minute, tzinfo=dt_util.get_default_time_zone())


def test_home_assistant_takes_the_blueprint() -> None:
    data = load_yaml_dict(str(BLUEPRINT))
    blueprint = Blueprint(data, path=str(BLUEPRINT), expected_domain="automation", schema=AUTOMATION_BLUEPRINT_SCHEMA)
    assert blueprint.validate() is None
    assert set(blueprint.inputs) == {"elderships", "from_time", "to_time", "duty_calendar"}
    assert data["max"] >= 24
    assert data["blueprint"]["source_url"].endswith("blueprints/automation/safe_community/motion_alert.yaml")


@pytest.fixture
async def entry(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    hass_config_dir: str,
) -> MockConfigEntry:
    """Home Assistant with an automation of the blueprint for Vabalninkas."""
    await hass.config.async_set_time_zone("Europe/Vilnius")
    folder = Path(hass_config_dir) / "blueprints" / "automation" / "safe_community"
    folder.mkdir(parents=True)
    (folder / BLUEPRINT.name).write_text(BLUEPRINT.read_text("utf-8"), "utf-8")
    for component in ("calendar", "motion", "homeassistant"):
        assert await async_setup_component(hass, component, {})
    entry = await set_up(recorder)
    area = ar.async_get(hass).async_get_area_by_name("Vabalninkas")
    assert area is not None
    inputs = {"elderships": [area.id], "duty_calendar": ROTA}
    automation = {"alias": "Night", "use_blueprint": {"path": f"safe_community/{BLUEPRINT.name}", "input": inputs}}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await hass.async_block_till_done()
    state = hass.states.get("automation.night")
    assert state is not None
    assert state.state == "on"
    return entry


def see(entry: MockConfigEntry, camera_id: str, motion: bool) -> None:
    """Let the recorder's word on motion come in."""
    coordinator = entry.runtime_data.coordinator
    camera = coordinator.data.cameras[camera_id]
    seen = replace(camera, state=replace(camera.state, motion=motion))
    coordinator.async_set_updated_data(after(coordinator.data, CameraChanged(seen)))


async def motion(hass: HomeAssistant, entry: MockConfigEntry, camera_id: str) -> list[dict[str, Any]]:
    """Let a camera see something, and return what the automation does."""
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    for moving in (False, True):
        see(entry, camera_id, moving)
        await hass.async_block_till_done()
    return [call.data["service_data"] for call in calls if call.data["domain"] == "safe_community"]


async def test_motion_at_night_raises_an_incident(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(at(23, 30))
    hass.config_entries.async_add_subentry(entry, subentry(member("Zita", "coordinator")))
    assert await motion(hass, entry, "stotele") == [
        {"entity_id": "binary_sensor.vabalninkas_autobusu_stotele_motion", "kind": "motion", "duty_calendar": ROTA}
    ]
    state = hass.states.get("event.vabalninkas_vabalninkas_incident")
    assert state is not None
    assert state.attributes["camera"] == "Autobusų stotelė"


@pytest.mark.parametrize("time", [at(4, 59), at(0), at(23)])
async def test_the_night_goes_over_midnight(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, time: datetime
) -> None:
    freezer.move_to(time.replace(tzinfo=dt_util.get_default_time_zone()))
    assert len(await motion(hass, entry, "stotele")) == 1


@pytest.mark.parametrize("time", [at(5), at(12), at(22, 59)])
async def test_by_day_nobody_is_woken(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, time: datetime
) -> None:
    freezer.move_to(time.replace(tzinfo=dt_util.get_default_time_zone()))
    assert await motion(hass, entry, "stotele") == []


async def test_another_eldership_and_another_s_sensor_raise_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(at(23, 30))
    assert await motion(hass, entry, "kapines") == []
    area = ar.async_get(hass).async_get_area_by_name("Vabalninkas")
    assert area is not None
    lamp = er.async_get(hass).async_get_or_create("binary_sensor", "other", "1", original_device_class="motion")
    er.async_get(hass).async_update_entity(lamp.entity_id, area_id=area.id)
    calls = async_capture_events(hass, EVENT_CALL_SERVICE)
    for state in ("off", "on"):
        hass.states.async_set(lamp.entity_id, state, {"device_class": "motion"})
        await hass.async_block_till_done()
    assert [call for call in calls if call.data["domain"] == "safe_community"] == []
