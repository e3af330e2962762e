"""Makes index and files agree: after a start, when asked to compare them, and when the index is made anew.

The files are the truth. A file that broke off is cut to its last whole fragment and completed, one that the index does
not know is taken in, one that is gone is noted as a gap.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import batched, islice
from pathlib import Path

from .. import utc
from ..cause import Cause
from ..media.boxes import BoxError
from ..media.cmaf import ClockSource, RecordingFile
from ..media.reading import read_recording
from ..media.sample_table import closing_boxes
from .index import Index, RecordingRow
from .layout import files_of_day
from .notes import NOTES_NAME, key_of, read_day, read_locks, read_notes, write_note
from .retention import DAY_US
from .root import ArchiveRoot, cameras_on_disk, day_directories
from .timeline import Gap, Note, Observation
from .writer import clock_name

_LOGGER = logging.getLogger(__name__)

# After a crash, what the index does not know is among the newest files; two days, should it have been midnight. What
# is older can wait until recording goes on.
_NEWEST_DAYS = 2
_NEWEST_FILES = 3
_BATCH = 500


@dataclass(slots=True)
class Recovered:
    """What a recovery did, in numbers of files."""

    files: int = 0
    repaired: int = 0
    adopted: int = 0
    missing: int = 0
    unreadable: int = 0

    def as_log(self) -> dict[str, object]:
        """For a line in the log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def read_file(path: Path) -> RecordingFile:
    """A recording file's content. Raises OSError and BoxError."""
    with path.open("rb") as file:
        descriptor = file.fileno()

        def read(position: int, count: int) -> bytes:
            return os.pread(descriptor, count, position)

        return read_recording(read, os.fstat(descriptor).st_size)


def read_part(path: str, offset: int, size: int) -> bytes:
    """`size` bytes of a file, fewer at its end. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return os.pread(file.fileno(), size, offset)


def complete_file(root: ArchiveRoot, path: str, camera_id: str) -> RecordingRow | None:
    """A file's row, after a torn tail was cut off and the closing boxes were added; None if it holds no footage.

    Raises OSError, and BoxError for what is no recording file.
    """
    full = root.path / path
    file = read_file(full)
    if not file.fragments:
        return None
    if not file.closed:
        root.verify()
        with full.open("r+b") as opened:
            opened.truncate(file.size)
            opened.seek(file.size)
            opened.write(closing_boxes(file))
            opened.flush()
            os.fsync(opened.fileno())
    return _row(path, camera_id, file, full.stat().st_size)


def repair_newest(root: ArchiveRoot, index: Index, leave_alone: Callable[[str], bool]) -> Recovered:
    """What has to be right before anything is recorded: files that broke off, and the newest files of each camera."""
    result = Recovered()
    for row in index.unfinished():
        if (root.path / row.path).exists():
            _settle(root, index, row.path, row.camera_id, row, result)
        else:
            _missing(root, index, row, result)
    for camera_id in cameras_on_disk(root.path):
        days = islice(day_directories(root.path, camera_id), _NEWEST_DAYS)
        newest = [path for day in days for path in reversed(files_of_day(root.path, day))][:_NEWEST_FILES]
        listed = {path for day in {path.rpartition("/")[0] for path in newest} for path in index.below(day)}
        for path in newest:
            if path not in listed and not leave_alone(path):
                found = _adoptable(root, path, camera_id, result)
                if found is not None:
                    index.put_many([found])
        for day in islice(day_directories(root.path, camera_id), _NEWEST_DAYS):
            _compare_notes(root, index, camera_id, day)
        _end_gaps(root, index, camera_id)
    return result


def compare_everything(
    root: ArchiveRoot, index: Index, leave_alone: Callable[[str], bool], go_on: Callable[[int, int], bool]
) -> Recovered:
    """Every day of every camera, the newest first; while recording goes on.

    `leave_alone` says which paths are being written. `go_on` hears how many of how many days are done, and may end it.
    """
    result = Recovered()
    cameras = sorted({*cameras_on_disk(root.path), *index.cameras()})
    days = [
        (camera_id, day)
        for camera_id in cameras
        for day in sorted({*day_directories(root.path, camera_id), *index.days(camera_id)}, reverse=True)
    ]
    # What is noted today is noted now; the newest days were compared at the start.
    newest = {day for camera_id in cameras for day in islice(day_directories(root.path, camera_id), _NEWEST_DAYS)}
    for number, (camera_id, day) in enumerate(days):
        if not go_on(number, len(days)):
            return result
        root.verify()
        _compare_day(root, index, camera_id, day, result, leave_alone)
        if day not in newest:
            _compare_notes(root, index, camera_id, day)
    go_on(len(days), len(days))
    return result


def take_in_notes(root: Path, index: Index) -> None:
    """Gaps, observations, clock changes and locks of an index that knows none."""
    for batch in batched(read_notes(root), _BATCH, strict=False):
        with index.store.batch():
            for camera_id, note in batch:
                index.put_note(camera_id, note)
    with index.store.batch():
        for lock in read_locks(root):
            index.put_lock(lock)


def differences(root: ArchiveRoot, index: Index) -> Iterator[str]:
    """What index and files say differently, a line each. Changes nothing."""
    for camera_id in sorted({*cameras_on_disk(root.path), *index.cameras()}):
        for day in sorted({*day_directories(root.path, camera_id), *index.days(camera_id)}):
            listed = index.below(day)
            on_disk = files_of_day(root.path, day)
            yield from (f"{path}: in the index, but not on the disk" for path in sorted(listed.keys() - set(on_disk)))
            for path in on_disk:
                yield from _difference(root.path, path, camera_id, listed.get(path))
        yield from _overlaps(index, camera_id)
    yield from _note_differences(root.path, index)


def _difference(root: Path, path: str, camera_id: str, row: RecordingRow | None) -> Iterator[str]:
    try:
        file = read_file(root / path)
    except (OSError, BoxError) as error:
        yield f"{path}: not a recording file: {error}"
        return
    if not file.fragments:
        yield f"{path}: holds no footage"
        return
    found = _row(path, camera_id, file, (root / path).stat().st_size)
    if row is None:
        yield f"{path}: on the disk, but not in the index"
        return
    if not file.closed:
        yield f"{path}: was not closed"
    for name in ("start_us", "end_us", "size_bytes", "clock"):
        told, is_so = getattr(row, name), getattr(found, name)
        if told != is_so and (row.complete or name != "size_bytes"):
            yield f"{path}: {name} is {is_so}, the index says {told}"


def _overlaps(index: Index, camera_id: str) -> Iterator[str]:
    former: RecordingRow | None = None
    for row in index.ended_before(camera_id, 1 << 62):
        if former is not None and row.start_us < former.end_us:
            yield f"{row.path}: begins {former.end_us - row.start_us} µs before {former.path} ends"
        former = row


def _note_differences(root: Path, index: Index) -> Iterator[str]:
    everything = (-(1 << 62), 1 << 62)
    on_disk: dict[str, set[Note]] = {}
    for camera_id, note in read_notes(root):
        on_disk.setdefault(camera_id, set()).add(note)
    for camera_id in sorted({*on_disk, *index.cameras(), *index.sightings.cameras()}):
        listed = {
            *index.gaps(camera_id, *everything),
            *index.sightings.ended_before(camera_id, everything[1]),
            *index.clock_events(camera_id, *everything),
        }
        noted = on_disk.get(camera_id, set())
        yield from (f"{camera_id}: {note} is noted, but not in the index" for note in sorted(noted - listed, key=repr))
        yield from (f"{camera_id}: {note} is in the index, but not noted" for note in sorted(listed - noted, key=repr))
    kept = {lock.id: lock for lock in index.locks()}
    noted_locks = {lock.id: lock for lock in read_locks(root)}
    for lock_id in sorted(kept.keys() | noted_locks.keys()):
        if kept.get(lock_id) != noted_locks.get(lock_id):
            yield f"lock {lock_id}: index and {NOTES_NAME} differ"


def _compare_day(
    root: ArchiveRoot,
    index: Index,
    camera_id: str,
    day: str,
    result: Recovered,
    leave_alone: Callable[[str], bool],
) -> None:
    on_disk = files_of_day(root.path, day)
    listed = index.below(day)
    adopted: list[RecordingRow] = []
    for path in on_disk:
        row = listed.get(path)
        if leave_alone(path) or (row is not None and row.complete):
            result.files += 1
        elif row is not None:
            _settle(root, index, path, camera_id, row, result)
        elif (found := _adoptable(root, path, camera_id, result)) is not None:
            adopted.append(found)
            if len(adopted) >= _BATCH:
                index.put_many(adopted)
                adopted = []
    index.put_many(adopted)
    for path in sorted(listed.keys() - set(on_disk)):
        if not leave_alone(path) and not (root.path / path).exists() and path in index.below(day):
            _missing(root, index, listed[path], result)


def _compare_notes(root: ArchiveRoot, index: Index, camera_id: str, day: str) -> None:
    """After a power cut, either side may lack what the other has. A gap that is known to have ended has ended."""
    noted = read_day(root.path, day)
    start_us = utc.to_us(datetime.strptime(day.removeprefix(f"{camera_id}/"), "%Y/%m/%d").replace(tzinfo=UTC))
    end_us = start_us + DAY_US
    known: list[Note] = [gap for gap in index.gaps(camera_id, start_us, end_us) if gap.start_us >= start_us]
    known += index.sightings.begun_on(camera_id, start_us, end_us)
    known += index.clock_events(camera_id, start_us, end_us)
    listed = {key_of(note): note for note in known}
    for key, note in noted.items():
        if key not in listed:
            if not isinstance(note, Gap) or note.end_us is None or note.end_us > note.start_us:
                index.put_note(camera_id, note)
        elif listed[key] != note and _tells_more(note, listed[key]):
            index.put_note(camera_id, note)
            del listed[key]
    for key, note in listed.items():
        if noted.get(key) != note:
            write_note(root, camera_id, note)


def _tells_more(noted: Note, listed: Note) -> bool:
    """Whether what is noted was written after what is listed of the same."""
    if isinstance(noted, Gap):
        return noted.end_us is not None
    if isinstance(noted, Observation) and isinstance(listed, Observation):
        return noted.end_us >= listed.end_us
    return False


def _end_gaps(root: ArchiveRoot, index: Index, camera_id: str) -> None:
    """A gap behind which there is footage has ended, even if nobody came to say so."""
    while (gap := index.open_gap(camera_id)) is not None:
        end_us = None
        for row in index.recordings(camera_id, gap.start_us, 1 << 62):
            if row.start_us >= gap.start_us:
                end_us = row.start_us
                break
            try:
                fragments = read_file(root.path / row.path).fragments
            except OSError, BoxError:
                continue
            end_us = next((one.utc_us for one in fragments if one.utc_us >= gap.start_us), None)
            if end_us is not None:
                break
        if end_us is None:
            return
        ended = Gap(gap.start_us, end_us, gap.cause)
        write_note(root, camera_id, ended)
        index.put_gap(camera_id, ended)
        if index.open_gap(camera_id) == gap:
            # The database does not take it now.
            return


def _adoptable(root: ArchiveRoot, path: str, camera_id: str, result: Recovered) -> RecordingRow | None:
    try:
        row = complete_file(root, path, camera_id)
    except FileNotFoundError:
        return None
    except BoxError as error:
        if (root.path / path).stat().st_size == 0:
            root.remove(path)
        else:
            _LOGGER.warning("not a recording file", extra={"path": path, "problem": str(error)})
            result.unreadable += 1
        return None
    if row is None:
        root.remove(path)
        return None
    result.adopted += 1
    result.files += 1
    return row


def _settle(root: ArchiveRoot, index: Index, path: str, camera_id: str, row: RecordingRow, result: Recovered) -> None:
    """A file that the index knows as being written."""
    before = result.adopted
    found = _adoptable(root, path, camera_id, result)
    result.adopted = before
    if found is None:
        index.remove([row])
    else:
        index.put(found)
        result.repaired += 1


def _missing(root: ArchiveRoot, index: Index, row: RecordingRow, result: Recovered) -> None:
    _LOGGER.warning("recording file is gone", extra={"path": row.path})
    result.missing += 1
    index.remove([row])
    if row.end_us > row.start_us:
        gap = Gap(row.start_us, row.end_us, Cause.FILE_MISSING)
        index.put_gap(row.camera_id, gap)
        write_note(root, row.camera_id, gap)


def _row(path: str, camera_id: str, file: RecordingFile, size_bytes: int) -> RecordingRow:
    told = all(fragment.clock is ClockSource.SENDER_REPORT for fragment in file.fragments)
    start_us, end_us = file.fragments[0].utc_us, file.fragments[-1].end_us
    return RecordingRow(path, camera_id, start_us, end_us, size_bytes, True, clock_name(told_by_camera=told))
