"""Notes who looks for footage: where there is some and what was seen, without a picture of it."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from ..utc import SECOND_US
from .actor import actor_of
from .auditor import Auditor
from .problems import Handler
from .ranges import told_range

_CAMERA = "/api/v1/cameras/{camera_id}/"
SEARCHES = frozenset(
    {
        "recordings",
        "timeline",
        "days",
        "observations",
        "activity",
        "activity.png",
        "activity/search",
        "clip",
        "strip",
    }
)
# Of all cameras together.
_OF_ALL = "/api/v1/observations"
_SAME_S = 600.0
_SAME_US = 3_600 * SECOND_US
_MOST = 10_000


class Searches:
    """One record for those of a person, a camera and a kind that begin and end in the same hours, for ten minutes.

    It shows nothing of people, so it is answered even while the audit log cannot be written.
    """

    def __init__(self, auditor: Auditor, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._auditor = auditor
        self._steady_s = steady_s
        # By what a search is: when it was recorded. The oldest first.
        self._told: dict[tuple[object, ...], float] = {}

    def middleware(self) -> Middleware:
        """Sees what is answered."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            pattern = "" if resource is None else resource.canonical
            what = pattern.removeprefix(_CAMERA)
            if pattern == _OF_ALL:
                what = "observations"
            elif what == pattern or what not in SEARCHES:
                return await handler(request)
            actor = actor_of(request)
            answer = await handler(request)
            camera_id = request.match_info.get("camera_id")
            start_us, end_us = told_range(request)
            days: dict[str, Any] = {name: request.query[name] for name in ("first", "last") if what == "days"}
            hours = None if start_us is None or end_us is None else (start_us // _SAME_US, end_us // _SAME_US)
            if self._is_new((actor, camera_id, what, hours, *days.values())):
                self._auditor.tell(
                    "look", actor, camera_id=camera_id, start_us=start_us, end_us=end_us, kind="search", of=what, **days
                )
            return answer

        return watch

    def _is_new(self, key: tuple[object, ...]) -> bool:
        now_s = self._steady_s()
        for known, since_s in list(self._told.items()):
            if now_s - since_s < _SAME_S and len(self._told) < _MOST:
                break
            del self._told[known]
        if key in self._told:
            return False
        self._told[key] = now_s
        return True
