"""RTSP messages (RFC 2326; RFC 7826 where cameras speak it): bytes to small objects and back. No I/O.

Text is ISO 8859-1: each byte of the wire one character, so that what a camera says can be said back to it unchanged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

HEADER_LIMIT_BYTES = 16 << 10
BODY_LIMIT_BYTES = 1 << 20

_BLANK = b"\r\n \t\0"
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(r"RTSP/\d\.\d[ \t]*([1-9]\d\d)(?!\d)[ \t]*(.*)", re.IGNORECASE)
_VERSION = re.compile(r"RTSP/\d\.\d", re.IGNORECASE)
_METHODS = (
    "ANNOUNCE",
    "DESCRIBE",
    "GET_PARAMETER",
    "OPTIONS",
    "PAUSE",
    "PLAY",
    "PLAY_NOTIFY",
    "RECORD",
    "REDIRECT",
    "SETUP",
    "SET_PARAMETER",
    "TEARDOWN",
)
_BEGINNINGS = (b"RTSP/0.0", *(f"{method} ".encode() for method in _METHODS))
_LONGEST_BEGINNING = max(map(len, _BEGINNINGS))
_ALIKE = bytes.maketrans(b"\t123456789", b" 000000000")
_CONTROL = re.compile(rb"[\0-\x08\x0a-\x1f]")


class MessageError(ValueError):
    """The bytes are no RTSP, or more than a message may have."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of a message in their order; a name may come several times, and its case does not matter."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of a name."""
        return next(self._values(name), None)

    def get_all(self, name: str) -> list[str]:
        """All values of a name."""
        return list(self._values(name))

    def number(self, name: str) -> int | None:
        """The first value of a name (CSeq) as a number, None if it is none or has more than nine digits."""
        text = self.get(name) or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def _values(self, name: str) -> Iterator[str]:
        wanted = name.lower()
        return (value for own, value in self.fields if own.lower() == wanted)


@dataclass(frozen=True, slots=True)
class Request:
    """A request; cameras send some, too."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """As it is sent. Raises MessageError for line breaks in its parts and for what is no ISO 8859-1."""
        return _to_bytes(f"{self.method} {self.uri} RTSP/1.0", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """As it is sent. Raises MessageError for line breaks in its parts and for what is no ISO 8859-1."""
        return _to_bytes(f"RTSP/1.0 {self.status} {self.reason}", self.headers, self.body)


def parse_message(buffer: bytes | bytearray, start: int = 0) -> tuple[Request | Response, int] | None:
    """The message at `start`, after blank lines, and the position behind it; None if more bytes are needed.

    Each call looks at the headers once (at most HEADER_LIMIT_BYTES) and not at the body, so bytes may trickle in.
    Raises MessageError as soon as the first line is no RTSP, when the headers are longer than HEADER_LIMIT_BYTES, and
    for a Content-Length that makes no sense or is more than BODY_LIMIT_BYTES.
    """
    _check_beginning(bytes(buffer[start : start + 64]).lstrip(_BLANK))
    head = bytes(buffer[start : start + HEADER_LIMIT_BYTES])
    begin = len(head) - len(head.lstrip(_BLANK))
    first_end = head.find(b"\n", begin)
    if first_end >= 0:
        message = _parse_first_line(head[begin:first_end].rstrip())
    elif _CONTROL.search(head[begin:].rstrip()):
        raise MessageError(f"RTSP was expected, not {head[begin : begin + 16]!r}")
    end = _HEADERS_END.search(head, begin)
    if end is None:
        if len(head) == HEADER_LIMIT_BYTES:
            raise MessageError(f"headers of more than {HEADER_LIMIT_BYTES} bytes")
        return None
    headers = _parse_headers(_text(head[first_end + 1 : end.start()]))
    body_start = start + end.end()
    body_end = body_start + _content_length(headers)
    if body_end > len(buffer):
        return None
    return replace(message, headers=headers, body=bytes(buffer[body_start:body_end])), body_end


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _check_beginning(data: bytes) -> None:
    """Raises MessageError for bytes with which no message begins: rubbish must not be waited for to end."""
    word = data[:_LONGEST_BEGINNING].upper().translate(_ALIKE)
    if not any(word.startswith(each) or each.startswith(word) for each in _BEGINNINGS):
        raise MessageError(f"RTSP was expected, not {data[:16]!r}")


def _parse_first_line(line: bytes) -> Request | Response:
    _check_beginning(line)
    text = _text(line)
    if not _CONTROL.search(line):
        if status := _STATUS_LINE.match(text):
            return Response(int(status[1]), " ".join(status[2].split()))
        words = text.split()
        if len(words) > 2 and _VERSION.fullmatch(words[-1]):
            return Request(words[0].upper(), " ".join(words[1:-1]))
    raise MessageError(f"RTSP was expected, not {line[:40]!r}")


def _parse_headers(text: str) -> Headers:
    """Lines that begin with a blank go on with the one before (RFC 2616 §2.2); others without a colon are left out.

    A carriage return alone ends a line, too (RFC 2326 §4): there is none in what has been read.
    """
    lines: list[list[str]] = []
    for line in text.replace("\r", "\n").split("\n"):
        if lines and line.startswith((" ", "\t")):
            lines[-1].append(line.strip())
        elif ":" in line:
            lines.append([line.strip()])
    pairs = [" ".join(parts).partition(":") for parts in lines]
    return Headers(tuple((name.strip(), value.strip()) for name, _, value in pairs if name.strip()))


def _content_length(headers: Headers) -> int:
    values = set(headers.get_all("Content-Length"))
    if not values:
        return 0
    size = headers.number("Content-Length") if len(values) == 1 else None
    if size is None or size > BODY_LIMIT_BYTES:
        raise MessageError(f"one Content-Length up to {BODY_LIMIT_BYTES} was expected, not {sorted(values)}")
    return size


def _to_bytes(first_line: str, headers: Headers, body: bytes) -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.fields)]
    if body and headers.get("Content-Length") is None:
        lines.append(f"Content-Length: {len(body)}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise MessageError("a line break within a line")
    try:
        return b"".join((text.encode("latin-1"), b"\r\n\r\n", body))
    except UnicodeEncodeError as error:
        raise MessageError("ISO 8859-1 was expected") from error
