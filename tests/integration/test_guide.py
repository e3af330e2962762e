"""docs/integration.md tells of everything that there is, and of nothing else."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component

from custom_components.safe_community.camera_troubles import KINDS
from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import SetUp
from tests.integration.test_texts import ENGLISH, INTEGRATION, described
from tests.world import Recorder

GUIDE = (INTEGRATION.parents[1] / "docs/integration.md").read_text("utf-8")

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


@pytest.mark.parametrize("rule", HEADINGS)
def test_the_guide_has_a_section_for_every_rule(rule: str) -> None:
    heading, word = HEADINGS[rule]
    text = section(heading)
    assert word in text
    assert len(text.split()) > 15


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


def test_the_guide_tells_of_every_action_and_its_fields() -> None:
    text = section("Actions")
    listed = {name for first, *_ in rows(text) for name in re.findall(rf"`{DOMAIN}\.([a-z_]+)`", first)}
    actions = described("services")
    assert listed == actions.keys()
    parts = text.split("\n### ")[1:]
    for name, action in actions.items():
        (below,) = (part for part in parts if f"`{DOMAIN}.{name}`" in part)
        assert "target" not in action or "target" in below, name
        assert {field for field in action["fields"] if f"`{field}`" not in below} == set(), name


@pytest.mark.parametrize(("file", "heading"), [("triggers", "Triggers"), ("conditions", "Conditions")])
def test_the_guide_tells_of_every_trigger_and_condition(file: str, heading: str) -> None:
    text = section(heading)
    known = described(file)
    listed = [name for first, *_ in rows(text) for name in re.findall("`([a-z_]+)`", first)]
    assert sorted(listed) == sorted(known)
    assert all(f"`{field}`" in text for value in known.values() for field in value.get("fields", {}))


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
