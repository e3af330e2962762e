"""Cameras on the wire: a process that speaks RTSP (RFC 2326) and sends each RTP packet by itself when it is due.

    python -m benchmarks.wire.cameras --cameras 24 --kind main

Camera N is at /N. The cameras run whether or not anybody looks, each in a phase of its own; who plays one gets it from
its next keyframe on. The packets of a picture are spread over a part of the picture's interval. A packet is never
thrown away: when the other side does not read, its camera waits, and that is counted apart from being late.

The first line of its output says where it listens. Each line of its input is answered by a line of JSON: `begin` starts
counting anew, `report` tells (see `viewer.Report`).
"""

import argparse
import contextlib
import gc
import heapq
import json
import os
import random
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from .footage import KINDS, Footage, load
from .viewer import Camera, Report, Viewer

# The fewest seconds between two looks at what is due: a timer of a camera is no finer.
_TICK_S = 0.001
_RETRY_S = 0.005
_LATE_LIMIT_MS = 1000


@dataclass(slots=True)
class Lateness:
    """How late packets were sent, through this process's own fault, in whole milliseconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (_LATE_LIMIT_MS + 1))

    def quantile_ms(self, share: float) -> int:
        """So many milliseconds late, or less, was that share of the packets."""
        rest = sum(self.counts) * share
        for late_ms, count in enumerate(self.counts):
            rest -= count
            if rest <= 0:
                return late_ms
        return _LATE_LIMIT_MS


class Server:
    """All cameras in one loop, which sends what is due and then sleeps for a millisecond at least."""

    def __init__(self, footage: Footage, count: int, spread: float, seed: int) -> None:
        dice = random.Random(seed)
        now = time.monotonic()
        self._footage = footage
        self._span_s = spread / footage.kind.rate
        self._cameras = [
            Camera(
                number, now - dice.uniform(0, footage.kind.loop_s), *(dice.getrandbits(bits) for bits in (32, 16, 32))
            )
            for number in range(count)
        ]
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        os.set_blocking(sys.stdin.fileno(), False)
        self._viewers: dict[int, Viewer] = {}
        self._ended: list[Report] = []
        self._queue: list[tuple[float, int]] = []
        self._late = Lateness()
        self._sent = 0
        self._running = True

    def run(self) -> None:
        """Until the input ends."""
        print(json.dumps({"port": self._listener.getsockname()[1]}), flush=True)
        while self._running:
            now = time.monotonic()
            self._send_due(now)
            now = time.monotonic()
            wait_s = max(_TICK_S, self._queue[0][0] - now) if self._queue else 0.1
            # epoll counts in whole milliseconds and rounds up; so much is not worth a finer timer.
            for key, _ in self._selector.select(min(wait_s, 0.1)):
                self._take(key.fileobj)

    def _send_due(self, now: float) -> None:
        queue, viewers, counts = self._queue, self._viewers, self._late.counts
        end = now + 0.02  # then what has come in is looked at in between
        while queue and queue[0][0] <= now:
            planned, number = queue[0]
            viewer = viewers.get(number)
            if viewer is None or not viewer.playing:
                heapq.heappop(queue)
                continue
            waited = viewer.waiting_since
            try:
                whole = viewer.send_next(now)
            except OSError:
                self._end(number)
                continue
            if not waited:
                counts[min(int((now - planned) * 1000), _LATE_LIMIT_MS)] += 1
            heapq.heapreplace(queue, (viewer.due if whole else now + _RETRY_S, number))
            now = time.monotonic()
            if now > end:
                break

    def _take(self, source: object) -> None:
        if source is self._listener:
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._viewers[connection.fileno()] = Viewer(connection, self._footage, self._span_s)
            self._selector.register(connection, selectors.EVENT_READ)
        elif isinstance(source, socket.socket):
            self._hear(self._viewers[source.fileno()])
        else:
            self._obey(os.read(sys.stdin.fileno(), 65536).decode())

    def _hear(self, viewer: Viewer) -> None:
        number = viewer.socket.fileno()
        try:
            data = viewer.socket.recv(65536)
            if not data:
                raise ConnectionResetError
            viewer.received += data
            before = viewer.playing
            viewer.answer(self._cameras, time.monotonic())
        except OSError:
            self._end(number)
            return
        if viewer.playing and not before:
            heapq.heappush(self._queue, (viewer.due, number))

    def _end(self, number: int) -> None:
        viewer = self._viewers.pop(number)
        self._selector.unregister(viewer.socket)
        viewer.socket.close()
        if viewer.camera is not None:
            self._ended.append(viewer.report(time.monotonic()))
        # The number may be given to another connection at once; its turns are not this one's.
        self._queue[:] = [(due, other) for due, other in self._queue if other != number]
        heapq.heapify(self._queue)

    def _obey(self, orders: str) -> None:
        if not orders:
            self._running = False
        for order in orders.split():
            if order == "begin":
                self._late = Lateness()
            now = time.monotonic()
            open_ones = [viewer for viewer in self._viewers.values() if viewer.playing]
            behind = sum(
                1 for due, number in self._queue if due < now - 0.05 and not self._viewers[number].waiting_since
            )
            answer = {
                "late_ms": {str(share): self._late.quantile_ms(share) for share in (0.5, 0.99, 0.999, 1)},
                "cameras_behind": behind,
                "open": [asdict(viewer.report(now)) for viewer in open_ones],
                "ended": [asdict(report) for report in self._ended],
            }
            print(json.dumps(answer), flush=True)


def main() -> None:
    """Runs the cameras."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, required=True)
    parser.add_argument("--kind", choices=tuple(KINDS), default="main")
    parser.add_argument("--spread", type=float, default=0.5, help="of the picture's interval; 0: all at once")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    footage = load(KINDS[arguments.kind])
    gc.freeze()
    with contextlib.suppress(PermissionError):  # cameras have processors of their own
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    Server(footage, arguments.cameras, arguments.spread, arguments.seed).run()


if __name__ == "__main__":
    main()
