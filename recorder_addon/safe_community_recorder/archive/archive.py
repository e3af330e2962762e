"""The archive: takes whole groups of pictures from many cameras, says what there is, deletes what is past its days."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ..cause import Cause
from ..media.boxes import BoxError
from ..media.clip import Clip, NoFootageError, build_clip
from ..media.cmaf import Group, RecordingFile
from .index import Index, RecordingRow
from .recovery import Recovered, read_file, recover
from .retention import Storage, allowed_bytes, served_from_us, to_delete
from .timeline import TOLERANCE_US, Gap, Span, spans
from .writer import RecordingWriter

_LOGGER = logging.getLogger(__name__)

# What may wait for the disk, per camera; beyond, the oldest waiting group is lost and counted.
_WAITING_GROUPS = 30
_RETENTION_EVERY_S = 60.0


class Archive:
    """All footage below one directory. `days_of` gives a camera's retention in days."""

    def __init__(self, root: Path, index_path: Path, storage: Storage, days_of: Callable[[str], float]) -> None:
        self._root = root
        self._index_path = index_path
        self._storage = storage
        self._days_of = days_of
        # One thread writes: the disk gets whole groups one behind the other. Readers never wait for it.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._read_file = lru_cache(maxsize=256)(self._parse)

    async def start(self) -> Recovered:
        """Opens the index and repairs what the last stop left behind."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._index = Index(self._index_path)
        return await self._on_disk(recover, self._root, self._index)

    async def stop(self) -> None:
        """Closes the index. The cameras' recordings must have been stopped before."""
        await self._on_disk(self._index.close)
        self._disk.shutdown()

    def use(self, storage: Storage) -> None:
        """New rules of retention."""
        self._storage = storage

    async def camera(self, camera_id: str, on_recording: Callable[[bool], None]) -> CameraArchive:
        """Where a camera's groups go. `on_recording` is told when footage begins and ceases to reach the disk."""
        last_end_us = await self._on_disk(self._index.last_end_us, camera_id)
        return CameraArchive(camera_id, self._root, self._index, self._disk, last_end_us, on_recording)

    async def recordings(self, camera_id: str, within: Span) -> list[RecordingRow]:
        """A camera's files that touch the range and are not past their days."""
        within = self._served(camera_id, within)
        return await asyncio.to_thread(self._index.recordings, camera_id, within.start_us, within.end_us)

    async def timeline(self, camera_id: str, within: Span) -> tuple[list[Span], list[Gap]]:
        """A camera's recorded spans and its gaps within the range."""
        rows = await self.recordings(camera_id, within)
        within = self._served(camera_id, within)
        gaps = await asyncio.to_thread(self._index.gaps, camera_id, within.start_us, within.end_us)
        return spans((Span(row.start_us, row.end_us) for row in rows), gaps, within), gaps

    async def clip(self, camera_id: str, within: Span) -> Clip:
        """The range as one MP4. Raises NoFootageError."""
        rows = await self.recordings(camera_id, within)
        served = self._served(camera_id, within)
        return await asyncio.to_thread(self._build_clip, rows, served)

    async def run_retention(self) -> None:
        """Deletes what has to go, again and again, until cancelled."""
        while True:
            try:
                await self.delete_expired()
            except (OSError, SQLAlchemyError) as error:
                _LOGGER.error("footage cannot be deleted", extra={"problem": str(error)})
            await asyncio.sleep(_RETENTION_EVERY_S)

    async def delete_expired(self) -> int:
        """Deletes what has to go now; returns the number of files."""
        rows = await asyncio.to_thread(self._index.all_recordings)
        now_us = time.time_ns() // 1_000
        disk = await asyncio.to_thread(shutil.disk_usage, self._root)
        used = sum(row.size_bytes for row in rows)
        allowed = allowed_bytes(used, disk.free, disk.total, self._storage.quota_bytes)
        doomed = to_delete(rows, now_us, self._days_of, allowed)
        if doomed:
            await self._on_disk(self._delete, doomed)
            size_bytes = sum(row.size_bytes for row in doomed)
            early = sum(row.end_us > served_from_us(now_us, self._days_of(row.camera_id)) for row in doomed)
            _LOGGER.log(
                logging.WARNING if early else logging.INFO,
                "footage deleted before its days: the disk or the quota is too small" if early else "footage deleted",
                extra={"files": len(doomed), "early_files": early, "size_bytes": size_bytes},
            )
        return len(doomed)

    def _served(self, camera_id: str, within: Span) -> Span:
        first_us = served_from_us(time.time_ns() // 1_000, self._days_of(camera_id))
        return Span(max(within.start_us, first_us), max(within.end_us, first_us))

    def _build_clip(self, rows: list[RecordingRow], within: Span) -> Clip:
        if within.start_us >= within.end_us:
            raise NoFootageError("the footage of this range is past its days")
        files = []
        for row in rows:
            path = str(self._root / row.path)
            try:
                files.append((path, self._read_file(path, row.size_bytes)))
            except OSError, BoxError:
                _LOGGER.exception("recording file cannot be read", extra={"path": row.path})
        return build_clip(files, within.start_us, within.end_us)

    def _parse(self, path: str, size_bytes: int) -> RecordingFile:
        """Files only grow, so that path and size name a content."""
        return read_file(Path(path))

    def _delete(self, rows: list[RecordingRow]) -> None:
        for row in rows:
            (self._root / row.path).unlink(missing_ok=True)
        self._index.remove([row.path for row in rows])
        self._index.gaps_forgotten(served_from_us(time.time_ns() // 1_000, 400))

    async def _on_disk[**P, R](self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, partial(function, *args, **kwargs))


class CameraArchive:
    """The recording of one camera: groups wait in a bounded queue for the disk."""

    def __init__(
        self,
        camera_id: str,
        root: Path,
        index: Index,
        disk: ThreadPoolExecutor,
        last_end_us: int | None,
        on_recording: Callable[[bool], None],
    ) -> None:
        self._camera_id = camera_id
        self._root = root
        self._index = index
        self._disk = disk
        self._last_end_us = last_end_us
        self._on_recording = on_recording
        self._begun_us = time.time_ns() // 1_000
        self._waiting: asyncio.Queue[Group | Cause] = asyncio.Queue()
        self._writer: RecordingWriter | None = None
        self._gap_open = False
        self._cause: Cause | None = None
        self.recording = False
        self.lost_groups = 0

    @property
    def last_end_us(self) -> int:
        """The end of the newest footage, 0 if there is none."""
        return self._last_end_us or 0

    def put(self, group: Group) -> None:
        """Hands over a group; never waits."""
        if self._waiting.qsize() >= _WAITING_GROUPS:
            self._waiting.get_nowait()
            self.lost_groups += 1
            _LOGGER.error("the disk is too slow, footage is lost", extra={"camera": self._camera_id})
        self._waiting.put_nowait(group)

    def interrupted(self, cause: Cause) -> None:
        """Nothing comes any more, for this reason: a gap begins where the footage ends."""
        self._waiting.put_nowait(cause)

    async def run(self) -> None:
        """Writes what is handed over, until cancelled."""
        if self._last_end_us is not None:
            await self._take(Cause.RECORDER_STOPPED)
        while True:
            await self._take(await self._waiting.get())

    async def finish(self) -> None:
        """Writes what still waits and closes the file; `run` must have been cancelled before."""
        while not self._waiting.empty():
            await self._take(self._waiting.get_nowait())
        await asyncio.get_running_loop().run_in_executor(self._disk, self._close_file)
        self._tell(recording=False)

    async def _take(self, item: Group | Cause) -> None:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(item, Cause):
                self._tell(recording=False)
                await loop.run_in_executor(self._disk, self._open_gap, item)
            else:
                await loop.run_in_executor(self._disk, self._write, item)
                self._tell(recording=True)
        except OSError as error:
            self.lost_groups += 1
            self._tell(recording=False)
            _LOGGER.error("footage cannot be written", extra={"camera": self._camera_id, "problem": error.strerror})
        except Exception:
            # A defect of ours must cost a group, not the recording.
            self.lost_groups += 1
            self._tell(recording=False)
            _LOGGER.exception("footage not taken", extra={"camera": self._camera_id})

    def _tell(self, *, recording: bool) -> None:
        if recording != self.recording:
            self.recording = recording
            self._on_recording(recording)

    # --- in the disk's thread -----------------------------------------------------------------------------------------

    def _write(self, group: Group) -> None:
        try:
            if self._writer is not None and not self._writer.takes(group):
                self._close_file()
            writer = self._writer or RecordingWriter(self._root, self._camera_id, group)
            self._writer = writer
            writer.append(group)
        except OSError:
            self._abandon_file()
            self._open_gap(Cause.DISK)
            raise
        last_end_us, self._last_end_us = self._last_end_us, group.end_us
        self._indexed(self._index.put, writer.row(complete=False))
        self._close_gap(last_end_us, group.start_us)

    def _indexed[**P](self, note: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Notes something in the index; False if that fails.

        The files are the truth, so nothing is lost by it: a file's next row, the gap's end or the next start mends it.
        """
        try:
            note(*args, **kwargs)
        except SQLAlchemyError as error:
            _LOGGER.error("index cannot be written", extra={"camera": self._camera_id, "problem": str(error)})
            return False
        return True

    def _close_gap(self, last_end_us: int | None, start_us: int) -> None:
        if not self._gap_open and last_end_us is not None and start_us - last_end_us > TOLERANCE_US:
            cause = self._cause or Cause.PACKETS_LOST
            self._gap_open = self._indexed(self._index.gap_opened, self._camera_id, last_end_us, cause)
        self._cause = None
        if self._gap_open:
            self._gap_open = not self._indexed(self._index.gap_closed, self._camera_id, start_us)

    def _open_gap(self, cause: Cause) -> None:
        if not self._gap_open:
            # On a full disk the index cannot note it now: then the cause is kept for the gap's end.
            self._cause = self._cause or cause
            start_us = self._begun_us if self._last_end_us is None else self._last_end_us
            self._gap_open = self._indexed(self._index.gap_opened, self._camera_id, start_us, cause)

    def _close_file(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            if writer.size_bytes:
                self._indexed(self._index.put, writer.row(complete=True))

    def _abandon_file(self) -> None:
        """After a failed write: the next group begins a new file."""
        try:
            self._close_file()
        except OSError as error:
            _LOGGER.error("file cannot be closed", extra={"camera": self._camera_id, "problem": error.strerror})
