"""One pulse for all connections: about five times a second each takes what has come.

Waking up costs more than reading: a camera's packets come one by one, hundreds a second. Data waits in the socket
meanwhile, at most a beat. The connections' turns are spread over the beat, so that nobody waits for all of them.
"""

import asyncio
from collections.abc import Callable

# Not a whole number of pictures' intervals: sooner or later each camera is looked at just when a picture has come, and
# that is what tells its clock (gop.CameraClock).
_TURN_S = 0.0473
_TURNS = 4


class Beat:
    """Calls what was added once a beat, in the event loop; it rests while nothing is there."""

    def __init__(self) -> None:
        self._turns: list[dict[Callable[[], None], None]] = [{} for _ in range(_TURNS)]
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: Callable[[], None]) -> None:
        """From now on. `call` must not raise, and must not take long."""
        min(self._turns, key=len)[call] = None
        if self._timer is None:
            self._wait()

    def remove(self, call: Callable[[], None]) -> None:
        """No more."""
        for turn in self._turns:
            turn.pop(call, None)
        if self._timer is not None and not any(self._turns):
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TURN_S, self._tick)

    def _tick(self) -> None:
        self._wait()
        self._next = (self._next + 1) % _TURNS
        for call in tuple(self._turns[self._next]):
            call()
