"""The host's two clocks: UTC, which people and NTP set, and a steady one, which only ever runs on."""

import threading
import time

from .utc import SECOND_US

# NTP slews by at most 0.5 ms a second: what changes by more between two looks has been set.
STEP_US = SECOND_US // 4
# Before this program was written no clock can be right: a machine without a battery begins at some firmware's date.
EARLIEST_US = 1_577_836_800 * SECOND_US


def steady_us() -> int:
    """Microseconds of a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


class HostClock:
    """UTC by the host's clock, beside the steady one. Its steps are noticed, not followed in secret."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_us = self._look()
        self._step_us = 0

    @property
    def offset_us(self) -> int:
        """What has to be added to the steady clock to get UTC, as the host's clock is set now."""
        with self._lock:
            offset_us = self._look()
            if abs(offset_us - self._offset_us) > STEP_US:
                self._step_us += offset_us - self._offset_us
            self._offset_us = offset_us
            return offset_us

    def utc_us(self, at_steady_us: int | None = None) -> int:
        """UTC of an instant of the steady clock; of now without one."""
        return (steady_us() if at_steady_us is None else at_steady_us) + self.offset_us

    @property
    def is_set(self) -> bool:
        """False while the clock stands before 2020: then it has not been set since the machine began."""
        return self.utc_us() >= EARLIEST_US

    def take_step(self) -> int:
        """By how much the clock has been set since the last call: positive forward, 0 not at all."""
        _ = self.offset_us
        step_us, self._step_us = self._step_us, 0
        return step_us

    def _look(self) -> int:
        # The process may be interrupted between the two clocks: of several looks the tightest counts.
        looks = []
        for _ in range(3):
            before_us = steady_us()
            now_us = time.time_ns() // 1_000
            took_us = steady_us() - before_us
            looks.append((took_us, now_us - before_us - took_us // 2))
            if took_us < 50:
                break
        return min(looks)[1]
