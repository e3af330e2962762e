"""Files that a power cut leaves whole."""

import stat
from pathlib import Path

import pytest

from safe_community_recorder.durable import write_whole


def test_a_file_is_replaced_whole_for_its_owner_alone_whatever_an_earlier_try_has_left(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content in (b"first, and longer", b"second"):
        (tmp_path / "secret.new").write_bytes(b"half of an earlier try")
        (tmp_path / "secret.new").chmod(0o644)
        write_whole(path, content)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_put_in_its_place_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "secret", b"content")
    assert (tmp_path / "secret").is_dir()
