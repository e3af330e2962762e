"""Recording files being written: a group of pictures is appended whole, with one vectored write."""

import os
import time
from pathlib import Path

from ..media.cmaf import Group, encode_fragment, init_segment
from ..media.h264 import VideoFormat
from .index import RecordingRow
from .layout import relative_path, same_file

# A power cut may cost what was written since the last sync.
_SYNC_S = 10.0


class RecordingWriter:
    """One open recording file. Its methods block on the disk and raise OSError."""

    def __init__(self, root: Path, camera_id: str, group: Group) -> None:
        self._camera_id = camera_id
        self.path = relative_path(camera_id, group.start_us)
        self.start_us = group.start_us
        self.end_us = group.start_us
        self.size_bytes = 0
        self._video: VideoFormat = group.video
        self._sequence = 0
        target = root / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._synced = time.monotonic()

    def row(self, *, complete: bool) -> RecordingRow:
        """What the index has to know of it now."""
        return RecordingRow(self.path, self._camera_id, self.start_us, self.end_us, self.size_bytes, complete)

    def takes(self, group: Group) -> bool:
        """True if the group belongs into this file."""
        return group.video == self._video and same_file(self.start_us, group.start_us)

    def append(self, group: Group) -> None:
        """Writes a group at the end. After an OSError the file ends with its last whole fragment."""
        self._sequence += 1
        base_90k = max(0, group.start_us - self.start_us) * 9 // 100
        buffers = encode_fragment(self._sequence, group.start_us, base_90k, group.samples)
        if self.size_bytes == 0:
            buffers.insert(0, init_segment(group.video))
        try:
            self._write(buffers)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += sum(map(len, buffers))
        self.end_us = group.end_us
        if time.monotonic() - self._synced >= _SYNC_S:
            os.fdatasync(self._descriptor)
            self._synced = time.monotonic()

    def close(self) -> None:
        """Syncs and closes the file. An empty one stays for the next start to clear away."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _write(self, buffers: list[bytes]) -> None:
        # A vectored write takes at most IOV_MAX buffers; a group of pictures may have more samples.
        data = [b"".join(buffers)] if len(buffers) > 1000 else buffers
        wanted = sum(map(len, data))
        written = os.writev(self._descriptor, data)
        if written < wanted:
            rest = memoryview(b"".join(data))[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
