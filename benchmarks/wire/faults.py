"""What happens to cameras and their network in a long run: a timetable, and what each fault does."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.cameras.proxy import Proxy

# The server itself is stopped: of all cameras at once.
STOPPED = "server stopped"

FAULTS: Mapping[str, Callable[[Proxy], None]] = {
    "packets lost, 10 %": lambda proxy: proxy.lose(0.1),
    "packets cut short, 10 %": lambda proxy: proxy.truncate(0.1),
    "packets corrupt, 10 %": lambda proxy: proxy.corrupt(0.1),
    "bytes corrupt anywhere": lambda proxy: proxy.corrupt(0.05, anywhere=True),
    "hangs": lambda proxy: proxy.hang(),
    "swallows everything": lambda proxy: proxy.half_open(),
    "connection reset": lambda proxy: proxy.cut(),
    "floods tenfold": lambda proxy: proxy.flood(10),
    "3 s late": lambda proxy: proxy.delay(3),
    "trickles": lambda proxy: proxy.trickle(0.01),
    "refuses": lambda proxy: proxy.refuse(),
    "does not answer calls": lambda proxy: proxy.ignore_calls(),
    "split anyhow": lambda proxy: proxy.split(),
}

_LONGEST_S = 20.0
# A camera is left in peace for so long after a fault, so that its recovery is that fault's alone.
_PEACE_S = 45.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a camera (None: with all), from `begin_s` to `end_s` of the run."""

    kind: str
    camera: int | None
    begin_s: float
    end_s: float

    def concerns(self, camera: int) -> bool:
        """Whether it is this camera's."""
        return self.camera in (None, camera)


def timetable(count: int, cameras: int, seconds: float, dice: random.Random) -> Sequence[Fault]:
    """Some `count` faults over the `seconds` of a run: each kind as often as the others, each camera in turn.

    It begins and ends with peace. A fault waits until its camera has recovered from the one before; for what would
    have to wait beyond the end there is no time.
    """
    kinds = [*FAULTS, STOPPED]
    order = [kinds[number % len(kinds)] for number in range(count)]
    dice.shuffle(order)
    last_s = seconds - _PEACE_S
    free_s = [_PEACE_S / 2] * cameras
    faults = []
    for kind, drawn_s in zip(order, sorted(dice.uniform(0, 0.9 * last_s) for _ in range(count)), strict=True):
        some = range(cameras) if kind == STOPPED else [min(range(cameras), key=lambda n: (free_s[n], dice.random()))]
        begin_s = max(drawn_s, *(free_s[number] for number in some))
        fault = Fault(kind, None if kind == STOPPED else some[0], begin_s, begin_s + dice.uniform(2, _LONGEST_S))
        if fault.end_s <= last_s:
            faults.append(fault)
            for number in some:
                free_s[number] = fault.end_s + _PEACE_S
    return sorted(faults, key=lambda fault: fault.begin_s)
