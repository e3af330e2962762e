"""Adds, changes and removes the recorder's cameras; the recorder looks at an address before it is kept.

What is shown to the browser never holds an address that is stored: it may hold a password.
"""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import probatio
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.const import CONF_ID, CONF_NAME, CONF_URL
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    DateSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import slugify

from .access import HOME_ASSISTANT, Asker, current_caller
from .client import RecorderClient
from .const import DOMAIN
from .data import SafeCommunityConfigEntry
from .documents import Probe
from .errors import RecorderError, RequestRefused
from .tls import in_groups

CONF_CAMERA: Final = "camera"
CONF_ELDERSHIP: Final = "eldership"
CONF_CERTIFICATE: Final = "certificate"
CONF_VISION: Final = "vision"
CONF_WATCHED: Final = "watched"
CONF_SENSITIVITY: Final = "sensitivity"
RULES: Final = "rules"
TECHNICAL: Final = "technical"

NO_CAMERA: Final = "unknown_camera"
CERTIFICATE: Final = "camera_certificate"
# What a camera is looked at with: its other fields do not matter for it.
PROBED: Final = (CONF_URL, "source", CONF_CERTIFICATE)
# Of these the recorder keeps what is stored if the form leaves them empty; all others it takes away.
ADDRESSES: Final = (CONF_URL, "detect_url")

# A user name in the address is no secret by itself, but what follows it is: so none of it is shown.
_ADDRESS: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_LINES: Final = TextSelector(TextSelectorConfig(multiline=True))
_RULES: Final = {
    probatio.Optional("retention_days"): NumberSelector(
        NumberSelectorConfig(min=1, max=366, step=1, mode=NumberSelectorMode.BOX, unit_of_measurement="d")
    ),
    probatio.Optional("retention_justification"): _LINES,
    probatio.Optional("purpose"): _LINES,
    probatio.Optional("legal_basis"): _LINES,
    probatio.Optional("dpia"): TextSelector(),
    probatio.Optional("sign_posted"): DateSelector(),
    probatio.Optional("review"): DateSelector(),
    probatio.Optional("audio", default=False): BooleanSelector(),
    probatio.Optional("audio_justification"): _LINES,
}
_TECHNICAL: Final = {
    probatio.Optional("detect_url"): _ADDRESS,
    probatio.Optional(CONF_WATCHED, default=True): BooleanSelector(),
    probatio.Optional(CONF_SENSITIVITY, default=5): NumberSelector(
        NumberSelectorConfig(min=1, max=9, step=1, mode=NumberSelectorMode.SLIDER)
    ),
    probatio.Optional("source", default="auto"): SelectSelector(
        SelectSelectorConfig(
            options=["auto", "native", "libav"], mode=SelectSelectorMode.DROPDOWN, translation_key="source"
        )
    ),
}
_VISION: Final = {"enabled": True, "sensitivity": 5}
FIELDS: Final = frozenset(str(key) for key in (*_RULES, *_TECHNICAL)) | {CONF_ID, CONF_NAME, CONF_URL, CONF_ELDERSHIP}


class CameraFlow(OptionsFlow):
    """What an administrator does with the cameras of one recorder."""

    config_entry: SafeCommunityConfigEntry

    def __init__(self) -> None:
        self._asker: Asker = HOME_ASSISTANT
        # The camera that is changed; None while one is added.
        self._camera_id: str | None = None
        self._stored: dict[str, Any] = {}
        self._form: dict[str, Any] = {}
        self._entry: dict[str, Any] = {}
        self._work: asyncio.Task[Any] | None = None
        self._found: Probe | None = None
        self._shown = ""
        self._errors: dict[str, str] = {}
        self._detail = ""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to do."""
        # Later steps may run where nobody's request is known.
        self._asker = current_caller().asker
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="recorder_not_loaded")
        steps = ["add_camera"]
        if self.config_entry.runtime_data.recorder.cameras:
            steps += ["edit_camera", "remove_camera"]
        return self.async_show_menu(step_id="init", menu_options=steps)

    # --- add and edit -------------------------------------------------------------------------------------------------

    async def async_step_add_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new camera."""
        return await self._async_ask("add_camera", user_input, {})

    async def async_step_edit_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which camera is to be changed."""
        if user_input is None:
            return self._choose("edit_camera")
        self._camera_id = str(user_input[CONF_CAMERA])
        try:
            self._stored = await self._client.entry(self._camera_id)
        except RecorderError as error:
            return self._gone(error)
        return await self.async_step_change_camera()

    async def async_step_change_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what is to be changed about the camera."""
        return await self._async_ask("change_camera", user_input, _as_form(self._stored))

    async def _async_ask(
        self, step_id: str, user_input: dict[str, Any] | None, stored: Mapping[str, Any]
    ) -> ConfigFlowResult:
        if user_input is not None:
            self._form = _with_former_addresses(user_input, self._form)
            self._entry = self._entry_of(self._form)
            if not self._errors:
                return await self.async_step_look()
        try:
            elderships = await self._client.elderships()
        except RecorderError as error:
            return self._gone(error)
        is_new, is_typed = self._camera_id is None, bool(self._form.get(CONF_URL))
        choices = [SelectOptionDict(value=one.id, label=one.name) for one in elderships]
        fields: dict[Any, Any] = {
            (probatio.Required if is_new and not is_typed else probatio.Optional)(CONF_URL): _ADDRESS,
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_ELDERSHIP): SelectSelector(
                SelectSelectorConfig(options=choices, mode=SelectSelectorMode.DROPDOWN)
            ),
            probatio.Optional(RULES, default=dict): section(probatio.Schema(_RULES), {"collapsed": True}),
            probatio.Optional(TECHNICAL, default=dict): section(
                probatio.Schema(({probatio.Optional(CONF_ID): TextSelector()} if is_new else {}) | _TECHNICAL),
                {"collapsed": True},
            ),
        }
        # What was typed goes back to who typed it, but for the addresses: they travel once, and one way.
        schema = self.add_suggested_values_to_schema(probatio.Schema(fields), _without_addresses(self._form or stored))
        errors, self._errors = self._errors, {}
        return self.async_show_form(
            step_id=step_id,
            data_schema=schema,
            errors=errors,
            description_placeholders={
                "detail": self._detail,
                "camera": str(self._stored.get(CONF_NAME, "")),
                "example_url": "rtsp://user:password@192.168.1.20/stream1",
            },
        )

    def _entry_of(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return the form as a camera's entry (of one that is changed: None takes a key away)."""
        rules, technical = dict(user_input.get(RULES, {})), dict(user_input.get(TECHNICAL, {}))
        asked = {"enabled": technical.pop(CONF_WATCHED, True), "sensitivity": int(technical.pop(CONF_SENSITIVITY, 5))}
        stored = self._stored.get(CONF_VISION, {})
        # Zones and what else only the file has stay; what the recorder does anyway is not written down.
        vision = stored | {key: value for key, value in asked.items() if value != stored.get(key, _VISION[key])}
        flat = {**{key: user_input.get(key) for key in (CONF_URL, CONF_NAME, CONF_ELDERSHIP)}, **rules, **technical}
        filled = {key: _plain(value) for key, value in flat.items() if value not in (None, "")}
        entry = {**filled, CONF_VISION: vision} if vision != stored else filled
        accepted = self._entry.get(CONF_CERTIFICATE)
        if accepted is not None and filled.get(CONF_URL) == self._entry.get(CONF_URL):
            entry[CONF_CERTIFICATE] = accepted
        elif CONF_URL in filled and CONF_CERTIFICATE in self._stored:
            # It was accepted at the address that goes.
            entry[CONF_CERTIFICATE] = None
        if self._camera_id is None:
            given = str(entry.get(CONF_ID) or slugify(str(entry.get(CONF_NAME, "")), separator="-"))
            entry[CONF_ID] = given
            if given in self.config_entry.runtime_data.recorder.cameras:
                self._errors = {"base": "id_taken"}
            return entry
        emptied = {str(key): None for key in _RULES if str(key) not in filled and str(key) in self._stored}
        return emptied | entry

    # --- look ---------------------------------------------------------------------------------------------------------

    async def async_step_look(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Have the recorder look at the camera, and show that this takes some seconds."""
        return await self._async_work("look", "looking", self._async_look, "looked")

    async def _async_look(self) -> None:
        asked: dict[str, Any] = {key: self._entry[key] for key in PROBED if self._entry.get(key) is not None}
        if CONF_URL not in asked:
            asked["camera_id"] = self._camera_id
        self._found = await self._client.probe(asked, self._asker.actor())

    async def async_step_looked(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go on with what the recorder has seen, or with why it saw nothing."""
        error = self._result()
        if error is None:
            return await self.async_step_found()
        if isinstance(error, RequestRefused) and error.code == CERTIFICATE and error.fingerprint is not None:
            self._shown = error.fingerprint
            return await self.async_step_certificate()
        self._refused(error)
        return await self.async_step_not_found()

    async def async_step_certificate(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a camera's certificate that nobody has accepted."""
        if user_input is not None:
            self._entry[CONF_CERTIFICATE] = self._shown
            return await self.async_step_look()
        return self.async_show_form(
            step_id="certificate", description_placeholders={"fingerprint": in_groups(self._shown)}
        )

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what the camera is, and ask whether to keep it."""
        assert self._found is not None
        language = self.hass.config.language
        texts = await async_get_translations(self.hass, language, "common", [DOMAIN])
        return self.async_show_menu(
            step_id="found",
            menu_options=["save", "change"],
            description_placeholders=described(self._found, lambda key: texts.get(f"component.{DOMAIN}.common.{key}")),
        )

    async def async_step_not_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say why the recorder saw nothing, and ask whether to keep the camera all the same."""
        return self.async_show_menu(
            step_id="not_found", menu_options=["change", "save"], description_placeholders={"detail": self._detail}
        )

    async def async_step_change(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go back to the form."""
        self._errors = {}
        return await (self.async_step_add_camera() if self._camera_id is None else self.async_step_change_camera())

    # --- keep ---------------------------------------------------------------------------------------------------------

    async def async_step_save(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Have the recorder keep the camera."""
        actor = self._asker.actor()
        try:
            if self._camera_id is None:
                await self._client.put_camera(self._entry[CONF_ID], self._entry, actor)
            else:
                await self._client.change_camera(self._camera_id, self._entry, actor)
        except RecorderError as error:
            field = self._refused(error)
            self._errors = {_section_of(field) if field in FIELDS else "base": "refused"}
            return await (
                self._async_ask("add_camera", None, {})
                if self._camera_id is None
                else self._async_ask("change_camera", None, _as_form(self._stored))
            )
        return self.async_create_entry(data=dict(self.config_entry.options))

    # --- remove -------------------------------------------------------------------------------------------------------

    async def async_step_remove_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which camera is to be removed."""
        if user_input is None:
            return self._choose("remove_camera")
        self._camera_id = str(user_input[CONF_CAMERA])
        return await self.async_step_confirm_removal()

    async def async_step_confirm_removal(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Remove the camera once the person says so again."""
        assert self._camera_id is not None
        if user_input is not None:
            try:
                await self._client.delete_camera(self._camera_id, self._asker.actor())
            except RecorderError as error:
                return self._gone(error)
            return self.async_create_entry(data=dict(self.config_entry.options))
        names = {choice["value"]: choice["label"] for choice in self._cameras()}
        return self.async_show_form(
            step_id="confirm_removal",
            description_placeholders={"camera": names.get(self._camera_id, self._camera_id)},
        )

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _client(self) -> RecorderClient:
        return self.config_entry.runtime_data.client

    async def _async_work(
        self, step_id: str, action: str, work: Callable[[], Coroutine[Any, Any, None]], done: str
    ) -> ConfigFlowResult:
        if self._work is None:
            self._work = self.hass.async_create_task(work(), f"safe_community {action}")
        if not self._work.done():
            return self.async_show_progress(step_id=step_id, progress_action=action, progress_task=self._work)
        return self.async_show_progress_done(next_step_id=done)

    def _result(self) -> RecorderError | None:
        """Return why the work failed, if it did by something that can be said; raises anything else."""
        work, self._work = self._work, None
        assert work is not None
        error = work.exception()
        if error is None or isinstance(error, RecorderError):
            return error
        raise error

    def _refused(self, error: RecorderError) -> str:
        """Remember what the recorder says; returns the field with which its detail begins."""
        self._detail = error.detail if isinstance(error, RequestRefused) else str(error)
        return self._detail.partition(":")[0]

    def _gone(self, error: RecorderError) -> ConfigFlowResult:
        is_gone = isinstance(error, RequestRefused) and error.code == NO_CAMERA
        return self.async_abort(
            reason="camera_gone" if is_gone else "recorder_failed",
            description_placeholders={"detail": error.detail if isinstance(error, RequestRefused) else str(error)},
        )

    def _cameras(self) -> list[SelectOptionDict]:
        cameras = self.config_entry.runtime_data.recorder.cameras.values()
        choices = [SelectOptionDict(value=one.id, label=f"{one.eldership.name}, {one.name}") for one in cameras]
        return sorted(choices, key=lambda choice: choice["label"].casefold())

    def _choose(self, step_id: str) -> ConfigFlowResult:
        chosen = SelectSelector(SelectSelectorConfig(options=self._cameras(), mode=SelectSelectorMode.DROPDOWN))
        return self.async_show_form(
            step_id=step_id, data_schema=probatio.Schema({probatio.Required(CONF_CAMERA): chosen})
        )


def described(found: Probe, text_of: Callable[[str], str | None]) -> dict[str, str]:
    """Return what a camera is in words; `text_of` gives the words of a key in the reader's language."""
    unknown = "–"
    size = unknown if found.width is None else f"{found.width} x {found.height}"
    warnings = [f"- {text_of(f'probe_{warned.code}') or warned.text}" for warned in found.warnings]
    still = "" if found.still is None else f"![](data:image/jpeg;base64,{base64.b64encode(found.still).decode()})"
    return {
        "codec": {"h264": "H.264", "h265": "H.265"}.get(found.codec or "", unknown),
        "size": size,
        "frame_rate": unknown if found.frame_rate is None else f"{found.frame_rate:.3g}",
        "bitrate": unknown if found.bitrate_bps is None else f"{found.bitrate_bps / 1_000_000:.2g}",
        "group": unknown if found.group_s is None else f"{found.group_s:.2g}",
        "warnings": "\n".join(warnings) or str(text_of("probe_all_well")),
        "still": still,
    }


def _as_form(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored entry, which has no addresses, as the form shows it."""
    vision = stored.get(CONF_VISION, {})
    technical = {
        "source": stored.get("source", "auto"),
        CONF_WATCHED: vision.get("enabled", True),
        CONF_SENSITIVITY: vision.get("sensitivity", 5),
    }
    rules = {str(key): stored[str(key)] for key in _RULES if str(key) in stored}
    return {**{key: stored.get(key) for key in (CONF_NAME, CONF_ELDERSHIP)}, RULES: rules, TECHNICAL: technical}


def _without_addresses(form: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in form.items() if key not in ADDRESSES}
    if TECHNICAL in shown:
        shown[TECHNICAL] = {key: value for key, value in shown[TECHNICAL].items() if key not in ADDRESSES}
    return shown


def _with_former_addresses(form: dict[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form with the addresses that were typed before, where they were not typed again."""
    for part, before in ((form, former), (form.get(TECHNICAL, {}), former.get(TECHNICAL, {}))):
        part |= {key: before[key] for key in ADDRESSES if before.get(key) and not part.get(key)}
    return form


def _section_of(field: str) -> str:
    """Return where a form shows an error of a field: at itself, or for all fields of a section together."""
    return field if field in (CONF_URL, CONF_NAME, CONF_ELDERSHIP) else "base"


def _plain(value: object) -> object:
    """Return a number as the recorder's camera file has it: whole if it is whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
