"""What all cameras' recordings share: the archive's root, the index, the threads that write, and the rules."""

from dataclasses import dataclass, field

from .index import Index
from .layout import FILE_S
from .retention import Storage
from .root import ArchiveRoot
from .threads import DiskThreads


@dataclass(slots=True)
class Place:
    """Where all cameras' footage goes.

    `writing` holds the paths of files that are being written now: nobody else touches them. `stuck` says that a write
    hangs though everything is to end. `packages_bytes` of evidence packages lie beside the footage, `promised_bytes`
    are about to be written there.
    """

    root: ArchiveRoot
    index: Index
    disk: DiskThreads
    storage: Storage
    file_s: int = FILE_S
    writing: set[str] = field(default_factory=set)
    stuck: bool = False
    packages_bytes: int = 0
    promised_bytes: int = 0
