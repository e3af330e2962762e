"""mpv and VLC play clips and find every moment in them, by the numbers in the pictures."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.players.watched import KINDS, Watched, number_in, pictures_of

every_kind = pytest.mark.parametrize("watched", [kind.id for kind in KINDS], indirect=True)
_NOBODY = "65534"


def numbers_in(folder: Path) -> list[int]:
    """The numbers of the pictures that a player has left there, in the order of their names."""
    numbers = []
    for path in sorted(folder.iterdir()):
        with av.open(str(path)) as container:
            numbers += [number_in(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    return numbers


@every_kind
def test_mpv_finds_every_moment_over_http(watched: Watched, tmp_path: Path) -> None:
    """Across files and the gap; it asks for ranges of bytes."""
    start_us = watched.start_us + 350_000
    address = watched.recorder.url + watched.path(start_us, watched.until_us)
    shown = [picture.number for picture in watched.expected(start_us, watched.until_us)]
    described = watched.described(start_us, watched.until_us)
    taken_us = [taken_us for _, taken_us in watched.taken_us() if start_us <= taken_us < watched.until_us]
    for number in [0, *random.Random(3).sample(range(1, len(shown)), 3)]:
        at_s = watched.at_s(described, taken_us[number]) + 0.02
        folder = tmp_path / str(number)
        done = subprocess.run(
            [
                *("mpv", "--no-config", "--ao=null", "--vo=image", "--vo-image-format=png"),
                *(f"--vo-image-outdir={folder}", f"--start={at_s:.3f}", "--frames=1"),
                *(f"--http-header-fields=Authorization: Bearer {watched.recorder.token}", address),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        # What is to be seen from this moment on: the picture that shows, or the next one to come.
        assert numbers_in(folder)[0] in shown[number : number + 2], done.stdout


@every_kind
def test_mpv_plays_a_whole_clip(watched: Watched, tmp_path: Path) -> None:
    clip = watched.download(watched.start_us, watched.until_us, tmp_path / "clip.mp4")
    folder = tmp_path / "pictures"
    done = subprocess.run(
        [
            *("mpv", "--no-config", "--no-audio", "--vo=image", "--vo-image-format=png", "--untimed"),
            *("--vo-image-png-compression=0", "--vo-image-png-filter=0"),
            *(f"--vo-image-outdir={folder}", "--msg-level=all=warn", str(clip)),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert numbers_in(folder) == [shown.number for shown in pictures_of(clip)], done.stdout
    assert done.stdout + done.stderr == ""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory for whoever is not root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@every_kind
def test_vlc_finds_moments(watched: Watched, open_folder: Path) -> None:
    """VLC plays no more than it has to, at its own pace: a second from each of three moments."""
    assert shutil.which("cvlc"), "no VLC; scripts/setup installs it"
    clip = watched.download(watched.start_us, watched.until_us, open_folder / "clip.mp4")
    clip.chmod(0o644)
    shown = pictures_of(clip)
    # It will not run as root.
    user = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    for first in (0, len(shown) // 3, len(shown) - 30):
        folder = open_folder / str(first)
        folder.mkdir()
        folder.chmod(0o777)
        subprocess.run(
            [
                *(*user, "cvlc", "--intf=dummy", "--vout=dummy", "--aout=dummy", "--no-audio"),
                *("--play-and-exit", "--no-drop-late-frames"),
                *("--video-filter=scene", "--scene-format=png", "--scene-ratio=1", f"--scene-path={folder}"),
                *(f"--start-time={first / 10 + 0.05:.2f}", f"--stop-time={first / 10 + 1.05:.2f}", str(clip)),
            ],
            env={**os.environ, "HOME": str(open_folder)},
            capture_output=True,
            check=True,
            timeout=120,
        )
        numbers = numbers_in(folder)
        assert numbers == sorted(numbers)
        around = [picture.number for picture in shown[max(0, first - 3) : first + 16]]
        assert set(numbers) <= set(around)
        assert len(set(numbers)) >= 5
