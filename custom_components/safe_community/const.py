"""Names that more than one module of the integration uses."""

import logging
from typing import Final

DOMAIN: Final = "safe_community"
LOGGER: Final = logging.getLogger(__package__)

CONF_FINGERPRINT: Final = "fingerprint"
SUBENTRY_MEMBER: Final = "member"
LANGUAGES: Final = ("en", "lt", "lv")
