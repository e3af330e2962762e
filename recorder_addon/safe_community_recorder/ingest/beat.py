"""One pulse for all connections: about five times a second each takes what has come.

Waking up costs more than reading: a camera's packets come one by one, hundreds a second. Data waits in the socket
meanwhile, at most a beat. Many connections take turns within the beat, so that nothing else waits for all of them.
"""

import asyncio
from collections.abc import Callable

# Not a whole number of pictures' intervals: sooner or later each camera is looked at just when a picture has come, and
# that is what tells its clock (gop.CameraClock).
_BEAT_S = 0.1893
# A turn of so many takes about 15 ms. Smaller ones cost more: each begins with cold caches.
_IN_A_TURN = 60


class Beat:
    """Calls what was added once a beat, in the event loop; it rests while nothing is there."""

    def __init__(self) -> None:
        self._calls: dict[Callable[[], None], None] = {}
        self._rest: list[Callable[[], None]] = []
        self._turns = 1
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: Callable[[], None]) -> None:
        """From now on. `call` must not raise, and must not take long."""
        self._calls[call] = None
        if self._timer is None:
            self._wait()

    def remove(self, call: Callable[[], None]) -> None:
        """No more."""
        self._calls.pop(call, None)
        if self._timer is not None and not self._calls:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_BEAT_S / self._turns, self._tick)

    def _tick(self) -> None:
        if not self._rest:
            self._rest = list(self._calls)
            self._turns = max(1, -(-len(self._rest) // _IN_A_TURN))
        turn = -(-len(self._calls) // self._turns)
        now, self._rest = self._rest[:turn], self._rest[turn:]
        self._wait()
        for call in now:
            if call in self._calls:
                call()
