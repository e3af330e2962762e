"""The index by itself: its tables, and what it does when the database does not take something."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from safe_community_recorder.archive.index import Index, RecordingRow, open_index
from safe_community_recorder.archive.schema import METADATA, REVISION
from safe_community_recorder.archive.timeline import Gap
from safe_community_recorder.cause import Cause
from tests.recorder.archives import S


def columns(path: Path) -> dict[str, set[str]]:
    engine = sa.create_engine(f"sqlite:///{path}")
    inspector = sa.inspect(engine)
    found = {
        table: {column["name"] for column in inspector.get_columns(table)}
        | {f"index {index['name']}" for index in inspector.get_indexes(table)}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }
    engine.dispose()
    return found


def test_the_migrations_lead_to_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    open_index(tmp_path / "migrated")[0].close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'made'}")
    METADATA.create_all(engine)
    engine.dispose()
    assert columns(tmp_path / "migrated") == columns(tmp_path / "made")
    with sqlite3.connect(tmp_path / "migrated") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]
    database.close()


def test_the_index_of_version_0_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE recording (path VARCHAR NOT NULL PRIMARY KEY, camera_id VARCHAR NOT NULL,
              start_us BIGINT NOT NULL, end_us BIGINT NOT NULL, size_bytes BIGINT NOT NULL, complete BOOLEAN NOT NULL);
            CREATE INDEX recording_by_time ON recording (camera_id, start_us);
            CREATE TABLE gap (id INTEGER NOT NULL PRIMARY KEY, camera_id VARCHAR NOT NULL, start_us BIGINT NOT NULL,
              end_us BIGINT, cause VARCHAR NOT NULL);
            CREATE INDEX gap_by_time ON gap (camera_id, start_us);
            INSERT INTO recording VALUES ('stop/1.mp4', 'stop', 1, 2, 3, 1);
            INSERT INTO gap VALUES (1, 'stop', 2, 5, 'disk');
        """)
    database.close()
    index, empty = open_index(path)
    assert not empty
    assert index.recordings("stop", 0, 9) == [RecordingRow("stop/1.mp4", "stop", 1, 2, 3, True)]
    assert index.gaps("stop", 0, 9) == [Gap(2, 5, Cause.DISK)]
    assert index.used_bytes == 3
    index.close()


def test_what_a_full_disk_keeps_from_the_index_is_written_later(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite", wait_s=0.05)
    blocker = sqlite3.connect(tmp_path / "index.sqlite", timeout=0, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    row = RecordingRow("stop/1.mp4", "stop", 0, S, 3, True)
    index.put(row)
    index.put_gap("stop", Gap(S, None, Cause.DISK))
    assert index.store.failing
    assert index.recordings("stop", 0, 9) == [row]
    blocker.execute("ROLLBACK")
    blocker.close()
    assert index.store.flush()
    assert not index.store.failing
    assert index.recordings("stop", 0, 9) == [row]
    assert index.gaps("stop", 0, 9 * S) == [Gap(S, None, Cause.DISK)]
    index.close()


def test_a_file_that_is_found_twice_at_the_same_time_is_known_once(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    first, second = (RecordingRow(f"stop/{n}.mp4", "stop", n * S, (n + 1) * S, 3, True) for n in range(2))
    index.put_many([first])
    index.put_many([first, second])
    assert not index.store.failing
    assert index.recordings("stop", 0, 9 * S) == [first, second]
    assert index.used_bytes == 6
    index.close()
