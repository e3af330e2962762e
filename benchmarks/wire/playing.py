"""Reads clips as a player does: when the first byte came, when the first picture could be shown, and how fast."""

import io
import os
import socket
import time
from dataclasses import dataclass
from typing import Self

import av

_BLOCK_BYTES = 1 << 20
_LONGEST_HEAD = 64 << 10


@dataclass(frozen=True, slots=True)
class Began:
    """Seconds from the question to the first byte of the clip, and to its first decoded picture."""

    first_byte_s: float
    first_picture_s: float


class Sequential(io.RawIOBase):
    """A file descriptor that can only be read on and on, behind what was read of it already."""

    def __init__(self, descriptor: int, already: bytes = b"") -> None:
        self._descriptor = descriptor
        self._already = already

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes."""
        if self._already:
            data, self._already = self._already[:size], self._already[size:]
            return data
        return os.read(self._descriptor, size)


class Answer:
    """The recorder's answer to a GET, on a connection of its own; a context."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self._began_s = time.perf_counter()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        # The timeout would make it non-blocking, and every read two calls.
        self._socket.settimeout(None)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        self._socket.sendall(request.encode("ascii"))
        data = b""
        while b"\r\n\r\n" not in data or data.endswith(b"\r\n\r\n"):
            more = self._socket.recv(_LONGEST_HEAD)
            if not more:
                raise SystemExit(f"playback: {path} was answered with {data!r}")
            data += more
        self.first_byte_s = time.perf_counter() - self._began_s
        head, _, self.already = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"playback: {path} was answered with {data[:500]!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def descriptor(self) -> int:
        """Where the rest comes."""
        return self._socket.fileno()

    def began(self) -> Began:
        """Decodes the first picture."""
        decode_first(Sequential(self.descriptor, self.already))
        return Began(self.first_byte_s, time.perf_counter() - self._began_s)

    def drain(self) -> int:
        """Reads all the rest; how many bytes the clip had."""
        return len(self.already) + drain(self.descriptor)


def decode_first(file: io.RawIOBase) -> None:
    """The first picture of a file that cannot be rewound."""
    with av.open(file, "r", format="mp4") as container:
        next(container.decode(video=0))


def drain(descriptor: int) -> int:
    """Reads to the end; how many bytes."""
    total, buffers = 0, [bytearray(_BLOCK_BYTES)]
    while count := os.readv(descriptor, buffers):
        total += count
    return total
