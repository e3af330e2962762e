"""Knows who is to be asked: the members whom the duty rota names now, or else the eldership's coordinators."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from homeassistant.util import dt as dt_util

from ..access import Action, grants
from ..members import Member, Role

# "Ona Petrauskienė, Jonas Kazlauskas" or with a semicolon, in an event's summary.
SEPARATOR: Final = re.compile(r"[,;]")


def names_in(summary: str) -> list[str]:
    """Return the names that a rota entry lists, as they can be compared."""
    return [name for part in SEPARATOR.split(summary) if (name := " ".join(part.split()).casefold())]


def on_duty(members: Iterable[Member], summaries: Iterable[str], eldership_id: str) -> list[Member]:
    """Return the eldership's members whom the rota entries name."""
    named = {name for summary in summaries for name in names_in(summary)}
    return [
        member
        for member in members
        if " ".join(member.name.split()).casefold() in named and _responds_in(member, eldership_id)
    ]


def coordinators(members: Iterable[Member], eldership_id: str) -> list[Member]:
    """Return the eldership's coordinators."""
    return [member for member in members if member.role is Role.COORDINATOR and _responds_in(member, eldership_id)]


def in_order_of_asking(
    members: Sequence[Member], summaries: Iterable[str], eldership_id: str
) -> tuple[list[Member], ...]:
    """Return groups of members; the next is asked when nobody of the one before could be reached."""
    return (on_duty(members, summaries, eldership_id), coordinators(members, eldership_id))


def _responds_in(member: Member, eldership_id: str) -> bool:
    return grants(member, Action.RESPOND, eldership_id, dt_util.now().date())
