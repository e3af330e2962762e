"""The threads that wait for the disk: all of it is done, in order, and what hangs holds up nobody else."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from safe_community_recorder.archive.threads import DiskThreads


@pytest.fixture
async def disk() -> AsyncIterator[DiskThreads]:
    threads = DiskThreads(2)
    yield threads
    threads.shutdown(wait=True)


async def test_what_is_handed_over_together_is_done_by_one_thread_in_its_order(disk: DiskThreads) -> None:
    done: list[tuple[int, str]] = []
    await asyncio.gather(
        *(disk.run(lambda number: done.append((number, threading.current_thread().name)), n) for n in range(50))
    )
    assert [number for number, _ in done] == list(range(50))
    assert len({name for _, name in done}) == 1


async def test_what_a_call_raises_reaches_who_waits_for_it_and_nobody_else(disk: DiskThreads) -> None:
    def fail() -> None:
        raise OSError(28, "no space left")

    before, failing, after = disk.run(lambda: None), disk.run(fail), disk.run(lambda: None)
    await before
    await after
    with pytest.raises(OSError, match="no space left"):
        await failing


async def test_what_hangs_holds_up_neither_what_was_done_before_nor_what_comes_after(disk: DiskThreads) -> None:
    released = threading.Event()

    def hang() -> None:
        released.wait(20)

    before, hanging, after = disk.run(lambda: None), disk.run(hang), disk.run(lambda: None)
    async with asyncio.timeout(5):
        await before
        await after
        # Work that is handed over later, too.
        await disk.run(lambda: None)
    assert not hanging.done()
    released.set()
    await hanging


async def test_what_nobody_waits_for_any_more_is_done_all_the_same(disk: DiskThreads) -> None:
    done: list[int] = []
    disk.run(done.append, 1).cancel()
    await disk.run(done.append, 2)
    assert done == [1, 2]


async def test_what_was_handed_over_is_done_before_the_end() -> None:
    disk = DiskThreads(2)
    done: list[int] = []
    for number in range(100):
        disk.run(done.append, number)
    disk.shutdown(wait=True)
    assert done == list(range(100))
