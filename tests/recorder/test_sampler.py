"""Looking at cameras: the real process that decodes, its budget, and what happens when it dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from safe_community_recorder.clock import steady_us
from safe_community_recorder.media.video import AccessUnit
from safe_community_recorder.sampler import process
from safe_community_recorder.sampler.sampler import Sampler
from safe_community_recorder.sampler.watch import Sampling, Told, Watch
from safe_community_recorder.vision.eye import EyeSettings, Look
from safe_community_recorder.vision.observer import Seen
from tests.recorder.archives import until
from tests.recorder.village_scene import arriving, stream

pytestmark = pytest.mark.process


class Camera:
    """A camera's watch, and all that was told of it."""

    def __init__(self, sampler: Sampler, name: str) -> None:
        self.seen: list[Seen] = []
        self.looks: list[Look] = []
        self.told_by: list[Look] = []
        self.watch = sampler.watch(name, EyeSettings(), Told(self._told, self.looks.append, lambda: None))

    def _told(self, seen: Seen) -> None:
        self.seen.append(seen)
        self.told_by.append(self.looks[-1])

    async def sees(self, units: list[AccessUnit], *, is_sub: bool = True) -> None:
        """Its pictures come as fast as they are looked at."""
        for unit in units:
            self.watch.push(unit, is_sub=is_sub)
            await until(lambda: not self.watch.has_work)


@asynccontextmanager
async def looking(data: Path, cpu_fraction: float | None = None) -> AsyncIterator[Sampler]:
    """A sampler at work; it may use one processor, unless told otherwise."""
    sampler = Sampler(data, cpu_fraction or 1 / (os.cpu_count() or 1))
    sampler.start()
    await until(lambda: sampler.pids)
    try:
        yield sampler
    finally:
        await sampler.close()


def walk() -> list[AccessUnit]:
    """Sixty seconds; somebody crosses from the fortieth to the forty-sixth."""
    return [*arriving(stream(60, ((40.0, 46.0),)), steady_us())]


async def test_who_crosses_is_seen_once_and_a_quiet_place_is_looked_at_seldom(tmp_path: Path) -> None:
    async with looking(tmp_path) as sampler:
        camera = Camera(sampler, "stop")
        units = walk()
        began_s = units[0].arrival_us / 1e6
        await camera.sees(units)
        await until(lambda: any(not seen.lasting for seen in camera.seen))
    first, *_, last = [seen for seen in camera.seen if seen.kind == "motion"]
    assert first.lasting
    assert not last.lasting
    assert 39.5 < first.start_s - began_s < 41.5
    assert 44.5 < last.end_s - began_s < 47
    assert len({seen.start_s for seen in camera.seen}) == 1
    quiet = [look for look in camera.looks if 20 < look.at_s - began_s < 39]
    busy = [look for look in camera.looks if 41 < look.at_s - began_s < 46]
    assert len(quiet) / 19 < len(busy) / 5 / 2


async def test_a_camera_without_a_sub_stream_is_seen_to_move_within_two_seconds(tmp_path: Path) -> None:
    async with looking(tmp_path) as sampler:
        camera = Camera(sampler, "stop")
        units = walk()
        began_s = units[0].arrival_us / 1e6
        await camera.sees(units, is_sub=False)
        await until(lambda: camera.seen)
    assert camera.seen[0].kind == "motion"
    assert camera.told_by[0].at_s - began_s < 42


async def test_when_the_process_dies_another_one_goes_on(tmp_path: Path) -> None:
    async with looking(tmp_path) as sampler:
        camera, other = Camera(sampler, "stop"), Camera(sampler, "school")
        units = walk()
        await camera.sees(units[:30])
        await until(lambda: camera.looks)
        [former] = sampler.pids
        os.kill(former, signal.SIGKILL)
        await until(lambda: sampler.pids != [former])
        for unit in units[30:]:
            other.watch.push(unit, is_sub=True)
            await asyncio.sleep(0.01)
        await until(lambda: other.looks)


async def test_what_moves_when_the_camera_goes_or_the_process_dies_does_not_move_for_ever(tmp_path: Path) -> None:
    async with looking(tmp_path) as sampler:
        gone, dead = Camera(sampler, "stop"), Camera(sampler, "school")
        for unit in walk()[:430]:
            await gone.sees([unit])
            await dead.sees([unit])
        await until(lambda: gone.seen and dead.seen)
        gone.watch.blind(steady_us() / 1e6)
        assert [seen.lasting for seen in gone.seen] == [True, False]
        [former] = sampler.pids
        os.kill(former, signal.SIGKILL)
        await until(lambda: sampler.pids != [former])
        await until(lambda: [seen.lasting for seen in dead.seen] == [True, False])
        assert [seen.lasting for seen in gone.seen] == [True, False]


async def test_a_process_that_hangs_is_ended_and_the_camera_that_hung_it_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_HANGS_S", 0.5)
    monkeypatch.setattr(process, "_WATCHED_EVERY_S", 0.1)
    monkeypatch.setattr(process, "_ENDS_WITHIN_S", 0.1)
    async with looking(tmp_path) as sampler:
        camera = Camera(sampler, "stop")
        units = walk()
        await camera.sees(units[:5])
        await until(lambda: camera.looks)
        [former] = sampler.pids
        os.kill(former, signal.SIGSTOP)
        camera.watch.push(units[5], is_sub=True)
        await until(lambda: sampler.pids != [former])
        await until(lambda: camera.watch.problem)
        assert camera.watch.sampling(steady_us() / 1e6) is Sampling.FAILED
        seen = len(camera.looks)
        for unit in units[6:40]:
            camera.watch.push(unit, is_sub=True)
        await asyncio.sleep(0.3)
        assert len(camera.looks) == seen


async def test_with_little_to_spend_all_are_looked_at_in_turn_and_it_is_said(tmp_path: Path) -> None:
    async with looking(tmp_path, cpu_fraction=0.002) as sampler:
        cameras = [Camera(sampler, f"camera-{number}") for number in range(8)]
        units = walk()
        for start in range(0, len(units), 10):
            for camera in cameras:
                for unit in units[start : start + 10]:
                    camera.watch.push(unit, is_sub=True)
            await asyncio.sleep(0.1)
        assert max(len(camera.looks) for camera in cameras) < 40
        # On a busy machine a turn takes longer than all the pictures do, but it comes.
        await until(lambda: all(camera.looks for camera in cameras))
        now_s = steady_us() / 1e6 + 60
        assert all(camera.watch.sampling(now_s) is Sampling.REDUCED for camera in cameras)


async def test_what_was_learned_of_a_view_is_kept_over_a_restart(tmp_path: Path) -> None:
    async with looking(tmp_path) as sampler:
        camera = Camera(sampler, "stop")
        await camera.sees([*arriving(stream(90), steady_us())])
        sampler.let_go(camera.watch, for_good=False)
    kept = tmp_path / "vision" / "stop.references"
    assert kept.stat().st_size > 100
    assert kept.stat().st_mode & 0o777 == 0o600
    covered = [*arriving(stream(30, covered_from_s=0.0), steady_us())]
    async with looking(tmp_path) as sampler:
        camera = Camera(sampler, "stop")
        await camera.sees(covered)
        await until(lambda: camera.seen)
        assert camera.seen[0].kind == "covered"
        sampler.let_go(camera.watch, for_good=True)
    assert not kept.exists()


async def test_a_recorder_that_is_idle_begins_no_process(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path, 0.5, idle=True)
    sampler.start()
    watch: Watch = Camera(sampler, "stop").watch
    assert sampler.pids == []
    sampler.let_go(watch, for_good=True)
    await sampler.close()
