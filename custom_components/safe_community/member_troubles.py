"""Knows which members somebody has to look at: roles that end, accounts of others, reviews that are due. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from homeassistant.helpers.issue_registry import IssueSeverity

from .members import Member
from .troubles import Trouble

EXPIRES_SOON: Final = timedelta(days=30)
FIX: Final = "fix"
PROLONG: Final = "prolong"
RELINK: Final = "relink"
UNLINK: Final = "unlink"
REVIEWED: Final = "reviewed"


def of_members(members: Iterable[Member], accounts: Mapping[str, str | None], today: date) -> list[Trouble]:
    """Return what is to be seen to. `accounts` are the names of the active accounts by their ids."""
    return [trouble for member in members for trouble in _of_member(member, accounts, today)]


def _of_member(member: Member, accounts: Mapping[str, str | None], today: date) -> list[Trouble]:
    troubles = []
    if member.expires is not None and member.expires - EXPIRES_SOON <= today:
        is_over = member.expires < today
        key = "grant_over" if is_over else "grant_ends"
        troubles.append(_trouble(member, key, PROLONG, {"day": member.expires.isoformat()}))
    if member.user_id is not None:
        if member.user_id not in accounts:
            troubles.append(_trouble(member, "account_gone", UNLINK, {}))
        elif (name := accounts[member.user_id]) != member.account_name:
            names = {"account": name or "–", "former": member.account_name or "–"}
            troubles.append(_trouble(member, "account_renamed", RELINK, names))
    if member.review is not None and member.review < today:
        troubles.append(_trouble(member, "review_due", REVIEWED, {"day": member.review.isoformat()}))
    return troubles


def _trouble(member: Member, key: str, fix: str, placeholders: Mapping[str, str]) -> Trouble:
    return Trouble(
        id=f"{key}_{member.id}",
        translation_key=key,
        placeholders={"member": member.name, **placeholders},
        severity=IssueSeverity.WARNING,
        fix={FIX: fix, "member_id": member.id},
    )
