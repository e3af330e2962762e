"""Tells an administrator, among Home Assistant's repairs, what only a person can put right at the recorder."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .coordinator import Recorder


@callback
def async_tell(hass: HomeAssistant, entry: ConfigEntry, recorder: Recorder) -> None:
    """Show that the recorder refuses its camera file, for as long as it does."""
    problem = recorder.info.camera_file_problem
    if problem is None:
        async_withdraw(hass, entry)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        _camera_file_issue(entry),
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="camera_file_refused",
        translation_placeholders={"recorder": recorder.info.name, "problem": problem},
    )


@callback
def async_withdraw(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take back what was told."""
    ir.async_delete_issue(hass, DOMAIN, _camera_file_issue(entry))


def _camera_file_issue(entry: ConfigEntry) -> str:
    return f"camera_file_refused_{entry.entry_id}"
