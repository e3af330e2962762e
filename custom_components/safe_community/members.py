"""Reads the members of the scheme from a config entry's subentries, anew for each question: changes count at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from homeassistant.const import CONF_DEVICE_ID, CONF_LANGUAGE, CONF_NAME

from .const import LANGUAGES, SUBENTRY_MEMBER
from .fields import known

if TYPE_CHECKING:
    from .data import SafeCommunityConfigEntry

CONF_ROLE: Final = "role"
CONF_ELDERSHIPS: Final = "elderships"
CONF_USER_ID: Final = "user_id"
CONF_ACCOUNT_NAME: Final = "account_name"
CONF_CHANNELS: Final = "channels"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_TO: Final = "quiet_to"
CONF_CONSENT: Final = "consent_date"
CONF_REVIEW: Final = "review_date"
CONF_EXPIRES: Final = "grant_expires"


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
    """A person in the scheme; no elderships means all of them.

    `account_name` is what the account was called when it was linked: one that was passed on under another name is
    nobody's. `expires` is the last day on which the role counts. `channels` are notify entities and actions.
    """

    id: str
    name: str
    role: Role
    elderships: frozenset[str] = frozenset()
    user_id: str | None = None
    device_id: str | None = None
    language: str = LANGUAGES[0]
    account_name: str | None = None
    channels: tuple[str, ...] = ()
    quiet_from: time | None = None
    quiet_to: time | None = None
    consent: date | None = None
    review: date | None = None
    expires: date | None = None

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
            account_name=data.get(CONF_ACCOUNT_NAME),
            channels=tuple(data.get(CONF_CHANNELS, ())),
            quiet_from=known(time.fromisoformat, data.get(CONF_QUIET_FROM)),
            quiet_to=known(time.fromisoformat, data.get(CONF_QUIET_TO)),
            consent=known(date.fromisoformat, data.get(CONF_CONSENT)),
            review=known(date.fromisoformat, data.get(CONF_REVIEW)),
            expires=known(date.fromisoformat, data.get(CONF_EXPIRES)),
        )

    def covers(self, eldership_id: str) -> bool:
        """Say whether the member is at home in an eldership."""
        return not self.elderships or eldership_id in self.elderships

    def counts_on(self, today: date) -> bool:
        """Say whether the member's role counts on a day."""
        return self.expires is None or today <= self.expires


def members_of(entry: SafeCommunityConfigEntry) -> tuple[Member, ...]:
    """Return all members of a recorder's scheme, by name."""
    members = (
        Member.parse(subentry.subentry_id, subentry.data) for subentry in entry.get_subentries_of_type(SUBENTRY_MEMBER)
    )
    return tuple(sorted(members, key=lambda member: (member.name, member.id)))


def member_with_account(entry: SafeCommunityConfigEntry, user_id: str) -> Member | None:
    """Return the member who logs in with a Home Assistant account; None also if two claim it."""
    claiming = [
        subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_MEMBER)
        if subentry.data.get(CONF_USER_ID) == user_id
    ]
    return Member.parse(claiming[0].subentry_id, claiming[0].data) if len(claiming) == 1 else None
