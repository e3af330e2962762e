"""Hours of recording with faults: memory stays flat, nothing is lost but what a fault took, all cameras come back.

The cameras number their pictures (`wire/cameras.py`), each behind a network with faults of its own
(`tests/cameras/proxy.py`). The real recorder records them with vision; a quota deletes what was looked at. A fault's
own time reaches from a second before it (what was on its way) to the camera's recovery; what else is missing is lost.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.wire import processes
from benchmarks.wire.document import put
from benchmarks.wire.faults import FAULTS, Fault, timetable
from benchmarks.wire.footage import KINDS, load
from benchmarks.wire.run import Server, Task, free_bytes
from benchmarks.wire.verdict import Happened, Memory, Verdict
from benchmarks.wire.witness import Witness
from tests.cameras.background import Background
from tests.cameras.proxy import Proxy
from tests.world import Recorder, wait_until

_FILE_S = 30
_LOOK_EVERY_S = 15.0
_MEMORY_EVERY_S = 5.0


def main() -> None:
    """Runs it; exit code 1 when something was not as it has to be."""
    parser = argparse.ArgumentParser(prog="scripts/bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--cameras", type=int, default=24)
    parser.add_argument("--faults", type=int, help="default: 200 in two hours, fewer in less")
    parser.add_argument("--kind", choices=tuple(KINDS), default="main", help="what a camera sends")
    parser.add_argument("--source", choices=("native", "libav"), default="native")
    parser.add_argument("--no-vision", action="store_true")
    parser.add_argument("--quota-gb", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where footage goes meanwhile")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="puts the tables into it (docs/performance.md)")
    arguments = parser.parse_args()
    if free_bytes(arguments.directory) < 1.2e9 * arguments.quota_gb:
        raise SystemExit(f"soak: {arguments.directory} has no room for {arguments.quota_gb} GB")
    sys.exit(0 if soak(arguments) else 1)


def soak(arguments: argparse.Namespace) -> bool:
    """Runs and reports; whether everything was as it has to be."""
    seconds = arguments.minutes * 60
    count = arguments.faults or round(200 * arguments.minutes / 120)
    faults = timetable(count, arguments.cameras, seconds, random.Random(arguments.seed))
    kind = KINDS[arguments.kind]
    footage = load(kind)
    what = f"{arguments.cameras} cameras for {arguments.minutes:g} minutes, {len(faults)} faults; {footage}."
    print(what, flush=True)
    with ExitStack() as ending:
        directory = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="soak-", dir=arguments.directory)))
        server = Server(Task(kind, arguments.cameras, seconds, 0, 0.5), arguments.seed)
        ending.callback(server.stop)
        background = ending.enter_context(Background())
        proxies = [background.enter(Proxy(server.port, seed=number)) for number in range(arguments.cameras)]
        options = ["--source", arguments.source, "--file-seconds", str(_FILE_S)]
        if arguments.no_vision:
            options.append("--no-vision")
        recorder = Recorder(directory / "recorder", options=options)
        recorder.write_camera_file(
            [{"id": f"camera-{n}", "url": f"rtsp://127.0.0.1:{proxy.port}/{n}"} for n, proxy in enumerate(proxies)],
            storage={"reserve": "0.1 %", "quota_gb": arguments.quota_gb},
        )
        recorder.start()
        with ExitStack() as stopping:
            stopping.callback(recorder.stop)
            wait_until(lambda: len(server.ask()["open"]) == arguments.cameras, 60, 0.5)
            epochs_utc = [0.0] * arguments.cameras
            for viewer in server.ask()["open"]:
                epochs_utc[viewer["camera"]] = viewer["epoch_utc"]
            witness = Witness(recorder.archive, footage, epochs_utc, seconds + 120)
            run = Run(recorder, server, proxies, witness, seconds)
            run.go(faults)
            end_utc = time.time()
            time.sleep(2 * kind.gop_s)
        witness.look(all_of_them=True)
        verdict = Verdict(run.happened, run.memory, witness, arguments.cameras, end_utc)
    lines = [what, "", *verdict.lines()]
    print("\n".join(lines[1:]))
    if arguments.write:
        put(arguments.write, "scripts/bench soak", lines)
    return verdict.good


class Run:
    """The run itself: faults begin and end by their timetable, memory is noted, complete files are looked at."""

    def __init__(
        self, recorder: Recorder, server: Server, proxies: Sequence[Proxy], witness: Witness, seconds: float
    ) -> None:
        self.memory: list[Memory] = []
        self.happened: list[Happened] = []
        self._recorder = recorder
        self._server = server
        self._proxies = proxies
        self._witness = witness
        self._seconds = seconds
        self._begun_utc: dict[Fault, float] = {}

    def go(self, faults: Sequence[Fault]) -> None:
        """Until the time is up."""
        begin = time.monotonic()
        for at_s, act in sorted(self._plan(faults), key=lambda step: step[0]):
            time.sleep(max(0.0, begin + at_s - time.monotonic()))
            act()

    def _plan(self, faults: Sequence[Fault]) -> Iterator[tuple[float, Callable[[], None]]]:
        for fault in faults:
            yield fault.begin_s, partial(self._begin, fault)
            yield fault.end_s, partial(self._end, fault)
        for at_s in np.arange(0, self._seconds, _MEMORY_EVERY_S).tolist():
            yield at_s, partial(self._note_memory, at_s)
        for at_s in np.arange(_LOOK_EVERY_S, self._seconds, _LOOK_EVERY_S).tolist():
            yield at_s, self._witness.look
        yield self._seconds, lambda: None

    def _begin(self, fault: Fault) -> None:
        self._begun_utc[fault] = time.time()
        if fault.camera is None:
            os.kill(self._server.pid, signal.SIGSTOP)
        else:
            FAULTS[fault.kind](self._proxies[fault.camera])

    def _end(self, fault: Fault) -> None:
        if fault.camera is None:
            os.kill(self._server.pid, signal.SIGCONT)
        else:
            self._proxies[fault.camera].heal()
        self.happened.append(Happened(fault, self._begun_utc.pop(fault), time.time()))

    def _note_memory(self, at_s: float) -> None:
        assert self._recorder.process is not None
        self.memory.append(Memory(at_s, processes.rss_bytes(self._recorder.process.pid)))


if __name__ == "__main__":
    main()
