"""Which bytes of recording files HLS gives out: never more than may be shown at this moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder import utc
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.authorization import Entrance
from safe_community_recorder.api.hls import HlsHandlers
from safe_community_recorder.api.live import LiveHandlers
from safe_community_recorder.api.problems import Problem, problems
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.timeline import Lock
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.clock import HostClock
from safe_community_recorder.live import LiveChannel
from tests.recorder.archives import DAY, Folder, S, group, now_us, record
from tests.recorder.footage import encode
from tests.recorder.playlists import Listed, read_playlist

TOKEN = "the-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
_STOP = "/api/v1/cameras/stop"


@dataclass
class Camera:
    """What the handlers know of a camera."""

    live: LiveChannel


@dataclass
class World:
    """The interface of an archive in this process."""

    archive: Archive
    client: TestClient[web.Request, web.Application]
    folder: Folder
    log: AuditLog

    async def get(self, path: str) -> ClientResponse:
        return await self.client.get(path)

    async def ticket(self, start_us: int, end_us: int) -> str:
        query = urlencode({"start": utc.to_text(start_us), "end": utc.to_text(end_us)})
        answer = await self.client.post(f"{_STOP}/hls/tickets?{query}", headers=HEADERS)
        assert answer.status == 201
        path: str = (await answer.json())["path"]
        return path

    async def live_ticket(self) -> str:
        answer = await self.client.post(f"{_STOP}/live-tickets", headers=HEADERS)
        path: str = (await answer.json())["hls"]
        return path

    async def listed(self, path: str) -> list[Listed]:
        answer = await self.get(path)
        assert answer.status == 200, await answer.text()
        return read_playlist(await answer.text()).segments

    async def status(self, path: str, segment: Listed) -> int:
        """What comes of asking for a segment with the ticket of this path."""
        auth = urlsplit(path).query.rpartition("auth=")[2]
        answer = await self.get(f"{_STOP}/hls/{segment.bytes.uri.partition('?')[0]}?auth={auth}")
        body = await answer.read()
        if answer.status == 200:
            assert len(body) == segment.bytes.end - segment.bytes.start
        return answer.status


@asynccontextmanager
async def world(folder: Folder, days: float = 14) -> AsyncIterator[World]:
    archive = folder.open(days)
    await archive.start()
    (folder.path / "log").mkdir()
    live, log, entrance = LiveChannel(), AuditLog(folder.path / "log"), Entrance(TOKEN)
    live.push(encode(10).units[0])
    auditor = Auditor(log)

    def camera_of(request: web.Request) -> tuple[str, Camera]:
        if request.match_info["camera_id"] != "stop":
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_camera", "there is no such camera")
        return "stop", Camera(live)

    app = web.Application(middlewares=[problems])
    app.add_routes(LiveHandlers(entrance, auditor, camera_of).routes())
    app.add_routes(HlsHandlers(archive, HostClock(), entrance, auditor, camera_of).routes())
    async with TestClient(TestServer(app)) as client:
        yield World(archive, client, folder, log)
    await archive.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_live_ticket_opens_what_is_new_and_nothing_earlier(folder: Folder) -> None:
    async with world(folder) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - 7_200 * S), group(now - 300 * S), group(now - 3 * S)])
        live = await here.live_ticket()
        (new,) = await here.listed(live)
        assert new.at == utc.from_us(now - 3 * S)
        assert await here.status(live, new) == 200
        for segment in await here.listed(await here.ticket(now - 8_000 * S, now - 100 * S)):
            assert await here.status(live, segment) == 404


async def test_a_ticket_of_a_range_opens_that_range_only(folder: Folder) -> None:
    async with world(folder) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - (10 - second) * S) for second in range(10)])
        wide, narrow = await here.ticket(now - 20 * S, now), await here.ticket(now - 4 * S, now - 2 * S)
        (whole,) = [segment for segment in await here.listed(wide) if segment.breaks == 0][:1]
        for segment in await here.listed(narrow):
            assert await here.status(narrow, segment) == 200
            assert await here.status(wide, segment) == 200
        assert await here.status(wide, whole) == 200
        assert await here.status(narrow, whole) == 404


async def test_footage_past_its_days_is_not_served_from_that_second_though_a_playlist_still_names_it(
    folder: Folder,
) -> None:
    lasts_s = 8
    async with world(folder, days=lasts_s * S / DAY) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - S), group(now), group(now + 3600 * S)])
        path = await here.ticket(now - 2 * S, now + S)
        segments = await here.listed(path)
        assert [await here.status(path, segment) for segment in segments] == [200] * len(segments)
        # Neither file nor index has changed when the seconds have passed.
        await asyncio.sleep(max(0.0, (now + (lasts_s + 1) * S - now_us()) / S) + 0.1)
        assert [await here.status(path, segment) for segment in segments] == [404] * len(segments)
        assert (await here.get(path)).status == 404
        assert here.folder.files


async def test_what_is_locked_is_served_as_long_as_the_lock_holds(folder: Folder) -> None:
    async with world(folder, days=1) as here:
        now = now_us()
        old = now - 2 * DAY
        await record(here.archive, "stop", [group(old), group(old + S), group(old + 2 * S), group(now)])
        path = await here.ticket(old, old + 3 * S)
        assert (await here.get(path)).status == 404
        lock = Lock("1", "stop", old + S + 1, old + 2 * S - 1, "Aldona", "police request 17", now, now + DAY)
        await here.archive.put_lock(lock)
        (segment,) = await here.listed(path)
        assert segment.at == utc.from_us(old + S)
        assert await here.status(path, segment) == 200


async def test_with_its_disk_gone_the_archive_has_nothing_live_and_nothing_breaks(folder: Folder) -> None:
    async with world(folder) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - 2 * S), group(now - S)])
        live = await here.live_ticket()
        (segment, _) = await here.listed(live)
        folder.archive.rename(folder.path / "elsewhere")
        assert await here.status(live, segment) == 404
        answer = await here.get(live)
        # What was there a moment ago may still be listed, or not. Its bytes are not had.
        assert answer.status in (200, 503)
        assert (await here.get(await here.ticket(now - 20 * S, now))).status in (200, 404)
    empty = Folder(folder.path / "empty")
    empty.path.mkdir()
    async with world(empty) as here:
        answer = await here.get(await here.live_ticket())
        assert (answer.status, (await answer.json())["code"]) == (503, "no_picture")


async def test_every_look_is_recorded_and_by_a_ticket_too(folder: Folder) -> None:
    async with world(folder) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - 2 * S)])
        asked = {"Safe-Community-Actor": "Aldona", "Safe-Community-Reason": "incident%2017"}
        query = urlencode({"start": utc.to_text(now - 5 * S), "end": utc.to_text(now)})
        answer = await here.client.post(f"{_STOP}/hls/tickets?{query}", headers=HEADERS | asked)
        path = (await answer.json())["path"]
        for _ in range(3):
            await here.listed(path)
        await here.listed(await here.live_ticket())
    recorded = "".join(found.read_text() for found in (folder.path / "log").rglob("*.jsonl"))
    assert recorded.count("Aldona") == 1
    ticket = path.rpartition("auth=")[2]
    assert recorded.count(f"ticket {ticket[:8]}") == 1
    assert ticket not in recorded
    assert recorded.count('"hls"') == 1


async def test_a_look_at_footage_past_its_days_is_recorded_as_refused(folder: Folder) -> None:
    async with world(folder, days=1) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - 2 * DAY)])
        assert (await here.get(await here.ticket(now - 2 * DAY, now - 2 * DAY + S))).status == 404
    recorded = "".join(found.read_text() for found in (folder.path / "log").rglob("*.jsonl"))
    assert recorded.count('"refused"') == 1
