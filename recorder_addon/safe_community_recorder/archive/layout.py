"""Where a recording file lies: `<archive>/<camera>/YYYY/MM/DD/<UTC start>.mp4`."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..utc import SECOND_US, from_us, to_name

FILE_S = 300
SET_ASIDE = "set-aside"


def relative_path(camera_id: str, start_us: int) -> str:
    """The path below the archive's root of the file that begins at this instant."""
    return f"{camera_id}/{from_us(start_us):%Y/%m/%d}/{to_name(start_us)}.mp4"


def same_file(file_start_us: int, group_start_us: int, file_s: int = FILE_S) -> bool:
    """True if a group belongs into the file: files are cut at whole five minutes of UTC."""
    return file_start_us // (file_s * SECOND_US) == group_start_us // (file_s * SECOND_US)


def files_set_aside(root: Path) -> Iterator[tuple[str, str, float]]:
    """(camera id, path, seconds of UTC since when) of footage that was set aside, dated by a wrong clock."""
    for path in sorted(root.glob(f"*/{SET_ASIDE}/*Z.mp4")):
        relative = path.relative_to(root)
        yield relative.parts[0], relative.as_posix(), path.stat().st_mtime


def files_of_day(root: Path, day: str) -> list[str]:
    """The recording files of a camera's day (`<camera>/YYYY/MM/DD`), in the order of their names."""
    try:
        names = [entry.name for entry in os.scandir(root / day)]
    except FileNotFoundError, NotADirectoryError:
        return []
    return sorted(f"{day}/{name}" for name in names if name.endswith("Z.mp4"))
