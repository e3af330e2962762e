"""The blueprints live in the same world as the integration."""

from tests.integration.conftest import _home_assistant_of_today, cameras, hass_config_dir, recorder, set_up

__all__ = ["_home_assistant_of_today", "cameras", "hass_config_dir", "recorder", "set_up"]
