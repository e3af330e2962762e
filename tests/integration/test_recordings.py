"""From the media browser's first page to a clip's bytes, for those who may see it."""

import asyncio
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestServer
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.documents import Span
from custom_components.safe_community.views import clip_url
from tests.integration.conftest import LogIn, SetUp
from tests.integration.world import member
from tests.world import Recorder

ROOT = "media-source://safe_community"


class Browser:
    """What a person does in the media browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def open(self, media_content_id: str) -> dict[str, Any]:
        await self._socket.send_json_auto_id(
            {"type": "media_source/browse_media", "media_content_id": media_content_id}
        )
        answer = await self._socket.receive_json()
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def refusal(self, command: str, media_content_id: str) -> str:
        await self._socket.send_json_auto_id({"type": f"media_source/{command}", "media_content_id": media_content_id})
        answer = await self._socket.receive_json()
        assert not answer["success"]
        message: str = answer["error"]["message"]
        return message

    async def play(self, media_content_id: str) -> dict[str, Any]:
        await self._socket.send_json_auto_id(
            {"type": "media_source/resolve_media", "media_content_id": media_content_id}
        )
        answer = await self._socket.receive_json()
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result


def titles(node: dict[str, Any]) -> list[str]:
    return [child["title"] for child in node["children"]]


def child(node: dict[str, Any], title: str) -> str:
    return next(str(found["media_content_id"]) for found in node["children"] if found["title"] == title)


async def test_a_person_walks_to_a_clip_and_plays_it(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await hass.config.async_set_time_zone("Europe/Vilnius")
    person = await log_in("Ona")
    await set_up(recorder, member("Ona", "public_order_specialist", user_id=person.user.id))
    browser = Browser(await hass_ws_client(hass, person.token))
    root = await browser.open(ROOT)
    assert root["title"] == "Safe Community"
    assert titles(root) == ["Pabiržė", "Vabalninkas"]
    eldership = await browser.open(child(root, "Pabiržė"))
    assert titles(eldership) == ["Aikštė", "Kapinės"]
    assert eldership["children"][1]["thumbnail"] == "/api/camera_proxy/camera.pabirze_kapines"
    days = await browser.open(child(eldership, "Kapinės"))
    assert dt_util.now().date().isoformat() in titles(days)
    hours = await browser.open(days["children"][0]["media_content_id"])
    assert hours["children"][-1]["can_play"]
    clip = await browser.play(hours["children"][-1]["media_content_id"])
    assert clip["mime_type"] == "video/mp4"

    # The address is signed for this person; the player sends nothing else.
    player = await hass_client_no_auth()
    head = await player.head(clip["url"])
    assert (head.status, head.content_type) == (HTTPStatus.OK, "video/mp4")
    assert head.headers["Accept-Ranges"] == "bytes"
    part = await player.get(clip["url"], headers={"Range": "bytes=4-11", "If-Range": head.headers["ETag"]})
    assert part.status == HTTPStatus.PARTIAL_CONTENT
    assert part.headers["Content-Range"].startswith("bytes 4-11/")
    assert (await part.read())[:4] == b"ftyp"
    whole = await player.get(clip["url"])
    body = await whole.read()
    assert len(body) == int(whole.headers["Content-Length"])
    assert whole.headers["Cache-Control"] == "private, no-store"
    beyond = await player.get(clip["url"], headers={"Range": f"bytes={10**9}-"})
    assert beyond.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    # The camera records on, the clip stays what it was.
    await asyncio.sleep(2)
    same = await player.get(clip["url"], headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status == HTTPStatus.NOT_MODIFIED


async def test_a_specialist_of_one_eldership_starts_at_its_cameras(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, log_in: LogIn, hass_ws_client: WebSocketGenerator
) -> None:
    person = await log_in("Ona")
    entry = await set_up(
        recorder, member("Ona", "eldership_specialist", elderships=["vabalninkas"], user_id=person.user.id)
    )
    browser = Browser(await hass_ws_client(hass, person.token))
    assert titles(await browser.open(ROOT)) == ["Autobusų stotelė"]
    foreign = f"{ROOT}/{entry.entry_id}/pabirze"
    for place in (foreign, f"{foreign}/kapines", f"{foreign}/kapines/2026-11-21"):
        assert await browser.refusal("browse_media", place) == "There is no such recording"
    # Neither by claiming that the camera is in one's own eldership.
    claimed = f"{ROOT}/{entry.entry_id}/vabalninkas/kapines"
    assert await browser.refusal("browse_media", claimed) == "There is no such recording"
    hour = f"{claimed}/2026-11-21/20261121T200000Z"
    assert await browser.refusal("resolve_media", hour) == "There is no such recording"


@pytest.mark.parametrize("role", ["volunteer", "coordinator", "data_protection_officer", "administrator", None])
async def test_who_is_not_staff_finds_nothing(
    hass: HomeAssistant,
    recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
    role: str | None,
) -> None:
    person = await log_in("Jonas")
    members = [] if role is None else [member("Jonas", role, user_id=person.user.id)]
    entry = await set_up(recorder, *members)
    browser = Browser(await hass_ws_client(hass, person.token))
    assert titles(await browser.open(ROOT)) == []
    camera = f"{ROOT}/{entry.entry_id}/pabirze/kapines"
    assert await browser.refusal("browse_media", camera) == "There is no such recording"
    client = await hass_client(person.token)
    now = datetime.now(UTC)
    url = clip_url(entry.entry_id, "kapines", now - timedelta(minutes=1), now)
    for path in (url, url.replace("kapines", "no-such-camera"), url.replace(entry.entry_id, "no-such-entry")):
        assert (await client.get(path)).status == HTTPStatus.FORBIDDEN
        assert (await client.head(path)).status == HTTPStatus.FORBIDDEN


async def test_without_login_there_is_no_clip(
    recorder: Recorder, set_up: SetUp, hass_client_no_auth: ClientSessionGenerator
) -> None:
    entry = await set_up(recorder)
    client = await hass_client_no_auth()
    path = f"/api/safe_community/clip/{entry.entry_id}/kapines/20261121T220000Z/20261121T230000Z.mp4"
    assert (await client.get(path)).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        ("20200101T000000Z", "20200101T000100Z", HTTPStatus.NOT_FOUND),
        ("20200101T000100Z", "20200101T000000Z", HTTPStatus.BAD_REQUEST),
        ("20200101T000000Z", "20200103T000000Z", HTTPStatus.BAD_REQUEST),
        ("20990101T000000Z", "20990101T000100Z", HTTPStatus.BAD_REQUEST),
        ("yesterday", "today", HTTPStatus.BAD_REQUEST),
    ],
)
async def test_a_clip_that_cannot_be_says_why(
    recorder: Recorder,
    set_up: SetUp,
    hass_client: ClientSessionGenerator,
    start: str,
    end: str,
    status: HTTPStatus,
) -> None:
    entry = await set_up(recorder)
    client = await hass_client()
    answer = await client.get(f"/api/safe_community/clip/{entry.entry_id}/kapines/{start}/{end}.mp4")
    assert answer.status == status
    assert await answer.text()


async def test_a_recorder_that_is_away_is_a_bad_gateway(
    own_recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    entry = await set_up(own_recorder)
    own_recorder.stop()
    client = await hass_client()
    path = f"/api/safe_community/clip/{entry.entry_id}/stotele/20261121T220000Z/20261121T230000Z.mp4"
    assert (await client.get(path)).status == HTTPStatus.BAD_GATEWAY


async def test_a_clip_that_breaks_off_is_not_taken_for_whole(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    async def promise_more_than_comes(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": "1000000"})
        await answer.prepare(request)
        await answer.write(bytes(1000))
        assert request.transport is not None
        request.transport.abort()
        return answer

    app = web.Application()
    app.router.add_get("/", promise_more_than_comes)
    async with TestServer(app, host="127.0.0.1") as server:
        entry = await set_up(recorder)
        client = await hass_client()
        start = datetime(2026, 11, 21, 22, tzinfo=UTC)
        session = async_get_clientsession(hass)
        with patch.object(RecorderClient, "clip", lambda *_: session.get(server.make_url("/"))):
            answer = await client.get(clip_url(entry.entry_id, "kapines", start, start + timedelta(hours=1)))
            assert answer.status == HTTPStatus.OK
            with pytest.raises(ClientError):
                await answer.read()


async def test_with_two_recorders_a_person_chooses_one_first(
    hass: HomeAssistant,
    recorder: Recorder,
    own_recorder: Recorder,
    set_up: SetUp,
    hass_ws_client: WebSocketGenerator,
) -> None:
    first, second = await set_up(recorder), await set_up(own_recorder)
    browser = Browser(await hass_ws_client(hass))
    root = await browser.open(ROOT)
    assert {str(found["media_content_id"]) for found in root["children"]} == {
        f"{ROOT}/{first.entry_id}",
        f"{ROOT}/{second.entry_id}",
    }
    assert titles(await browser.open(f"{ROOT}/{first.entry_id}")) == ["Pabiržė", "Vabalninkas"]
    assert titles(await browser.open(f"{ROOT}/{second.entry_id}")) == ["Autobusų stotelė"]
    own_recorder.stop()
    camera = f"{ROOT}/{second.entry_id}/vabalninkas/stotele"
    assert "cannot be reached" in await browser.refusal("browse_media", camera)
    now = dt_util.utcnow().replace(minute=0, second=0)
    hour = f"{camera}/{now.date()}/{now:%Y%m%dT%H%M%SZ}"
    assert "cannot be reached" in await browser.refusal("resolve_media", hour)
    future = f"{camera}/2099-01-01/20990101T000000Z"
    assert await browser.refusal("resolve_media", future) == "There is no such recording"


async def test_the_day_on_which_the_clocks_go_back_shows_its_doubled_hour_twice(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_ws_client: WebSocketGenerator
) -> None:
    await hass.config.async_set_time_zone("Europe/Vilnius")
    entry = await set_up(recorder)
    browser = Browser(await hass_ws_client(hass))
    # No recorder of today has footage of that night.
    night = Span(start=datetime(2026, 10, 24, 23, 30, tzinfo=UTC), end=datetime(2026, 10, 25, 2, 30, tzinfo=UTC))

    async def footage(*_: object) -> tuple[Span, ...]:
        return (night,)

    with patch.object(RecorderClient, "footage", footage):
        day = await browser.open(f"{ROOT}/{entry.entry_id}/pabirze/kapines/2026-10-25")
    assert titles(day) == ["02:00–03:00", "03:00–04:00 (UTC+3)", "03:00–04:00 (UTC+2)", "04:00–05:00"]
    starts = [str(found["media_content_id"]).rpartition("/")[2] for found in day["children"]]
    assert starts == ["20261024T230000Z", "20261025T000000Z", "20261025T010000Z", "20261025T020000Z"]


@pytest.mark.parametrize(
    "place",
    [
        "nonsense/../etc",
        "no-such-entry",
        "no-such-entry/pabirze",
        "no-such-entry/pabirze/kapines",
        "{entry}/no-such-eldership",
        "{entry}/pabirze/x",
        "{entry}/pabirze/kapines/2124-01-01",
        "{entry}/pabirze/kapines/2124-01-01/21240101T000000Z",
        "{entry}/pabirze/kapines/2026-11-21/20261121T220000Z/more",
        "{entry}/pabirze/kapines/20261121",
        "{entry}//kapines",
    ],
)
async def test_places_that_are_not_there(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_ws_client: WebSocketGenerator, place: str
) -> None:
    entry = await set_up(recorder)
    browser = Browser(await hass_ws_client(hass))
    identifier = f"{ROOT}/{place.format(entry=entry.entry_id)}"
    assert await browser.refusal("browse_media", identifier) == "There is no such recording"
    assert await browser.refusal("resolve_media", identifier) == "There is no such recording"


async def test_home_assistant_s_own_content_user_gets_no_clip(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    entry = await set_up(recorder)
    content_user = next(user for user in await hass.auth.async_get_users() if user.name == "Home Assistant Content")
    token = hass.auth.async_create_access_token(next(iter(content_user.refresh_tokens.values())))
    client = await hass_client(token)
    path = f"/api/safe_community/clip/{entry.entry_id}/kapines/20261121T220000Z/20261121T230000Z.mp4"
    assert (await client.get(path)).status == HTTPStatus.FORBIDDEN
