"""Archives in the test's own process, with real files and a real index."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from safe_community_recorder import utc
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.camera import CameraArchive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.cmaf import ClockSource, Group, Sample
from tests.recorder.footage import PICTURE_90K, encode

S = utc.SECOND_US
DAY = 86_400 * S
ALWAYS = Span(0, 4_000_000_000 * S)

type Open = Callable[..., Awaitable[Archive]]
"""Opens and starts an archive, as `Folder.open` does."""


@dataclass(frozen=True)
class Folder:
    """Where a test's archive and its data lie."""

    path: Path

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    @property
    def index(self) -> Path:
        return self.path / "index.sqlite"

    @property
    def files(self) -> list[Path]:
        """All recording files."""
        return sorted(self.archive.rglob("*Z.mp4"))

    def open(
        self, days: float | Callable[[str], float] = 14, storage: Storage | None = None, file_s: int = 300
    ) -> Archive:
        """An archive, not started yet."""
        days_of = days if callable(days) else lambda _camera_id: days
        return Archive(self.archive, self.path, storage or Storage(), days_of, file_s=file_s)


def now_us() -> int:
    return time.time_ns() // 1_000


def file_start_us(ago_us: int, file_s: int = 300) -> int:
    """Where a recording file begins, so long ago or a little longer: what is short and begins here lies in one file."""
    return (now_us() - ago_us) // (file_s * S) * file_s * S


def group(start_us: int, pictures: int = 10, clock: ClockSource = ClockSource.ARRIVAL) -> Group:
    """Ten pictures a second, of real H.264."""
    units = encode(10).units[:pictures]
    samples = tuple(Sample(unit.data, PICTURE_90K, 0) for unit in units)
    return Group(encode(10).video, start_us, samples, clock)


@asynccontextmanager
async def filmed(archive: Archive, camera_id: str = "stop") -> AsyncIterator[CameraArchive]:
    """A camera whose groups are written as they are put; at the end it is finished."""
    camera = await archive.camera(camera_id, lambda: None)
    task = asyncio.create_task(camera.run())
    yield camera
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await camera.finish()


async def record(archive: Archive, camera_id: str, items: list[Group | Cause | tuple[Group, Cause]]) -> CameraArchive:
    """Records groups and interruptions as a pipeline hands them over, and finishes."""
    async with filmed(archive, camera_id) as camera:
        await asyncio.sleep(0)
        for item in items:
            match item:
                case Cause():
                    camera.interrupted(item)
                case Group():
                    camera.put(item)
                case (whole, hole):
                    camera.put(whole, hole)
        await asyncio.sleep(0.05)
    return camera


async def until(condition: Callable[[], object]) -> None:
    """Waits until this, or what it awaits, is true; at most a minute."""
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.005)
