"""Cameras and recorders for the recorder's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import Cameras, Recorder, simulated_cameras


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
            {"id": "stop", "url": cameras.url("stop"), "detect_url": cameras.url("stop", "sub")},
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
