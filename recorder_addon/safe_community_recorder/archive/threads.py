"""The threads that wait for the disk: some write for the cameras, others read for people or keep things in order.

Waking a thread and being woken by it costs as much as writing a group of pictures. So one thread takes all that is to
be written just now, and tells once that it has done it. When it is held up, another one comes for the rest.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Self

# So long after its fellows were begun, work that nobody has begun gets a thread of its own.
_HELD_UP_S = 0.1

type _Done = tuple[asyncio.Future[None], Exception | None]


class _Caught:
    """Keeps what is raised for the one who waits for it."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None


class DiskThreads:
    """Runs blocking calls, begun in the order in which they are handed over. To be used in one event loop."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="archive")
        self._threads = threads
        self._lock = threading.Lock()
        self._workers = 0
        self._waiting: deque[tuple[Callable[[], None], asyncio.Future[None]]] = deque()
        self._done: deque[_Done] = deque()
        self._not_given_out = 0
        self._begins = False
        self._timer: asyncio.TimerHandle | None = None

    def run(self, call: Callable[..., None], *arguments: object) -> asyncio.Future[None]:
        """Lets a thread do it; the future is done when it is, and has what the call raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((partial(call, *arguments), future))
        self._not_given_out += 1
        if not self._begins:
            self._begins = True
            # After everything else that is handed over in this turn of the loop.
            loop.call_soon(self._begin)
        return future

    def shutdown(self, *, wait: bool) -> None:
        """Nothing is handed over any more. Waits for what was, or leaves it where it hangs."""
        if wait and self._waiting:
            self._pool.submit(self._work, None)
        self._pool.shutdown(wait=wait, cancel_futures=not wait)

    def _begin(self) -> None:
        self._begins = False
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _look(self) -> None:
        """Sends a thread to what nobody has begun; looks again, should a thread be held up."""
        self._timer = None
        self._give_out()
        loop = asyncio.get_running_loop()
        with self._lock:
            send = bool(self._waiting) and self._workers < self._threads
            self._workers += send
        if send:
            self._pool.submit(self._work, loop)
        if self._not_given_out:
            self._timer = loop.call_later(_HELD_UP_S, self._look)

    def _give_out(self) -> None:
        while self._done:
            future, error = self._done.popleft()
            self._not_given_out -= 1
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        if not self._not_given_out and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _work(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """In a thread."""
        while True:
            try:
                call, future = self._waiting.popleft()
            except IndexError:
                break
            with _Caught() as caught:
                call()
            self._done.append((future, caught.error))
        with self._lock:
            self._workers -= 1
        if loop is not None:
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._give_out)


class Pools:
    """Threads for what people ask and what housekeeping does: it must not wait behind a disk that hangs."""

    def __init__(self, threads: int) -> None:
        self._index = ThreadPoolExecutor(threads, thread_name_prefix="archive-reader")
        self._files = ThreadPoolExecutor(threads, thread_name_prefix="archive-files")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="archive-keeper")

    async def read[**P, R](self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Asks the index."""
        return await asyncio.get_running_loop().run_in_executor(self._index, partial(function, *args, **kwargs))

    async def from_files[**P, R](self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Reads recording files."""
        return await asyncio.get_running_loop().run_in_executor(self._files, partial(function, *args, **kwargs))

    async def keep[**P, R](self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Changes something: one after the other, in the order in which it is handed over."""
        return await asyncio.get_running_loop().run_in_executor(self._keeper, partial(function, *args, **kwargs))

    def shutdown(self, *, wait: bool) -> None:
        """Drops what nobody has begun. Waits for what was begun, or leaves it where it hangs."""
        for pool in (self._index, self._files, self._keeper):
            pool.shutdown(wait=wait, cancel_futures=True)
