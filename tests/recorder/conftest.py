"""Cameras and recorders for the recorder's tests."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from tests.recorder.archives import Folder, Open
from tests.recorder.audit_logs import Written, three_months_in
from tests.world import CLOCK, Cameras, Recorder, simulated_cameras


@pytest.fixture(scope="session")
def cameras() -> Iterator[Cameras]:
    """Two cameras that run for all tests."""
    with simulated_cameras(["stop", "school"]) as running:
        yield running


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Recorder]:
    """A recorder that records both cameras for all tests; nobody stops it."""
    recorder = Recorder(tmp_path_factory.mktemp("recording"))
    recorder.write_camera_file(
        [
            {"id": "stop", "url": cameras.url("stop"), "detect_url": cameras.url("stop", "sub"), "vision": CLOCK},
            {"id": "school", "url": cameras.url("school"), "eldership": "pabirze"},
            {"id": "locked", "url": cameras.url("stop", password="wrong")},
            {"id": "absent", "url": "rtsp://127.0.0.1:9/main"},
        ]
    )
    recorder.start()
    recorder.wait_for_footage("stop", 6)
    recorder.wait_for_footage("school", 6)
    yield recorder
    assert recorder.stop() == 0


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """A recorder of the test's own, not started yet."""
    own = Recorder(tmp_path)
    yield own
    if own.process is not None:
        own.stop()


@pytest.fixture
def running(recorder: Recorder, cameras: Cameras) -> Recorder:
    """A recorder of the test's own that records one camera."""
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    return recorder


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Recorder]:
    """One for all tests that ask what its audit log says; nobody stops it."""
    recorder = Recorder(tmp_path_factory.mktemp("audited"))
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    yield recorder
    assert recorder.stop() == 0


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """An audit log of the test's own."""
    own = Written(tmp_path)
    yield own
    own.log.close()


@pytest.fixture(scope="session")
def three_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit log of three months, to be copied."""
    return three_months_in(tmp_path_factory.mktemp("months"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A place for archives of the test's own."""
    return Folder(tmp_path)


@pytest.fixture
async def open_archive(folder: Folder) -> AsyncIterator[Open]:
    """Opens archives over the test's directory and closes them afterwards."""
    opened: list[Archive] = []

    async def open_one(
        days: float | Callable[[str], float] = 14, storage: Storage | None = None, file_s: int = 300
    ) -> Archive:
        archive = folder.open(days, storage, file_s)
        await archive.start()
        opened.append(archive)
        return archive

    yield open_one
    for archive in opened:
        assert await archive.stop()
