"""A plugin of pytest's: lets the test harness of one Home Assistant run on the next (scripts/test-next)."""

from homeassistant.components import logger

NAME = "_clear_logger_overwrites"

if not hasattr(logger, NAME):
    # The harness of 2026.10 imports it for a helper that no test of ours asks for; 2026.11 has it no more.
    setattr(logger, NAME, None)
