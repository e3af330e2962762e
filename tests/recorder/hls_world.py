"""The interface to one camera's live pictures and footage, in the test's own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder import utc
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.authorization import Entrance
from safe_community_recorder.api.hls import HlsHandlers
from safe_community_recorder.api.live import LiveHandlers
from safe_community_recorder.api.problems import Problem, problems
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.clock import HostClock
from safe_community_recorder.live import LiveChannel
from tests.recorder.archives import Folder
from tests.recorder.footage import encode
from tests.recorder.playlists import Listed, read_playlist

TOKEN = "the-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
STOP = "/api/v1/cameras/stop"


@dataclass
class Camera:
    """What the handlers know of a camera."""

    live: LiveChannel


@dataclass
class World:
    """The interface, what is behind it, and whoever asks it."""

    archive: Archive
    live: LiveChannel
    client: TestClient[web.Request, web.Application]
    folder: Folder
    log: AuditLog

    async def get(self, path: str) -> ClientResponse:
        return await self.client.get(path)

    async def ticket(self, start_us: int, end_us: int) -> str:
        query = urlencode({"start": utc.to_text(start_us), "end": utc.to_text(end_us)})
        answer = await self.client.post(f"{STOP}/hls/tickets?{query}", headers=HEADERS)
        assert answer.status == 201
        path: str = (await answer.json())["path"]
        return path

    async def live_ticket(self) -> str:
        answer = await self.client.post(f"{STOP}/live-tickets", headers=HEADERS)
        path: str = (await answer.json())["hls"]
        return path

    async def listed(self, path: str) -> list[Listed]:
        answer = await self.get(path)
        assert answer.status == 200, await answer.text()
        return read_playlist(await answer.text()).segments

    async def status(self, path: str, segment: Listed) -> int:
        """What comes of asking for a segment with the ticket of this path."""
        auth = urlsplit(path).query.rpartition("auth=")[2]
        answer = await self.get(f"{STOP}/hls/{segment.bytes.uri.partition('?')[0]}?auth={auth}")
        body = await answer.read()
        if answer.status == 200:
            assert len(body) == segment.bytes.end - segment.bytes.start
        return answer.status


@asynccontextmanager
async def world(folder: Folder, days: float = 14, archive: Archive | None = None) -> AsyncIterator[World]:
    """A camera `stop` that shows a keyframe, and an archive."""
    archive = archive or folder.open(days)
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
        yield World(archive, live, client, folder, log)
    await archive.stop()
