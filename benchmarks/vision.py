"""Looking at cameras, measured: what is found, what is not, and what it costs, beside MOG2 and decoding in full.

`--write` puts the tables into docs/vision.md. `--clips DIR` holds movement against other people's ground truth instead
(what such a directory looks like: benchmarks/sight/clips.py).
"""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path

from benchmarks.sight import clips, cost, delay, empty, found, gate, live, motion, page, soak, tampering

PARTS: dict[str, Callable[[], page.Lines]] = {
    "motion": lambda: page.motion(motion.measure()),
    "empty": lambda: page.empty(empty.measure()),
    "delay": lambda: page.delay(delay.measure()),
    "tampering": lambda: page.tampering(tampering.measure()),
    "gate": lambda: page.gate(gate.measure()),
    "cost": lambda: page.cost(cost.measure()),
    "found": lambda: page.found(found.measure()),
    "live": lambda: page.live(live.measure()),
    "soak": lambda: page.soak(asyncio.run(soak.measure())),
}


def main() -> None:
    """Measures the parts that are named, all of them if none is."""
    parser = argparse.ArgumentParser(prog="scripts/bench vision", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/vision.md")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="clips with ground truth of your own")
    arguments = parser.parse_args()
    if arguments.clips is not None:
        print(*page.motion(motion.measure(clips.clips_in(arguments.clips))), sep="\n")
        return
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    page.show(PARTS, arguments.parts or PARTS, page.PAGE if arguments.write else None)


if __name__ == "__main__":
    main()
