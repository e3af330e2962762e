"""What vision saw, over HTTP: of one camera or of all, page by page."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.sightings import ObservationId, Sought
from ..archive.timeline import Observation, Span
from .problems import Problem
from .ranges import DAY_US, asked_choice, asked_number, asked_range

KINDS = ("motion", "covered", "defocused", "moved", "frozen", "dark", "blinded", "no_signal", "clock_wrong")

_LONGEST_US = 92 * DAY_US
_MOST = 1_000
_USUAL_OF_ALL = 100
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


class ObservationHandlers:
    """Thin over the archive. `camera_id_of` checks a request's camera; `elderships` has each camera's, by ids."""

    def __init__(
        self,
        archive: Archive,
        camera_id_of: Callable[[web.Request], str],
        elderships: Callable[[], Mapping[str, str]],
    ) -> None:
        self._archive = archive
        self._camera_id_of = camera_id_of
        self._elderships = elderships

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/api/v1/observations", self.of_all, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/observations", self.of_camera, allow_head=False),
        ]

    async def of_camera(self, request: web.Request) -> web.Response:
        """What was seen of a camera, the oldest first unless asked otherwise. Raises Problem."""
        camera_id = self._camera_id_of(request)
        within = asked_range(request, _LONGEST_US)
        return await self._page(request, within, (camera_id,), newest_first=False, usual=_MOST)

    async def of_all(self, request: web.Request) -> web.Response:
        """What was seen of all cameras, or of some; the newest first unless asked otherwise. Raises Problem."""
        within = asked_range(request, _LONGEST_US)
        cameras = self._asked_cameras(request)
        return await self._page(request, within, cameras, newest_first=True, usual=_USUAL_OF_ALL)

    async def _page(
        self, request: web.Request, within: Span, cameras: tuple[str, ...], *, newest_first: bool, usual: int
    ) -> web.Response:
        orders = ("newest", "oldest") if newest_first else ("oldest", "newest")
        order = asked_choice(request, "order", orders)
        limit = asked_number(request, "limit", default=usual, least=1, most=_MOST)
        sought = Sought(within, cameras, _kinds(request), _zone(request), order == "newest", _after(request))
        found, following = await self._archive.seen.observations(sought, limit)
        return web.json_response(
            {
                "observations": [observation_json(camera_id, observation) for camera_id, observation in found],
                "next": None if following is None else str(following),
            }
        )

    def _asked_cameras(self, request: web.Request) -> tuple[str, ...]:
        known = self._elderships()
        cameras, places = request.query.getall("camera", []), request.query.getall("eldership", [])
        for camera_id in cameras:
            if camera_id not in known:
                raise Problem(HTTPStatus.NOT_FOUND, "unknown_camera", f"there is no camera {camera_id[:64]!r}")
        for place in places:
            if not _ID.fullmatch(place):
                raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "eldership: the id of an eldership was expected")
        chosen = cameras or known
        return tuple(dict.fromkeys(one for one in chosen if not places or known[one] in places))


def observation_json(camera_id: str, observation: Observation) -> dict[str, object]:
    """An observation, as openapi.json's Observation."""
    still_us = observation.still_us
    at = None if still_us is None else urlencode({"at": utc.to_text(still_us)})
    return {
        "id": str(ObservationId.of(camera_id, observation)),
        "camera_id": camera_id,
        "kind": observation.kind,
        "start": utc.to_text(observation.start_us),
        "end": utc.to_text(observation.end_us),
        "lasting": observation.lasting,
        "score": round(observation.score, 3),
        "zone": observation.zone,
        "still": None if at is None else f"/api/v1/cameras/{camera_id}/snapshot.jpg?{at}",
    }


def _kinds(request: web.Request) -> tuple[str, ...] | None:
    kinds = tuple(dict.fromkeys(request.query.getall("kind", [])))
    for kind in kinds:
        if kind not in KINDS:
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", f"kind: one of {', '.join(KINDS)} was expected")
    return kinds or None


def _zone(request: web.Request) -> str | None:
    zone = request.query.get("zone")
    if zone is not None and not _ID.fullmatch(zone):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", "zone: the id of a zone was expected")
    return zone


def _after(request: web.Request) -> ObservationId | None:
    text = request.query.get("after")
    if text is None:
        return None
    try:
        return ObservationId.parse(text)
    except ValueError as error:
        detail = "after: what a page said under next was expected"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail) from error
