"""The audit log, as far as packages are concerned."""

from typing import Protocol

from ..audit.actor import Actor
from .contents import Item, Trace


class NotNotedError(Exception):
    """The audit log does not take a record: what was to be recorded must not happen."""


class Record(Protocol):
    """What becomes of packages is written to it."""

    async def note(
        self,
        event: str,
        actor: Actor,
        number: str,
        item: Item | None = None,
        *,
        recipient: str | None = None,
        sha256: str | None = None,
        sums_sha256: str | None = None,
    ) -> Trace:
        """Writes a record and returns when the disk has it. Raises NotNotedError."""
        ...

    def tell_failure(self, actor: Actor, number: str, failure: str, problem: str) -> None:
        """Has a record written as soon as the disk takes it."""
        ...

    def tell_new_key(self, fingerprint: str) -> None:
        """The same: there were packages, and from now on another key signs them."""
        ...
