"""What a person sends along with a bug report says nothing that must stay in the municipality."""

import json
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.safe_community.coordinator import RecorderCoordinator
from custom_components.safe_community.devices import camera_identifier, eldership_identifier, recorder_identifier
from custom_components.safe_community.documents import CameraChanged, StorageChanged
from tests.integration.conftest import SetUp
from tests.integration.storages import storage
from tests.integration.test_documents import camera, stream
from tests.integration.world import eventually, member
from tests.world import Recorder

FINGERPRINT = "sha256:" + "5ec4e7" * 10 + "5ec4"
# Each stands in another place from which something could get out.
PLANTED = {
    "name": "Planted Petrauskienė",
    "account": "planted-account-id",
    "account name": "Planted Account",
    "phone": "planted-phone-id",
    "channel": "notify.planted_telegram",
    "camera's problem": "rtsp://planted-user:planted-password@192.0.2.77/stream",
    "disk's problem": "//planted-server/planted-share: no such disk",
    "source's reason": "planted-reason",
}


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    assert await async_setup_component(hass, "diagnostics", {})
    planted = member(
        PLANTED["name"],
        "volunteer",
        user_id=PLANTED["account"],
        account_name=PLANTED["account name"],
        device_id=PLANTED["phone"],
        channels=[PLANTED["channel"]],
        quiet_from="22:00:00",
        quiet_to="06:00:00",
        grant_expires="2027-01-01",
    )
    data = {"url": recorder.url, "token": recorder.token, "fingerprint": FINGERPRINT}
    entry = await set_up(recorder, planted, data=data)
    coordinator: RecorderCoordinator = entry.runtime_data.coordinator
    await eventually(hass, lambda: coordinator.data.storage is not None, "the recorder has told of its disk")
    troubled = camera(
        "stotele",
        problem=PLANTED["camera's problem"],
        tampering=["covered"],
        stream=stream(source="libav", source_reason=PLANTED["source's reason"]),
    )
    coordinator._async_take(CameraChanged(troubled))
    coordinator._async_take(StorageChanged(storage(state="missing", problem=PLANTED["disk's problem"])))
    return entry


def without_secrets(told: Any, recorder: Recorder) -> Any:
    text = json.dumps(told, ensure_ascii=False)
    secrets = {**PLANTED, "token": recorder.token, "url": recorder.url, "folder": str(recorder.archive)}
    found = [place for place, secret in secrets.items() if secret in text]
    assert found == []
    assert not [word for word in ("planted", "Planted", FINGERPRINT[7:]) if word in text]
    return told


async def test_the_entry_s_diagnostics_tell_of_cameras_but_neither_secrets_nor_people(
    hass: HomeAssistant, recorder: Recorder, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    told = without_secrets(await get_diagnostics_for_config_entry(hass, hass_client, entry), recorder)
    cameras = {one["id"]: one for one in told["cameras"]}
    assert set(cameras) == {"stotele", "kapines", "aikste"}
    assert (cameras["stotele"]["tampering"], cameras["stotele"]["stream"]["source"]) == (["covered"], "libav")
    (one,) = told["members"]
    assert (one["has_account"], one["has_phone"], one["channels"], one["expires"]) == (True, True, 1, "2027-01-01")
    assert told["storage"]["state"] == "missing"
    assert told["storage"]["disk_bytes"] >= told["storage"]["free_bytes"] > 0


async def test_a_device_s_diagnostics_are_of_it_alone(
    hass: HomeAssistant, recorder: Recorder, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    known, registry = entry.runtime_data.recorder, dr.async_get(hass)

    async def of(identifier: tuple[str, str]) -> Any:
        device = registry.async_get_device_by_identifier(identifier, entry.entry_id)
        assert isinstance(device, dr.DeviceEntry)
        return without_secrets(await get_diagnostics_for_device(hass, hass_client, entry, device), recorder)

    of_camera = await of(camera_identifier(known, "stotele"))
    assert (of_camera["camera"]["id"], [one["camera"] for one in of_camera["kept"]]) == ("stotele", ["stotele"])
    of_eldership = await of(eldership_identifier(known, "pabirze"))
    assert {one["id"] for one in of_eldership["cameras"]} == {"aikste", "kapines"}
    assert len((await of(recorder_identifier(known)))["cameras"]) == 3
    coordinator: RecorderCoordinator = entry.runtime_data.coordinator
    coordinator.data = type(known)(info=known.info, cameras=known.cameras)
    assert (await of(camera_identifier(known, "stotele")))["kept"] == []
    assert (await get_diagnostics_for_config_entry(hass, hass_client, entry))["storage"] is None
