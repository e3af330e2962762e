"""A database that takes everything: what it cannot write now (its disk is full) is kept and tried again."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from . import database
from .schema import upgrade

_LOGGER = logging.getLogger(__name__)

_PENDING = 100_000

type Operation = Callable[[sa.Connection], object]


class Store:
    """One database, for any thread; every method may block on the disk.

    `failing` says that something is pending, `damaged` that the file is no database any more. `lock` is held while
    something is written: whoever keeps something in memory beside the database holds it, too. `on_written` is called
    under it when nothing is pending any more. Another writer is waited for `wait_s` seconds.
    """

    def __init__(self, path: Path, wait_s: float, on_written: Callable[[], None]) -> None:
        self.lock = threading.RLock()
        self.failing = False
        self.damaged = False
        self._path = path
        self._wait_s = wait_s
        self._on_written = on_written
        self._pending: deque[Operation] = deque()
        self._batching = False
        self._begin()

    def _begin(self) -> None:
        self._engine = database.connect(self._path, self._wait_s)
        upgrade(self._engine)

    def renew(self, reason: str) -> None:
        """Puts the database aside, with what is pending, and begins an empty one."""
        with self.lock:
            self._engine.dispose()
            database.put_aside(self._path, reason)
            self._pending.clear()
            self._begin()
            self.damaged = self.failing = False

    def close(self) -> None:
        """Closes all connections, after a last try to write what is pending."""
        written = self.flush()
        self._engine.dispose()
        if written:
            database.note_sound(self._path)

    def fetch(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """All rows of an answer. Raises SQLAlchemyError."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except DatabaseError as error:
            self.damaged = self.damaged or not database.is_passing(error)
            raise

    def write(self, operation: Operation) -> None:
        """Does it now, or as soon as the database takes it. What it says is true of the files in any case."""
        with self.lock:
            if len(self._pending) >= _PENDING:
                self._pending.popleft()
            self._pending.append(operation)
            if not self._batching:
                self.flush()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What is written within it is written at its end, at once."""
        with self.lock:
            self._batching = True
            try:
                yield
            finally:
                self._batching = False
                self.flush()

    def flush(self) -> bool:
        """Tries to write what is pending; True if nothing is left."""
        with self.lock:
            if not self._pending:
                return True
            try:
                with self._engine.begin() as connection:
                    for operation in self._pending:
                        operation(connection)
            except SQLAlchemyError as error:
                if not self.failing:
                    _LOGGER.error(
                        "index cannot be written; it is tried again", extra={"problem": database.reason(error)}
                    )
                self.failing = True
                self.damaged = self.damaged or (isinstance(error, DatabaseError) and not database.is_passing(error))
                return False
            if self.failing:
                _LOGGER.info("index is written again", extra={"pending": len(self._pending)})
            self.failing = False
            self._pending.clear()
            self._on_written()
            return True
