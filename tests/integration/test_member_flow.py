"""How members are taken into the scheme and changed, by the dialogue that an administrator goes through."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.safe_community.members import members_of
from tests.integration.conftest import LogIn, SetUp
from tests.integration.test_camera_flow import suggested
from tests.integration.world import member
from tests.world import Recorder


async def add_member(hass: HomeAssistant, entry: MockConfigEntry, answers: dict[str, Any]) -> Any:
    form = await hass.config_entries.subentries.async_init((entry.entry_id, "member"), context={"source": SOURCE_USER})
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "user")
    return await hass.config_entries.subentries.async_configure(form["flow_id"], answers)


async def test_a_member_is_taken_in_and_changed(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn
) -> None:
    person = await log_in("Ona")
    entry = await set_up(recorder)
    done = await add_member(
        hass,
        entry,
        {
            "name": " Ona  Petrauskienė ",
            "role": "eldership_specialist",
            "elderships": ["vabalninkas"],
            "language": "lt",
            "user_id": person.user.id,
        },
    )
    assert (done["type"], done["title"]) == (FlowResultType.CREATE_ENTRY, "Ona Petrauskienė")
    (subentry,) = entry.subentries.values()
    assert subentry.data["user_id"] == person.user.id

    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "member"), context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id}
    )
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "reconfigure")
    changed = {"name": "Ona Kazlauskienė", "role": "coordinator", "elderships": [], "language": "lv"}
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], changed)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    (subentry,) = entry.subentries.values()
    assert (subentry.title, dict(subentry.data)) == ("Ona Kazlauskienė", changed)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"name": "  "}, {"name": "name_required"}),
        ({"role": "eldership_specialist"}, {"elderships": "eldership_required"}),
        ({"user_id": "{taken}"}, {"user_id": "account_taken"}),
    ],
)
async def test_a_member_that_cannot_be_is_refused_with_a_reason(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    answers: dict[str, str],
    errors: dict[str, str],
) -> None:
    person = await log_in("Ona")
    entry = await set_up(recorder, member("Ona", "volunteer", user_id=person.user.id))
    answers = {key: value.format(taken=person.user.id) for key, value in answers.items()}
    good = {"name": "Jonas", "role": "coordinator", "language": "lt", "elderships": []}
    form = await add_member(hass, entry, good | answers)
    assert (form["type"], form["errors"]) == (FlowResultType.FORM, errors)
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], good)
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_members_wait_for_the_recorder(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(recorder)
    await hass.config_entries.async_unload(entry.entry_id)
    form = await hass.config_entries.subentries.async_init((entry.entry_id, "member"), context={"source": SOURCE_USER})
    assert (form["type"], form["reason"]) == (FlowResultType.ABORT, "recorder_not_loaded")


async def change(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> Any:
    found = next(subentry for subentry in entry.subentries.values() if subentry.title == name)
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "member"), context={"source": SOURCE_RECONFIGURE, "subentry_id": found.subentry_id}
    )


def day(days: int) -> str:
    return (dt_util.now().date() + timedelta(days=days)).isoformat()


async def test_a_new_member_s_role_ends_in_a_year_and_is_looked_at_in_half_of_it(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    hass.config.language = "lv"
    entry = await set_up(recorder)
    form = await hass.config_entries.subentries.async_init((entry.entry_id, "member"), context={"source": SOURCE_USER})
    access = {"review_date": day(180), "grant_expires": day(365)}
    assert suggested(form) == {"language": "lv", "alerts": {}, "access": access}
    hass.config.language = "et"
    form = await hass.config_entries.subentries.async_init((entry.entry_id, "member"), context={"source": SOURCE_USER})
    assert suggested(form)["language"] == "en"


async def test_everything_about_a_member_is_kept_and_shown_again(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn
) -> None:
    async_mock_service(hass, "notify", "sms_ona")
    async_mock_service(hass, "notify", "notify")
    hass.states.async_set("notify.ona_telegram", "unknown", {"friendly_name": "Ona on Telegram"})
    person = await log_in("Ona P.")
    entry = await set_up(recorder)
    answers = {
        "name": "Ona",
        "role": "eldership_specialist",
        "elderships": ["pabirze"],
        "language": "lt",
        "user_id": person.user.id,
        "alerts": {
            "channels": ["notify.sms_ona", "notify.ona_telegram"],
            "quiet_from": "22:00:00",
            "quiet_to": "06:00:00",
        },
        "access": {"consent_date": day(-1), "review_date": day(100), "grant_expires": day(0)},
    }
    done = await add_member(hass, entry, answers)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    (ona,) = members_of(entry)
    assert (ona.account_name, ona.channels) == ("Ona P.", ("notify.sms_ona", "notify.ona_telegram"))
    assert (str(ona.quiet_from), str(ona.quiet_to)) == ("22:00:00", "06:00:00")
    assert [str(one) for one in (ona.consent, ona.review, ona.expires)] == [day(-1), day(100), day(0)]
    assert suggested(await change(hass, entry, "Ona")) == answers


async def test_what_is_emptied_is_gone_and_a_grant_that_is_over_may_stay_so(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    old = member("Ona", "coordinator", consent_date=day(-400), grant_expires=day(-10), channels=["notify.gone"])
    entry = await set_up(recorder, old)
    form = await change(hass, entry, "Ona")
    filled = suggested(form)
    assert filled["alerts"] == {"channels": ["notify.gone"]}
    again = await hass.config_entries.subentries.async_configure(form["flow_id"], filled | {"name": " "})
    assert (again["type"], again["errors"]) == (FlowResultType.FORM, {"name": "name_required"})
    done = await hass.config_entries.subentries.async_configure(
        form["flow_id"], filled | {"alerts": {}, "access": {"grant_expires": day(-10)}}
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    (ona,) = members_of(entry)
    assert (ona.channels, ona.consent, str(ona.expires)) == ((), None, day(-10))


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"alerts": {"quiet_from": "22:00:00"}}, "quiet_hours_need_both"),
        ({"alerts": {"quiet_to": "06:00:00"}}, "quiet_hours_need_both"),
        ({"access": {"consent_date": "{tomorrow}"}}, "consent_in_the_future"),
        ({"access": {"grant_expires": "{yesterday}"}}, "expired_already"),
    ],
)
async def test_hours_and_days_that_cannot_be_are_refused(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, sections: dict[str, dict[str, str]], error: str
) -> None:
    entry = await set_up(recorder)
    days = {"tomorrow": day(1), "yesterday": day(-1)}
    said = {name: {key: value.format(**days) for key, value in part.items()} for name, part in sections.items()}
    good = {"name": "Jonas", "role": "coordinator", "language": "lt"}
    form = await add_member(hass, entry, good | said)
    assert (form["type"], form["errors"]) == (FlowResultType.FORM, {"base": error})
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], good)
    assert done["type"] is FlowResultType.CREATE_ENTRY


async def test_a_volunteer_is_taken_in_with_a_consent_only(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    volunteer = {"name": "Jonas", "role": "volunteer", "language": "lt"}
    form = await add_member(hass, entry, volunteer)
    assert (form["type"], form["errors"]) == (FlowResultType.FORM, {"base": "consent_required"})
    agreed = volunteer | {"access": {"consent_date": day(0)}}
    done = await hass.config_entries.subentries.async_configure(form["flow_id"], agreed)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert [str(jonas.consent) for jonas in members_of(entry)] == [day(0)]
