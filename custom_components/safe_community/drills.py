"""The action that tries whether members can be reached."""

from collections.abc import Collection, Iterator
from typing import Final

import probatio
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .access import Action, async_require, grants
from .asking import invalid
from .data import SafeCommunityConfigEntry, loaded_entries
from .devices import eldership_identifier
from .incidents.drill import async_drill
from .members import Member, members_of

ATTR_MEMBERS: Final = "members"

TEST_ALERT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(ATTR_DEVICE_ID): cv.string,
        probatio.Optional(ATTR_MEMBERS): probatio.All(cv.ensure_list, probatio.Length(min=1), [cv.string]),
    }
)


async def async_test_alert(call: ServiceCall) -> ServiceResponse:
    """Send a drill to the members of an eldership, or to named ones; everybody may test their own phone."""
    entries, eldership_id = _where(call)
    names = {_comparable(name): name for name in call.data.get(ATTR_MEMBERS, ())}
    chosen = [(entry, member) for entry in entries for member in _members(entry, eldership_id, names)]
    unknown = names.keys() - {_comparable(member.name) for _, member in chosen}
    is_own = bool(chosen) and not unknown and all(member.user_id == call.context.user_id for _, member in chosen)
    for entry in {entry.entry_id: entry for entry, _ in chosen}.values() if is_own else entries:
        await async_require(call.hass, entry, call.context, Action.RESPOND if is_own else Action.MANAGE, eldership_id)
    if unknown:
        raise invalid(translation_key="unknown_members", names=", ".join(sorted(names[one] for one in unknown)))
    if not chosen:
        raise invalid(translation_key="nobody_to_test")
    reached = [(member.name, await async_drill(call.hass, member)) for _, member in chosen]
    return {
        "reached": [{"member": name, "by": [*ways]} for name, ways in reached if ways],
        "not_reached": [name for name, ways in reached if not ways],
    }


def _where(call: ServiceCall) -> tuple[list[SafeCommunityConfigEntry], str | None]:
    """Return the recorders whose members are meant, and the eldership."""
    entries, device_id = loaded_entries(call.hass), call.data.get(ATTR_DEVICE_ID)
    if device_id is None:
        if ATTR_MEMBERS not in call.data:
            raise invalid(translation_key="nobody_named")
        return entries, None
    device = dr.async_get(call.hass).async_get(device_id)
    for entry in entries:
        recorder = entry.runtime_data.recorder
        for eldership_id in recorder.elderships:
            if device is not None and eldership_identifier(recorder, eldership_id) in device.identifiers:
                return [entry], eldership_id
    raise invalid(translation_key="not_an_eldership")


def _members(entry: SafeCommunityConfigEntry, eldership_id: str | None, names: Collection[str]) -> Iterator[Member]:
    """Yield who is meant: the named ones, or else those who are asked when something happens in the eldership."""
    today = dt_util.now().date()
    for member in members_of(entry):
        if names and _comparable(member.name) not in names:
            continue
        if eldership_id is None or grants(member, Action.RESPOND, eldership_id, today):
            yield member


def _comparable(name: str) -> str:
    return " ".join(name.split()).casefold()
