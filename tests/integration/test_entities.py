"""What a person sees of the cameras: devices, areas, states, and how they follow the recorder."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir

from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import SetUp
from tests.integration.world import VABALNINKAS, Cameras, eventually
from tests.world import Recorder, simulated_cameras


def is_state(hass: HomeAssistant, entity_id: str, state: str) -> Callable[[], bool]:
    def check() -> bool:
        found = hass.states.get(entity_id)
        return found is not None and found.state == state

    return check


async def test_a_camera_is_a_device_in_the_area_of_its_eldership(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    assert entry.state is ConfigEntryState.LOADED
    devices = {device.name: device for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    assert set(devices) == {"Biržai", "Vabalninkas", "Pabiržė", "Autobusų stotelė", "Kapinės", "Aikštė"}
    camera, eldership = devices["Autobusų stotelė"], devices["Vabalninkas"]
    assert camera.via_device_id == eldership.id
    assert eldership.via_device_id == devices["Biržai"].id
    area = ar.async_get(hass).async_get_area(str(camera.area_id))
    assert area is not None
    assert area.name == "Vabalninkas"


async def test_states_tell_of_a_camera_that_works_and_of_one_that_does_not_answer(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(recorder)
    await eventually(hass, is_state(hass, "camera.vabalninkas_autobusu_stotele", "recording"), "the camera is recorded")
    assert is_state(hass, "binary_sensor.vabalninkas_autobusu_stotele_connection", "on")()
    assert is_state(hass, "switch.vabalninkas_autobusu_stotele_recording", "on")()
    away = hass.states.get("binary_sensor.pabirze_aikste_connection")
    assert away is not None
    assert away.state == "off"
    assert away.attributes["connection"] in ("connecting", "unreachable")
    assert is_state(hass, "camera.pabirze_aikste", "unavailable")()
    assert is_state(hass, "binary_sensor.pabirze_aikste_motion", "unknown")()


async def test_a_camera_s_state_shows_no_way_to_its_picture(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(recorder)
    state = hass.states.get("camera.vabalninkas_autobusu_stotele")
    assert state is not None
    assert "entity_picture" not in state.attributes


async def test_a_recorder_that_restarts_takes_its_entities_away_and_brings_them_back(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "custom_components.safe_community")
    await set_up(own_recorder)
    await eventually(
        hass, is_state(hass, "binary_sensor.vabalninkas_autobusu_stotele_connection", "on"), "the camera is connected"
    )
    own_recorder.stop()
    await eventually(
        hass,
        is_state(hass, "binary_sensor.vabalninkas_autobusu_stotele_connection", "unavailable"),
        "the recorder is away",
    )
    assert is_state(hass, "camera.vabalninkas_autobusu_stotele", "unavailable")()
    await asyncio.sleep(2.5)
    own_recorder.start()
    await eventually(
        hass, is_state(hass, "binary_sensor.vabalninkas_autobusu_stotele_connection", "on"), "the camera is back"
    )
    ours = [record.getMessage() for record in caplog.records if record.name == "custom_components.safe_community"]
    assert len(ours) == 2, ours
    assert ours[1] == "Biržai is back"
    assert own_recorder.token not in caplog.text


async def test_a_killed_rtsp_server_is_told_of_and_the_camera_taken_back(
    hass: HomeAssistant, tmp_path: Path, set_up: SetUp
) -> None:
    connection = "binary_sensor.vabalninkas_stotele_connection"
    recorder = Recorder(tmp_path / "recorder")
    try:
        with simulated_cameras(["stotele"]) as cameras:
            recorder.directory.mkdir()
            recorder.write_camera_file([{"id": "stotele", "url": cameras.url("stotele")}])
            recorder.start()
            await set_up(recorder)
            await eventually(hass, is_state(hass, connection, "on"), "the camera is connected")
            recording = "camera.vabalninkas_stotele"
            await eventually(hass, is_state(hass, recording, "recording"), "it is recorded")
            cameras.process.kill()
            await eventually(hass, is_state(hass, connection, "off"), "the camera is gone")
            await eventually(hass, is_state(hass, "sensor.birzai_cameras_recording", "0/1"), "it is not recorded")
        with simulated_cameras(["stotele"], cameras.port):
            await eventually(hass, is_state(hass, connection, "on"), "the camera is back")
            await eventually(hass, is_state(hass, recording, "recording"), "it is recorded again")
            (gap,) = recorder.timeline("stotele")["gaps"]
            assert gap["cause"] == "camera_unreachable"
            assert gap["end"] is not None
    finally:
        recorder.stop()


async def test_cameras_come_go_and_change_their_names_without_a_reload(
    hass: HomeAssistant, own_recorder: Recorder, cameras: Cameras, set_up: SetUp
) -> None:
    await set_up(own_recorder)
    assert hass.states.get("camera.vabalninkas_autobusu_stotele") is not None
    old, new = cameras.entry("stotele", "Stotelė", VABALNINKAS), cameras.entry("mokykla", "Mokykla", VABALNINKAS)
    own_recorder.write_camera_file([old, new])
    await eventually(
        hass, is_state(hass, "binary_sensor.vabalninkas_mokykla_connection", "on"), "the new camera is there"
    )
    renamed = hass.states.get("camera.vabalninkas_autobusu_stotele")
    assert renamed is not None
    assert renamed.attributes["friendly_name"] == "Stotelė"

    own_recorder.write_camera_file([new])
    await eventually(
        hass, lambda: hass.states.get("camera.vabalninkas_autobusu_stotele") is None, "the old camera is gone"
    )
    assert er.async_get(hass).async_get("camera.vabalninkas_autobusu_stotele") is None

    own_recorder.write_camera_file([new, old])
    await eventually(
        hass, lambda: hass.states.get("camera.vabalninkas_autobusu_stotele") is not None, "the old camera came back"
    )


async def test_a_camera_that_somebody_paused_is_neither_connected_nor_in_trouble(
    hass: HomeAssistant, own_recorder: Recorder, cameras: Cameras, set_up: SetUp
) -> None:
    await set_up(own_recorder)
    connection = "binary_sensor.vabalninkas_autobusu_stotele_connection"
    recording, switch = "camera.vabalninkas_autobusu_stotele", "switch.vabalninkas_autobusu_stotele_recording"
    await eventually(hass, is_state(hass, recording, "recording"), "the camera is recorded")
    entry: dict[str, Any] = cameras.entry("stotele", "Autobusų stotelė", VABALNINKAS)
    own_recorder.write_camera_file([entry | {"paused": True}])
    await eventually(hass, is_state(hass, connection, "unknown"), "the camera is paused")
    state = hass.states.get(connection)
    assert state is not None
    assert state.attributes["connection"] == "paused"
    assert is_state(hass, switch, "off")()
    assert is_state(hass, "binary_sensor.vabalninkas_autobusu_stotele_motion", "unknown")()
    assert is_state(hass, "camera.vabalninkas_autobusu_stotele", "unavailable")()
    own_recorder.write_camera_file([entry])
    await eventually(hass, is_state(hass, recording, "recording"), "the camera is recorded again")


async def test_a_refused_camera_file_is_shown_until_it_is_mended(
    hass: HomeAssistant, own_recorder: Recorder, cameras: Cameras, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    issue = (DOMAIN, f"camera_file_refused_{entry.entry_id}")
    issues = ir.async_get(hass).issues
    good = own_recorder.camera_file.read_text()
    own_recorder.camera_file.write_text(good.replace("version: 1", "version: 7"))
    await eventually(hass, lambda: issue in issues, "the refusal is shown")
    placeholders = issues[issue].translation_placeholders
    assert placeholders is not None
    assert placeholders["recorder"] == "Biržai"
    assert "column" in placeholders["problem"]
    assert "version 1 was expected" in placeholders["problem"]
    own_recorder.camera_file.write_text(good.replace("name: Biržai", "name: Rokiškis"))
    await eventually(hass, lambda: issue not in issues, "the file is mended")
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert "Rokiškis" in {device.name for device in devices}


async def test_a_recorder_that_is_not_there_is_tried_again(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    own_recorder.stop()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def test_another_recorder_at_the_address_is_refused(
    hass: HomeAssistant, recorder: Recorder, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    hass.config_entries.async_update_entry(entry, data={"url": own_recorder.url, "token": own_recorder.token})
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "other_recorder"


async def test_a_token_that_is_wrong_asks_for_a_new_one(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(recorder)
    hass.config_entries.async_update_entry(entry, data={"url": recorder.url, "token": "wrong"})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]


async def test_unloading_leaves_nothing_behind_and_removing_forgets(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert is_state(hass, "camera.vabalninkas_autobusu_stotele", "unavailable")()
    await hass.config_entries.async_remove(entry.entry_id)
    assert dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id) == []


async def test_a_token_that_changes_while_the_recorder_runs_is_asked_for(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(own_recorder)
    own_recorder.stop()
    (own_recorder.directory / "data" / "token").write_text("another-token-of-the-same-recorder")
    own_recorder.start()

    def asked() -> bool:
        return [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]

    await eventually(hass, asked, "the new token is asked for")
    assert is_state(hass, "camera.vabalninkas_autobusu_stotele", "unavailable")()
