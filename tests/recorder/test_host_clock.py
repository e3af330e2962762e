"""A host whose clock is set while the recorder runs, by seconds and by hours, forward and back (libfaketime).

Only the recorder's clock is set. The camera keeps the true time and writes it into its pictures, so that these tests
see which pictures were recorded, and when the recorder believes that they were taken.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.faults import evidence
from tests.faults.host_clock import HostClock
from tests.world import Cameras, Recorder, text, wait_until

STEPS = {
    "5 s forward": timedelta(seconds=5),
    "5 s back": timedelta(seconds=-5),
    "3 h forward": timedelta(hours=3),
    "3 h back": timedelta(hours=-3),
}
BEFORE_S = 6
# Footage's time goes at three quarters of its speed until a clock that was set back by 5 s has caught up.
AFTER_S = 5 * 4 + 8


@dataclass
class Village:
    """A recorder, and what it made of its clock's step."""

    recorder: Recorder
    clock: HostClock
    stepped_at: datetime
    timeline: dict[str, Any]
    taken: list[datetime]
    believed: list[tuple[datetime, datetime]]

    @property
    def moved(self) -> list[timedelta]:
        """How far the recorder believes each group's first picture from when it was taken."""
        return [believed - taken for taken, believed in self.believed]


def timeline(recorder: Recorder) -> dict[str, Any]:
    """All footage, whatever day the recorder thinks it is."""
    now = datetime.now(UTC)
    query = urlencode({"start": text(now - timedelta(days=1)), "end": text(now + timedelta(days=1))})
    answer: dict[str, Any] = recorder.ask(f"/api/v1/cameras/stop/timeline?{query}").json
    return answer


def believed(archive: Path) -> list[tuple[datetime, datetime]]:
    """Each group's first picture: when it was taken, and when the recorder believes it was."""
    pairs = []
    for path in evidence.recording_files(archive, "stop"):
        pictures = iter(evidence.pictures(path))
        for fragment in evidence.read(path).fragments:
            pairs.append((next(pictures), datetime.fromtimestamp(fragment.utc_us / 1e6, UTC)))
            for _ in range(len(fragment.sizes) - 1):
                next(pictures)
    return pairs


@pytest.fixture(scope="module")
def witness(cameras: Cameras) -> Iterator[evidence.Witness]:
    """Who saw everything with the true clock."""
    with evidence.Witness(cameras.url("stop")) as witness:
        yield witness


@pytest.fixture(scope="module")
def villages(
    cameras: Cameras, witness: evidence.Witness, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Village]:
    """All of them at the same time, each with a clock of its own."""
    started: dict[str, tuple[Recorder, HostClock]] = {}
    try:
        for name in STEPS:
            directory = tmp_path_factory.mktemp("clock")
            clock = HostClock(directory / "clock")
            recorder = Recorder(directory, environment=clock.environment)
            recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
            recorder.start()
            started[name] = recorder, clock
        for recorder, _ in started.values():
            recorder.wait_for_footage("stop", BEFORE_S)
        stepped_at = datetime.now(UTC)
        for name, (_, clock) in started.items():
            clock.step(STEPS[name])
        time.sleep(AFTER_S)
        timelines = {name: timeline(recorder) for name, (recorder, _) in started.items()}
    finally:
        codes = [recorder.stop() for recorder, _ in started.values()]
    assert codes == [0] * len(STEPS)
    return {
        name: Village(
            recorder,
            clock,
            stepped_at,
            timelines[name],
            evidence.check(recorder.archive, "stop"),
            believed(recorder.archive),
        )
        for name, (recorder, clock) in started.items()
    }


@pytest.mark.parametrize("name", STEPS)
def test_no_picture_is_lost_over_a_step_and_time_only_goes_forward(
    villages: dict[str, Village], witness: evidence.Witness, name: str
) -> None:
    # That no times overlap was checked when the files were read.
    village = villages[name]
    assert witness.missing(village.taken) == []
    assert len(set(village.taken)) == len(village.taken)
    assert village.taken[0] < village.stepped_at - timedelta(seconds=BEFORE_S - 3)
    assert village.taken[-1] > village.stepped_at + timedelta(seconds=AFTER_S - 5)


@pytest.mark.parametrize("name", STEPS)
def test_before_the_step_the_time_is_right_and_the_step_is_told(villages: dict[str, Village], name: str) -> None:
    village = villages[name]
    assert abs(village.moved[0]) < timedelta(seconds=0.7)
    (told,) = [entry["by_s"] for entry in village.recorder.log if entry.get("change") == "host_stepped"]
    assert abs(told - STEPS[name].total_seconds()) < 0.1


@pytest.mark.parametrize("name", ["5 s forward", "3 h forward"])
def test_a_step_forward_is_followed_at_once_and_leaves_a_gap_with_its_cause(
    villages: dict[str, Village], name: str
) -> None:
    village = villages[name]
    step = STEPS[name]
    (gap,) = village.timeline["gaps"]
    assert gap["cause"] == "clock_stepped"
    start, end = (datetime.fromisoformat(gap[edge]) for edge in ("start", "end"))
    assert abs(end - start - step) < timedelta(seconds=1)
    assert abs(start - village.stepped_at) < timedelta(seconds=4)
    assert abs(village.moved[-1] - step) < timedelta(seconds=0.7)
    # A group that was under way belongs to one side or the other, whole.
    assert all(min(abs(moved), abs(moved - step)) < timedelta(seconds=0.7) for moved in village.moved)


def test_after_a_step_back_time_goes_on_slowly_until_the_clock_has_caught_up(villages: dict[str, Village]) -> None:
    village = villages["5 s back"]
    assert village.timeline["gaps"] == []
    assert abs(village.moved[-1] - STEPS["5 s back"]) < timedelta(seconds=0.7)
    for (taken, believed), (next_taken, next_believed) in zip(village.believed, village.believed[1:], strict=False):
        assert 0.7 < (next_believed - believed) / (next_taken - taken) < 1.3


def test_after_hours_back_the_footage_goes_on_where_it_was(villages: dict[str, Village]) -> None:
    village = villages["3 h back"]
    assert village.timeline["gaps"] == []
    assert timedelta(hours=-1) < village.moved[-1] < timedelta(seconds=-4)


def test_footage_of_a_clock_that_was_days_ahead_is_set_aside(
    recorder: Recorder, cameras: Cameras, tmp_path: Path
) -> None:
    clock = HostClock(tmp_path / "clock", timedelta(days=3))
    recorder.environment = clock.environment
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    wait_until(lambda: list(recorder.archive.rglob("*.mp4")), 20)
    clock.set(timedelta(0))
    recorder.wait_for_footage("stop", 4)
    assert recorder.stop() == 0
    assert list((recorder.archive / "stop" / "set-aside").rglob("*.mp4")) != []
    now = datetime.now(UTC)
    for _, moment in believed(recorder.archive):
        assert abs(moment - now) < timedelta(minutes=5)


def test_with_a_clock_before_2020_nothing_is_written_until_it_is_right(
    recorder: Recorder, cameras: Cameras, tmp_path: Path
) -> None:
    clock = HostClock(tmp_path / "clock")
    recorder.environment = clock.environment
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    assert recorder.stop() == 0
    clock.set(datetime(2015, 1, 1, tzinfo=UTC) - datetime.now(UTC))
    recorder.start()
    with evidence.Pulse(recorder) as pulse:
        wait_until(lambda: recorder.camera("stop")["connection"] == "connected", 20)
        wait_until(lambda: recorder.ask("/api/v1/storage").json["state"] == "clock", 10)
        time.sleep(2)
        clock.step(timedelta(days=366))
        time.sleep(3)
        assert recorder.camera("stop")["recording"] is False
        clock.set(timedelta(0))
        wait_until(lambda: recorder.camera("stop")["recording"], 20)
        wait_until(lambda: recorder.ask("/api/v1/storage").json["state"] == "ok", 5)
    recorder.wait_for_footage("stop", 7)
    (gap,) = timeline(recorder)["gaps"]
    assert gap["cause"] in {"recorder_stopped", "clock_unset"}
    assert recorder.stop() == 0
    assert pulse.failures == []
    assert pulse.longest_s < 3
    assert list(recorder.archive.glob("*/201?")) == []
    assert all(abs(moment - taken) < timedelta(seconds=0.7) for taken, moment in believed(recorder.archive))
