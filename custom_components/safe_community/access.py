"""Decides who may see or do what; everything that is not written here is denied."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.components import websocket_api
from homeassistant.components.http import KEY_HASS_USER
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import current_request
from homeassistant.util import dt as dt_util

from .client import Actor
from .const import DOMAIN
from .members import Member, Role, member_with_account

if TYPE_CHECKING:
    from .data import SafeCommunityConfigEntry


class Action(StrEnum):
    """Everything that can be asked for."""

    LIVE = "live"
    PLAYBACK = "playback"
    EXPORT = "export"
    LOCK = "lock"
    RELEASE = "release"
    PAUSE = "pause"
    RESPOND = "respond"
    MANAGE = "manage"
    AUDIT = "audit"


# A specialist sees nothing without named elderships: forgetting to name them must not open all.
NAMED_ELDERSHIPS_ONLY: Final = frozenset({Role.ELDERSHIP_SPECIALIST})
EVERY_ELDERSHIP: Final = frozenset({Role.PUBLIC_ORDER_SPECIALIST, Role.DATA_PROTECTION_OFFICER, Role.ADMINISTRATOR})

GRANTS: Final[dict[Role, frozenset[Action]]] = {
    Role.VOLUNTEER: frozenset({Action.RESPOND}),
    Role.COORDINATOR: frozenset({Action.RESPOND}),
    Role.ELDERSHIP_SPECIALIST: frozenset({Action.LIVE, Action.PLAYBACK, Action.LOCK, Action.RESPOND}),
    Role.PUBLIC_ORDER_SPECIALIST: frozenset(
        {
            Action.LIVE,
            Action.PLAYBACK,
            Action.EXPORT,
            Action.LOCK,
            Action.RELEASE,
            Action.PAUSE,
            Action.RESPOND,
        }
    ),
    Role.DATA_PROTECTION_OFFICER: frozenset({Action.AUDIT}),
    Role.ADMINISTRATOR: frozenset({Action.MANAGE, Action.PAUSE}),
}


class NotPermitted(HomeAssistantError):
    """The person who asks may not do this; outside an HTTP request, where web.HTTPForbidden says it."""

    def __init__(self) -> None:
        super().__init__(translation_domain=DOMAIN, translation_key="not_permitted")


def grants(member: Member, action: Action, eldership_id: str | None, today: date) -> bool:
    """Say whether a member's role allows something in an eldership, or at all if it belongs to none (None)."""
    if action not in GRANTS[member.role] or not member.counts_on(today):
        return False
    if eldership_id is None or member.role in EVERY_ELDERSHIP:
        return True
    if member.role in NAMED_ELDERSHIPS_ONLY:
        return eldership_id in member.elderships
    return member.covers(eldership_id)


def permits(
    member: Member | None,
    *,
    is_admin: bool,
    account_name: str | None,
    action: Action,
    eldership_id: str | None,
    today: date,
) -> bool:
    """Say whether a person may do something in an eldership.

    `is_admin` is the person's standing in Home Assistant, whose administrators can change every rule here anyway.
    `account_name` is what the account is called now: one that was passed on under another name is not the member's.
    """
    if is_admin:
        return True
    return member is not None and member.account_name == account_name and grants(member, action, eldership_id, today)


def user_permits(entry: SafeCommunityConfigEntry, user: User, action: Action, eldership_id: str | None) -> bool:
    """Say whether a Home Assistant user may do something in an eldership."""
    return user.is_active and permits(
        member_with_account(entry, user.id),
        is_admin=user.is_admin,
        account_name=user.name,
        action=action,
        eldership_id=eldership_id,
        today=dt_util.now().date(),
    )


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

    def actor(self, reason: str | None = None) -> Actor:
        """As the recorder is told."""
        return Actor(self.name, reason)


HOME_ASSISTANT: Final = Asker(is_person=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, together with the user whose rights count."""

    asker: Asker
    user: User | None = None

    def may(self, entry: SafeCommunityConfigEntry, action: Action, eldership_id: str | None) -> bool:
        """Say whether this is allowed: to Home Assistant itself all is, to a person without a user nothing."""
        if not self.asker.is_person:
            return True
        return self.user is not None and user_permits(entry, self.user, action, eldership_id)


@dataclass(frozen=True, slots=True)
class _Call:
    """An action that is being carried out at an entity, and the request in which it came, if it came in one."""

    context: Context
    request: web.Request | None


_call: ContextVar[_Call | None] = ContextVar("safe_community_call", default=None)


@callback
def async_called(context: Context) -> None:
    """Remember on whose behalf an action is carried out, for as long as the code that does so runs.

    What an automation does runs in the task of whatever triggered it, be it a volunteer's phone: only the action's own
    context knows better.
    """
    _call.set(_Call(context, current_request.get()))


def current_caller() -> Caller:
    """Say who asks: the user of the WebSocket connection or of the HTTP request, or else Home Assistant itself."""
    if (connection := websocket_api.current_connection.get()) is not None:
        return Caller(Asker.of(connection.user), connection.user)
    if (request := current_request.get()) is not None:
        user: User | None = request.get(KEY_HASS_USER)
        return Caller(Asker.of(user), user)
    return Caller(HOME_ASSISTANT)


async def async_current_caller(hass: HomeAssistant) -> Caller:
    """Say who asks, also where an action does so on somebody's behalf."""
    call = _call.get()
    # A connection serves many requests, of several people if a proxy stands before it.
    if call is None or call.request is not current_request.get():
        return current_caller()
    return await async_caller_of(hass, call.context)


async def async_caller_of(hass: HomeAssistant, context: Context) -> Caller:
    """Say on whose behalf an action is called: without a user, an automation's, and so Home Assistant's own."""
    if context.user_id is None:
        return Caller(HOME_ASSISTANT)
    user = await hass.auth.async_get_user(context.user_id)
    return Caller(Asker(True, context.user_id) if user is None else Asker.of(user), user)


async def async_require(
    hass: HomeAssistant,
    entry: SafeCommunityConfigEntry,
    context: Context,
    action: Action,
    eldership_id: str | None = None,
    camera_id: str | None = None,
) -> Asker:
    """Return who calls an action; raises what not_permitted returns, and has the audit log say so, if they may not."""
    return _required(entry, await async_caller_of(hass, context), action, eldership_id, camera_id)


async def async_require_of_caller(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, action: Action, eldership_id: str, camera_id: str
) -> Asker:
    """Return who asks something of an entity; raises and records as async_require does."""
    return _required(entry, await async_current_caller(hass), action, eldership_id, camera_id)


def _required(
    entry: SafeCommunityConfigEntry, caller: Caller, action: Action, eldership_id: str | None, camera_id: str | None
) -> Asker:
    if not caller.may(entry, action, eldership_id):
        entry.runtime_data.traces.refused(caller.asker, action, eldership_id, camera_id)
        raise not_permitted()
    return caller.asker


def not_permitted() -> Exception:
    """Return how to refuse whoever asks: a clean 403 where an HTTP request waits, NotPermitted everywhere else."""
    if websocket_api.current_connection.get() is None and current_request.get() is not None:
        return web.HTTPForbidden()
    return NotPermitted()
