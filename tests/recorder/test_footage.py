"""Recording files as they are read: what was read lately is not read again."""

from pathlib import Path

from safe_community_recorder.archive.footage import Footage
from safe_community_recorder.archive.index import RecordingRow
from safe_community_recorder.archive.timeline import Span
from tests.recorder.archives import ALWAYS, S, group
from tests.recorder.footage import recorded

T0 = 1_795_330_489 * S


def row(path: Path) -> RecordingRow:
    """What the index knows of a file as it is now."""
    return RecordingRow(path.name, "stop", T0, T0 + S, path.stat().st_size, True, "arrival")


def found(footage: Footage, *rows: RecordingRow) -> list[tuple[str, int]]:
    """Names and numbers of fragments."""
    return [(Path(path).name, len(file.fragments)) for path, file in footage.files(rows, [ALWAYS])]


def test_of_a_file_that_is_being_written_only_the_newest_is_kept(tmp_path: Path) -> None:
    """Whoever watches it must not push the tables of all others out."""
    footage = Footage(tmp_path, files=2)
    yesterday, growing = tmp_path / "yesterday.mp4", tmp_path / "growing.mp4"
    data, _ = recorded([group(T0)])
    yesterday.write_bytes(data)
    asked = row(yesterday)
    assert found(footage, asked) == [("yesterday.mp4", 1)]
    for groups in range(1, 6):
        growing.write_bytes(recorded([group(T0 + number * S) for number in range(groups)])[0])
        assert found(footage, row(growing)) == [("growing.mp4", groups)]
    yesterday.unlink()
    assert found(footage, asked) == [("yesterday.mp4", 1)]


def test_what_was_not_asked_for_longest_goes_first(tmp_path: Path) -> None:
    footage = Footage(tmp_path, files=2)
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4")]
    for path in paths:
        path.write_bytes(recorded([group(T0)])[0])
    a, b, c = map(row, paths)
    found(footage, a, b, a, c)
    for path in paths:
        path.unlink()
    assert found(footage, a, b, c) == [("a.mp4", 1), ("c.mp4", 1)]


def test_only_what_may_be_shown_is_given_out(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(recorded([group(T0 + number * S) for number in range(5)])[0])
    footage = Footage(tmp_path)
    shown = [Span(T0 + S, T0 + 2 * S), Span(T0 + 4 * S, T0 + 9 * S)]
    ((_, file),) = footage.files([row(path)], shown)
    assert [fragment.utc_us for fragment in file.fragments] == [T0 + S, T0 + 4 * S]
