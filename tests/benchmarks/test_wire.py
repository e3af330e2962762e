"""The benchmark's own measures: what it calls lost, late or waiting is that, and it counts what the kernel counts."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.wire import processes
from benchmarks.wire.bare import connect
from benchmarks.wire.contestants import CONTESTANTS, Bare
from benchmarks.wire.footage import KINDS, label, read_label
from benchmarks.wire.run import Server, Task, run

_CHEAP = KINDS["sub"]


@given(st.integers(0, 10**10 - 1))
def test_a_pictures_number_is_read_from_it(number: int) -> None:
    assert read_label(b"\x00\x00\x00\x20" + label(number) + b"\x00\x00\x00\x02") == number


@given(st.binary(max_size=100))
def test_what_carries_no_number_has_none(data: bytes) -> None:
    assert read_label(data) is None
    assert read_label(label(7)[:-2]) is None


@pytest.mark.process
@pytest.mark.parametrize("name", ["ffmpeg", "bare"])
def test_a_recording_of_which_nothing_is_missing_is_found_whole(tmp_path: Path, name: str) -> None:
    outcome = run(CONTESTANTS[name], Task(_CHEAP, 2, 3, 1, 0.5), tmp_path)
    assert outcome.lost == 0
    assert outcome.reconnects == 0
    # How many come in the time that is measured depends on how busy the machine is.
    assert outcome.pictures == pytest.approx(2 * 3 * _CHEAP.rate, rel=0.4)
    assert outcome.cpu_s > 0
    assert outcome.mb_per_camera > 1


class Careless(Bare):
    """Loses every tenth picture, and damages the one after."""

    def pictures(self, number: int) -> Iterator[tuple[bytes, int]]:
        for at, (beginning, size) in enumerate(Bare.pictures(self, number)):
            if at % 10:
                yield beginning, size - (at % 10 == 1)


@pytest.mark.process
def test_what_a_contestant_loses_or_damages_is_found_missing(tmp_path: Path) -> None:
    outcome = run(Careless, Task(_CHEAP, 1, 4, 1, 0.5), tmp_path)
    assert outcome.lost == pytest.approx(outcome.pictures / 5, abs=2)


@pytest.fixture
def server() -> Iterator[Server]:
    cameras = Server(Task(_CHEAP, 2, 1, 1, 0.5), seed=1)
    yield cameras
    cameras.stop()


@pytest.mark.process
def test_a_server_that_could_not_keep_up_says_so(server: Server) -> None:
    with connect(server.port, 0):
        time.sleep(2)
        punctual = server.ask()["late_ms"]["0.99"]
        server.ask("begin")
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(server.pid, signal.SIGCONT)
        time.sleep(0.5)
        assert server.ask()["late_ms"]["0.99"] >= 300 > punctual


@pytest.mark.process
def test_a_viewer_who_does_not_read_makes_its_camera_wait_and_no_other() -> None:
    server = Server(Task(KINDS["main"], 2, 1, 1, 0.5), seed=1)
    try:
        with connect(server.port, 0) as lazy, connect(server.port, 1) as eager:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            eager.setblocking(True)
            stalled_s = {0: 0.0, 1: 0.0}
            began = time.monotonic()
            while not stalled_s[0] and time.monotonic() < began + 30:
                eager.recv(1 << 20)
                stalled_s = {viewer["camera"]: viewer["stalled_s"] for viewer in server.ask()["open"]}
            assert stalled_s[0] > 0
            assert stalled_s[1] == 0
    finally:
        server.stop()


@pytest.mark.process
def test_the_processors_time_is_that_of_proc() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        by_proc = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        assert processes.cpu_s(process.pid) == pytest.approx(by_proc, abs=0.03)
        process.stdin.close()


@pytest.mark.process
def test_children_are_counted_in() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"]) as process:
        time.sleep(0.3)
        family = processes.with_children([process.pid])
        assert len(family) == 2
        assert processes.pss_bytes(family) > processes.pss_bytes([process.pid])
        for pid in family:
            os.kill(pid, signal.SIGTERM)
