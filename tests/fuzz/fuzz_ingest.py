#!/usr/bin/env python
"""Fuzzes one of the parsers of targets.py with atheris (libFuzzer), led by the branches that it takes.

    .venv/bin/python tests/fuzz/fuzz_ingest.py TARGET [libFuzzer's arguments, corpus directories]

Without a corpus directory it begins with the target's own bytes, and keeps nothing. What makes a parser fail is kept
as ./crash-…, or where -artifact_prefix= says.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "recorder_addon")]
with atheris.instrument_imports(include=["safe_community_recorder"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, arguments: list[str]) -> None:
    target = TARGETS[name]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        own = [] if any(not argument.startswith("-") for argument in arguments) else [corpus]
        atheris.Setup([name, *arguments, *own], target.check)
        atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"one of these targets was expected: {', '.join(TARGETS)}")
    main(sys.argv[1], sys.argv[2:])
