"""Puts right what an administrator of Home Assistant only has to agree to."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, Final

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .member_flow import EXPIRES_AFTER, REVIEW_AFTER
from .member_troubles import FIX, PROLONG, RELINK, REVIEWED
from .members import CONF_ACCOUNT_NAME, CONF_EXPIRES, CONF_REVIEW, CONF_USER_ID
from .shipped import async_install, async_outdated

BLUEPRINTS: Final = "blueprints_outdated"


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: Mapping[str, Any] | None) -> RepairsFlow:
    """Return the dialogue that puts a trouble right."""
    if issue_id == BLUEPRINTS:
        return Agreed(_async_update_blueprints)
    assert data is not None
    change = CHANGES[data[FIX]]

    async def fix(hass: HomeAssistant) -> None:
        entry = hass.config_entries.async_get_entry(data["entry_id"])
        member = None if entry is None else entry.subentries.get(data["member_id"])
        if entry is not None and member is not None:
            changes = await change(hass, member)
            hass.config_entries.async_update_subentry(entry, member, data={**member.data, **changes})

    return Agreed(fix)


class Agreed(RepairsFlow):
    """Asks whether to do it, and does it. What it was about is looked at again by whoever has told of it."""

    def __init__(self, fix: Callable[[HomeAssistant], Awaitable[None]]) -> None:
        self._fix = fix

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask, and do it."""
        if user_input is not None:
            await self._fix(self.hass)
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        placeholders = None if issue is None else issue.translation_placeholders
        return self.async_show_form(step_id="confirm", description_placeholders=placeholders)


async def _prolong(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str]:
    """A year from its end, or from today if it is over."""
    today = dt_util.now().date()
    last_day = date.fromisoformat(member.data.get(CONF_EXPIRES, today.isoformat()))
    return {CONF_EXPIRES: (max(last_day, today) + EXPIRES_AFTER).isoformat()}


async def _relink(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str | None]:
    """The account is still this member's, whatever it is called now."""
    user = await hass.auth.async_get_user(member.data[CONF_USER_ID])
    return {} if user is None else {CONF_ACCOUNT_NAME: user.name}


async def _reviewed(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str]:
    """Somebody has looked at the role; the next time is in half a year."""
    return {CONF_REVIEW: (dt_util.now().date() + REVIEW_AFTER).isoformat()}


CHANGES: Final[Mapping[str, Callable[[HomeAssistant, ConfigSubentry], Awaitable[Mapping[str, Any]]]]] = {
    PROLONG: _prolong,
    RELINK: _relink,
    REVIEWED: _reviewed,
}


async def async_tell_of_blueprints(hass: HomeAssistant) -> None:
    """Tell that newer blueprints were shipped than are installed, or take that back."""
    outdated = await async_outdated(hass)
    if not outdated:
        ir.async_delete_issue(hass, DOMAIN, BLUEPRINTS)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        BLUEPRINTS,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=BLUEPRINTS,
        translation_placeholders={"blueprints": "\n".join(f"- {path}" for path in sorted(outdated))},
    )


async def _async_update_blueprints(hass: HomeAssistant) -> None:
    await async_install(hass, overwrite=False)
    await async_tell_of_blueprints(hass)
