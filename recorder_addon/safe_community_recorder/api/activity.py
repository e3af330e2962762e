"""How much moved in a camera's picture, over HTTP: as numbers, as a curve, and when anything moved in a corner."""

import asyncio
import math
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from aiohttp import web

from .. import utc
from ..archive.activity import Values, stepped
from ..archive.archive import Archive
from ..areas import Area, AreaError, area_of
from ..config import Camera
from ..media.curve import draw_curve
from ..vision.zones import blocks_inside
from .problems import Problem
from .ranges import DAY_US, asked_choice, asked_number, asked_range

_LONGEST_US = 8 * DAY_US
_LONGEST_SEARCH_US = 31 * DAY_US
_MOST_VALUES = 20_000
_LAST_S = 253_402_300_799
_EVERYWHERE: Area = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,12})?", re.ASCII)


class ActivityHandlers:
    """Thin over the archive. `camera_of` gives the entry of a request's camera, or raises Problem."""

    def __init__(self, archive: Archive, camera_of: Callable[[web.Request], Camera]) -> None:
        self._archive = archive
        self._camera_of = camera_of

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        path = "/api/v1/cameras/{camera_id}/activity"
        return [
            web.get(path, self.values, allow_head=False),
            web.get(f"{path}.png", self.curve, allow_head=False),
            web.get(f"{path}/search", self.search, allow_head=False),
        ]

    async def values(self, request: web.Request) -> web.Response:
        """The most that moved, step by step. Raises Problem."""
        camera, (start_s, end_s) = self._camera_of(request), _asked_seconds(request, _LONGEST_US)
        step_s = asked_number(request, "step_s", default=60, least=1, most=86_400)
        if (end_s - start_s) // step_s > _MOST_VALUES:
            detail = f"at most {_MOST_VALUES} values can be had at once; longer steps were expected"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)
        each = await self._archive.seen.activity(camera.id, start_s, end_s)
        steps = stepped(each, step_s)
        return web.json_response(
            {
                "start": utc.to_text(start_s * utc.SECOND_US),
                "end": utc.to_text(end_s * utc.SECOND_US),
                "step_s": step_s,
                "values": [None if math.isnan(value) else round(value, 5) for value in steps.tolist()],
            }
        )

    async def curve(self, request: web.Request) -> web.Response:
        """The same as a picture. Raises Problem."""
        camera, (start_s, end_s) = self._camera_of(request), _asked_seconds(request, _LONGEST_US)
        width = asked_number(request, "width", default=960, least=16, most=4_096)
        height = asked_number(request, "height", default=120, least=16, most=1_024)
        each: Values = await self._archive.seen.activity(camera.id, start_s, end_s)
        body = await asyncio.to_thread(draw_curve, each, width, height)
        return web.Response(body=body, content_type="image/png", headers={"Cache-Control": "private, no-store"})

    async def search(self, request: web.Request) -> web.Response:
        """When anything moved in an area. Raises Problem."""
        camera, (start_s, end_s) = self._camera_of(request), _asked_seconds(request, _LONGEST_SEARCH_US)
        area = _asked_area(request, camera)
        newest_first = asked_choice(request, "order", ("oldest", "newest")) == "newest"
        limit = asked_number(request, "limit", default=100, least=1, most=1_000)
        after_s = asked_number(request, "after", default=end_s if newest_first else start_s, least=0, most=_LAST_S)
        if newest_first:
            end_s = min(end_s, after_s)
        else:
            start_s = max(start_s, after_s)
        blocks = partial(blocks_inside, [area])
        found, following = await self._archive.seen.moved(
            camera.id, start_s, end_s, blocks, limit, newest_first=newest_first
        )
        ranges = [
            {
                "start": utc.to_text(moved.start_s * utc.SECOND_US),
                "end": utc.to_text(moved.end_s * utc.SECOND_US),
                "activity": round(moved.activity, 5),
            }
            for moved in found
        ]
        return web.json_response({"ranges": ranges, "next": None if following is None else str(following)})


def _asked_seconds(request: web.Request, longest_us: int) -> tuple[int, int]:
    """The whole seconds that the range touches. Raises Problem."""
    within = asked_range(request, longest_us)
    return within.start_us // utc.SECOND_US, -(-within.end_us // utc.SECOND_US)


def _asked_area(request: web.Request, camera: Camera) -> Area:
    zone_id, text = request.query.get("zone"), request.query.get("area")
    if zone_id is not None and text is not None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "area or zone was expected, not both")
    if zone_id is None and text is None:
        return _EVERYWHERE
    if text is None:
        zones = {zone.id: zone.area for zone in camera.vision.zones}
        if zone_id not in zones:
            known = ", ".join(zones) or "none"
            detail = f"zone: {(zone_id or '')[:64]!r} is no zone of this camera; it has: {known}"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)
        return zones[zone_id]
    numbers = text[:2_000].split(",")
    if len(numbers) % 2 or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "area: x,y,x,y,x,y was expected, each from 0 to 1")
    try:
        return area_of(list(zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True)))
    except AreaError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", f"area: {error.reason}") from error
