"""The ZIP of evidence packages: the same for others' programs, and in one form only."""

import io
import subprocess
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.evidence.contents import (
    file_name,
)
from safe_community_recorder.evidence.stored_zip import (
    Entry,
    ZipError,
    ZipWriter,
    directory,
    dos_time,
    local_header,
    read_entry,
    read_listing,
)
from tests.recorder.packages import NOON, NOON_US

names = st.from_regex(r"[a-z0-9/._-]{1,40}", fullmatch=True)


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    writer = ZipWriter(buffer, dos_time(NOON))
    for name, data in files.items():
        writer.add(name, len(data), [data[:3], data[3:]])
    assert writer.finish() == len(buffer.getvalue())
    return buffer.getvalue()


@given(st.dictionaries(names, st.binary(max_size=200), max_size=6))
def test_what_is_put_into_a_zip_is_what_others_and_we_take_out(files: dict[str, bytes]) -> None:
    data = zip_of(files)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert all(info.date_time == (2026, 11, 22, 12, 0, 0) for info in archive.infolist())
    listing = read_listing(io.BytesIO(data))
    assert listing.problems == ()
    assert {entry.name: b"".join(read_entry(io.BytesIO(data), entry)) for entry in listing.entries} == files


@given(st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4), st.data())
def test_any_byte_changed_around_the_files_of_a_zip_is_noticed(files: dict[str, bytes], data: st.DataObject) -> None:
    whole = bytearray(zip_of(files))
    entries = read_listing(io.BytesIO(whole)).entries
    around = [at for at in range(len(whole)) if not any(entry.data <= at < entry.end for entry in entries)]
    whole[data.draw(st.sampled_from(around))] ^= data.draw(st.integers(1, 255))
    with suppress(ZipError):
        assert read_listing(io.BytesIO(whole)).problems


@given(st.binary(max_size=300))
def test_what_is_no_zip_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ZipError):
        read_listing(io.BytesIO(data))


def test_a_file_beyond_four_gigabytes_and_what_comes_behind_it_is_found(tmp_path: Path) -> None:
    large = Entry("large", (1 << 32) + 5, 17, 0)
    small = Entry("small", 3, zlib.crc32(b"abc"), large.end)
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for entry, data in ((large, b""), (small, b"abc")):
            file.seek(entry.offset)
            file.write(local_header(entry, dos_time(NOON)))
            file.write(data)
        file.seek(small.end)
        file.write(directory([large, small], dos_time(NOON)))
    with path.open("rb") as file:
        listing = read_listing(file)
        assert (listing.entries, listing.problems) == ((large, small), ())
        assert b"".join(read_entry(file, small)) == b"abc"
    with zipfile.ZipFile(path) as archive:
        assert [(info.filename, info.file_size) for info in archive.infolist()] == [("large", large.size), ("small", 3)]
        assert archive.read("small") == b"abc"
    tested = subprocess.run(["unzip", "-tq", path, "small"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_zip_of_very_many_files_is_read_by_others() -> None:
    data = _many(70_000)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000
    assert read_listing(io.BytesIO(data)).problems == ()


def _many(count: int) -> bytes:
    entries: list[Entry] = []
    parts = []
    for number in range(count):
        entries.append(Entry(f"{number}", 0, 0, entries[-1].end if entries else 0))
        parts.append(local_header(entries[-1], dos_time(NOON)))
    return b"".join(parts) + directory(entries, dos_time(NOON))


def test_a_name_is_given_once() -> None:
    writer = ZipWriter(io.BytesIO(), dos_time(NOON))
    writer.add("same", 0, [])
    with pytest.raises(ValueError, match="twice"):
        writer.add("same", 0, [])
    taken: set[str] = set()
    for _ in range(3):
        taken.add(file_name("clips", "stop", NOON_US, "mp4", taken))
    stem = "clips/stop_20261122T120001.000000Z"
    assert taken == {f"{stem}.mp4", f"{stem}-2.mp4", f"{stem}-3.mp4"}


def test_files_that_lie_in_one_another_are_not_even_read() -> None:
    """A small archive that claims to hold the same bytes a thousand times would keep whoever checks it busy."""
    many = [Entry(f"{number:04}", 1 << 20, 0, 0) for number in range(1_000)]
    data = local_header(many[0], dos_time(NOON)) + bytes(1 << 20) + directory(many, dos_time(NOON))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sum(info.file_size for info in archive.infolist()) == 1_000 << 20
    with pytest.raises(ZipError, match="in one another"):
        read_listing(io.BytesIO(data))
