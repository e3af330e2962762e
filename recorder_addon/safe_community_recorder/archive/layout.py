"""Where a recording file lies: `<archive>/<camera>/YYYY/MM/DD/<UTC start>.mp4`."""

from collections.abc import Iterator
from pathlib import Path

from ..utc import SECOND_US, from_us

FILE_US = 300 * SECOND_US


def relative_path(camera_id: str, start_us: int) -> str:
    """The path below the archive's root of the file that begins at this instant."""
    return f"{camera_id}/{from_us(start_us):%Y/%m/%d/%Y%m%dT%H%M%S.%f}Z.mp4"


def same_file(file_start_us: int, group_start_us: int) -> bool:
    """True if a group belongs into the file: files are cut at whole five minutes of UTC."""
    return file_start_us // FILE_US == group_start_us // FILE_US


def recording_files(root: Path) -> Iterator[tuple[str, str]]:
    """(camera id, relative path) of every file that lies where a recording file would."""
    for path in sorted(root.glob("*/[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]/*Z.mp4")):
        relative = path.relative_to(root)
        yield relative.parts[0], relative.as_posix()
