"""The recording of one camera: its groups wait in a bounded ring of memory for the disk, and their gaps are noted."""

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..cause import Cause
from ..clock import EARLIEST_US
from ..media.cmaf import Group
from ..utc import SECOND_US, to_text
from .activity import ActivitySecond
from .beside import Beside
from .forgetting import forget_from
from .layout import SET_ASIDE
from .notes import write_note
from .place import Place
from .root import StorageState
from .sightings import ObservationId
from .timeline import TOLERANCE_US, ClockEvent, Gap, Note, Observation
from .writer import RecordingWriter

_LOGGER = logging.getLogger(__name__)

_RETRY_S = 1.0
# What one camera may hold in memory, however long its footage lasts.
_RING_BYTES = 64 << 20
# Who gives times of groups goes back only behind footage that a wrong clock dated far ahead.
_FAR_AHEAD_US = 3_600 * SECOND_US
# A write that takes longer is trouble; a group that waited longer is no longer "recording".
SLOW_S = 5.0
_FINISH_S = 5.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    group: Group
    hole: Cause

    @property
    def size_bytes(self) -> int:
        return self.group.size_bytes


class _Close:
    """Closes the file though nothing follows: what is in it shall grow old like everything else."""


type _Item = _Waiting | Cause | _Close


class CameraArchive:
    """Takes whole groups of one camera. `on_change` is called in the event loop when `recording` or `trouble` changed.

    `trusted_us` is the end of the newest footage that was not dated by a wrong clock, as far as that can be told.
    `trouble` says what is wrong with the disk, as far as this camera's last write showed; `lost_groups` counts what had
    to be thrown away. `written` is set when the next group has reached the disk; from then on it is another one.
    """

    def __init__(
        self,
        camera_id: str,
        place: Place,
        last_end_us: int | None,
        trusted_us: int | None,
        on_change: Callable[[], None],
    ) -> None:
        self.camera_id = camera_id
        self.trusted_us = trusted_us
        self._place = place
        self._last_end_us = last_end_us
        self._on_change = on_change
        self._begun_us = time.time_ns() // 1_000
        self._ring: deque[_Item] = deque()
        # The disk's threads are several, what they do for one camera is one after the other.
        self._one = threading.Lock()
        self._last_put_s = time.monotonic()
        self._ring_bytes = 0
        self._wake = asyncio.Event()
        self._busy: tuple[_Item, asyncio.Future[None]] | None = None
        self._writing_since_s: float | None = None
        self._writer: RecordingWriter | None = None
        self._gap: Gap | None = None
        self._unwritten_notes: deque[Note] = deque(maxlen=1_000)
        self._beside = Beside(camera_id, place)
        self.finished = False
        self.written = asyncio.Event()
        self.recording = False
        self.trouble: tuple[StorageState, str] | None = None
        self.lost_groups = 0
        self._losing = False

    @property
    def last_end_us(self) -> int:
        """The end of the newest footage, 0 if there is none."""
        return self._last_end_us or 0

    def put(self, group: Group, hole: Cause = Cause.PACKETS_LOST) -> None:
        """Hands over a group; never waits. `hole` says why footage is missing before it, if any is."""
        self._last_put_s = time.monotonic()
        self._ring.append(_Waiting(group, hole))
        self._ring_bytes += group.size_bytes
        self._drop_what_is_too_much()
        self._wake.set()

    def interrupted(self, cause: Cause) -> None:
        """Nothing comes any more, for this reason: a gap begins where the footage ends."""
        self._ring.append(cause)
        self._wake.set()

    @property
    def lasting(self) -> Collection[ObservationId]:
        """The observations that go on."""
        return self._beside.lasting

    def note(self, note: Observation | ClockEvent) -> None:
        """Something that belongs beside the footage; never waits. A later note of the same observation replaces it."""
        if isinstance(note, Observation):
            self._beside.note(note)
        else:
            self._place.disk.run(self._work, note)

    def activity(self, seconds: Sequence[ActivitySecond]) -> None:
        """How much moved in seconds that were looked at; never waits."""
        self._beside.activity(seconds)

    async def run(self) -> None:
        """Writes what is handed over, until cancelled. What the disk refuses is tried again and again."""
        if self._last_end_us is not None:
            await self._take(Cause.RECORDER_STOPPED)
        while True:
            while self._ring:
                if not await self._take_first():
                    await asyncio.sleep(_RETRY_S)
            self._wake.clear()
            await self._wake.wait()

    async def finish(self) -> None:
        """Writes what still waits and closes the file; `run` must have been cancelled before."""
        try:
            async with asyncio.timeout(_FINISH_S):
                while self._ring and await self._take_first():
                    pass
                await self._place.disk.run(self._work, _Close())
                await self._beside.finish()
        except TimeoutError:
            self._place.stuck = True
        self.finished = True
        if self._ring:
            _LOGGER.error("footage lost at the end", extra={"camera": self.camera_id, "groups": len(self._ring)})
            self._ring.clear()
        self._tell(recording=False, trouble=None)
        # Nothing more comes: who waits for it is told.
        self.written.set()

    async def _take_first(self) -> bool:
        item = self._ring[0]
        if not await self._take(item):
            return False
        # While it was written, the ring may have run over and lost its first.
        if self._ring and self._ring[0] is item:
            self._ring.popleft()
            if isinstance(item, _Waiting):
                self._ring_bytes -= item.size_bytes
        return True

    def look_at_the_clock(self) -> None:
        """To be called every second or so: notices writes that hang, and files to which nothing is added any more."""
        if self._writer is not None and not self._ring and time.monotonic() - self._last_put_s > self._place.file_s:
            self._ring.append(_Close())
            self._wake.set()
        since_s = self._writing_since_s
        if since_s is not None and time.monotonic() - since_s > SLOW_S:
            self._tell(recording=False, trouble=(StorageState.SLOW, "the disk takes long to write"))

    async def _take(self, item: _Item) -> bool:
        """Lets the disk's thread do it; False if that failed and is to be tried again."""
        if self._busy is not None and self._busy[0] is not item:
            await asyncio.wait([self._busy[1]])
            self._busy = None
        if self._busy is None:
            self._busy = item, self._place.disk.run(self._work, item)
            self._writing_since_s = time.monotonic()
        try:
            # Who is cancelled meanwhile finds it here again: nothing is written twice.
            await asyncio.shield(self._busy[1])
        except OSError as error:
            self._busy = self._writing_since_s = None
            state = self._place.root.state_of(error)
            if self.trouble is None or self.trouble[0] is not state:
                _LOGGER.error("footage cannot be written", extra={"camera": self.camera_id, "problem": error.strerror})
            self._tell(recording=False, trouble=(state, str(error.strerror or error)))
            return False
        except Exception:
            # A defect of ours must cost a group, not the recording.
            self._busy = self._writing_since_s = None
            self.lost_groups += 1
            _LOGGER.exception("footage not taken", extra={"camera": self.camera_id})
            self._tell(recording=False, trouble=self.trouble)
            return True
        self._busy = self._writing_since_s = None
        if not isinstance(item, _Waiting):
            self._tell(recording=False, trouble=self.trouble)
        else:
            if self.trouble is not None:
                _LOGGER.info("footage is written again", extra={"camera": self.camera_id})
            self._tell(recording=True, trouble=None)
            self.written.set()
            self.written = asyncio.Event()
        return True

    def _tell(self, *, recording: bool, trouble: tuple[StorageState, str] | None) -> None:
        if (recording, trouble) != (self.recording, self.trouble):
            self.recording, self.trouble = recording, trouble
            self._on_change()

    # --- the ring -----------------------------------------------------------------------------------------------------

    def _drop_what_is_too_much(self) -> None:
        """The oldest goes, but never the one that is being written now."""
        limit_us = round(self._place.storage.memory_s * SECOND_US)
        while len(self._ring) > 1:
            waiting = [item for item in self._ring if isinstance(item, _Waiting)]
            lasts_us = sum(item.group.end_us - item.group.start_us for item in waiting)
            if lasts_us <= limit_us and self._ring_bytes <= _RING_BYTES:
                return
            busy = self._writing_since_s is not None
            victim = next((item for item in list(self._ring)[busy:] if isinstance(item, _Waiting)), None)
            if victim is None or victim is waiting[-1]:
                return
            self._lose(victim)

    def _lose(self, victim: _Waiting) -> None:
        position = self._ring.index(victim)
        del self._ring[position]
        self._ring_bytes -= victim.size_bytes
        # Whatever comes next has a hole before it, and this is why.
        for later, item in enumerate(list(self._ring)[position:], position):
            if isinstance(item, _Waiting):
                self._ring[later] = _Waiting(item.group, Cause.DISK)
                break
        self.lost_groups += 1
        self._losing = True
        if self.lost_groups == 1 or self.lost_groups % 100 == 0:
            _LOGGER.error(
                "the disk is too slow or in trouble, footage is lost",
                extra={"camera": self.camera_id, "lost_groups": self.lost_groups},
            )

    # --- in the disk's threads, one call after the other --------------------------------------------------------------

    def _work(self, item: _Item | ClockEvent) -> None:
        with self._one:
            match item:
                case _Waiting():
                    self._write(item)
                case Cause():
                    self._open_gap(item)
                case _Close():
                    self._close_file()
                case ClockEvent():
                    self._place.index.put_clock_event(self.camera_id, item)
                    self._keep_note(item)

    def _write(self, item: _Waiting) -> None:
        group = item.group
        if self._last_end_us is not None and self._last_end_us - group.start_us > _FAR_AHEAD_US:
            self._set_aside(group.start_us)
        try:
            if self._writer is not None and not self._writer.takes(group):
                self._close_file()
            if self._writer is None:
                self._writer = RecordingWriter(self._place, self.camera_id, group)
            self._writer.append(group)
        except OSError:
            self._abandon_file()
            if self._losing:
                self._open_gap(Cause.DISK)
            raise
        self._losing = False
        last_end_us, self._last_end_us = self._last_end_us, group.end_us
        # The gap first: who reads in between must not take the hole for recorded.
        self._close_gap(last_end_us, group.start_us, item.hole)
        self._place.index.put(self._writer.row(complete=False))
        self._catch_up_with_notes()

    def _close_gap(self, last_end_us: int | None, start_us: int, hole: Cause) -> None:
        gap, self._gap = self._gap, None
        if gap is None and last_end_us is not None and start_us - last_end_us > TOLERANCE_US:
            gap = Gap(last_end_us, None, hole)
        if gap is not None:
            self._write_gap(Gap(gap.start_us, max(gap.start_us, start_us), gap.cause))

    def _open_gap(self, cause: Cause) -> None:
        if self._gap is None:
            # What the last run left open goes on with its first cause.
            self._gap = self._place.index.open_gap(self.camera_id)
        start_us = self._begun_us if self._last_end_us is None else self._last_end_us
        # Without any footage, and without a clock, nobody knows since when it is missing.
        if self._gap is None and start_us >= EARLIEST_US:
            self._gap = Gap(start_us, None, cause)
            self._write_gap(self._gap)

    def _write_gap(self, gap: Gap) -> None:
        self._keep_note(gap)
        self._place.index.put_gap(self.camera_id, gap)

    def _keep_note(self, note: Note) -> None:
        self._unwritten_notes.append(note)
        self._catch_up_with_notes()

    def _catch_up_with_notes(self) -> None:
        """A note that the disk does not take now is written with the next footage."""
        while self._unwritten_notes:
            note = self._unwritten_notes.popleft()
            try:
                write_note(self._place.root, self.camera_id, note)
            except OSError:
                self._unwritten_notes.appendleft(note)
                return

    def _close_file(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if writer.close():
                self._place.index.put(writer.row(complete=True))
        except OSError as error:
            # Its footage is whole; the closing boxes come when it is repaired.
            _LOGGER.error("file cannot be closed", extra={"camera": self.camera_id, "problem": error.strerror})
            self._place.index.let_go(writer.row(complete=False))
        finally:
            self._place.writing.discard(writer.path)

    def _abandon_file(self) -> None:
        """After a failed write: the next try begins a new file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()
            if not writer.is_empty:
                self._place.index.let_go(writer.row(complete=False))
            self._place.writing.discard(writer.path)

    def _set_aside(self, from_us: int) -> None:
        """Footage that a wrong clock dated after this instant makes way for footage by the right one."""
        self._close_file()
        rows = self._place.index.recordings(self.camera_id, from_us, 1 << 62)
        for row in rows:
            target = f"{self.camera_id}/{SET_ASIDE}/{row.path.rpartition('/')[2]}"
            self._place.root.move(row.path, target)
            # From now on its days are counted.
            os.utime(self._place.root.path / target)
            _LOGGER.warning(
                "footage dated by a wrong clock is set aside",
                extra={"camera": self.camera_id, "path": target, "start": to_text(row.start_us)},
            )
        self._place.index.remove(rows)
        for gap in self._place.index.gaps(self.camera_id, from_us, 1 << 62):
            self._write_gap(Gap(gap.start_us, max(gap.start_us, from_us), gap.cause))
        # The footage must not wait for it.
        with suppress(OSError):
            forget_from(self._place, self.camera_id, from_us)
        self._gap = None
        self._last_end_us = self._place.index.last_end_us(self.camera_id)
