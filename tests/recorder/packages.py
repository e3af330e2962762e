"""What the tests of evidence packages have in common: a request for three seconds of a camera."""

from datetime import UTC, datetime

from safe_community_recorder.evidence.contents import (
    Item,
    Language,
    Request,
    Trace,
)

NOON = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
NOON_US = 1_795_348_801_000_000
S = 1_000_000
LANGUAGES: tuple[Language, ...] = ("en", "lt", "lv")
ITEM = Item("stop", "Autobusų stotelė", "pabirze", "Pabiržė", NOON_US, NOON_US + 3 * S)
REQUEST = Request(
    "2026-0017", NOON_US + 60 * S, "Aldona", "request 17", "police", "en", True, (ITEM,), Trace(5, "ab" * 32)
)
