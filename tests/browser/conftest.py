"""A recorder whose footage a browser plays."""

from collections.abc import Iterator

import pytest

from tests.world import Cameras, Recorder, simulated_cameras

# Several files are to be played within half a minute.
FILE_S = 10


@pytest.fixture(scope="session")
def cameras() -> Iterator[Cameras]:
    """A camera that runs for all tests."""
    with simulated_cameras(["stop"]) as running:
        yield running


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Recorder]:
    """A recorder that records it for all tests, with half a minute of footage."""
    recorder = Recorder(tmp_path_factory.mktemp("recording"), options=("--file-seconds", str(FILE_S)))
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 32)
    yield recorder
    assert recorder.stop() == 0
