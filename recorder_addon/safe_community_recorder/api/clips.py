"""Recorded footage as MP4: a range, what it holds, and a time-lapse of it."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.timeline import Gap, Span
from ..media.clip import Clip, NoFootageError
from .actor import actor_of
from .auditor import Auditor
from .clip_response import send_clip
from .problems import Problem
from .ranges import DAY_US, asked_flag, asked_number, asked_range

_LONGEST_CLIP_US = DAY_US
_LONGEST_LAPSE_US = 7 * DAY_US
_CLIP_PATH = "/api/v1/cameras/{camera_id}/clip.mp4"


class ClipHandlers:
    """Thin over the archive. `camera_id_of` checks a request's camera."""

    def __init__(self, archive: Archive, auditor: Auditor, camera_id_of: Callable[[web.Request], str]) -> None:
        self._archive = archive
        self._auditor = auditor
        self._camera_id_of = camera_id_of

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get(_CLIP_PATH, self.clip),
            web.get("/api/v1/cameras/{camera_id}/clip", self.description, allow_head=False),
            web.get("/api/v1/cameras/{camera_id}/timelapse.mp4", self.time_lapse),
        ]

    async def clip(self, request: web.Request) -> web.StreamResponse:
        """The range as one MP4, or bytes of it. Raises Problem."""
        camera_id, within, sound = self._camera_id_of(request), asked_range(request, _LONGEST_CLIP_US), _sound(request)
        build = partial(self._archive.clip, camera_id, within, sound=sound)
        clip = await self._looked_at(request, "clip", camera_id, within, build)
        return await send_clip(request, clip, _name(camera_id, clip))

    async def description(self, request: web.Request) -> web.Response:
        """What a clip of the range holds, and the address under which it stays the same. Raises Problem."""
        camera_id, within, sound = self._camera_id_of(request), asked_range(request, _LONGEST_CLIP_US), _sound(request)
        try:
            clip = await self._archive.clip(camera_id, within, sound=sound)
        except NoFootageError as error:
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", str(error)) from error
        _, gaps = await self._archive.timeline(camera_id, within)
        return web.json_response(_clip_json(camera_id, clip, gaps, sound=sound))

    async def time_lapse(self, request: web.Request) -> web.StreamResponse:
        """Keyframes of the range, one after the other, as MP4. Raises Problem."""
        camera_id, within = self._camera_id_of(request), asked_range(request, _LONGEST_LAPSE_US)
        pictures = asked_number(request, "pictures", default=300, least=1, most=3_000)
        per_s = asked_number(request, "per_second", default=10, least=1, most=30)
        build = partial(self._archive.time_lapse, camera_id, within, pictures, per_s)
        clip = await self._looked_at(request, "timelapse", camera_id, within, build)
        return await send_clip(request, clip, _name(camera_id, clip, "_timelapse"))

    async def _looked_at(
        self, request: web.Request, kind: str, camera_id: str, within: Span, build: Callable[[], Awaitable[Clip]]
    ) -> Clip:
        """The clip, and the look at it in the audit log. Raises Problem."""
        look = partial(self._auditor.look, kind, actor_of(request), camera_id, within.start_us, within.end_us)
        try:
            clip = await build()
        except NoFootageError as error:
            # What is past its days may be there, but nobody may see it any more.
            await look(outcome="failed" if self._archive.shown(camera_id, within) else "refused")
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", str(error), noted=True) from error
        await look()
        return clip


def _sound(request: web.Request) -> bool:
    return asked_flag(request, "sound", default=True)


def _name(camera_id: str, clip: Clip, more: str = "") -> str:
    return f"{camera_id}_{utc.to_name(clip.start_us)}{more}.mp4"


def _clip_json(camera_id: str, clip: Clip, gaps: list[Gap], *, sound: bool) -> dict[str, object]:
    start, end = utc.to_text(clip.start_us), utc.to_text(clip.end_us)
    more = "" if sound else "&sound=false"
    return {
        "start": start,
        "end": end,
        "path": f"{_CLIP_PATH.format(camera_id=camera_id)}?start={start}&end={end}{more}",
        "size_bytes": clip.size,
        "etag": clip.etag,
        "duration_s": clip.duration_90k / 90_000,
        "codecs": list(dict.fromkeys(video.codec for video in clip.formats)),
        "sound": clip.audio is not None,
        "pieces": [
            {"start": utc.to_text(piece.start_us), "end": utc.to_text(piece.end_us), "at_s": piece.at_90k / 90_000}
            for piece in clip.pieces
        ],
        "gaps": [
            {
                "start": utc.to_text(gap.start_us),
                "end": None if gap.end_us is None else utc.to_text(gap.end_us),
                "cause": gap.cause.value,
            }
            for gap in gaps
        ],
    }
