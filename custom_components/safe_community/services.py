"""The actions that automations and people can call."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import probatio
from homeassistant.components.calendar import DOMAIN as CALENDAR_DOMAIN
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv

from .access import Action, async_caller_of, async_require, not_permitted
from .asking import ATTR_REASON, WRITTEN, async_at_each, async_cameras_of
from .const import DOMAIN
from .data import loaded_entries
from .drills import TEST_ALERT_SCHEMA, async_test_alert
from .evidence import EXPORT_SCHEMA, LOCK_SCHEMA, RELEASE_SCHEMA, async_export, async_lock, async_release
from .incidents.model import Kind
from .shipped import ATTR_OVERWRITE, async_install
from .targets import Target, cameras_in

SERVICE_RAISE_INCIDENT: Final = "raise_incident"
ATTR_KIND: Final = "kind"
ATTR_DUTY_CALENDAR: Final = "duty_calendar"

RAISE_INCIDENT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_ENTITY_ID): cv.entity_id,
        probatio.Required(ATTR_KIND): probatio.Coerce(Kind),
        probatio.Optional(ATTR_DUTY_CALENDAR): cv.entity_domain(CALENDAR_DOMAIN),
    }
)
PAUSE_SCHEMA: Final = probatio.Schema({**cv.ENTITY_SERVICE_FIELDS, probatio.Required(ATTR_REASON): WRITTEN})
RESUME_SCHEMA: Final = probatio.Schema({**cv.ENTITY_SERVICE_FIELDS, probatio.Optional(ATTR_REASON): WRITTEN})
INSTALL_SCHEMA: Final = probatio.Schema({probatio.Optional(ATTR_OVERWRITE, default=False): cv.boolean})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    actions: dict[str, tuple[Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]], probatio.Schema]] = {
        SERVICE_RAISE_INCIDENT: (_async_raise_incident, RAISE_INCIDENT_SCHEMA),
        "lock_footage": (async_lock, LOCK_SCHEMA),
        "release_footage": (async_release, RELEASE_SCHEMA),
        "export_evidence": (async_export, EXPORT_SCHEMA),
        "pause_recording": (_async_pause, PAUSE_SCHEMA),
        "resume_recording": (_async_resume, RESUME_SCHEMA),
        "test_alert": (async_test_alert, TEST_ALERT_SCHEMA),
        "install_blueprints": (_async_install_blueprints, INSTALL_SCHEMA),
    }
    for name, (action, schema) in actions.items():
        hass.services.async_register(DOMAIN, name, action, schema=schema, supports_response=SupportsResponse.OPTIONAL)


async def _async_raise_incident(call: ServiceCall) -> ServiceResponse:
    (target,) = cameras_in(call.hass, {ATTR_ENTITY_ID: call.data[ATTR_ENTITY_ID]})
    camera = target.camera
    await async_require(call.hass, target.entry, call.context, Action.RESPOND, camera.eldership.id, camera.id)
    desk = target.entry.runtime_data.desk
    report = await desk.async_report(camera, call.data[ATTR_KIND], call.data.get(ATTR_DUTY_CALENDAR))
    return {
        "incident": report.incident.label,
        "new": report.is_new,
        "alerted": [alert.member_name for alert in report.incident.alerts],
    }


async def _async_pause(call: ServiceCall) -> ServiceResponse:
    return await _async_set_paused(call, paused=True)


async def _async_resume(call: ServiceCall) -> ServiceResponse:
    return await _async_set_paused(call, paused=False)


async def _async_set_paused(call: ServiceCall, *, paused: bool) -> ServiceResponse:
    targets, asker = await async_cameras_of(call, Action.PAUSE)
    actor = asker.actor(call.data.get(ATTR_REASON))

    async def change(target: Target) -> str:
        data = target.entry.runtime_data
        camera = await data.client.change_camera(target.camera.id, {"paused": paused}, actor)
        data.coordinator.async_changed(camera)
        return camera.name

    return {"cameras": [*await async_at_each(targets, change)]}


async def _async_install_blueprints(call: ServiceCall) -> ServiceResponse:
    entries = loaded_entries(call.hass)
    for entry in entries:
        await async_require(call.hass, entry, call.context, Action.MANAGE)
    caller = await async_caller_of(call.hass, call.context)
    # Without a recorder there are neither members nor an audit log.
    if not entries and caller.asker.is_person and not (caller.user is not None and caller.user.is_admin):
        raise not_permitted()
    outcome = await async_install(call.hass, overwrite=call.data[ATTR_OVERWRITE])
    return {name: [*paths] for name, paths in outcome.items()}
