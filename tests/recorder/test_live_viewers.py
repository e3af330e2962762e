"""Viewers of live streams over HTTP who do not leave by themselves."""

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
