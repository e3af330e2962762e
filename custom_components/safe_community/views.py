"""Passes a clip's bytes from the recorder to a person who may see them; Home Assistant holds none of them."""

from datetime import datetime
from http import HTTPStatus
from typing import Final

from aiohttp import ClientError, ClientResponse, hdrs, web
from homeassistant.components.http import KEY_HASS_USER, HomeAssistantView
from homeassistant.core import HomeAssistant

from .access import Action, Asker, user_permits
from .client import PROBLEM_MIME_TYPE, refusal
from .const import DOMAIN, LOGGER
from .data import loaded_entry
from .errors import RequestRefused
from .identifier import parse_path_time, path_time

CLIP_MIME_TYPE: Final = "video/mp4"
CHUNK_BYTES: Final = 64 * 1024

# The rest of what a browser sends (cookies, its own token) is none of the recorder's business.
TO_RECORDER: Final = (hdrs.RANGE, hdrs.IF_RANGE, hdrs.IF_NONE_MATCH, hdrs.IF_MODIFIED_SINCE)
TO_PERSON: Final = (
    hdrs.CONTENT_TYPE,
    hdrs.CONTENT_LENGTH,
    hdrs.CONTENT_RANGE,
    hdrs.ACCEPT_RANGES,
    hdrs.ETAG,
    hdrs.LAST_MODIFIED,
)
# What is passed on, and of which type it has to be: to a browser, a page of whoever answers would be Home Assistant's.
PASSED_ON: Final = {
    HTTPStatus.OK: CLIP_MIME_TYPE,
    HTTPStatus.PARTIAL_CONTENT: CLIP_MIME_TYPE,
    HTTPStatus.NOT_MODIFIED: None,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: PROBLEM_MIME_TYPE,
}
REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


def clip_url(entry_id: str, camera_id: str, start: datetime, end: datetime) -> str:
    """Return a clip's path; without a query, because Home Assistant signs no other."""
    return f"/api/{DOMAIN}/clip/{entry_id}/{camera_id}/{path_time(start)}/{path_time(end)}.mp4"


class ClipView(HomeAssistantView):
    """A clip, whole or by ranges."""

    url = f"/api/{DOMAIN}/clip/{{entry_id}}/{{camera_id}}/{{start}}/{{end}}.mp4"
    name = f"api:{DOMAIN}:clip"

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass

    async def get(
        self, request: web.Request, entry_id: str, camera_id: str, start: str, end: str
    ) -> web.StreamResponse:
        """Answer with the bytes of the clip."""
        return await self._answer(request, entry_id, camera_id, start, end)

    async def head(
        self, request: web.Request, entry_id: str, camera_id: str, start: str, end: str
    ) -> web.StreamResponse:
        """Answer with the clip's size and type."""
        return await self._answer(request, entry_id, camera_id, start, end)

    async def _answer(
        self, request: web.Request, entry_id: str, camera_id: str, start: str, end: str
    ) -> web.StreamResponse:
        entry = loaded_entry(self._hass, entry_id)
        camera = None if entry is None else entry.runtime_data.camera(camera_id)
        asker = Asker.of(request[KEY_HASS_USER])
        # Who may see nothing learns nothing, not even which cameras there are. 403 and not 401: it is no failed login.
        if entry is None:
            raise web.HTTPForbidden
        if camera is None:
            entry.runtime_data.traces.refused(asker, Action.PLAYBACK)
            raise web.HTTPForbidden
        if not user_permits(entry, request[KEY_HASS_USER], Action.PLAYBACK, camera.eldership.id):
            entry.runtime_data.traces.refused(asker, Action.PLAYBACK, camera.eldership.id, camera_id)
            raise web.HTTPForbidden
        try:
            first, last = parse_path_time(start), parse_path_time(end)
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        headers = {str(name): request.headers[name] for name in TO_RECORDER if name in request.headers}
        try:
            clip = entry.runtime_data.client.clip(request.method, camera_id, first, last, headers, asker.actor())
            async with clip as upstream:
                return await _pass_on(request, upstream)
        except TimeoutError as error:
            raise web.HTTPGatewayTimeout(text="the recorder does not answer") from error
        except ClientError as error:
            raise web.HTTPBadGateway(text="the recorder cannot be reached") from error


async def _pass_on(request: web.Request, upstream: ClientResponse) -> web.StreamResponse:
    if upstream.status not in PASSED_ON:
        raise await _as_answer(upstream)
    expected = PASSED_ON[HTTPStatus(upstream.status)]
    if expected is not None and upstream.content_type != expected:
        raise web.HTTPBadGateway(text=f"expected {expected}, got {upstream.content_type}")
    response = web.StreamResponse(
        status=upstream.status,
        headers={name: upstream.headers[name] for name in TO_PERSON if name in upstream.headers}
        # Footage of people: nobody between the recorder and the person keeps a copy.
        | {hdrs.CACHE_CONTROL: "private, no-store"},
    )
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        async for chunk in upstream.content.iter_chunked(CHUNK_BYTES):
            await response.write(chunk)
    except (ClientError, TimeoutError) as error:
        # The head is out, so the length that it promised is the only way left to say that something is missing.
        LOGGER.warning("A clip broke off: %s", error or type(error).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _as_answer(upstream: ClientResponse) -> web.HTTPException:
    match await refusal(upstream):
        case RequestRefused(status=status, detail=detail) if status in REFUSED:
            return web.HTTPNotFound(text=detail) if status == HTTPStatus.NOT_FOUND else web.HTTPBadRequest(text=detail)
        case error:
            return web.HTTPBadGateway(text=str(error))
