"""The right disk: an archive is written to where its identity file lies, and nowhere else."""

import json

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.root import IDENTITY_NAME, StorageState
from safe_community_recorder.archive.timeline import Span
from tests.recorder.archives import ALWAYS, Folder, Open, S, filmed, group, now_us, record, until


async def test_without_its_identity_file_an_archive_is_not_written_to(open_archive: Open, folder: Folder) -> None:
    first = await open_archive()
    await record(first, "stop", [group(now_us() - 60 * S)])
    (folder.archive / IDENTITY_NAME).rename(folder.path / "kept")
    archive = await open_archive()
    assert archive.status.state is StorageState.MISSING
    assert "identity file is missing" in (archive.status.problem or "")
    before = folder.files
    async with filmed(archive) as camera:
        camera.put(group(now_us() - 30 * S))
        await until(lambda: camera.trouble)
        assert folder.files == before
        assert camera.trouble is not None
        assert camera.trouble[0] is StorageState.MISSING
        (folder.path / "kept").rename(folder.archive / IDENTITY_NAME)
        await until(lambda: camera.trouble is None)
        assert len(folder.files) == len(before) + 1


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
    async with filmed(archive) as camera:
        camera.put(group(now_us() - 30 * S))
        await until(lambda: camera.trouble)
        assert list(folder.archive.iterdir()) == []
    assert list(folder.archive.iterdir()) == []
