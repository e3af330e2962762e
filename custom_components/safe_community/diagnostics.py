"""What a person can send along with a bug report: no address, no token, no names of people."""

from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant

from .data import SafeCommunityConfigEntry
from .members import members_of

TO_REDACT: Final = {CONF_TOKEN, CONF_URL}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> dict[str, Any]:
    """Return what is known of the recorder, its cameras and the scheme."""
    coordinator = entry.runtime_data.coordinator
    recorder = coordinator.data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "recorder": {"version": recorder.info.version, "is_there": coordinator.last_update_success},
        "elderships": len(recorder.elderships),
        "cameras": [
            {
                "id": camera.id,
                "eldership": camera.eldership.id,
                "connection": camera.state.connection.value,
                "since": camera.state.since.isoformat(),
                "recording": camera.state.recording,
                "motion": camera.state.motion,
                "codec": camera.state.codec,
                "width": camera.state.width,
                "height": camera.state.height,
            }
            for camera in recorder.cameras.values()
        ],
        "members": [
            {
                "role": member.role.value,
                "elderships": sorted(member.elderships),
                "has_account": member.user_id is not None,
                "has_phone": member.device_id is not None,
                "language": member.language,
            }
            for member in members_of(entry)
        ],
    }
