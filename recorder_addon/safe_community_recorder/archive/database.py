"""SQLite: how it is opened, what its errors mean, and what is done with a file that is damaged."""

import logging
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

_LOGGER = logging.getLogger(__name__)

WAIT_S = 30


def connect(path: Path, wait_s: float) -> sa.Engine:
    """An engine for the database in this file, which readers and writers use at the same time.

    One writer waits for another for `wait_s` seconds.
    """
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": wait_s})
    sa.event.listen(engine, "connect", _configure)
    return engine


def note_sound(path: Path) -> None:
    """The database was closed in order: the next start need not look through all of it."""
    with suppress(OSError):
        _sound(path).write_text(_state(path), encoding="ascii")


def is_known_sound(path: Path) -> bool:
    """True if it was closed in order, and nobody has touched it since. That holds once."""
    try:
        noted = _sound(path).read_text(encoding="ascii")
        _sound(path).unlink()
        return noted == _state(path)
    except OSError:
        return False


def _sound(path: Path) -> Path:
    return path.with_name(f"{path.name}.sound")


def _state(path: Path) -> str:
    status = path.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def damage(path: Path) -> str | None:
    """What is wrong inside the file; None if nothing is, or if that cannot be told now."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": WAIT_S})
    try:
        with engine.connect() as connection:
            verdict = str(connection.execute(sa.text("PRAGMA quick_check(1)")).scalar())
    except DatabaseError as error:
        return None if is_passing(error) else reason(error)
    finally:
        engine.dispose()
    return None if verdict == "ok" else verdict


def is_passing(error: Exception) -> bool:
    """True for what has nothing to do with the database's content: locked, full, read-only."""
    text = str(getattr(error, "orig", error))
    return not any(word in text for word in ("malformed", "not a database", "corrupt", "revision", "no such", "has no"))


def put_aside(path: Path, problem: str) -> None:
    """Renames the file, so that a new one can begin."""
    aside = path.with_name(f"{path.name}.unusable")
    _LOGGER.error("index is unusable and made anew from the files", extra={"problem": problem, "aside": aside.name})
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")


def reason(error: Exception) -> str:
    """What the database itself said."""
    return str(getattr(error, "orig", None) or error)


def _configure(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
