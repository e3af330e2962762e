"""GPAC's own parser in JavaScript (mp4box.js) reads clips to the last sample."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.players.watched import KINDS, Watched, footage
from tests.world import ROOT

every_kind = pytest.mark.parametrize("watched", [kind.id for kind in KINDS], indirect=True)
MP4BOX = ROOT / "tests" / "browser" / "node_modules" / "mp4box"
_READ = Path(__file__).with_name("gpac.mjs")


def told(clip: Path) -> dict[str, Any]:
    """What mp4box.js tells of a file."""
    assert MP4BOX.is_dir(), "no mp4box.js; scripts/setup installs it"
    node = shutil.which("node")
    assert node is not None, "no Node.js; scripts/setup installs it"
    done = subprocess.run([node, str(_READ), str(clip)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@every_kind
def test_gpac_finds_every_sample_where_the_camera_put_it(watched: Watched, tmp_path: Path) -> None:
    start_us = watched.start_us + 350_000
    clip = watched.download(start_us, watched.until_us, tmp_path / "clip.mp4")
    found = told(clip)
    assert found["problems"] == []
    assert found["isFastStart"]
    assert not found["isFragmented"]
    tracks = {track["type"]: track for track in found["tracks"]}
    assert list(tracks) == (["video", "audio"] if watched.kind.sound else ["video"])
    source = footage(watched.kind.codec, watched.kind.b_frames)
    sent = [unit.data.hex() for unit in source.units]
    samples = tracks["video"]["samples"]
    first = sent.index(samples[0]["data"])
    second = next(at for at, sample in enumerate(samples) if at and sample["data"] == sent[0])
    assert [sample["data"] for sample in samples[:second]] == sent[first : first + second]
    assert [sample["data"] for sample in samples[second:]] == sent[: len(samples) - second]
    assert [sample["isKey"] for sample in samples[second:]] == [
        unit.is_key for unit in source.units[: len(samples) - second]
    ]
    assert tracks["video"]["shown"] == pytest.approx(watched.lasts_s(start_us, watched.until_us), abs=0.1)
