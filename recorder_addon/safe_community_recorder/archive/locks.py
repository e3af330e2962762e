"""The locks of an archive, in memory for everything that asks what has to stay."""

from .index import Index
from .notes import write_lock
from .root import ArchiveRoot
from .threads import Pools
from .timeline import Lock, Span


class Locks:
    """What is kept past its days. Everything that changes `_written` happens in the keeper's thread."""

    def __init__(self, root: ArchiveRoot, index: Index, pools: Pools) -> None:
        self._root = root
        self._index = index
        self._pools = pools
        self._written: dict[str, Lock] = {}
        self._being_written: dict[str, Lock] = {}

    def all(self) -> list[Lock]:
        """All locks there are or were, and those that are just being made."""
        return list((self._being_written | self._written).values())

    def held(self, camera_id: str, now_us: int) -> list[Span]:
        """What of a camera's footage has to stay."""
        return [
            Span(lock.start_us, lock.end_us)
            for lock in self.all()
            if lock.camera_id == camera_id and lock.holds(now_us)
        ]

    async def read(self) -> None:
        """Takes the index's."""
        await self._pools.keep(self._read)

    async def put(self, lock: Lock) -> None:
        """A lock is made, extended or released; returns when the disk has it. Raises OSError."""
        # Before it is written: a deletion that begins in between must know of it.
        self._being_written[lock.id] = lock
        try:
            await self._pools.keep(self._write, lock)
        finally:
            self._being_written.pop(lock.id, None)

    def _read(self) -> None:
        self._written = {lock.id: lock for lock in self._index.locks()}

    def _write(self, lock: Lock) -> None:
        write_lock(self._root, lock)
        self._written = self._written | {lock.id: lock}
        self._index.put_lock(lock)
