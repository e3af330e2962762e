"""A real street with people: vtest.avi of Debian's package opencv-doc (PETS 2009, S2.L1, view 1; 768 × 576, 10/s)."""

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
_MEMBER = Path("usr/share/doc/opencv-doc/examples/data/vtest.avi")
_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
FPS = 10.0


def street_clip() -> Path:
    """Where the clip is; fetched once. Raises ValueError if Debian has another by now."""
    path = _KEPT / _MEMBER.name
    if not path.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_KEPT) as folder:
            subprocess.run(["apt-get", "download", "-qq", "opencv-doc"], cwd=folder, check=True)
            (package,) = Path(folder).glob("opencv-doc_*.deb")
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            (Path(folder) / _MEMBER).replace(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise ValueError(f"{path} is not the clip that was measured; delete it to fetch it again")
    return path


@cache
def street() -> tuple[Gray, ...]:
    """Its frames, gray, cut to 640 × 360."""
    with av.open(str(street_clip())) as container:
        grays = [frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)]
    return tuple([scaled(cast("Gray", gray), 640, 360) for gray in grays])
