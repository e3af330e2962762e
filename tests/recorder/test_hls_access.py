"""Which bytes of recording files HLS gives out: as soon as they are there, never more than may be shown just now."""

import asyncio
from urllib.parse import urlencode

import pytest

from safe_community_recorder import utc
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Lock, Span
from safe_community_recorder.media.cmaf import RecordingFile
from tests.recorder.archives import DAY, Folder, S, group, now_us, record
from tests.recorder.hls_world import HEADERS, STOP, world


class Counting(Archive):
    """An archive that counts how often recording files are looked for."""

    looked = 0

    async def files(self, camera_id: str, within: Span) -> list[tuple[str, RecordingFile]]:
        self.looked += 1
        return await super().files(camera_id, within)


async def test_a_group_is_listed_when_it_is_whole_and_read_once_however_many_wait_for_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safe_community_recorder.api.hls._BLOCKING_TARGETS", 60)
    archive = Counting(folder.archive, folder.path, Storage(), lambda _camera_id: 14)
    async with world(folder, archive=archive) as here, asyncio.timeout(60):
        camera = await archive.camera("stop", lambda: None)
        writing = asyncio.create_task(camera.run())
        written, begin_us = camera.written, now_us() - 3 * S
        camera.put(group(begin_us))
        await written.wait()
        live = await here.live_ticket()
        (first,) = await here.listed(live)
        for later in range(1, 4):
            looked = archive.looked
            asked = f"{live}&_HLS_msn={first.number + later}"
            waiting = [asyncio.create_task(here.listed(asked)) for _ in range(12)]
            await asyncio.wait(waiting, timeout=0.2)
            assert not any(player.done() for player in waiting)
            # The next keyframe has completed a group. Nothing else has to come before it is listed.
            camera.put(group(begin_us + later * S))
            for segments in await asyncio.gather(*waiting):
                assert (segments[-1].number, segments[-1].at) == (
                    first.number + later,
                    utc.from_us(begin_us + later * S),
                )
            assert archive.looked == looked + 1
        writing.cancel()
        await camera.finish()


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
    async with world(folder) as here:
        now = now_us()
        await record(here.archive, "stop", [group(now - 4 * S), group(now - 3 * S), group(now + 3600 * S)])
        path = await here.ticket(now - 5 * S, now - 2 * S)
        segments = await here.listed(path)
        assert [await here.status(path, segment) for segment in segments] == [200] * len(segments)
        # Neither file nor index has changed when their days are over.
        here.archive.use(Storage(), lambda _camera_id: S / DAY)
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
        answer = await here.client.post(f"{STOP}/hls/tickets?{query}", headers=HEADERS | asked)
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
