"""What somebody has to see to is told once, in words, and goes when it is over or put right."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community import repairs, system_health
from custom_components.safe_community.access import Action, user_permits
from custom_components.safe_community.camera_troubles import KINDS, MOST_NAMED, of_cameras
from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.coordinator import Recorder as KnownRecorder
from custom_components.safe_community.coordinator import RecorderCoordinator
from custom_components.safe_community.documents import CameraChanged, RecorderInfo
from custom_components.safe_community.errors import UnsupportedVersion
from custom_components.safe_community.member_troubles import of_members
from custom_components.safe_community.members import Member, Role, members_of
from custom_components.safe_community.troubles import of_version
from tests.integration.conftest import LogIn, SetUp
from tests.integration.test_documents import camera
from tests.integration.world import eventually, member
from tests.world import Recorder

TODAY = date(2026, 11, 23)
ONA = Member(id="1", name="Ona", role=Role.VOLUNTEER)


def issues(hass: HomeAssistant) -> set[str]:
    return {issue.translation_key or "" for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN}


# --- cameras ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ("camera_refused", {"connection": "refused"}),
        ("camera_unsupported", {"connection": "unsupported"}),
        ("camera_clock_wrong", {"tampering": ["clock_wrong", "dark"]}),
        ("camera_h265", {"codec": "h265"}),
    ],
)
async def test_a_camera_s_trouble_is_told_until_it_is_over(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, key: str, state: dict[str, Any]
) -> None:
    assert key in KINDS
    entry = await set_up(recorder)
    coordinator: RecorderCoordinator = entry.runtime_data.coordinator
    coordinator._async_take(CameraChanged(camera("aikste", "pabirze", **state)))
    issue = next(one for one in ir.async_get(hass).issues.values() if one.translation_key == key)
    assert issue.translation_placeholders == {"recorder": "Biržai", "cameras": "- Pabirze, aikste", "count": "1"}
    coordinator._async_take(CameraChanged(camera("aikste", "pabirze")))
    assert key not in issues(hass)


def test_the_same_trouble_of_many_cameras_is_one() -> None:
    info = RecorderInfo(recorder_id="1", name="Biržai", version="1")
    many = {f"c{number:02}": camera(f"c{number:02}", connection="refused") for number in range(MOST_NAMED + 3)}
    (trouble,) = of_cameras(KnownRecorder(info=info, cameras=many))
    lines = trouble.placeholders["cameras"].splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("- Vabalninkas, c00", "- + 3", MOST_NAMED + 1)
    assert trouble.placeholders["count"] == str(MOST_NAMED + 3)


async def test_what_somebody_ignores_stays_ignored_while_it_lasts(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    coordinator: RecorderCoordinator = entry.runtime_data.coordinator
    coordinator._async_take(CameraChanged(camera("aikste", codec="h265")))
    registry = ir.async_get(hass)
    issue_id = f"camera_h265_{entry.entry_id}"
    ir.async_ignore_issue(hass, DOMAIN, issue_id, True)
    coordinator._async_take(CameraChanged(camera("kapines", codec="h265")))
    issue = registry.async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.dismissed_version is not None
    assert (issue.translation_placeholders or {})["count"] == "2"


# --- members ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"expires": TODAY + timedelta(days=31)}, []),
        ({"expires": TODAY + timedelta(days=30)}, ["grant_ends"]),
        ({"expires": TODAY}, ["grant_ends"]),
        ({"expires": TODAY - timedelta(days=1)}, ["grant_over"]),
        ({"review": TODAY}, []),
        ({"review": TODAY - timedelta(days=1)}, ["review_due"]),
        ({"user_id": "a", "account_name": "Ona"}, []),
        ({"user_id": "a", "account_name": "Jonas"}, ["account_renamed"]),
        ({"user_id": "b", "account_name": "Ona"}, ["account_gone"]),
        ({"user_id": "b", "expires": TODAY, "review": date(2020, 1, 1)}, ["grant_ends", "account_gone", "review_due"]),
    ],
)
def test_members_that_somebody_has_to_look_at(changes: dict[str, Any], expected: list[str]) -> None:
    found = of_members([replace(ONA, **changes)], {"a": "Ona"}, TODAY)
    assert [trouble.translation_key for trouble in found] == expected
    assert all(trouble.placeholders["member"] == "Ona" for trouble in found)


async def begin(client: Any, issue_id: str) -> Any:
    """Open what a repair offers."""
    return await (await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})).json()


async def agree(client: Any, flow: Any) -> Any:
    """Agree to it."""
    return await (await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={})).json()


async def fix(hass: HomeAssistant, client: Any, issue_id: str) -> dict[str, Any]:
    """Agree to what a repair offers; returns the placeholders that were shown."""
    flow = await begin(client, issue_id)
    assert (flow["type"], flow["step_id"]) == ("form", "confirm"), flow
    done = await agree(client, flow)
    assert done["type"] == "create_entry", done
    await hass.async_block_till_done(wait_background_tasks=False)
    placeholders: dict[str, Any] = flow["description_placeholders"]
    return placeholders


def issue_of(hass: HomeAssistant, key: str) -> str:
    return next(one.issue_id for one in ir.async_get(hass).issues.values() if one.translation_key == key)


async def test_a_role_is_prolonged_a_review_noted_and_an_account_linked_again_by_agreeing(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    today = dt_util.now().date()
    person = await log_in("Ona the second")
    old = {"grant_expires": (today - timedelta(days=3)).isoformat(), "review_date": "2020-01-01"}
    ona = member("Ona", "public_order_specialist", user_id=person.user.id, account_name="Ona", **old)
    soon = member("Petras", "volunteer", grant_expires=(today + timedelta(days=3)).isoformat())
    entry = await set_up(recorder, ona, soon)
    keys = {"grant_over", "grant_ends", "review_due", "account_renamed"}
    await eventually(hass, lambda: keys <= issues(hass), "all are told of")
    assert not user_permits(entry, person.user, Action.LIVE, "vabalninkas")
    client = await hass_client()
    shown = await fix(hass, client, issue_of(hass, "account_renamed"))
    assert shown == {"member": "Ona", "account": "Ona the second", "former": "Ona"}
    for key in ("grant_over", "grant_ends", "review_due"):
        await fix(hass, client, issue_of(hass, key))
    await eventually(hass, lambda: not keys & issues(hass), "nothing is left")
    first, second = members_of(entry)
    year = timedelta(days=365)
    assert (first.expires, first.review) == (today + year, today + timedelta(days=180))
    assert second.expires == today + timedelta(days=3) + year
    assert user_permits(entry, person.user, Action.LIVE, "vabalninkas")


async def test_a_member_whose_account_is_gone_goes_on_without_one(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await set_up(recorder, member("Ona", "volunteer", user_id="nobody"))
    await eventually(hass, lambda: "account_gone" in issues(hass), "it is told")
    assert await fix(hass, await hass_client(), issue_of(hass, "account_gone")) == {"member": "Ona"}
    await eventually(hass, lambda: not issues(hass), "it is taken back")
    (ona,) = members_of(entry)
    assert (ona.user_id, ona.account_name) == (None, None)
    (subentry,) = entry.subentries.values()
    assert "user_id" not in subentry.data


async def test_what_is_over_meanwhile_is_not_put_right(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await set_up(recorder, member("Ona", "volunteer", review_date="2020-01-01", user_id="nobody"))
    await eventually(hass, lambda: {"review_due", "account_gone"} <= issues(hass), "it is told")
    client = await hass_client()
    flow, other = [await begin(client, issue_of(hass, key)) for key in ("review_due", "account_gone")]
    (subentry,) = entry.subentries.values()
    data = {**subentry.data, "review_date": "2099-01-01"}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)
    assert (await agree(client, flow))["type"] == "create_entry"
    assert members_of(entry)[0].review == date(2099, 1, 1)
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    assert (await agree(client, other))["type"] == "create_entry"
    await eventually(hass, lambda: not issues(hass), "it is taken back")


async def test_an_account_that_is_renamed_again_is_asked_for_again(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    person = (await log_in("Ona the second")).user
    entry = await set_up(recorder, member("Ona", "volunteer", user_id=person.id, account_name="Ona"))
    await eventually(hass, lambda: "account_renamed" in issues(hass), "it is told")
    client = await hass_client()
    flow = await begin(client, issue_of(hass, "account_renamed"))
    await hass.auth.async_update_user(person, name="Somebody else")
    again = await agree(client, flow)
    assert (again["type"], again["description_placeholders"]["account"]) == ("form", "Somebody else")
    assert members_of(entry)[0].account_name == "Ona"
    assert (await agree(client, again))["type"] == "create_entry"
    assert members_of(entry)[0].account_name == "Somebody else"


async def test_no_account_reads_a_member_s_name_among_the_repairs(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    stranger = await log_in("A stranger")
    old = {"grant_expires": "2020-01-01", "review_date": "2020-01-01"}
    await set_up(recorder, member("Ona", "volunteer", user_id="nobody", **old))
    told = {"grant_over", "review_due", "account_gone"}
    await eventually(hass, lambda: told <= issues(hass), "all are told of")
    socket = await hass_ws_client(hass, stranger.token)
    await socket.send_json_auto_id({"type": "repairs/list_issues"})
    listed = await socket.receive_json()
    assert told <= {issue["translation_key"] for issue in listed["result"]["issues"]}
    assert "Ona" not in str(listed)
    for key in told:
        about = {"domain": DOMAIN, "issue_id": issue_of(hass, key)}
        await socket.send_json_auto_id({"type": "repairs/get_issue_data", **about})
        answer = await socket.receive_json()
        assert answer["success"]
        assert "Ona" not in str(answer)


# --- versions and blueprints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "key"), [(0, "recorder_too_old"), (2, "recorder_too_new"), ("x", "recorder_too_new")]
)
def test_of_a_recorder_that_does_not_fit_it_is_said_who_is_older(found: object, key: str) -> None:
    (trouble,) = of_version("Biržai", UnsupportedVersion(found))
    assert (trouble.translation_key, trouble.placeholders["found"]) == (key, str(found))


async def test_a_recorder_of_another_version_is_told_of_until_it_fits(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await set_up(recorder)
    with monkeypatch.context() as patched:
        for module in ("documents", "troubles"):
            patched.setattr(f"custom_components.safe_community.{module}.API_VERSION", 7)
        coordinator: RecorderCoordinator = entry.runtime_data.coordinator
        coordinator.async_set_update_error(UnsupportedVersion(1))
        assert "recorder_too_old" in issues(hass)
        await hass.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert "recorder_too_old" in issues(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) & {"recorder_too_old", "recorder_too_new"} == set()


async def test_newer_blueprints_are_told_of_and_installed_by_agreeing(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await set_up(recorder)
    assert "blueprints_outdated" not in issues(hass)
    outdated = ["safe_community/motion_alert.yaml"]
    installed: list[bool] = []

    async def look(_hass: HomeAssistant) -> list[str]:
        return [] if installed else outdated

    async def install(_hass: HomeAssistant, *, overwrite: bool) -> None:
        installed.append(overwrite)

    monkeypatch.setattr(repairs, "async_outdated", look)
    monkeypatch.setattr(repairs, "async_install", install)
    await repairs.async_tell_of_blueprints(hass)
    shown = await fix(hass, await hass_client(), "blueprints_outdated")
    assert shown == {"blueprints": "- safe_community/motion_alert.yaml"}
    assert installed == [False]
    assert "blueprints_outdated" not in issues(hass)


async def test_system_information_says_how_the_recorders_do(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    await eventually(hass, lambda: entry.runtime_data.recorder.storage is not None, "the disk is told of")
    registered = SystemHealthRegistration(hass, DOMAIN)
    system_health.async_register(hass, registered)
    assert registered.info_callback is not None
    info = await registered.info_callback(hass)
    assert (info["recorders"], info["cameras"], info["archives"]) == ("1/1", "2/3", "1/1")
    await hass.config_entries.async_unload(entry.entry_id)
    info = await registered.info_callback(hass)
    assert (info["recorders"], info["versions"]) == ("0/1", "–")
