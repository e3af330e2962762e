"""One run: a contestant records the cameras of a fresh server, and what that cost is counted."""

import contextlib
import json
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.wire import processes
from benchmarks.wire.contestants import Contestant
from benchmarks.wire.footage import Kind, load, read_label
from tests.world import ROOT, stop, wait_until

# Later than this with one packet in a hundred, a server is no camera any more: half the time between two pictures.
_LATE_MS = 20
_CATCHING_UP_S = 20
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be recorded, for how long, and how packets come (see `cameras`)."""

    kind: Kind
    cameras: int
    seconds: float
    warm_up_s: float
    spread: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has cost.

    `cpu_s` and `waits` during the `seconds`; `pss_bytes` at their end; `lost` of the `pictures` sent meanwhile.
    `stalled_s`: how long the camera that waited longest for the contestant did. Of the server: `late_ms` of 99 % of its
    packets, how many cameras were `behind` at the end, and its share of a core.
    `others_share`: the same of everything else on the machine, which should do nothing.
    """

    cameras: int
    seconds: float
    cpu_s: float
    waits: int
    pss_bytes: int
    pictures: int
    lost: int
    reconnects: int
    stalled_s: float
    late_ms: int
    behind: int
    server_share: float
    others_share: float

    @property
    def valid(self) -> bool:
        """Whether the cameras were punctual."""
        return self.late_ms <= _LATE_MS and not self.behind

    @property
    def cpu_s_per_camera_minute(self) -> float:
        """CPU seconds for a minute of one camera."""
        return self.cpu_s / self.cameras / self.seconds * 60

    @property
    def core_share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.seconds

    @property
    def mb_per_camera(self) -> float:
        """Memory, all processes together, divided by the cameras."""
        return self.pss_bytes / _MB / self.cameras

    @property
    def waits_per_camera_s(self) -> float:
        """How often a thread began to wait, in a second of one camera."""
        return self.waits / self.cameras / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.cpu_s_per_camera_minute:.4f} CPU-s/camera-minute ({self.core_share:.1%} of a core),"
            f" {self.mb_per_camera:.2f} MB/camera, {self.waits_per_camera_s:.1f} waits/camera-s,"
            f" {self.lost} of {self.pictures} pictures lost, {self.reconnects} reconnects,"
            f" stalled {self.stalled_s:.1f} s;"
            f" server {self.server_share:.0%} of a core, {self.late_ms} ms late, {self.behind} behind;"
            f" others {self.others_share:.0%}"
            f"{'' if self.valid else ': INVALID'}"
        )


class Server:
    """The cameras' process."""

    def __init__(self, task: Task, seed: int) -> None:
        what = ("--cameras", str(task.cameras), "--kind", task.kind.name)
        how = ("--spread", str(task.spread), "--seed", str(seed))
        self._process = subprocess.Popen(
            (sys.executable, "-m", "benchmarks.wire.cameras", *what, *how),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port: int = self._answer()["port"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], 60)[0]:
            raise TimeoutError("the cameras do not answer")
        line = self._process.stdout.readline()
        if not line:
            raise ConnectionError(f"the cameras ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, order: str = "report") -> dict[str, Any]:
        """What was sent so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._answer()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def cpu_s(self) -> float:
        """What the cameras have cost so far."""
        return processes.cpu_s(self.pid)

    def stop(self) -> None:
        """Ends the cameras."""
        stop(self._process)


@contextlib.contextmanager
def _directory(above: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-ingest-", dir=above) as directory:
        yield Path(directory)


def run(
    make: Callable[..., Contestant],
    task: Task,
    above: Path,
    seed: int = 1,
    during: Callable[[Contestant], contextlib.AbstractContextManager[None]] | None = None,
    **more: Any,
) -> Outcome:
    """Lets a contestant record and counts. `above` is where footage lies; `during` is entered while it is counted."""
    with _directory(above) as directory, contextlib.ExitStack() as ending:
        server = Server(task, seed)
        ending.callback(server.stop)
        contestant = make(directory, server.port, task.cameras, **more)
        contestant.start()
        stopping = ending.enter_context(contextlib.ExitStack())
        stopping.callback(contestant.stop)
        wait_until(lambda: len(server.ask()["open"]) >= task.cameras, 120, 0.5)
        time.sleep(task.warm_up_s)
        _wait_for_punctual(server)
        with during(contestant) if during else contextlib.nullcontext():
            first = server.ask("begin")
            pids = processes.with_children(contestant.pids())
            busy_before_s = processes.busy_s()
            before, server_before, began = processes.count(pids), server.cpu_s(), time.monotonic()
            time.sleep(task.seconds)
            cost, seconds = processes.count(pids) - before, time.monotonic() - began
            server_cpu_s = server.cpu_s() - server_before
            others_s = processes.busy_s() - busy_before_s - cost.cpu_s - server_cpu_s
            last = server.ask()
            pss_bytes = processes.pss_bytes(pids)
        time.sleep(task.kind.gop_s + 1)  # the group that is being received is complete then
        stopping.close()
        spans = [_sent(first, last, number) for number in range(task.cameras)]
        sizes = [contestant.size_of(picture) for picture in load(task.kind).pictures]
        lost = sum(_lost(contestant, number, span, sizes) for number, span in enumerate(spans))
    connections = last["open"] + last["ended"]
    return Outcome(
        cameras=task.cameras,
        seconds=seconds,
        cpu_s=cost.cpu_s,
        waits=cost.waits,
        pss_bytes=pss_bytes,
        pictures=sum(map(len, spans)),
        lost=lost,
        reconnects=len(connections) - task.cameras,
        stalled_s=max(connection["stalled_s"] for connection in connections),
        late_ms=last["late_ms"]["0.99"],
        behind=last["cameras_behind"],
        server_share=server_cpu_s / seconds,
        others_share=max(0.0, others_s / seconds),
    )


def _wait_for_punctual(server: Server) -> None:
    """Until the cameras have sent what starting a hundred processes has kept them from; it is no use to wait longer."""
    for _ in range(_CATCHING_UP_S):
        if not server.ask()["cameras_behind"]:
            return
        time.sleep(1)


def _sent(first: dict[str, Any], last: dict[str, Any], number: int) -> range:
    """The numbers of a camera's pictures that were sent between two reports, also if nobody was connected then."""
    begin, end = (
        max(viewer["end_picture"] for viewer in report["open"] + report["ended"] if viewer["camera"] == number)
        for report in (first, last)
    )
    return range(begin, end)


def _lost(contestant: Contestant, number: int, sent: range, sizes: Sequence[int]) -> int:
    """How many of the pictures that were sent are not on the disk, or not whole."""
    whole = set()
    for beginning, size in contestant.pictures(number):
        picture = read_label(beginning)
        if picture is not None and size == sizes[picture % len(sizes)]:
            whole.add(picture)
    return len(set(sent) - whole)


def free_bytes(directory: Path) -> int:
    """What fits into a directory."""
    return shutil.disk_usage(directory).free
