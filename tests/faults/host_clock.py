"""A host clock of a process's own that can be set while the process runs (libfaketime). Others keep the true one.

Only CLOCK_REALTIME is set: monotonic time and files' times stay as they are, as when a real clock is set.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

_PROBE = """
import json, time
print(json.dumps([time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)]), flush=True)
"""


def _library() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


@dataclass(slots=True)
class HostClock:
    """The clock. Its file holds how far it is from the true one."""

    path: Path
    offset: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if _library() is None:
            pytest.skip("libfaketime is not installed (scripts/setup installs it)")
        self.set(self.offset)

    @property
    def environment(self) -> Mapping[str, str]:
        """For the process that shall have this clock."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, offset: timedelta) -> None:
        """So far from the true time, from now on."""
        waiting = self.path.with_suffix(".new")
        waiting.write_text(f"{offset.total_seconds():+.6f}")
        waiting.replace(self.path)
        self.offset = offset

    def step(self, by: timedelta) -> None:
        """Forward, or back."""
        self.set(self.offset + by)

    def probe(self) -> tuple[float, float, float]:
        """Real, monotonic and boot time as a Python of ours sees them with this clock."""
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], env={**os.environ, **self.environment}, capture_output=True, check=True
        )
        real, monotonic, boot = json.loads(done.stdout)
        return real, monotonic, boot
