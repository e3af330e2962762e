"""A while of fuzzing led by coverage, for each parser; `fuzz_ingest.py` goes on for as long as one likes."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
RUNS = 20_000
ARGUMENTS = (f"-runs={RUNS}", "-max_total_time=8", "-timeout=10", "-rss_limit_mb=1024", "-max_len=8192")
PLANTED = """
import sys
from tests.fuzz import fuzz_ingest
from tests.fuzz.targets import Target
seen = []
fuzz_ingest.TARGETS["planted"] = Target(lambda data: seen[0] if b"!" in data else None, (), (b"a",))
fuzz_ingest.main("planted", sys.argv[1:])
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not to be had on this machine"),
]


def fuzz(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command, *ARGUMENTS, f"-artifact_prefix={directory}/"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_breaks_a_parser(name: str, tmp_path: Path) -> None:
    ended = fuzz(tmp_path, "tests/fuzz/fuzz_ingest.py", name)
    assert ended.returncode == 0, f"{ended.stdout[-2_000:]}{ended.stderr[-2_000:]}"
    done = re.search(r"Done (\d+) runs", ended.stderr)
    assert done is not None
    assert int(done[1]) > RUNS // 20


def test_what_breaks_a_parser_is_found_and_kept(tmp_path: Path) -> None:
    ended = fuzz(tmp_path, "-c", PLANTED)
    assert ended.returncode != 0
    assert "IndexError" in ended.stdout + ended.stderr
    (kept,) = tmp_path.glob("crash-*")
    assert b"!" in kept.read_bytes()
