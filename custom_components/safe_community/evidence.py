"""The actions with footage that matters: locking it, releasing it, asking for an evidence package."""

from datetime import date, datetime, timedelta
from typing import Any, Final

import probatio
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .access import Action, async_caller_of, async_require
from .asking import ATTR_REASON, WRITTEN, async_at_each, async_cameras_of, explained, invalid
from .const import LANGUAGES
from .data import SafeCommunityConfigEntry, loaded_entries
from .documents import Lock, Span
from .errors import RecorderError, RequestRefused
from .local_time import DAY, day_start
from .moments import BadRange, NoSuchTime, span_of
from .targets import Target

ATTR_START: Final = "start"
ATTR_END: Final = "end"
ATTR_KEEP_UNTIL: Final = "keep_until"
ATTR_LOCK_ID: Final = "lock_id"
ATTR_RECIPIENT: Final = "recipient"
ATTR_LANGUAGE: Final = "language"

# What is not done with in a quarter of a year is locked anew, with a reason.
KEPT_FOR: Final = timedelta(days=90)
# The recorder locks what is still to come, but packs only what there is.
LOCKED_AHEAD: Final = timedelta(days=1)

_RANGE: Final = {probatio.Required(ATTR_START): cv.datetime, probatio.Required(ATTR_END): cv.datetime}

LOCK_SCHEMA: Final = probatio.Schema(
    {
        **cv.ENTITY_SERVICE_FIELDS,
        **_RANGE,
        probatio.Required(ATTR_REASON): WRITTEN,
        probatio.Optional(ATTR_KEEP_UNTIL): cv.date,
    }
)
RELEASE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_LOCK_ID): probatio.All(cv.string, str.strip, probatio.Length(min=1, max=64)),
        probatio.Required(ATTR_REASON): WRITTEN,
    }
)
EXPORT_SCHEMA: Final = probatio.Schema(
    {
        **cv.ENTITY_SERVICE_FIELDS,
        **_RANGE,
        probatio.Required(ATTR_REASON): WRITTEN,
        probatio.Required(ATTR_RECIPIENT): WRITTEN,
        probatio.Required(ATTR_LANGUAGE, default=LANGUAGES[0]): probatio.In(LANGUAGES),
    }
)


async def async_lock(call: ServiceCall) -> ServiceResponse:
    """Keep a range of every camera in the target past its days."""
    targets, asker = await async_cameras_of(call, Action.LOCK)
    span = _span(call.data, LOCKED_AHEAD)
    expires = _expiry(call.data.get(ATTR_KEEP_UNTIL))
    reason: str = call.data[ATTR_REASON]

    async def lock(target: Target) -> Lock:
        client = target.entry.runtime_data.client
        return await client.lock(target.camera.id, span.start, span.end, reason, expires, asker.actor(reason))

    locks = await async_at_each(targets, lock)
    return {"locks": [_described(one.camera.name, made) for one, made in zip(targets, locks, strict=True)]}


async def async_release(call: ServiceCall) -> ServiceResponse:
    """End a lock before its time."""
    entry, lock = await _find(call, call.data[ATTR_LOCK_ID])
    data = entry.runtime_data
    camera = data.camera(lock.camera_id)
    eldership_id = None if camera is None else camera.eldership.id
    asker = await async_require(call.hass, entry, call.context, Action.RELEASE, eldership_id, lock.camera_id)
    if not lock.is_active:
        raise invalid(translation_key="lock_over")
    try:
        released = await data.client.release(lock.id, asker.actor(call.data[ATTR_REASON]))
    except RecorderError as error:
        raise explained(error) from error
    return _described(lock.camera_id if camera is None else camera.name, released)


async def async_export(call: ServiceCall) -> ServiceResponse:
    """Ask a recorder for one evidence package of a range of every camera in the target."""
    targets, asker = await async_cameras_of(call, Action.EXPORT)
    span = _span(call.data, timedelta())
    entries = {target.entry.entry_id: target.entry for target in targets}
    if len(entries) > 1:
        raise invalid(translation_key="several_recorders")
    (entry,) = entries.values()
    try:
        export = await entry.runtime_data.client.export(
            [(target.camera.id, span.start, span.end) for target in targets],
            call.data[ATTR_RECIPIENT],
            call.data[ATTR_LANGUAGE],
            asker.actor(call.data[ATTR_REASON]),
        )
    except RecorderError as error:
        raise explained(error) from error
    return {"number": export.number, "state": export.state, "cameras": [target.camera.name for target in targets]}


async def _find(call: ServiceCall, lock_id: str) -> tuple[SafeCommunityConfigEntry, Lock]:
    """Return a lock and the entry of the recorder that has it; who may release none learns nothing of it."""
    entries = loaded_entries(call.hass)
    caller = await async_caller_of(call.hass, call.context)
    allowed = [entry for entry in entries if caller.may(entry, Action.RELEASE, None)]
    if entries and not allowed:
        await async_require(call.hass, entries[0], call.context, Action.RELEASE)
    silent: RecorderError | None = None
    for entry in allowed:
        try:
            return entry, await entry.runtime_data.client.lock_of(lock_id)
        except RequestRefused as error:
            if error.code != "unknown_lock":
                raise explained(error) from error
        except RecorderError as error:
            silent = error
    if silent is not None:
        raise explained(silent) from silent
    raise invalid(translation_key="unknown_lock", lock_id=lock_id)


def _span(data: dict[str, Any], ahead: timedelta) -> Span:
    start: datetime = data[ATTR_START]
    end: datetime = data[ATTR_END]
    try:
        return span_of(start, end, dt_util.get_default_time_zone(), now=dt_util.utcnow(), ahead=ahead)
    except NoSuchTime as error:
        raise invalid(translation_key="no_such_time", time=str(error)) from error
    except BadRange as error:
        if error.why == "reversed":
            raise invalid(translation_key="reversed_range") from error
        raise invalid(translation_key="future_range") from error


def _expiry(last_day: date | None) -> datetime:
    if last_day is None:
        return dt_util.utcnow() + KEPT_FOR
    return day_start(last_day + DAY, dt_util.get_default_time_zone())


def _described(camera: str, lock: Lock) -> dict[str, Any]:
    """Describe a lock in the time of people's clocks."""
    times = {"start": lock.start, "end": lock.end, "kept_until": lock.expires}
    local = {name: dt_util.as_local(moment).isoformat() for name, moment in times.items()}
    return {"lock_id": lock.id, "camera": camera, **local, "active": lock.is_active}
