"""Writes alerts and their updates in a member's language and hands them to the companion app; no picture, no person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.components import notify
from homeassistant.components.mobile_app.util import get_notify_service, webhook_id_from_device_id
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, LOGGER
from ..members import Member
from .model import OVER, Answer, Incident

ACTION_PREFIX: Final = "SAFE_COMMUNITY"
# One channel on Android, so that people can give these alerts their own sound.
CHANNEL: Final = "Safe Community"
PHONE: Final = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is shown on a phone."""

    title: str
    text: str
    data: Mapping[str, Any]


class Texts:
    """The texts of one language, from the translations' `common` part."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        self._translations = translations

    def __call__(self, key: str, **placeholders: str) -> str:
        """Return a text with its placeholders filled."""
        return self._translations[f"component.{DOMAIN}.common.{key}"].format(**placeholders)


async def async_texts(hass: HomeAssistant, language: str) -> Texts:
    """Load the texts of a language."""
    return Texts(await async_get_translations(hass, language, "common", {DOMAIN}))


def action_id(incident_id: str, secret: str, answer: Answer) -> str:
    """Write the id of a button: which incident, whose message, what answer."""
    return f"{ACTION_PREFIX}:{incident_id}:{secret}:{answer.value}"


def parse_action_id(text: str) -> tuple[str, str, Answer] | None:
    """Read the id of a button; None if it is not one of ours."""
    match text.split(":"):
        case [prefix, incident_id, secret, answer] if prefix == ACTION_PREFIX and answer in Answer:
            return incident_id, secret, Answer(answer)
        case _:
            return None


def alert_message(texts: Texts, incident: Incident, secret: str) -> Message:
    """Write the first message: where, what and when, how to stay safe, and three answers."""
    return Message(
        title=texts(f"alert_title_{incident.kind}", camera=incident.camera_name, eldership=incident.eldership_name),
        text=f"{_facts(texts, incident)}\n{texts('safety_line')}",
        data=_data(texts, incident, secret),
    )


def update_message(texts: Texts, incident: Incident, secret: str) -> Message:
    """Write what the last answer changed; an outcome has no more buttons."""
    last = incident.responses[-1]
    lines = [texts(f"update_{last.answer}", member=last.member_name), _facts(texts, incident)]
    if incident.stage not in OVER:
        lines.append(texts("safety_line"))
    return Message(
        title=texts(f"alert_title_{incident.kind}", camera=incident.camera_name, eldership=incident.eldership_name),
        text="\n".join(lines),
        data=_data(texts, incident, secret),
    )


async def async_send(hass: HomeAssistant, member: Member, message: Message) -> bool:
    """Send a message to a member; False if it went out in no way."""
    return bool(await async_reach(hass, member, message))


async def async_reach(hass: HomeAssistant, member: Member, message: Message) -> tuple[str, ...]:
    """Send a message in every way that a member has; returns those in which it went out: PHONE and channels."""
    calls = {channel: _on_channel(hass, channel, message) for channel in member.channels}
    if (on_phone := _on_phone(hass, member, message)) is not None:
        calls[PHONE] = on_phone
    if not calls:
        LOGGER.warning("%s has no phone that gets messages; choose one in the member's settings", member.name)
    reached = []
    for way, (service, data) in calls.items():
        try:
            await hass.services.async_call(notify.DOMAIN, service, data, blocking=True)
        except HomeAssistantError as error:
            LOGGER.warning("%s could not be reached by %s: %s", member.name, way, error)
        else:
            reached.append(way)
    return tuple(sorted(reached))


def _on_phone(hass: HomeAssistant, member: Member, message: Message) -> tuple[str, dict[str, Any]] | None:
    if (
        member.device_id is None
        or (webhook_id := webhook_id_from_device_id(hass, member.device_id)) is None
        or (service := get_notify_service(hass, webhook_id)) is None
    ):
        return None
    return service, {
        notify.ATTR_TITLE: message.title,
        notify.ATTR_MESSAGE: message.text,
        notify.ATTR_TARGET: webhook_id,
        notify.ATTR_DATA: dict(message.data),
    }


def _on_channel(hass: HomeAssistant, channel: str, message: Message) -> tuple[str, dict[str, Any]]:
    """Return how to use a channel, which is a notify entity or an action: neither takes more than title and text."""
    texts = {notify.ATTR_TITLE: message.title, notify.ATTR_MESSAGE: message.text}
    if hass.states.get(channel) is not None:
        return notify.SERVICE_SEND_MESSAGE, {ATTR_ENTITY_ID: channel, **texts}
    return channel.removeprefix(f"{notify.DOMAIN}."), texts


def _facts(texts: Texts, incident: Incident) -> str:
    return texts(
        "alert_facts",
        number=incident.label,
        camera=incident.camera_name,
        eldership=incident.eldership_name,
        time=dt_util.as_local(incident.raised_at).strftime("%H:%M"),
    )


def _data(texts: Texts, incident: Incident, secret: str) -> dict[str, Any]:
    over = incident.stage in OVER
    data: dict[str, Any] = {
        # The same tag, so that an update takes the alert's place on the phone.
        "tag": f"{DOMAIN}-{incident.id}",
        "group": DOMAIN,
        "channel": CHANNEL,
        # An update must not ring again; the alert must get through a phone that sleeps.
        "importance": "default" if incident.responses else "high",
        "ttl": 0,
        "priority": "high",
        "push": {"interruption-level": "passive" if incident.responses else "time-sensitive"},
    }
    if not over:
        data["actions"] = [
            {"action": action_id(incident.id, secret, answer), "title": texts(f"answer_{answer}")} for answer in Answer
        ]
    return data
