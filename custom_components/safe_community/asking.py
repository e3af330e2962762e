"""What the actions have in common: fields that people fill in, rights, and what the recorder answers to each camera."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import probatio
from homeassistant.core import ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv

from .access import Action, Asker, async_require
from .const import DOMAIN
from .errors import RecorderError, RequestRefused
from .targets import Target, cameras_in

ATTR_REASON: Final = "reason"
# What the recorder takes.
LONGEST_TEXT: Final = 500
WRITTEN: Final = probatio.All(cv.string, str.strip, probatio.Length(min=1, max=LONGEST_TEXT))


async def async_cameras_of(call: ServiceCall, action: Action) -> tuple[list[Target], Asker]:
    """Return the cameras that an action is called for, and who calls; raises if they may not at one of them."""
    targets = cameras_in(call.hass, call.data)
    askers = [
        await async_require(call.hass, one.entry, call.context, action, one.camera.eldership.id, one.camera.id)
        for one in targets
    ]
    return targets, askers[0]


async def async_at_each[T](targets: Sequence[Target], do: Callable[[Target], Awaitable[T]]) -> list[T]:
    """Do something at every camera, whatever happens at the others; raises if anything failed."""
    done: list[T] = []
    failed: list[tuple[str, HomeAssistantError]] = []
    for target in targets:
        try:
            done.append(await do(target))
        except RecorderError as error:
            failed.append((target.camera.name, explained(error)))
    if len(failed) == 1 and len(targets) == 1:
        raise failed[0][1]
    if failed:
        names = ", ".join(name for name, _ in failed)
        raise failure(translation_key="failed_at_cameras", cameras=names, reason=str(failed[0][1])) from failed[0][1]
    return done


def explained(error: RecorderError) -> HomeAssistantError:
    """Say in the caller's language why the recorder does not do it."""
    if not isinstance(error, RequestRefused):
        return failure(translation_key="cannot_reach_recorder", reason=str(error))
    match error.code:
        case "past_days":
            return invalid(translation_key="past_days")
        case "no_footage":
            return invalid(translation_key="no_footage")
        case "range_too_long":
            return invalid(translation_key="range_too_long")
        case "bad_expiry":
            return invalid(translation_key="bad_expiry")
        case _:
            return failure(translation_key="recorder_refuses", reason=error.detail)


def invalid(*, translation_key: str, **placeholders: str) -> ServiceValidationError:
    """Say what can be put right by asking otherwise."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=translation_key, translation_placeholders=placeholders
    )


def failure(*, translation_key: str, **placeholders: str) -> HomeAssistantError:
    """Say what went wrong."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=translation_key, translation_placeholders=placeholders
    )
