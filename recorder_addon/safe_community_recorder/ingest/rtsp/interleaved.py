"""What comes over an RTSP connection, taken apart: packets (RFC 2326 §10.12), messages and rubbish. Pure."""

import re
from collections.abc import Callable

from ...media.bits import BitstreamError
from .message import MessageError, Request, Response, parse_message

_DOLLAR = 0x24
_HEAD_BYTES = 4
_NEXT = re.compile(rb"\$|RTSP/")
# More of it in one piece is no fault on the line but another protocol.
_MOST_RUBBISH_BYTES = 1 << 20
_LONGEST_MESSAGE_BYTES = 2 << 20

type Packet = Callable[[bytes, int, int], None]
"""Takes a packet: the bytes in which it lies, its beginning and its end."""
type Run = Callable[[bytes, int, int], int]
"""Takes packets of one size that lie side by side, each behind four bytes of framing: (bytes in which they lie, where
the first one's framing begins, how far it is from one to the next); how many it has taken, be it none."""


class Interleaved:
    """Takes a stream's bytes as they come and hands on what they hold.

    `channels` says who takes the packets of a channel, `runs` who can take several at once: most of a picture's packets
    are of one size. `on_unknown` gets those of any other channel.
    """

    def __init__(
        self,
        channels: dict[int, Packet],
        on_message: Callable[[Request | Response], None],
        on_unknown: Callable[[int, bytes, int, int], None],
    ) -> None:
        self.channels = channels
        self.runs: dict[int, Run] = {}
        self._on_message = on_message
        self.on_unknown = on_unknown
        self._rest = b""
        self._in_a_row = 0
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises BitstreamError when there is nothing but rubbish."""
        position = 0
        if self._rest:
            data, position = self._continued(data)
        end = len(data)
        channels, runs = self.channels, self.runs
        while end - position > _HEAD_BYTES:
            if data[position] != _DOLLAR:
                following = self._other(data, position)
                if following < 0:
                    break
                position = following
                continue
            start = position + _HEAD_BYTES
            after = start + (data[position + 2] << 8 | data[position + 3])
            # On a known channel comes version 2 of RTP and RTCP. Behind rubbish, which may have dollar signs in it,
            # only that is believed; of other channels only the length is of interest.
            take = channels.get(data[position + 1])
            if self._in_a_row if take is None else data[start] >> 6 != 2:
                position = self._skip(data, position + 1 if after > start else start, position)
                continue
            if after > end:
                break
            self._in_a_row = 0
            if take is None:
                self.on_unknown(data[position + 1], data, start, after)
                position = after
                continue
            if data[after : after + _HEAD_BYTES] == data[position:start] and (run := runs.get(data[position + 1])):
                taken = run(data, position, after - position)
                if taken:
                    position += taken * (after - position)
                    continue
            take(data, start, after)
            position = after
        self._rest = data[position:]

    def _continued(self, data: bytes) -> tuple[bytes, int]:
        """The bytes to go on with, and where: a packet that was cut is completed by itself, nothing else is copied."""
        rest, self._rest = self._rest, b""
        if rest[0] == _DOLLAR and len(rest) > _HEAD_BYTES:
            missing = _HEAD_BYTES + (rest[2] << 8 | rest[3]) - len(rest)
            if 0 < missing <= len(data):
                self.feed(b"".join((rest, data[:missing])))
                if not self._rest:
                    return data, missing
                rest, data, self._rest = self._rest, data[missing:], b""
        return b"".join((rest, data)), 0

    def _other(self, data: bytes, position: int) -> int:
        """Where to go on behind what is no packet; -1 to wait for more."""
        try:
            found = parse_message(data, position)
        except MessageError:
            return self._skip(data, position + 1, position)
        if found is None:
            if len(data) - position > _LONGEST_MESSAGE_BYTES:
                return self._skip(data, position + 1, position)
            return -1
        message, after = found
        self._on_message(message)
        self._in_a_row = 0
        return after

    def _skip(self, data: bytes, start: int, since: int) -> int:
        """Where the next packet or message may begin."""
        found = _NEXT.search(data, start)
        # Half a mark may stand at the end.
        following = found.start() if found else max(start, len(data) - _HEAD_BYTES)
        self.skipped_bytes += following - since
        self._in_a_row += following - since
        if self._in_a_row > _MOST_RUBBISH_BYTES:
            raise BitstreamError("what comes over the connection is no RTSP")
        return following
