"""Real footage of Debian's package opencv-doc: a street with people, and a tree in the wind.

The street is vtest.avi (PETS 2009, S2.L1, view 1; 768 × 576, 10/s), the tree tree.avi (320 × 240, 15/s, 4.5 s).
"""

import hashlib
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import cast

import av

from safe_community_recorder.vision.gray import Gray

from .encoded import scaled

_KEPT = Path(__file__).parents[2] / ".tools" / "footage" / "clips"
_DATA = Path("usr/share/doc/opencv-doc/examples/data")
_SHA256 = {
    "vtest.avi": "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
    "tree.avi": "4666099d0f704e310047b2f0a5ec9f936cb76a7271de9a2e70a0c57f82ac82dc",
}
FPS = 10.0
TREE_FPS = 15.0


def street_clip() -> Path:
    """Where the street is; fetched once. Raises ValueError if Debian has another by now."""
    return _clip("vtest.avi")


def _clip(name: str) -> Path:
    path = _KEPT / name
    if not path.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_KEPT) as folder:
            subprocess.run(["apt-get", "download", "-qq", "opencv-doc"], cwd=folder, check=True)
            (package,) = Path(folder).glob("opencv-doc_*.deb")
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            (Path(folder) / _DATA / name).replace(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256[name]:
        raise ValueError(f"{path} is not the clip that was measured; delete it to fetch it again")
    return path


@cache
def street() -> tuple[Gray, ...]:
    """The street's frames, gray, cut to 640 × 360."""
    return tuple([scaled(gray, 640, 360) for gray in _grays(street_clip())])


@cache
def tree() -> tuple[Gray, ...]:
    """The tree's frames, gray; nobody is there."""
    return _grays(_clip("tree.avi"))


def _grays(path: Path) -> tuple[Gray, ...]:
    with av.open(str(path)) as container:
        grays = [frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)]
    return tuple([cast("Gray", gray) for gray in grays])
