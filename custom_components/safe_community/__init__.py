"""Safe Community: the cameras of a safe neighbourhood, and the neighbours who look after each other."""

import asyncio
from functools import partial

from homeassistant.const import CONF_TOKEN, CONF_URL, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType

from .client import RecorderClient
from .const import CONF_FINGERPRINT, DOMAIN, LOGGER, SUBENTRY_MEMBER
from .coordinator import STRUCTURE, RecorderCoordinator
from .data import SafeCommunityConfigEntry, SafeCommunityData
from .devices import async_mirror
from .errors import UnsupportedVersion
from .incidents.desk import IncidentDesk
from .incidents.register import IncidentRegister, async_forget
from .issues import Board, MemberIssues, RecorderIssues
from .members import CONF_ACCOUNT_NAME, CONF_USER_ID
from .repairs import async_tell_of_blueprints
from .rights import async_on_rights_changed
from .services import async_setup_services
from .traces import Traces
from .troubles import VERSION_ID, of_version
from .views import ClipView

PLATFORMS = [Platform.BINARY_SENSOR, Platform.CAMERA, Platform.EVENT, Platform.SENSOR, Platform.SWITCH]

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register what does not depend on a recorder."""
    async_setup_services(hass)
    hass.http.register_view(ClipView(hass))

    async def look_at_blueprints(hass: HomeAssistant) -> None:
        await async_tell_of_blueprints(hass)

    async_at_started(hass, look_at_blueprints)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> bool:
    """Connect one recorder."""
    data = entry.data
    client = RecorderClient(async_get_clientsession(hass), data[CONF_URL], data[CONF_TOKEN], data.get(CONF_FINGERPRINT))
    coordinator = RecorderCoordinator(hass, entry, client)
    board = Board(hass, entry)
    try:
        await coordinator.async_config_entry_first_refresh()
    except ConfigEntryError as error:
        if isinstance(error.__cause__, UnsupportedVersion):
            board.async_show(of_version(entry.title, error.__cause__))
        raise
    board.async_forget(VERSION_ID)

    register = IncidentRegister(hass, entry.entry_id)
    await register.async_load()
    desk = IncidentDesk(hass, entry, register)
    traces = Traces(hass, client)
    entry.runtime_data = SafeCommunityData(client=client, coordinator=coordinator, desk=desk, traces=traces)

    issues, members = RecorderIssues(hass, coordinator), MemberIssues(hass, entry)

    @callback
    def mirror() -> None:
        async_mirror(hass, entry, coordinator.data)

    # Before the platforms: their entities find the devices there, also those of cameras that come later.
    mirror()
    entry.async_on_unload(coordinator.async_add_listener(mirror, frozenset({STRUCTURE})))
    issues.async_tell()
    entry.async_on_unload(coordinator.async_add_listener(issues.async_tell))
    entry.async_on_unload(issues.async_withdraw)
    members.async_look()
    async_on_rights_changed(hass, entry, members.async_look)
    entry.async_on_unload(members.async_withdraw)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)

    desk.async_take_answers()
    listening = entry.async_create_background_task(hass, coordinator.async_listen(), f"{entry.title} events")
    listening.add_done_callback(partial(_async_listened, hass, entry))
    return True


@callback
def _async_listened(hass: HomeAssistant, entry: SafeCommunityConfigEntry, task: asyncio.Task[None]) -> None:
    """Begin anew if an error of ours ended it: entities that never change again would be a lie."""
    if not task.cancelled() and (error := task.exception()) is not None:
        LOGGER.error("Following the recorder %s failed", entry.title, exc_info=error)
        hass.config_entries.async_schedule_reload(entry.entry_id)


async def async_migrate_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> bool:
    """Bring an entry of an earlier version up to date; one of a later major version is left alone."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:
        names = {user.id: user.name for user in await hass.auth.async_get_users()}
        for subentry in entry.get_subentries_of_type(SUBENTRY_MEMBER):
            user_id = subentry.data.get(CONF_USER_ID)
            if user_id is not None and CONF_ACCOUNT_NAME not in subentry.data:
                data = {**subentry.data, CONF_ACCOUNT_NAME: names.get(user_id)}
                hass.config_entries.async_update_subentry(entry, subentry, data=data)
        # A switch says it now, and whether a camera is recorded is its own state.
        registry = er.async_get(hass)
        for registered in er.async_entries_for_config_entry(registry, entry.entry_id):
            if registered.domain == Platform.BINARY_SENSOR and registered.unique_id.endswith("_recording"):
                registry.async_remove(registered.entity_id)
        hass.config_entries.async_update_entry(entry, minor_version=2)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> bool:
    """Disconnect one recorder."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> None:
    """Forget a recorder's incidents with it, and what was told of it."""
    Board(hass, entry).async_forget(VERSION_ID)
    await async_forget(hass, entry.entry_id)
