"""Recording files being written: a group of pictures is appended whole, with one vectored write."""

import os
import time
from contextlib import suppress

from ..media.cmaf import ClockSource, Fragment, Group, RecordingFile, encode_group, init_segment, sound_lead
from ..media.sample_table import closing_boxes
from ..utc import SECOND_US
from .index import RecordingRow
from .layout import relative_path, same_file
from .place import Place
from .root import RootError, StorageState

# A power cut may cost what was written since the last sync.
_SYNC_S = 10.0
_IOV_MAX = os.sysconf("SC_IOV_MAX")


class RecordingWriter:
    """One open recording file. Its methods block on the disk and raise OSError."""

    def __init__(self, place: Place, camera_id: str, group: Group) -> None:
        self._place = place
        self._root = place.root
        self._camera_id = camera_id
        self.start_us = group.start_us
        self.size_bytes = 0
        self._video, self._audio, self._lead = group.video, group.audio, sound_lead(group)
        self._fragments: list[Fragment] = []
        self._told_by_camera = True
        self.path, self._descriptor = self._create()
        self._entered = self._root.entered
        self._synced = time.monotonic()

    def row(self, *, complete: bool) -> RecordingRow:
        """What the index has to know of it now."""
        end_us = self._fragments[-1].end_us if self._fragments else self.start_us
        clock = clock_name(told_by_camera=self._told_by_camera and bool(self._fragments))
        return RecordingRow(self.path, self._camera_id, self.start_us, end_us, self.size_bytes, complete, clock)

    def takes(self, group: Group) -> bool:
        """True if the group belongs into this file."""
        same_format = (group.video, group.audio) == (self._video, self._audio)
        return same_format and same_file(self.start_us, group.start_us, self._place.file_s)

    def append(self, group: Group) -> None:
        """Writes a group at the end. After an OSError the file ends with its last whole fragment."""
        self._root.verify()
        if self._root.entered != self._entered:
            raise RootError(StorageState.MISSING, "the disk was away")
        if time.monotonic() - self._synced >= _SYNC_S:
            # Before this group, not after it: should that fail, the group is nowhere yet and can be written elsewhere.
            os.fdatasync(self._descriptor)
            self._synced = time.monotonic()
        head = [] if self._fragments else [init_segment(group)]
        position = self.size_bytes + sum(map(len, head))
        base_90k = max(0, group.start_us - self.start_us) * 9 // 100
        buffers, fragment = encode_group(len(self._fragments) + 1, base_90k, group, position, self._lead)
        self._write([*head, *buffers])
        self.size_bytes = fragment.end
        self._fragments.append(fragment)
        self._told_by_camera &= fragment.clock is ClockSource.SENDER_REPORT

    def close(self) -> bool:
        """Adds the closing boxes, syncs and closes the file. False if nothing was ever written: then it is gone."""
        try:
            if not self._fragments:
                self._root.remove(self.path)
                return False
            self._write([closing_boxes(self._content())])
            self.size_bytes = os.fstat(self._descriptor).st_size
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        return True

    def abandon(self) -> None:
        """After a failed write: lets go of the file as it is. It is completed at the next start."""
        with suppress(OSError):
            os.close(self._descriptor)
        if not self._fragments:
            with suppress(OSError):
                self._root.remove(self.path)

    @property
    def is_empty(self) -> bool:
        """True while nothing was written."""
        return not self._fragments

    def _content(self) -> RecordingFile:
        return RecordingFile(self._video, tuple(self._fragments), self.size_bytes, self._audio, lead=self._lead)

    def _create(self) -> tuple[str, int]:
        # A name is only a name: the file's time is inside. One that is taken belongs to a file that broke off.
        start_us = self.start_us
        while True:
            path = relative_path(self._camera_id, start_us)
            self._place.writing.add(path)
            try:
                return path, self._root.create(path)
            except OSError as error:
                self._place.writing.discard(path)
                if not isinstance(error, FileExistsError):
                    raise
                start_us += 1
                if start_us > self.start_us + SECOND_US // 1_000:
                    raise

    def _write(self, buffers: list[bytes]) -> None:
        try:
            for first in range(0, len(buffers), _IOV_MAX):
                self._write_all(buffers[first : first + _IOV_MAX])
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
            raise

    def _write_all(self, buffers: list[bytes]) -> None:
        wanted = sum(map(len, buffers))
        written = os.writev(self._descriptor, buffers)
        if written < wanted:
            rest = memoryview(b"".join(buffers))[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def clock_name(*, told_by_camera: bool) -> str:
    """How a file's time was got, as the index says it."""
    return "sender_report" if told_by_camera else "arrival"
