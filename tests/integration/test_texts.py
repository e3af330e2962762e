"""Everything that people read is there in all three languages, and everything that code asks for is there at all."""

import ast
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.icon import async_get_icons
from homeassistant.helpers.service import async_get_all_descriptions
from homeassistant.helpers.translation import async_get_translations, recursive_flatten
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict

from custom_components.safe_community.const import DOMAIN, LANGUAGES
from custom_components.safe_community.documents import Connection
from custom_components.safe_community.incidents.model import Answer, Kind, Stage
from custom_components.safe_community.members import Role
from custom_components.safe_community.storage import StorageState

INTEGRATION = Path(__file__).parents[2] / "custom_components" / DOMAIN
CODE = sorted(INTEGRATION.rglob("*.py"))


ENGLISH: dict[str, Any] = json.loads((INTEGRATION / "translations/en.json").read_text("utf-8"))


def described(file: str) -> dict[str, Any]:
    """Return the actions, triggers or conditions of a file, by their names."""
    document = load_yaml_dict(str(INTEGRATION / f"{file}.yaml"))
    return {name: value or {} for name, value in document.items() if not name.startswith(".")}


def texts(language: str) -> dict[str, str]:
    document: dict[str, Any] = json.loads((INTEGRATION / "translations" / f"{language}.json").read_text("utf-8"))
    return recursive_flatten("", document)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def keyword_values(name: str) -> set[str]:
    """Return the literal values that our code gives to a keyword argument."""
    calls = (
        node for path in CODE for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    keywords = (keyword for call in calls for keyword in call.keywords if keyword.arg == name)
    return {str(keyword.value.value) for keyword in keywords if isinstance(keyword.value, ast.Constant)}


def literals() -> set[str]:
    """Return all texts that stand in our code."""
    nodes = (node for path in CODE for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_placeholders(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in english.items()
    }
    assert all(text.strip() == text and text for text in other.values())


@pytest.mark.parametrize("language", ["lt", "lv"])
def test_nothing_was_left_in_english(language: str) -> None:
    same = {"config.flow_title"}
    assert {key for key, text in texts(language).items() if text == texts("en")[key]} <= same


def test_every_text_that_code_asks_for_is_there() -> None:
    keys = texts("en").keys()
    exceptions = {key.split(".")[1] for key in keys if key.startswith("exceptions.")}
    entities = {key.split(".")[2] for key in keys if key.startswith("entity.")}
    selectors = {key.split(".")[1] for key in keys if key.startswith("selector.")}
    issues = {key.split(".")[1] for key in keys if key.startswith("issues.")}
    asked = keyword_values("translation_key")
    assert asked <= exceptions | entities | selectors | issues, asked
    assert exceptions | issues <= literals(), "a text that nobody asks for"
    assert keyword_values("reason") <= {key.rpartition(".")[2] for key in keys if ".abort." in key}


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("selector.role.options", Role),
        ("selector.language.options", LANGUAGES),
        ("selector.kind.options", Kind),
        ("entity.binary_sensor.connectivity.state_attributes.connection.state", Connection),
        ("entity.event.incident.state_attributes.event_type.state", Stage),
        ("entity.event.incident.state_attributes.kind.state", Kind),
        ("common", [f"answer_{answer}" for answer in Answer]),
        ("common", [f"update_{answer}" for answer in Answer]),
        ("common", [f"alert_title_{kind}" for kind in Kind]),
        ("issues", [f"storage_{state}.title" for state in StorageState if state is not StorageState.OK]),
        ("config.error", ["cannot_connect", "invalid_auth", "invalid_url", "not_a_recorder", "unsupported_version"]),
        ("config_subentries.member.error", ["name_required", "eldership_required", "account_taken"]),
    ],
)
def test_every_value_has_a_name(prefix: str, values: Any) -> None:
    assert {f"{prefix}.{value}" for value in values} <= texts("en").keys()


async def test_home_assistant_loads_the_messages_of_all_languages(hass: HomeAssistant) -> None:
    for language in LANGUAGES:
        loaded = await async_get_translations(hass, language, "common", {DOMAIN})
        assert loaded[f"component.{DOMAIN}.common.answer_on_my_way"] == texts(language)["common.answer_on_my_way"]


async def test_home_assistant_takes_manifest_actions_and_icons(hass: HomeAssistant) -> None:
    integration = await async_get_integration(hass, DOMAIN)
    assert integration.config_flow
    assert integration.version is not None
    assert not integration.requirements
    assert await async_setup_component(hass, DOMAIN, {})
    described = (await async_get_all_descriptions(hass))[DOMAIN]["raise_incident"]
    assert described["fields"].keys() == {"entity_id", "kind", "duty_calendar"}
    assert set(load_yaml_dict(str(INTEGRATION / "services.yaml"))) == set(hass.services.async_services()[DOMAIN])
    icons = await async_get_icons(hass, "services", {DOMAIN})
    assert icons[DOMAIN]["raise_incident"] == {"service": "mdi:bullhorn"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_as_home_assistant_takes_them(language: str) -> None:
    # What hassfest asks of texts (script/hassfest/translations.py); it is no part of Home Assistant's package.
    for key, text in texts(language).items():
        assert cv.string_with_no_html(text) == text, key
        assert not re.search(r"(://|www\.)[a-z0-9]", text), f"{key}: an address belongs into a placeholder"
        assert not re.search(r"'{\w+}'|\[%|%\]", text), key
        assert all(re.fullmatch("[a-z0-9]+([_-][a-z0-9]+)*", part) for part in key.split(".")), key
