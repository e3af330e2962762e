"""Broken, changing and hostile streams: the real process that decodes lives, and goes on seeing."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from safe_community_recorder.clock import steady_us
from tests.recorder.archives import until
from tests.recorder.hostile_streams import STREAMS, Units, coming, usual
from tests.recorder.test_sampler import Camera, looking

pytestmark = pytest.mark.process


class Hostile(Camera):
    """A camera that waits for nobody: its pictures come faster than they are looked at."""

    async def sends(self, units: Units, from_us: int) -> int:
        """Sends pictures; when the next may come."""
        for unit in coming(units, from_us):
            self.watch.push(unit, is_sub=True)
            await asyncio.sleep(0.001)
        return from_us + len(units) * 100_000 + 5_000_000


async def test_whatever_a_camera_sends_the_process_lives_and_sees_what_comes_next(tmp_path: Path) -> None:
    rng = Random(1)
    async with looking(tmp_path) as sampler:
        began = sampler.pids
        hostile = Hostile(sampler, "hostile")
        now_us = steady_us()
        for units_of in STREAMS.values():
            now_us = await hostile.sends(units_of(rng), now_us)
        before = len(hostile.looks)
        await hostile.sees(list(coming(usual(rng), now_us)))
        await until(lambda: len(hostile.looks) > before + 5)
        assert sampler.pids == began
        assert hostile.watch.problem is None
        assert before > 0


async def test_while_one_camera_sends_garbage_who_crosses_before_another_is_seen(tmp_path: Path) -> None:
    rng = Random(2)
    async with looking(tmp_path) as sampler:
        hostile, honest = Hostile(sampler, "hostile"), Camera(sampler, "honest")
        now_us = steady_us()
        kinds = ("garbage", "truncated", "wrong_parameter_sets", "lost_references", "changing_codecs", "smallest")
        sending = asyncio.create_task(_all_of(hostile, [STREAMS[kind](rng) for kind in kinds], now_us))
        await honest.sees(list(coming(usual(rng), now_us)))
        await sending
        await until(lambda: honest.seen)
        assert {seen.kind for seen in honest.seen} == {"motion"}


async def _all_of(camera: Hostile, streams: list[Units], from_us: int) -> None:
    for units in streams:
        from_us = await camera.sends(units, from_us)
