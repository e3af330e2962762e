"""Which devices and entities a recorder, its elderships and its cameras have in Home Assistant's registries."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.safe_community.members import members_of
from tests.integration.conftest import LogIn, SetUp
from tests.integration.world import member
from tests.world import Recorder


def registered(hass: HomeAssistant, entry: MockConfigEntry) -> list[er.RegistryEntry]:
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return sorted(found, key=lambda entity: entity.entity_id)


def described(entity: er.RegistryEntry, recorder_id: str) -> dict[str, Any]:
    """What must not change from one version to the next without somebody wanting it."""
    options: Mapping[str, Any] = entity.options.get("sensor", {})
    return {
        "unique_id": entity.unique_id.replace(recorder_id, "RECORDER"),
        "name": entity.original_name,
        "translation_key": entity.translation_key,
        "category": entity.entity_category,
        "disabled": entity.disabled,
        "device_class": entity.original_device_class,
        "unit": entity.unit_of_measurement,
        "capabilities": entity.capabilities,
        "features": entity.supported_features,
        "precision": options.get("suggested_display_precision"),
    }


async def test_the_entities_are_these(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    entry = await set_up(recorder)
    assert entry.unique_id is not None
    entities = {entity.entity_id: described(entity, entry.unique_id) for entity in registered(hass, entry)}
    assert entities == snapshot


async def test_the_devices_are_these(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, snapshot: SnapshotAssertion
) -> None:
    entry = await set_up(recorder)
    assert entry.unique_id is not None
    found = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    names = {device.id: device.name for device in found}
    devices = {
        next(iter(device.identifiers))[1].replace(entry.unique_id, "RECORDER"): {
            "name": device.name,
            "manufacturer": device.manufacturer,
            "model": device.model,
            "entry_type": device.entry_type,
            "via": names.get(device.via_device_id or ""),
        }
        for device in found
    }
    assert devices == snapshot


async def test_no_camera_has_more_than_eight_entities_that_are_enabled(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    cameras = {
        entity.device_id for entity in registered(hass, entry) if entity.domain == "camera" and not entity.disabled
    }
    enabled = Counter(
        entity.device_id for entity in registered(hass, entry) if entity.device_id in cameras and not entity.disabled
    )
    assert list(enabled.values()) == [6, 6, 6]


async def test_an_entity_that_is_no_more_goes_with_the_update(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    registry = er.async_get(hass)
    old = registry.async_get_or_create(
        "binary_sensor", "safe_community", f"{entry.unique_id}_stotele_recording", config_entry=entry
    )
    hass.config_entries.async_update_entry(entry, minor_version=1)
    await hass.config_entries.async_reload(entry.entry_id)
    assert registry.async_get(old.entity_id) is None
    assert entry.minor_version == 2
    assert registry.async_get("switch.vabalninkas_autobusu_stotele_recording") is not None


async def test_a_member_of_before_keeps_its_account_with_the_update(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn
) -> None:
    account = (await log_in("Rasa")).user
    formerly = member("Rasa Petrauskienė", "volunteer", user_id=account.id)
    formerly["data"] = {name: value for name, value in formerly["data"].items() if name != "account_name"}
    gone = member("Jonas", "volunteer", user_id="gone", account_name="Jonas")
    entry = await set_up(recorder, formerly, gone, member("Ona", "volunteer"), minor_version=1)
    assert {one.name: one.account_name for one in members_of(entry)} == {
        "Rasa Petrauskienė": "Rasa",
        "Jonas": "Jonas",
        "Ona": None,
    }


async def test_an_entry_of_a_later_version_is_left_alone(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder, version=2, minor_version=1)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
