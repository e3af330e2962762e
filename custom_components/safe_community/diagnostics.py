"""What a person can send along with a bug report: no address, no token, no names of people."""

from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_FINGERPRINT
from .data import SafeCommunityConfigEntry
from .devices import camera_of_device, eldership_identifier
from .documents import RecorderCamera
from .members import members_of
from .storage import Storage

TO_REDACT: Final = {CONF_FINGERPRINT, CONF_TOKEN, CONF_URL}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> dict[str, Any]:
    """Return what is known of the recorder, its cameras and the scheme."""
    coordinator = entry.runtime_data.coordinator
    recorder = coordinator.data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "recorder": {"version": recorder.info.version, "is_there": coordinator.last_update_success},
        "storage": None if recorder.storage is None else _storage(recorder.storage),
        "elderships": len(recorder.elderships),
        "cameras": [_camera(camera) for camera in recorder.cameras.values()],
        "members": [
            {
                "role": member.role.value,
                "elderships": sorted(member.elderships),
                "has_account": member.user_id is not None,
                "has_phone": member.device_id is not None,
                "channels": len(member.channels),
                "has_quiet_hours": member.quiet_from is not None,
                "expires": None if member.expires is None else member.expires.isoformat(),
                "language": member.language,
            }
            for member in members_of(entry)
        ],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return what is known of a camera, or of an eldership's cameras; of the recorder all."""
    recorder = entry.runtime_data.recorder
    camera = camera_of_device(recorder, device.identifiers)
    if camera is not None:
        storage = recorder.storage
        kept = [] if storage is None else [one for one in _storage(storage)["retention"] if one["camera"] == camera.id]
        return {"camera": _camera(camera), "kept": kept}
    for eldership_id in recorder.elderships:
        if eldership_identifier(recorder, eldership_id) in device.identifiers:
            return {"cameras": [_camera(camera) for camera in recorder.cameras_in(eldership_id)]}
    return await async_get_config_entry_diagnostics(hass, entry)


def _camera(camera: RecorderCamera) -> dict[str, Any]:
    # All but its name, which says where it is, and its problem in words, in which an address may stand.
    state, stream = camera.state, camera.state.stream
    return {
        "id": camera.id,
        "eldership": camera.eldership.id,
        "connection": state.connection.value,
        "since": state.since.isoformat(),
        "recording": state.recording,
        "motion": state.motion,
        "tampering": list(state.tampering),
        "codec": state.codec,
        "width": state.width,
        "height": state.height,
        "viewers": state.viewers,
        "sampling": state.sampling,
        "stream": None
        if stream is None
        else {
            "bitrate_bps": stream.bitrate_bps,
            "frame_rate": stream.frame_rate,
            "clock_offset_s": stream.clock_offset_s,
            "lost_packets": stream.lost_packets,
            "reconnects": stream.reconnects,
            "source": stream.source,
        },
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
        "write_bps": storage.write_bps,
        "lost_today_s": storage.lost_today_s,
        "lost_groups": storage.lost_groups,
        "compared_days": storage.compared_days,
        "days_to_compare": storage.days_to_compare,
        "retention": [
            {
                "camera": one.camera_id,
                "wanted_days": one.wanted_days,
                "kept_days": one.kept_days,
                "met": one.met,
                "recorded_percent": one.recorded_percent,
            }
            for one in storage.retention
        ],
    }
