"""Boxes of the ISO base media file format (ISO/IEC 14496-12 §4.2): written to bytes, walked in bytes."""

from collections.abc import Iterator
from dataclasses import dataclass


class BoxError(ValueError):
    """The bytes are not a well-formed sequence of boxes."""


@dataclass(frozen=True, slots=True)
class BoxHeader:
    """Where a box lies: `start` of its header, `body` behind it, `end` behind the box (all in bytes)."""

    kind: bytes
    start: int
    body: int
    end: int


HEADER_BYTES = 16


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box with a 32-bit size."""
    return b"".join(((8 + sum(map(len, payload))).to_bytes(4), kind, *payload))


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, (version << 24 | flags).to_bytes(4), *payload)


def read_header(data: bytes | bytearray | memoryview, start: int, at: int = 0) -> BoxHeader:
    """The header at the beginning of `data`, which lies at byte `start` of the whole. Raises BoxError."""
    head = bytes(data[at : at + HEADER_BYTES])
    if len(head) < 8:
        raise BoxError(f"a box header was expected at byte {start}")
    size = int.from_bytes(head[:4])
    body = 8
    if size == 1:
        if len(head) < 16:
            raise BoxError(f"a 64-bit box header was expected at byte {start}")
        size = int.from_bytes(head[8:16])
        body = 16
    if size < body:
        raise BoxError(f"a box of {size} bytes at byte {start}")
    return BoxHeader(head[4:8], start, start + body, start + size)


def walk(data: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[BoxHeader]:
    """The boxes that lie side by side in data[start:end]. Raises BoxError when one is cut short."""
    end = len(data) if end is None else end
    while start < end:
        header = read_header(data[start : min(start + HEADER_BYTES, end)], start)
        if header.end > end:
            raise BoxError(f"the box {header.kind!r} at byte {start} is cut short")
        yield header
        start = header.end


def find(data: bytes | bytearray, *path: bytes, start: int = 0, end: int | None = None) -> BoxHeader:
    """The first box at a path of nested plain boxes. Raises BoxError when there is none."""
    for kind in path:
        for header in walk(data, start, end):
            if header.kind == kind:
                start, end = header.body, header.end
                break
        else:
            raise BoxError(f"no box {kind!r}")
    return header
