"""Pictures are made once for all who ask, kept for a while, and only so many at a time."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from safe_community_recorder.media.mosaic import Layout, Marks
from safe_community_recorder.media.video import VideoFormat
from safe_community_recorder.stills import BusyError, Live, Stills
from tests.recorder.archives import Folder, S, file_start_us
from tests.recorder.footage import encode, groups_of
from tests.recorder.jpegs import open_archive, picture_at

GROUP_US = S


async def test_a_picture_is_decoded_once_for_all_who_ask_and_then_kept(tmp_path: Path) -> None:
    start_us = file_start_us(60 * S)
    archive = await open_archive(Folder(tmp_path), list(groups_of(start_us=start_us, size=(640, 360))))
    stills = Stills()
    try:
        pictures = await asyncio.gather(*(picture_at(archive, stills, start_us + n * 10_000, 320) for n in range(50)))
        assert len(set(pictures)) == 1
        assert stills.made == 1
        kept = stills.kept
        assert await picture_at(archive, stills, start_us, 320) == pictures[0]
        assert (stills.made, stills.kept) == (1, kept + 1)
        # Another width and another group are other pictures.
        await picture_at(archive, stills, start_us, 160)
        await picture_at(archive, stills, start_us + GROUP_US, 320)
        assert stills.made == 3
    finally:
        stills.close()
        await archive.stop()


async def test_what_is_kept_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    start_us = file_start_us(60 * S)
    archive = await open_archive(Folder(tmp_path), list(groups_of(30, start_us=start_us, size=(320, 240), grain=40)))
    stills = Stills()
    try:
        one = await picture_at(archive, stills, start_us)
        assert one is not None
        small = Stills(cache_bytes=len(one) * 5 // 2)
        for number in (0, 1, 2, 1, 2, 0):
            await picture_at(archive, small, start_us + number * GROUP_US)
        # The oldest of three gave way to the third, the other two were still there, and the first had to be made again.
        assert (small.made, small.kept) == (4, 2)
        small.close()
    finally:
        stills.close()
        await archive.stop()


@dataclass(frozen=True)
class Waiting:
    """A picture whose bytes come when they are let go."""

    number: int
    let_go: asyncio.Event
    asked: asyncio.Event | None = None
    video: VideoFormat = encode().video

    @property
    def key(self) -> int:
        return self.number

    async def sample(self) -> bytes:
        if self.asked is not None:
            self.asked.set()
        await self.let_go.wait()
        return encode().units[0].data


async def test_more_pictures_at_once_than_may_be_are_refused_until_others_are_done() -> None:
    stills, let_go = Stills(most_at_once=2), asyncio.Event()
    try:
        first, second = (asyncio.create_task(stills.jpeg(Waiting(number, let_go))) for number in range(2))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await stills.jpeg(Waiting(2, let_go))
        # Who asks for one of those that are being made waits with the others.
        third = asyncio.create_task(stills.jpeg(Waiting(1, let_go)))
        # One whose viewer has gone takes nobody's place.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        fourth = asyncio.create_task(stills.jpeg(Waiting(3, let_go)))
        await asyncio.sleep(0)
        let_go.set()
        assert len({await second, await third, await fourth}) == 1
        assert stills.made == 2
    finally:
        stills.close()


async def test_one_who_goes_away_takes_the_picture_from_nobody_else() -> None:
    stills, let_go = Stills(), asyncio.Event()
    try:
        first, second = (asyncio.create_task(stills.jpeg(Waiting(0, let_go))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        let_go.set()
        assert (await second)[:2] == b"\xff\xd8"
    finally:
        stills.close()


def niceness(threads: str) -> set[int]:
    """How much the threads whose names begin so give way."""
    tasks = [task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text().startswith(threads)]
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}


async def test_decoding_gives_way_to_everything_else() -> None:
    stills = Stills()
    try:
        unit = encode().units[0]
        await stills.jpeg(Live("stop", unit))
        assert niceness("stills") == {10}
    finally:
        stills.close()


async def test_strips_and_pictures_take_turns() -> None:
    """A picture that is asked for while a long strip is made does not wait for all of it."""
    let_go = [asyncio.Event() for _ in range(8)]
    stills = Stills()
    unit = encode().units[0]
    layout = Layout(4, 64, 48)
    tiles = [(Waiting(number, event), Marks()) for number, event in enumerate(let_go)]
    try:
        strip = asyncio.create_task(stills.strip("strip", tiles, layout))
        await asyncio.sleep(0.01)
        assert (await stills.jpeg(Live("stop", unit)))[:2] == b"\xff\xd8"
        assert not strip.done()
        for event in let_go:
            event.set()
        assert (await strip)[:2] == b"\xff\xd8"
    finally:
        stills.close()


async def test_strips_wait_for_each_other_but_not_for_a_disk_that_hangs() -> None:
    """So only one strip's pictures are in memory; live pictures, which need no disk, come all the same."""
    stills, never = Stills(read_s=0.2), asyncio.Event()
    layout = Layout(2, 64, 48)
    try:
        first, second = (
            asyncio.create_task(
                stills.strip(name, [(Waiting(name * 2 + tile, never), Marks()) for tile in range(2)], layout)
            )
            for name in range(2)
        )
        jpeg = await stills.jpeg(Live("stop", encode().units[0]))
        assert jpeg[:2] == b"\xff\xd8"
        with pytest.raises(TimeoutError):
            await first
        with pytest.raises((BusyError, TimeoutError)):
            await second
        # Who comes then has all to itself.
        never.set()
        assert (await stills.strip("third", [(Waiting(9, never), Marks())], layout))[:2] == b"\xff\xd8"
    finally:
        stills.close()


async def test_of_two_strips_the_second_is_begun_when_the_first_is_done() -> None:
    stills, let_go, asked = Stills(), asyncio.Event(), asyncio.Event()
    layout = Layout(1, 64, 48)
    try:
        first = asyncio.create_task(stills.strip("first", [(Waiting(0, let_go), Marks())], layout))
        second = asyncio.create_task(stills.strip("second", [(Waiting(1, let_go, asked), Marks())], layout))
        # The picture of somebody else is made meanwhile, so there was time.
        await stills.jpeg(Live("stop", encode().units[0]))
        assert not asked.is_set()
        let_go.set()
        assert (await first)[:2] == (await second)[:2] == b"\xff\xd8"
        assert asked.is_set()
    finally:
        stills.close()
