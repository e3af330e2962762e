"""Activity beside the footage: written without holding anything up, found again, gone with its days."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from safe_community_recorder.archive.activity import ActivitySecond, Blocks, records
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.notes import day_of
from safe_community_recorder.archive.seen import Moved
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.vision.zones import blocks_inside
from tests.recorder.archives import DAY, Folder, Open, S, filmed, group, now_us
from tests.recorder.test_archive_retention import lock

CORNER = ((0.0, 0.75), (0.25, 0.75), (0.25, 1.0), (0.0, 1.0))


def looked(start_s: int, count: int, moves: Sequence[int] = ()) -> list[ActivitySecond]:
    """So many seconds, in some of which something moves in the lower left corner."""
    found = []
    for at in range(count):
        blocks: Blocks = np.zeros((22, 40), dtype=np.bool_)
        if at in moves:
            blocks[20, 2] = True
        found.append(ActivitySecond(start_s + at, float(blocks.mean()), blocks))
    return found


async def kept(archive: Archive, *batches: list[ActivitySecond]) -> None:
    camera = await archive.camera("stop", lambda: None)
    for batch in batches:
        camera.activity(batch)
    await camera.finish()


async def moved(archive: Archive, start_s: int, end_s: int, limit: int = 100) -> list[Moved]:
    area = partial(blocks_inside, [CORNER])
    found, following = await archive.seen.moved("stop", start_s, end_s, area, limit)
    assert following is None
    return found


async def test_activity_is_found_again_by_second_and_corner(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() // S - 3_600
    await kept(archive, looked(start, 60, [5, 6, 20, 26]), looked(start + 60, 60, [0]))
    each = await archive.seen.activity("stop", start - 1, start + 121)
    assert np.isnan(each[[0, 121]]).all()
    assert np.flatnonzero(np.nan_to_num(each)).tolist() == [6, 7, 21, 27, 61]
    share = 1 / 55
    assert [(one.start_s - start, one.end_s - start) for one in await moved(archive, start, start + 120)] == [
        (5, 7),
        (20, 27),
        (60, 61),
    ]
    assert {round(one.activity, 2) for one in await moved(archive, start, start + 120)} == {round(share, 2)}
    elsewhere = partial(blocks_inside, [((0.5, 0.0), (1.0, 0.0), (1.0, 0.5))])
    assert await archive.seen.moved("stop", start, start + 120, elsewhere, 9) == ([], None)
    assert await moved(archive, start + 30, start + 60) == []


async def test_pages_of_a_search_tell_everything_once_over_several_days(open_archive: Open) -> None:
    archive = await open_archive()
    midnight = now_us() // DAY * DAY // S
    starts = [midnight - 86_400, midnight - 86_400 + 3_600, midnight - 3, midnight - 2 * 86_400]
    await kept(archive, *(looked(start, 10, [0, 1, 4, 5]) for start in starts))
    area = partial(blocks_inside, [CORNER])
    everything = await moved(archive, midnight - 3 * 86_400, midnight + 60)
    assert [one.start_s for one in everything] == sorted(starts)
    assert everything[-1].end_s == midnight + 3
    for newest_first in (True, False):
        told: list[Moved] = []
        first, behind = midnight - 3 * 86_400, midnight + 60
        while True:
            page, following = await archive.seen.moved("stop", first, behind, area, 1, newest_first=newest_first)
            told += page
            if following is None:
                break
            first, behind = (first, following) if newest_first else (following, behind)
        assert told == (everything[::-1] if newest_first else everything)


async def test_activity_goes_with_its_days_unless_it_is_locked(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    now = now_us() // S
    past, held, present = now - 86_400 - 1_800, now - 3 * 86_400, now - 86_400 + 1_800
    await kept(archive, looked(past, 60, [1]), looked(held, 60, [1]), looked(present, 60, [1]))
    await archive.put_lock(lock("stop", held * S, (held + 30) * S))
    # Not to be had from the second on in which its days are over; a lock shows what it holds, to the second.
    each = await archive.seen.activity("stop", held, held + 60)
    assert np.isfinite(each).tolist() == [True] * 30 + [False] * 30
    assert not np.isfinite(await archive.seen.activity("stop", past, past + 60)).any()
    assert [one.start_s for one in await moved(archive, held - 60, now)] == [held + 1, present + 1]
    await archive.delete_expired()
    left = [one for path in folder.archive.rglob("activity.bin") for one in records(path.read_bytes())]
    seconds = {at_s for one in left for at_s in range(one.start_s, one.end_s)}
    assert seconds >= {*range(held, held + 30), *range(present, present + 60)}
    assert not seconds & set(range(past, past + 60))
    (proof,) = every(folder.path, Wanted(event="observations_deleted"))
    assert proof.content["cameras"]["stop"]["activity_s"] >= 60


async def test_what_the_disk_refuses_is_written_with_what_comes_next_and_footage_goes_on(
    open_archive: Open, folder: Folder
) -> None:
    archive = await open_archive()
    start = now_us() // S // 86_400 * 86_400 - 3_600
    in_the_way = folder.archive / day_of("stop", start * S) / "activity.bin"
    in_the_way.mkdir(parents=True)
    async with filmed(archive) as camera:
        camera.activity(looked(start, 60, [3]))
        camera.put(group(start * S))
        await camera.written.wait()
        assert (camera.trouble, camera.recording) == (None, True)
        in_the_way.rmdir()
        camera.activity(looked(start + 60, 60))
    assert [one.start_s for one in await moved(archive, start, start + 120)] == [start + 3]
    assert np.isfinite(await archive.seen.activity("stop", start, start + 120)).all()


async def test_a_file_that_broke_off_is_gone_on_with(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    start = now_us() // S // 86_400 * 86_400 - 3_600
    await kept(archive, looked(start, 60, [3]), looked(start + 60, 60, [3]))
    (path,) = folder.archive.rglob("activity.bin")
    path.write_bytes(path.read_bytes()[:-5])
    await kept(archive, looked(start + 120, 60, [3]))
    assert [one.start_s - start for one in await moved(archive, start, start + 180)] == [3, 123]
