"""Simulated cameras and networks beside a test that waits: an event loop in a thread of its own."""

import asyncio
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self


class Background:
    """A context in which asynchronous contexts run; they end with it, the last one first."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="background", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def enter[T](self, context: AbstractAsyncContextManager[T]) -> T:
        """Begins a context; what it gives."""
        return asyncio.run_coroutine_threadsafe(self._stack.enter_async_context(context), self._loop).result(20)
