"""Puts right what an administrator of Home Assistant only has to agree to."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .data import SafeCommunityConfigEntry
from .issues import async_member_troubles, issue_id
from .member_flow import EXPIRES_AFTER, REVIEW_AFTER
from .member_troubles import FIX, PROLONG, RELINK, REVIEWED, UNLINK
from .members import CONF_ACCOUNT_NAME, CONF_EXPIRES, CONF_REVIEW, CONF_USER_ID
from .shipped import async_install, async_outdated

BLUEPRINTS: Final = "blueprints_outdated"

type Change = Callable[[HomeAssistant, ConfigSubentry], Awaitable[Mapping[str, str | None]]]


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: Mapping[str, Any] | None) -> RepairsFlow:
    """Return the dialogue that puts a trouble right."""
    if issue_id == BLUEPRINTS:
        return BlueprintsFix()
    assert data is not None
    return MemberFix(data["entry_id"], data["member_id"], CHANGES[data[FIX]])


class Agreed(RepairsFlow, ABC):
    """Asks whether to do it, and does it. What it was about is looked at again by whoever has told of it.

    Only administrators get here; every account may read the issue itself.
    """

    _asked: dict[str, str] | None = None

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask, and do just what was asked; there is nothing to ask if the trouble is over."""
        about = await self._async_placeholders()
        if about is None:
            return self.async_create_entry(data={})
        if user_input is not None and about == self._asked:
            await self._async_fix()
            return self.async_create_entry(data={})
        self._asked = about
        return self.async_show_form(step_id="confirm", description_placeholders=about)

    @abstractmethod
    async def _async_placeholders(self) -> dict[str, str] | None:
        """Return what the question is about; None if there is nothing to be put right any more."""

    @abstractmethod
    async def _async_fix(self) -> None:
        """Put it right."""


class BlueprintsFix(Agreed):
    """Updates what was installed and nobody has edited."""

    @override
    async def _async_placeholders(self) -> dict[str, str] | None:
        return _listed(await async_outdated(self.hass))

    @override
    async def _async_fix(self) -> None:
        await async_install(self.hass, overwrite=False)
        await async_tell_of_blueprints(self.hass)


class MemberFix(Agreed):
    """Changes one member."""

    def __init__(self, entry_id: str, member_id: str, change: Change) -> None:
        self._entry_id = entry_id
        self._member_id = member_id
        self._change = change

    @property
    def _entry(self) -> SafeCommunityConfigEntry | None:
        return self.hass.config_entries.async_get_entry(self._entry_id)

    @override
    async def _async_placeholders(self) -> dict[str, str] | None:
        if (entry := self._entry) is None:
            return None
        troubles = {issue_id(one.id, entry.entry_id): one for one in await async_member_troubles(self.hass, entry)}
        trouble = troubles.get(self.issue_id)
        return None if trouble is None else dict(trouble.placeholders)

    @override
    async def _async_fix(self) -> None:
        entry = self._entry
        member = None if entry is None else entry.subentries.get(self._member_id)
        if entry is not None and member is not None:
            data = {**member.data, **await self._change(self.hass, member)}
            data = {key: value for key, value in data.items() if value is not None}
            self.hass.config_entries.async_update_subentry(entry, member, data=data)


async def _prolong(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str]:
    """A year from its end, or from today if it is over."""
    today = dt_util.now().date()
    last_day = date.fromisoformat(member.data.get(CONF_EXPIRES, today.isoformat()))
    return {CONF_EXPIRES: (max(last_day, today) + EXPIRES_AFTER).isoformat()}


async def _relink(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str | None]:
    """The account is still this member's, whatever it is called now."""
    user = await hass.auth.async_get_user(member.data[CONF_USER_ID])
    return {} if user is None else {CONF_ACCOUNT_NAME: user.name}


async def _unlink(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, None]:
    """The account is gone, and with it the way to log in as this member."""
    return {CONF_USER_ID: None, CONF_ACCOUNT_NAME: None}


async def _reviewed(hass: HomeAssistant, member: ConfigSubentry) -> dict[str, str]:
    """Somebody has looked at the role; the next time is in half a year."""
    return {CONF_REVIEW: (dt_util.now().date() + REVIEW_AFTER).isoformat()}


CHANGES: Final[Mapping[str, Change]] = {
    PROLONG: _prolong,
    RELINK: _relink,
    UNLINK: _unlink,
    REVIEWED: _reviewed,
}


async def async_tell_of_blueprints(hass: HomeAssistant) -> None:
    """Tell that newer blueprints were shipped than are installed, or take that back."""
    listed = _listed(await async_outdated(hass))
    if listed is None:
        ir.async_delete_issue(hass, DOMAIN, BLUEPRINTS)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        BLUEPRINTS,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=BLUEPRINTS,
    )


def _listed(outdated: Iterable[str]) -> dict[str, str] | None:
    lines = [f"- {path}" for path in sorted(outdated)]
    return {"blueprints": "\n".join(lines)} if lines else None
