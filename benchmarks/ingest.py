"""What recording costs: the recorder, in its two ways, beside an ffmpeg for each camera and a bare copy of the bytes.

A server of its own, accounted apart, is N cameras of 1080p at 4 Mbit/s over RTSP/TCP; it sends packet by packet, paced,
each camera in a phase of its own (`wire/cameras.py`). The contestants take turns, A B C D A B C D, and record into
memory. Counted are all of a contestant's processes during a window after a warm-up: processor time, memory (PSS), how
often a thread waits, and which of the pictures that were sent meanwhile are not on the disk.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

from benchmarks.wire import profile
from benchmarks.wire.contestants import CONTESTANTS
from benchmarks.wire.document import put
from benchmarks.wire.footage import KINDS, load
from benchmarks.wire.report import Report
from benchmarks.wire.run import Outcome, Task, free_bytes, run

_STARTING_S = 30


def main() -> None:
    """Runs them all and prints the tables."""
    arguments = _arguments()
    kind = KINDS[arguments.kind]
    what = f"{load(kind)}; a picture's packets are spread over {arguments.spread:.0%} of its time."
    print(what, flush=True)
    largest = Task(kind, max(arguments.cameras), arguments.seconds, arguments.warm_up, arguments.spread)
    needed = int(largest.cameras * kind.bit_rate / 8 * (largest.seconds + largest.warm_up_s + _STARTING_S))
    if needed > free_bytes(arguments.directory):
        raise SystemExit(f"ingest: {arguments.directory} has no room for {needed / 1e9:.0f} GB")
    if arguments.profile:
        profile.recorder(largest, arguments.directory, arguments.only[0])
        return
    outcomes: dict[tuple[str, int], list[Outcome]] = {(n, c): [] for c in arguments.cameras for n in arguments.only}
    began = time.monotonic()
    for cameras, turn, name in itertools.product(arguments.cameras, range(arguments.rounds), arguments.only):
        task = Task(kind, cameras, arguments.seconds, arguments.warm_up, arguments.spread)
        outcome = run(CONTESTANTS[name], task, arguments.directory, seed=turn + 1)
        outcomes[name, cameras].append(outcome)
        at_s = time.monotonic() - began
        print(f"{at_s:5.0f} s  {cameras:3} {name:6}  {outcome}", file=sys.stderr, flush=True)
    tables = list(Report(outcomes).lines())
    print("\n".join(tables))
    if arguments.write:
        put(arguments.write, "scripts/bench ingest", [what, *tables])


def _arguments() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    def names(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(CONTESTANTS):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(CONTESTANTS)}")
        return text.split(",")

    parser = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    parser.add_argument("--cameras", type=numbers, default=[1, 24, 48, 96, 119], metavar="N,…")
    parser.add_argument("--only", type=names, default=list(CONTESTANTS), metavar="NAME,…", help=", ".join(CONTESTANTS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=18, help="of the window that is counted; default: 18")
    parser.add_argument("--warm-up", type=float, default=6, help="seconds before it; default: 6")
    parser.add_argument("--kind", choices=tuple(KINDS), default="main", help="what a camera sends")
    parser.add_argument("--spread", type=float, default=0.5, help="of a picture's time; 0: its packets at once")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where footage goes meanwhile")
    parser.add_argument("--profile", action="store_true", help="where the recorder (first of --only) spends its time")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="puts the tables into it (docs/performance.md)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
