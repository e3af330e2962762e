"""The archive with its real files and index: what was handed over is there."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.sightings import Sought
from safe_community_recorder.archive.timeline import ClockEvent, Gap, Observation, Span
from safe_community_recorder.archive.timeline import spans as recorded_spans
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.clip import NoFootageError
from safe_community_recorder.media.cmaf import ClockSource, Group
from tests.recorder.archives import ALWAYS, DAY, Folder, Open, S, file_start_us, filmed, group, record, until


@asynccontextmanager
async def looked_after(archive: Archive) -> AsyncIterator[None]:
    """Housekeeping runs."""
    running = asyncio.create_task(archive.run())
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until_recorded(archive: Archive, *wanted: Span) -> None:
    """Until just these spans can be had of the stop."""

    async def are_there() -> bool:
        recorded, _ = await archive.timeline("stop", ALWAYS)
        return recorded == list(wanted)

    await until(are_there)


async def are_complete(archive: Archive, *wanted: bool) -> bool:
    """Whether there are so many files of the stop, and these of them are complete."""
    return [row.complete for row in await archive.recordings("stop", ALWAYS)] == list(wanted)


async def test_what_was_handed_over_can_be_played(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    await record(archive, "stop", [group(start + n * S) for n in range(10)])
    spans, gaps = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start, start + 10 * S)]
    assert gaps == []
    clip = await archive.clip("stop", Span(start + 2 * S, start + 5 * S))
    assert (clip.start_us, clip.end_us) == (start + 2 * S, start + 5 * S)
    with pytest.raises(NoFootageError):
        await archive.clip("school", ALWAYS)


async def test_footage_can_be_had_while_its_file_is_being_written(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    async with filmed(archive) as camera:
        for n in range(3):
            camera.put(group(start + n * S))
            await until_recorded(archive, Span(start, start + (n + 1) * S))
        (row,) = await archive.recordings("stop", ALWAYS)
        assert not row.complete
        assert archive._index.extents("stop", 0, 2 * start) == [(row.start_us, row.end_us, row.size_bytes)]
        assert archive._index.extents("school", 0, 2 * start) == []
        assert (await archive.clip("stop", ALWAYS)).end_us == start + 3 * S
    (row,) = await archive.recordings("stop", ALWAYS)
    assert row.complete


async def test_a_pause_without_packets_is_a_gap_and_so_is_an_interruption(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(2 * 300 * S)
    items: list[Group | Cause | tuple[Group, Cause]] = [
        group(start),
        group(start + 10 * S),
        Cause.CAMERA_UNREACHABLE,
        group(start + 30 * S),
        (group(start + 40 * S), Cause.CLOCK_STEPPED),
    ]
    await record(archive, "stop", items)
    spans, gaps = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start + n * S, start + (n + 1) * S) for n in (0, 10, 30, 40)]
    assert gaps == [
        Gap(start + 1 * S, start + 10 * S, Cause.PACKETS_LOST),
        Gap(start + 11 * S, start + 30 * S, Cause.CAMERA_UNREACHABLE),
        Gap(start + 31 * S, start + 40 * S, Cause.CLOCK_STEPPED),
    ]


async def test_a_hole_is_never_taken_for_recorded_not_even_while_it_is_written(
    open_archive: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = await open_archive()
    index, start = archive._index, file_start_us(300 * S)
    seen = []

    def look_after(put: Callable[..., None]) -> Callable[..., None]:
        def write(*arguments: Any) -> None:
            put(*arguments)
            rows = [Span(row.start_us, row.end_us) for row in index.recordings("stop", 0, 2 * start)]
            seen.append(recorded_spans(rows, index.gaps("stop", 0, 2 * start), ALWAYS))

        return write

    monkeypatch.setattr(index, "put", look_after(index.put))
    monkeypatch.setattr(index, "put_gap", look_after(index.put_gap))
    await record(
        archive, "stop", [group(start), group(start + 10 * S), Cause.CAMERA_UNREACHABLE, group(start + 20 * S)]
    )
    truth = [Span(start + n * S, start + (n + 1) * S) for n in (0, 10, 20)]
    assert seen[-1] == truth
    assert all(moment in (truth[:1], truth[:2], truth) for moment in seen), seen


async def test_a_gap_keeps_its_first_cause_over_a_restart(open_archive: Open) -> None:
    start = file_start_us(60 * S)
    archive = await open_archive()
    await record(archive, "stop", [group(start), Cause.AUTHENTICATION_REFUSED])
    again = await open_archive()
    await record(again, "stop", [Cause.CAMERA_UNREACHABLE, group(start + 30 * S)])
    _, gaps = await again.timeline("stop", ALWAYS)
    assert gaps == [Gap(start + S, start + 30 * S, Cause.AUTHENTICATION_REFUSED)]
    third = await open_archive()
    await record(third, "stop", [group(start + 50 * S)])
    _, gaps = await third.timeline("stop", ALWAYS)
    assert gaps[-1] == Gap(start + 31 * S, start + 50 * S, Cause.RECORDER_STOPPED)


async def test_files_are_cut_at_five_minutes_and_the_footage_goes_on(open_archive: Open) -> None:
    archive = await open_archive()
    cut = file_start_us(300 * S)
    await record(archive, "stop", [group(cut + n * S) for n in range(-2, 2)])
    rows = await archive.recordings("stop", ALWAYS)
    assert [(row.start_us - cut, row.end_us - cut, row.complete) for row in rows] == [
        (-2 * S, 0, True),
        (0, 2 * S, True),
    ]
    spans, _ = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(cut - 2 * S, cut + 2 * S)]
    clip = await archive.clip("stop", Span(cut - S, cut + S))
    assert len(clip.parts) == 2


async def test_a_large_clip_that_several_ask_for_at_once_is_built_once(open_archive: Open) -> None:
    """A player asks for several ranges of bytes of a day at once, which takes a hundred megabytes to build."""
    archive = await open_archive(file_s=1)
    start_us = file_start_us(100 * S)
    await record(archive, "stop", [group(start_us + number * S) for number in range(30)])
    within = Span(start_us, start_us + 30 * S)
    assert len(await archive.recordings("stop", within)) == 30
    first, *others = await asyncio.gather(*(archive.clip("stop", within) for _ in range(4)))
    assert all(clip is first for clip in others)
    assert await archive.clip("stop", within, sound=False) is not first


async def test_the_index_knows_how_the_time_of_a_file_was_got(open_archive: Open) -> None:
    archive = await open_archive()
    cut = file_start_us(300 * S)
    told = ClockSource.SENDER_REPORT
    await record(archive, "stop", [group(cut - S), *(group(cut + n * S, clock=told) for n in range(2))])
    assert [row.clock for row in await archive.recordings("stop", ALWAYS)] == ["arrival", "sender_report"]


async def test_when_the_disk_is_too_slow_old_groups_are_lost_and_counted_but_nobody_waits(open_archive: Open) -> None:
    archive = await open_archive(storage=Storage(memory_s=30))
    camera = await archive.camera("stop", lambda: None)
    start = file_start_us(600 * S)
    for n in range(100):
        camera.put(group(start + n * S))
    assert camera.lost_groups == 70
    await camera.finish()
    (span,), _ = await archive.timeline("stop", ALWAYS)
    assert span == Span(start + 70 * S, start + 100 * S)


async def test_who_stops_in_the_middle_of_a_write_has_everything_once(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(storage=Storage(memory_s=1_000))
    start = file_start_us(3_600 * S)
    for round_number in range(40):
        camera = await archive.camera("stop", lambda: None)
        task = asyncio.create_task(camera.run())
        await asyncio.sleep(0.001 * (round_number % 7))
        for n in range(5):
            camera.put(group(start + (round_number * 10 + n) * S))
        await asyncio.sleep(0.0005 * (round_number % 5))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await camera.finish()
    spans, _ = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start + n * 10 * S, start + (n * 10 + 5) * S) for n in range(40)]
    assert not (folder.archive / "stop" / "set-aside").exists()


async def test_a_file_to_which_nothing_is_added_is_closed_and_grows_old_like_any_other(open_archive: Open) -> None:
    archive = await open_archive(file_s=1)
    start = file_start_us(30 * S)
    async with looked_after(archive), filmed(archive) as camera:
        camera.put(group(start))
        camera.interrupted(Cause.CAMERA_UNREACHABLE)
        await until(lambda: are_complete(archive, True))
        camera.put(group(start + 5 * S))
        await until_recorded(archive, Span(start, start + S), Span(start + 5 * S, start + 6 * S))
        _, gaps = await archive.timeline("stop", ALWAYS)
        assert gaps == [Gap(start + S, start + 5 * S, Cause.CAMERA_UNREACHABLE)]


async def test_a_file_that_broke_off_is_completed_while_recording_goes_on(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    async with filmed(archive) as camera:
        camera.put(group(start))
        await until(lambda: are_complete(archive, False))
        camera._abandon_file()
        camera.put(group(start + S))
        await until(lambda: are_complete(archive, False, False))
        async with looked_after(archive):
            await until(lambda: are_complete(archive, True, False))


async def test_footage_that_was_set_aside_goes_after_its_days(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    start = file_start_us(60 * S)
    await record(archive, "stop", [group(start), group(start + 4_000 * DAY), group(start + 3 * S)])
    (aside,) = (folder.archive / "stop" / "set-aside").iterdir()
    archive._deletion.tidy(lambda _camera_id: 1)
    assert aside.exists()
    os.utime(aside, (time.time() - 90_000,) * 2)
    archive._deletion.tidy(lambda _camera_id: 1)
    assert not aside.exists()
    (told,) = every(folder.path, Wanted())
    assert told.content["reason"] == "set aside"


async def test_footage_that_a_wrong_clock_dated_is_set_aside_and_makes_way(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    ahead = start + 4_000 * DAY
    items: list[Group | Cause | tuple[Group, Cause]] = [
        group(start),
        (group(ahead), Cause.CLOCK_STEPPED),
        group(ahead + S),
        group(start + 3 * S),
    ]
    await record(archive, "stop", items)
    spans, gaps = await archive.timeline("stop", Span(0, ahead + DAY))
    assert spans == [Span(start, start + S), Span(start + 3 * S, start + 4 * S)]
    assert [(gap.start_us, gap.end_us) for gap in gaps] == [(start + S, start + 3 * S)]
    (aside,) = (folder.archive / "stop" / "set-aside").iterdir()
    assert aside.stat().st_size > 0
    assert not any(folder.archive.rglob("2037/**/*.mp4"))


async def test_a_camera_is_told_which_of_its_footage_comes_from_a_wrong_clock(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    await record(archive, "stop", [group(start), group(start + 4_000 * DAY)])
    camera = await archive.camera("stop", lambda: None)
    assert (camera.trusted_us, camera.last_end_us) == (start + S, start + 4_000 * DAY + S)


async def test_observations_and_changes_of_clocks_are_kept_beside_the_footage(open_archive: Open) -> None:
    archive = await open_archive()
    start = file_start_us(60 * S)
    seen = Observation(start, start + 5 * S, "motion", 0.25)
    jumped = ClockEvent(start + S, "camera_jumped", -3 * S)
    camera = await archive.camera("stop", lambda: None)
    camera.note(seen)
    camera.note(jumped)
    await camera.finish()
    assert await archive.seen.observations(Sought(ALWAYS), 10) == ([("stop", seen)], None)
    assert await archive.clock_events("stop", ALWAYS) == [jumped]
    assert await archive.seen.observations(Sought(ALWAYS, ("school",)), 10) == ([], None)
