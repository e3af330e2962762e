"""Searches as people type them, among the cameras of the demo's village, on a Monday in November."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from custom_components.safe_community.documents import Span
from custom_components.safe_community.search import Place, Understood, understand
from demo.village import ELDERSHIPS

VILNIUS = ZoneInfo("Europe/Vilnius")
# A Monday, two in the afternoon in Vilnius.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAMERAS = [Place(key=camera.id, names=(camera.name, town.name)) for town in ELDERSHIPS for camera in town.cameras]


def ask(query: str, *, now: datetime = NOW, places: list[Place] = CAMERAS) -> Understood:
    return understand(query, places, now=now, zone=VILNIUS)


def keys(understood: Understood) -> set[object]:
    return {place.key for place in understood.places}


def local(span: Span | None) -> str | None:
    """Write a span by the clock in Vilnius."""
    return (
        None
        if span is None
        else " – ".join(f"{end.astimezone(VILNIUS):%Y-%m-%d %H:%M}" for end in (span.start, span.end))
    )


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VILNIUS).astimezone(UTC)


def in_town(*towns: str) -> set[str]:
    return {camera.id for town in ELDERSHIPS if town.id in towns for camera in town.cameras}
