"""Puts the blueprints that travel with the integration where Home Assistant looks for them, and over nobody's edits."""

import json
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, override

from homeassistant.components import automation
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.const import SERVICE_RELOAD
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import load_yaml_dict

from .const import DOMAIN

ATTR_OVERWRITE: Final = "overwrite"
FOLDER: Final = Path(__file__).parent / "blueprints" / automation.DOMAIN / DOMAIN
VERSIONS: Final = FOLDER.parents[1] / "versions.json"
"""By a blueprint's path: the SHA-256 of each text that it was ever shipped with, the newest last."""


class Outcome(StrEnum):
    """What becomes of a blueprint."""

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    KEPT = "kept"


class Shipped(Blueprint):
    """A blueprint of ours: written as we wrote it, with its comments, so that an edit can be told from an old one."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            load_yaml_dict(file),
            path=f"{DOMAIN}/{file.name}",
            expected_domain=automation.DOMAIN,
            schema=AUTOMATION_BLUEPRINT_SCHEMA,
        )
        self.path = f"{DOMAIN}/{file.name}"
        self._text = file.read_text("utf-8")

    @override
    def yaml(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class Found:
    """A shipped blueprint, and what is to be done if nobody insists: UPDATED for one that is older and unedited."""

    blueprint: Shipped
    outcome: Outcome


async def async_outdated(hass: HomeAssistant) -> list[str]:
    """Return the paths of the installed blueprints of which a newer one was shipped, and that nobody has edited."""
    found = await hass.async_add_executor_job(_look, _installed(hass))
    return [one.blueprint.path for one in found if one.outcome is Outcome.UPDATED]


async def async_install(hass: HomeAssistant, *, overwrite: bool) -> dict[Outcome, list[str]]:
    """Install and update the shipped blueprints; returns their paths by what became of them.

    What somebody has edited is kept, unless it is to be overwritten. Raises HomeAssistantError if a file cannot be
    written.
    """
    found = await hass.async_add_executor_job(_look, _installed(hass))
    outcomes: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for one in found:
        outcome = Outcome.UPDATED if one.outcome is Outcome.KEPT and overwrite else one.outcome
        if outcome in (Outcome.INSTALLED, Outcome.UPDATED):
            await _async_write(hass, one.blueprint)
        outcomes[outcome].append(one.blueprint.path)
    return outcomes


async def _async_write(hass: HomeAssistant, blueprint: Shipped) -> None:
    # Home Assistant then reloads the automations that use it; it cannot where there are none.
    may_override = hass.services.has_service(automation.DOMAIN, SERVICE_RELOAD)
    target = async_get_blueprints(hass)
    try:
        if not may_override:
            await hass.async_add_executor_job((_installed(hass) / blueprint.path).unlink, True)
        await target.async_add_blueprint(blueprint, blueprint.path, allow_override=may_override)
    except OSError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="blueprint_not_written",
            translation_placeholders={"blueprint": blueprint.path, "reason": str(error)},
        ) from error


def _installed(hass: HomeAssistant) -> Path:
    return async_get_blueprints(hass).blueprint_folder


def _look(installed: Path) -> list[Found]:
    versions: dict[str, list[str]] = json.loads(VERSIONS.read_text("utf-8"))
    shipped = [Shipped(file) for file in sorted(FOLDER.glob("*.yaml"))]
    return [Found(one, _outcome(one, installed / one.path, versions[one.path])) for one in shipped]


def _outcome(shipped: Shipped, installed: Path, versions: list[str]) -> Outcome:
    try:
        text = installed.read_text("utf-8")
    except FileNotFoundError, NotADirectoryError:
        return Outcome.INSTALLED
    except OSError, ValueError:
        return Outcome.KEPT
    if (digest := digest_of(text)) in versions:
        return Outcome.UNCHANGED if digest == versions[-1] else Outcome.UPDATED
    return Outcome.UNCHANGED if _says_the_same(shipped, installed) else Outcome.KEPT


def digest_of(text: str) -> str:
    """Return what tells a text from others; Path.read_text has made one kind of line of all."""
    return sha256(text.encode()).hexdigest()


def _says_the_same(shipped: Shipped, installed: Path) -> bool:
    """Say whether a file is ours in other words, as an import by its address writes it."""
    try:
        found = Blueprint(load_yaml_dict(installed), schema=AUTOMATION_BLUEPRINT_SCHEMA)
    except HomeAssistantError:
        return False
    return _without_source(found.data) == _without_source(shipped.data)


def _without_source(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "blueprint": {**data["blueprint"], "source_url": None}}
