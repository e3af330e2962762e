"""The limit: all streams of a server copied to files by one process, byte by byte as they come, five times a second.

    python -m benchmarks.wire.bare --port 554 --cameras 24 --to DIRECTORY

It understands nothing of what it copies. Every line of its input ends it.
"""

import argparse
import os
import select
import socket
import sys
import time
from pathlib import Path

_BEAT_S = 0.2
_BUFFER_BYTES = 1 << 20


def connect(port: int, number: int) -> socket.socket:
    """A connection on which camera `number` plays."""
    connection = socket.create_connection(("127.0.0.1", port))
    url = f"rtsp://127.0.0.1:{port}/{number}"
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    for count, (method, at, header) in enumerate(
        (("DESCRIBE", url, ""), ("SETUP", f"{url}/track", transport), ("PLAY", url, "Session: 12345678")), 1
    ):
        lines = (f"{method} {at} RTSP/1.0", f"CSeq: {count}", *((header,) if header else ()), "", "")
        connection.sendall("\r\n".join(lines).encode())
        if method != "PLAY":  # what answers that is copied, too
            connection.recv(65536)
    connection.setblocking(False)
    return connection


def main() -> None:
    """Copies until a line comes or the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cameras", type=int, required=True)
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    pairs = [
        (connect(arguments.port, number), os.open(arguments.to / f"{number}.rtp", os.O_CREAT | os.O_WRONLY))
        for number in range(arguments.cameras)
    ]
    view = memoryview(bytearray(_BUFFER_BYTES))
    beat = time.monotonic()
    ending = False
    while not ending:
        beat += _BEAT_S
        ending = bool(select.select([sys.stdin], [], [], max(0.0, beat - time.monotonic()))[0])
        for connection, file in pairs:
            try:
                count = connection.recv_into(view)
            except BlockingIOError:
                continue
            os.write(file, view[:count])


if __name__ == "__main__":
    main()
