"""Takes members into the scheme: who they are, how they are reached, what they may do and until when."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import probatio
from homeassistant.components import notify
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_DEVICE_ID, CONF_LANGUAGE, CONF_NAME
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    DateSelector,
    DeviceSelector,
    DeviceSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
from homeassistant.util import dt as dt_util

from .const import LANGUAGES
from .data import SafeCommunityConfigEntry
from .members import (
    CONF_ACCOUNT_NAME,
    CONF_CHANNELS,
    CONF_CONSENT,
    CONF_ELDERSHIPS,
    CONF_EXPIRES,
    CONF_QUIET_FROM,
    CONF_QUIET_TO,
    CONF_REVIEW,
    CONF_ROLE,
    CONF_USER_ID,
    Role,
    member_with_account,
)

ALERTS: Final = "alerts"
ACCESS: Final = "access"
SECTIONS: Final = {
    ALERTS: (CONF_CHANNELS, CONF_QUIET_FROM, CONF_QUIET_TO),
    ACCESS: (CONF_CONSENT, CONF_REVIEW, CONF_EXPIRES),
}
REVIEW_AFTER: Final = timedelta(days=180)
EXPIRES_AFTER: Final = timedelta(days=365)


class MemberFlow(ConfigSubentryFlow):
    """Takes a member into the scheme, or changes one."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a new member."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = await self._async_checked(user_input, None, errors)
            if not errors:
                return self.async_create_entry(title=data[CONF_NAME], data=data)
        return await self._async_form("user", user_input or self._suggested(), errors)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what changes."""
        errors: dict[str, str] = {}
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            data = await self._async_checked(user_input, subentry.subentry_id, errors)
            if not errors:
                # Nothing to reload: members are read at every question.
                return self.async_update_and_abort(self._get_entry(), subentry, title=data[CONF_NAME], data=data)
        return await self._async_form("reconfigure", user_input or _in_sections(subentry.data), errors)

    async def _async_checked(
        self, user_input: Mapping[str, Any], subentry_id: str | None, errors: dict[str, str]
    ) -> dict[str, Any]:
        """Return a member's data; what cannot be is named in `errors`, of a section as the form's own."""
        data = {key: value for key, value in _flat(user_input).items() if value not in (None, "", [])}
        data.setdefault(CONF_ELDERSHIPS, [])
        data[CONF_NAME] = " ".join(str(data.get(CONF_NAME, "")).split())
        if not data[CONF_NAME]:
            errors[CONF_NAME] = "name_required"
        if data[CONF_ROLE] == Role.ELDERSHIP_SPECIALIST and not data[CONF_ELDERSHIPS]:
            errors[CONF_ELDERSHIPS] = "eldership_required"
        if (CONF_QUIET_FROM in data) != (CONF_QUIET_TO in data):
            errors["base"] = "quiet_hours_need_both"
        today = dt_util.now().date()
        if data[CONF_ROLE] == Role.VOLUNTEER and CONF_CONSENT not in data:
            errors["base"] = "consent_required"
        if CONF_CONSENT in data and date.fromisoformat(data[CONF_CONSENT]) > today:
            errors["base"] = "consent_in_the_future"
        if self.source == SOURCE_USER and CONF_EXPIRES in data and date.fromisoformat(data[CONF_EXPIRES]) < today:
            errors["base"] = "expired_already"
        if (user_id := data.get(CONF_USER_ID)) is not None:
            # Two members with one account would leave open which of their roles counts.
            other = member_with_account(self._get_entry(), user_id)
            if other is not None and other.id != subentry_id:
                errors[CONF_USER_ID] = "account_taken"
            account = await self.hass.auth.async_get_user(user_id)
            data[CONF_ACCOUNT_NAME] = None if account is None else account.name
        return data

    async def _async_form(
        self, step_id: str, suggested: Mapping[str, Any], errors: dict[str, str]
    ) -> SubentryFlowResult:
        entry: SafeCommunityConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="recorder_not_loaded")
        elderships = {key: eldership.name for key, eldership in entry.runtime_data.recorder.elderships.items()}
        # What was chosen stays choosable, also when its last camera is gone.
        elderships |= {key: key for key in suggested.get(CONF_ELDERSHIPS, ()) if key not in elderships}
        chosen = suggested.get(ALERTS, {}).get(CONF_CHANNELS, ())
        channels = {key: key for key in chosen} | self._channels()
        schema = probatio.Schema(
            {
                probatio.Required(CONF_NAME): TextSelector(),
                probatio.Required(CONF_ROLE): _one_of(list(Role), "role"),
                probatio.Optional(CONF_ELDERSHIPS, default=list): _some_of(elderships),
                probatio.Required(CONF_LANGUAGE): _one_of(LANGUAGES, "language"),
                probatio.Optional(CONF_DEVICE_ID): DeviceSelector(DeviceSelectorConfig(integration="mobile_app")),
                probatio.Optional(CONF_USER_ID): SelectSelector(
                    SelectSelectorConfig(
                        options=_options(await self._async_accounts()), mode=SelectSelectorMode.DROPDOWN
                    )
                ),
                probatio.Optional(ALERTS, default=dict): section(
                    probatio.Schema(
                        {
                            probatio.Optional(CONF_CHANNELS, default=list): _some_of(channels),
                            probatio.Optional(CONF_QUIET_FROM): TimeSelector(),
                            probatio.Optional(CONF_QUIET_TO): TimeSelector(),
                        }
                    ),
                    {"collapsed": True},
                ),
                probatio.Optional(ACCESS, default=dict): section(
                    probatio.Schema({probatio.Optional(key): DateSelector() for key in SECTIONS[ACCESS]}),
                    {"collapsed": False},
                ),
            }
        )
        return self.async_show_form(
            step_id=step_id, data_schema=self.add_suggested_values_to_schema(schema, suggested), errors=errors
        )

    async def _async_accounts(self) -> dict[str, str]:
        users = await self.hass.auth.async_get_users()
        return {user.id: user.name or user.id for user in users if user.is_active and not user.system_generated}

    def _channels(self) -> dict[str, str]:
        """Return the entities and the actions of Home Assistant that take a message, by what they are called."""
        entities = {state.entity_id: state.name for state in self.hass.states.async_all(notify.DOMAIN)}
        services = self.hass.services.async_services_for_domain(notify.DOMAIN)
        general = {notify.SERVICE_NOTIFY, notify.SERVICE_PERSISTENT_NOTIFICATION, notify.SERVICE_SEND_MESSAGE}
        return {
            f"{notify.DOMAIN}.{name}": f"{notify.DOMAIN}.{name}" for name in services if name not in general
        } | entities

    def _suggested(self) -> dict[str, Any]:
        """Return what a new member most likely has: a grant for a year, and a look at it in half a year."""
        today, language = dt_util.now().date(), self.hass.config.language
        return {
            CONF_LANGUAGE: language if language in LANGUAGES else LANGUAGES[0],
            ACCESS: {
                CONF_REVIEW: (today + REVIEW_AFTER).isoformat(),
                CONF_EXPIRES: (today + EXPIRES_AFTER).isoformat(),
            },
        }


def _flat(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's fields, those of its sections, too."""
    flat = {key: value for key, value in user_input.items() if key not in SECTIONS}
    for name in SECTIONS:
        flat |= user_input.get(name, {})
    return flat


def _in_sections(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a member's data as the form shows it."""
    return {**data, **{name: {key: data[key] for key in keys if key in data} for name, keys in SECTIONS.items()}}


def _options(labels: Mapping[str, str]) -> list[SelectOptionDict]:
    by_label = sorted(labels.items(), key=lambda item: item[1].casefold())
    return [SelectOptionDict(value=value, label=label) for value, label in by_label]


def _one_of(values: Sequence[str], translation_key: str) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[str(value) for value in values],
            mode=SelectSelectorMode.DROPDOWN,
            translation_key=translation_key,
        )
    )


def _some_of(labels: Mapping[str, str]) -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=_options(labels), mode=SelectSelectorMode.LIST, multiple=True))
