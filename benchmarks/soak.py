"""Hours of recording with faults: memory stays flat, nothing is lost but what a fault took, all cameras come back.

The cameras number their pictures (`wire/cameras.py`), each behind a network with faults of its own
(`tests/cameras/proxy.py`). The real recorder records them with vision; a quota deletes what was looked at. A fault's
own time reaches from a second before it (what was on its way) to the camera's recovery; what else is missing is lost.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.wire import processes
from benchmarks.wire.faults import FAULTS, STOPPED, Fault, timetable
from benchmarks.wire.footage import KINDS, load
from benchmarks.wire.run import Server, Task, free_bytes
from benchmarks.wire.witness import Errors, Witness
from tests.cameras.background import Background
from tests.cameras.proxy import Proxy
from tests.world import Recorder, wait_until

_FILE_S = 30
_LOOK_EVERY_S = 15.0
_MEMORY_EVERY_S = 5.0
_ON_ITS_WAY_S = 1.0
_BACK_WITHIN_S = 30.0
# Memory grows while everything is met for the first time; the slope is that of the rest.
_SETTLED_AFTER = 0.3
# Of the settled part's last third over its first.
_GROWTH = 0.05
# A picture's time is the camera's own, by its sender reports: rounding to 1/90000 s and the host's clock remain.
_RIGHT_MS = 50
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """The recorder's resident memory at a moment of the run."""

    at_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault with the times at which it really began and ended, in seconds since 1970."""

    fault: Fault
    begin_utc: float
    end_utc: float


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
    print(f"{arguments.cameras} cameras for {arguments.minutes:g} minutes, {len(faults)} faults; {footage}", flush=True)
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
        return _tell(run, witness, arguments.cameras, end_utc)


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


class Verdict:
    """What the footage says about a run: which faults took what, what else is missing, and how right the times are."""

    def __init__(self, run: Run, witness: Witness, cameras: int, end_utc: float) -> None:
        self.back_s: dict[str, list[float | None]] = {}
        self.lost = 0
        self.pictures = 0
        self.right_s: list[float] = []
        self.disturbed_s: list[float] = []
        for camera in range(cameras):
            calm_utc = witness.first_s(camera)
            for happened in (one for one in run.happened if one.fault.concerns(camera)):
                until_utc = min(
                    (o.begin_utc for o in run.happened if o.fault.concerns(camera) and o.begin_utc > happened.end_utc),
                    default=end_utc,
                )
                back_s = witness.back_after_s(camera, happened.end_utc, until_utc)
                self.back_s.setdefault(happened.fault.kind, []).append(back_s)
                self._calm(witness.errors_s(camera, calm_utc, happened.begin_utc - _ON_ITS_WAY_S))
                calm_utc = until_utc if back_s is None else happened.end_utc + back_s
                disturbed = witness.errors_s(camera, happened.begin_utc - _ON_ITS_WAY_S, calm_utc)
                self.disturbed_s += np.abs(disturbed[~np.isnan(disturbed)]).tolist()
            self._calm(witness.errors_s(camera, calm_utc, end_utc))

    def _calm(self, errors_s: Errors) -> None:
        missing = np.isnan(errors_s)
        self.lost += int(missing.sum())
        self.pictures += len(errors_s)
        self.right_s += np.abs(errors_s[~missing]).tolist()


def _tell(run: Run, witness: Witness, cameras: int, end_utc: float) -> bool:
    verdict = Verdict(run, witness, cameras, end_utc)
    print("\n| fault | times | back after, median | at most |\n| --- | --- | --- | --- |")
    never = 0
    slowest_s = 0.0
    for kind in (*FAULTS, STOPPED):
        found = [value for value in verdict.back_s.get(kind, []) if value is not None]
        missing = len(verdict.back_s.get(kind, [])) - len(found)
        never += missing
        if found:
            slowest_s = max(slowest_s, *found)
            again = f"{statistics.median(found):.1f} s", f"{max(found):.1f} s{f', {missing} never' if missing else ''}"
            print(f"| {kind} | {len(found) + missing} | {again[0]} | {again[1]} |")
        elif missing:
            print(f"| {kind} | {missing} | never | never |")
    settled = [note for note in run.memory if note.at_s >= _SETTLED_AFTER * run.memory[-1].at_s]
    slope = statistics.linear_regression([n.at_s / 3600 for n in settled], [n.size_bytes / _MB for n in settled]).slope
    third = len(settled) // 3
    early, late = (statistics.median(n.size_bytes / _MB for n in some) for some in (settled[:third], settled[-third:]))
    right_ms, disturbed_ms = (np.array(some or [0.0]) * 1000 for some in (verdict.right_s, verdict.disturbed_s))
    growth = late / early - 1
    rows = [
        (
            "recording again after a fault's end",
            f"{slowest_s:.1f} s at most, {never} never",
            never == 0 and slowest_s <= _BACK_WITHIN_S,
        ),
        ("pictures lost outside faults", f"{verdict.lost} of {verdict.pictures}", verdict.lost == 0),
        ("pictures recorded twice", str(witness.twice), witness.twice == 0),
        (
            "times outside faults",
            f"{np.median(right_ms):.1f} ms off, {right_ms.max():.0f} ms at most",
            right_ms.max() <= _RIGHT_MS,
        ),
        ("times in faults", f"{np.median(disturbed_ms):.1f} ms off, {disturbed_ms.max():.0f} ms at most", None),
        ("memory", f"{early:.0f} MB, then {late:.0f} MB ({slope:+.1f} MB an hour)", growth <= _GROWTH),
    ]
    print("\n| | measured | as it has to be |\n| --- | --- | --- |")
    for what, measured, good in rows:
        print(f"| {what} | {measured} | {'' if good is None else 'yes' if good else '**no**'} |")
    every = max(1, len(run.memory) // 20)
    print("\nMemory over time, MB: " + " ".join(f"{note.size_bytes / _MB:.0f}" for note in run.memory[::every]))
    return all(good is not False for _, _, good in rows)


if __name__ == "__main__":
    main()
