"""The blueprints that travel with the integration, and what becomes of those that people have."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.safe_community import shipped
from custom_components.safe_community.access import NotPermitted
from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import LogIn, SetUp
from tests.integration.world import member, subentry
from tests.world import Recorder

SOURCE = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN
NIGHT = "safe_community/motion_alert.yaml"
NOTHING: dict[str, list[str]] = {"installed": [], "updated": [], "unchanged": [], "kept": []}


@pytest.fixture
def installed(hass_config_dir: str) -> Path:
    return Path(hass_config_dir) / "blueprints" / "automation" / NIGHT


@pytest.fixture(autouse=True)
async def _set_up(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})


async def install(hass: HomeAssistant, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(
        DOMAIN, "install_blueprints", data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return dict(answer)


def put(installed: Path, text: str | bytes) -> None:
    installed.parent.mkdir(parents=True)
    installed.write_bytes(text.encode() if isinstance(text, str) else text)


def content(file: Path) -> str | None:
    return file.read_text("utf-8") if file.exists() else None


def former(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Let a text be one that was shipped before."""
    versions = json.loads(shipped.VERSIONS.read_text("utf-8"))
    versions[NIGHT].insert(0, sha256(text.encode()).hexdigest())
    monkeypatch.setattr(shipped, "VERSIONS", tmp_path / "versions.json")
    shipped.VERSIONS.write_text(json.dumps(versions), "utf-8")


def test_what_travels_is_what_the_repository_has() -> None:
    ours, source = (
        {file.name: file.read_text("utf-8") for file in folder.iterdir()} for folder in (shipped.FOLDER, SOURCE)
    )
    assert ours == source


def test_every_text_that_was_shipped_is_remembered() -> None:
    """A blueprint was changed: append its new SHA-256 to blueprints/versions.json, and leave the former ones there."""
    versions = json.loads(shipped.VERSIONS.read_text("utf-8"))
    texts = {f"{DOMAIN}/{file.name}": file.read_text("utf-8") for file in shipped.FOLDER.iterdir()}
    assert {path: digests[-1] for path, digests in versions.items()} == {
        path: sha256(text.encode()).hexdigest() for path, text in texts.items()
    }


async def test_a_blueprint_is_installed_as_it_was_written(hass: HomeAssistant, installed: Path) -> None:
    assert await install(hass) == NOTHING | {"installed": [NIGHT]}
    assert content(installed) == content(SOURCE / "motion_alert.yaml")
    assert await install(hass) == NOTHING | {"unchanged": [NIGHT]}
    assert await shipped.async_outdated(hass) == []


async def test_an_older_one_that_nobody_edited_is_updated_and_its_automations_reloaded(
    hass: HomeAssistant, installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reloads = async_mock_service(hass, "automation", "reload")
    put(installed, "# the first one\n")
    former(monkeypatch, tmp_path, "# the first one\n")
    assert await shipped.async_outdated(hass) == [NIGHT]
    assert await install(hass) == NOTHING | {"updated": [NIGHT]}
    assert content(installed) == content(SOURCE / "motion_alert.yaml")
    assert len(reloads) == 1
    assert await shipped.async_outdated(hass) == []


async def test_an_older_one_is_updated_also_where_there_are_no_automations(
    hass: HomeAssistant, installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(installed, "# the first one\n")
    former(monkeypatch, tmp_path, "# the first one\n")
    assert await install(hass) == NOTHING | {"updated": [NIGHT]}
    assert await install(hass) == NOTHING | {"unchanged": [NIGHT]}


@pytest.mark.parametrize("text", ["# mine\n", "blueprint: [", "- no\n- mapping\n"])
async def test_what_somebody_edited_is_kept_unless_it_is_to_be_overwritten(
    hass: HomeAssistant, installed: Path, text: str
) -> None:
    put(installed, text)
    assert await shipped.async_outdated(hass) == [], "nobody is to be nagged for ever"
    assert await install(hass) == NOTHING | {"kept": [NIGHT]}
    assert content(installed) == text
    assert await install(hass, overwrite=True) == NOTHING | {"updated": [NIGHT]}
    assert content(installed) == content(SOURCE / "motion_alert.yaml")


async def test_what_is_no_text_at_all_is_kept(hass: HomeAssistant, installed: Path) -> None:
    put(installed, b"\xff\xfe\x00")
    assert await install(hass) == NOTHING | {"kept": [NIGHT]}


async def test_one_change_of_a_number_is_an_edit(hass: HomeAssistant, installed: Path) -> None:
    put(installed, (SOURCE / "motion_alert.yaml").read_text("utf-8").replace("max: 24", "max: 25"))
    assert await install(hass) == NOTHING | {"kept": [NIGHT]}


async def test_one_that_was_imported_by_its_address_is_the_same_one(hass: HomeAssistant, installed: Path) -> None:
    """Home Assistant's import writes it anew, without comments, and with the address that it came from."""
    (ours,) = shipped.FOLDER.glob("motion_alert.yaml")
    imported = Blueprint(load_yaml_dict(ours), expected_domain="automation", schema=AUTOMATION_BLUEPRINT_SCHEMA)
    imported.update_metadata(source_url="https://example.org/motion_alert.yaml")
    put(installed, imported.yaml())
    assert await install(hass) == NOTHING | {"unchanged": [NIGHT]}


async def test_a_disk_that_takes_nothing_is_told(hass: HomeAssistant, installed: Path) -> None:
    installed.parent.parent.mkdir(parents=True)
    installed.parent.write_text("a file where the folder should be", "utf-8")
    with pytest.raises(HomeAssistantError, match="cannot be written"):
        await install(hass)


async def test_only_administrators_install(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, installed: Path
) -> None:
    entry = await set_up(recorder)
    people = {role: await log_in(role) for role in ("public_order_specialist", "administrator")}
    for role, person in people.items():
        hass.config_entries.async_add_subentry(entry, subentry(member(role, role, user_id=person.user.id)))
    with pytest.raises(NotPermitted):
        await install(hass, Context(user_id=people["public_order_specialist"].user.id))
    assert content(installed) is None
    await install(hass, Context(user_id=people["administrator"].user.id))
    assert content(installed) is not None


async def test_without_a_recorder_only_home_assistant_s_administrators_install(
    hass: HomeAssistant, log_in: LogIn, installed: Path
) -> None:
    person = await log_in("Ona")
    for user_id in (person.user.id, "removed"):
        with pytest.raises(NotPermitted):
            await install(hass, Context(user_id=user_id))
    assert content(installed) is None
    (owner,) = (user for user in await hass.auth.async_get_users() if user.is_owner)
    await install(hass, Context(user_id=owner.id))
    assert content(installed) is not None
