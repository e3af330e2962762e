"""What travels between the recorder and the processes that decode: JSON and bytes, each message behind its lengths.

Neither side unpickles: a decoder that a camera has taken over can say something wrong, and nothing else.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_LENGTHS = struct.Struct(">II")
_LONGEST_TEXT_BYTES = 1 << 20
_LONGEST_DATA_BYTES = 64 << 20


class MessageError(ValueError):
    """What came is no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """A kind, what it says as JSON, and bytes."""

    kind: str
    content: Mapping[str, Any] = field(default_factory=dict)
    data: bytes = b""

    def encoded(self) -> bytes:
        """As it travels."""
        text = json.dumps({"kind": self.kind, **self.content}, separators=(",", ":")).encode()
        return b"".join((_LENGTHS.pack(len(text), len(self.data)), text, self.data))


class Inbox:
    """Messages out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def put(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes. Raises MessageError."""
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            text_bytes, data_bytes = _LENGTHS.unpack_from(self._buffer)
            if text_bytes > _LONGEST_TEXT_BYTES or data_bytes > _LONGEST_DATA_BYTES:
                raise MessageError("a message is longer than any")
            end = _LENGTHS.size + text_bytes + data_bytes
            if len(self._buffer) < end:
                return
            text = bytes(self._buffer[_LENGTHS.size : _LENGTHS.size + text_bytes])
            payload = bytes(self._buffer[_LENGTHS.size + text_bytes : end])
            del self._buffer[:end]
            try:
                content = json.loads(text)
                kind = content.pop("kind")
            except (ValueError, AttributeError, KeyError) as error:
                raise MessageError("a message is no JSON object with a kind") from error
            if not isinstance(kind, str):
                raise MessageError("a message's kind is no text")
            yield Message(kind, content, payload)
