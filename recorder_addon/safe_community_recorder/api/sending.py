"""Bytes of files to whoever asked for them: the kernel sends them, and only threads wait for the disk.

The event loop, which receives the cameras, sends nothing of it. A thread has the kernel send (sendfile(2)) for as long
as the client takes it and for a tenth of a second at most; then it is the next client's turn. While a client takes
nothing no thread waits for it.
"""

import asyncio
import os
import select
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, NamedTuple

from aiohttp import web

# One that hangs in a disk holds up another client at most.
_SENDERS = ThreadPoolExecutor(8, thread_name_prefix="sender")
_TURN_S = 0.1
# Shorter than this, waiting in the thread costs less than going back to the event loop.
_PATIENCE_MS = 10
_AT_ONCE_BYTES = 8 << 20
# To be encrypted takes the event loop less than a millisecond.
_ENCRYPTED_AT_ONCE_BYTES = 256 << 10


class _Turn(NamedTuple):
    """What a thread has sent. `is_short` says that the file has ended before."""

    sent: int
    is_short: bool


async def send_part(request: web.Request, file: BinaryIO, offset: int, size: int) -> bool:
    """Has the kernel send bytes of a file; False if the connection had to be broken off. Raises OSError."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    if transport.get_extra_info("ssl_object") is not None:
        return await _send_encrypted(request, file, offset, size)
    # What was written before goes first: all of it.
    transport.set_write_buffer_limits(high=0)
    await request.writer.drain()
    if transport.is_closing():
        raise ConnectionResetError("the client is gone")
    # Of its own: connection and file may be closed while a thread still hangs in the disk.
    connection, source = os.dup(transport.get_extra_info("socket").fileno()), os.dup(file.fileno())
    turn: Future[_Turn] | None = None
    try:
        while size:
            turn = _SENDERS.submit(_send, connection, source, offset, size)
            done = await asyncio.wrap_future(turn)
            if done.is_short:
                break_off(request)
                return False
            offset, size = offset + done.sent, size - done.sent
            if size:
                await _writable(connection)
        return True
    finally:
        transport.set_write_buffer_limits()
        _close_after(turn, connection, source)


async def _send_encrypted(request: web.Request, file: BinaryIO, offset: int, size: int) -> bool:
    source = os.dup(file.fileno())
    turn: Future[bytes] | None = None
    try:
        while size:
            turn = _SENDERS.submit(os.pread, source, min(size, _ENCRYPTED_AT_ONCE_BYTES), offset)
            data = await asyncio.wrap_future(turn)
            if not data:
                break_off(request)
                return False
            await request.writer.write(data)
            offset, size = offset + len(data), size - len(data)
        return True
    finally:
        _close_after(turn, source)


def break_off(request: web.Request) -> None:
    """The length has been promised: only a broken connection can still say that something is missing."""
    if request.transport is not None:
        request.transport.abort()


def _send(connection: int, source: int, offset: int, size: int) -> _Turn:
    """In a thread: as much as the client takes while it is its turn. Raises OSError."""
    sent, until_s = 0, time.monotonic() + _TURN_S
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    while sent < size and time.monotonic() < until_s:
        try:
            count = os.sendfile(connection, source, offset + sent, min(size - sent, _AT_ONCE_BYTES))
        except BlockingIOError:
            if poll.poll(_PATIENCE_MS):
                continue
            break
        if not count:
            return _Turn(sent, True)
        sent += count
    return _Turn(sent, False)


async def _writable(connection: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)


def _close_after[T](turn: Future[T] | None, *descriptors: int) -> None:
    """Whoever has gone does not end a thread that hangs."""
    if turn is None:
        _close(*descriptors)
    else:
        turn.add_done_callback(lambda _done: _close(*descriptors))


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
