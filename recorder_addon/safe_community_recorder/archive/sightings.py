"""The observations in the index: of one camera or of all, page by page."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import batched
from typing import Any, Self

import sqlalchemy as sa

from .. import utc
from .schema import LONG_LASTING, LONG_US, OBSERVATION, RECORDING
from .store import Store
from .timeline import Observation, Span

_ALWAYS = Span(-(1 << 62), 1 << 62)
# So many cameras are asked for one by one.
_FEW = 40
_CHUNK = 1_000
_COLUMNS = tuple(
    OBSERVATION.c[name] for name in ("camera_id", "start_us", "end_us", "kind", "score", "zone", "still_us")
)
_ID = re.compile(r"([a-z0-9-]{1,64})\.(\d{8}T\d{6}\.\d{6}Z)\.([a-z_]{1,32})(?:\.([a-z0-9-]{1,64}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObservationId:
    """What tells an observation from all others; sorts by when they began. `zone` is "" for the whole picture."""

    start_us: int
    camera_id: str
    kind: str
    zone: str

    @classmethod
    def of(cls, camera_id: str, observation: Observation) -> Self:
        """That of a camera's observation."""
        return cls(observation.start_us, camera_id, observation.kind, observation.zone or "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gave. Raises ValueError."""
        match = _ID.fullmatch(text)
        if match is None:
            raise ValueError("not the id of an observation")
        start = datetime.strptime(match[2], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        return cls(utc.to_us(start), match[1], match[3], match[4] or "")

    def __str__(self) -> str:
        zone = f".{self.zone}" if self.zone else ""
        return f"{self.camera_id}.{utc.to_name(self.start_us)}.{self.kind}{zone}"


@dataclass(frozen=True, slots=True)
class Sought:
    """Which observations: those that touch the range, of these cameras, kinds and this zone (None: of any).

    `after` is the one after which to go on, in this order.
    """

    within: Span = _ALWAYS
    cameras: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    zone: str | None = None
    newest_first: bool = False
    after: ObservationId | None = None


type Found = tuple[str, Observation]
"""A camera's id and what was seen of it."""


class Sightings:
    """For any thread; every method may block on the disk.

    `is_written` says of a camera's instant that a file that is being written has it.
    """

    def __init__(self, store: Store, is_written: Callable[[str, int], bool]) -> None:
        self._store = store
        self._is_written = is_written

    def put(self, camera_id: str, observations: Iterable[Observation]) -> None:
        """What was seen of a camera; one that is known already is replaced."""
        rows = [_values(camera_id, observation) for observation in observations]

        def write(connection: sa.Connection) -> None:
            for row in rows:
                same = sa.and_(*(OBSERVATION.c[column.name] == row[column.name] for column in OBSERVATION.primary_key))
                if connection.execute(sa.update(OBSERVATION).where(same).values(row)).rowcount == 0:
                    connection.execute(sa.insert(OBSERVATION).values(row))

        self._store.write(write)

    def remove(self, ids: Sequence[ObservationId]) -> None:
        """These are no longer there."""
        # Not all at once: footage must not wait long for its turn.
        for some in batched(ids, _CHUNK, strict=False):
            keys = [
                {"its_start": one.start_us, "its_camera": one.camera_id, "its_kind": one.kind, "its_zone": one.zone}
                for one in some
            ]
            self._store.write(partial(_delete, keys=keys))

    def of(self, camera_id: str, start_us: int, end_us: int) -> list[Observation]:
        """A camera's observations that touch start ≤ time < end, in the order of their start."""
        return [seen for _, seen in self.page(Sought(Span(start_us, end_us), (camera_id,)))]

    def begun_on(self, camera_id: str, start_us: int, end_us: int) -> list[Observation]:
        """Those of a camera that began in start ≤ time < end, as they were told."""
        return self._plain(camera_id, OBSERVATION.c.start_us >= start_us, OBSERVATION.c.start_us < end_us)

    def ended_before(self, camera_id: str, before_us: int) -> list[Observation]:
        """Those of a camera that ended at or before an instant, as they were told."""
        return self._plain(camera_id, OBSERVATION.c.start_us < before_us, OBSERVATION.c.end_us <= before_us)

    def _plain(self, camera_id: str, *conditions: sa.ColumnElement[bool]) -> list[Observation]:
        query = sa.select(*_COLUMNS).where(OBSERVATION.c.camera_id == camera_id, *conditions)
        return [_observation(row) for row in self._store.fetch(query)]

    def cameras(self) -> list[str]:
        """The cameras of which anything was seen."""
        found: list[str] = []
        while True:
            # The next one each time: faster than to look through all of them.
            query = sa.select(sa.func.min(OBSERVATION.c.camera_id))
            camera_id = self._store.fetch(query.where(OBSERVATION.c.camera_id > found[-1]) if found else query)[0][0]
            if camera_id is None:
                return found
            found.append(camera_id)

    def page(self, sought: Sought, limit: int | None = None) -> list[Found]:
        """At most so many of those sought, in their order. Of one whose picture is not recorded, `still_us` is None."""
        few = sought.cameras is not None and len(sought.cameras) <= _FEW
        rows: list[sa.Row[Any]] = []
        for cameras in [(each,) for each in sought.cameras or ()] if few else [sought.cameras]:
            for kind in sought.kinds or (None,):
                rows += self._store.fetch(_query(replace(sought, cameras=cameras), kind).limit(limit))
        rows += [row for row in self._store.fetch(_long_lasting(sought)) if _is_sought(row, sought)]
        rows.sort(key=_key, reverse=sought.newest_first)
        return [(row.camera_id, self._with_still(row)) for row in rows[:limit]]

    def _with_still(self, row: sa.Row[Any]) -> Observation:
        seen = _observation(row)
        still_us = seen.still_us
        if still_us is None or (row.still_end_us or 0) > still_us or self._is_written(row.camera_id, still_us):
            return seen
        return replace(seen, still_us=None)


_KEY = tuple(OBSERVATION.c[name] for name in ("start_us", "camera_id", "kind", "zone"))
_STILL_END = (
    sa.select(RECORDING.c.end_us)
    .where(RECORDING.c.camera_id == OBSERVATION.c.camera_id, RECORDING.c.start_us <= OBSERVATION.c.still_us)
    .order_by(RECORDING.c.start_us.desc())
    .limit(1)
    .correlate(OBSERVATION)
    .scalar_subquery()
    .label("still_end_us")
)


_DELETION = sa.delete(OBSERVATION).where(
    *(
        column == sa.bindparam(name)
        for column, name in zip(_KEY, ("its_start", "its_camera", "its_kind", "its_zone"), strict=True)
    )
)


def _delete(connection: sa.Connection, keys: Sequence[dict[str, object]]) -> None:
    connection.execute(_DELETION, keys)


def _query(sought: Sought, kind: str | None) -> sa.Select[Any]:
    """Those that began in the range or shortly before it."""
    after, start_us = sought.after, sought.within.start_us
    first_us, last_us = start_us - LONG_US, sought.within.end_us - 1
    if after is not None and sought.newest_first:
        last_us = min(last_us, after.start_us)
    elif after is not None:
        first_us = max(first_us, after.start_us)
    query = sa.select(*_COLUMNS, _STILL_END).where(
        OBSERVATION.c.start_us >= first_us, OBSERVATION.c.start_us <= last_us, OBSERVATION.c.end_us > start_us
    )
    if kind is not None:
        query = query.where(OBSERVATION.c.kind == kind)
    if sought.zone is not None:
        query = query.where(OBSERVATION.c.zone == sought.zone)
    if sought.cameras is not None:
        mine = OBSERVATION.c.camera_id == sought.cameras[0]
        if len(sought.cameras) > 1:
            # Not by the index of cameras: it would have all of theirs put in order, where few are asked for.
            mine = (OBSERVATION.c.camera_id + "").in_(sought.cameras)
        query = query.where(mine)
    if after is not None:
        query = query.where(_behind(after, newest_first=sought.newest_first))
    return query.order_by(*(column.desc() if sought.newest_first else column for column in _KEY))


def _long_lasting(sought: Sought) -> sa.Select[Any]:
    """Those of any camera that began long before the range and last into it. They are few: one of a kind at a time."""
    start_us = sought.within.start_us
    # By the index of those that last long, not by that of beginnings.
    began = OBSERVATION.c.start_us + 0 < start_us - LONG_US
    return sa.select(*_COLUMNS, _STILL_END).where(OBSERVATION.c.end_us > start_us, began, sa.text(LONG_LASTING))


def _is_sought(row: sa.Row[Any], sought: Sought) -> bool:
    one, after = _key(row), sought.after
    behind = after is None or (one < _sorted(after) if sought.newest_first else one > _sorted(after))
    return (
        behind
        and (sought.cameras is None or row.camera_id in sought.cameras)
        and (sought.kinds is None or row.kind in sought.kinds)
        and (sought.zone is None or row.zone == sought.zone)
    )


def _key(row: sa.Row[Any]) -> tuple[int, str, str, str]:
    return row.start_us, row.camera_id, row.kind, row.zone


def _sorted(one: ObservationId) -> tuple[int, str, str, str]:
    return one.start_us, one.camera_id, one.kind, one.zone


def _behind(after: ObservationId, *, newest_first: bool) -> sa.ColumnElement[bool]:
    start, others = OBSERVATION.c.start_us, sa.tuple_(*_KEY[1:])
    last = sa.tuple_(*map(sa.literal, (after.camera_id, after.kind, after.zone)))
    if newest_first:
        return sa.or_(start < after.start_us, others < last)
    return sa.or_(start > after.start_us, others > last)


def _values(camera_id: str, seen: Observation) -> dict[str, object]:
    return {
        "camera_id": camera_id,
        "start_us": seen.start_us,
        "kind": seen.kind,
        "zone": seen.zone or "",
        "end_us": seen.end_us,
        "score": seen.score,
        "still_us": seen.still_us,
    }


def _observation(row: sa.Row[Any]) -> Observation:
    return Observation(row.start_us, row.end_us, row.kind, row.score, row.zone or None, row.still_us)
