"""Every form, action, trigger and condition explains each of its fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest
from homeassistant import data_entry_flow
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SOURCE_ZEROCONF
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import SetUp
from tests.integration.test_texts import ENGLISH, described
from tests.integration.world import member
from tests.world import Recorder


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
    known = described(file)
    assert ENGLISH[file].keys() == known.keys()
    for name, value in known.items():
        said = ENGLISH[file][name]
        assert {"name", "description"} <= said.keys(), name
        assert said.get("fields", {}).keys() == value.get("fields", {}).keys(), name
        assert all(needed <= field.keys() for field in said.get("fields", {}).values()), name
