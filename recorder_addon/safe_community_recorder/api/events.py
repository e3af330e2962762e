"""What changes, told to everybody who listens; who listens too slowly is told to come again."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_BACKLOG = 1_000

type Message = Mapping[str, object]


class Hub:
    """Hands every message to every subscriber."""

    def __init__(self) -> None:
        self._subscribers: set[asyncio.Queue[Message | None]] = set()

    def publish(self, message: Message) -> None:
        """Tells everybody; never waits."""
        for queue in self._subscribers:
            if queue.qsize() < _BACKLOG:
                queue.put_nowait(message)
            elif queue.qsize() == _BACKLOG:
                queue.put_nowait(None)

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Message | None]]:
        """A queue of messages; None means that some were lost and nothing more comes."""
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)
