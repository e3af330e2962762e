"""The commands `check` and `rebuild`: footage and index, compared or made to agree by hand."""

import sys
from pathlib import Path

from .archive.index import Index, open_index
from .archive.recovery import compare_everything, differences, repair_newest, take_in_notes
from .archive.root import ArchiveRoot, forget_identity
from .audit.verification import verify
from .identity import hold

_INDEX = "index.sqlite"
_SHOWN = 1_000


def check(data: Path, archive: Path) -> int:
    """Compares footage, notes and audit log with the index and says what differs. Changes nothing.

    While the recorder runs, files that are being written show up as not closed. Exit code 1 if anything differs.
    """
    if not (data / _INDEX).exists():
        print(f"{data / _INDEX} is missing; the recorder makes it anew when it starts", file=sys.stderr)
        return 2
    root = ArchiveRoot(archive, data)
    root.verify()
    index = Index(data / _INDEX)
    found = 0
    try:
        for difference in differences(root, index):
            found += 1
            if found <= _SHOWN:
                print(difference)
        for finding in verify(data):
            found += 1
            print(f"audit log: {finding}")
    finally:
        index.close()
        root.close()
    if found > _SHOWN:
        print(f"… and {found - _SHOWN} more")
    print("nothing differs" if not found else f"{found} differences", file=sys.stderr)
    return 1 if found else 0


def rebuild(data: Path, archive: Path) -> int:
    """Makes the index anew from the footage and the notes beside it. The recorder must not be running.

    The archive that is found becomes this recorder's own: after a disk was changed, this is how to say so.
    """
    data.mkdir(parents=True, exist_ok=True)
    with hold(data):
        forget_identity(data)
        root = ArchiveRoot(archive, data)
        root.verify()
        fresh = data / f"{_INDEX}.new"
        _remove(fresh)
        index, _ = open_index(fresh)
        take_in_notes(root.path, index)
        result = repair_newest(root, index, lambda _path: False)

        def go_on(done: int, of: int) -> bool:
            if sys.stderr.isatty() or done == of:
                print(f"\r{done} of {of} days", end="\n" if done == of else "", file=sys.stderr, flush=True)
            return True

        everything = compare_everything(root, index, lambda _path: False, go_on)
        index.close()
        _remove(data / _INDEX)
        fresh.replace(data / _INDEX)
        _remove(fresh)
        root.close()
    print(f"{everything.files} recording files; unreadable: {result.unreadable + everything.unreadable}")
    return 0


def _remove(database: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
