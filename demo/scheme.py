"""Settles the demo village into a Home Assistant: accounts, the recorder, members, the duty rota and the alerts.

Every step looks first what is there, so that it may be done again and again.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from demo.home_assistant import CannotSetUp, HomeAssistant
from demo.village import Eldership, Person
from demo.waiting import until

DOMAIN = "safe_community"
DUTY_CALENDAR = "calendar.budejimo_grafikas"
_DUTY_CALENDAR_NAME = "Budėjimo grafikas"
_BLUEPRINT = "safe_community/motion_alert.yaml"
_ENTRY_FLOW = "/api/config/config_entries/flow"
_SUBENTRY_FLOW = "/api/config/config_entries/subentries/flow"


async def make_accounts(home_assistant: HomeAssistant, people: Iterable[Person]) -> dict[str, str]:
    """An account for everyone who has none; the user ids by user name."""
    users = await home_assistant.command("config/auth/list")
    ids = {user["username"]: user["id"] for user in users if user["username"]}
    for person in people:
        if person.user in ids:
            continue
        made = await home_assistant.command("config/auth/create", name=person.name, group_ids=["system-users"])
        ids[person.user] = made["user"]["id"]
        await home_assistant.command(
            "config/auth_provider/homeassistant/create",
            user_id=ids[person.user],
            username=person.user,
            password=person.password,
        )
    return ids


async def connect_recorder(home_assistant: HomeAssistant, url: str, token: str, timeout_s: float = 60) -> str:
    """Set the integration up; the id of its entry once it is loaded."""
    entry_id = await _entry_id(home_assistant, DOMAIN)
    if entry_id is None:
        begin = {"handler": DOMAIN, "show_advanced_options": False}
        made = await home_assistant.flow(_ENTRY_FLOW, begin, {"url": url, "token": token})
        entry_id = str(made["result"]["entry_id"])

    async def loaded() -> bool:
        entry = (await home_assistant.command("config_entries/get_single", entry_id=entry_id))["config_entry"]
        if entry["state"] in {"setup_error", "migration_error"}:
            raise CannotSetUp(f"the integration was not set up: {entry['reason']}")
        return bool(entry["state"] == "loaded")

    await until("the integration", loaded, timeout_s)
    return entry_id


async def make_members(
    home_assistant: HomeAssistant,
    entry_id: str,
    people: Iterable[Person],
    elderships: tuple[Eldership, ...],
    user_ids: dict[str, str],
) -> None:
    """Take everyone into the scheme, with their phone if it is registered."""
    known = await home_assistant.command("config_entries/subentries/list", entry_id=entry_id)
    names = {subentry["title"] for subentry in known if subentry["subentry_type"] == "member"}
    devices = await home_assistant.command("config/device_registry/list")
    phones = {
        identifier[1]: device["id"]
        for device in devices
        for identifier in device["identifiers"]
        if identifier[0] == "mobile_app"
    }
    served = {eldership.id for eldership in elderships}
    for person in people:
        # Somebody whose elderships are all left out of a small demo stays out of it, too.
        at_home = [eldership for eldership in person.elderships if eldership in served]
        if person.name in names or (person.elderships and not at_home):
            continue
        member = {
            "name": person.name,
            "role": person.role,
            "elderships": at_home,
            "language": "lt",
            "user_id": user_ids[person.user],
            "access": {"consent_date": _yesterday().isoformat()},
        }
        if device_id := phones.get(f"demo-phone-{person.user}"):
            member["device_id"] = device_id
        await home_assistant.flow(_SUBENTRY_FLOW, {"handler": [entry_id, "member"]}, member)


async def make_duty_rota(home_assistant: HomeAssistant, on_duty: Iterable[str]) -> None:
    """A calendar in which the same people are on duty all day, every day."""
    if await _entry_id(home_assistant, "local_calendar") is None:
        answer = {"calendar_name": _DUTY_CALENDAR_NAME, "import": "create_empty"}
        await home_assistant.flow(_ENTRY_FLOW, {"handler": "local_calendar"}, answer)

        async def there() -> bool:
            return any(state["entity_id"] == DUTY_CALENDAR for state in await home_assistant.command("get_states"))

        await until("the calendar", there)
        yesterday = _yesterday()
        await home_assistant.command(
            "calendar/event/create",
            entity_id=DUTY_CALENDAR,
            event={
                "summary": ", ".join(on_duty),
                "dtstart": yesterday.isoformat(),
                "dtend": (yesterday + timedelta(days=1)).isoformat(),
                "rrule": "FREQ=DAILY",
            },
        )


async def tidy_areas(home_assistant: HomeAssistant, elderships: tuple[Eldership, ...]) -> dict[str, str]:
    """Remove the rooms of a house that the onboarding made; the area ids of the elderships by their id."""
    areas = {area["name"]: area["area_id"] for area in await home_assistant.command("config/area_registry/list")}
    names = {eldership.name: eldership.id for eldership in elderships}
    if missing := names.keys() - areas.keys():
        raise CannotSetUp(f"the integration made no areas for {', '.join(sorted(missing))}")
    for name in areas.keys() - names.keys():
        await home_assistant.command("config/area_registry/delete", area_id=areas[name])
    return {names[name]: area_id for name, area_id in areas.items() if name in names}


async def make_alerts(
    home_assistant: HomeAssistant, elderships: tuple[Eldership, ...], area_ids: dict[str, str]
) -> None:
    """One automation for each eldership from the shipped blueprint, awake at any time of the day."""
    states = await home_assistant.command("get_states")
    known = {state["attributes"].get("id") for state in states if state["entity_id"].startswith("automation.")}
    for eldership in elderships:
        automation_id = f"safe_community_{eldership.id}"
        if automation_id in known:
            continue
        whole_day = {"from_time": "00:00:00", "to_time": "00:00:00"}
        where_and_who = {"elderships": [area_ids[eldership.id]], "duty_calendar": DUTY_CALENDAR}
        automation = {
            "alias": f"{eldership.name}: judesys",
            "use_blueprint": {"path": _BLUEPRINT, "input": where_and_who | whole_day},
        }
        await home_assistant.request("POST", f"/api/config/automation/config/{automation_id}", automation)

    async def awake() -> bool:
        states = {state["attributes"].get("id"): state["state"] for state in await home_assistant.command("get_states")}
        return all(states.get(f"safe_community_{eldership.id}") == "on" for eldership in elderships)

    await until("the automations", awake)


async def _entry_id(home_assistant: HomeAssistant, domain: str) -> str | None:
    entries = await home_assistant.command("config_entries/get", domain=domain)
    return entries[0]["entry_id"] if entries else None


def _yesterday() -> date:
    return date.today() - timedelta(days=1)  # noqa: DTZ011  the village's own days, wherever it is
