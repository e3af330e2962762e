"""Viewers of live streams over HTTP who do not leave by themselves, and what a ticket's end means to them."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.recorder.archives import Folder
from tests.recorder.footage import encode
from tests.recorder.hls_world import HEADERS, STOP, World, world


async def stuck(here: World, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Somebody who asks for a stream and reads hardly anything of it."""
    ticket = await (await here.client.post(f"{STOP}/live-tickets", headers=HEADERS)).json()
    # The reader stops taking anything at twice this.
    reader, writer = await asyncio.open_connection("127.0.0.1", here.client.port, limit=1_024)
    path = urlsplit(ticket[kind])
    writer.write(f"GET {path.path}?{path.query} HTTP/1.1\r\nHost: recorder\r\n\r\n".encode())
    assert b" 200 " in await reader.readline()
    return reader, writer


@pytest.mark.parametrize("kind", ["path", "mp4"])
async def test_whoever_takes_nothing_for_long_is_let_go_and_not_counted_any_more(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("safe_community_recorder.api.live._STUCK_S", 0.2)
    async with world(folder) as here, asyncio.timeout(60):
        (key,) = encode(1, 0, 640, 480, grain=200).units
        here.live.push(key)
        reader, writer = await stuck(here, kind)
        assert here.live.viewers == 1
        number = 0
        while here.live.viewers:
            number += 1
            here.live.push(key._replace(pts_90k=number * 9_000, dts_90k=number * 9_000))
            await asyncio.sleep(0.001)
        # The connection is broken off: nothing tells that the stream is whole.
        end = b""
        with suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                end = data
        assert not end.endswith(b"0\r\n\r\n")
        writer.close()


@pytest.mark.parametrize("kind", ["path", "mp4"])
async def test_a_stream_ends_properly_when_its_ticket_does(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("safe_community_recorder.api.authorization.LIVE_LIFETIME_S", 2)
    async with world(folder) as here, asyncio.timeout(60):
        status, path = 0, ""
        # A machine may be so slow that the ticket is over before it is shown.
        while status != 200:
            ticket = await (await here.client.post(f"{STOP}/live-tickets", headers=HEADERS)).json()
            path = ticket[kind]
            answer = await here.get(path)
            status = answer.status
        # The camera sends no more pictures meanwhile: that does not prolong it.
        assert await answer.read()
        assert here.live.viewers == 0
        assert (await here.get(path)).status == 401
        # The token has no end.
        asked = await here.client.get(path.partition("?")[0], headers=HEADERS)
        assert asked.status == 200
        assert here.live.viewers == 1
        asked.close()
