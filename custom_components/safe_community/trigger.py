"""The triggers: what happens at cameras and recorders, so that an automation reads like a sentence."""

from typing import Any, ClassVar, Final, override

import probatio
from homeassistant.components.camera import CameraState
from homeassistant.const import CONF_FOR, CONF_OPTIONS, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    Trigger,
    TriggerConfig,
)

from .watched import (
    ARCHIVE,
    CAMERA,
    CONF_KINDS,
    CONNECTIVITY,
    KINDS_SCHEMA,
    MOTION,
    PAUSE,
    RETENTION,
    TAMPERING,
    Watched,
    is_away,
    is_tampered,
    watched_in,
)

_OPTIONS: Final = probatio.Required(CONF_OPTIONS, default={})
WITH_KINDS: Final = ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR.extend({_OPTIONS: KINDS_SCHEMA})
# Long enough for a camera that is restarted, and for a recorder that is.
WITH_PATIENCE: Final = ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR.extend(
    {_OPTIONS: {probatio.Optional(CONF_FOR, default={"minutes": 5}): cv.positive_time_period}}
)


def _silent(reason: str, /, **data: Any) -> None:
    """Take the reason why nothing is triggered, where nobody wants to know it."""


class _Watching(EntityTriggerBase):
    """Watches one entity of every camera or recorder in the target, and none of other integrations.

    What began while the recorder or Home Assistant was away has begun all the same: it is told when they are back.
    """

    _watched: ClassVar[Watched]
    _primary_entities_only = False
    _excluded_from_states = frozenset()

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._domain_specs = {self._watched.domain: DomainSpec()}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        return watched_in(self._hass, self._watched, self._target)

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        return not self.is_valid_state(from_state, _silent)


class _Began(_Watching):
    """Something begins: a state is reached."""

    _begun: ClassVar[str]

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        return state.state == self._begun


class _Ended(_Watching):
    """A trouble is over that was one before the eyes of this trigger; a mere restart of the recorder ends none."""

    _schema = ENTITY_STATE_TRIGGER_SCHEMA
    _over: ClassVar[str]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._troubled: set[str] = set()

    def _is_trouble(self, state: State) -> bool:
        return state.state not in self._excluded_states and state.state != self._over

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        if self._is_trouble(state):
            self._troubled.add(state.entity_id)
        return state.state == self._over

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        was_trouble = self._is_trouble(from_state) or to_state.entity_id in self._troubled
        self._troubled.discard(to_state.entity_id)
        return was_trouble


class MotionDetected(_Began):
    """A camera sees motion."""

    _watched = MOTION
    _begun = STATE_ON


class CameraTampered(_Watching):
    """Somebody or something keeps a camera from seeing, in one of the chosen ways."""

    _watched = TAMPERING
    _schema = WITH_KINDS

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        return is_tampered(state, self._options[CONF_KINDS])


class CameraOffline(_Began):
    """A camera does not answer, for five minutes unless said otherwise."""

    _watched = CONNECTIVITY
    _schema = WITH_PATIENCE
    _begun = STATE_OFF


class CameraOnline(_Ended):
    """A camera that did not answer does so again."""

    _watched = CONNECTIVITY
    _over = STATE_ON

    @override
    def _is_trouble(self, state: State) -> bool:
        return is_away(state)


class RecordingStopped(_Watching):
    """A camera answers, and is not recorded."""

    _watched = CAMERA
    _schema = WITH_PATIENCE

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        return state.state in (CameraState.IDLE, CameraState.STREAMING)


class RecordingPaused(_Began):
    """Somebody pauses a camera's recording."""

    _watched = PAUSE
    _begun = STATE_OFF


class RecordingResumed(_Ended):
    """A camera that was paused is recorded again."""

    _watched = PAUSE
    _over = STATE_ON


class ArchiveProblem(_Began):
    """A recorder's disk is in trouble."""

    _watched = ARCHIVE
    _begun = STATE_ON


class ArchiveRecovered(_Ended):
    """A recorder's disk is well again."""

    _watched = ARCHIVE
    _over = STATE_OFF


class RetentionNotMet(_Began):
    """A recorder deletes footage before its days."""

    _watched = RETENTION
    _begun = STATE_OFF


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "motion_detected": MotionDetected,
    "camera_tampered": CameraTampered,
    "camera_offline": CameraOffline,
    "camera_online": CameraOnline,
    "recording_stopped": RecordingStopped,
    "recording_paused": RecordingPaused,
    "recording_resumed": RecordingResumed,
    "archive_problem": ArchiveProblem,
    "archive_recovered": ArchiveRecovered,
    "retention_not_met": RetentionNotMet,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers by the names under which automations know them."""
    return TRIGGERS
