"""The drill: who is reached, how, and who may ring whom."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.safe_community.access import NotPermitted
from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.devices import eldership_identifier
from tests.integration.conftest import LogIn, SetUp
from tests.integration.phones import Phone, PushService, push_service
from tests.integration.world import member, subentry
from tests.world import Recorder


@pytest.fixture
async def pushes() -> AsyncGenerator[PushService]:
    async with push_service() as pushes:
        yield pushes


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    assert await async_setup_component(hass, "mobile_app", {})
    return await set_up(recorder)


@pytest.fixture
async def phone(
    hass_client: ClientSessionGenerator, entry: MockConfigEntry, pushes: PushService, hass: HomeAssistant
) -> Phone:
    return await pushes.register(hass, await hass_client(), "ona")


def take_in(hass: HomeAssistant, entry: MockConfigEntry, name: str, role: str = "volunteer", **data: Any) -> None:
    hass.config_entries.async_add_subentry(entry, subentry(member(name, role, **data)))


def device(hass: HomeAssistant, entry: MockConfigEntry, eldership_id: str) -> str:
    identifier = eldership_identifier(entry.runtime_data.recorder, eldership_id)
    found = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    assert found is not None
    return found.id


async def drill(hass: HomeAssistant, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(
        DOMAIN, "test_alert", data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return dict(answer)


@pytest.mark.parametrize(("language", "word"), [("en", "DRILL"), ("lt", "BANDYMAS"), ("lv", "TESTS")])
async def test_nobody_takes_a_drill_for_an_alert(
    hass: HomeAssistant, entry: MockConfigEntry, phone: Phone, language: str, word: str
) -> None:
    take_in(hass, entry, "Ona", device_id=phone.device_id, language=language)
    assert await drill(hass, members=["ona"]) == {
        "reached": [{"member": "Ona", "by": ["phone"]}],
        "not_reached": [],
    }
    message = await phone.message(1)
    assert message["title"].startswith(f"{word}:")
    assert message["message"].startswith(f"{word}.")
    assert "actions" not in message["data"]


async def test_everybody_of_an_eldership_is_reached_in_every_way_they_have(
    hass: HomeAssistant, entry: MockConfigEntry, phone: Phone
) -> None:
    sms = async_mock_service(hass, "notify", "sms_jonas")
    telegram = async_mock_service(hass, "notify", "send_message")
    hass.states.async_set("notify.telegram_ona", "unknown")
    take_in(hass, entry, "Ona", device_id=phone.device_id, channels=["notify.telegram_ona"], elderships=["pabirze"])
    take_in(hass, entry, "Jonas", "coordinator", channels=["notify.sms_jonas", "notify.gone"])
    take_in(hass, entry, "Petras")
    take_in(hass, entry, "Elena", elderships=["vabalninkas"], channels=["notify.sms_jonas"])
    take_in(hass, entry, "Rasa", "data_protection_officer", channels=["notify.sms_jonas"])
    take_in(hass, entry, "Vida", channels=["notify.sms_jonas"], grant_expires="2020-01-01")
    assert await drill(hass, device_id=device(hass, entry, "pabirze")) == {
        "reached": [
            {"member": "Jonas", "by": ["notify.sms_jonas"]},
            {"member": "Ona", "by": ["notify.telegram_ona", "phone"]},
        ],
        "not_reached": ["Petras"],
    }
    assert [call.data["title"] for call in sms] == ["DRILL: test alert"]
    assert [call.data["entity_id"] for call in telegram] == ["notify.telegram_ona"]
    assert len(phone.messages) == 1


async def test_a_channel_that_fails_keeps_nobody_else_from_hearing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    async_mock_service(hass, "notify", "sms_jonas", raise_exception=HomeAssistantError("no credit"))
    async_mock_service(hass, "notify", "sms_ona")
    take_in(hass, entry, "Jonas", channels=["notify.sms_jonas"])
    take_in(hass, entry, "Ona", channels=["notify.sms_ona"])
    answer = await drill(hass, device_id=device(hass, entry, "pabirze"))
    assert answer["not_reached"] == ["Jonas"]
    assert answer["reached"] == [{"member": "Ona", "by": ["notify.sms_ona"]}]


async def test_only_administrators_ring_others_and_everybody_their_own_phone(
    hass: HomeAssistant, entry: MockConfigEntry, log_in: LogIn
) -> None:
    async_mock_service(hass, "notify", "sms")
    people = {name: await log_in(name) for name in ("Ona", "Aldona", "Stranger")}
    take_in(hass, entry, "Ona", channels=["notify.sms"], user_id=people["Ona"].user.id)
    take_in(hass, entry, "Jonas", channels=["notify.sms"])
    take_in(hass, entry, "Aldona", "administrator", user_id=people["Aldona"].user.id)
    contexts = {name: Context(user_id=person.user.id) for name, person in people.items()}

    assert (await drill(hass, contexts["Ona"], members=["Ona"]))["not_reached"] == []
    refused: tuple[dict[str, Any], ...] = (
        {"members": ["Jonas"]},
        {"members": ["Ona", "Jonas"]},
        {"members": ["Ona", "Nobody"]},
        {"device_id": device(hass, entry, "pabirze")},
    )
    for data in refused:
        with pytest.raises(NotPermitted):
            await drill(hass, contexts["Ona"], **data)
    with pytest.raises(NotPermitted):
        await drill(hass, contexts["Stranger"], members=["Ona"])
    answer = await drill(hass, contexts["Aldona"], device_id=device(hass, entry, "pabirze"))
    assert [one["member"] for one in answer["reached"]] == ["Jonas", "Ona"]


async def test_whom_to_reach_has_to_be_said(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    take_in(hass, entry, "Ona", elderships=["vabalninkas"])
    with pytest.raises(ServiceValidationError, match="Nobody here is called Onute"):
        await drill(hass, members=["ona", "Onute"])
    with pytest.raises(ServiceValidationError, match="whom to reach"):
        await drill(hass)
    with pytest.raises(ServiceValidationError, match="not an eldership"):
        await drill(hass, device_id="gone")
    with pytest.raises(ServiceValidationError, match="Nobody is asked"):
        await drill(hass, device_id=device(hass, entry, "pabirze"))
