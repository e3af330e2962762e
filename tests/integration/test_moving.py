"""How devices and entities follow the recorder's cameras: what moves, what a person chose, and who hears of what."""

from collections import Counter
from collections.abc import Callable
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.documents import (
    CameraChanged,
    CameraRemoved,
    InfoChanged,
    RecorderEvent,
    RecorderInfo,
)
from tests.integration.conftest import SetUp
from tests.integration.test_documents import camera
from tests.integration.test_registry import registered
from tests.world import Recorder

MANY = 119


def in_place_of_the_recorder(entry: MockConfigEntry) -> Callable[[RecorderEvent], None]:
    """Tell the coordinator what happens; the recorder itself is heard no more, for it would soon say otherwise."""
    coordinator = entry.runtime_data.coordinator
    tell: Callable[[RecorderEvent], None] = coordinator._async_take
    coordinator._async_take = lambda event: None
    return tell


def device(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> dr.DeviceEntry | None:
    identifier = (DOMAIN, f"{entry.unique_id}_{key}")
    return dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)


def area_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    found = device(hass, entry, key)
    assert found is not None
    area = ar.async_get(hass).async_get_area(found.area_id or "")
    assert area is not None
    return area.name


async def test_a_camera_that_moves_takes_its_area_along(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    before = {entity.entity_id for entity in registered(hass, entry) if "_stotele_" in entity.unique_id}
    in_place_of_the_recorder(entry)(CameraChanged(camera("stotele", "pabirze")))
    await hass.async_block_till_done()
    assert area_of(hass, entry, "stotele") == "Pabirze"
    moved, place = device(hass, entry, "stotele"), device(hass, entry, "eldership_pabirze")
    assert moved is not None
    assert place is not None
    assert moved.via_device_id == place.id
    assert device(hass, entry, "eldership_vabalninkas") is None, "an eldership without a camera is no more"
    after = {entity.entity_id for entity in registered(hass, entry) if "_stotele_" in entity.unique_id}
    assert after == before
    incidents = [entity.unique_id for entity in registered(hass, entry) if entity.translation_key == "incident"]
    assert incidents == [f"{entry.unique_id}_eldership_pabirze_incident"]


async def test_what_a_person_chose_stays(hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(own_recorder)
    devices, entities = dr.async_get(hass), er.async_get(hass)
    found = device(hass, entry, "stotele")
    assert found is not None
    garden = ar.async_get(hass).async_create("Garden")
    devices.async_update_device(found.id, name_by_user="Ours", area_id=garden.id)
    entities.async_update_entity("camera.vabalninkas_autobusu_stotele", new_entity_id="camera.ours", name="My camera")
    in_place_of_the_recorder(entry)(CameraChanged(camera("stotele", "pabirze")))
    await hass.async_block_till_done()
    assert area_of(hass, entry, "stotele") == "Garden"
    after = device(hass, entry, "stotele")
    assert after is not None
    assert (after.name_by_user, after.name) == ("Ours", "stotele")
    state = hass.states.get("camera.ours")
    assert state is not None
    # From 2026.11 on the device's name stands before it.
    assert state.attributes["friendly_name"] in ("My camera", "Ours My camera")


async def test_two_recorders_with_the_same_cameras_live_side_by_side(
    hass: HomeAssistant, recorder: Recorder, own_recorder: Recorder, set_up: SetUp
) -> None:
    first, second = await set_up(recorder), await set_up(own_recorder)
    ours, theirs = device(hass, first, "stotele"), device(hass, second, "stotele")
    assert ours is not None
    assert theirs is not None
    assert ours.id != theirs.id
    assert not {one.entity_id for one in registered(hass, first)} & {one.entity_id for one in registered(hass, second)}
    in_place_of_the_recorder(second)(CameraRemoved("stotele"))
    await hass.async_block_till_done()
    assert device(hass, second, "stotele") is None
    assert device(hass, first, "stotele") is not None
    assert hass.states.get("camera.vabalninkas_autobusu_stotele") is not None


async def test_a_camera_that_goes_leaves_neither_device_nor_entity(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    tell = in_place_of_the_recorder(entry)
    tell(CameraRemoved("stotele"))
    await hass.async_block_till_done()
    hub = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, str(entry.unique_id)), entry.entry_id)
    assert hub is not None
    left = registered(hass, entry)
    assert {one.device_id for one in left} == {hub.id}
    assert {hass.states.get(one.entity_id) is not None for one in left} == {True}
    renamed = RecorderInfo(recorder_id=str(entry.unique_id), name="Rokiškis", version="2")
    tell(InfoChanged(renamed))
    called = dr.async_get(hass).async_get(hub.id)
    assert isinstance(called, dr.DeviceEntry)
    assert (called.name, called.sw_version) == ("Rokiškis", "2")


async def test_a_storm_of_many_cameras_reaches_only_their_own_entities(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    tell = in_place_of_the_recorder(entry)
    ids = [f"c{number}" for number in range(MANY)]
    for camera_id in ids:
        tell(CameraChanged(camera(camera_id)))
    await hass.async_block_till_done()
    written: Counter[str] = Counter()

    def write(entity: Entity) -> None:
        written[str(entity.unique_id).removeprefix(f"{entry.unique_id}_")] += 1

    with patch.object(Entity, "async_write_ha_state", write):
        for camera_id in ids:
            tell(CameraChanged(camera(camera_id, motion=True)))
            tell(CameraChanged(camera(camera_id, motion=True)))
    own = ("binary_sensor", "camera", "switch")
    of_one = sum(
        one.domain in own and one.unique_id.startswith(f"{entry.unique_id}_c0_") for one in registered(hass, entry)
    )
    assert written.pop("cameras_recording") == MANY
    assert all(Counter(key.split("_")[0] for key in written.elements())[camera_id] <= of_one + 1 for camera_id in ids)
    assert {key.split("_")[0] for key in written} == set(ids)
