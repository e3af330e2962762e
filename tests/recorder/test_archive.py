"""The archive with its real files and index: what was handed over is there, and goes when it has to."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.root import IDENTITY_NAME, StorageState
from safe_community_recorder.archive.timeline import ClockEvent, Gap, Lock, Observation, Span
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.verification import verify
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.clip import NoFootageError
from safe_community_recorder.media.cmaf import ClockSource, Group
from tests.recorder.archives import ALWAYS, DAY, Folder, S, group, now_us, record

type Open = Callable[..., Awaitable[Archive]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
async def open_archive(folder: Folder) -> AsyncIterator[Open]:
    """Opens archives over the test's directory and closes them afterwards."""
    opened: list[Archive] = []

    async def open_one(
        days: float | Callable[[str], float] = 14, storage: Storage | None = None, file_s: int = 300
    ) -> Archive:
        archive = folder.open(days, storage, file_s)
        await archive.start()
        opened.append(archive)
        return archive

    yield open_one
    for archive in opened:
        assert await archive.stop()


def lock(camera_id: str, start_us: int, end_us: int, *, lock_id: str = "1", lasts_us: int = 90 * DAY) -> Lock:
    now = now_us()
    return Lock(lock_id, camera_id, start_us, end_us, "Aldona", "police request 17", now, now + lasts_us)


# --- recording --------------------------------------------------------------------------------------------------------


async def test_what_was_handed_over_can_be_played(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() - 60 * S
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
    start = now_us() - 60 * S
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    for n in range(3):
        camera.put(group(start + n * S))
        await asyncio.sleep(0.05)
        spans, _ = await archive.timeline("stop", ALWAYS)
        assert spans == [Span(start, start + (n + 1) * S)]
    (row,) = await archive.recordings("stop", ALWAYS)
    assert not row.complete
    assert archive._index.extents("stop", 0, 2 * start) == [(row.start_us, row.end_us, row.size_bytes)]
    assert archive._index.extents("school", 0, 2 * start) == []
    assert (await archive.clip("stop", ALWAYS)).end_us == start + 3 * S
    task.cancel()
    await camera.finish()
    (row,) = await archive.recordings("stop", ALWAYS)
    assert row.complete


async def test_a_pause_without_packets_is_a_gap_and_so_is_an_interruption(open_archive: Open) -> None:
    archive = await open_archive()
    start = (now_us() // (300 * S) - 2) * 300 * S
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


async def test_a_gap_keeps_its_first_cause_over_a_restart(open_archive: Open) -> None:
    start = now_us() - 60 * S
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
    cut = (now_us() // (300 * S) - 1) * 300 * S
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


async def test_the_index_knows_how_the_time_of_a_file_was_got(open_archive: Open) -> None:
    archive = await open_archive()
    cut = (now_us() // (300 * S) - 1) * 300 * S
    told = ClockSource.SENDER_REPORT
    await record(archive, "stop", [group(cut - S), *(group(cut + n * S, clock=told) for n in range(2))])
    assert [row.clock for row in await archive.recordings("stop", ALWAYS)] == ["arrival", "sender_report"]


async def test_when_the_disk_is_too_slow_old_groups_are_lost_and_counted_but_nobody_waits(open_archive: Open) -> None:
    archive = await open_archive(storage=Storage(memory_s=30))
    camera = await archive.camera("stop", lambda: None)
    start = now_us() - 600 * S
    before = time.monotonic()
    for n in range(100):
        camera.put(group(start + n * S))
    assert time.monotonic() - before < 1
    assert camera.lost_groups == 70
    await camera.finish()
    (span,), _ = await archive.timeline("stop", ALWAYS)
    assert span == Span(start + 70 * S, start + 100 * S)


async def test_who_stops_in_the_middle_of_a_write_has_everything_once(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(storage=Storage(memory_s=1_000))
    start = now_us() - 3_600 * S
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
    running = asyncio.create_task(archive.run())
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    start = now_us() - 30 * S
    camera.put(group(start))
    camera.interrupted(Cause.CAMERA_UNREACHABLE)
    await asyncio.sleep(0.5)
    assert not (await archive.recordings("stop", ALWAYS))[0].complete
    await asyncio.sleep(2.5)
    assert (await archive.recordings("stop", ALWAYS))[0].complete
    camera.put(group(start + 5 * S))
    await asyncio.sleep(0.2)
    spans, gaps = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start, start + S), Span(start + 5 * S, start + 6 * S)]
    assert gaps == [Gap(start + S, start + 5 * S, Cause.CAMERA_UNREACHABLE)]
    for each in (task, running):
        each.cancel()
    await asyncio.gather(task, running, return_exceptions=True)
    await camera.finish()


async def test_a_file_that_broke_off_is_completed_while_recording_goes_on(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() - 60 * S
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    camera.put(group(start))
    await asyncio.sleep(0.2)
    camera._abandon_file()
    camera.put(group(start + S))
    await asyncio.sleep(0.2)
    running = asyncio.create_task(archive.run())
    await asyncio.sleep(0.5)
    first, second = await archive.recordings("stop", ALWAYS)
    assert (first.complete, second.complete) == (True, False)
    for each in (task, running):
        each.cancel()
    await asyncio.gather(task, running, return_exceptions=True)
    await camera.finish()


async def test_footage_that_was_set_aside_goes_after_its_days(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    start = now_us() - 60 * S
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
    start = now_us() - 60 * S
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
    start = now_us() - 60 * S
    await record(archive, "stop", [group(start), group(start + 4_000 * DAY)])
    camera = await archive.camera("stop", lambda: None)
    assert (camera.trusted_us, camera.last_end_us) == (start + S, start + 4_000 * DAY + S)


async def test_observations_and_changes_of_clocks_are_kept_beside_the_footage(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() - 60 * S
    seen = Observation(start, start + 5 * S, "motion")
    jumped = ClockEvent(start + S, "camera_jumped", -3 * S)
    camera = await archive.camera("stop", lambda: None)
    camera.note(seen)
    camera.note(jumped)
    await camera.finish()
    assert await archive.observations("stop", ALWAYS) == [seen]
    assert await archive.clock_events("stop", ALWAYS) == [jumped]
    assert await archive.observations("school", ALWAYS) == []


# --- the root ---------------------------------------------------------------------------------------------------------


async def test_without_its_identity_file_an_archive_is_not_written_to(open_archive: Open, folder: Folder) -> None:
    first = await open_archive()
    await record(first, "stop", [group(now_us() - 60 * S)])
    (folder.archive / IDENTITY_NAME).rename(folder.path / "kept")
    archive = await open_archive()
    assert archive.status.state is StorageState.MISSING
    assert "identity file is missing" in (archive.status.problem or "")
    before = folder.files
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    camera.put(group(now_us() - 30 * S))
    await asyncio.sleep(0.2)
    assert folder.files == before
    assert camera.trouble is not None
    assert camera.trouble[0] is StorageState.MISSING
    (folder.path / "kept").rename(folder.archive / IDENTITY_NAME)
    await asyncio.sleep(1.2)
    assert camera.trouble is None
    assert len(folder.files) == len(before) + 1
    task.cancel()
    await camera.finish()


async def test_another_archives_disk_is_not_written_to(open_archive: Open, folder: Folder) -> None:
    await open_archive()
    (folder.archive / IDENTITY_NAME).write_text(json.dumps({"archive_id": "another"}))
    archive = await open_archive()
    assert archive.status.state is StorageState.FOREIGN
    assert "another archive" in (archive.status.problem or "")


async def test_a_new_disk_is_taken_when_somebody_says_so_with_the_footage_that_is_on_it(
    open_archive: Open, folder: Folder
) -> None:
    first = await open_archive()
    start = now_us() - 60 * S
    await record(first, "stop", [group(start)])
    folder.archive.rename(folder.path / "old disk")
    # The new disk comes from another recorder.
    other = Folder(folder.path / "other")
    other.path.mkdir()
    elsewhere = other.open()
    await elsewhere.start()
    await record(elsewhere, "school", [group(start)])
    await elsewhere.stop()
    other.archive.rename(folder.archive)
    assert (await open_archive()).status.state is StorageState.FOREIGN
    (folder.archive / IDENTITY_NAME).write_text("")
    archive = await open_archive()
    assert archive.status.state is StorageState.OK
    assert (await archive.timeline("school", ALWAYS))[0] == [Span(start, start + S)]
    assert await archive.timeline("stop", ALWAYS) == ([], [])
    assert (await open_archive()).status.state is StorageState.OK


async def test_another_place_chosen_for_the_archive_is_a_new_archive(folder: Folder) -> None:
    archive = folder.open()
    await archive.start()
    await record(archive, "stop", [group(now_us() - 60 * S)])
    await archive.stop()
    moved = Archive(folder.path / "share", folder.path, Storage(), lambda _camera_id: 14)
    await moved.start()
    assert moved.status.state is StorageState.OK
    assert await moved.timeline("stop", ALWAYS) == ([], [])
    await moved.stop()


async def test_nothing_is_ever_written_into_an_empty_directory_in_the_archives_place(
    open_archive: Open, folder: Folder
) -> None:
    await open_archive()
    folder.archive.rename(folder.path / "elsewhere")
    folder.archive.mkdir()
    archive = await open_archive()
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    camera.put(group(now_us() - 30 * S))
    await asyncio.sleep(0.3)
    assert list(folder.archive.iterdir()) == []
    task.cancel()
    await camera.finish()
    assert list(folder.archive.iterdir()) == []


# --- retention and locks ----------------------------------------------------------------------------------------------


async def test_footage_past_its_days_is_deleted_and_not_served_before_that(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    start = now_us() - DAY - 5 * S
    await record(archive, "stop", [group(start + n * S) for n in range(10)])
    (span,), _ = await archive.timeline("stop", ALWAYS)
    assert span.start_us == pytest.approx(now_us() - DAY, abs=S)
    await record(archive, "school", [group(start - 3_600 * S)])
    decision = (await archive.delete_expired()).decision
    assert [row.camera_id for row in decision.expired] == ["school"]
    assert [path.parts[-5] for path in folder.files] == ["stop"]


async def test_what_was_deleted_is_proved_in_the_audit_log(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    old = now_us() - 2 * DAY
    await record(archive, "school", [group(old), group(old + S)])
    size = folder.files[0].stat().st_size
    await archive.delete_expired()
    (record_of_it,) = every(folder.path, Wanted())
    entry = record_of_it.content
    assert (record_of_it.event, entry["reason"]) == ("footage_deleted", "retention")
    assert (entry["files"], entry["bytes"]) == (1, size)
    assert entry["cameras"]["school"]["files"] == 1
    assert entry["cameras"]["school"]["from"] < entry["cameras"]["school"]["to"]
    assert verify(folder.path) == []


async def test_over_quota_the_oldest_file_is_deleted_and_everybody_is_told(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    newest = now_us() - 60 * S
    await record(archive, "stop", [group(newest - 3_600 * S), group(newest)])
    await record(archive, "school", [group(newest)])
    rows = await archive.recordings("school", ALWAYS)
    archive.use(Storage(14, round(2.1 * rows[0].size_bytes)), lambda _camera_id: 14)
    decision = (await archive.delete_expired()).decision
    assert [row.start_us for row in decision.pressed] == [newest - 3_600 * S]
    assert sorted(path.parts[-5] for path in folder.files) == ["school", "stop"]
    met = {kept.camera_id: kept.met for kept in archive.status.kept}
    assert met == {"stop": False, "school": True}
    (stop,) = [kept for kept in archive.status.kept if kept.camera_id == "stop"]
    assert stop.wanted_days == 14
    assert stop.kept_days == pytest.approx(1 / 24, abs=0.01)
    # A restart does not forget it.
    again = await open_archive()
    await again.delete_expired()
    assert {kept.camera_id: kept.met for kept in again.status.kept} == met


async def test_locked_footage_outlives_its_days_and_any_pressure(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    old = (now_us() // (300 * S)) * 300 * S - 2 * DAY
    await record(archive, "stop", [group(old), group(old + S), group(old + 600 * S), group(old + 1_200 * S)])
    await archive.put_lock(lock("stop", old + 600 * S, old + 601 * S))
    archive.use(Storage(1, 1), lambda _camera_id: 1)
    decision = (await archive.delete_expired()).decision
    assert len(decision.expired) == 2
    assert decision.short_bytes > 0
    assert archive.status.only_locked_left
    assert len(folder.files) == 1
    spans, _ = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(old + 600 * S, old + 601 * S)]
    assert (await archive.clip("stop", ALWAYS)).start_us == old + 600 * S


async def test_of_a_file_past_its_days_only_what_is_locked_is_shown(open_archive: Open) -> None:
    archive = await open_archive(days=1)
    old = (now_us() // (300 * S)) * 300 * S - 2 * DAY
    await record(archive, "stop", [group(old + n * S) for n in range(10)])
    await archive.put_lock(lock("stop", old + 2 * S, old + 4 * S))
    await archive.put_lock(lock("stop", old + 7 * S, old + 8 * S, lock_id="2"))
    spans, _ = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(old + 2 * S, old + 4 * S), Span(old + 7 * S, old + 8 * S)]
    clip = await archive.clip("stop", ALWAYS)
    assert (clip.start_us, clip.end_us) == (old + 2 * S, old + 8 * S)
    assert sum(part.size for part in clip.parts) < (await archive.recordings("stop", ALWAYS))[0].size_bytes * 0.5


async def test_a_lock_that_is_released_or_has_expired_keeps_nothing(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    old = now_us() - 2 * DAY
    await record(archive, "stop", [group(old)])
    await archive.put_lock(lock("stop", old, old + S, lasts_us=S // 2))
    assert (await archive.timeline("stop", ALWAYS))[0] == [Span(old, old + S)]
    await asyncio.sleep(0.6)
    assert (await archive.timeline("stop", ALWAYS))[0] == []
    await archive.delete_expired()
    assert folder.files == []


async def test_locks_survive_a_restart_and_the_loss_of_the_index(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    kept = lock("stop", 0, S)
    await archive.put_lock(kept)
    assert (await open_archive()).locks() == [kept]
    folder.index.unlink()
    again = await open_archive()
    assert again.locks("stop") == [kept]
    assert again.locks("school") == []


async def test_after_a_leap_of_the_clock_nothing_is_deleted_for_a_while(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    await record(archive, "stop", [group(now_us() - 3 * DAY)])
    # To a recorder that starts, it looks as if the clock had leapt three days ahead: it may be wrong.
    again = await open_archive(days=1)
    assert (await again.timeline("stop", ALWAYS))[0] == []
    assert (await again.delete_expired()).decision.expired == []
    assert len(folder.files) == 1


async def test_the_storage_tells_how_long_the_space_will_do(open_archive: Open) -> None:
    archive = await open_archive(storage=Storage(14, 100_000_000, memory_s=300))
    start = (now_us() // (300 * S)) * 300 * S - DAY // 2
    await record(archive, "stop", [group(start + n * 300 * S) for n in range(100)])
    await archive.delete_expired()
    status = archive.status
    assert status.used_bytes == sum(row.size_bytes for row in await archive.recordings("stop", ALWAYS))
    assert status.allowed_bytes == 100_000_000
    assert status.bytes_per_day == pytest.approx(2 * status.used_bytes, rel=0.02)
    assert status.days_until_full is None
    archive.use(Storage(14, status.used_bytes * 2), lambda _camera_id: 14)
    await archive.delete_expired()
    assert archive.status.days_until_full == pytest.approx(0.5, rel=0.05)
