"""The conditions: how cameras and recorders are at this moment."""

from datetime import datetime
from typing import Any, ClassVar, Final, override

import probatio
from homeassistant.components.camera import CameraState
from homeassistant.const import CONF_OPTIONS, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    ENTITY_STATE_CONDITION_SCHEMA_ANY_ALL,
    Condition,
    ConditionConfig,
    EntityConditionBase,
)

from .watched import (
    ARCHIVE,
    CAMERA,
    CONF_KINDS,
    CONNECTIVITY,
    KINDS_SCHEMA,
    MOTION,
    TAMPERING,
    Watched,
    is_tampered,
    watched_in,
)

WITH_KINDS: Final = ENTITY_STATE_CONDITION_SCHEMA_ANY_ALL.extend(
    {probatio.Required(CONF_OPTIONS, default={}): KINDS_SCHEMA}
)


class _Being(EntityConditionBase):
    """Looks at one entity of every camera or recorder in the target, and at none of other integrations."""

    _watched: ClassVar[Watched]
    _is: ClassVar[str]
    _primary_entities_only = False

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._domain_specs = {self._watched.domain: DomainSpec()}
        self._named: dict[str, Any] = config.target or {}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return watched_in(self._hass, self._watched, self._named)

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return entity_state.state == self._is


class _BeingWell(_Being):
    """What is not known is not well: it counts when all have to be."""

    @override
    def _should_include(self, _state: State) -> bool:
        return True


class CameraIsOffline(_Being):
    """A camera does not answer."""

    _watched = CONNECTIVITY
    _is = STATE_OFF


class CameraSeesMotion(_Being):
    """Something moves before a camera."""

    _watched = MOTION
    _is = STATE_ON


class CameraIsTampered(_Being):
    """A camera cannot see, in one of the chosen ways."""

    _watched = TAMPERING
    _schema = WITH_KINDS

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._kinds: list[str] = (config.options or {})[CONF_KINDS]

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        return is_tampered(entity_state, self._kinds)

    @override
    def _state_valid_since(self, _state: State) -> datetime:
        return _state.last_updated


class CameraIsRecording(_BeingWell):
    """A camera is being recorded."""

    _watched = CAMERA
    _is = CameraState.RECORDING


class ArchiveIsFine(_BeingWell):
    """A recorder's disk is well."""

    _watched = ARCHIVE
    _is = STATE_OFF


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "camera_is_offline": CameraIsOffline,
    "camera_sees_motion": CameraSeesMotion,
    "camera_is_tampered": CameraIsTampered,
    "camera_is_recording": CameraIsRecording,
    "archive_is_fine": ArchiveIsFine,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions by the names under which automations know them."""
    return CONDITIONS
