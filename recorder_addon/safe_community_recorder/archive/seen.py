"""What was seen, for those who ask: observations of one camera or of all, and activity. Nothing past its days."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import utc
from .activity import ACTIVITY_NAME, Blocks, PackedArea, Record, Values, days_between, records, values
from .index import Index
from .sightings import Found, ObservationId, Sought
from .threads import Pools
from .timeline import Observation, Span

_EVER = Span(0, 1 << 62)
# What moves again so soon is one range.
_JOINED_S = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """The seconds start ≤ time < end in which something moved, and the most of the area in which it did, 0 to 1."""

    start_s: int
    end_s: int
    activity: float


type Area = Callable[[int, int], Blocks]
"""The blocks of an area in a picture of so many rows and columns of them."""


class Seen:
    """Asks index and files. `shown` gives the parts of a camera's range that may be shown, `lasting` what goes on."""

    def __init__(
        self,
        root: Path,
        index: Index,
        pools: Pools,
        shown: Callable[[str, Span], list[Span]],
        lasting: Callable[[], Collection[ObservationId]],
    ) -> None:
        self._root = root
        self._index = index
        self._pools = pools
        self._shown = shown
        self._lasting = lasting

    async def observations(self, sought: Sought, limit: int) -> tuple[list[Found], ObservationId | None]:
        """At most so many of those sought, and after which one to go on if there are more."""
        found: list[Found] = []
        frames: dict[str, list[Span]] = {}
        lasting = self._lasting()
        while len(found) <= limit:
            page = await self._pools.read(self._index.sightings.page, sought, limit + 1)
            for camera_id, observation in page:
                if camera_id not in frames:
                    frames[camera_id] = self._shown(camera_id, _EVER)
                seen = _as_shown(observation, frames[camera_id])
                if seen is not None:
                    lasts = ObservationId.of(camera_id, seen) in lasting
                    found.append((camera_id, replace(seen, lasting=lasts)))
            if len(page) <= limit:
                break
            sought = replace(sought, after=ObservationId.of(*page[-1]))
        following = ObservationId.of(*found[limit - 1]) if len(found) > limit else None
        return found[:limit], following

    async def activity(self, camera_id: str, start_s: int, end_s: int) -> Values:
        """The most that moved in each second of the range; NaN where nobody looked, or where it is past its days."""
        days = days_between(start_s, end_s)
        each = await self._pools.from_files(lambda: values(self._records(camera_id, days), start_s, end_s))
        shown = np.zeros(len(each), dtype=np.bool_)
        for first, behind in self._shown_seconds(camera_id, start_s, end_s):
            shown[first - start_s : behind - start_s] = True
        each[~shown] = np.nan
        return each

    async def moved(
        self, camera_id: str, start_s: int, end_s: int, area: Area, limit: int, *, newest_first: bool = False
    ) -> tuple[list[Moved], int | None]:
        """Where in the range anything moved in an area, and the second at which to go on if there is more.

        With the newest first that is the `end_s`, otherwise the `start_s` of what is to be asked then.
        """
        days = days_between(start_s, end_s)
        seconds: dict[int, float] = {}
        ranges: list[Moved] = []
        frames = self._shown_seconds(camera_id, start_s, end_s)
        for day in reversed(days) if newest_first else days:
            seconds |= await self._pools.from_files(self._moved, camera_id, day, area, frames)
            ranges = _joined(seconds)
            if len(ranges) > limit + 1:
                # The last one may go on in the next day.
                break
            await asyncio.sleep(0)
        if newest_first:
            ranges.reverse()
        if len(ranges) <= limit:
            return ranges, None
        last = ranges[limit - 1]
        return ranges[:limit], last.start_s if newest_first else last.end_s

    def _moved(self, camera_id: str, day: str, area: Area, frames: Sequence[tuple[int, int]]) -> dict[int, float]:
        """Seconds of a day in which anything moved, each with the share of the area."""
        seconds: dict[int, float] = {}
        areas: dict[tuple[int, int], PackedArea] = {}
        for record in self._records(camera_id, [day]):
            if not any(first < record.end_s and behind > record.start_s for first, behind in frames):
                continue
            shape = record.rows, record.columns
            if shape not in areas:
                areas[shape] = PackedArea.of(area(*shape))
            for at_s, share in zip(*record.moved_in(areas[shape]), strict=True):
                if any(first <= at_s < behind for first, behind in frames):
                    seconds[at_s] = max(share, seconds.get(at_s, 0.0))
        return seconds

    def _records(self, camera_id: str, days: Sequence[str]) -> Iterator[Record]:
        for day in days:
            try:
                data = (self._root / camera_id / day / ACTIVITY_NAME).read_bytes()
            except FileNotFoundError, NotADirectoryError:
                continue
            yield from records(data)

    def _shown_seconds(self, camera_id: str, start_s: int, end_s: int) -> list[tuple[int, int]]:
        """The whole seconds of a range that may be shown, from … to."""
        shown = self._shown(camera_id, Span(start_s * utc.SECOND_US, end_s * utc.SECOND_US))
        return [(-(-span.start_us // utc.SECOND_US), span.end_us // utc.SECOND_US) for span in shown]


def _as_shown(observation: Observation, frames: Sequence[Span]) -> Observation | None:
    """What of it may be shown: nothing once it is past its days, no picture of an instant that is."""
    end_us, still_us = max(observation.end_us, observation.start_us + 1), observation.still_us
    if not any(frame.start_us < end_us and frame.end_us > observation.start_us for frame in frames):
        return None
    if still_us is None or any(frame.start_us <= still_us < frame.end_us for frame in frames):
        return observation
    return replace(observation, still_us=None)


def _joined(seconds: dict[int, float]) -> list[Moved]:
    ranges: list[Moved] = []
    for at_s in sorted(seconds):
        last = ranges[-1] if ranges else None
        if last is not None and at_s - last.end_s <= _JOINED_S:
            ranges[-1] = Moved(last.start_s, at_s + 1, max(last.activity, seconds[at_s]))
        else:
            ranges.append(Moved(at_s, at_s + 1, seconds[at_s]))
    return ranges
