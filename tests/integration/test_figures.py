"""What the sensors, the switch and the last observation say, and what they do not write down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homeassistant.components.event import ATTR_EVENT_TYPE
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.safe_community.access import NotPermitted
from custom_components.safe_community.coordinator import RecorderCoordinator
from custom_components.safe_community.documents import CameraChanged, Observation, Observed, StorageChanged
from custom_components.safe_community.event import MOST_REMEMBERED
from custom_components.safe_community.sensor import DAY, HOUR, RECORDER_FIGURES, Figure, rounded, since
from custom_components.safe_community.storage import StorageState
from tests.integration.conftest import LogIn, SetUp
from tests.integration.storages import kept, storage
from tests.integration.test_documents import camera, stream
from tests.integration.world import eventually, member
from tests.world import Recorder

STOP = "vabalninkas_autobusu_stotele"
SWITCH, LAST = f"switch.{STOP}_recording", f"event.{STOP}_last_observation"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def value(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


@pytest.fixture
async def entry(hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    """The bus stop alone; what the recorder tells from here on, the tests tell in its name."""
    entry = await set_up(own_recorder)
    await eventually(hass, lambda: value(hass, f"camera.{STOP}") == "recording", "the camera is recorded")
    return entry


def coordinator_of(entry: MockConfigEntry) -> RecorderCoordinator:
    coordinator: RecorderCoordinator = entry.runtime_data.coordinator
    return coordinator


def seen(number: int, kind: str = "motion", **other: Any) -> Observation:
    start = NOW + timedelta(minutes=number)
    values = {"camera_id": "stotele", "kind": kind, "start": start, "end": start, "is_lasting": True, "score": 0.9}
    return Observation(**{"id": str(number), "zone": None, **values, **other})


# --- the switch -------------------------------------------------------------------------------------------------------


async def turn(hass: HomeAssistant, what: str, context: Context | None = None) -> None:
    await hass.services.async_call("switch", what, {"entity_id": SWITCH}, blocking=True, context=context)


async def test_the_switch_pauses_a_camera_and_the_audit_log_says_who(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp, log_in: LogIn
) -> None:
    ona, volunteer = await log_in("Ona"), await log_in("Petras")
    await set_up(
        own_recorder,
        member("Ona", "public_order_specialist", user_id=ona.user.id),
        member("Petras", "volunteer", user_id=volunteer.user.id),
    )
    assert value(hass, SWITCH) == "on"
    with pytest.raises(NotPermitted):
        await turn(hass, "turn_off", Context(user_id=volunteer.user.id))
    assert own_recorder.camera("stotele")["connection"] != "paused"
    await turn(hass, "turn_off", Context(user_id=ona.user.id))
    # At once, by what the recorder answered, and true.
    assert value(hass, SWITCH) == "off"
    assert own_recorder.camera("stotele")["connection"] == "paused"
    assert value(hass, "sensor.birzai_cameras_recording") == "0/1"
    await turn(hass, "turn_on")
    assert value(hass, SWITCH) == "on"
    records = own_recorder.ask("/api/v1/audit?limit=100").json["records"]
    told = [
        (record["actor"], (record["details"] or {}).get("changed"))
        for record in records
        if record["event"] == "camera_changed"
    ]
    assert told == [
        ("Home Assistant", {"paused": [True, False]}),
        (f"Ona ({ona.user.id})", {"paused": [False, True]}),
    ]


async def test_a_recorder_that_cannot_pause_is_an_error_and_the_switch_stays(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    own_recorder.camera_file.write_text("version: 1\nname: [")
    with pytest.raises(HomeAssistantError, match="The recorder refuses"):
        await turn(hass, "turn_off")
    assert value(hass, SWITCH) == "on"


# --- the last observation ---------------------------------------------------------------------------------------------


async def test_an_observation_is_told_once_when_it_begins(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator, changes = coordinator_of(entry), async_capture_events(hass, "state_changed")
    coordinator._async_take(Observed(seen(1, zone="gate")))
    coordinator._async_take(Observed(seen(2, "covered")))
    coordinator._async_take(Observed(seen(1, zone="gate", is_lasting=False)))
    coordinator._async_take(Observed(seen(3, camera_id="kapines")))
    coordinator._async_take(Observed(seen(4, "hail")))
    await hass.async_block_till_done()
    told = [change.data["new_state"].attributes for change in changes if change.data["entity_id"] == LAST]
    assert [(one[ATTR_EVENT_TYPE], one["zone"], one["observation"]) for one in told] == [
        ("motion", "gate", "1"),
        ("covered", None, "2"),
    ]
    assert told[0]["start"] == "2026-11-23T10:01:00+00:00"


async def test_an_observation_that_goes_on_is_not_told_again_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    began = dt_util.utcnow()
    # What began earlier and still lasts was told before the last was.
    lasting = seen(0, "covered", start=began - timedelta(days=1)), seen(1, start=began - timedelta(seconds=5))
    for observation in lasting:
        coordinator_of(entry)._async_take(Observed(observation))
    told = value(hass, LAST)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for observation in lasting:
        coordinator_of(entry)._async_take(Observed(observation))
    assert value(hass, LAST) == told
    coordinator_of(entry)._async_take(Observed(seen(2, "dark", start=dt_util.utcnow())))
    state = hass.states.get(LAST)
    assert state is not None
    assert state.attributes[ATTR_EVENT_TYPE] == "dark"


async def test_what_lasts_is_not_told_again_however_much_happens_meanwhile(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    take = coordinator_of(entry)._async_take
    take(Observed(seen(0, "covered")))
    for number in range(1, MOST_REMEMBERED + 10):
        take(Observed(seen(number, is_lasting=False)))
    take(Observed(seen(0, "covered", is_lasting=False)))
    state = hass.states.get(LAST)
    assert state is not None
    assert state.attributes["observation"] == str(MOST_REMEMBERED + 9)


# --- tampering --------------------------------------------------------------------------------------------------------


async def test_tampering_is_known_while_somebody_looks(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = f"binary_sensor.{STOP}_tampering"
    assert value(hass, sensor) == "off"
    for state, expected in (
        ({"tampering": ["covered", "moved"]}, "on"),
        ({"connection": "unreachable"}, STATE_UNKNOWN),
        ({"connection": "unreachable", "tampering": ["no_signal"]}, "on"),
        ({}, "off"),
    ):
        coordinator_of(entry)._async_take(CameraChanged(camera("stotele", **state)))
        assert value(hass, sensor) == expected
    coordinator_of(entry)._async_take(CameraChanged(camera("stotele", tampering=["covered", "moved"])))
    found = hass.states.get(sensor)
    assert found is not None
    assert found.attributes["kinds"] == ["covered", "moved"]


# --- figures ----------------------------------------------------------------------------------------------------------


async def test_the_recorder_s_figures_are_the_disk_s(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    full = storage(
        free_bytes=123_456_789_012,
        disk_bytes=8_000_000_000_000,
        days_until_full=3.456,
        oldest=NOW.isoformat(),
        write_bps=48_000_000,
        lost_today_s=75,
        retention=[kept("stotele", 3, met=False)],
    )
    coordinator_of(entry)._async_take(StorageChanged(full))
    figures = {
        "sensor.birzai_free_space": "123.0",
        "sensor.birzai_days_until_full": "3.5",
        "sensor.birzai_oldest_footage": NOW.isoformat(),
        "sensor.birzai_write_rate": "48.0",
        "sensor.birzai_lost_today": "75.0",
        "binary_sensor.birzai_retention_met": "off",
        "binary_sensor.birzai_archive": "off",
    }
    assert {entity_id: value(hass, entity_id) for entity_id in figures} == figures
    missing = replace(full, state=StorageState.MISSING, problem="no disk", days_until_full=None, retention=())
    coordinator_of(entry)._async_take(StorageChanged(missing))
    archive = hass.states.get("binary_sensor.birzai_archive")
    assert archive is not None
    assert (archive.state, archive.attributes["state"], archive.attributes["problem"]) == ("on", "missing", "no disk")
    assert value(hass, "sensor.birzai_days_until_full") == STATE_UNKNOWN
    assert value(hass, "binary_sensor.birzai_retention_met") == "on"
    coordinator_of(entry)._async_take(StorageChanged(replace(missing, disk_bytes=0)))
    assert value(hass, "sensor.birzai_free_space") == STATE_UNKNOWN
    assert value(hass, "binary_sensor.birzai_retention_met") == STATE_UNKNOWN


async def test_cameras_that_are_not_recorded_are_named(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    take = coordinator_of(entry)._async_take
    take(CameraChanged(camera("a")))
    take(CameraChanged(camera("b", "pabirze", recording=False, connection="unreachable")))
    take(CameraChanged(camera("c", "pabirze", recording=False, connection="paused")))
    state = hass.states.get("sensor.birzai_cameras_recording")
    assert state is not None
    assert state.state == "2/4"
    assert (state.attributes["not_recording"], state.attributes["paused"]) == (["Pabirze, b"], ["Pabirze, c"])
    assert (state.attributes["recording"], state.attributes["total"]) == (2, 4)


async def test_a_camera_s_figures_are_there_for_who_wants_them(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    keys = ("bit_rate", "frame_rate", "clock_offset", "recorded_in_the_last_24_hours", "oldest_footage")
    for key in keys:
        registry.async_update_entity(f"sensor.{STOP}_{key}", disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    numbers = stream(bitrate_bps=1_543_210, frame_rate=12.4, clock_offset_s=-1.31)
    take = coordinator_of(entry)._async_take
    take(CameraChanged(camera("stotele", stream=numbers)))
    told = kept("stotele", 3) | {"oldest": NOW.isoformat(), "recorded_percent": 99.9}
    take(StorageChanged(storage(retention=[told])))
    values = ["1540", "12.4", "-1.3", "99.9", NOW.isoformat()]
    assert [value(hass, f"sensor.{STOP}_{key}") for key in keys] == values
    changes = async_capture_events(hass, "state_changed")
    take(CameraChanged(camera("stotele", stream=stream(bitrate_bps=1_440_000, frame_rate=12.8, clock_offset_s=-0.9))))
    await hass.async_block_till_done()
    assert changes == [], "what only trembles is not written down"
    take(CameraChanged(camera("stotele", connection="unreachable", stream=None)))
    take(StorageChanged(storage(retention=[])))
    assert {value(hass, f"sensor.{STOP}_{key}") for key in keys} == {STATE_UNKNOWN}


def test_a_figure_stays_until_it_differs_by_a_step_or_a_share() -> None:
    figure = Figure(key="any", step=10, share=0.2)
    assert [figure.steady(*values) for values in ((29, 20), (31, 20), (119, 100), (80, 100), (79, 100))] == [
        20,
        31,
        100,
        80,
        79,
    ]
    assert (figure.steady(None, 20), figure.steady(20, None), figure.steady(NOW, NOW - HOUR)) == (None, 20, NOW)
    assert Figure(key="any").steady(20.1, 20.0) == 20.1


def test_the_oldest_footage_is_exact_until_days_are_deleted() -> None:
    oldest = NOW + timedelta(minutes=1)
    assert since(None, NOW) is None
    assert since(oldest, NOW + DAY) == oldest
    assert since(oldest, NOW + 2 * DAY) == NOW + HOUR
    assert since(NOW, NOW + 2 * DAY) == NOW


def test_a_full_disk_that_breathes_writes_nothing() -> None:
    description = next(figure for figure in RECORDER_FIGURES if figure.key == "free_space")
    shown: int | float | datetime | None = None
    told = set()
    for free in (20_049_000_000, 19_800_000_000, 20_500_000_000, 19_700_000_000):
        shown = description.steady(description.of_storage(storage(free_bytes=free)), shown)
        told.add(shown)
    assert told == {20_000_000_000}


def test_a_figure_is_a_multiple_of_its_unit() -> None:
    assert (rounded(None, 0.5), rounded(1.26, 0.5), rounded(0.1 + 0.2, 0.1), rounded(1_250, 100)) == (
        None,
        1.5,
        0.3,
        1200,
    )


async def test_entities_are_away_with_their_recorder(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    own_recorder.stop()
    away = (SWITCH, LAST, "sensor.birzai_cameras_recording", f"binary_sensor.{STOP}_tampering")
    await eventually(
        hass, lambda: all(value(hass, entity_id) == STATE_UNAVAILABLE for entity_id in away), "all are away"
    )
