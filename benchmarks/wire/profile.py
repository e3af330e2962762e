"""Where the recorder spends its processor time, by Python's functions and lines.

A running recorder is made to look at its own stack every few milliseconds of processor time (`sys.remote_exec`, Python
3.14). It sees the main thread only: what other threads do appears as its waiting (`select`).
"""

import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.wire.contestants import CONTESTANTS, Contestant
from benchmarks.wire.run import Task, run

# The kernel looks at the processor's time every 4 ms at best.
_EVERY_S = 0.004
_LINES = 40
_BEGIN = """
import collections, signal, sys
_samples = collections.Counter()
def _sample(number, frame):
    stack = []
    while frame is not None:
        code = frame.f_code
        stack.append((code.co_filename, code.co_qualname, frame.f_lineno))
        frame = frame.f_back
    _samples[tuple(stack)] += 1
sys._benchmark_samples = _samples
signal.signal(signal.SIGPROF, _sample)
signal.setitimer(signal.ITIMER_PROF, {every}, {every})
"""
_END = """
import json, os, signal, sys
signal.setitimer(signal.ITIMER_PROF, 0)
with open({path!r} + ".new", "w") as file:
    json.dump(list(sys._benchmark_samples.items()), file)
os.rename({path!r} + ".new", {path!r})
"""


def recorder(task: Task, directory: Path, name: str) -> None:
    """Prints in which functions and lines the recorder is found, by themselves and with what they call."""
    if name not in ("native", "libav"):
        raise SystemExit(f"ingest: --profile looks into the recorder (native or libav), not into {name}")
    with tempfile.TemporaryDirectory() as kept:
        samples = Path(kept) / "samples.json"
        script = Path(kept) / "script.py"

        @contextlib.contextmanager
        def sampled(contestant: Contestant) -> Iterator[None]:
            (pid,) = contestant.pids()
            script.write_text(_BEGIN.format(every=_EVERY_S), encoding="utf-8")
            sys.remote_exec(pid, str(script))
            time.sleep(1)
            yield
            script.write_text(_END.format(path=str(samples)), encoding="utf-8")
            sys.remote_exec(pid, str(script))
            deadline = time.monotonic() + 30
            while not samples.exists():
                if time.monotonic() > deadline:
                    raise SystemExit("ingest: the recorder tells nothing of where it was")
                time.sleep(0.1)

        outcome = run(CONTESTANTS[name], task, directory, during=sampled)
        print(f"{outcome}\n(a little dearer than without looking)")
        _tell([(stack, count) for stack, count in json.loads(samples.read_text(encoding="utf-8"))])


def _tell(samples: list[tuple[list[tuple[str, str, int]], int]]) -> None:
    total = sum(count for _, count in samples)
    lines: Counter[str] = Counter()
    itself: Counter[str] = Counter()
    called: Counter[str] = Counter()
    for stack, count in samples:
        names = [f"{_short(file)} {function}" for file, function, _ in stack]
        lines[f"{names[0]}:{stack[0][2]}"] += count
        itself[names[0]] += count
        called.update(dict.fromkeys(names, count))
    for title, found in (("functions", itself), ("functions with what they call", called), ("lines", lines)):
        print(f"\n{title}, share of {total} samples:")
        for name, count in found.most_common(_LINES):
            print(f"{count / total:7.1%}  {name}")


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-2:])
