"""Reads the members of the scheme from a config entry's subentries, anew for each question: changes count at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_DEVICE_ID, CONF_LANGUAGE, CONF_NAME

from .const import LANGUAGES, SUBENTRY_MEMBER

CONF_ROLE: Final = "role"
CONF_ELDERSHIPS: Final = "elderships"
CONF_USER_ID: Final = "user_id"


class Role(StrEnum):
    """What a member is in the scheme."""

    VOLUNTEER = "volunteer"
    COORDINATOR = "coordinator"
    ELDERSHIP_SPECIALIST = "eldership_specialist"
    PUBLIC_ORDER_SPECIALIST = "public_order_specialist"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person in the scheme; no elderships means all of them."""

    id: str
    name: str
    role: Role
    elderships: frozenset[str] = frozenset()
    user_id: str | None = None
    device_id: str | None = None
    language: str = LANGUAGES[0]

    @classmethod
    def parse(cls, subentry_id: str, data: Mapping[str, Any]) -> Self:
        """Read the data of a member's subentry."""
        return cls(
            id=subentry_id,
            name=data[CONF_NAME],
            role=Role(data[CONF_ROLE]),
            elderships=frozenset(data.get(CONF_ELDERSHIPS, ())),
            user_id=data.get(CONF_USER_ID),
            device_id=data.get(CONF_DEVICE_ID),
            language=data.get(CONF_LANGUAGE, LANGUAGES[0]),
        )

    def covers(self, eldership_id: str) -> bool:
        """Say whether the member is at home in an eldership."""
        return not self.elderships or eldership_id in self.elderships


def members_of(entry: ConfigEntry) -> tuple[Member, ...]:
    """Return all members of a recorder's scheme, by name."""
    members = (
        Member.parse(subentry.subentry_id, subentry.data) for subentry in entry.get_subentries_of_type(SUBENTRY_MEMBER)
    )
    return tuple(sorted(members, key=lambda member: (member.name, member.id)))


def member_with_account(entry: ConfigEntry, user_id: str) -> Member | None:
    """Return the member who logs in with a Home Assistant account."""
    return next((member for member in members_of(entry) if member.user_id == user_id), None)
