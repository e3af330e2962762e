"""Sends files to everybody who connects, by sendfile(2) and nothing else. A process of its own; prints its port."""

import os
import socket
import sys
from contextlib import suppress


def main() -> None:
    """Until it is ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                for path in sys.argv[1:]:
                    _send(connection, path)


def _send(connection: socket.socket, path: str) -> None:
    with open(path, "rb") as file:
        position, size = 0, os.fstat(file.fileno()).st_size
        while position < size:
            position += os.sendfile(connection.fileno(), file.fileno(), position, size - position)


if __name__ == "__main__":
    main()
