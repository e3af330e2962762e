"""quality_scale.yaml is true, line by line: what shows in the code is looked at, of all else a test is named."""

import ast
import importlib
import json
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import homeassistant.components
import pytest
import yaml
from homeassistant import data_entry_flow
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community import PLATFORMS
from custom_components.safe_community.camera_troubles import KINDS
from custom_components.safe_community.const import DOMAIN, LANGUAGES
from tests.integration.conftest import SetUp
from tests.integration.test_texts import CODE, INTEGRATION, texts
from tests.integration.world import member
from tests.world import Recorder

PACKAGE = f"custom_components.{DOMAIN}"
TESTS = Path(__file__).parent
GUIDE = (INTEGRATION.parents[1] / "docs/integration.md").read_text("utf-8")
ENGLISH = json.loads((INTEGRATION / "translations/en.json").read_text("utf-8"))
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

# Of a rule that says what happens: which tests see it happen.
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
    "entity-disabled-by-default": "test_the_guide_lists_every_entity_and_whether_it_is_on",
    "exception-translations": "test_every_error_can_be_translated",
    "inject-websession": "test_it_opens_no_session_of_its_own",
    "docs-actions": "test_the_guide_tells_of_every_action_and_its_fields",
    "docs-triggers": "test_the_guide_tells_of_every_trigger_and_condition",
    "docs-conditions": "test_the_guide_tells_of_every_trigger_and_condition",
    "docs-supported-functions": "test_the_guide_lists_every_entity_and_whether_it_is_on",
    "docs-examples": "test_the_guide_s_examples_are_automations",
}
# Under which heading of docs/integration.md each is found, and a word that has to stand there.
HEADINGS = {
    "docs-high-level-description": ("The integration", "records the cameras"),
    "docs-use-cases": ("What it is for", "Somebody looks"),
    "docs-installation-instructions": ("Install", "HACS"),
    "docs-installation-parameters": ("Install", "Token"),
    "docs-supported-devices": ("Supported cameras", "H.265"),
    "docs-configuration-parameters": ("Cameras", "Eldership"),
    "docs-supported-functions": ("Devices and entities", "Last observation"),
    "docs-data-update": ("Data updates", "polled"),
    "docs-actions": ("Actions", "who may"),
    "docs-triggers": ("Triggers", "trigger:"),
    "docs-conditions": ("Conditions", "condition:"),
    "docs-examples": ("Blueprints and examples", "motion_alert.yaml"),
    "docs-troubleshooting": ("Troubleshooting", "diagnostics"),
    "docs-known-limitations": ("Known limits", "camera"),
    "docs-removal-instructions": ("Remove", "HACS"),
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


def section(heading: str) -> str:
    """Return what stands in the guide under a heading, without what is below others of its level."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n", GUIDE, re.MULTILINE)
    assert found is not None, heading
    level = max(len(found[1]), 2)
    return re.split(rf"^#{{1,{level}}} ", GUIDE[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables, but for their heads."""
    lines = text.splitlines()
    tables = [index for index, line in enumerate(lines) if re.fullmatch(r"\|(-+\|)+", line)]
    heads = {*tables, *(index - 1 for index in tables)}
    cells = (line for index, line in enumerate(lines) if line.startswith("|") and index not in heads)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in cells]


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
    known = {name for name in load_yaml_dict(str(INTEGRATION / f"{file}.yaml")) if not name.startswith(".")}
    assert {name for name, icons in ICONS[file].items() if icons[of_it].startswith("mdi:")} == known


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


async def test_the_guide_lists_every_entity_and_whether_it_is_on(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    devices = dr.async_get(hass)

    def kind(device_id: str | None) -> str:
        device = devices.async_get(device_id or "")
        assert isinstance(device, dr.DeviceEntry)
        if device.via_device_id is None:
            return "recorder"
        return "camera" if device.entry_type is None else "eldership"

    registered = {
        (
            kind(entity.device_id),
            entity.original_name or "the camera itself",
            entity.domain.replace("_", " "),
            "off" if entity.disabled else "on",
        )
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    tables = re.split(r"^\| of (?:a |the |an )", section("Devices and entities"), flags=re.MULTILINE)[1:]
    listed = [
        (table.partition(" ")[0], name, domain, on) for table in tables for name, domain, on, _ in rows("| " + table)
    ]
    assert sorted(listed) == sorted(registered)
    # So many that nobody needs every day.
    assert sum(on == "off" for *_, on in listed) == 5


# --- forms ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a person meets it: its texts, and the fields that it really has, in sections by their names."""

    said: Mapping[str, Any]
    fields: dict[str, set[str]]

    @classmethod
    def of(cls, steps: Mapping[str, Any], result: Any) -> Form:
        assert result["type"] is FlowResultType.FORM, result
        fields: dict[str, set[str]] = {"": set()}
        for key, value in result["data_schema"].schema.items():
            if isinstance(value, data_entry_flow.section):
                fields[str(key)] = {str(field) for field in value.schema.schema}
            else:
                fields[""].add(str(key))
        return cls(steps[result["step_id"]], fields)


async def forms(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Form]:
    """Open every form that has fields, as a person does."""
    config, options = hass.config_entries.flow, hass.config_entries.options
    members = hass.config_entries.subentries
    steps = ENGLISH["config"]["step"]
    camera_steps, member_steps = ENGLISH["options"]["step"], ENGLISH["config_subentries"]["member"]["step"]
    announced = ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=8710,
        hostname="recorder.local.",
        type="_safe-community._tcp.local.",
        name="Another._safe-community._tcp.local.",
        properties={"id": "another", "name": "Another", "version": "1", "tls": "0"},
    )
    found = {}

    def take(steps: Mapping[str, Any], prefix: str, result: Any) -> None:
        found[f"{prefix}.{result['step_id']}"] = Form.of(steps, result)

    take(steps, "config", await config.async_init(DOMAIN, context={"source": SOURCE_USER}))
    take(steps, "config", await config.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=announced))
    take(steps, "config", await entry.start_reconfigure_flow(hass))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "token": "wrong"})
    take(steps, "config", await entry.start_reauth_flow(hass))
    subentry_id = next(iter(entry.subentries))
    contexts: list[Any] = [{"source": SOURCE_USER}, {"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id}]
    for context in contexts:
        begun = await members.async_init((entry.entry_id, "member"), context=context)
        take(member_steps, "config_subentries.member", begun)
    for choice in ("add_camera", "remove_camera", "edit_camera"):
        menu = await options.async_init(entry.entry_id)
        result = await options.async_configure(menu["flow_id"], {"next_step_id": choice})
        take(camera_steps, "options", result)
    take(camera_steps, "options", await options.async_configure(result["flow_id"], {"camera": "stotele"}))
    return found


async def test_every_field_of_every_form_has_a_label_and_an_explanation(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder, member("Ona", "volunteer"))
    found = await forms(hass, entry)
    described = {
        f"{prefix}.{step}"
        for prefix, steps in (
            ("config", ENGLISH["config"]["step"]),
            ("config_subentries.member", ENGLISH["config_subentries"]["member"]["step"]),
            ("options", ENGLISH["options"]["step"]),
        )
        for step, said in steps.items()
        if "data" in said
    }
    assert found.keys() == described
    for name, form in found.items():
        for part, fields in form.fields.items():
            said = form.said["sections"][part] if part else form.said
            assert said["data"].keys() == fields, f"{name} {part}"
            assert said["data_description"].keys() == fields, f"{name} {part}"
        assert form.said.get("sections", {}).keys() == form.fields.keys() - {""}, name


@pytest.mark.parametrize(
    ("file", "needed"),
    [
        ("services", {"name", "description"}),
        # Those that all triggers have, such as how long, explain themselves.
        ("triggers", {"name"}),
        ("conditions", {"name"}),
    ],
)
def test_every_field_of_every_action_trigger_and_condition_has_a_label(file: str, needed: set[str]) -> None:
    described = {
        name: value or {}
        for name, value in load_yaml_dict(str(INTEGRATION / f"{file}.yaml")).items()
        if not name.startswith(".")
    }
    assert ENGLISH[file].keys() == described.keys()
    for name, value in described.items():
        said = ENGLISH[file][name]
        assert {"name", "description"} <= said.keys(), name
        assert said.get("fields", {}).keys() == value.get("fields", {}).keys(), name
        assert all(needed <= field.keys() for field in said.get("fields", {}).values()), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_as_home_assistant_takes_them(language: str) -> None:
    # What hassfest asks of texts (script/hassfest/translations.py); it is no part of Home Assistant's package.
    for key, text in texts(language).items():
        assert cv.string_with_no_html(text) == text, key
        assert not re.search(r"(://|www\.)[a-z0-9]", text), f"{key}: an address belongs into a placeholder"
        assert not re.search(r"'{\w+}'|\[%|%\]", text), key
        assert all(re.fullmatch("[a-z0-9]+([_-][a-z0-9]+)*", part) for part in key.split(".")), key


# --- the guide --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", sorted(rule for rule in BRONZE | SILVER | GOLD if rule.startswith("docs-")))
def test_the_guide_has_a_section_for_every_rule(rule: str) -> None:
    heading, word = HEADINGS[rule]
    text = section(heading)
    assert word in text
    assert len(text.split()) > 15


def test_the_guide_tells_of_every_action_and_its_fields() -> None:
    text = section("Actions")
    listed = {name for first, *_ in rows(text) for name in re.findall(rf"`{DOMAIN}\.([a-z_]+)`", first)}
    actions = load_yaml_dict(str(INTEGRATION / "services.yaml"))
    assert listed == actions.keys()
    parts = text.split("\n### ")[1:]
    for name, action in actions.items():
        (below,) = (part for part in parts if f"`{DOMAIN}.{name}`" in part)
        assert "target" not in action or "target" in below, name
        assert {field for field in action["fields"] if f"`{field}`" not in below} == set(), name


@pytest.mark.parametrize(("file", "heading"), [("triggers", "Triggers"), ("conditions", "Conditions")])
def test_the_guide_tells_of_every_trigger_and_condition(file: str, heading: str) -> None:
    text = section(heading)
    described = {
        name: value or {}
        for name, value in load_yaml_dict(str(INTEGRATION / f"{file}.yaml")).items()
        if not name.startswith(".")
    }
    listed = [name for first, *_ in rows(text) for name in re.findall("`([a-z_]+)`", first)]
    assert sorted(listed) == sorted(described)
    assert all(f"`{field}`" in text for value in described.values() for field in value.get("fields", {}))


async def test_the_guide_s_examples_are_automations(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    await set_up(recorder)
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
    examples = [block for block in blocks if block.keys() & {"triggers", "conditions"}]
    assert len(examples) == 3
    whole = {"triggers": [{"trigger": "event", "event_type": "now"}], "actions": [{"event": "heard"}]}
    configs = [{**whole, **example, "alias": f"Example {n}"} for n, example in enumerate(examples)]
    assert await async_setup_component(hass, "automation", {"automation": configs})
    await hass.async_block_till_done()
    states = {state.entity_id: state.state for state in hass.states.async_all("automation")}
    assert states == {f"automation.example_{n}": "on" for n in range(len(examples))}
    # What the last of them says.
    trigger = {"entity_id": "binary_sensor.vabalninkas_autobusu_stotele_connection"}
    said = Template(examples[-1]["actions"][0]["data"]["message"], hass).async_render({"trigger": trigger})
    assert said == "Vabalninkas, Autobusų stotelė does not answer"


def test_the_guide_tells_of_every_repair_what_it_means_and_what_to_do() -> None:
    listed = {title: (means, do, severity) for title, means, do, severity in rows(section("Repairs"))}
    assert sorted(listed) == sorted(issue["title"] for issue in ENGLISH["issues"].values())
    assert all(means and do and severity in ("error", "warning") for means, do, severity in listed.values())
    # Of the others: test_troubles.py.
    for key, kind in KINDS.items():
        assert listed[ENGLISH["issues"][key]["title"]][2] == kind.severity.value


@pytest.mark.parametrize(
    ("heading", "steps", "left_out"),
    [
        ("Install", ENGLISH["config"]["step"], set[str]()),
        # Of which camera is to be changed or removed there is nothing to explain.
        ("Cameras", ENGLISH["options"]["step"], {"camera"}),
        ("Members", ENGLISH["config_subentries"]["member"]["step"], set[str]()),
    ],
)
def test_the_guide_explains_every_field(heading: str, steps: Mapping[str, Any], left_out: set[str]) -> None:
    labels = {
        label.casefold()
        for step in steps.values()
        for part in (step, *step.get("sections", {}).values())
        for label in part.get("data", {}).values()
    }
    explained = {label.strip().casefold() for first, *_ in rows(section(heading)) for label in first.split(",")}
    assert labels - explained == left_out
