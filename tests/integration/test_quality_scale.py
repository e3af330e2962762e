"""quality_scale.yaml is true, line by line: what shows in the code is looked at, of all else a test is named."""

import ast
import importlib
import json
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import homeassistant.components
import pytest
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community import PLATFORMS
from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import SetUp
from tests.integration.test_guide import HEADINGS
from tests.integration.test_texts import CODE, ENGLISH, INTEGRATION, described
from tests.world import Recorder

PACKAGE = f"custom_components.{DOMAIN}"
TESTS = Path(__file__).parent
ICONS = json.loads((INTEGRATION / "icons.json").read_text("utf-8"))
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text("utf-8"))

# Of developers.home-assistant.io, docs/core/integration-quality-scale/_includes/tiers.json, August 2026.
BRONZE = {
    "action-setup",
    "appropriate-polling",
    "brands",
    "common-modules",
    "config-flow",
    "config-flow-test-coverage",
    "dependency-transparency",
    "docs-actions",
    "docs-conditions",
    "docs-high-level-description",
    "docs-installation-instructions",
    "docs-removal-instructions",
    "docs-triggers",
    "entity-event-setup",
    "entity-unique-id",
    "has-entity-name",
    "runtime-data",
    "test-before-configure",
    "test-before-setup",
    "unique-config-entry",
}
SILVER = {
    "action-exceptions",
    "config-entry-unloading",
    "docs-configuration-parameters",
    "docs-installation-parameters",
    "entity-unavailable",
    "integration-owner",
    "log-when-unavailable",
    "parallel-updates",
    "reauthentication-flow",
    "test-coverage",
}
GOLD = {
    "devices",
    "diagnostics",
    "discovery",
    "discovery-update-info",
    "docs-data-update",
    "docs-examples",
    "docs-known-limitations",
    "docs-supported-devices",
    "docs-supported-functions",
    "docs-troubleshooting",
    "docs-use-cases",
    "dynamic-devices",
    "entity-category",
    "entity-device-class",
    "entity-disabled-by-default",
    "entity-translations",
    "exception-translations",
    "icon-translations",
    "reconfiguration-flow",
    "repair-issues",
    "stale-devices",
}
PLATINUM = {"async-dependency", "inject-websession", "strict-typing"}

# Which tests elsewhere see it happen, or hold the guide against it.
SEEN_IN = {
    "action-setup": {"test_texts": "test_home_assistant_takes_manifest_actions_and_icons"},
    "config-flow": {"test_config_flow": "test_a_recorder_is_connected_by_address_and_token"},
    "config-flow-test-coverage": {
        "test_config_flow": "test_what_is_wrong_is_said_and_can_be_put_right",
        "test_certificates": "test_a_certificate_is_shown_before_the_token_is_sent",
        "test_camera_flow": "test_a_camera_is_added_once_the_recorder_has_seen_it",
        "test_member_flow": "test_a_member_is_taken_in_and_changed",
    },
    "entity-event-setup": {"test_misbehaving": "test_fifty_reloads_leave_nothing_behind"},
    "test-before-configure": {"test_config_flow": "test_what_is_wrong_is_said_and_can_be_put_right"},
    "test-before-setup": {
        "test_entities": "test_a_recorder_that_is_not_there_is_tried_again",
        "test_misbehaving": "test_set_up_waits_until_it_is_well",
    },
    "unique-config-entry": {"test_config_flow": "test_the_same_recorder_is_not_connected_twice"},
    "action-exceptions": {
        "test_services": "test_what_cannot_be_locked_is_said_in_words",
        "test_figures": "test_a_recorder_that_cannot_pause_is_an_error_and_the_switch_stays",
    },
    "config-entry-unloading": {
        "test_entities": "test_unloading_leaves_nothing_behind_and_removing_forgets",
        "test_misbehaving": "test_fifty_reloads_leave_nothing_behind",
    },
    "entity-unavailable": {"test_figures": "test_entities_are_away_with_their_recorder"},
    "log-when-unavailable": {"test_misbehaving": "test_it_is_away_once_and_back_once"},
    "reauthentication-flow": {
        "test_config_flow": "test_a_new_token_is_asked_for_and_taken",
        "test_entities": "test_a_token_that_is_wrong_asks_for_a_new_one",
    },
    "devices": {"test_registry": "test_the_devices_are_these"},
    "diagnostics": {"test_diagnostics": "test_the_entry_s_diagnostics_tell_of_cameras_but_neither_secrets_nor_people"},
    "discovery": {
        "test_config_flow": "test_the_app_announces_its_recorder",
        "test_certificates": "test_a_recorder_on_the_network_is_connected_with_its_token",
    },
    "discovery-update-info": {
        "test_config_flow": "test_a_new_announcement_renews_address_and_token",
        "test_certificates": "test_a_known_recorder_is_followed_if_it_shows_the_accepted_certificate",
    },
    "dynamic-devices": {"test_entities": "test_cameras_come_go_and_change_their_names_without_a_reload"},
    "entity-category": {"test_registry": "test_the_entities_are_these"},
    "entity-device-class": {"test_registry": "test_the_entities_are_these"},
    "reconfiguration-flow": {"test_config_flow": "test_the_connection_can_be_changed_but_not_to_another_recorder"},
    "repair-issues": {
        "test_repairs": "test_a_role_is_prolonged_a_review_noted_and_an_account_linked_again_by_agreeing",
        "test_storage": "test_a_disk_that_is_missing_then_another_and_then_back_is_told_of",
    },
    "stale-devices": {"test_moving": "test_a_camera_that_goes_leaves_neither_device_nor_entity"},
    "entity-disabled-by-default": {"test_guide": "test_the_guide_lists_every_entity_and_whether_it_is_on"},
    "docs-actions": {"test_guide": "test_the_guide_tells_of_every_action_and_its_fields"},
    "docs-triggers": {"test_guide": "test_the_guide_tells_of_every_trigger_and_condition"},
    "docs-conditions": {"test_guide": "test_the_guide_tells_of_every_trigger_and_condition"},
    "docs-supported-functions": {"test_guide": "test_the_guide_lists_every_entity_and_whether_it_is_on"},
    "docs-examples": {"test_guide": "test_the_guide_s_examples_are_automations"},
}
# Of a rule that says how the code is: which tests here look at it.
LOOKED_AT_HERE = {
    "appropriate-polling": "test_nothing_is_polled",
    "brands": "test_it_brings_its_pictures",
    "common-modules": "test_its_rooms_have_the_usual_names",
    "dependency-transparency": "test_it_needs_no_package",
    "async-dependency": "test_it_needs_no_package",
    "entity-unique-id": "test_every_entity_has_what_home_assistant_asks_for",
    "has-entity-name": "test_every_entity_has_what_home_assistant_asks_for",
    "entity-translations": "test_every_entity_has_what_home_assistant_asks_for",
    "icon-translations": "test_every_action_trigger_and_condition_has_an_icon",
    "runtime-data": "test_what_takes_an_entry_takes_ours",
    "strict-typing": "test_what_takes_an_entry_takes_ours",
    "integration-owner": "test_somebody_owns_it",
    "parallel-updates": "test_every_platform_says_how_many_at_once",
    "exception-translations": "test_every_error_can_be_translated",
    "inject-websession": "test_it_opens_no_session_of_its_own",
}
# It is measured, not seen by a test: coverage run --branch of tests/integration and tests/blueprints.
MEASURED = {"test-coverage"}

RULES = load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))["rules"]


def status(rule: str) -> str:
    value = RULES[rule]
    return str(value if isinstance(value, str) else value["status"])


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Return our modules by their names, as they are written."""
    for path in CODE:
        parts = path.relative_to(INTEGRATION.parents[1]).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text("utf-8"))


# --- the file itself --------------------------------------------------------------------------------------------------


def test_every_rule_is_there_once_and_none_that_is_no_rule() -> None:
    text = (INTEGRATION / "quality_scale.yaml").read_text("utf-8")
    assert sorted(re.findall(r"^  ([a-z][a-z-]*):", text, re.MULTILINE)) == sorted(BRONZE | SILVER | GOLD | PLATINUM)


def test_the_rules_are_those_of_this_home_assistant() -> None:
    components = Path(next(iter(homeassistant.components.__path__)))
    theirs = {
        rule
        for path in components.glob("*/quality_scale.yaml")
        for rule in re.findall(r"^  ([a-z][a-z-]*):", path.read_text("utf-8"), re.MULTILINE)
    }
    assert theirs == BRONZE | SILVER | GOLD | PLATINUM


def test_all_is_done_but_what_cannot_apply() -> None:
    exempt = {rule for rule in RULES if status(rule) == "exempt"}
    assert exempt == {"appropriate-polling", "async-dependency", "dependency-transparency"}
    assert all(RULES[rule]["comment"].strip() for rule in exempt)
    assert {status(rule) for rule in RULES.keys() - exempt} == {"done"}


def test_every_rule_is_proved() -> None:
    assert {rule for rule in RULES if rule.startswith("docs-")} == HEADINGS.keys()
    assert RULES.keys() == SEEN_IN.keys() | LOOKED_AT_HERE.keys() | HEADINGS.keys() | MEASURED
    for tests in SEEN_IN.values():
        for module, name in tests.items():
            assert f"def {name}(" in (TESTS / f"{module}.py").read_text("utf-8"), name
    assert set(LOOKED_AT_HERE.values()) <= globals().keys()


# --- the code ---------------------------------------------------------------------------------------------------------


def test_it_brings_its_pictures() -> None:
    def size(name: str) -> tuple[int, int]:
        head = (INTEGRATION / "brand" / name).read_bytes()[:24]
        assert head.startswith(b"\x89PNG\r\n")
        width, height = struct.unpack(">II", head[16:])
        return width, height

    assert size("icon.png") == (256, 256)
    assert size("icon@2x.png") == (512, 512)
    assert 128 <= min(size("logo.png")) <= 256


def test_its_rooms_have_the_usual_names() -> None:
    assert {"coordinator.py", "diagnostics.py", "entity.py", "repairs.py", "services.py"} <= {
        path.name for path in CODE
    }


def test_it_needs_no_package() -> None:
    assert MANIFEST["requirements"] == []
    # What it imports, Home Assistant itself has.
    its_own = {"aiohttp", "homeassistant", "probatio", "yarl", *sys.stdlib_module_names}
    imported = {
        name.partition(".")[0]
        for _, tree in trees()
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert imported <= its_own


def test_somebody_owns_it() -> None:
    assert MANIFEST["codeowners"]
    assert all(re.fullmatch("@[a-z0-9-]+", owner) for owner in MANIFEST["codeowners"])


def test_every_platform_says_how_many_at_once() -> None:
    assert {platform for platform in Platform if (INTEGRATION / f"{platform}.py").exists()} == set(PLATFORMS)
    at_once = {platform: importlib.import_module(f"{PACKAGE}.{platform}").PARALLEL_UPDATES for platform in PLATFORMS}
    # What changes something at the recorder goes one after the other.
    assert at_once == {platform: 1 if platform is Platform.SWITCH else 0 for platform in PLATFORMS}


def test_what_takes_an_entry_takes_ours() -> None:
    arguments = {
        (module, function.name, argument.arg, ast.unparse(argument.annotation))
        for module, tree in trees()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None and "ConfigEntry" in ast.unparse(argument.annotation).split()
    }
    # Home Assistant tells of the entries of all integrations.
    assert {(module, name) for module, name, *_ in arguments} == {(f"{PACKAGE}.rights", "changed")}
    setup = next(
        node
        for module, tree in trees()
        for node in tree.body
        if module == PACKAGE and isinstance(node, ast.AsyncFunctionDef) and node.name == "async_setup_entry"
    )
    assert "entry.runtime_data = " in ast.unparse(setup)


def test_it_opens_no_session_of_its_own() -> None:
    called = {
        ast.unparse(node.func).rpartition(".")[2]
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert not called & {"ClientSession", "AsyncClient", "async_create_clientsession", "urlopen"}
    assert "async_get_clientsession" in called


def home_assistant_errors(module: str, tree: ast.Module) -> Iterator[tuple[ast.expr, type[HomeAssistantError]]]:
    """Return where a module names an error that Home Assistant shows to people."""
    names = vars(importlib.import_module(module))
    for node in ast.walk(tree):
        whole = node if isinstance(node, ast.Call) else node.exc if isinstance(node, ast.Raise) else None
        named = whole.func if isinstance(whole, ast.Call) else whole
        if isinstance(named, ast.Attribute) and isinstance(named.value, ast.Name):
            found = getattr(names.get(named.value.id), named.attr, None)
        else:
            found = names.get(named.id) if isinstance(named, ast.Name) else None
        if whole is not None and isinstance(found, type) and issubclass(found, HomeAssistantError):
            yield whole, found


def test_every_error_can_be_translated() -> None:
    seen = 0
    for module, tree in trees():
        for node, error in home_assistant_errors(module, tree):
            seen += 1
            where = f"{module}: {ast.unparse(node)}"
            if error.__module__.startswith(PACKAGE):
                # It says itself what it is.
                said = error()
                assert said.translation_domain == DOMAIN, where
                assert said.translation_key in ENGLISH["exceptions"], where
                continue
            assert isinstance(node, ast.Call), where
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert given.get("translation_domain") == "DOMAIN", where
            assert "translation_key" in given, where
            assert not node.args, where
    assert seen > 15


def test_no_icon_stands_in_the_code() -> None:
    assert [path.name for path in CODE if "mdi:" in path.read_text("utf-8")] == []


@pytest.mark.parametrize(
    ("file", "of_it"), [("services", "service"), ("triggers", "trigger"), ("conditions", "condition")]
)
def test_every_action_trigger_and_condition_has_an_icon(file: str, of_it: str) -> None:
    assert {name for name, icons in ICONS[file].items() if icons[of_it].startswith("mdi:")} == described(file).keys()


# --- entities ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def everything(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    """The recorder that all tests look at, with all of its entities switched on."""
    entry = await set_up(recorder)
    registry = er.async_get(hass)
    for registered in er.async_entries_for_config_entry(registry, entry.entry_id):
        if registered.disabled:
            registry.async_update_entity(registered.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    return entry


def entities(hass: HomeAssistant, entry: MockConfigEntry) -> list[Entity]:
    platforms = [one for one in async_get_platforms(hass, DOMAIN) if one.config_entry is entry]
    assert {platform.domain for platform in platforms} == {str(platform) for platform in PLATFORMS}
    return [entity for platform in platforms for entity in platform.entities.values()]


async def test_every_entity_has_what_home_assistant_asks_for(hass: HomeAssistant, everything: MockConfigEntry) -> None:
    found = entities(hass, everything)
    assert {entity.entity_id for entity in found} == {
        registered.entity_id
        for registered in er.async_entries_for_config_entry(er.async_get(hass), everything.entry_id)
    }
    for entity in found:
        domain, key = entity.entity_id.partition(".")[0], entity.translation_key
        assert entity.unique_id, entity.entity_id
        assert entity.has_entity_name, entity.entity_id
        assert entity.device_info is not None, entity.entity_id
        if domain == Platform.CAMERA:
            # A camera's device is named after it, and Home Assistant has an icon for it.
            assert entity.name is None
            continue
        assert key is not None, entity.entity_id
        assert ENGLISH["entity"][domain][key]["name"], entity.entity_id
        assert entity.device_class is not None or key in ICONS["entity"][domain], entity.entity_id


async def test_nothing_is_polled(hass: HomeAssistant, everything: MockConfigEntry) -> None:
    assert everything.runtime_data.coordinator.update_interval is None
    assert {entity.should_poll for entity in entities(hass, everything)} == {False}
