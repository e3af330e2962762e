"""From motion to the outcome on everybody's phone."""

import json
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant, State
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.safe_community.access import NotPermitted
from tests.integration.conftest import LogIn, SetUp
from tests.integration.phones import Phone, PushService, push_service
from tests.integration.world import member, subentry
from tests.world import Recorder

CAMERA = "camera.vabalninkas_autobusu_stotele"
MOTION = "binary_sensor.vabalninkas_autobusu_stotele_motion"
EVENT = "event.vabalninkas_vabalninkas_incident"
ROTA = "calendar.budejimas"


@pytest.fixture
async def pushes() -> AsyncGenerator[PushService]:
    async with push_service() as pushes:
        yield pushes


class Village:
    """Home Assistant with a recorder, a duty rota and members with phones."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, phones: dict[str, Phone]) -> None:
        self.hass = hass
        self.entry = entry
        self.phones = phones

    async def on_duty(self, summary: str) -> None:
        start = dt_util.now() - timedelta(hours=1)
        event = {"summary": summary, "start_date_time": start, "end_date_time": start + timedelta(hours=3)}
        await self.hass.services.async_call(
            "calendar", "create_event", event, target={"entity_id": ROTA}, blocking=True
        )

    async def raise_incident(self, entity_id: str = MOTION, context: Context | None = None) -> dict[str, Any]:
        data = {"entity_id": entity_id, "kind": "motion", "duty_calendar": ROTA}
        answer = await self.hass.services.async_call(
            "safe_community", "raise_incident", data, blocking=True, return_response=True, context=context
        )
        await self.hass.async_block_till_done()
        assert answer is not None
        return dict(answer)

    def event(self) -> State:
        state = self.hass.states.get(EVENT)
        assert state is not None
        return state


@pytest.fixture
async def village(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    pushes: PushService,
    hass_client: ClientSessionGenerator,
) -> Village:
    await hass.config.async_set_time_zone("Europe/Vilnius")
    for component in ("mobile_app", "calendar"):
        assert await async_setup_component(hass, component, {})
    rota = MockConfigEntry(domain="local_calendar", data={"calendar_name": "Budėjimas", "storage_key": "budejimas"})
    rota.add_to_hass(hass)
    assert await hass.config_entries.async_setup(rota.entry_id)
    entry = await set_up(recorder)
    client = await hass_client()
    phones = {name: await pushes.register(hass, client, name) for name in ("ona", "jonas", "zita")}
    for one in (
        member("Ona", "volunteer", elderships=["vabalninkas"], device_id=phones["ona"].device_id, language="lt"),
        member("Jonas", "volunteer", device_id=phones["jonas"].device_id, language="lv"),
        member("Zita", "coordinator", device_id=phones["zita"].device_id),
        member("Petras", "volunteer"),
    ):
        hass.config_entries.async_add_subentry(entry, subentry(one))
    return Village(hass, entry, phones)


async def test_the_members_on_duty_are_asked_and_hear_how_it_ends(village: Village) -> None:
    ona, jonas, zita = village.phones.values()
    await village.on_duty("Ona, JONAS")
    answer = await village.raise_incident()
    year = dt_util.now().year
    assert answer == {"incident": f"{year}-1", "new": True, "alerted": ["Jonas", "Ona"]}
    assert zita.messages == []

    alert = await ona.message(1)
    assert alert["title"] == "Judesys: Autobusų stotelė"
    assert "Vabalninkas, Autobusų stotelė, " in alert["message"]
    assert alert["message"].endswith("nesivykite. Iškilus pavojui skambinkite 112.")
    assert list(ona.buttons()) == ["Einu pažiūrėti", "Viskas ramu", "Klaidingas pavojus"]
    assert not {"image", "video", "attachment", "entity_id"} & alert["data"].keys()
    assert alert["data"]["push"] == {"interruption-level": "time-sensitive"}
    assert (await jonas.message(1))["title"] == "Kustība: Autobusų stotelė"
    assert set(ona.buttons().values()).isdisjoint(jonas.buttons().values())
    assert village.event().attributes["event_type"] == "alerted"

    await ona.tap(ona.buttons()["Einu pažiūrėti"])
    assert (await jonas.message(2))["message"].startswith("Ona jau dodas skatīties.\n")
    assert len(jonas.buttons()) == 3
    assert len(jonas.screen) == 1, "the update takes the alert's place"
    state = village.event()
    assert (state.attributes["event_type"], state.attributes["member"]) == ("on_my_way", "Ona")
    assert state.attributes["camera"] == "Autobusų stotelė"

    await ona.message(2)
    await ona.tap(ona.buttons()["Viskas ramu"])
    assert (await jonas.message(3))["message"].startswith("Ona: viss mierīgi.\n")
    assert (await ona.message(3))["message"].startswith("Ona: viskas ramu.\n")
    assert jonas.buttons() == {}
    assert village.event().attributes["event_type"] == "all_clear"
    assert zita.messages == []


class Witness:
    """A phone that remembers what Home Assistant had stored when it rang."""

    def __init__(self, phone: Phone, storage: dict[str, Any], key: str) -> None:
        self.phone = phone
        self.storage = storage
        self.key = key
        self.stored = ""

    async def show(self, message: dict[str, Any]) -> None:
        self.stored = json.dumps(self.storage[self.key])
        await self.phone.show(message)


async def test_a_phone_does_not_ring_before_its_answer_is_stored(
    hass_storage: dict[str, Any], village: Village, pushes: PushService
) -> None:
    key = f"safe_community.incidents.{village.entry.entry_id}"
    witness = Witness(village.phones["zita"], hass_storage, key)
    pushes.replace("zita", witness)
    await village.raise_incident()
    await witness.phone.message(1)
    secret = witness.phone.buttons()["All clear"].split(":")[2]
    assert secret in witness.stored


async def test_when_nobody_is_on_duty_the_coordinator_is_asked(village: Village) -> None:
    answer = await village.raise_incident(CAMERA)
    assert answer["alerted"] == ["Zita"]
    assert (await village.phones["zita"].message(1))["title"] == "Motion: Autobusų stotelė"


async def test_when_nobody_on_duty_has_a_phone_the_coordinator_is_asked(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    await village.on_duty("Petras")
    assert (await village.raise_incident())["alerted"] == ["Zita"]
    assert "Petras has no phone that gets messages" in caplog.text


async def test_when_nobody_can_be_asked_the_incident_stays_and_says_so(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    for subentry_id in list(village.entry.subentries):
        village.hass.config_entries.async_remove_subentry(village.entry, subentry_id)
    assert (await village.raise_incident())["alerted"] == []
    assert village.event().attributes["event_type"] == "raised"
    assert "Nobody could be alerted" in caplog.text


async def test_a_member_of_another_eldership_is_not_asked(village: Village) -> None:
    await village.on_duty("Ona")
    answer = await village.raise_incident("binary_sensor.pabirze_kapines_motion")
    assert answer["alerted"] == ["Zita"]
    assert village.event().state == "unknown"


async def test_a_camera_with_an_open_incident_raises_no_other(village: Village) -> None:
    first = await village.raise_incident()
    again = await village.raise_incident()
    assert again == first | {"new": False}
    other = await village.raise_incident("camera.pabirze_kapines")
    assert (other["new"], other["incident"].rpartition("-")[2]) == (True, "2")
    assert len(village.phones["zita"].messages) == 2


async def test_guessed_late_and_foreign_answers_change_nothing(
    village: Village, freezer: FrozenDateTimeFactory
) -> None:
    zita = village.phones["zita"]
    await village.raise_incident()
    await zita.message(1)
    good = zita.buttons()["All clear"]
    for action in (good.replace(good.split(":")[2], "guessed"), "SAFE_COMMUNITY:nothing:at:all_clear", "OTHER", ""):
        await zita.tap(action)
    freezer.tick(timedelta(hours=13))
    await zita.tap(good)
    await village.hass.async_block_till_done()
    assert village.event().attributes["event_type"] == "alerted"
    assert len(zita.messages) == 1


async def test_a_restart_in_the_middle_changes_nothing(village: Village) -> None:
    zita = village.phones["zita"]
    raised = await village.raise_incident()
    await zita.message(1)
    await village.hass.config_entries.async_reload(village.entry.entry_id)
    await village.hass.async_block_till_done()
    assert (await village.raise_incident())["incident"] == raised["incident"]
    await zita.tap(zita.buttons()["False alarm"])
    assert (await zita.message(2))["message"].startswith("Zita: false alarm.\n")
    assert village.event().attributes["event_type"] == "false_alarm"


async def test_numbers_begin_anew_each_year(village: Village, freezer: FrozenDateTimeFactory) -> None:
    # 23:30 UTC is past midnight in Vilnius: the year of the people counts.
    freezer.move_to(datetime(2026, 12, 30, 12, tzinfo=dt_util.UTC))
    assert (await village.raise_incident())["incident"] == "2026-1"
    freezer.move_to(datetime(2026, 12, 31, 23, 30, tzinfo=dt_util.UTC))
    assert (await village.raise_incident())["incident"] == "2027-1"


async def test_a_rota_that_cannot_be_read_does_not_silence_an_alert(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    await village.hass.config_entries.async_remove(
        village.hass.config_entries.async_entries("local_calendar")[0].entry_id
    )
    assert (await village.raise_incident())["alerted"] == ["Zita"]


async def test_what_is_no_camera_of_ours_is_refused(village: Village) -> None:
    for entity_id in ("binary_sensor.somebody_else_s", ROTA, EVENT):
        with pytest.raises(ServiceValidationError, match="does not belong to a camera"):
            await village.raise_incident(entity_id)


async def test_only_members_who_answer_may_raise_by_hand(village: Village, log_in: LogIn, hass: HomeAssistant) -> None:
    stranger = await log_in("Stranger")
    with pytest.raises(NotPermitted):
        await village.raise_incident(context=Context(user_id=stranger.user.id))
    ona = next(found for found in village.entry.subentries.values() if found.title == "Ona")
    data = dict(ona.data) | {"user_id": stranger.user.id, "account_name": stranger.user.name}
    hass.config_entries.async_update_subentry(village.entry, ona, data=data)
    with pytest.raises(NotPermitted):
        await village.raise_incident("camera.pabirze_kapines", Context(user_id=stranger.user.id))
    assert (await village.raise_incident(context=Context(user_id=stranger.user.id)))["new"]
