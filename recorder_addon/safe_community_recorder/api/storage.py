"""What the archive keeps and how its disk is: storage, days, changes of clocks."""

import re
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from zoneinfo import ZoneInfo

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.status import StorageStatus
from ..archive.timeline import ClockEvent, Day
from .problems import Problem
from .ranges import DAY_US, asked_range

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LONGEST_DAYS = 92
_LONGEST_NOTES_US = 92 * DAY_US


class StorageHandlers:
    """Thin over the archive. `camera_id_of` checks a request's camera; `time_zone` is that of the camera file."""

    def __init__(
        self, archive: Archive, camera_id_of: Callable[[web.Request], str], time_zone: Callable[[], ZoneInfo]
    ) -> None:
        self._archive = archive
        self._camera_id_of = camera_id_of
        self._time_zone = time_zone

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/api/v1/storage", self.storage, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/days", self.days, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/clock-events", self.clock_events, allow_head=False),
        ]

    async def storage(self, _request: web.Request) -> web.Response:
        """How the disk is."""
        return web.json_response(storage_json(self._archive.status))

    async def days(self, request: web.Request) -> web.Response:
        """A camera's local days. Raises Problem."""
        camera_id = self._camera_id_of(request)
        zone = _zone(request) or self._time_zone()
        first, last = _day(request, "first"), _day(request, "last")
        if first > last:
            raise Problem(HTTPStatus.BAD_REQUEST, "reversed_range", "first was expected not to lie after last")
        if (last - first).days >= _LONGEST_DAYS:
            raise Problem(HTTPStatus.BAD_REQUEST, "range_too_long", f"at most {_LONGEST_DAYS} days were expected")
        days = await self._archive.days(camera_id, first, last, zone)
        return web.json_response({"time_zone": zone.key, "days": [_day_json(day) for day in days]})

    async def clock_events(self, request: web.Request) -> web.Response:
        """What happened to clocks. Raises Problem."""
        camera_id = self._camera_id_of(request)
        found = await self._archive.clock_events(camera_id, asked_range(request, _LONGEST_NOTES_US))
        events = [{"kind": one.kind, "at": utc.to_text(one.at_us), "by_s": one.by_us / utc.SECOND_US} for one in found]
        return web.json_response({"clock_events": events})


def storage_json(status: StorageStatus) -> dict[str, object]:
    """The storage as openapi.json's Storage."""
    return {
        "state": status.state.value,
        "problem": status.problem,
        "used_bytes": status.used_bytes,
        "allowed_bytes": status.allowed_bytes,
        "free_bytes": status.free_bytes,
        "disk_bytes": status.disk_bytes,
        "only_locked_left": status.only_locked_left,
        "bytes_per_day": status.bytes_per_day,
        "days_until_full": status.days_until_full,
        "oldest": _time(status.oldest_us),
        "write_bps": status.write_bps,
        "lost_today_s": status.lost_today_us // utc.SECOND_US,
        "lost_groups": status.lost_groups,
        "comparison": {"days_done": status.compared_days, "days": status.days_to_compare},
        "retention": [
            {
                "camera_id": one.camera_id,
                "wanted_days": one.wanted_days,
                "kept_days": one.kept_days,
                "met": one.met,
                "oldest": _time(one.oldest_us),
                "recorded_percent": one.recorded_percent,
            }
            for one in status.kept
        ],
    }


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else utc.to_text(at_us)


def clock_json(camera_id: str | None, event: ClockEvent) -> dict[str, object]:
    """A clock's change as a message of openapi.json's Event; `camera_id` is None for the host's clock."""
    by_s = event.by_us / utc.SECOND_US
    return {"type": "clock", "camera_id": camera_id, "kind": event.kind, "at": utc.to_text(event.at_us), "by_s": by_s}


def _day_json(day: Day) -> dict[str, object]:
    percent = day.recorded_percent
    return {
        "date": day.date.isoformat(),
        "start": utc.to_text(day.start_us),
        "end": utc.to_text(day.end_us),
        "recorded_s": round(day.recorded_us / utc.SECOND_US, 3),
        "recorded_percent": None if percent is None else round(percent, 2),
        "size_bytes": day.size_bytes,
        "gaps": day.gaps,
        "observations": day.observations,
    }


def _day(request: web.Request, name: str) -> date:
    text = request.query.get(name, "")
    try:
        # fromisoformat also takes week dates and dates without dashes.
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 2200:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "bad_time", f"{name}: a date was expected, such as 2026-11-22, not {text[:20]!r}"
        )
    return day


def _zone(request: web.Request) -> ZoneInfo | None:
    name = request.query.get("time_zone")
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "bad_value",
            f"time_zone: a zone such as Europe/Vilnius was expected, not {name[:40]!r}",
        ) from error
