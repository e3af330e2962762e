"""Notes beside the footage: what recording files cannot tell, so that the index can be made of files alone.

`<camera>/YYYY/MM/DD/notes.jsonl` holds a camera's gaps and clock changes of a day (UTC), `observations.jsonl` what was
seen of it, `locks.jsonl` in the root all locks: one JSON object a line, added at the end. A later line replaces an
earlier one of the same kind and beginning (or id). A line that is not whole is the trace of a power cut and is passed
over. Former versions wrote observations among the other notes.
"""

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import utc
from ..cause import Cause
from .root import ArchiveRoot, cameras_on_disk, day_directories
from .timeline import ClockEvent, Gap, Lock, Note, Observation

NOTES_NAME = "notes.jsonl"
OBSERVATIONS_NAME = "observations.jsonl"
LOCKS_NAME = "locks.jsonl"

type Key = tuple[object, ...]


def write_note(root: ArchiveRoot, camera_id: str, note: Note) -> None:
    """Adds a camera's note. Raises OSError."""
    start_us = note.at_us if isinstance(note, ClockEvent) else note.start_us
    name = OBSERVATIONS_NAME if isinstance(note, Observation) else NOTES_NAME
    root.append(f"{day_of(camera_id, start_us)}/{name}", _line(_as_json(note)))


def day_of(camera_id: str, at_us: int) -> str:
    """The directory of a camera's day, below the archive's root."""
    return f"{camera_id}/{utc.from_us(at_us):%Y/%m/%d}"


def write_lock(root: ArchiveRoot, lock: Lock) -> None:
    """Adds a lock, or what has become of it; returns when it is on the disk. Raises OSError."""
    content = {
        "lock": lock.id,
        "camera": lock.camera_id,
        "start": utc.to_text(lock.start_us),
        "end": utc.to_text(lock.end_us),
        "owner": lock.owner,
        "reason": lock.reason,
        "created": utc.to_text(lock.created_us),
        "expires": utc.to_text(lock.expires_us),
        "released": None if lock.released_us is None else utc.to_text(lock.released_us),
    }
    root.append(LOCKS_NAME, _line(content), sync=True)


def read_locks(root: Path) -> list[Lock]:
    """Every lock there ever was, each as its last line tells."""
    locks: dict[str, Lock] = {}
    for entry in _entries(root / LOCKS_NAME):
        try:
            released = entry["released"]
            lock = Lock(
                entry["lock"],
                entry["camera"],
                utc.parse(entry["start"]),
                utc.parse(entry["end"]),
                entry["owner"],
                entry["reason"],
                utc.parse(entry["created"]),
                utc.parse(entry["expires"]),
                None if released is None else utc.parse(released),
            )
        except KeyError, TypeError, ValueError:
            continue
        locks[lock.id] = lock
    return list(locks.values())


def read_notes(root: Path) -> Iterator[tuple[str, Note]]:
    """(camera id, note) of everything that was noted, each as its last line tells; the oldest day first."""
    for camera_id in cameras_on_disk(root):
        for day in reversed(list(day_directories(root, camera_id))):
            for note in read_day(root, day).values():
                # A gap that turned out to be none was closed where it began.
                if not (isinstance(note, Gap) and note.end_us is not None and note.end_us <= note.start_us):
                    yield camera_id, note


def read_day(root: Path, day: str) -> dict[Key, Note]:
    """What was noted on a camera's day (`<camera>/YYYY/MM/DD`), each as its last line tells."""
    kept: dict[Key, Note] = {}
    for name in (NOTES_NAME, OBSERVATIONS_NAME):
        for entry in _entries(root / day / name):
            note = _note(entry)
            if note is not None:
                kept[key_of(note)] = note
    return kept


def without(root: ArchiveRoot, camera_id: str, observations: Collection[Observation]) -> None:
    """Takes a camera's observations out of the files of the days on which they began. Raises OSError."""
    gone = {key_of(observation) for observation in observations}
    for day in sorted({day_of(camera_id, one.start_us) for one in observations}):
        for name in (OBSERVATIONS_NAME, NOTES_NAME):
            with root.alone(camera_id):
                entries = list(_entries(root.path / day / name))
                notes = [(entry, _note(entry)) for entry in entries]
                kept = [entry for entry, note in notes if note is None or key_of(note) not in gone]
                if len(kept) < len(entries):
                    root.replace(f"{day}/{name}", b"".join(map(_line, kept)))


def key_of(note: Note) -> Key:
    """What makes two lines tell of the same."""
    match note:
        case Gap(start_us, _, _):
            return ("gap", start_us)
        case Observation():
            return ("observation", note.start_us, note.kind, note.zone)
        case ClockEvent(at_us, kind, _):
            return ("clock", at_us, kind)


def _as_json(note: Note) -> dict[str, object]:
    match note:
        case Gap(start_us, end_us, cause):
            end = None if end_us is None else utc.to_text(end_us)
            return {"gap": cause.value, "start": utc.to_text(start_us), "end": end}
        case Observation():
            still_us = note.still_us
            return {
                "observation": note.kind,
                "start": utc.to_text(note.start_us),
                "end": utc.to_text(note.end_us),
                "score": note.score,
                "zone": note.zone,
                "still": None if still_us is None else utc.to_text(still_us),
            }
        case ClockEvent(at_us, kind, by_us):
            return {"clock": kind, "at": utc.to_text(at_us), "by_s": by_us / utc.SECOND_US}


def _from_json(entry: Mapping[str, Any]) -> Note:
    if "gap" in entry:
        end = entry["end"]
        return Gap(utc.parse(entry["start"]), None if end is None else utc.parse(end), Cause(entry["gap"]))
    if "observation" in entry:
        return _observation(entry)
    return ClockEvent(utc.parse(entry["at"]), str(entry["clock"]), round(entry["by_s"] * utc.SECOND_US))


def _observation(entry: Mapping[str, Any]) -> Observation:
    start_us, end_us = utc.parse(entry["start"]), utc.parse(entry["end"])
    score, still, zone = float(entry.get("score", 1.0)), entry.get("still"), entry.get("zone")
    if not math.isfinite(score):
        raise ValueError("a number was expected")
    still_us = None if still is None else utc.parse(still)
    return Observation(start_us, end_us, str(entry["observation"]), score, zone and str(zone), still_us)


def _note(entry: Mapping[str, Any]) -> Note | None:
    try:
        return _from_json(entry)
    except KeyError, TypeError, ValueError:
        return None


def _line(content: Mapping[str, object]) -> bytes:
    # A newline first: should the last line be torn, this one is whole all the same.
    return b"\n" + json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _entries(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line) if line else None
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def remove_notes(root: ArchiveRoot, before_us: int) -> None:
    """Deletes the notes of days before the one of this instant. Raises OSError."""
    kept_from = f"{utc.from_us(before_us):%Y/%m/%d}"
    for camera_id in cameras_on_disk(root.path):
        for day in day_directories(root.path, camera_id):
            if day.removeprefix(f"{camera_id}/") < kept_from and os.path.exists(root.path / day / NOTES_NAME):
                root.remove(f"{day}/{NOTES_NAME}")
