"""What lies beside a camera's footage, on its way to the disk: notes of what was seen, and activity.

It has a way of its own, so that the footage waits for none of it. It is bounded: if the disk takes nothing for long,
the oldest is lost.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from .. import utc
from .activity import ACTIVITY_NAME, ActivitySecond, encode
from .notes import day_of, write_note
from .place import Place
from .sightings import ObservationId
from .timeline import Observation

_LOGGER = logging.getLogger(__name__)

_MOST_NOTES = 1_000
# Of a minute each.
_MOST_BATCHES = 60


class Beside:
    """For one camera. What is handed over is written in its order; `lasting` are the observations that go on.

    Whether one goes on is written nowhere: only this recorder knows it, as long as it runs.
    """

    def __init__(self, camera_id: str, place: Place) -> None:
        self.camera_id = camera_id
        self.lasting: set[ObservationId] = set()
        self._place = place
        self._notes: deque[Observation] = deque()
        self._batches: deque[tuple[ActivitySecond, ...]] = deque()
        self._records: deque[tuple[str, bytes]] = deque(maxlen=2 * _MOST_BATCHES)
        self._writing: asyncio.Future[None] | None = None
        self._lost = 0

    def note(self, observation: Observation) -> None:
        """Something was seen, goes on or has ended; never waits."""
        which = ObservationId.of(self.camera_id, observation)
        if observation.lasting:
            self.lasting.add(which)
        else:
            self.lasting.discard(which)
        self._notes.append(observation)
        if len(self._notes) > _MOST_NOTES:
            self._notes.popleft()
            self._lose()
        self._begin()

    def activity(self, seconds: Sequence[ActivitySecond]) -> None:
        """Seconds that were looked at; never waits."""
        self._batches.append(tuple(seconds))
        if len(self._batches) > _MOST_BATCHES:
            self._batches.popleft()
            self._lose()
        self._begin()

    async def finish(self) -> None:
        """Returns when all has been written, or the disk refuses it."""
        self.lasting.clear()
        while self._writing is not None:
            await asyncio.wait([self._writing])
            # Who is told first may be this one.
            await asyncio.sleep(0)

    def _begin(self) -> None:
        if self._writing is None:
            self._writing = self._place.disk.run(self._write)
            self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        error = None if writing.cancelled() else writing.exception()
        if error is None:
            if self._notes or self._batches:
                self._begin()
        elif isinstance(error, OSError):
            _LOGGER.warning(
                "what was seen cannot be written; it is tried again with what is seen next",
                extra={"camera": self.camera_id, "problem": error.strerror},
            )
        else:
            _LOGGER.error("what was seen is not written", extra={"camera": self.camera_id}, exc_info=error)

    def _lose(self) -> None:
        self._lost += 1
        if self._lost == 1 or self._lost % 100 == 0:
            _LOGGER.error(
                "the disk is too slow or in trouble, what was seen is lost",
                extra={"camera": self.camera_id, "lost": self._lost},
            )

    # --- in one of the disk's threads ---------------------------------------------------------------------------------

    def _write(self) -> None:
        """Raises OSError; then what could not be written is still there."""
        while self._notes:
            note = self._notes.popleft()
            self._place.index.sightings.put(self.camera_id, [note])
            try:
                write_note(self._place.root, self.camera_id, note)
            except OSError:
                self._notes.appendleft(note)
                raise
        while self._batches:
            for start_s, record in encode(self._batches.popleft()):
                self._records.append((day_of(self.camera_id, start_s * utc.SECOND_US), record))
        while self._records:
            day, record = self._records[0]
            self._place.root.append(f"{day}/{ACTIVITY_NAME}", record)
            self._records.popleft()
