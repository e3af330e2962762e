"""After a start: files that were being written are cut to their last whole fragment, unlisted files are adopted."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ..media.boxes import BoxError
from ..media.cmaf import RecordingFile, read_recording
from .index import Index, RecordingRow
from .layout import recording_files

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Recovered:
    """What a recovery did, in numbers of files."""

    repaired: int = 0
    adopted: int = 0
    missing: int = 0
    unreadable: int = 0


def read_file(path: Path) -> RecordingFile:
    """A recording file's content. Raises OSError and BoxError."""
    with path.open("rb") as file:
        descriptor = file.fileno()

        def read(position: int, count: int) -> bytes:
            return os.pread(descriptor, count, position)

        return read_recording(read, os.fstat(descriptor).st_size)


def recover(root: Path, index: Index) -> Recovered:
    """Makes the index agree with the files, before anything is recorded."""
    result = Recovered()
    listed = {row.path: row for row in index.all_recordings()}
    on_disk = {path: camera_id for camera_id, path in recording_files(root)}
    missing = [path for path in listed if path not in on_disk]
    index.remove(missing)
    result.missing = len(missing)
    for path, camera_id in on_disk.items():
        row = listed.get(path)
        if row is not None and row.complete:
            continue
        if (root / path).stat().st_size == 0:
            (root / path).unlink()
            index.remove([path])
            continue
        try:
            file = read_file(root / path)
        except BoxError as error:
            _LOGGER.warning("not a recording file", extra={"path": path, "problem": str(error)})
            result.unreadable += 1
            index.remove([path])
            continue
        if not file.fragments:
            (root / path).unlink()
            index.remove([path])
            continue
        os.truncate(root / path, file.size)
        start_us = file.fragments[0].utc_us
        index.put(RecordingRow(path, camera_id, start_us, file.fragments[-1].end_us, file.size, complete=True))
        if row is None:
            result.adopted += 1
        else:
            result.repaired += 1
    return result
