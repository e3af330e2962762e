"""How much decoding may cost: a share of the machine's processors, spent as it comes, made up for afterwards. Pure."""

# What was not spent is saved for so long: whatever happens in a village often happens in several places at once.
_SAVED_S = 10.0
_MINUTE_S = 60.0


class Budget:
    """Processor time by the second. `cores` may be spent on average: 0.5 is half of one processor."""

    def __init__(self, cores: float, now_s: float) -> None:
        self._cores = cores
        self._left_s = cores * _SAVED_S
        self._at_s = now_s
        self._spent_s = 0.0

    @property
    def cores(self) -> float:
        """What may be spent."""
        return self._cores

    def change(self, cores: float, now_s: float) -> None:
        """From now on something else may be spent."""
        self._pass(now_s)
        self._cores = cores
        self._left_s = min(self._left_s, cores * _SAVED_S)

    def spend(self, cpu_s: float, now_s: float) -> None:
        """So much was spent."""
        self._pass(now_s)
        self._left_s -= cpu_s
        self._spent_s += cpu_s

    def wait_s(self, now_s: float) -> float:
        """Until something may be spent again; 0 if it may now."""
        self._pass(now_s)
        return 0.0 if self._left_s > 0 else -self._left_s / self._cores + 0.01

    def used(self, now_s: float) -> float:
        """The share of it that was used of late."""
        self._pass(now_s)
        return self._spent_s / (self._cores * _MINUTE_S)

    def _pass(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._left_s = min(self._left_s + passed_s * self._cores, self._cores * _SAVED_S)
        # What was spent a minute ago counts a third of it.
        self._spent_s *= max(0.0, 1.0 - passed_s / _MINUTE_S)
