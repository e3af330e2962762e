"""The simulated cameras are real ones to whoever pulls them."""

import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
import numpy as np
import pytest

from demo import timecode
from tests.world import Cameras, simulated_cameras, wait_until

# So that nothing is probed for longer than it takes to see the first pictures.
OPTIONS = {"rtsp_transport": "tcp", "timeout": "5000000", "analyzeduration": "0", "fpsprobesize": "0"}


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    with simulated_cameras(["stop"]) as running:
        yield running


def pictures(cameras: Cameras, stream: str) -> Generator[tuple[np.ndarray, bool]]:
    """Gray pictures as they come, and whether each is a keyframe."""
    with av.open(cameras.url("stop", stream), options=OPTIONS) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray()[: frame.height], frame.key_frame


@pytest.mark.parametrize(
    ("stream", "size", "rate", "group"), [("main", (720, 1280), 10, 20), ("sub", (180, 320), 5, 5)]
)
def test_every_picture_tells_its_time(
    cameras: Cameras, stream: str, size: tuple[int, int], rate: int, group: int
) -> None:
    got = [frame for frame, _ in zip(pictures(cameras, stream), range(group + 5), strict=False)]
    times = [timecode.read(gray) for gray, _ in got]

    assert got[0][0].shape == size
    assert abs(datetime.now(UTC) - times[-1]) < timedelta(seconds=1)
    # The first pictures may lie apart, because playing begins a little after the description.
    steps = {later - earlier for earlier, later in pairwise(times[3:])}
    assert all(abs(step - timedelta(seconds=1 / rate)) <= timedelta(milliseconds=2) for step in steps)
    keyframes = [number for number, (_, keyframe) in enumerate(got) if keyframe]
    assert keyframes[-1] - keyframes[-2] == group


@pytest.mark.usefixtures("socket_enabled")
def test_something_moves_when_asked_to(cameras: Cameras) -> None:
    watched = pictures(cameras, "sub")
    quiet = [next(watched)[0] for _ in range(4)]
    cameras.move("stop", 4)
    busy = [next(watched)[0] for _ in range(12)]
    watched.close()

    assert share_changed(quiet[2], quiet[3]) < 0.01
    assert max(share_changed(quiet[3], picture) for picture in busy) > 0.03


def share_changed(before: np.ndarray, after: np.ndarray) -> float:
    return float((np.abs(before.astype(int) - after) > 25).mean())


def test_a_wrong_password_is_refused(cameras: Cameras) -> None:
    with pytest.raises(av.HTTPUnauthorizedError):
        av.open(cameras.url("stop", password="wrong"), options=OPTIONS)


@pytest.mark.usefixtures("socket_enabled")
def test_connections_are_counted(cameras: Cameras) -> None:
    watched = pictures(cameras, "main")
    next(watched)
    assert cameras.connections() == {"stop/main": 1, "stop/sub": 0}

    watched.close()
    wait_until(lambda: cameras.connections() == {"stop/main": 0, "stop/sub": 0}, 5)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(
    ("request_path", "status"),
    [
        ("/move?camera=nobody", 404),
        ("/move?camera=stop&seconds=x", 400),
        ("/move?camera=stop&thing=ufo", 400),
        ("/", 404),
    ],
)
def test_the_control_channel_says_what_is_wrong(cameras: Cameras, request_path: str, status: int) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"http://127.0.0.1:{cameras.control_port}{request_path}", method="POST"), timeout=5)

    assert refused.value.code == status
    assert json.load(refused.value)["error"]
