"""Locking, exporting and pausing, as people and automations call it, at a real recorder."""

from datetime import datetime, timedelta
from typing import Any

import probatio
import pytest
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community.access import NotPermitted
from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.devices import eldership_identifier, recorder_identifier
from custom_components.safe_community.documents import Connection
from custom_components.safe_community.errors import RequestRefused
from custom_components.safe_community.targets import cameras_in, entities_in
from tests.integration.conftest import LogIn, SetUp
from tests.integration.world import eventually, member, subentry
from tests.world import Recorder

CAMERA = "camera.vabalninkas_autobusu_stotele"
OTHER = "camera.pabirze_kapines"


async def call(hass: HomeAssistant, name: str, data: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True, context=context)
    assert answer is not None
    return dict(answer)


def local(moment: datetime) -> str:
    """Write a time as the form for an action does."""
    return dt_util.as_local(moment).strftime("%Y-%m-%d %H:%M:%S")


def records(recorder: Recorder, event: str) -> list[dict[str, Any]]:
    answer = recorder.ask(f"/api/v1/audit?limit=1000&event={event}")
    assert answer.status == 200, answer
    return [record for record in answer.json["records"] if record["event"] == event]


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    await hass.config.async_set_time_zone("Europe/Vilnius")
    return await set_up(recorder)


@pytest.fixture
def minutes() -> dict[str, str]:
    """The last ten minutes."""
    now = dt_util.utcnow()
    return {"start": local(now - timedelta(minutes=10)), "end": local(now)}


async def test_locked_footage_is_kept_through_the_last_day_and_can_be_released(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: Recorder, minutes: dict[str, str]
) -> None:
    last_day = dt_util.now().date() + timedelta(days=10)
    data = {"entity_id": CAMERA, **minutes, "reason": " Fight at the stop ", "keep_until": last_day.isoformat()}
    (made,) = (await call(hass, "lock_footage", data))["locks"]
    assert made["camera"] == "Autobusų stotelė"
    assert made["active"]
    assert made["kept_until"].startswith(f"{last_day + timedelta(days=1)}T00:00:00+0")
    assert datetime.fromisoformat(made["end"]) <= datetime.fromisoformat(f"{minutes['end']}+02:00")
    record = next(one for one in records(recorder, "lock_made") if one["details"]["lock"] == made["lock_id"])
    assert (record["actor"], record["reason"]) == ("Home Assistant", "Fight at the stop")

    release = {"lock_id": made["lock_id"], "reason": "Wrong night"}
    released = await call(hass, "release_footage", release)
    assert (released["lock_id"], released["active"]) == (made["lock_id"], False)
    assert records(recorder, "lock_released")[0]["reason"] == "Wrong night"
    with pytest.raises(ServiceValidationError, match="over already"):
        await call(hass, "release_footage", release)


async def test_footage_is_locked_for_ninety_days_unless_said_otherwise(
    hass: HomeAssistant, entry: MockConfigEntry, minutes: dict[str, str]
) -> None:
    answer = await call(hass, "lock_footage", {"entity_id": [CAMERA, OTHER], **minutes, "reason": "Fight"})
    assert [lock["camera"] for lock in answer["locks"]] == ["Autobusų stotelė", "Kapinės"]
    kept_for = datetime.fromisoformat(answer["locks"][0]["kept_until"]) - dt_util.utcnow()
    assert timedelta(days=89, hours=23) < kept_for <= timedelta(days=90)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "2026-03-29 03:30:00"}, "There was no 2026-03-29 03:30"),
        ({"start": "2999-01-01 00:00:00"}, "must lie before the end"),
        ({"end": "2999-01-01 00:00:00"}, "in the future"),
        ({"start": "2026-01-01 00:00:00"}, "too long"),
        ({"keep_until": "2020-01-01"}, "400 days"),
        ({"start": "2026-09-01 00:00:00", "end": "2026-09-02 00:00:00"}, "past its days"),
    ],
)
async def test_what_cannot_be_locked_is_said_in_words(
    hass: HomeAssistant, entry: MockConfigEntry, minutes: dict[str, str], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ServiceValidationError, match=message):
        await call(hass, "lock_footage", {"entity_id": CAMERA, **minutes, "reason": "Fight", **changes})


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
async def test_a_lock_needs_a_reason(
    hass: HomeAssistant, entry: MockConfigEntry, minutes: dict[str, str], reason: str
) -> None:
    with pytest.raises(probatio.Invalid, match="reason"):
        await call(hass, "lock_footage", {"entity_id": CAMERA, **minutes, "reason": reason})


async def test_an_unknown_lock_is_unknown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(ServiceValidationError, match="no lock 12345"):
        await call(hass, "release_footage", {"lock_id": "12345", "reason": "Wrong night"})


async def test_evidence_is_asked_for_with_reason_and_recipient(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: Recorder, minutes: dict[str, str]
) -> None:
    papers = {"reason": "Case 12-3", "recipient": "Biržai police, J. Jonaitis", "language": "lt"}
    answer = await call(hass, "export_evidence", {"entity_id": [OTHER, CAMERA], **minutes, **papers})
    assert answer["cameras"] == ["Autobusų stotelė", "Kapinės"]
    assert answer["state"] in {"queued", "running", "done"}
    export = recorder.ask(f"/api/v1/exports/{answer['number']}").json
    assert (export["reason"], export["recipient"]) == ("Case 12-3", "Biržai police, J. Jonaitis")


async def test_there_is_no_evidence_where_there_is_no_footage(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    then = {"start": "2026-11-01 10:00:00", "end": "2026-11-01 11:00:00"}
    papers = {"reason": "Case 12-3", "recipient": "Police", "language": "lv"}
    with pytest.raises(ServiceValidationError, match="no footage of this time"):
        await call(hass, "export_evidence", {"entity_id": CAMERA, **then, **papers})
    soon = {**then, "end": local(dt_util.utcnow() + timedelta(hours=1))}
    with pytest.raises(ServiceValidationError, match="in the future"):
        await call(hass, "export_evidence", {"entity_id": CAMERA, **papers, **soon})


async def test_who_pauses_a_camera_and_why_stands_in_the_audit_log(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp, log_in: LogIn
) -> None:
    entry = await set_up(own_recorder)
    person = await log_in("Rasa")
    rasa = member("Rasa", "public_order_specialist", user_id=person.user.id)
    hass.config_entries.async_add_subentry(entry, subentry(rasa))
    context = Context(user_id=person.user.id)
    answer = await call(hass, "pause_recording", {"entity_id": CAMERA, "reason": "Wedding"}, context)
    assert answer == {"cameras": ["Autobusų stotelė"]}
    recorder = entry.runtime_data.coordinator
    await eventually(
        hass, lambda: recorder.data.cameras["stotele"].state.connection is Connection.PAUSED, "the camera is paused"
    )
    await call(hass, "resume_recording", {"entity_id": CAMERA}, context)
    found = [(one["actor"], one["reason"]) for one in records(own_recorder, "camera_changed")]
    assert found == [(f"Rasa ({person.user.id})", None), (f"Rasa ({person.user.id})", "Wedding")]


async def test_a_pause_needs_a_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(probatio.Invalid, match="reason"):
        await call(hass, "pause_recording", {"entity_id": CAMERA})


def device(hass: HomeAssistant, entry: MockConfigEntry, identifier: tuple[str, str]) -> str:
    found = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert found is not None
    return found.id


async def resumed(hass: HomeAssistant, **target: Any) -> list[str]:
    """Return the cameras that an action finds in a target; to resume one that is not paused changes nothing."""
    cameras: list[str] = (await call(hass, "resume_recording", target))["cameras"]
    return cameras


async def test_an_eldership_s_device_stands_for_its_cameras(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    recorder = entry.runtime_data.recorder
    pabirze = device(hass, entry, eldership_identifier(recorder, "pabirze"))
    assert await resumed(hass, device_id=pabirze) == ["Aikštė", "Kapinės"]
    everything = device(hass, entry, recorder_identifier(recorder))
    assert await resumed(hass, device_id=[pabirze, everything]) == ["Aikštė", "Autobusų stotelė", "Kapinės"]


async def test_an_area_stands_for_the_cameras_in_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    area = ar.async_get(hass).async_get_area_by_name("Vabalninkas")
    assert area is not None
    lamp = er.async_get(hass).async_get_or_create("light", "other", "1")
    er.async_get(hass).async_update_entity(lamp.entity_id, area_id=area.id)
    assert await resumed(hass, area_id=area.id) == ["Autobusų stotelė"]


async def test_what_is_excluded_is_left_alone(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Home Assistant 2026.11 lets people exclude; 2026.10 takes no such target in an action."""
    recorder = entry.runtime_data.recorder
    hub, pabirze = recorder_identifier(recorder), eldership_identifier(recorder, "pabirze")
    target = {"device_id": device(hass, entry, hub)}

    def left(**exclude: str) -> list[str]:
        return [one.camera.id for one in cameras_in(hass, {**target, "exclude": exclude})]

    assert left(entity_id=CAMERA) == ["aikste", "kapines"]
    assert left(device_id=device(hass, entry, pabirze)) == ["stotele"]
    motion = "binary_sensor.pabirze_kapines_motion"
    assert motion in entities_in(hass, target)
    assert motion not in entities_in(hass, {**target, "exclude": {"device_id": device(hass, entry, pabirze)}})


async def test_what_belongs_to_no_camera_is_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    lamp = er.async_get(hass).async_get_or_create("light", "other", "1")
    for target in (
        {"entity_id": [CAMERA, lamp.entity_id]},
        {"entity_id": "event.vabalninkas_vabalninkas_incident"},
        {"device_id": "gone"},
    ):
        with pytest.raises(ServiceValidationError, match="does not belong to a camera"):
            await resumed(hass, **target)
    for nothing in ({}, {"area_id": "nowhere"}):
        with pytest.raises(ServiceValidationError, match="No camera"):
            await resumed(hass, **nothing)


async def test_who_may_not_at_one_camera_does_nothing_at_all(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: Recorder, log_in: LogIn, minutes: dict[str, str]
) -> None:
    person = await log_in("Vida")
    vida = member("Vida", "eldership_specialist", user_id=person.user.id, elderships=["vabalninkas"])
    hass.config_entries.async_add_subentry(entry, subentry(vida))
    context = Context(user_id=person.user.id)
    data = {**minutes, "reason": "Fight"}
    with pytest.raises(NotPermitted):
        await call(hass, "lock_footage", {"entity_id": [CAMERA, OTHER], **data}, context)
    assert not [one for one in records(recorder, "lock_made") if one["actor"].startswith("Vida")]
    (lock,) = (await call(hass, "lock_footage", {"entity_id": CAMERA, **data}, context))["locks"]
    for lock_id in (lock["lock_id"], "unknown"):
        with pytest.raises(NotPermitted):
            await call(hass, "release_footage", {"lock_id": lock_id, "reason": "Wrong night"}, context)
    await eventually(
        hass,
        lambda: (
            {"lock", "release"}
            <= {
                one["details"]["action"]
                for one in records(recorder, "access_refused")
                if one["actor"] == f"Vida ({person.user.id})"
            }
        ),
        "the refusals are in the audit log",
    )


async def test_cameras_of_two_recorders_make_two_packages(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, set_up: SetUp, minutes: dict[str, str]
) -> None:
    second = await set_up(own_recorder)
    hubs = [device(hass, one, recorder_identifier(one.runtime_data.recorder)) for one in (entry, second)]
    papers = {"reason": "Case 12-3", "recipient": "Police", "language": "en"}
    with pytest.raises(ServiceValidationError, match="several recorders"):
        await call(hass, "export_evidence", {"device_id": hubs, **minutes, **papers})
    (lock, *_) = (await call(hass, "lock_footage", {"device_id": hubs, **minutes, "reason": "Fight"}))["locks"]
    released = await call(hass, "release_footage", {"lock_id": lock["lock_id"], "reason": "Wrong night"})
    assert not released["active"]


async def test_a_recorder_that_is_away_is_said_to_be(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, set_up: SetUp, minutes: dict[str, str]
) -> None:
    second = await set_up(own_recorder)
    own_recorder.stop()
    hub = device(hass, second, recorder_identifier(second.runtime_data.recorder))
    papers = {"reason": "Case 12-3", "recipient": "Police", "language": "en"}
    for name, data in (
        ("export_evidence", {"device_id": hub, **minutes, **papers}),
        ("lock_footage", {"device_id": hub, **minutes, "reason": "Fight"}),
        ("release_footage", {"lock_id": "unknown", "reason": "Fight"}),
    ):
        with pytest.raises(HomeAssistantError, match="cannot be reached"):
            await call(hass, name, data)
    with pytest.raises(HomeAssistantError, match="not done at: Autobusų stotelė"):
        await call(hass, "lock_footage", {"device_id": hub, "entity_id": OTHER, **minutes, "reason": "Fight"})


async def test_what_a_recorder_refuses_otherwise_is_told_in_its_words(
    hass: HomeAssistant, entry: MockConfigEntry, minutes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register that cannot be written takes a broken disk."""
    (lock,) = (await call(hass, "lock_footage", {"entity_id": CAMERA, **minutes, "reason": "Fight"}))["locks"]

    async def refuse(*asked: object) -> None:
        raise RequestRefused(503, "lock_not_written", "the disk is read-only")

    release = {"lock_id": lock["lock_id"], "reason": "Wrong night"}
    for name in ("release", "lock_of"):
        monkeypatch.setattr(RecorderClient, name, refuse)
        with pytest.raises(HomeAssistantError, match="refuses: the disk is read-only"):
            await call(hass, "release_footage", release)
