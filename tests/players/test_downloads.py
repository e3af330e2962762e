"""Downloads as curl makes them: broken off and gone on with, in parts, and only looked at."""

import hashlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.players.watched import Watched

yard = pytest.mark.parametrize("watched", ["yard"], indirect=True)
_WRONG, _PARTIAL, _RESET = 22, 18, 56


class _BreaksOff(socketserver.StreamRequestHandler):
    """Hands a request on, and so much of the answer."""

    upstream_port: int
    most_bytes: int

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.upstream_port)) as upstream:
            while (line := self.rfile.readline()).strip():
                upstream.sendall(line)
            upstream.sendall(line)
            left = self.most_bytes
            while left and (data := upstream.recv(min(left, 1 << 16))):
                self.wfile.write(data)
                left -= len(data)


@contextmanager
def breaking_off(port: int, most_bytes: int) -> Iterator[int]:
    """The port of a line to the recorder that breaks after so many bytes of an answer."""
    handler = type("BreaksOff", (_BreaksOff,), {"upstream_port": port, "most_bytes": most_bytes})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def curl(watched: Watched, path: str, *options: str, port: int | None = None, codes: Sequence[int] = (0,)) -> str:
    """Runs curl; its standard output."""
    address = f"http://127.0.0.1:{port or watched.recorder.port}{path}"
    command = ["curl", "--silent", "--show-error", "--max-time", "120", *options]
    done = subprocess.run(
        [*command, "--header", f"Authorization: Bearer {watched.recorder.token}", address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in codes, done.stderr
    return done.stdout


def whole_path(watched: Watched) -> str:
    """A clip over the gap that stays the same while recording goes on."""
    described = watched.described(watched.start_us, watched.until_us)
    path: str = described["path"]
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@yard
def test_a_download_that_was_broken_off_goes_on_to_the_same_bytes(watched: Watched, tmp_path: Path) -> None:
    path = whole_path(watched)
    whole = watched.recorder.ask(path).body
    part = tmp_path / "part.mp4"
    had = 0
    with breaking_off(watched.recorder.port, len(whole) // 5) as port:
        for _ in range(3):
            options = ("--continue-at", "-", "--output", str(part))
            curl(watched, path, *options, port=port, codes=(_PARTIAL, _RESET))
            assert had < part.stat().st_size < len(whole)
            had = part.stat().st_size
    curl(watched, path, "--continue-at", "-", "--output", str(part))
    assert sha256(part.read_bytes()) == sha256(whole)


@yard
def test_parts_are_the_slices_of_the_whole(watched: Watched, tmp_path: Path) -> None:
    path = whole_path(watched)
    whole = watched.recorder.ask(path).body
    size, parts = len(whole), b""
    for number, first in enumerate(range(0, size, size // 7)):
        part = tmp_path / f"{number}"
        curl(watched, path, "--range", f"{first}-{first + size // 7 - 1}", "--output", str(part))
        parts += part.read_bytes()
    assert sha256(parts) == sha256(whole)
    end = tmp_path / "end"
    curl(watched, path, "--range", "-1000", "--output", str(end))
    assert end.read_bytes() == whole[-1_000:]
    # What begins behind the end cannot be had.
    curl(watched, path, "--fail", "--range", f"{size}-", "--output", str(end), codes=(_WRONG,))


@yard
def test_head_tells_what_get_would_send(watched: Watched) -> None:
    path = whole_path(watched)
    got = watched.recorder.ask(path)
    told = curl(watched, path, "--head").splitlines()
    head = {name.lower(): value for name, _, value in (line.partition(": ") for line in told[1:])}
    assert told[0].split()[1] == "200"
    assert int(head["content-length"]) == len(got.body)
    for name in ("ETag", "Accept-Ranges", "Content-Type", "Content-Disposition"):
        assert head[name.lower()] == got.headers[name]


@yard
def test_who_has_parts_of_another_clip_gets_the_whole_of_this_one(watched: Watched) -> None:
    path = whole_path(watched)
    whole = watched.recorder.ask(path)
    etag = whole.headers["ETag"]
    right = watched.recorder.ask(path, Range="bytes=100-199", If_Range=etag)
    assert (right.status, right.body) == (206, whole.body[100:200])
    for wrong in ('"another"', "Sun, 22 Nov 2026 06:54:49 GMT", f"W/{etag}"):
        answer = watched.recorder.ask(path, Range="bytes=100-199", If_Range=wrong)
        assert (answer.status, sha256(answer.body)) == (200, sha256(whole.body))
    assert watched.recorder.ask(path, If_None_Match=etag).status == 304


@yard
def test_the_described_clip_is_the_same_every_time_while_it_is_recorded(watched: Watched) -> None:
    path = whole_path(watched)
    bodies = {sha256(watched.recorder.ask(path).body) for _ in range(3)}
    assert len(bodies) == 1
    described = watched.described(watched.start_us, watched.until_us)
    answer = watched.recorder.ask(path)
    assert described["size_bytes"] == len(answer.body)
    assert described["etag"] == answer.headers["ETag"]
