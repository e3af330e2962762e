"""Waiting for something to be so, by asking again and again."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class WaitedTooLong(Exception):
    """What was waited for did not happen in time."""


async def until(what: str, condition: Callable[[], bool | Awaitable[bool]], timeout_s: float = 120) -> None:
    """Until the condition holds; it may be a coroutine."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise WaitedTooLong(f"waited {timeout_s:.0f} s for {what}")
        await asyncio.sleep(0.1)
