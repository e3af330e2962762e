"""Retention of what was seen: observations and activity go when their days are over, wherever no lock keeps them.

They stay when footage makes way for want of space: they take next to none, and the days are those of the camera.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .. import utc
from .activity import ACTIVITY_NAME, records
from .notes import day_of, without
from .place import Place
from .root import ArchiveRoot, cameras_on_disk, day_directories
from .sightings import ObservationId
from .timeline import Lock, Observation, Span


@dataclass(frozen=True, slots=True)
class Past:
    """What of a camera ended at or before an instant, and is not held by a lock: observations, seconds of activity.

    `files` are the paths of the activity.
    """

    camera_id: str
    before_us: int
    held: tuple[Span, ...]
    observations: tuple[Observation, ...]
    files: tuple[str, ...]
    activity_s: int


def what_is_past(place: Place, camera_id: str, before_us: int, locks: Sequence[Lock], now_us: int) -> Past | None:
    """What of a camera is past its days; None if nothing is. Raises OSError."""
    held = tuple(Span(one.start_us, one.end_us) for one in locks if one.camera_id == camera_id and one.holds(now_us))
    ended = place.index.sightings.ended_before(camera_id, before_us)
    observations = tuple(one for one in ended if not _is_held(one.start_us, one.end_us, held))
    files, activity_s = [], 0
    for path in _activity_before(place.root, camera_id, before_us):
        _, gone_s = _left(_content(place.root, path), before_us, held)
        if gone_s:
            files.append(path)
            activity_s += gone_s
    return Past(camera_id, before_us, held, observations, tuple(files), activity_s) if observations or files else None


def forget(place: Place, past: Past) -> None:
    """Deletes it, from the index first. Raises OSError."""
    place.index.sightings.remove([ObservationId.of(past.camera_id, one) for one in past.observations])
    without(place.root, past.camera_id, past.observations)
    for path in past.files:
        with place.root.alone(past.camera_id):
            left, _ = _left(_content(place.root, path), past.before_us, past.held)
            place.root.replace(path, left)


def forget_from(place: Place, camera_id: str, from_us: int) -> None:
    """What was seen of a camera after an instant was dated by a wrong clock: it makes way. Raises OSError."""
    observations = place.index.sightings.begun_on(camera_id, from_us, 1 << 62)
    place.index.sightings.remove([ObservationId.of(camera_id, one) for one in observations])
    without(place.root, camera_id, observations)
    for day in day_directories(place.root.path, camera_id):
        path = f"{day}/{ACTIVITY_NAME}"
        if day < day_of(camera_id, from_us):
            break
        with place.root.alone(camera_id):
            data = _content(place.root, path)
            kept = [one for one in records(data) if one.start_s * utc.SECOND_US < from_us]
            left = b"".join(data[one.offset : one.behind] for one in kept)
            if len(left) < len(data):
                place.root.replace(path, left)


def cameras_with_sightings(place: Place) -> list[str]:
    """The cameras that anything was seen of. Raises OSError."""
    return sorted({*cameras_on_disk(place.root.path), *place.index.sightings.cameras()})


def _left(data: bytes, before_us: int, held: Sequence[Span]) -> tuple[bytes, int]:
    """What of a day's activity stays, and the seconds that do not."""
    kept, gone_s = [], 0
    for record in records(data):
        start_us, end_us = record.start_s * utc.SECOND_US, record.end_s * utc.SECOND_US
        if end_us > before_us or _is_held(start_us, end_us, held):
            kept.append(data[record.offset : record.behind])
        else:
            gone_s += record.end_s - record.start_s
    return b"".join(kept), gone_s


def _activity_before(root: ArchiveRoot, camera_id: str, before_us: int) -> Iterator[str]:
    """The files of the days that began before an instant."""
    for day in day_directories(root.path, camera_id):
        begin = datetime.strptime(day.removeprefix(f"{camera_id}/"), "%Y/%m/%d").replace(tzinfo=UTC)
        path = f"{day}/{ACTIVITY_NAME}"
        if utc.to_us(begin) < before_us and (root.path / path).exists():
            yield path


def _content(root: ArchiveRoot, path: str) -> bytes:
    try:
        return (root.path / path).read_bytes()
    except FileNotFoundError:
        return b""


def _is_held(start_us: int, end_us: int, held: Sequence[Span]) -> bool:
    return any(span.start_us < end_us and span.end_us > start_us for span in held)
