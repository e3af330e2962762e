"""The archive: takes whole groups of pictures from many cameras, says what there is, deletes what is past its days."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from ..audit.log import AuditLog
from ..clock import HostClock, steady_us
from ..media.clip import Clip, build_clip, build_time_lapse
from ..media.cmaf import RecordingFile
from ..utc import SECOND_US
from .camera import CameraArchive
from .deletion import Deletion, Outcome
from .footage import BuildClip, Footage
from .index import RecordingRow, open_index
from .layout import FILE_S
from .locks import Locks
from .place import Place
from .pressed import Pressed
from .recovery import read_part
from .repair import Repair
from .retention import DAY_US, Storage, served, served_from_us
from .root import ArchiveRoot, RootError, StorageState
from .seen import Seen
from .sightings import ObservationId
from .status import StorageStatus
from .threads import DiskThreads, Pools
from .timeline import ClockEvent, Day, Gap, Lock, Span, clamped, days_recorded, local_days, spans

_LOGGER = logging.getLogger(__name__)

_UTC = ZoneInfo("UTC")
_FIRST_RETENTION_S = 10.0
_RETENTION_EVERY_S = 60.0
_LOOK_EVERY_S = 1.0
# Several threads, so that one file that hangs does not hold up the others; each camera's writes stay one by one.
_DISK_THREADS = 4
# To build a clip of a day takes a hundred megabytes for a moment: those of two hours and more come one after the other.
_LARGE_CLIP_FILES = 24
_STOP_S = 3.0
_START_S = 10.0
_TIDY_EVERY_US = 3_600 * SECOND_US
_MOST_FOR_PACKAGES = 0.1


class Archive:
    """All footage below one directory. `days_of` gives a camera's retention in days, `seen` says what was seen.

    Today begins at midnight in `time_zone`. `on_status` is called in the event loop when the storage's state or what it
    keeps has changed.
    """

    def __init__(
        self,
        root: Path,
        data: Path,
        storage: Storage,
        days_of: Callable[[str], float],
        *,
        host: HostClock | None = None,
        audit: AuditLog | None = None,
        file_s: int = FILE_S,
        time_zone: ZoneInfo = _UTC,
        on_status: Callable[[StorageStatus], None] = lambda _status: None,
    ) -> None:
        self._root = ArchiveRoot(root, data)
        self._data = data
        self._storage = storage
        self._days_of = days_of
        self._host = host or HostClock()
        self._audit = audit or AuditLog(data)
        self._file_s = file_s
        self._time_zone = time_zone
        self._on_status = on_status
        self._disk = DiskThreads(_DISK_THREADS)
        self._pools = Pools(_DISK_THREADS)
        self._footage = Footage(root)
        self._large_clip = asyncio.Semaphore()
        self._cameras: dict[str, CameraArchive] = {}
        self._lost_before = 0
        self.status = StorageStatus()

    async def start(self) -> None:
        """Opens the index, and repairs what the last stop left behind if the disk is there."""
        self._index, empty = await self._pools.keep(open_index, self._data / "index.sqlite")
        self._place = Place(self._root, self._index, self._disk, self._storage, self._file_s)
        self.seen = Seen(self._root.path, self._index, self._pools, self.shown, self._lasting)
        self._locks = Locks(self._root, self._index, self._pools)
        self._repair = Repair(self._place, self._pools, self._locks, self._compared, empty=empty)
        await self._locks.read()
        self._deletion = Deletion(self._place, self._host, self._audit, Pressed(self._data / "pressed.json"))
        await self._pools.keep(self._deletion.load)
        newest_us = max((await self._pools.keep(self._newest_ends)).values(), default=None)
        if newest_us is not None:
            self._deletion.clock_leapt(self._host.utc_us() - newest_us)
        try:
            async with asyncio.timeout(_START_S):
                await self._repair.run()
        except TimeoutError:
            self._tell(replace(self.status, state=StorageState.SLOW, problem="the disk does not answer"))
        except OSError as error:
            state, problem = self._root.state_of(error), str(error.strerror or error)
            self._tell(replace(self.status, state=state, problem=problem))
            _LOGGER.error("archive cannot be used", extra={"problem": error.strerror})

    async def stop(self) -> bool:
        """Closes the index; False if a write hangs in the disk. The cameras must have been finished before."""
        self._repair.stop()
        stuck = self._place.stuck
        try:
            async with asyncio.timeout(_STOP_S):
                await self._pools.keep(self._index.close)
        except TimeoutError:
            stuck = True
        self._disk.shutdown(wait=not stuck)
        self._pools.shutdown(wait=not stuck)
        self._root.close()
        return not stuck

    def use(self, storage: Storage, days_of: Callable[[str], float], time_zone: ZoneInfo = _UTC) -> None:
        """New rules of retention, and whose midnight it goes by."""
        self._time_zone = time_zone
        self._storage = self._place.storage = storage
        self._days_of = days_of

    @property
    def root(self) -> ArchiveRoot:
        """The directory below which everything lies."""
        return self._root

    @property
    def memory_s(self) -> float:
        """Seconds of footage that a camera may hold in memory."""
        return self._storage.memory_s

    async def camera(self, camera_id: str, on_change: Callable[[], None]) -> CameraArchive:
        """Where a camera's groups go. `on_change` is told when its `recording` or `trouble` changes."""
        last_end_us = await self._pools.read(self._index.last_end_us, camera_id)
        trusted_us = last_end_us
        now_us = self._host.utc_us()
        if last_end_us is not None and last_end_us > now_us + DAY_US:
            # Footage from the future: either that was dated wrongly, or the clock is wrong now. Footage that ends
            # shortly before now speaks for the clock.
            former_us = await self._pools.read(self._index.last_end_us, camera_id, now_us)
            if former_us is not None and now_us - former_us < DAY_US:
                trusted_us = former_us
        camera = CameraArchive(camera_id, self._place, last_end_us, trusted_us, on_change)
        self._cameras[camera_id] = camera
        return camera

    # --- what there is ------------------------------------------------------------------------------------------------

    async def recordings(self, camera_id: str, within: Span) -> list[RecordingRow]:
        """A camera's files in the range with footage that may be shown."""
        shown = self.shown(camera_id, within)
        rows = await self._pools.read(self._index.recordings, camera_id, within.start_us, within.end_us)
        return [row for row in rows if clamped([Span(row.start_us, row.end_us)], shown)]

    async def timeline(self, camera_id: str, within: Span) -> tuple[list[Span], list[Gap]]:
        """A camera's recorded spans that may be shown, and its gaps, within the range."""
        rows = await self.recordings(camera_id, within)
        gaps = await self._pools.read(self._index.gaps, camera_id, within.start_us, within.end_us)
        recorded = spans((Span(row.start_us, row.end_us) for row in rows), gaps, within)
        return clamped(recorded, self.shown(camera_id, within)), gaps

    async def clock_events(self, camera_id: str, within: Span) -> list[ClockEvent]:
        """What happened within the range to the clocks that a camera's time depends on."""
        return await self._pools.read(self._index.clock_events, camera_id, within.start_us, within.end_us)

    async def days(self, camera_id: str, first: date, last: date, zone: ZoneInfo) -> list[Day]:
        """A camera's local days, each with what was recorded of it."""
        return await self._pools.read(self._days, camera_id, first, last, zone)

    async def clip(self, camera_id: str, within: Span, *, sound: bool = True) -> Clip:
        """The range as one MP4, with the sound that was recorded or without. Raises NoFootageError."""
        return await self._clip(camera_id, within, ("clip", sound), partial(build_clip, sound=sound))

    async def time_lapse(self, camera_id: str, within: Span, pictures: int, per_s: int) -> Clip:
        """At most so many keyframes of the range as one MP4, so many a second. Raises NoFootageError."""
        build = partial(build_time_lapse, pictures=pictures, per_s=per_s)
        return await self._clip(camera_id, within, ("time lapse", pictures, per_s), build)

    async def files(self, camera_id: str, within: Span) -> list[tuple[str, RecordingFile]]:
        """A camera's recording files by their paths, each with the fragments of the range that may be shown."""
        shown = self.shown(camera_id, within)
        rows = await self.recordings(camera_id, within)
        return await self._pools.from_files(lambda: list(self._footage.files(rows, shown)))

    async def file(self, camera_id: str, at_us: int) -> tuple[str, RecordingFile] | None:
        """The path of the recording file of this instant, and the file with all fragments that may be shown."""
        rows = await self._pools.read(self._index.recordings, camera_id, at_us, at_us + 1)
        shown = [span for row in rows for span in self.shown(camera_id, Span(row.start_us, row.end_us))]
        return await self._pools.from_files(lambda: next(self._footage.files(rows, shown), None))

    def written(self, camera_id: str) -> asyncio.Event | None:
        """Is set when the camera's next footage can be had; another one from then on. None: it is not recorded."""
        camera = self._cameras.get(camera_id)
        return None if camera is None or camera.finished else camera.written

    async def _clip(self, camera_id: str, within: Span, kind: Hashable, build: BuildClip) -> Clip:
        shown = self.shown(camera_id, within)
        rows = await self.recordings(camera_id, within)
        kept = self._footage.kept(kind, rows, shown)
        if kept is not None:
            return kept
        async with self._large_clip if len(rows) > _LARGE_CLIP_FILES else nullcontext():
            return await self._pools.from_files(self._footage.clip, kind, build, rows, shown)

    def shown(self, camera_id: str, within: Span) -> list[Span]:
        """The parts of a range that are not past their days, or are locked: what is recorded of them may be shown."""
        now_us = self._host.utc_us()
        days = self._days_of(camera_id)
        return served(within, served_from_us(now_us, days), self._locks.held(camera_id, now_us))

    async def read(self, path: str, offset: int, size: int) -> bytes:
        """Bytes of a recording file that `files` has named; fewer at its end. Raises OSError."""
        return await self._pools.from_files(read_part, path, offset, size)

    # --- locks --------------------------------------------------------------------------------------------------------

    def locks(self, camera_id: str | None = None) -> list[Lock]:
        """All locks there are or were, of one camera or of all."""
        return [lock for lock in self._locks.all() if camera_id in (None, lock.camera_id)]

    async def put_lock(self, lock: Lock) -> None:
        """A lock is made, extended or released; returns when the disk has it. Raises OSError."""
        await self._locks.put(lock)

    # --- room for evidence packages -----------------------------------------------------------------------------------

    def count_packages(self, size_bytes: int) -> None:
        """So many bytes of evidence packages lie beside the footage: the quota is for both."""
        self._place.packages_bytes = size_bytes

    def promise(self, size_bytes: int) -> None:
        """So many bytes are about to be written beside the footage: it takes no room that they need."""
        self._place.promised_bytes = size_bytes

    async def room_for(self, size_bytes: int) -> bool:
        """Promises room for a package; False if there is none. Raises OSError.

        Where space is short the oldest unlocked footage makes way, as it does for new footage; but all packages
        together may take no more than a tenth of the space in that way.
        """
        self.promise(0)
        now = await self.delete_expired(past_days=False)
        if now.used_bytes + size_bytes <= now.allowed_bytes:
            self.promise(size_bytes)
            return True
        if self._place.packages_bytes + size_bytes > now.allowed_bytes * _MOST_FOR_PACKAGES:
            return False
        self.promise(size_bytes)
        then = await self.delete_expired(past_days=False)
        if then.used_bytes <= then.allowed_bytes:
            return True
        self.promise(0)
        return False

    # --- housekeeping -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Watches the disk, deletes what has to go and keeps index and files together, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_watch())
            tasks.create_task(self._run_retention())

    def clock_stepped(self, by_us: int) -> None:
        """The host's clock was set. A leap ahead may be an error: deleting waits."""
        self._deletion.clock_leapt(by_us)

    async def delete_expired(self, *, past_days: bool = True) -> Outcome:
        """Deletes what has to go now, past its days (unless told otherwise) or for want of space; what came of it."""
        outcome = await self._pools.keep(self._delete, past_days=past_days)
        self._tell(self.status.after(outcome))
        return outcome

    async def _run_watch(self) -> None:
        try:
            while True:
                try:
                    await self._look()
                    if self.status.state is StorageState.OK:
                        self._repair.compare()
                except (OSError, SQLAlchemyError) as error:
                    _LOGGER.error("archive cannot be looked after", extra={"problem": str(error)})
                    self._tell(replace(self.status, state=StorageState.FAILING, problem=str(error)))
                except Exception:
                    _LOGGER.exception("archive not looked after")
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self._repair.stop()

    async def _look(self) -> None:
        """Every second: is the disk there, does anything hang, is the clock set, is the index sound."""
        self._lost_before += sum(camera.lost_groups for camera in self._cameras.values() if camera.finished)
        self._cameras = {key: camera for key, camera in self._cameras.items() if not camera.finished}
        for camera in self._cameras.values():
            camera.look_at_the_clock()
        if self._index.store.damaged:
            await self._repair.renew("it was damaged while in use")
        elif self._index.store.failing:
            await self._pools.read(self._index.store.flush)
        state, problem = StorageState.OK, None
        if not self._host.is_set:
            state, problem = StorageState.CLOCK, "the clock stands before 2020: it has not been set since the start"
        for trouble in (camera.trouble for camera in self._cameras.values()):
            if trouble is not None:
                state, problem = trouble
        try:
            async with asyncio.timeout(_STOP_S):
                await self._pools.keep(self._root.verify)
            if self._repair.due:
                await self._repair.run()
        except TimeoutError:
            state, problem = StorageState.SLOW, "the disk does not answer"
        except OSError as error:
            state, problem = self._root.state_of(error), str(error.strerror or error)
        lost = self._lost_before + sum(camera.lost_groups for camera in self._cameras.values())
        self._tell(replace(self.status, state=state, problem=problem, lost_groups=lost))

    async def _run_retention(self) -> None:
        # Each run is proved in the audit log: hourly keeps that readable. Nobody is shown what is past its days anyway.
        tidied_us: int | None = None
        # The second time soon, when the cameras have begun: then the figures tell of them.
        for pause_s in chain([_FIRST_RETENTION_S], repeat(_RETENTION_EVERY_S)):
            try:
                due = tidied_us is None or steady_us() - tidied_us > _TIDY_EVERY_US
                broken_off = await self._pools.read(self._index.unfinished) if due else []
                if broken_off:
                    # Files that broke off while the disk was in trouble: they, too, shall grow old.
                    await self._repair.run()
                outcome = await self.delete_expired(past_days=due)
                if due and not outcome.more_past_days and await self._pools.keep(self._deletion.tidy, self._days_of):
                    tidied_us = steady_us()
            except RootError:
                pass
            except (OSError, SQLAlchemyError) as error:
                _LOGGER.error("footage cannot be deleted", extra={"problem": str(error)})
            except Exception:
                # A defect of ours must not end housekeeping for good.
                _LOGGER.exception("footage not deleted")
            await asyncio.sleep(pause_s)

    def _delete(self, *, past_days: bool) -> Outcome:
        """In the keeper's thread, after every lock that is written: it knows them all."""
        locks, cameras = self._locks.all(), list(self._cameras)
        return self._deletion.run(self._days_of, locks, cameras, self._time_zone, past_days=past_days)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _days(self, camera_id: str, first: date, last: date, zone: ZoneInfo) -> list[Day]:
        frames = local_days(first, last, zone)
        whole = Span(frames[0][1].start_us, frames[-1][1].end_us)
        shown = self.shown(camera_id, whole)
        extents = self._index.extents(camera_id, whole.start_us, whole.end_us)
        gaps = self._index.gaps(camera_id, whole.start_us, whole.end_us)
        begun = self._index.sightings.begun_on(camera_id, whole.start_us, whole.end_us)
        observations = [one for one in begun if clamped([Span(one.start_us, one.end_us)], shown)]
        return days_recorded(frames, shown, extents, gaps, observations, self._host.utc_us())

    def _lasting(self) -> set[ObservationId]:
        return {which for camera in self._cameras.values() for which in camera.lasting}

    def _newest_ends(self) -> dict[str, int]:
        found = ((camera_id, self._index.last_end_us(camera_id)) for camera_id in self._index.cameras())
        return {camera_id: end_us for camera_id, end_us in found if end_us is not None}

    def _compared(self, done: int, of: int) -> None:
        self._tell(replace(self.status, compared_days=done, days_to_compare=of))

    def _tell(self, status: StorageStatus) -> None:
        if status != self.status:
            former, self.status = self.status, status
            if former.state is not status.state:
                level = logging.INFO if status.state is StorageState.OK else logging.ERROR
                _LOGGER.log(level, "storage is %s", status.state.value, extra={"problem": status.problem})
            self._on_status(status)
