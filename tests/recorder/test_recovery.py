"""Files are the truth: after any crash, and without its index, an archive knows everything again."""

import asyncio
import shutil
import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_community_recorder import maintenance
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.index import Index, open_index
from safe_community_recorder.archive.notes import read_locks, read_notes
from safe_community_recorder.archive.recovery import differences, read_file, repair_newest
from safe_community_recorder.archive.root import ArchiveRoot
from safe_community_recorder.archive.timeline import ClockEvent, Gap, Lock, Observation
from safe_community_recorder.cause import Cause
from safe_community_recorder.identity import InUseError, hold
from safe_community_recorder.media.cmaf import ClockSource, Group
from tests.recorder.archives import ALWAYS, DAY, Folder, S, file_start_us, filmed, group, now_us, record, until


async def recorded(folder: Folder, cameras: tuple[str, ...] = ("stop",)) -> int:
    """A past of one day, yesterday at noon, with gaps, observations, a clock's change and a lock; when it begins."""
    archive = folder.open()
    await archive.start()
    start = now_us() // DAY * DAY - DAY // 2
    for camera_id in cameras:
        items: list[Group | Cause | tuple[Group, Cause]] = [
            group(start),
            group(start + S, clock=ClockSource.SENDER_REPORT),
            Cause.CAMERA_UNREACHABLE,
            group(start + 20 * S),
            group(start + 300 * S, clock=ClockSource.SENDER_REPORT),
            group(start + 310 * S),
        ]
        camera = await record(archive, camera_id, items)
        camera.note(Observation(start, start + 9 * S, "motion", 0.75, "door", start + S // 2))
        camera.note(ClockEvent(start + S, "host_stepped", -5_500_000))
        await camera.finish()
    await archive.put_lock(Lock("1", cameras[0], start, start + S, "Aldona", "žyma 17", start, start + 90 * DAY))
    assert await archive.stop()
    return start


def everything(index: Index) -> dict[str, object]:
    """All that an index knows."""
    found: dict[str, object] = {"locks": index.locks()}
    for camera_id in index.cameras():
        for name in ("recordings", "gaps", "clock_events"):
            found[f"{camera_id} {name}"] = getattr(index, name)(camera_id, ALWAYS.start_us, ALWAYS.end_us)
        found[f"{camera_id} observations"] = index.sightings.of(camera_id, ALWAYS.start_us, ALWAYS.end_us)
    return found


def of_files(folder: Folder) -> dict[str, object]:
    """What the index knows that is made of the files alone."""
    beside = Folder(folder.path / "beside")
    shutil.rmtree(beside.path, ignore_errors=True)
    shutil.copytree(folder.archive, beside.archive)
    assert maintenance.rebuild(beside.path, beside.archive) == 0
    return of_index(beside)


def of_index(folder: Folder) -> dict[str, object]:
    index = Index(folder.index)
    found = everything(index)
    index.close()
    return found


async def restarted(folder: Folder) -> Archive:
    archive = folder.open()
    await archive.start()
    assert await archive.stop()
    return archive


# --- index and files --------------------------------------------------------------------------------------------------


async def test_the_index_made_of_files_alone_equals_the_one_that_was_kept(folder: Folder) -> None:
    await recorded(folder, ("stop", "school"))
    kept = of_index(folder)
    assert len(kept) == 9
    assert of_files(folder) == kept
    assert maintenance.check(folder.path, folder.archive) == 0


async def test_without_its_index_an_archive_starts_and_knows_everything(folder: Folder) -> None:
    await recorded(folder, ("stop", "school"))
    kept = of_index(folder)
    for path in folder.path.glob("index.sqlite*"):
        path.unlink()
    await restarted(folder)
    assert of_index(folder) == kept


async def test_a_file_cut_anywhere_in_its_last_two_fragments_loses_at_most_the_last_whole_one(folder: Folder) -> None:
    archive = folder.open()
    await archive.start()
    start = file_start_us(300 * S)
    await record(archive, "stop", [group(start + n * S, pictures=2) for n in range(3)])
    assert await archive.stop()
    (path,) = folder.files
    content = path.read_bytes()
    file = read_file(path)
    whole = [fragment.end for fragment in file.fragments]
    relative = path.relative_to(folder.archive).as_posix()
    index, _ = open_index(folder.index)
    root = ArchiveRoot(folder.archive, folder.path)
    root.verify()
    (row,) = index.recordings("stop", 0, 2 * start)
    for cut in range(file.fragments[-2].start, len(content)):
        path.write_bytes(content[:cut])
        index.let_go(replace(row, complete=False))
        repair_newest(root, index, lambda _path: False)
        survivors = sum(end <= cut for end in whole)
        assert index.below(relative.rpartition("/")[0])[relative].end_us == file.fragments[survivors - 1].end_us, cut
        again = read_file(path)
        assert again.closed
        assert again.size == whole[survivors - 1]
        # A new index, made of nothing but this file, says the same.
        assert list(differences(root, index)) == [], cut
    index.close()
    root.close()


steps = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from([None, *Cause]),
        st.sampled_from(ClockSource),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps, st.integers(0, 3_000))
async def test_whatever_was_recorded_and_however_it_broke_off_the_files_tell_what_the_index_tells(
    tmp_path_factory: pytest.TempPathFactory, past: list[tuple[int, Cause | None, ClockSource]], torn_bytes: int
) -> None:
    folder = Folder(tmp_path_factory.mktemp("archive"))
    archive = folder.open()
    await archive.start()
    at = file_start_us(20 * 300 * S)
    items: list[Group | Cause] = []
    for pause_s, cause, clock in past:
        at += pause_s * S
        items.append(group(at, clock=clock))
        at += S
        if cause is not None:
            items.append(cause)
    camera = await archive.camera("stop", lambda: None)
    task = asyncio.create_task(camera.run())
    for item in items:
        if isinstance(item, Cause):
            camera.interrupted(item)
        else:
            camera.put(item)
    await until(lambda: camera.last_end_us == at)
    task.cancel()
    # Here the power goes: nobody closes anything, and the last write was not whole.
    newest = folder.files[-1]
    with newest.open("ab") as file:
        file.write(b"\0\0\0\x20prft" + bytes(torn_bytes))
    again = await restarted(folder)
    assert again.status.problem is None
    kept = of_index(folder)
    recordings = kept["stop recordings"]
    assert isinstance(recordings, list)
    assert recordings[-1].end_us == at
    assert of_files(folder) == kept
    assert maintenance.check(folder.path, folder.archive) == 0
    await camera.finish()
    await archive.stop()


async def test_a_restart_takes_in_the_newest_files_before_anything_is_recorded(folder: Folder) -> None:
    start = await recorded(folder)
    _, two = folder.files
    moved = folder.archive / "school" / two.relative_to(folder.archive / "stop")
    moved.parent.mkdir(parents=True)
    two.rename(moved)
    stray = moved.with_name("20260101T000000.000000Z.mp4")
    stray.write_bytes(b"not a recording")
    archive = folder.open()
    await archive.start()
    (row,) = await archive.recordings("school", ALWAYS)
    assert row.start_us == start + 300 * S
    assert (await archive.camera("school", lambda: None)).last_end_us == row.end_us
    assert stray.read_bytes() == b"not a recording"
    assert await archive.stop()
    assert maintenance.rebuild(folder.path, folder.archive) == 0
    # What is no recording file is left to people, and said.
    assert maintenance.check(folder.path, folder.archive) == 1


async def test_while_recording_goes_on_old_days_are_compared_and_missing_files_become_gaps(folder: Folder) -> None:
    archive = folder.open(file_s=1)
    await archive.start()
    start = now_us() - 5 * DAY
    await record(archive, "stop", [group(start + n * DAY) for n in range(5)])
    assert await archive.stop()
    lost = folder.files[0]
    lost.unlink()
    unlisted = folder.files[0]
    with sqlite3.connect(folder.index) as database:
        database.execute("DELETE FROM recording WHERE path = ?", (unlisted.relative_to(folder.archive).as_posix(),))
    database.close()
    again = folder.open()
    await again.start()
    running = asyncio.create_task(again.run())
    await until(lambda: 0 < again.status.days_to_compare == again.status.compared_days)
    await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    rows = await again.recordings("stop", ALWAYS)
    assert [row.start_us for row in rows] == [start + n * DAY for n in range(1, 5)]
    _, gaps = await again.timeline("stop", ALWAYS)
    assert Gap(start, start + S, Cause.FILE_MISSING) in gaps
    assert await again.stop()
    assert maintenance.check(folder.path, folder.archive) == 0


async def test_a_comparison_that_a_disk_breaks_off_is_done_when_it_is_well_again(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    archive = folder.open()
    await archive.start()
    await record(archive, "stop", [group(now_us() - (5 - n) * DAY) for n in range(5)])
    running = asyncio.create_task(archive.run())
    unreadable = folder.archive / "stop" / "2020"
    unreadable.symlink_to(unreadable)
    await until(lambda: "comparison broken off" in caplog.text)
    assert archive.status.days_to_compare == 0
    unreadable.unlink()
    await until(lambda: 0 < archive.status.days_to_compare == archive.status.compared_days)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await archive.stop()


async def test_check_says_what_differs(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await recorded(folder)
    one, two = folder.files
    one.unlink()
    with two.open("ab") as file:
        file.write(b"garbage")
    assert maintenance.check(folder.path, folder.archive) == 1
    said = capsys.readouterr().out
    assert f"{one.relative_to(folder.archive)}: in the index, but not on the disk" in said
    assert f"{two.relative_to(folder.archive)}: was not closed" in said
    assert len(said.splitlines()) == 3  # its size, too


async def test_commands_keep_away_from_a_running_recorders_index(folder: Folder) -> None:
    await recorded(folder)
    with hold(folder.path), pytest.raises(InUseError, match="another recorder"):
        maintenance.rebuild(folder.path, folder.archive)


# --- notes ------------------------------------------------------------------------------------------------------------


async def test_torn_and_senseless_lines_beside_the_footage_are_passed_over(folder: Folder) -> None:
    await recorded(folder)
    notes = list(read_notes(folder.archive))
    (path,) = folder.archive.rglob("notes.jsonl")
    with path.open("ab") as file:
        file.write(b'{"gap": "disk", "start": "2026-11-2')
    with path.open("ab") as file:
        file.write(b'\n[]\n{"gap": "sabotage", "start": "x", "end": null}\n{"clock": 1}\n\xff\xfe\n"text"\n')
    assert list(read_notes(folder.archive)) == notes
    locks = read_locks(folder.archive)
    with (folder.archive / "locks.jsonl").open("ab") as file:
        file.write(b'{"lock": "2", "camera": "stop"}\n{"lo')
    assert read_locks(folder.archive) == locks


@pytest.mark.parametrize("index_left", [True, False])
async def test_after_a_power_cut_index_and_notes_give_each_other_what_they_lack(
    folder: Folder, index_left: bool
) -> None:
    await recorded(folder)
    kept = of_index(folder)
    (path,) = folder.archive.rglob("notes.jsonl")
    lines = [line for line in path.read_text().splitlines() if line]
    assert len(lines) == 5
    (seen,) = folder.archive.rglob("observations.jsonl")
    if index_left:
        # The database has got it, the text has not: the ends of both gaps, and all that came after them.
        path.write_text("\n".join(line for line in lines[:3] if '"end": "' not in line))
        seen.unlink()
    else:
        # The text has got it, the database has not.
        with sqlite3.connect(folder.index) as database:
            database.execute("DELETE FROM observation")
            database.execute("DELETE FROM clock_event")
            database.execute("UPDATE gap SET end_us = NULL")
        database.close()
    await restarted(folder)
    assert of_index(folder) == kept
    assert maintenance.check(folder.path, folder.archive) == 0
    assert of_files(folder) == kept


async def test_a_gap_whose_end_nobody_noted_ends_with_the_footage_after_it(folder: Folder) -> None:
    await recorded(folder)
    kept = of_index(folder)
    (path,) = folder.archive.rglob("notes.jsonl")
    path.write_text(
        "".join(f"{line}\n" for line in path.read_text().splitlines() if '"gap"' not in line or "null" in line)
    )
    with sqlite3.connect(folder.index) as database:
        database.execute("UPDATE gap SET end_us = NULL WHERE cause = 'camera_unreachable'")
    database.close()
    await restarted(folder)
    assert of_index(folder) == kept
    assert maintenance.check(folder.path, folder.archive) == 0


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"this is no database" * 1_000),
        lambda path: path.write_bytes(path.read_bytes()[:5_000]),
        lambda path: path.write_bytes(path.read_bytes()[:8_192] + b"\xa5" * 8_192 + path.read_bytes()[16_384:]),
        lambda path: sqlite3.connect(path).execute("DROP TABLE gap"),
        lambda path: sqlite3.connect(path, autocommit=True).execute("UPDATE alembic_version SET version_num = '99'"),
    ],
    ids=["nonsense", "cut", "overwritten", "without a table", "from the future"],
)
async def test_an_unusable_index_is_put_aside_and_made_anew(folder: Folder, damage: object) -> None:
    await recorded(folder)
    kept = of_index(folder)
    assert callable(damage)
    damage(folder.index)
    await restarted(folder)
    assert of_index(folder) == kept
    assert (folder.path / "index.sqlite.unusable").exists()


async def test_an_index_that_breaks_while_in_use_is_made_anew_and_recording_goes_on(folder: Folder) -> None:
    await recorded(folder)
    kept = of_index(folder)["stop recordings"]
    assert isinstance(kept, list)
    archive = folder.open(file_s=1)
    await archive.start()
    running = asyncio.create_task(archive.run())
    async with filmed(archive) as camera:
        for path in folder.path.glob("index.sqlite*"):
            path.write_bytes(b"\xa5" * path.stat().st_size)
        start = file_start_us(30 * S)
        for n in range(4):
            camera.put(group(start + n * S))
            await asyncio.sleep(0.8)

        async def is_known() -> bool:
            return len(await archive.recordings("stop", ALWAYS)) >= len(kept) + 4

        await until(is_known)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await archive.stop()
    rows = of_index(folder)["stop recordings"]
    assert isinstance(rows, list)
    assert rows[: len(kept)] == kept
    assert maintenance.check(folder.path, folder.archive) == 0
