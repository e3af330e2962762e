"""A camera's activity second by second, out of its looks."""

from dataclasses import dataclass

from ..vision.eye import Look
from ..vision.gray import Blocks

# Between two looks nothing moved if neither saw anything, and if they were no further apart than this: the sizes of the
# pictures between them would have told.
_QUIET_S = 13.0
_MOST_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Second:
    """The most that moved within a second of UTC, and the blocks in which anything did."""

    at_s: int
    activity: float
    blocks: Blocks


class ActivityLog:
    """Seconds that were looked at; those that are complete can be taken."""

    def __init__(self) -> None:
        self._seconds: dict[int, Second] = {}
        self._looked_s: float | None = None

    def add(self, look: Look, utc_s: float) -> None:
        """A look, and its instant of UTC."""
        at_s, motion = int(utc_s), look.motion
        if self._looked_s is not None and 0 <= utc_s - self._looked_s <= _QUIET_S:
            for quiet_s in range(int(self._looked_s) + 1, at_s):
                self._seconds[quiet_s] = Second(quiet_s, 0.0, motion.active & False)
        known = self._seconds.get(at_s)
        if known is None or known.blocks.shape != motion.active.shape:
            self._seconds[at_s] = Second(at_s, motion.activity, motion.active)
        else:
            self._seconds[at_s] = Second(at_s, max(known.activity, motion.activity), known.blocks | motion.active)
        self._looked_s = utc_s
        while len(self._seconds) > _MOST_SECONDS:
            del self._seconds[next(iter(self._seconds))]

    def take(self, *, everything: bool = False) -> list[Second]:
        """The complete seconds, in their order; with `everything` the present one as well."""
        present = None if everything or self._looked_s is None else int(self._looked_s)
        taken = [second for second in self._seconds.values() if second.at_s != present]
        self._seconds = {} if present is None else {key: one for key, one in self._seconds.items() if key == present}
        return taken
