"""The footage of a village: the rows of our index, and the same as a row for every ten seconds."""

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from safe_community_recorder.archive.index import Index, RecordingRow
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.archive.timeline import Gap
from safe_community_recorder.cause import Cause

CAMERAS = 119
FILE_US = 300_000_000
SEGMENTS_PER_FILE = 30
MB = 1 << 20


def camera_id(number: int) -> str:
    """The name of a camera."""
    return f"camera-{number:03}"


def end_of_footage_us() -> int:
    """The last whole five minutes."""
    return time.time_ns() // 1_000 // FILE_US * FILE_US


def rows(files: int, end_us: int) -> Iterator[RecordingRow]:
    """The files of all cameras, by their start; one in two hundred is missing."""
    dice = random.Random(7)
    for number in range(files, 0, -1):
        start_us = end_us - number * FILE_US
        for camera in range(CAMERAS):
            if dice.random() < 0.005:
                continue
            path = relative_path(camera_id(camera), start_us)
            size_bytes = dice.randrange(30 * MB, 40 * MB)
            yield RecordingRow(path, camera_id(camera), start_us, start_us + FILE_US, size_bytes, True)


def build_ours(data: Path, files: int, end_us: int) -> int:
    """Writes the index; the number of its rows."""
    index = Index(data / "index.sqlite")
    last_us: dict[str, int] = {}
    batch: list[RecordingRow] = []
    count = 0
    for row in rows(files, end_us):
        batch.append(row)
        if (before_us := last_us.get(row.camera_id)) is not None and before_us < row.start_us:
            index.put_gap(row.camera_id, Gap(before_us, row.start_us, Cause.CAMERA_UNREACHABLE))
        last_us[row.camera_id] = row.end_us
        if len(batch) == 20_000:
            index.put_many(batch)
            count += len(batch)
            batch = []
    index.put_many(batch)
    index.close()
    return count + len(batch)


_SEGMENTS = """
CREATE TABLE segment (
  id INTEGER PRIMARY KEY, camera TEXT NOT NULL, path TEXT NOT NULL, start_time REAL NOT NULL, end_time REAL NOT NULL,
  duration REAL NOT NULL, motion INTEGER, objects INTEGER, size_mb REAL NOT NULL
);
"""
_SEGMENT_INDEXES = """
CREATE INDEX by_camera ON segment (camera, start_time DESC, end_time DESC);
CREATE INDEX for_summaries ON segment (camera, start_time DESC, duration, motion, objects);
CREATE INDEX by_age ON segment (start_time);
ANALYZE;
"""
_FILL = """
INSERT INTO segment (camera, path, start_time, end_time, duration, motion, objects, size_mb)
SELECT r.camera_id, 'recordings/' || r.camera_id || '/' || CAST(r.start_us / 1000000 + 10 * n.n AS TEXT) || '.mp4',
  r.start_us / 1e6 + 10 * n.n, r.start_us / 1e6 + 10 * n.n + 10, 10.0, 0, 0, r.size_bytes / 1048576.0 / 30
FROM ours.recording AS r, n ORDER BY r.start_us, n.n
"""


def build_segments(database: Path, ours: Path) -> int:
    """Writes the same footage with a row for every ten seconds; the number of rows."""
    with sqlite3.connect(database) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _SEGMENTS)
        connection.execute("ATTACH ? AS ours", (str(ours),))
        connection.execute("CREATE TEMP TABLE n (n INTEGER)")
        connection.executemany("INSERT INTO n VALUES (?)", [(n,) for n in range(SEGMENTS_PER_FILE)])
        count = connection.execute(_FILL).rowcount
        connection.commit()
        connection.executescript(_SEGMENT_INDEXES)
    connection.close()
    return count
