"""The index of footage in a database: an index only, the files are the truth.

Files that are being written live in memory here: the database learns of a file when it begins and when it is complete.
What the database cannot take now (its disk is full) is kept and tried again, so that no caller has to care.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from ..cause import Cause
from . import database
from .schema import CLOCK_EVENT, GAP, LOCK, RECORDING, UnknownRevisionError
from .sightings import Sightings
from .store import Store
from .timeline import ClockEvent, Gap, Lock, Note, Observation

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording file as the index knows it. `path` is relative to the archive's root.

    `clock` says how its time was got: "sender_report" if all of it comes from the camera's own, else "arrival".
    """

    path: str
    camera_id: str
    start_us: int
    end_us: int
    size_bytes: int
    complete: bool
    clock: str = "arrival"


_NAMES = tuple(field.name for field in fields(RecordingRow))
_COLUMNS = tuple(RECORDING.c[name] for name in _NAMES)
_LOCK_COLUMNS = tuple(LOCK.c[field.name] for field in fields(Lock))


class Index:
    """One database. Every method may block on the disk: call them outside the event loop, from any thread.

    `store` says whether the database takes what is written, `sightings` has the observations. Another writer of the
    database is waited for `wait_s` seconds.
    """

    def __init__(self, path: Path, wait_s: float = database.WAIT_S) -> None:
        self._open: dict[str, RecordingRow] = {}
        self._used: defaultdict[str, int] = defaultdict(int)
        self.written_bytes = 0
        self.store = Store(path, wait_s, self._on_written)
        self.sightings = Sightings(self.store, self._is_being_written)
        query = sa.select(RECORDING.c.camera_id, sa.func.sum(RECORDING.c.size_bytes)).group_by(RECORDING.c.camera_id)
        self._used.update((camera_id, size_bytes) for camera_id, size_bytes in self.store.fetch(query))

    def renew(self, reason: str) -> None:
        """Puts the database aside and begins an empty one; files being written stay known."""
        with self.store.lock:
            self.store.renew(reason)
            self._used.clear()
            opened, self._open = list(self._open.values()), {}
            for row in opened:
                self.put(row)

    def close(self) -> None:
        """Closes all connections, after a last try to write what is pending."""
        self.store.close()

    def _on_written(self) -> None:
        for path in [path for path, row in self._open.items() if row.complete]:
            del self._open[path]

    def _is_being_written(self, camera_id: str, at_us: int) -> bool:
        with self.store.lock:
            return any(row.camera_id == camera_id and row.start_us <= at_us < row.end_us for row in self._open.values())

    # --- recordings: what changes -------------------------------------------------------------------------------------

    def put(self, row: RecordingRow) -> None:
        """A file has begun, has got longer, or is complete."""
        with self.store.lock:
            listed = row.path in self._open
            known = self._open[row.path] if listed else next(iter(self._by_path([row.path])), None)
            grown = row.size_bytes - (known.size_bytes if known else 0)
            self._used[row.camera_id] += grown
            self.written_bytes += max(0, grown)
            self._open[row.path] = row
            if row.complete or not listed:
                self.store.write(lambda connection: _upsert(connection, row))

    def let_go(self, row: RecordingRow) -> None:
        """A file broke off: nobody writes it any more, and it waits to be repaired."""
        with self.store.lock:
            self.put(row)
            self._open.pop(row.path, None)
            self.store.write(lambda connection: _upsert(connection, row))

    def put_many(self, rows: Sequence[RecordingRow]) -> None:
        """Many complete files. One that is known is replaced: two may find the same file at the same time."""
        with self.store.lock:
            paths = self._forget(rows)
            for row in rows:
                self._used[row.camera_id] += row.size_bytes
            values = [_values(row) for row in rows]

            def replace(connection: sa.Connection) -> None:
                _delete(connection, paths)
                connection.execute(sa.insert(RECORDING), values)

            if values:
                self.store.write(replace)

    def remove(self, rows: Sequence[RecordingRow]) -> None:
        """Files that are no longer there."""
        with self.store.lock:
            paths = self._forget(rows)
            self.store.write(lambda connection: _delete(connection, paths))

    def _forget(self, rows: Sequence[RecordingRow]) -> list[str]:
        paths = [row.path for row in rows]
        for row in self._by_path(paths):
            self._used[row.camera_id] -= row.size_bytes
        for path in paths:
            self._open.pop(path, None)
        return paths

    # --- recordings: what there is ------------------------------------------------------------------------------------

    def recordings(self, camera_id: str, start_us: int, end_us: int) -> list[RecordingRow]:
        """A camera's files with footage in start ≤ time < end, in the order of their start."""
        query = sa.select(*_COLUMNS).where(*_inside(camera_id, start_us, end_us)).order_by(RECORDING.c.start_us)
        with self.store.lock:
            open_rows = {row.path: row for row in self._open.values() if row.camera_id == camera_id}
            rows = {row[0]: RecordingRow(*row) for row in self.store.fetch(query)}
        rows.update(open_rows)
        inside = (row for row in rows.values() if row.start_us < end_us and row.end_us > start_us)
        return sorted(inside, key=lambda row: row.start_us)

    def extents(self, camera_id: str, start_us: int, end_us: int) -> list[tuple[int, int, int]]:
        """(start, end, bytes) of the same files as `recordings`: for sums over many days."""
        query = sa.select(RECORDING.c.start_us, RECORDING.c.end_us, RECORDING.c.size_bytes)
        with self.store.lock:
            being_written = [row for row in self._open.values() if row.camera_id == camera_id]
            # The database knows them as they began.
            former = {row.start_us for row in being_written}
            listed = self.store.fetch(query.where(*_inside(camera_id, start_us, end_us)).order_by(RECORDING.c.start_us))
        files = [(row[0], row[1], row[2]) for row in listed if row[0] not in former]
        files += [
            (row.start_us, row.end_us, row.size_bytes)
            for row in being_written
            if row.start_us < end_us and row.end_us > start_us
        ]
        return sorted(files) if being_written else files

    def unfinished(self) -> list[RecordingRow]:
        """The files that broke off, in this run or in the one before."""
        query = sa.select(*_COLUMNS).where(RECORDING.c.complete.is_(False))
        with self.store.lock:
            return [RecordingRow(*row) for row in self.store.fetch(query) if row[0] not in self._open]

    def below(self, directory: str) -> dict[str, RecordingRow]:
        """The files of a camera's day by their paths."""
        query = sa.select(*_COLUMNS).where(RECORDING.c.path > f"{directory}/", RECORDING.c.path < f"{directory}0")
        with self.store.lock:
            rows = {row[0]: RecordingRow(*row) for row in self.store.fetch(query)}
            return rows | {path: row for path, row in self._open.items() if path.startswith(f"{directory}/")}

    def days(self, camera_id: str) -> set[str]:
        """The directories (`<camera>/YYYY/MM/DD`) in which the index knows files of a camera."""
        length = len(camera_id) + len("/YYYY/MM/DD")
        query = sa.select(sa.func.substr(RECORDING.c.path, 1, length).distinct()).where(
            RECORDING.c.path > f"{camera_id}/", RECORDING.c.path < f"{camera_id}0"
        )
        return {row[0] for row in self.store.fetch(query)}

    def everything(self) -> Iterator[RecordingRow]:
        """Every complete file of every camera, the oldest first, without ever holding them all."""
        after: tuple[int, str] = (-(1 << 62), "")
        while True:
            query = (
                sa.select(*_COLUMNS)
                .where(RECORDING.c.complete)
                .where(
                    sa.or_(
                        RECORDING.c.start_us > after[0],
                        sa.and_(RECORDING.c.start_us == after[0], RECORDING.c.path > after[1]),
                    ),
                    RECORDING.c.start_us >= after[0],
                )
                .order_by(RECORDING.c.start_us, RECORDING.c.path)
                .limit(_CHUNK)
            )
            rows = [RecordingRow(*row) for row in self.store.fetch(query)]
            yield from rows
            if len(rows) < _CHUNK:
                return
            after = rows[-1].start_us, rows[-1].path

    def ended_before(self, camera_id: str, before_us: int, most: int | None = None) -> list[RecordingRow]:
        """A camera's complete files that ended at or before this instant, the oldest first; at most so many."""
        query = (
            sa.select(*_COLUMNS)
            .where(
                RECORDING.c.camera_id == camera_id,
                RECORDING.c.start_us < before_us,
                RECORDING.c.end_us <= before_us,
                RECORDING.c.complete,
            )
            .order_by(RECORDING.c.start_us)
            .limit(most)
        )
        return [RecordingRow(*row) for row in self.store.fetch(query)]

    def cameras(self) -> list[str]:
        """The cameras that have footage, present or former."""
        with self.store.lock:
            return sorted(camera_id for camera_id, size_bytes in self._used.items() if size_bytes > 0)

    @property
    def used_bytes(self) -> int:
        """Bytes of all footage."""
        with self.store.lock:
            return sum(self._used.values())

    def bytes_between(self, start_us: int, end_us: int) -> int:
        """Bytes of the complete files of all cameras that began in the range."""
        query = sa.select(sa.func.coalesce(sa.func.sum(RECORDING.c.size_bytes), 0)).where(
            RECORDING.c.start_us >= start_us, RECORDING.c.start_us < end_us, RECORDING.c.complete
        )
        return int(self.store.fetch(query)[0][0])

    def first_start_us(self, camera_id: str) -> int | None:
        """The beginning of a camera's oldest footage."""
        query = sa.select(sa.func.min(RECORDING.c.start_us)).where(RECORDING.c.camera_id == camera_id)
        start_us: int | None = self.store.fetch(query)[0][0]
        return start_us

    def last_end_us(self, camera_id: str, before_us: int = 1 << 62) -> int | None:
        """The end of a camera's newest footage that begins before an instant."""
        query = (
            sa.select(RECORDING.c.end_us)
            .where(RECORDING.c.camera_id == camera_id, RECORDING.c.start_us < before_us)
            .order_by(RECORDING.c.start_us.desc())
            .limit(1)
        )
        with self.store.lock:
            mine = (row for row in self._open.values() if row.camera_id == camera_id and row.start_us < before_us)
            ends = [row.end_us for row in mine]
            return max([*ends, *(row[0] for row in self.store.fetch(query))], default=None)

    # --- notes --------------------------------------------------------------------------------------------------------

    def gaps(self, camera_id: str, start_us: int, end_us: int) -> list[Gap]:
        """A camera's gaps that touch start ≤ time < end, in the order of their start."""
        query = (
            sa.select(GAP.c.start_us, GAP.c.end_us, GAP.c.cause)
            .where(GAP.c.camera_id == camera_id, GAP.c.start_us < end_us)
            .where(sa.or_(GAP.c.end_us.is_(None), GAP.c.end_us > start_us))
            .order_by(GAP.c.start_us)
        )
        return [Gap(row.start_us, row.end_us, Cause(row.cause)) for row in self.store.fetch(query)]

    def all_gaps(self, start_us: int, end_us: int) -> dict[str, list[Gap]]:
        """The gaps of all cameras that touch start ≤ time < end, in the order of their start."""
        query = (
            sa.select(GAP.c.camera_id, GAP.c.start_us, GAP.c.end_us, GAP.c.cause)
            .where(GAP.c.start_us < end_us, sa.or_(GAP.c.end_us.is_(None), GAP.c.end_us > start_us))
            .order_by(GAP.c.start_us)
        )
        found: dict[str, list[Gap]] = {}
        for row in self.store.fetch(query):
            found.setdefault(row.camera_id, []).append(Gap(row.start_us, row.end_us, Cause(row.cause)))
        return found

    def open_gap(self, camera_id: str) -> Gap | None:
        """The gap that lasts; None if there is none, or if the database cannot be asked now."""
        query = sa.select(GAP.c.start_us, GAP.c.cause).where(GAP.c.camera_id == camera_id, GAP.c.end_us.is_(None))
        with suppress(SQLAlchemyError):
            for row in self.store.fetch(query.order_by(GAP.c.start_us)):
                return Gap(row.start_us, None, Cause(row.cause))
        return None

    def put_gap(self, camera_id: str, gap: Gap) -> None:
        """A gap begins, or ends: one that begins at the same time is replaced. One that ends where it began is none."""

        def write(connection: sa.Connection) -> None:
            same = sa.and_(GAP.c.camera_id == camera_id, GAP.c.start_us == gap.start_us)
            connection.execute(sa.delete(GAP).where(same))
            if gap.end_us is None or gap.end_us > gap.start_us:
                values = {"camera_id": camera_id, "start_us": gap.start_us, "end_us": gap.end_us}
                connection.execute(sa.insert(GAP).values(cause=gap.cause.value, **values))

        self.store.write(write)

    def clock_events(self, camera_id: str, start_us: int, end_us: int) -> list[ClockEvent]:
        """What happened to the clocks that a camera's time depends on, in the order of its time."""
        query = (
            sa.select(CLOCK_EVENT.c.at_us, CLOCK_EVENT.c.kind, CLOCK_EVENT.c.by_us)
            .where(CLOCK_EVENT.c.camera_id == camera_id)
            .where(CLOCK_EVENT.c.at_us >= start_us, CLOCK_EVENT.c.at_us < end_us)
            .order_by(CLOCK_EVENT.c.at_us)
        )
        return [ClockEvent(*row) for row in self.store.fetch(query)]

    def put_clock_event(self, camera_id: str, event: ClockEvent) -> None:
        """A clock that a camera's time depends on has changed."""
        values = {"camera_id": camera_id, "at_us": event.at_us, "kind": event.kind, "by_us": event.by_us}
        self.store.write(lambda connection: connection.execute(sa.insert(CLOCK_EVENT).values(values)))

    def put_note(self, camera_id: str, note: Note) -> None:
        """Whatever lies beside a camera's footage."""
        match note:
            case Gap():
                self.put_gap(camera_id, note)
            case Observation():
                self.sightings.put(camera_id, [note])
            case ClockEvent():
                self.put_clock_event(camera_id, note)

    def forget_notes(self, before_us: int) -> None:
        """Gaps and clock changes that ended before this instant are no longer of interest."""

        def delete(connection: sa.Connection) -> None:
            connection.execute(sa.delete(GAP).where(GAP.c.end_us < before_us))
            connection.execute(sa.delete(CLOCK_EVENT).where(CLOCK_EVENT.c.at_us < before_us))

        self.store.write(delete)

    # --- locks --------------------------------------------------------------------------------------------------------

    def locks(self) -> list[Lock]:
        """Every lock there is or was, in the order of its making."""
        query = sa.select(*_LOCK_COLUMNS).order_by(LOCK.c.created_us, LOCK.c.id)
        return [Lock(*row) for row in self.store.fetch(query)]

    def put_lock(self, lock: Lock) -> None:
        """A lock is made, or changes."""
        values = {field.name: getattr(lock, field.name) for field in fields(Lock)}

        def write(connection: sa.Connection) -> None:
            connection.execute(sa.delete(LOCK).where(LOCK.c.id == lock.id))
            connection.execute(sa.insert(LOCK).values(values))

        self.store.write(write)

    def _by_path(self, paths: Sequence[str]) -> list[RecordingRow]:
        """What is known of these files; nothing if the database cannot be asked now."""
        rows: dict[str, RecordingRow] = {}
        with suppress(SQLAlchemyError):
            for start in range(0, len(paths), _CHUNK):
                query = sa.select(*_COLUMNS).where(RECORDING.c.path.in_(paths[start : start + _CHUNK]))
                rows |= {row[0]: RecordingRow(*row) for row in self.store.fetch(query)}
        return list((rows | {path: self._open[path] for path in paths if path in self._open}).values())


def _inside(camera_id: str, start_us: int, end_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    """A camera's files with footage in start ≤ time < end."""
    mine = RECORDING.c.camera_id == camera_id
    # Files of a camera do not overlap: only the last that begins before the range can reach into it.
    before = sa.select(sa.func.max(RECORDING.c.start_us)).where(mine, RECORDING.c.start_us <= start_us)
    return (
        mine,
        RECORDING.c.start_us >= sa.func.coalesce(before.scalar_subquery(), start_us),
        RECORDING.c.start_us < end_us,
        RECORDING.c.end_us > start_us,
    )


def _values(row: RecordingRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in _NAMES}


def _upsert(connection: sa.Connection, row: RecordingRow) -> None:
    known = connection.execute(sa.update(RECORDING).where(RECORDING.c.path == row.path).values(_values(row)))
    if known.rowcount == 0:
        connection.execute(sa.insert(RECORDING).values(_values(row)))


def _delete(connection: sa.Connection, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), _CHUNK):
        connection.execute(sa.delete(RECORDING).where(RECORDING.c.path.in_(paths[start : start + _CHUNK])))


def open_index(path: Path) -> tuple[Index, bool]:
    """The index at a path, and whether it knows nothing of the files yet.

    One that is damaged or comes from a newer version is put aside: the files tell everything again.
    """
    known = path.exists()
    if known and not database.is_known_sound(path) and (problem := database.damage(path)) is not None:
        database.put_aside(path, problem)
        known = False
    try:
        return Index(path), not known
    except (DatabaseError, UnknownRevisionError) as error:
        if not path.exists() or database.is_passing(error):
            raise
        database.put_aside(path, database.reason(error))
        return Index(path), True
