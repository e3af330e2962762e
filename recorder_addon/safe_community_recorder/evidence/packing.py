"""Writes a package, file by file. Blocks on the disk, and leaves it to recording: it pauses as long as it works."""

import hashlib
import os
import time
from collections.abc import Buffer, Callable, Iterable, Iterator, Sequence
from io import FileIO
from itertools import groupby
from threading import Event
from typing import BinaryIO

from .. import utc
from ..media.clip import Clip
from .contents import Maker, Packed, PackedFile, Request
from .manifest import as_bytes, manifest
from .protocol import protocol
from .readme import readme
from .signature import SigningKey
from .stored_zip import ZipWriter, dos_time

SUMS_NAME, SIGNATURE_NAME, KEY_NAME = "SHA256SUMS", "SHA256SUMS.sig", "public-key.pem"
MANIFEST_NAME, PROTOCOL_NAME, README_NAME = "manifest.json", "protocol.html", "README.txt"

_PART_BYTES = 1 << 20
# So much is on the way to the disk at most, so that nobody's sync has to wait for more.
_SYNC_BYTES = 8 << 20
_MOST_BYTES_A_SECOND = 64 << 20
_LONGEST_PAUSE_S = 2.0


class UnwantedError(Exception):
    """Nobody wants the package any more."""


class Pace:
    """Keeps work small beside recording: each turn is followed by a pause as long as the turn, and bytes have a limit.

    What `cancel` sets ends the work within a turn.
    """

    def __init__(
        self,
        cancel: Event,
        *,
        most_bytes_a_second: int = _MOST_BYTES_A_SECOND,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cancel = cancel
        self._most_bytes_a_second = most_bytes_a_second
        self._clock_s = clock_s
        self.begin()

    def begin(self) -> None:
        """The first turn begins now."""
        self._since_s = self._clock_s()

    def turn(self, done_bytes: int) -> None:
        """To be called after some bytes. Raises UnwantedError."""
        took_s = self._clock_s() - self._since_s
        if self._cancel.wait(max(min(took_s, _LONGEST_PAUSE_S), done_bytes / self._most_bytes_a_second - took_s)):
            raise UnwantedError
        self.begin()


class Package:
    """A package that is being written into a new file. Raises OSError, and UnwantedError by its pace.

    `on_clip_bytes` hears how many bytes of clips have been written since it was last told.
    """

    def __init__(
        self,
        file: BinaryIO,
        request: Request,
        maker: Maker,
        created_us: int,
        pace: Pace,
        on_clip_bytes: Callable[[int], None] = lambda _written: None,
    ) -> None:
        self._file = file
        self._request = request
        self._maker = maker
        self._created_us = created_us
        self._pace = pace
        self._on_clip_bytes = on_clip_bytes
        self._zip = ZipWriter(file, dos_time(utc.from_us(created_us)))
        self._files: list[PackedFile] = []
        self._unsynced = self._synced = 0

    @property
    def names(self) -> set[str]:
        """Names that are taken."""
        return {file.name for file in self._files}

    def add_clip(self, name: str, clip: Clip) -> PackedFile:
        """A clip's bytes, exactly as they are played."""
        return self._add(name, clip.size, self._told(clip_parts(clip)))

    def add(self, name: str, data: bytes) -> PackedFile:
        """A small file."""
        return self._add(name, len(data), [data])

    def finish(self, packed: Sequence[Packed], key: SigningKey) -> str:
        """What describes the clips, and the signature; the SHA-256 of SHA256SUMS, which stands for the package."""
        request, maker, created_us = self._request, self._maker, self._created_us
        self.add(MANIFEST_NAME, as_bytes(manifest(request, maker, created_us, packed)))
        self.add(PROTOCOL_NAME, protocol(request, maker, created_us, packed).encode())
        self.add(README_NAME, readme(request.number).encode())
        self.add(KEY_NAME, key.public.pem.encode())
        sums = "".join(f"{file.sha256}  {file.name}\n" for file in self._files).encode()
        whole = self.add(SUMS_NAME, sums)
        self.add(SIGNATURE_NAME, key.sign(sums))
        self._zip.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        return whole.sha256

    def _add(self, name: str, size: int, parts: Iterable[Buffer]) -> PackedFile:
        digest = hashlib.sha256()
        self._zip.add(name, size, self._paced(parts, digest.update))
        file = PackedFile(name, size, digest.hexdigest())
        self._files.append(file)
        return file

    def _paced(self, parts: Iterable[Buffer], look: Callable[[Buffer], object]) -> Iterator[Buffer]:
        self._pace.begin()
        for part in parts:
            look(part)
            yield part
            # From here on it is written.
            size = memoryview(part).nbytes
            self._unsynced += size
            if self._unsynced >= _SYNC_BYTES:
                self._sync()
            self._pace.turn(size)

    def _told(self, parts: Iterable[Buffer]) -> Iterator[Buffer]:
        for part in parts:
            yield part
            self._on_clip_bytes(memoryview(part).nbytes)

    def _sync(self) -> None:
        self._file.flush()
        descriptor = self._file.fileno()
        os.fdatasync(descriptor)
        # What has been written is not needed in memory any more; other footage is.
        os.posix_fadvise(descriptor, self._synced, self._unsynced, os.POSIX_FADV_DONTNEED)
        self._synced, self._unsynced = self._synced + self._unsynced, 0


def clip_parts(clip: Clip) -> Iterator[Buffer]:
    """A clip's bytes. Raises OSError, also where a recording file has become too short."""
    yield clip.head
    for path, parts in groupby(clip.parts, lambda part: part.path):
        with open(path, "rb", buffering=0) as file:
            for part in parts:
                yield from _file_parts(file, part.offset, part.size)


def _file_parts(file: FileIO, offset: int, size: int) -> Iterator[bytes]:
    end = offset + size
    while offset < end:
        data = os.pread(file.fileno(), min(_PART_BYTES, end - offset), offset)
        if not data:
            raise OSError(f"{file.name} is shorter than it was")
        os.posix_fadvise(file.fileno(), offset, len(data), os.POSIX_FADV_DONTNEED)
        yield data
        offset += len(data)
