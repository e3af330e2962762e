"""Says when somebody's rights may have changed: what they were let in to before must not outlive them."""

from collections.abc import Callable

from homeassistant.auth import EVENT_USER_REMOVED, EVENT_USER_UPDATED
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_change

from .data import SafeCommunityConfigEntry


@callback
def async_on_rights_changed(hass: HomeAssistant, entry: SafeCommunityConfigEntry, look: Callable[[], None]) -> None:
    """Call `look` whenever a member or an account was changed, and when a day, and so perhaps a grant, is over."""

    @callback
    def changed(change: ConfigEntryChange, of_entry: ConfigEntry) -> None:
        if change is ConfigEntryChange.UPDATED and of_entry is entry:
            look()

    @callback
    def look_anyway(_: object) -> None:
        look()

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, changed))
    entry.async_on_unload(async_track_time_change(hass, look_anyway, hour=0, minute=0, second=0))
    for event in (EVENT_USER_UPDATED, EVENT_USER_REMOVED):
        entry.async_on_unload(hass.bus.async_listen(event, look_anyway))
