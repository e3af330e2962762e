"""What a recorder is known by: its id and its bearer token, made at the first start and kept in the data directory."""

import fcntl
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .durable import write_whole


class InUseError(Exception):
    """Another process uses the data directory."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`recorder_id` for machines to recognise it by; `token` opens everything and is never shown."""

    recorder_id: str
    token: str = field(repr=False)


def load(data: Path) -> Identity:
    """The identity kept in this directory; a new one is made where there is none. Raises OSError."""
    return Identity(
        _kept(data / "recorder_id", lambda: uuid.uuid4().hex), _kept(data / "token", lambda: secrets.token_urlsafe(32))
    )


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Keeps other processes away from a data directory. Raises InUseError and OSError."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(f"another recorder runs with {data}") from error
        yield
    finally:
        os.close(descriptor)


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        if value := path.read_text(encoding="ascii").strip():
            return value
    except FileNotFoundError:
        pass
    value = make()
    write_whole(path, f"{value}\n".encode("ascii"))
    return value
