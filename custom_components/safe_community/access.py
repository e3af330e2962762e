"""Decides who may see or do what; everything that is not written here is denied."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.components import websocket_api
from homeassistant.components.http import KEY_HASS_USER
from homeassistant.config_entries import ConfigEntry
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import current_request

from .const import DOMAIN
from .members import Member, Role, member_with_account


class Action(StrEnum):
    """Everything that can be asked for."""

    LIVE = "live"
    PLAYBACK = "playback"
    RESPOND = "respond"
    MANAGE = "manage"


# A specialist sees nothing without named elderships: forgetting to name them must not open all.
NAMED_ELDERSHIPS_ONLY: Final = frozenset({Role.ELDERSHIP_SPECIALIST})
EVERY_ELDERSHIP: Final = frozenset({Role.PUBLIC_ORDER_SPECIALIST, Role.ADMINISTRATOR})

GRANTS: Final[dict[Role, frozenset[Action]]] = {
    Role.VOLUNTEER: frozenset({Action.RESPOND}),
    Role.COORDINATOR: frozenset({Action.RESPOND}),
    Role.ELDERSHIP_SPECIALIST: frozenset({Action.LIVE, Action.PLAYBACK, Action.RESPOND}),
    Role.PUBLIC_ORDER_SPECIALIST: frozenset({Action.LIVE, Action.PLAYBACK, Action.RESPOND}),
    Role.DATA_PROTECTION_OFFICER: frozenset(),
    Role.ADMINISTRATOR: frozenset({Action.MANAGE}),
}


class NotPermitted(HomeAssistantError):
    """The person who asks may not do this; outside an HTTP request, where web.HTTPForbidden says it."""

    def __init__(self) -> None:
        super().__init__(translation_domain=DOMAIN, translation_key="not_permitted")


def permits(member: Member | None, *, is_admin: bool, action: Action, eldership_id: str) -> bool:
    """Say whether a person may do something in an eldership.

    `is_admin` is the person's standing in Home Assistant, whose administrators can change every rule here anyway.
    """
    if is_admin:
        return True
    if member is None or action not in GRANTS[member.role]:
        return False
    if member.role in EVERY_ELDERSHIP:
        return True
    if member.role in NAMED_ELDERSHIPS_ONLY:
        return eldership_id in member.elderships
    return member.covers(eldership_id)


def user_permits(entry: ConfigEntry, user: User, action: Action, eldership_id: str) -> bool:
    """Say whether a Home Assistant user may do something in an eldership."""
    member = member_with_account(entry, user.id)
    return user.is_active and permits(member, is_admin=user.is_admin, action=action, eldership_id=eldership_id)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is behind the code that runs now: `is_person` is False for Home Assistant itself.

    A person without a user has sent a request that carries only a camera's access token, or is a webhook.
    """

    is_person: bool
    user_id: str | None = None
    user_name: str | None = None

    @classmethod
    def of(cls, user: User | None) -> Self:
        """The person behind a request of this user."""
        return cls(True) if user is None else cls(True, user.id, user.name)

    @property
    def name(self) -> str:
        """As the audit log has it: at most 200 signs, all of them to be seen."""
        if not self.is_person:
            return "Home Assistant"
        if self.user_id is None:
            return "nobody known to Home Assistant"
        seen = "".join(sign for sign in self.user_name or "" if sign.isprintable()).strip()[:120]
        return f"{seen or 'no name'} ({self.user_id})"


def current_asker() -> Asker:
    """Say who asks: the user of the WebSocket connection or of the HTTP request, or else Home Assistant itself."""
    if (connection := websocket_api.current_connection.get()) is not None:
        return Asker.of(connection.user)
    if (request := current_request.get()) is not None:
        return Asker.of(request.get(KEY_HASS_USER))
    return Asker(is_person=False)


def asker_permits(entry: ConfigEntry, action: Action, eldership_id: str) -> bool:
    """Say whether whoever is behind the code that runs now may do something in an eldership.

    A request without a user is denied; where neither a connection nor a request is behind it, Home Assistant itself
    asks, and may.
    """
    if (connection := websocket_api.current_connection.get()) is not None:
        return user_permits(entry, connection.user, action, eldership_id)
    if (request := current_request.get()) is not None:
        user: User | None = request.get(KEY_HASS_USER)
        return user is not None and user_permits(entry, user, action, eldership_id)
    return True


def not_permitted() -> Exception:
    """Return how to refuse whoever asks: a clean 403 where an HTTP request waits, NotPermitted everywhere else."""
    if websocket_api.current_connection.get() is None and current_request.get() is not None:
        return web.HTTPForbidden()
    return NotPermitted()
