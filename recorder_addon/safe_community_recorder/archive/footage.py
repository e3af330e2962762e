"""Recording files and clips as they are read: what was read lately is kept."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..media.boxes import BoxError
from ..media.clip import Clip, NoFootageError
from ..media.cmaf import RecordingFile
from .index import RecordingRow
from .recovery import read_file
from .timeline import Span

_LOGGER = logging.getLogger(__name__)

# Of five minutes each, with some 250 kB of tables: a day of one camera (289), or nothing of it would be found again.
_FILES = 300
# The heads of some six days, or of as many clips of minutes as anybody looks at.
_CLIP_BYTES = 64 << 20

type BuildClip = Callable[[Iterable[tuple[str, RecordingFile]], int, int], Clip]
"""From files, a start and an end in microseconds of UTC."""


class Footage:
    """Reads files below `root`, for several threads. `rows` are the index's, `shown` the times that may be shown."""

    def __init__(self, root: Path, files: int = _FILES, clip_bytes: int = _CLIP_BYTES) -> None:
        self._root = root
        self._most_files = files
        self._clip_bytes = clip_bytes
        self._lock = threading.Lock()
        self._clips: OrderedDict[Hashable, Clip] = OrderedDict()
        self._kept_bytes = 0
        self._files: OrderedDict[str, tuple[int, RecordingFile]] = OrderedDict()

    def files(self, rows: Iterable[RecordingRow], shown: Sequence[Span]) -> Iterator[tuple[str, RecordingFile]]:
        """Paths and files, each with what may be shown of it. One that cannot be read is left out and logged."""
        for row in rows:
            path = str(self._root / row.path)
            try:
                file = self._read(path, row.size_bytes)
            except OSError, BoxError:
                _LOGGER.exception("recording file cannot be read", extra={"path": row.path})
                continue
            inside = tuple(
                f for f in file.fragments if any(f.utc_us < span.end_us and f.end_us > span.start_us for span in shown)
            )
            if inside:
                yield path, replace(file, fragments=inside)

    def _read(self, path: str, size_bytes: int) -> RecordingFile:
        """Files only grow: what was read when one was as large serves. Of one that is being written the newest is kept.

        Raises OSError and BoxError.
        """
        with self._lock:
            known = self._files.get(path)
            if known is not None and known[0] >= size_bytes:
                self._files.move_to_end(path)
                return known[1]
        file = read_file(Path(path))
        with self._lock:
            self._files[path] = size_bytes, file
            self._files.move_to_end(path)
            if len(self._files) > self._most_files:
                self._files.popitem(last=False)
        return file

    def kept(self, kind: Hashable, rows: Sequence[RecordingRow], shown: Sequence[Span]) -> Clip | None:
        """The clip of this kind if it is there already."""
        key = _key(kind, rows, shown)
        with self._lock:
            known = self._clips.get(key)
            if known is not None:
                self._clips.move_to_end(key)
            return known

    def clip(self, kind: Hashable, build: BuildClip, rows: Sequence[RecordingRow], shown: Sequence[Span]) -> Clip:
        """The clip that `build`, named `kind`, makes of it: a player asks for one in many ranges of bytes.

        Raises NoFootageError.
        """
        if not shown:
            raise NoFootageError("the footage of this range is past its days")
        known = self.kept(kind, rows, shown)
        if known is not None:
            return known
        clip = build(self.files(rows, shown), shown[0].start_us, shown[-1].end_us)
        # Here, where it may take its time: every range of bytes asks for it.
        _ = clip.etag
        key = _key(kind, rows, shown)
        with self._lock:
            if key not in self._clips:
                self._kept_bytes += len(clip.head)
                self._clips[key] = clip
            while self._kept_bytes > self._clip_bytes:
                _, oldest = self._clips.popitem(last=False)
                self._kept_bytes -= len(oldest.head)
        return clip


def _key(kind: Hashable, rows: Sequence[RecordingRow], shown: Sequence[Span]) -> Hashable:
    return kind, tuple(shown), tuple((row.path, row.size_bytes) for row in rows)
