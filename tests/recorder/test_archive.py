"""The archive with its real files and index: what was handed over is there, and goes when it has to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from safe_community_recorder import utc
from safe_community_recorder.archive.archive import Archive, CameraArchive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.clip import NoFootageError
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.video import length_prefixed
from tests.recorder.footage import PICTURE_90K, encode

S = utc.SECOND_US
ALWAYS = Span(0, 4_000_000_000 * S)

type Open = Callable[..., Awaitable[Archive]]


@pytest.fixture
async def open_archive(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens archives over the test's directory and closes them afterwards."""
    opened: list[Archive] = []

    async def open_one(days: float = 14, quota_bytes: int | None = None) -> Archive:
        archive = Archive(tmp_path / "archive", tmp_path, Storage(days, quota_bytes), lambda _: days)
        await archive.start()
        opened.append(archive)
        return archive

    yield open_one
    for archive in opened:
        await archive.stop()


def group(start_us: int, pictures: int = 10) -> Group:
    units = encode(10).units[:pictures]
    return Group(
        encode(10).video, start_us, tuple(Sample(length_prefixed(unit.nals), PICTURE_90K, 0) for unit in units)
    )


def now_us() -> int:
    return time.time_ns() // 1_000


async def record(archive: Archive, camera_id: str, items: list[Group | Cause]) -> CameraArchive:
    """Records groups and interruptions, and finishes."""
    camera = await archive.camera(camera_id, lambda: None)
    task = asyncio.create_task(camera.run())
    await asyncio.sleep(0)
    for item in items:
        if isinstance(item, Cause):
            camera.interrupted(item)
        else:
            camera.put(item)
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await camera.finish()
    return camera


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


async def test_a_pause_without_packets_is_a_gap_and_so_is_an_interruption(open_archive: Open) -> None:
    archive = await open_archive()
    start = (now_us() // (300 * S) - 2) * 300 * S
    items: list[Group | Cause] = [
        group(start),
        group(start + 10 * S),
        Cause.CAMERA_UNREACHABLE,
        group(start + 30 * S),
    ]
    await record(archive, "stop", items)
    spans, gaps = await archive.timeline("stop", ALWAYS)
    assert spans == [Span(start + n * S, start + (n + 1) * S) for n in (0, 10, 30)]
    assert [(gap.start_us, gap.end_us, gap.cause) for gap in gaps] == [
        (start + 1 * S, start + 10 * S, Cause.PACKETS_LOST),
        (start + 11 * S, start + 30 * S, Cause.CAMERA_UNREACHABLE),
    ]


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


async def test_footage_past_its_days_is_deleted_and_not_served_before_that(open_archive: Open, tmp_path: Path) -> None:
    archive = await open_archive(days=1)
    start = now_us() - 86_400 * S - 5 * S
    await record(archive, "stop", [group(start + n * S) for n in range(10)])
    (span,), _ = await archive.timeline("stop", ALWAYS)
    assert span.start_us == pytest.approx(now_us() - 86_400 * S, abs=S)
    await record(archive, "school", [group(start - 3_600 * S)])
    assert await archive.delete_expired() == 1
    assert [path.parts[-5] for path in (tmp_path / "archive").rglob("*.mp4")] == ["stop"]


async def test_over_quota_the_oldest_file_is_deleted_and_the_log_warns(
    open_archive: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = await open_archive(quota_bytes=1)
    newest = now_us() - 60 * S
    await record(archive, "stop", [group(newest - 3_600 * S)])
    await record(archive, "school", [group(newest)])
    rows = await archive.recordings("school", ALWAYS)
    archive.use(Storage(14, rows[0].size_bytes))
    assert await archive.delete_expired() == 1
    assert "deleted before its days" in caplog.text
    assert [path.parts[-5] for path in (tmp_path / "archive").rglob("*.mp4")] == ["school"]
    assert (await archive.timeline("stop", ALWAYS))[0] == []


async def test_a_restart_repairs_adopts_and_forgets(open_archive: Open, tmp_path: Path) -> None:
    archive = await open_archive()
    start = (now_us() // (300 * S) - 3) * 300 * S
    await record(archive, "stop", [group(start + n * 300 * S) for n in range(3)])
    one, two, three = sorted((tmp_path / "archive").rglob("*.mp4"))
    one.unlink()
    moved = tmp_path / "archive" / "school" / two.relative_to(tmp_path / "archive" / "stop")
    moved.parent.mkdir(parents=True)
    two.rename(moved)
    stray = three.with_name("20260101T000000.000000Z.mp4")
    stray.write_bytes(b"not a recording")
    again = await open_archive()
    assert [row.start_us for row in await again.recordings("stop", ALWAYS)] == [start + 600 * S]
    assert [row.start_us for row in await again.recordings("school", ALWAYS)] == [start + 300 * S]
    assert stray.exists()


async def test_when_the_disk_is_too_slow_old_groups_are_lost_and_counted_but_nobody_waits(open_archive: Open) -> None:
    archive = await open_archive()
    camera = await archive.camera("stop", lambda _: None)
    start = now_us() - 600 * S
    before = time.monotonic()
    for n in range(100):
        camera.put(group(start + n * S))
    assert time.monotonic() - before < 1
    assert camera.lost_groups == 70
    await camera.finish()
    (span,), _ = await archive.timeline("stop", ALWAYS)
    assert span == Span(start + 70 * S, start + 100 * S)
