"""What a person can send along with a bug report: no address, no token, no names of people."""

from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant

from .data import SafeCommunityConfigEntry
from .members import members_of
from .storage import Storage

TO_REDACT: Final = {CONF_TOKEN, CONF_URL}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> dict[str, Any]:
    """Return what is known of the recorder, its cameras and the scheme."""
    coordinator = entry.runtime_data.coordinator
    recorder = coordinator.data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "recorder": {"version": recorder.info.version, "is_there": coordinator.last_update_success},
        "storage": None if recorder.storage is None else _storage(recorder.storage),
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


def _storage(storage: Storage) -> dict[str, Any]:
    # All but the problem in words, in which the path of a network disk may stand.
    return {
        "state": storage.state.value,
        "used_bytes": storage.used_bytes,
        "allowed_bytes": storage.allowed_bytes,
        "free_bytes": storage.free_bytes,
        "disk_bytes": storage.disk_bytes,
        "only_locked_left": storage.only_locked_left,
        "bytes_per_day": storage.bytes_per_day,
        "days_until_full": storage.days_until_full,
        "lost_groups": storage.lost_groups,
        "compared_days": storage.compared_days,
        "days_to_compare": storage.days_to_compare,
        "retention": [
            {
                "camera": one.camera_id,
                "wanted_days": one.wanted_days,
                "kept_days": one.kept_days,
                "met": one.met,
            }
            for one in storage.retention
        ],
    }
