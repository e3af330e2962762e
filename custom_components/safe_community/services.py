"""The actions that automations and people can call."""

from typing import Final

import probatio
from homeassistant.components.calendar import DOMAIN as CALENDAR_DOMAIN
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .access import Action, async_require
from .const import DOMAIN
from .data import SafeCommunityConfigEntry, loaded_entry
from .devices import camera_of_device
from .documents import RecorderCamera
from .incidents.model import Kind

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


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN,
        SERVICE_RAISE_INCIDENT,
        _async_raise_incident,
        schema=RAISE_INCIDENT_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _async_raise_incident(call: ServiceCall) -> ServiceResponse:
    entry, camera = _camera_of(call.hass, call.data[ATTR_ENTITY_ID])
    await async_require(call.hass, entry, call.context, Action.RESPOND, camera.eldership.id, camera.id)
    report = await entry.runtime_data.desk.async_report(camera, call.data[ATTR_KIND], call.data.get(ATTR_DUTY_CALENDAR))
    return {
        "incident": report.incident.label,
        "new": report.is_new,
        "alerted": [alert.member_name for alert in report.incident.alerts],
    }


def _camera_of(hass: HomeAssistant, entity_id: str) -> tuple[SafeCommunityConfigEntry, RecorderCamera]:
    """Return the camera that an entity of ours belongs to, be it the camera itself or one of its sensors."""
    registered = er.async_get(hass).async_get(entity_id)
    if registered is not None and registered.platform == DOMAIN and registered.config_entry_id is not None:
        entry = loaded_entry(hass, registered.config_entry_id)
        device = None if registered.device_id is None else dr.async_get(hass).async_get(registered.device_id)
        if entry is not None and device is not None:
            camera = camera_of_device(entry.runtime_data.recorder, device.identifiers)
            if camera is not None:
                return entry, camera
    raise ServiceValidationError(
        translation_domain=DOMAIN, translation_key="not_a_camera", translation_placeholders={"entity_id": entity_id}
    )
