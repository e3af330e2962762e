"""Tries whether members can be reached, with a message that nobody can take for an alert."""

from homeassistant.core import HomeAssistant

from ..const import DOMAIN
from ..members import Member
from .dispatch import CHANNEL, Message, Texts, async_reach, async_texts


def drill_message(texts: Texts) -> Message:
    """Write the message: title and text both say that it is a drill, and it has no answers."""
    return Message(
        title=texts("drill_title"),
        text=texts("drill_text"),
        data={
            "tag": f"{DOMAIN}-drill",
            "group": DOMAIN,
            "channel": CHANNEL,
            "importance": "high",
            "ttl": 0,
            "priority": "high",
            "push": {"interruption-level": "time-sensitive"},
        },
    )


async def async_drill(hass: HomeAssistant, member: Member) -> tuple[str, ...]:
    """Send the message in every way that alerts take; returns those in which it went out."""
    return await async_reach(hass, member, drill_message(await async_texts(hass, member.language)))
