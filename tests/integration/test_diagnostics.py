"""What a person sends along with a bug report says nothing that must stay in the municipality."""

import json

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.integration.conftest import SetUp
from tests.integration.world import eventually, member
from tests.world import Recorder


async def test_diagnostics_tell_of_cameras_but_neither_secrets_nor_people(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await set_up(recorder, member("Ona Petrauskienė", "volunteer", user_id="ona's account"))
    known = entry.runtime_data.coordinator
    await eventually(hass, lambda: known.data.storage is not None, "the recorder has told of its disk")
    told = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(told, ensure_ascii=False)
    for secret in (recorder.token, recorder.url, str(recorder.archive), "Petrauskienė", "ona's account"):
        assert secret not in text
    assert {camera["id"] for camera in told["cameras"]} == {"stotele", "kapines", "aikste"}
    assert told["members"][0]["has_account"]
    assert told["storage"]["state"] == "ok"
    assert told["storage"]["disk_bytes"] >= told["storage"]["free_bytes"] > 0
    assert {one["camera"] for one in told["storage"]["retention"]} <= {"stotele", "kapines", "aikste"}
