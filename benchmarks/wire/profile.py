"""Where the recorder spends its time: Linux's sampling profiler, which knows Python's functions by their names."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.wire.contestants import CONTESTANTS, Contestant
from benchmarks.wire.run import Task, run

# Beside nothing round, so that it is not in step with what happens every so often.
_SAMPLES_A_SECOND = 997
_LINES = 60


def native(task: Task, directory: Path, name: str) -> None:
    """Prints in which functions of Python and C the recorder is found, each with and without those that it calls."""
    if shutil.which("perf") is None:
        raise SystemExit("ingest: --profile needs perf (Debian: linux-perf)")
    if name not in ("native", "libav"):
        raise SystemExit(f"ingest: --profile looks into the recorder (native or libav), not into {name}")
    with tempfile.TemporaryDirectory() as kept:
        data = Path(kept) / "perf.data"
        names: list[Path] = []

        @contextlib.contextmanager
        def sampled(contestant: Contestant) -> Iterator[None]:
            pid = str(contestant.pids()[0])
            names.append(Path(f"/tmp/perf-{pid}.map"))  # where Python tells perf the names of its functions
            rate = ("-F", str(_SAMPLES_A_SECOND), "-g", "-p", pid, "-o", str(data))
            with subprocess.Popen(("perf", "record", "-q", *rate), stderr=subprocess.DEVNULL) as perf:
                try:
                    yield
                finally:
                    perf.terminate()

        outcome = run(
            CONTESTANTS[name], task, directory, during=sampled, environment={**os.environ, "PYTHONPERFSUPPORT": "1"}
        )
        print(f"{outcome}\n(under the profiler: dearer than without)")
        for title, how in (("by itself", "--no-children"), ("with what it calls", "--children")):
            print(f"\n{title}:")
            command = ("perf", "report", "-i", str(data), "--stdio", how, "-g", "none", "--sort", "symbol")
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            lines = [line.rstrip() for line in said.splitlines() if line.strip() and not line.startswith("#")]
            print("\n".join(lines[:_LINES]))
        for path in names:
            path.unlink(missing_ok=True)
