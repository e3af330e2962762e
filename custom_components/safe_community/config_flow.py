"""Connects a recorder, by its address or as the app announces it, and takes members into the scheme."""

from collections.abc import Mapping
from typing import Any, Final, override

import probatio
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import (
    CONF_DEVICE_ID,
    CONF_HOST,
    CONF_LANGUAGE,
    CONF_NAME,
    CONF_PORT,
    CONF_TOKEN,
    CONF_URL,
)
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    DeviceSelector,
    DeviceSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo

from .client import RecorderClient, normalise_url
from .const import DOMAIN, LANGUAGES, SUBENTRY_MEMBER
from .data import SafeCommunityConfigEntry
from .documents import RecorderInfo
from .errors import CannotConnect, RecorderError, UnsupportedVersion, WrongToken
from .members import CONF_ACCOUNT_NAME, CONF_ELDERSHIPS, CONF_ROLE, CONF_USER_ID, Role, member_with_account

URL_SELECTOR: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url"))
TOKEN_SELECTOR: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

RECORDER_SCHEMA: Final = probatio.Schema(
    {probatio.Required(CONF_URL): URL_SELECTOR, probatio.Required(CONF_TOKEN): TOKEN_SELECTOR}
)
TOKEN_SCHEMA: Final = probatio.Schema({probatio.Required(CONF_TOKEN): TOKEN_SELECTOR})

PLACEHOLDERS: Final = {"example_url": "http://192.168.1.10:8710"}


class SafeCommunityConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects a recorder."""

    VERSION = 1
    MINOR_VERSION = 2

    def __init__(self) -> None:
        self._announced: dict[str, str] = {}
        self._app_name = ""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        return {SUBENTRY_MEMBER: MemberFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for address and token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            found = await self._async_try(user_input, errors)
            if found is not None:
                info, data = found
                await self.async_set_unique_id(info.recorder_id)
                self._abort_if_unique_id_configured(updates=data)
                return self.async_create_entry(title=info.name, data=data)
        return self._form("user", RECORDER_SCHEMA, errors, user_input)

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take what the recorder's app announces; the address and token of a known recorder are renewed."""
        config = discovery_info.config
        data = {CONF_URL: f"http://{config[CONF_HOST]}:{config[CONF_PORT]}", CONF_TOKEN: config[CONF_TOKEN]}
        await self.async_set_unique_id(config["recorder_id"])
        self._abort_if_unique_id_configured(updates=data)
        self._announced = data
        self._app_name = discovery_info.name
        self.context["title_placeholders"] = {"name": discovery_info.name}
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to connect the announced recorder."""
        errors: dict[str, str] = {}
        if user_input is not None:
            found = await self._async_try(self._announced, errors)
            if found is not None:
                info, data = found
                if info.recorder_id == self.unique_id:
                    return self.async_create_entry(title=info.name, data=data)
                errors["base"] = "other_recorder"
        return self.async_show_form(
            step_id="hassio_confirm", errors=errors, description_placeholders={"app": self._app_name}
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to renew the token."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the new token."""
        errors: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            found = await self._async_try({**entry.data, **user_input}, errors)
            if found is not None:
                return await self._async_renew(entry, *found)
        return self._form("reauth_confirm", TOKEN_SCHEMA, errors, None)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new address and token."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            found = await self._async_try(user_input, errors)
            if found is not None:
                return await self._async_renew(entry, *found)
        return self._form("reconfigure", RECORDER_SCHEMA, errors, user_input or {CONF_URL: entry.data[CONF_URL]})

    async def _async_renew(self, entry: ConfigEntry, info: RecorderInfo, data: dict[str, str]) -> ConfigFlowResult:
        await self.async_set_unique_id(info.recorder_id)
        self._abort_if_unique_id_mismatch(reason="other_recorder")
        return self.async_update_reload_and_abort(entry, data=data)

    async def _async_try(
        self, user_input: Mapping[str, Any], errors: dict[str, str]
    ) -> tuple[RecorderInfo, dict[str, str]] | None:
        """Call the recorder; returns who answered and the entry's data, or None with the reason in `errors`."""
        try:
            url = normalise_url(user_input[CONF_URL])
        except ValueError:
            errors[CONF_URL] = "invalid_url"
            return None
        data = {CONF_URL: url, CONF_TOKEN: user_input[CONF_TOKEN].strip()}
        client = RecorderClient(async_get_clientsession(self.hass), url, data[CONF_TOKEN])
        try:
            return await client.info(), data
        except RecorderError as error:
            errors["base"] = _reason(error)
            return None

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        errors: dict[str, str],
        suggested: Mapping[str, Any] | None,
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders=PLACEHOLDERS,
        )


class MemberFlow(ConfigSubentryFlow):
    """Takes a member into the scheme, or changes one."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a new member."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = await self._async_checked(user_input, None, errors)
            if not errors:
                return self.async_create_entry(title=data[CONF_NAME], data=data)
        return await self._async_form("user", user_input or {CONF_LANGUAGE: self._own_language()}, errors)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what changes."""
        errors: dict[str, str] = {}
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            data = await self._async_checked(user_input, subentry.subentry_id, errors)
            if not errors:
                # Nothing to reload: members are read at every question.
                return self.async_update_and_abort(self._get_entry(), subentry, title=data[CONF_NAME], data=data)
        return await self._async_form("reconfigure", user_input or subentry.data, errors)

    async def _async_checked(
        self, user_input: Mapping[str, Any], subentry_id: str | None, errors: dict[str, str]
    ) -> dict[str, Any]:
        data = {key: value for key, value in user_input.items() if value not in (None, "")}
        data[CONF_NAME] = " ".join(str(data.get(CONF_NAME, "")).split())
        if not data[CONF_NAME]:
            errors[CONF_NAME] = "name_required"
        if data[CONF_ROLE] == Role.ELDERSHIP_SPECIALIST and not data.get(CONF_ELDERSHIPS):
            errors[CONF_ELDERSHIPS] = "eldership_required"
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
        accounts = _options(await self._async_accounts())
        schema = probatio.Schema(
            {
                probatio.Required(CONF_NAME): TextSelector(),
                probatio.Required(CONF_ROLE): SelectSelector(
                    SelectSelectorConfig(
                        options=[role.value for role in Role],
                        mode=SelectSelectorMode.DROPDOWN,
                        translation_key="role",
                    )
                ),
                probatio.Optional(CONF_ELDERSHIPS, default=list): SelectSelector(
                    SelectSelectorConfig(options=_options(elderships), mode=SelectSelectorMode.LIST, multiple=True)
                ),
                probatio.Required(CONF_LANGUAGE): SelectSelector(
                    SelectSelectorConfig(
                        options=list(LANGUAGES), mode=SelectSelectorMode.DROPDOWN, translation_key="language"
                    )
                ),
                probatio.Optional(CONF_DEVICE_ID): DeviceSelector(DeviceSelectorConfig(integration="mobile_app")),
                probatio.Optional(CONF_USER_ID): SelectSelector(
                    SelectSelectorConfig(options=accounts, mode=SelectSelectorMode.DROPDOWN)
                ),
            }
        )
        return self.async_show_form(
            step_id=step_id, data_schema=self.add_suggested_values_to_schema(schema, suggested), errors=errors
        )

    async def _async_accounts(self) -> dict[str, str]:
        users = await self.hass.auth.async_get_users()
        return {user.id: user.name or user.id for user in users if user.is_active and not user.system_generated}

    def _own_language(self) -> str:
        language = self.hass.config.language
        return language if language in LANGUAGES else LANGUAGES[0]


def _options(labels: Mapping[str, str]) -> list[SelectOptionDict]:
    by_label = sorted(labels.items(), key=lambda item: item[1].casefold())
    return [SelectOptionDict(value=value, label=label) for value, label in by_label]


def _reason(error: RecorderError) -> str:
    match error:
        case CannotConnect():
            return "cannot_connect"
        case WrongToken():
            return "invalid_auth"
        case UnsupportedVersion():
            return "unsupported_version"
        case _:
            return "not_a_recorder"
