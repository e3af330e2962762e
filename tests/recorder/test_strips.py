"""Contact strips: the right pictures show, and what is missing is seen as missing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.archive.layout import FILE_S
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.picture import PictureError
from safe_community_recorder.stills import Recorded, Stills
from safe_community_recorder.strip import Strip, Tile, keyframe_near, marks, plan
from tests.recorder.archives import Folder, S, file_start_us, group, now_us, record
from tests.recorder.footage import groups_of
from tests.recorder.jpegs import is_hatched, luma_of, open_archive, picture_at, shown, strip_of

GROUP_US = S


async def test_a_damaged_keyframe_is_an_error_and_a_hole_in_a_strip(tmp_path: Path) -> None:
    start_us = file_start_us(60 * S)
    folder = Folder(tmp_path)
    archive = await open_archive(folder, list(groups_of(start_us=start_us)))
    stills = Stills()
    try:
        keyframe = await keyframe_near(archive, "stop", start_us + GROUP_US, 0, 1)
        assert keyframe is not None
        with folder.files[0].open("r+b") as file:
            file.seek(keyframe.offset)
            file.write(b"\xff" * keyframe.size)
        with pytest.raises(PictureError):
            await picture_at(archive, stills, start_us + GROUP_US)
        strip = await plan(archive, "stop", Span(start_us, start_us + 3 * S), 3, now_us())
        layout = strip.layout(3, 64)
        luma = shown(await strip_of(archive, stills, strip, 3, 64))
        for column, number in ((0, 0), (2, 20)):
            tile = luma[:, column * layout.width : (column + 1) * layout.width]
            assert tile.mean() == pytest.approx(luma_of(number), abs=3)
        assert is_hatched(luma[:, layout.width : 2 * layout.width])
        folder.files[0].unlink()
        with pytest.raises(FileNotFoundError):
            await stills.jpeg(Recorded(keyframe, archive.read))
    finally:
        stills.close()
        await archive.stop()


async def test_a_strip_shows_where_footage_is_missing_and_why(tmp_path: Path) -> None:
    start_us = file_start_us(100 * S)
    early = groups_of(start_us=start_us)
    late = groups_of(30, start_us=start_us + 30 * S)
    archive = await open_archive(Folder(tmp_path), [*early, Cause.CAMERA_UNREACHABLE, *late, Cause.PAUSED])
    stills = Stills()
    try:
        # Five parts of ten seconds: footage at the beginning of the first and the fourth.
        within = Span(start_us, start_us + 50 * S)
        strip = await plan(archive, "stop", within, 5, now_us())
        assert [tile.cause for tile in strip.tiles] == [
            "camera_unreachable",
            "camera_unreachable",
            "camera_unreachable",
            "paused",
            "paused",
        ]
        assert [round(tile.missing_us / S) for tile in strip.tiles] == [7, 10, 10, 7, 10]
        assert [tile.keyframe.utc_us if tile.keyframe else None for tile in strip.tiles] == [
            start_us,
            None,
            None,
            start_us + 30 * S,
            None,
        ]
        luma = shown(await strip_of(archive, stills, strip, 3, 64))
        height, width = luma.shape
        assert (width, height) == (3 * 64, 2 * 48)
        whole = luma[:48, :64]
        assert whole[:40].mean() == pytest.approx(luma_of(0), abs=4)
        # The band at the foot: three seconds of footage, then nothing.
        assert whole[45:, :17].mean() == pytest.approx(luma_of(0), abs=8)
        assert whole[45:, 24:].mean() > luma_of(0) + 30
        assert is_hatched(luma[:48, 64:128])
        assert is_hatched(luma[48:, 64:128])
        # There is no sixth part.
        assert luma[52:, 132:].max() < 8
    finally:
        stills.close()
        await archive.stop()


async def test_a_strip_tells_what_is_still_to_come_from_what_is_missing(tmp_path: Path) -> None:
    now = now_us()
    archive = await open_archive(Folder(tmp_path), list(groups_of(30, start_us=now - 4 * S)))
    try:
        strip = await plan(archive, "stop", Span(now - 20 * S, now + 20 * S), 4, now)
        before, half, after, last_one = strip.tiles
        assert (before.keyframe, before.cause) == (None, "unknown")
        assert half.keyframe is not None
        assert half.keyframe.utc_us == now - 4 * S
        assert (half.missing, half.coming) == ((Span(now - 10 * S, now - 4 * S),), (Span(now - S, now),))
        assert (after.cause, after.missing, last_one.cause) == ("not_yet", (), "not_yet")
        stills = Stills()
        luma = shown(await strip_of(archive, stills, strip, 4, 64))
        assert is_hatched(luma[:, :64])
        assert luma[:, 132:].std() < 6
        assert luma[:, 132:].mean() == pytest.approx(28, abs=6)
        stills.close()
    finally:
        await archive.stop()


@given(st.integers(1, 10**12), st.integers(1, 48), st.data())
def test_the_smallest_gap_is_seen_in_a_tile(length_us: int, width: int, data: st.DataObject) -> None:
    start_us = data.draw(st.integers(0, length_us - 1))
    end_us = data.draw(st.integers(start_us + 1, length_us))
    tile = Tile(Span(0, length_us), None, (Span(start_us, end_us),), (), "unknown")
    layout = Strip((tile,)).layout(1, 16 + 2 * width)
    ((first, behind),) = marks(tile, layout).missing
    assert 0 <= first < behind <= layout.width


async def test_a_strip_reads_the_files_that_its_pictures_lie_in_and_no_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a month there are nine thousand: all but a few are gone here, and nobody notices."""
    file_s, parts = 10, 4
    start_us = file_start_us(200 * file_s * S, file_s)
    folder = Folder(tmp_path)
    archive = await open_archive(folder, [], file_s=file_s)
    for beginning in range(0, 400, file_s):
        await record(archive, "stop", [group(start_us + (beginning + n) * S) for n in range(file_s)])
    try:
        assert len(folder.files) == 40
        for number, path in enumerate(folder.files):
            if not any(10 * part - 1 <= number <= 10 * part + 3 for part in range(parts)):
                path.unlink()
        within = Span(start_us, start_us + 400 * S)
        strip = await plan(archive, "stop", within, parts, now_us())
        assert [tile.keyframe.utc_us if tile.keyframe else None for tile in strip.tiles] == [
            start_us + part * 100 * S for part in range(parts)
        ]
        assert [tile.cause for tile in strip.tiles] == [None] * parts
        assert "recording file cannot be read" not in caplog.text
    finally:
        await archive.stop()


async def test_a_picture_far_behind_a_file_that_cannot_be_read_is_found_all_the_same(tmp_path: Path) -> None:
    start_us = file_start_us(3 * FILE_S * S)
    folder = Folder(tmp_path)
    archive = await open_archive(folder, [])
    for beginning in range(0, 300, 20):
        await record(archive, "stop", [group(start_us + (beginning + n) * S) for n in range(20)])
    try:
        for path in folder.files[:10]:
            path.write_bytes(b"nothing that was recorded")
        (tile,) = (await plan(archive, "stop", Span(start_us, start_us + 300 * S), 1, now_us())).tiles
        assert tile.keyframe is not None
        assert tile.keyframe.utc_us == start_us + 200 * S
    finally:
        await archive.stop()


async def test_a_disk_that_is_away_for_a_moment_makes_no_hole_that_stays(tmp_path: Path) -> None:
    start_us = file_start_us(60 * S)
    folder = Folder(tmp_path)
    archive = await open_archive(folder, list(groups_of(start_us=start_us)))
    stills = Stills()
    try:
        strip = await plan(archive, "stop", Span(start_us, start_us + 2 * S), 2, now_us())
        (path,) = folder.files
        path.rename(tmp_path / "away")
        with pytest.raises(FileNotFoundError):
            await strip_of(archive, stills, strip, 2, 64)
        (tmp_path / "away").rename(path)
        luma = shown(await strip_of(archive, stills, strip, 2, 64))
        for column, number in enumerate((0, 10)):
            assert luma[:, column * 64 : (column + 1) * 64].mean() == pytest.approx(luma_of(number), abs=3)
    finally:
        stills.close()
        await archive.stop()
