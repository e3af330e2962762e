"""Brings index and files together: the newest before anything is recorded, then everything, once a run."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from .locks import Locks
from .place import Place
from .recovery import compare_everything, repair_newest, take_in_notes
from .threads import Pools

_LOGGER = logging.getLogger(__name__)

_TELL_DAYS = 50


class Repair:
    """For one archive. `empty` says that the index knows nothing of the files yet.

    `on_compared` hears in the event loop how many of how many days are compared.
    """

    def __init__(
        self, place: Place, pools: Pools, locks: Locks, on_compared: Callable[[int, int], None], *, empty: bool
    ) -> None:
        self._place = place
        self._pools = pools
        self._locks = locks
        self._on_compared = on_compared
        self._empty = empty
        self._repaired = 0
        self._comparison: asyncio.Task[None] | None = None

    @property
    def due(self) -> bool:
        """True if the index is new, or the disk was away."""
        return self._empty or self._repaired != self._place.root.entered

    async def renew(self, reason: str) -> None:
        """Begins the index anew; what it is to say is read from the files again."""
        await self._pools.read(self._place.index.renew, reason)
        self._empty, self._comparison = True, None

    async def run(self) -> None:
        """Makes the newest footage right; before it, notes and locks if the index knows none. Raises OSError."""
        root, index = self._place.root, self._place.index
        await self._pools.keep(root.verify)
        if root.changed:
            await self.renew("there is another archive now")
            root.changed = False
        if self._empty:
            await self._pools.keep(take_in_notes, root.path, index)
            await self._locks.read()
        recovered = await self._pools.keep(repair_newest, root, index, self._place.writing.__contains__)
        self._empty, self._repaired = False, root.entered
        _LOGGER.info("archive opened", extra=recovered.as_log())

    def compare(self) -> None:
        """Begins to compare all files with the index, once a run; again if that broke off."""
        if self._comparison is None:
            self._comparison = asyncio.create_task(self._compare())

    def stop(self) -> None:
        """Ends the comparison after the day that it is at."""
        comparison, self._comparison = self._comparison, None
        if comparison is not None:
            comparison.cancel()

    async def _compare(self) -> None:
        loop, mine = asyncio.get_running_loop(), self._comparison

        def go_on(done: int, of: int) -> bool:
            if self._comparison is not mine:
                return False
            if done % _TELL_DAYS == 0 or done == of:
                loop.call_soon_threadsafe(self._on_compared, done, of)
            return True

        root, index, leave_alone = self._place.root, self._place.index, self._place.writing.__contains__
        try:
            recovered = await self._pools.from_files(compare_everything, root, index, leave_alone, go_on)
        except (OSError, SQLAlchemyError) as error:
            if self._comparison is mine:
                _LOGGER.warning("comparison broken off", extra={"problem": str(error)})
                self._comparison = None
        except Exception:
            # A defect of ours: trying again would not help.
            _LOGGER.exception("index and files not compared")
        else:
            if self._comparison is mine:
                _LOGGER.info("index and files compared", extra=recovered.as_log())
