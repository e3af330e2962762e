"""The register as it is now: what is written of each package, and how far the one is that is being made."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from .making import Making, Progress
from .register import Export, Register, State


class UnknownExportError(LookupError):
    """The register has no such number."""


class Entries:
    """All packages; to be used in one event loop.

    `on_change` hears of an entry when it has changed. Whoever decides by an entry what becomes of it holds `changing`.
    """

    def __init__(self, data: Path, on_change: Callable[[Export, Progress | None], None]) -> None:
        self.changing = asyncio.Lock()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="evidence-register")
        self._register = Register(data)
        self._on_change = on_change
        self._making: Making | None = None

    async def load(self) -> None:
        """Reads the register. Raises OSError."""
        await self.in_thread(self._register.load)

    async def in_thread[R](self, function: Callable[[], R]) -> R:
        """What a function answers that blocks on the disk of the data."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function)

    @property
    def all(self) -> Sequence[Export]:
        """Every entry, the oldest first."""
        return [self._as_it_is(export) for export in self._register.exports]

    def get(self, number: str) -> Export:
        """An entry. Raises UnknownExportError."""
        export = self._register.get(number)
        if export is None:
            raise UnknownExportError(number)
        return self._as_it_is(export)

    def waits(self, number: str) -> bool:
        """True if it is still to be made."""
        export = self._register.get(number)
        return export is not None and export.waits

    def progress(self, number: str) -> Progress | None:
        """How far it is, if it is being made."""
        making = self._making
        return making.progress if making is not None and making.request.number == number else None

    def next_number(self, year: int) -> str:
        """The number of the year's next package."""
        return self._register.next_number(year)

    def is_made_by(self, making: Making | None) -> None:
        """From now on this package is being made; None: none is."""
        self._making = making

    async def reserve(self, export: Export) -> None:
        """Writes an entry that nobody hears of yet: its number is taken, whatever happens. Raises OSError."""
        await self.in_thread(partial(self._register.put, export))

    async def put(self, export: Export) -> None:
        """Writes what has become of a package. Raises OSError."""
        await self.in_thread(partial(self._register.put, export))
        self.tell(export.number)

    def tell(self, number: str) -> None:
        """Tells how far a package is."""
        self._on_change(self.get(number), self.progress(number))

    def _as_it_is(self, export: Export) -> Export:
        is_made = self._making is not None and self._making.request.number == export.number
        return replace(export, state=State.RUNNING) if export.waits and is_made else export
