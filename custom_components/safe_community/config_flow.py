"""Connects a recorder: by its address, as its app announces it, or as it announces itself on the network."""

from collections.abc import Mapping
from typing import Any, Final, override

import probatio
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN, CONF_URL
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from yarl import URL

from .camera_flow import CameraFlow
from .client import RecorderClient, normalise_url
from .const import CONF_FINGERPRINT, DOMAIN, SUBENTRY_MEMBER
from .data import SafeCommunityConfigEntry
from .documents import RecorderInfo
from .errors import CannotConnect, RecorderError, UnsupportedVersion, UntrustedCertificate, WrongToken
from .member_flow import MemberFlow
from .tls import certificate_of, in_groups

URL_SELECTOR: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url"))
TOKEN_SELECTOR: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

RECORDER_SCHEMA: Final = probatio.Schema(
    {probatio.Required(CONF_URL): URL_SELECTOR, probatio.Required(CONF_TOKEN): TOKEN_SELECTOR}
)
TOKEN_SCHEMA: Final = probatio.Schema({probatio.Required(CONF_TOKEN): TOKEN_SELECTOR})

LONGEST_NAME: Final = 100
PLACEHOLDERS: Final = {"example_url": "http://192.168.1.10:8710"}


class SafeCommunityConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connects a recorder.

    A token is only ever sent to the address that a person has typed or confirmed, and over TLS only to who shows a
    certificate that an authority signed or that the person has accepted.
    """

    VERSION = 1
    MINOR_VERSION = 2

    def __init__(self) -> None:
        self._announced: dict[str, str] = {}
        self._announced_name = ""
        # What was asked for when a certificate came that nobody has accepted yet.
        self._pending: dict[str, str] = {}
        self._shown = ""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: SafeCommunityConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        return {SUBENTRY_MEMBER: MemberFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: SafeCommunityConfigEntry) -> OptionsFlow:
        return CameraFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for address and token."""
        errors: dict[str, str] = {}
        if user_input is not None and (done := await self._async_connect(user_input, errors)) is not None:
            return done
        return self._form("user", RECORDER_SCHEMA, errors, user_input)

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take what the recorder's app announces; the address and token of a known recorder are renewed."""
        config = discovery_info.config
        data = {CONF_URL: f"http://{config[CONF_HOST]}:{config[CONF_PORT]}", CONF_TOKEN: config[CONF_TOKEN]}
        await self.async_set_unique_id(config["recorder_id"])
        self._abort_if_unique_id_configured(updates=data)
        self._announced = data
        self._name(discovery_info.name)
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to connect the announced recorder."""
        errors: dict[str, str] = {}
        if user_input is not None and (done := await self._async_connect(self._announced, errors)) is not None:
            return done
        return self.async_show_form(
            step_id="hassio_confirm", errors=errors, description_placeholders={"app": self._announced_name}
        )

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take what a recorder says of itself on the network, where anybody may say anything.

        A known recorder's address is renewed only if it shows the certificate that was accepted: without one nobody
        could tell it from a stranger who wants its token.
        """
        said = discovery_info.properties
        if not said.get("id") or discovery_info.port is None:
            return self.async_abort(reason="not_a_recorder")
        scheme = "https" if said.get("tls") == "1" else "http"
        url = str(URL.build(scheme=scheme, host=discovery_info.host, port=discovery_info.port))
        entry = await self.async_set_unique_id(str(said["id"]))
        # An entry of a recorder that somebody wants to hear nothing of has no address.
        if entry is not None and entry.data.get(CONF_URL) != url and await self._async_is_the_same(entry, url):
            self._abort_if_unique_id_configured(updates={CONF_URL: url})
        self._abort_if_unique_id_configured()
        self._announced = {CONF_URL: url}
        self._name(str(said.get("name") or discovery_info.host))
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the token of the recorder that was found."""
        errors: dict[str, str] = {}
        if user_input is not None:
            done = await self._async_connect({**self._announced, **user_input}, errors)
            if done is not None:
                return done
        return self.async_show_form(
            step_id="zeroconf_confirm",
            data_schema=TOKEN_SCHEMA,
            errors=errors,
            description_placeholders={"name": self._announced_name, "url": self._announced[CONF_URL]},
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to renew the token, or to look at a certificate that has changed."""
        errors: dict[str, str] = {}
        done = await self._async_connect(entry_data, errors)
        return await self.async_step_reauth_confirm() if done is None else done

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the new token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            done = await self._async_connect({**self._get_reauth_entry().data, **user_input}, errors)
            if done is not None:
                return done
        return self._form("reauth_confirm", TOKEN_SCHEMA, errors, None)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new address and token."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            accepted = {key: entry.data[key] for key in (CONF_FINGERPRINT,) if key in entry.data}
            done = await self._async_connect({**accepted, **user_input}, errors)
            if done is not None:
                return done
        return self._form("reconfigure", RECORDER_SCHEMA, errors, user_input or {CONF_URL: entry.data[CONF_URL]})

    async def async_step_certificate(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a certificate that no authority signed, or another than before, for the person to compare it."""
        errors: dict[str, str] = {}
        if user_input is not None:
            done = await self._async_connect({**self._pending, CONF_FINGERPRINT: self._shown}, errors)
            if done is not None:
                return done
        former = self._pending.get(CONF_FINGERPRINT)
        return self.async_show_form(
            step_id="certificate" if former is None else "certificate_changed",
            errors=errors,
            description_placeholders={
                "url": self._pending[CONF_URL],
                "fingerprint": in_groups(self._shown),
                "former": in_groups(former or ""),
            },
        )

    async def async_step_certificate_changed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the answer to a certificate that is another than before."""
        return await self.async_step_certificate(user_input)

    async def _async_connect(self, wanted: Mapping[str, Any], errors: dict[str, str]) -> ConfigFlowResult | None:
        """Call the recorder and keep what worked; None with the reason in `errors` if it did not."""
        try:
            url = normalise_url(wanted[CONF_URL])
        except ValueError:
            errors[CONF_URL] = "invalid_url"
            return None
        data = {CONF_URL: url, CONF_TOKEN: wanted[CONF_TOKEN].strip()}
        if URL(url).scheme == "https" and CONF_FINGERPRINT in wanted:
            data[CONF_FINGERPRINT] = wanted[CONF_FINGERPRINT]
        client = RecorderClient(async_get_clientsession(self.hass), url, data[CONF_TOKEN], data.get(CONF_FINGERPRINT))
        try:
            info = await client.info()
        except UntrustedCertificate:
            return await self._async_show_certificate(data, errors)
        except RecorderError as error:
            errors["base"] = _reason(error)
            return None
        return await self._async_keep(info, data, errors)

    async def _async_show_certificate(self, data: dict[str, str], errors: dict[str, str]) -> ConfigFlowResult | None:
        try:
            self._shown = await certificate_of(data[CONF_URL])
        except CannotConnect as error:
            errors["base"] = _reason(error)
            return None
        self._pending = data
        return await self.async_step_certificate()

    async def _async_keep(
        self, info: RecorderInfo, data: dict[str, str], errors: dict[str, str]
    ) -> ConfigFlowResult | None:
        if self.source in (SOURCE_REAUTH, SOURCE_RECONFIGURE):
            entry = self._get_reauth_entry() if self.source == SOURCE_REAUTH else self._get_reconfigure_entry()
            await self.async_set_unique_id(info.recorder_id)
            self._abort_if_unique_id_mismatch(reason="other_recorder")
            return self.async_update_reload_and_abort(entry, data=data)
        if self._announced and info.recorder_id != self.unique_id:
            errors["base"] = "other_recorder"
            return None
        await self.async_set_unique_id(info.recorder_id)
        self._abort_if_unique_id_configured(updates=data)
        return self.async_create_entry(title=info.name, data=data)

    async def _async_is_the_same(self, entry: SafeCommunityConfigEntry, url: str) -> bool:
        accepted = entry.data.get(CONF_FINGERPRINT)
        if accepted is None or URL(url).scheme != "https":
            return False
        try:
            return bool(await certificate_of(url) == accepted)
        except CannotConnect:
            return False

    def _name(self, said: str) -> None:
        """Show a name that somebody on the network gave: short, and nothing in it but what can be seen."""
        self._announced_name = "".join(sign for sign in said if sign.isprintable())[:LONGEST_NAME]
        self.context["title_placeholders"] = {"name": self._announced_name}

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
