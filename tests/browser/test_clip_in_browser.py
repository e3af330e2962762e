"""A clip in a browser's own <video>: wherever one looks, the right moment shows, by the clock in the picture."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from tests.browser.player import Player
from tests.world import Recorder, simulated_cameras, text

_FILE_S = 5
_FIRST_S, _ABSENT_S, _SECOND_S = 12, 4, 12
_PICTURE = timedelta(milliseconds=100)
_LOAD = """
async address => {
    const video = document.querySelector('video');
    const began = performance.now();
    await new Promise((done, failed) => {
        video.requestVideoFrameCallback(done);
        video.addEventListener('error', () => failed(new Error(video.error.message)), {once: true});
        video.src = address;
    });
    return performance.now() - began;
}
"""


@dataclass(frozen=True)
class Clip:
    """Footage with a gap, and what the recorder says of it."""

    recorder: Recorder
    start: datetime
    end: datetime
    described: dict[str, Any]

    @property
    def path(self) -> str:
        """Where it is to be had."""
        path: str = self.described["path"]
        return path

    def moment_at(self, at_s: float) -> datetime:
        """When that was taken which shows then."""
        piece = [piece for piece in self.described["pieces"] if piece["at_s"] <= at_s][-1]
        return datetime.fromisoformat(piece["start"]) + timedelta(seconds=at_s - piece["at_s"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clip]:
    """A camera was recorded, went away and came back; it is still being recorded."""
    directory: Path = tmp_path_factory.mktemp("clip")
    own_recorder = Recorder(directory, options=("--file-seconds", str(_FILE_S)))
    with simulated_cameras(["school"]) as cameras:
        port = cameras.port
        own_recorder.write_camera_file([{"id": "school", "url": cameras.url("school")}])
        own_recorder.start()
        own_recorder.wait_for_footage("school", _FIRST_S)
    before_s = own_recorder.recorded_s("school")
    time.sleep(_ABSENT_S)
    with simulated_cameras(["school"], port):
        own_recorder.wait_for_footage("school", before_s + _SECOND_S, 120)
        spans = own_recorder.timeline("school")["spans"]
        start = datetime.fromisoformat(spans[0]["start"]) + timedelta(seconds=1.3)
        end = datetime.fromisoformat(spans[-1]["end"])
        query = urlencode({"start": text(start), "end": text(end)})
        described = own_recorder.ask(f"/api/v1/cameras/school/clip?{query}").json
        yield Clip(own_recorder, start, end, described)
    assert own_recorder.stop() == 0


@pytest.fixture
def player(browser: Browser, clip: Clip) -> Iterator[Player]:
    """A page with a video; the token goes with all that it asks for."""
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {clip.recorder.token}"})
    yield Player(context.new_page(), clip.recorder)
    context.close()


def test_the_right_moment_shows_wherever_one_looks_also_behind_a_gap(
    player: Player, clip: Clip, capsys: pytest.CaptureFixture[str]
) -> None:
    took_ms = player.value(f"({_LOAD})({clip.path!r})")
    with capsys.disabled():
        print(f"\nclip in Chromium: the first picture was there after {took_ms:.0f} ms")
    assert len(clip.described["pieces"]) == 2
    lasts_s = clip.described["duration_s"]
    assert player.value("document.querySelector('video').duration") == pytest.approx(lasts_s, abs=0.05)
    shown = player.shown()
    # What lies between the camera's clock and the recorder's.
    behind = shown.taken - clip.moment_at(0)
    assert abs(behind) < timedelta(seconds=2)
    assert abs(shown.taken - clip.start - behind) <= 1.5 * _PICTURE
    rng = random.Random(5)
    jump_s = clip.described["pieces"][1]["at_s"]
    for at_s in (jump_s + 0.05, jump_s - 0.05, *(rng.uniform(0.05, lasts_s - 0.15) for _ in range(20))):
        player.seek(at_s)
        shown = player.shown()
        assert shown.at_s == pytest.approx(at_s, abs=0.001)
        assert abs(shown.taken - clip.moment_at(at_s) - behind) <= 1.5 * _PICTURE
    assert player.value("document.querySelector('video').error") is None


def test_a_clip_runs_through_its_gap_to_its_end(player: Player, clip: Clip) -> None:
    player.value(f"({_LOAD})({clip.path!r})")
    player.value("document.querySelector('video').playbackRate = 4")
    player.run()
    taken = []
    deadline = time.monotonic() + 120
    while not player.value("document.querySelector('video').ended"):
        assert time.monotonic() < deadline
        taken.append(player.shown().taken)
        time.sleep(0.1)
    taken.append(player.shown().taken)
    assert taken == sorted(taken)
    assert abs(taken[-1] - clip.end) < timedelta(seconds=2)
    assert taken[-1] - taken[0] > timedelta(seconds=_FIRST_S + _ABSENT_S)
    assert all(moment < datetime.now(UTC) for moment in taken)
