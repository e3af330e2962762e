"""Times of what was done again and again."""

import statistics
import time
from collections.abc import Callable, Sequence


def median_ms(seconds: Sequence[float]) -> float:
    """Of many times."""
    return statistics.median(seconds) * 1_000


def seconds_of(act: Callable[[], object], rounds: int = 3) -> float:
    """The best of some tries."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - began)
    return best
