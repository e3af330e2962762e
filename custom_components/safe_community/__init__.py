"""Safe Community: the cameras of a safe neighbourhood, and the neighbours who look after each other."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN, CONF_URL, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from .client import RecorderClient
from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .data import SafeCommunityConfigEntry, SafeCommunityData
from .devices import async_mirror
from .incidents.desk import IncidentDesk
from .incidents.register import IncidentRegister, async_forget
from .issues import RecorderIssues
from .services import async_setup_services
from .traces import Traces
from .views import ClipView

PLATFORMS = [Platform.BINARY_SENSOR, Platform.CAMERA, Platform.EVENT]

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register what does not depend on a recorder."""
    async_setup_services(hass)
    hass.http.register_view(ClipView(hass))
    return True


async def async_setup_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> bool:
    """Connect one recorder."""
    client = RecorderClient(async_get_clientsession(hass), entry.data[CONF_URL], entry.data[CONF_TOKEN])
    coordinator = RecorderCoordinator(hass, entry, client)
    await coordinator.async_config_entry_first_refresh()

    register = IncidentRegister(hass, entry.entry_id)
    await register.async_load()
    desk = IncidentDesk(hass, entry, register)
    traces = Traces(hass, client)
    entry.runtime_data = SafeCommunityData(client=client, coordinator=coordinator, desk=desk, traces=traces)

    issues = RecorderIssues(hass, coordinator)

    @callback
    def mirror() -> None:
        async_mirror(hass, entry, coordinator.data)
        issues.async_tell()

    # Before the platforms: their entities find the devices there, also those of cameras that come later.
    mirror()
    entry.async_on_unload(coordinator.async_add_listener(mirror))
    entry.async_on_unload(issues.async_withdraw)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)

    desk.async_take_answers()
    entry.async_create_background_task(hass, coordinator.async_listen(), f"{entry.title} events")
    return True


async def async_unload_entry(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> bool:
    """Disconnect one recorder."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget a recorder's incidents with it."""
    await async_forget(hass, entry.entry_id)
