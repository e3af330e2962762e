"""Cameras that hang, in every way that is known: noticed, recorded as a gap with its cause, and taken back.

One recorder, and a camera for each way; all begin to fail in the same moment, and are well again in the same moment.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cameras.background import Background
from tests.cameras.cable import Cable, cable
from tests.cameras.certificate import self_made
from tests.cameras.gst import gst_camera, movie
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import Login
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode, groups_of
from tests.world import Recorder, wait_until

pytestmark = pytest.mark.process

NOTICED_S = 10.0
RECOVERED_S = 30.0
LASTS_S = 14.0
BEFORE_S = 4.0

type Deed = Callable[[], object]


@dataclass
class Trouble:
    """What is done to one camera, and how that is undone."""

    url: str
    begin: Deed
    end: Deed
    source: str = "auto"
    certificate: str | None = None


@dataclass
class Seen:
    """What became of the cameras: seconds from the fault's begin or end, and the timelines afterwards."""

    began: datetime
    noticed_s: dict[str, float] = field(default_factory=dict)
    ended: datetime | None = None
    recovered_s: dict[str, float] = field(default_factory=dict)
    timelines: dict[str, Any] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)


def hang_and_reset(proxy: Proxy) -> Deed:
    """The connection breaks; new ones are accepted, and that is all."""

    def begin() -> None:
        proxy.hang()
        proxy.cut()

    return begin


def trickle_and_reset(proxy: Proxy) -> Deed:
    """The connection breaks; on new ones comes a byte a second."""

    def begin() -> None:
        proxy.trickle(1.0)
        proxy.cut()

    return begin


HUNG = {
    "hangs": lambda proxy: proxy.hang,
    "half-open": lambda proxy: proxy.half_open,
    "never-answers": hang_and_reset,
    "drops-syn": lambda proxy: proxy.ignore_calls,
    "refuses": lambda proxy: proxy.refuse,
    "answers-by-bytes": trickle_and_reset,
    "no-pictures": lambda proxy: lambda: proxy.lose(1.0),
    "libav-hangs": lambda proxy: proxy.hang,
    "libav-half-open": lambda proxy: proxy.half_open,
    "libav-never-answers": hang_and_reset,
}
TLS = {"tls-never-finishes": hang_and_reset, "tls-by-bytes": trickle_and_reset}
TROUBLED = {
    "flooded": lambda proxy: lambda: proxy.flood(10),
    "garbled": lambda proxy: lambda: proxy.corrupt(1.0, anywhere=True),
    "trickling": lambda proxy: lambda: proxy.trickle(0.02),
}
PROCESSES = ("stopped", "unplugged")
STEADY = ("steady", "steady-libav")


def troubles(stack: ExitStack, path: Path, seen: Seen) -> Mapping[str, Trouble]:
    """The cameras."""
    background = stack.enter_context(Background())
    units = encode(30).units
    context, fingerprint = self_made(path)
    found: dict[str, Trouble] = {}
    for name, begins in {**HUNG, **TLS, **TROUBLED, **dict.fromkeys(STEADY)}.items():
        tls = context if name in TLS else None
        camera = background.enter(ScriptedCamera(units, login=Login(schemes=("basic", "md5")), tls=tls))
        proxy = background.enter(Proxy(camera.port, framed=tls is None))
        url = camera.url.replace(f":{camera.port}/", f":{proxy.port}/")
        source = "libav" if "libav" in name else "auto"
        begin = proxy.heal if begins is None else begins(proxy)
        found[name] = Trouble(url, begin, proxy.heal, source, fingerprint if tls else None)
    film = movie(path / "film.mp4", groups_of(2_000))
    stopped = stack.enter_context(gst_camera(film, "h264"))
    found["stopped"] = Trouble(
        stopped.url,
        lambda: stopped.process.send_signal(signal.SIGSTOP),
        lambda: stopped.process.send_signal(signal.SIGCONT),
    )
    wire = stack.enter_context(cable())
    if isinstance(wire, Cable):
        unplugged = stack.enter_context(gst_camera(film, "h264", cable=wire))
        found["unplugged"] = Trouble(unplugged.url, wire.pull, wire.plug)
    else:
        seen.impossible["unplugged"] = wire
    return found


def connected(recorder: Recorder) -> set[str]:
    """The cameras that give pictures, as the recorder says."""
    cameras = recorder.ask("/api/v1/cameras").json["cameras"]
    return {camera["id"] for camera in cameras if camera["state"]["connection"] == "connected"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it happens once."""
    path = tmp_path_factory.mktemp("hangs")
    with ExitStack() as stack:
        result = Seen(datetime.now(UTC))
        cameras = troubles(stack, path, result)
        locked = stack.enter_context(Background()).enter(ScriptedCamera(encode(30).units, login=Login()))
        recorder = Recorder(path / "recorder")
        entries = [
            {"id": name, "url": trouble.url, "source": trouble.source}
            | ({"certificate": trouble.certificate} if trouble.certificate else {})
            for name, trouble in cameras.items()
        ]
        recorder.write_camera_file([*entries, {"id": "locked", "url": locked.address("wrong")}])
        recorder.start()
        stack.callback(recorder.stop)
        wait_until(lambda: connected(recorder) == set(cameras), 40)
        for name in cameras:
            recorder.wait_for_footage(name, BEFORE_S)
        result.began = datetime.now(UTC)
        begun_s = time.monotonic()
        for trouble in cameras.values():
            trouble.begin()
        while time.monotonic() - begun_s < LASTS_S:
            since_s = time.monotonic() - begun_s
            for name in cameras.keys() - connected(recorder):
                result.noticed_s.setdefault(name, since_s)
            time.sleep(0.2)
        result.ended = datetime.now(UTC)
        ended_s = time.monotonic()
        for trouble in cameras.values():
            trouble.end()
        while time.monotonic() - ended_s < RECOVERED_S + 5 and len(result.recovered_s) < len(cameras):
            since_s = time.monotonic() - ended_s
            for name in connected(recorder):
                result.recovered_s.setdefault(name, since_s)
            time.sleep(0.2)
        # Until the groups that tell of it are written.
        time.sleep(3.0)
        result.timelines = {name: recorder.timeline(name) for name in cameras}
        result.timelines["locked"] = (recorder.camera("locked"), locked.seen.refusals, locked.seen.connections)
        yield result


def since(moment: str, other: datetime) -> float:
    """Seconds from the one to the other."""
    return (datetime.fromisoformat(moment) - other).total_seconds()


@pytest.mark.parametrize("name", [*HUNG, *TLS, *PROCESSES])
def test_a_camera_that_hangs_is_noticed_missed_and_taken_back(seen: Seen, name: str) -> None:
    if name in seen.impossible:
        pytest.skip(seen.impossible[name])
    assert seen.ended is not None
    assert seen.noticed_s[name] < NOTICED_S
    assert seen.recovered_s[name] < RECOVERED_S
    gaps = [gap for gap in seen.timelines[name]["gaps"] if since(gap["start"], seen.began) > -3]
    assert {gap["cause"] for gap in gaps} == {"camera_unreachable"}
    # It begins with the last picture that came, not with the moment in which somebody noticed.
    assert -2 < since(gaps[0]["start"], seen.began) < 3
    assert since(gaps[-1]["end"], seen.ended) < RECOVERED_S + 3
    spans = seen.timelines[name]["spans"]
    assert since(spans[-1]["end"], seen.ended) > seen.recovered_s[name]


@pytest.mark.parametrize("name", STEADY)
def test_one_cameras_trouble_costs_no_other_a_picture(seen: Seen, name: str) -> None:
    assert name not in seen.noticed_s
    timeline = seen.timelines[name]
    assert len(timeline["spans"]) == 1
    assert [gap for gap in timeline["gaps"] if since(gap["start"], seen.began) > -BEFORE_S] == []


@pytest.mark.parametrize("name", TROUBLED)
def test_a_camera_that_floods_or_garbles_is_recorded_again_when_it_is_well(seen: Seen, name: str) -> None:
    assert seen.ended is not None
    assert seen.recovered_s[name] < RECOVERED_S
    assert since(seen.timelines[name]["spans"][-1]["end"], seen.ended) > seen.recovered_s[name]


def test_a_camera_that_refuses_the_password_is_not_hammered(seen: Seen) -> None:
    state, refusals, connections = seen.timelines["locked"]
    assert state["connection"] == "refused"
    assert connections == 1
    assert refusals <= 2
