"""What processes cost, as the kernel counts it: processor time, memory, wake-ups. All children are counted in."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# clock_getcpuclockid(3): the clock of a process's user and system time of all its threads, also of those that ended.
_SCHEDULED = 2
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Counted:
    """Totals since the processes began: seconds of processor time, and how often one of their threads began to wait."""

    cpu_s: float
    waits: int

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.cpu_s - other.cpu_s, self.waits - other.waits)


def with_children(pids: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_s(pid: int) -> float:
    """User and system time of a process: utime + stime of /proc/PID/stat, to the nanosecond instead of 10 ms."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


def count(pids: Iterable[int]) -> Counted:
    """What these processes have cost so far, without their children."""
    every = list(pids)
    return Counted(sum(map(cpu_s, every)), sum(map(_waits, every)))


def _waits(pid: int) -> int:
    """Voluntary context switches of all threads that live (proc(5))."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text(encoding="utf-8")
        total += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


def busy_s() -> float:
    """What all processors together have worked for all processes since the start (/proc/stat, proc(5))."""
    user, nice, system, _idle, _iowait, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pids: Iterable[int]) -> int:
    """Their share of the memory: what several processes share is divided among them (PSS of smaps_rollup)."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        total += int(rollup.partition("\nPss:")[2].split()[0]) * _KIB
    return total


def rss_bytes(pid: int) -> int:
    """A process's memory as it stands in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
