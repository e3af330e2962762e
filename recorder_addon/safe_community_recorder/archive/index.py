"""The index of recording files and gaps in SQLite: an index only, the files are the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..cause import Cause
from .timeline import Gap

_METADATA = sa.MetaData()

_RECORDING = sa.Table(
    "recording",
    _METADATA,
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("end_us", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Index("recording_by_time", "camera_id", "start_us"),
)

_GAP = sa.Table(
    "gap",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("end_us", sa.BigInteger),
    sa.Column("cause", sa.String, nullable=False),
    sa.Index("gap_by_time", "camera_id", "start_us"),
)


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording file as the index knows it. `path` is relative to the archive's root."""

    path: str
    camera_id: str
    start_us: int
    end_us: int
    size_bytes: int
    complete: bool


_COLUMNS = tuple(RecordingRow.__slots__)


class Index:
    """One SQLite database. Every method may block on the disk: call them outside the event loop."""

    def __init__(self, path: Path) -> None:
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        sa.event.listen(self._engine, "connect", _configure)
        _METADATA.create_all(self._engine)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def put(self, row: RecordingRow) -> None:
        """A file is new, or has got longer, or is complete. Puts right what an earlier failure left out."""
        values = {name: getattr(row, name) for name in _COLUMNS}
        with self._engine.begin() as connection:
            known = connection.execute(sa.update(_RECORDING).where(_RECORDING.c.path == row.path).values(values))
            if known.rowcount == 0:
                connection.execute(sa.insert(_RECORDING).values(values))

    def remove(self, paths: Sequence[str]) -> None:
        """Files that are no longer there."""
        with self._engine.begin() as connection:
            for path in paths:
                connection.execute(sa.delete(_RECORDING).where(_RECORDING.c.path == path))

    def recordings(self, camera_id: str, start_us: int, end_us: int) -> list[RecordingRow]:
        """A camera's files with footage in start ≤ time < end, in the order of their start."""
        return self._select(
            _RECORDING.c.camera_id == camera_id, _RECORDING.c.start_us < end_us, _RECORDING.c.end_us > start_us
        )

    def all_recordings(self) -> list[RecordingRow]:
        """Every file, in the order of its start."""
        return self._select()

    def last_end_us(self, camera_id: str) -> int | None:
        """The end of a camera's newest footage."""
        query = sa.select(sa.func.max(_RECORDING.c.end_us)).where(_RECORDING.c.camera_id == camera_id)
        with self._engine.connect() as connection:
            end_us: int | None = connection.execute(query).scalar_one()
        return end_us

    def gaps(self, camera_id: str, start_us: int, end_us: int) -> list[Gap]:
        """A camera's gaps that touch start ≤ time < end, in the order of their start."""
        query = (
            sa.select(_GAP.c.start_us, _GAP.c.end_us, _GAP.c.cause)
            .where(_GAP.c.camera_id == camera_id, _GAP.c.start_us < end_us)
            .where(sa.or_(_GAP.c.end_us.is_(None), _GAP.c.end_us > start_us))
            .order_by(_GAP.c.start_us)
        )
        with self._engine.connect() as connection:
            return [Gap(row.start_us, row.end_us, Cause(row.cause)) for row in connection.execute(query)]

    def gap_opened(self, camera_id: str, start_us: int, cause: Cause) -> None:
        """Footage is missing from here on. A gap that is open already goes on with its first cause."""
        with self._engine.begin() as connection:
            open_already = sa.select(_GAP.c.id).where(_GAP.c.camera_id == camera_id, _GAP.c.end_us.is_(None))
            if connection.execute(open_already).first() is None:
                connection.execute(sa.insert(_GAP).values(camera_id=camera_id, start_us=start_us, cause=cause.value))

    def gap_closed(self, camera_id: str, end_us: int) -> None:
        """There is footage again."""
        with self._engine.begin() as connection:
            open_gap = sa.and_(_GAP.c.camera_id == camera_id, _GAP.c.end_us.is_(None))
            connection.execute(sa.delete(_GAP).where(open_gap, _GAP.c.start_us >= end_us))
            connection.execute(sa.update(_GAP).where(open_gap).values(end_us=end_us))

    def gaps_forgotten(self, before_us: int) -> None:
        """Gaps that ended before this instant are no longer of interest."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_GAP).where(_GAP.c.end_us < before_us))

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[RecordingRow]:
        query = sa.select(*(_RECORDING.c[name] for name in _COLUMNS)).where(*conditions).order_by(_RECORDING.c.start_us)
        with self._engine.connect() as connection:
            return [RecordingRow(*row) for row in connection.execute(query)]


def _configure(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
