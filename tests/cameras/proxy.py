"""A network with faults: a TCP proxy between recorder and camera that does on command what networks and cameras do.

It knows RTSP's interleaved packets, so that it can lose or damage single ones. Commands take effect at once, on the
connections that are open and on those to come, until `heal`. They may be called from any thread.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

_DOLLAR = 0x24
_CHUNK_BYTES = 64 << 10
# Of a frame: its own and RTP's header, and therein the sequence number.
_RTP_BYTES = 16
_SEQUENCE = slice(6, 8)
_RESET = b"\1\0\0\0\0\0\0\0"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong at the moment; probabilities are of each RTP packet with an even channel."""

    lose: float = 0.0
    lose_sequences: frozenset[int] = frozenset()
    truncate: float = 0.0
    corrupt: float = 0.0
    corrupt_anywhere: float = 0.0
    flood: int = 0
    delay_s: float = 0.0
    delay_connect_s: float = 0.0
    hang: bool = False
    swallow: bool = False
    trickle_s: float = 0.0
    pieces: bool = False


class Proxy:
    """Stands before a server on loopback; an async context. `tls` is for those who call, the server is in the clear.

    `lost_sequences` are the sequence numbers of the RTP packets that it has left out. What is not `framed`, such as
    RTSPS, is handed on as it is.
    """

    def __init__(
        self, target_port: int, *, seed: int = 1, tls: ssl.SSLContext | None = None, framed: bool = True
    ) -> None:
        self.port = 0
        self.connections = 0
        self.lost_sequences: list[int] = []
        self._target_port = target_port
        self._rng = random.Random(seed)
        self._tls = tls
        self._framed = framed
        self._faults = Faults()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._bound = socket.socket()
        self._fillers: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Only a port that was asked for by its number outlasts `shutdown`.
        self._bound.bind(("127.0.0.1", self.port))
        await self._listen()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._unlisten()
        self._bound.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    # --- commands -----------------------------------------------------------------------------------------------------

    def lose(self, probability: float = 0.0, sequences: frozenset[int] = frozenset()) -> None:
        """Leaves out RTP packets, by chance or by their sequence numbers."""
        self._suffer(lambda now: replace(now, lose=probability, lose_sequences=sequences))

    def truncate(self, probability: float) -> None:
        """Cuts RTP packets short; their frames tell the shorter length."""
        self._suffer(lambda now: replace(now, truncate=probability))

    def corrupt(self, probability: float, *, anywhere: bool = False) -> None:
        """Changes a byte of a packet's payload, or of anything that is sent, so that lengths do not fit any more."""
        if anywhere:
            self._suffer(lambda now: replace(now, corrupt_anywhere=probability))
        else:
            self._suffer(lambda now: replace(now, corrupt=probability))

    def flood(self, times: int) -> None:
        """Sends each packet so many times as rubbish on another channel, and once again on its own."""
        self._suffer(lambda now: replace(now, flood=times))

    def delay(self, delay_s: float) -> None:
        """Everything the camera says comes so much later."""
        self._suffer(lambda now: replace(now, delay_s=delay_s))

    def delay_connect(self, delay_s: float) -> None:
        """Who calls waits so long for the first byte."""
        self._suffer(lambda now: replace(now, delay_connect_s=delay_s))

    def hang(self) -> None:
        """Nothing is taken from anybody nor handed on; connections stay, and new ones are accepted."""
        self._suffer(lambda now: replace(now, hang=True))

    def half_open(self) -> None:
        """What either says is taken and vanishes."""
        self._suffer(lambda now: replace(now, swallow=True))

    def trickle(self, every_s: float) -> None:
        """Of what the camera says, one byte at a time."""
        self._suffer(lambda now: replace(now, trickle_s=every_s))

    def split(self) -> None:
        """The same bytes in other pieces: cut and joined at any place."""
        self._suffer(lambda now: replace(now, pieces=True))

    def cut(self) -> None:
        """Resets all connections."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Resets all connections, and refuses new ones."""
        self._do(self._refuse)

    def ignore_calls(self) -> None:
        """Resets all connections, and does not even answer new ones: their SYN is dropped by a full queue."""
        self._do(self._ignore_calls)

    def heal(self) -> None:
        """Ends everything that is wrong."""
        self._do(self._heal)

    def _suffer(self, change: Callable[[Faults], Faults]) -> None:
        def apply() -> None:
            self._faults = change(self._faults)
            self._changed.set()

        self._do(apply)

    def _do(self, change: Callable[[], object]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(change)

    # --- listening ----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._bound.dup(), ssl=self._tls)

    def _unlisten(self) -> None:
        # The port stays bound all the time: nobody else may get it meanwhile. A socket that does not listen would be
        # shut down for all who are accepted later.
        if self._server is not None or self._fillers:
            self._bound.shutdown(socket.SHUT_RDWR)
        if self._server is not None:
            self._server.close()
            self._server = None
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            connection = writer.get_extra_info("socket")
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def _refuse(self) -> None:
        self._unlisten()
        self._cut()

    def _ignore_calls(self) -> None:
        self._refuse()
        self._bound.listen(0)
        # One waits to be accepted, which never happens; from then on the kernel drops what comes.
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    async def _heal_listening(self) -> None:
        if self._server is None:
            self._unlisten()
            await self._listen()

    def _heal(self) -> None:
        assert self._loop is not None
        self._faults = Faults()
        self._changed.set()
        task = self._loop.create_task(self._heal_listening())
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)

    # --- a connection -------------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        self._writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await asyncio.sleep(self._faults.delay_connect_s)
            from_camera, there = await asyncio.open_connection("127.0.0.1", self._target_port)
            ways = [
                asyncio.create_task(self._to_camera(reader, there)),
                asyncio.create_task(self._from_camera(from_camera, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except ConnectionError, asyncio.CancelledError:
            return
        finally:
            self._lines.discard(line)
            self._writers.discard(writer)
            writer.close()
            if there is not None:
                there.close()

    async def _flowing(self) -> None:
        """Until nothing hangs."""
        while self._faults.hang:
            self._changed.clear()
            await self._changed.wait()

    async def _to_camera(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._flowing()
            if not self._faults.swallow:
                writer.write(data)
                await writer.drain()

    async def _from_camera(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sender = asyncio.create_task(self._send_late(late, writer))
        rest = b""
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await self._flowing()
                if self._framed:
                    parts, rest = _split(rest + data)
                    data = b"".join(out for part in parts for out in self._suffered(part))
                if data and not self._faults.swallow:
                    late.put_nowait((loop.time() + self._faults.delay_s, data))
            await asyncio.sleep(self._faults.delay_s)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_late(self, late: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await late.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            for piece in self._pieces(data):
                await self._flowing()
                if self._faults.swallow:
                    break
                writer.write(piece)
                await writer.drain()
                if self._faults.trickle_s or self._faults.pieces:
                    await asyncio.sleep(self._faults.trickle_s)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        position = 0
        while position < len(data):
            size = len(data)
            if self._faults.trickle_s:
                size = 1
            elif self._faults.pieces:
                size = self._rng.choice((1, 2, 3, 5, 700, 4_000))
            yield data[position : position + size]
            position += size

    def _suffered(self, part: bytes) -> Iterator[bytes]:
        """What becomes of a frame or a message."""
        faults, rng = self._faults, self._rng
        if part[0] == _DOLLAR and part[1] % 2 == 0 and len(part) > _RTP_BYTES:
            sequence = int.from_bytes(part[_SEQUENCE])
            if sequence in faults.lose_sequences or rng.random() < faults.lose:
                self.lost_sequences.append(sequence)
                return
            if rng.random() < faults.truncate:
                part = _framed(part[1], part[4 : rng.randrange(_RTP_BYTES, len(part))])
            if rng.random() < faults.corrupt:
                part = _changed(part, rng.randrange(_RTP_BYTES, len(part)), rng)
            for _ in range(faults.flood):
                yield _framed(200, part[4:])
            if faults.flood:
                yield part
        if rng.random() < faults.corrupt_anywhere:
            part = _changed(part, rng.randrange(min(20, len(part))), rng)
        yield part


def _framed(channel: int, packet: bytes) -> bytes:
    return b"$" + channel.to_bytes() + len(packet).to_bytes(2) + packet


def _changed(data: bytes, position: int, rng: random.Random) -> bytes:
    return data[:position] + (data[position] ^ rng.randrange(1, 256)).to_bytes() + data[position + 1 :]


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole frames and messages, and what is left."""
    parts = []
    position = 0
    while position < len(data):
        if data[position] == _DOLLAR:
            end = position + 4 + int.from_bytes(data[position + 2 : position + 4])
            if len(data) - position < 4:
                break
        else:
            head_end = data.find(b"\r\n\r\n", position)
            if head_end < 0:
                break
            end = head_end + 4
            for line in data[position:head_end].split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"content-length":
                    end += int(value)
        if end > len(data):
            break
        parts.append(data[position:end])
        position = end
    return parts, data[position:]
