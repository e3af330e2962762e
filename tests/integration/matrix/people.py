"""Everybody who could ask for something: each role with each kind of grant, and those without a role."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import product
from typing import Any, Final

from aiohttp import ClientResponse, ClientWebSocketResponse, hdrs
from aiohttp.test_utils import TestClient

from custom_components.safe_community.access import Action
from custom_components.safe_community.members import Role

# What each role may do: in its own elderships (O) or in all (A). What is not here is denied.
TABLE: Final[dict[Role, dict[Action, str]]] = {
    Role.VOLUNTEER: {Action.RESPOND: "O"},
    Role.COORDINATOR: {Action.RESPOND: "O"},
    Role.ELDERSHIP_SPECIALIST: {Action.LIVE: "O", Action.PLAYBACK: "O", Action.LOCK: "O", Action.RESPOND: "O"},
    Role.PUBLIC_ORDER_SPECIALIST: {
        Action.LIVE: "A",
        Action.PLAYBACK: "A",
        Action.EXPORT: "A",
        Action.LOCK: "A",
        Action.RELEASE: "A",
        Action.PAUSE: "A",
        Action.RESPOND: "A",
    },
    Role.DATA_PROTECTION_OFFICER: {Action.AUDIT: "A"},
    Role.ADMINISTRATOR: {Action.MANAGE: "A", Action.PAUSE: "A"},
}


class Grant(StrEnum):
    """What a member's role is worth; only the first two count."""

    ENDLESS = "endless"
    UNTIL_TODAY = "until today"
    EXPIRED = "expired"
    REMOVED = "removed"
    RENAMED = "renamed account"
    TWICE = "account of two members"

    @property
    def counts(self) -> bool:
        """Whether the role is worth anything."""
        return self in {Grant.ENDLESS, Grant.UNTIL_TODAY}

    def expires(self, today: date) -> str | None:
        """Return the last day of the grant, as a member's subentry has it."""
        match self:
            case Grant.UNTIL_TODAY:
                return today.isoformat()
            case Grant.EXPIRED:
                return (today - timedelta(days=1)).isoformat()
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is: a member with a role and a grant, an administrator of Home Assistant, or neither."""

    role: Role | None = None
    grant: Grant | None = None
    is_admin: bool = False

    def __str__(self) -> str:
        if self.role is not None:
            return f"{self.role}, {self.grant}"
        return "administrator of Home Assistant" if self.is_admin else "no member"

    def may(self, action: Action, is_own: bool) -> bool:
        """Say what the table says."""
        if self.is_admin:
            return True
        if self.role is None or self.grant is None or not self.grant.counts:
            return False
        where = TABLE[self.role].get(action, "")
        return where == "A" or (where == "O" and is_own)


def everybody() -> Iterator[Standing]:
    """Every role with every grant, and those without a role."""
    yield from (Standing(role, grant) for role, grant in product(Role, Grant))
    yield Standing()
    yield Standing(is_admin=True)


class Unclean(AssertionError):
    """Somebody was neither let in nor refused as people are to be refused."""


@dataclass(slots=True)
class Person:
    """Somebody with an account, a browser and a WebSocket connection; `may` is what the answers are held against."""

    standing: Standing
    user_id: str
    actor: str
    token: str
    web: TestClient[Any, Any]
    socket: ClientWebSocketResponse
    refresh_token_id: str
    asked: int = 0

    async def get(self, path: str, **options: Any) -> bool:
        """Fetch something; False for 403, which is the only refusal that does not count as a failed log-in."""
        answer = await self.fetch(hdrs.METH_GET, path, **options)
        answer.close()
        return self.let_in(answer)

    async def fetch(self, method: str, path: str, **options: Any) -> ClientResponse:
        """Send a request as the one who is logged in."""
        return await self.web.request(method, path, headers={hdrs.AUTHORIZATION: f"Bearer {self.token}"}, **options)

    def let_in(self, answer: ClientResponse) -> bool:
        """Say whether an answer gives what was asked for."""
        if answer.status not in {200, 206, 403}:
            raise Unclean(f"{self.standing}: {answer.method} {answer.url.path}: {answer.status}")
        return answer.status != 403

    async def send(self, command: str, **data: Any) -> int:
        """Send a WebSocket command; its number."""
        self.asked += 1
        await self.socket.send_json({"id": self.asked, "type": command, **data})
        return self.asked

    async def receive(self, number: int, kind: str = "result") -> dict[str, Any]:
        """Wait for an answer to the command of this number."""
        while True:
            message: dict[str, Any] = await self.socket.receive_json(timeout=20)
            if message["id"] == number and message["type"] == kind:
                return message

    async def ask(self, command: str, **data: Any) -> dict[str, Any]:
        """Send a WebSocket command and wait for its result."""
        return await self.receive(await self.send(command, **data))

    async def call(self, action: str, data: dict[str, Any], *, respond: bool = False, then: str = "") -> bool:
        """Call an action; whether this person was let in.

        `then` is what Home Assistant says to those who were, where it would be costly to let it go on.
        """
        domain, service = action.split(".")
        answer = await self.ask(
            "call_service", domain=domain, service=service, service_data=data, return_response=respond
        )
        if answer["success"] or (then and then in answer["error"]["message"]):
            return True
        # Who may not is told that first; who is told what is wrong with the question was let in.
        if answer["error"]["code"] == "service_validation_error":
            return True
        if answer["error"].get("translation_key") != "not_permitted":
            raise Unclean(f"{self.standing}: {action}: {answer['error']}")
        return False
