"""What goes: footage past its days, and the oldest when space is short; what is locked stays."""

import asyncio
import threading
from dataclasses import replace

import pytest

from safe_community_recorder.archive.index import Index
from safe_community_recorder.archive.locks import Locks
from safe_community_recorder.archive.notes import read_locks
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.root import ArchiveRoot
from safe_community_recorder.archive.threads import Pools
from safe_community_recorder.archive.timeline import Lock, Span
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.verification import verify
from tests.recorder.archives import ALWAYS, DAY, Folder, Open, S, file_start_us, group, now_us, record


def lock(camera_id: str, start_us: int, end_us: int, *, lock_id: str = "1", lasts_us: int = 90 * DAY) -> Lock:
    now = now_us()
    return Lock(lock_id, camera_id, start_us, end_us, "Aldona", "police request 17", now, now + lasts_us)


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
    old = file_start_us(2 * DAY)
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
    old = file_start_us(2 * DAY)
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
    old = file_start_us(2 * DAY)
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
    old = file_start_us(2 * DAY)
    await record(archive, "stop", [group(old)])
    kept = lock("stop", old, old + S)
    await archive.put_lock(kept)
    assert (await archive.timeline("stop", ALWAYS))[0] == [Span(old, old + S)]
    await archive.put_lock(replace(kept, released_us=now_us()))
    await archive.put_lock(lock("stop", old, old + S, lock_id="2", lasts_us=0))
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


async def test_a_lock_that_is_just_being_made_is_not_forgotten_when_all_locks_are_read(folder: Folder) -> None:
    root, index, pools = ArchiveRoot(folder.archive, folder.path), Index(folder.index), Pools(1)
    locks, kept = Locks(root, index, pools), lock("stop", 0, S)
    go_on = threading.Event()
    busy = asyncio.create_task(pools.keep(go_on.wait))
    reading, making = asyncio.create_task(locks.read()), asyncio.create_task(locks.put(kept))
    await asyncio.sleep(0)
    assert locks.all() == [kept]
    go_on.set()
    await reading
    assert locks.all() == [kept]
    await asyncio.gather(busy, making)
    await locks.read()
    assert locks.all() == read_locks(folder.archive) == [kept]
    pools.shutdown(wait=True)
    index.close()
    root.close()


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
    start = file_start_us(DAY // 2)
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
