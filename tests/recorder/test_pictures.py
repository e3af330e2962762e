"""Still pictures of recorded footage: which one shows an instant, and none that may not be shown."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Lock, Span
from safe_community_recorder.media.cmaf import Fragment, RecordingFile
from safe_community_recorder.media.video import CodecName, VideoFormat
from safe_community_recorder.stills import Stills, nearest
from safe_community_recorder.strip import keyframe_near, plan
from tests.recorder.archives import DAY, Folder, S, file_start_us, group, now_us
from tests.recorder.footage import groups_of
from tests.recorder.jpegs import REACH, brightness, luma_of, open_archive, picture_at

GROUP_US = S


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
async def test_the_keyframe_before_an_instant_is_shown_whatever_the_codec(
    tmp_path: Path, codec: CodecName, b_frames: int
) -> None:
    start_us = file_start_us(60 * S)
    archive = await open_archive(Folder(tmp_path), list(groups_of(30, b_frames, codec, start_us=start_us)))
    stills = Stills()
    try:
        for after_us, number in ((0, 0), (999_000, 0), (GROUP_US, 10), (1_500_000, 10), (2_900_000, 20)):
            jpeg = await picture_at(archive, stills, start_us + after_us)
            assert jpeg is not None
            assert brightness(jpeg) == pytest.approx(luma_of(number), abs=3)
        # Within ten seconds around it is the nearest; farther away there is nothing to be shown.
        for at_us, number in ((start_us - 9 * S, 0), (start_us + 12 * S, 20)):
            jpeg = await picture_at(archive, stills, at_us)
            assert jpeg is not None
            assert brightness(jpeg) == pytest.approx(luma_of(number), abs=3)
        assert await picture_at(archive, stills, start_us - 11 * S) is None
        assert await picture_at(archive, stills, start_us + 14 * S) is None
    finally:
        stills.close()
        await archive.stop()


@dataclass(frozen=True)
class Seen:
    """Fragments for the law of `nearest`: when each begins and how long it lasts."""

    gaps_us: list[int]
    lengths_90k: list[int]

    def fragments(self) -> list[Fragment]:
        made, now = [], 0
        for gap_us, length_90k in zip(self.gaps_us, self.lengths_90k, strict=True):
            now += gap_us
            durations = np.array([length_90k], dtype=np.uint32)
            fragment = Fragment(now, 0, now, now + 1, now + 2, np.ones(1, np.uint32), durations, np.zeros(1, np.int32))
            made.append(fragment)
            now = fragment.end_us
        return made


_SEEN = st.integers(1, 8).flatmap(
    lambda count: st.builds(
        Seen,
        st.lists(st.integers(0, 200), min_size=count, max_size=count),
        st.lists(st.integers(1, 20), min_size=count, max_size=count),
    )
)


@given(
    _SEEN, st.integers(-50, 1_500), st.integers(0, 100), st.integers(0, 100), st.integers(0, 1_500), st.integers(1, 7)
)
def test_the_nearest_keyframe_is_as_its_definition_says(
    seen: Seen, at_us: int, before_us: int, after_us: int, shown_from_us: int, cut: int
) -> None:
    fragments = seen.fragments()
    video = VideoFormat("h264", 64, 48, ())
    files = [
        (name, RecordingFile(video, tuple(part), 0))
        for name, part in (("first", fragments[:cut]), ("second", fragments[cut:]))
    ]
    found = nearest(
        files, at_us, before_us=before_us, after_us=after_us, may_show=lambda utc_us: utc_us >= shown_from_us
    )
    allowed = [f for f in fragments if f.utc_us >= shown_from_us]
    earlier = [f for f in allowed if f.utc_us <= at_us and f.end_us >= at_us - before_us]
    later = [f for f in allowed if at_us < f.utc_us < at_us + after_us]
    expected = earlier[-1] if earlier else later[0] if later else None
    assert (None if found is None else found.offset) == (None if expected is None else expected.data)


async def test_of_what_is_past_its_days_no_picture_is_shown_unless_it_is_locked(tmp_path: Path) -> None:
    now = now_us()
    start_us = now - 2 * DAY
    archive = await open_archive(Folder(tmp_path), [group(start_us + n * S) for n in range(4)], days=1)
    stills = Stills()
    try:
        assert await picture_at(archive, stills, start_us) is None
        within = Span(start_us, start_us + 4 * S)
        strip = await plan(archive, "stop", within, 2, now)
        assert [(tile.keyframe, tile.cause) for tile in strip.tiles] == [(None, "past_days")] * 2
        # The lock begins in the middle of a group: its keyframe lies before, and stays unseen.
        lock = Lock("lock", "stop", start_us + 1_500_000, start_us + 3 * S, "someone", "theft", now, now + DAY)
        await archive.put_lock(lock)
        keyframe = await keyframe_near(archive, "stop", start_us + 1_600_000, REACH, REACH)
        assert keyframe is not None
        assert keyframe.utc_us == start_us + 2 * S
        strip = await plan(archive, "stop", within, 4, now)
        seen = [tile.keyframe.utc_us - start_us if tile.keyframe else None for tile in strip.tiles]
        assert seen == [None, None, 2 * S, None]
    finally:
        stills.close()
        await archive.stop()


async def test_the_part_of_a_torn_file_that_is_whole_is_shown(tmp_path: Path) -> None:
    start_us = file_start_us(60 * S)
    folder = Folder(tmp_path)
    archive = await open_archive(folder, list(groups_of(start_us=start_us)))
    await archive.stop()
    (path,) = folder.files
    folder.index.unlink()
    whole = path.read_bytes()
    last_fragment = whole.rindex(b"prft", 0, whole.rindex(b"mdat"))
    path.write_bytes(whole[: last_fragment + 200])
    archive = folder.open()
    await archive.start()
    stills = Stills()
    try:
        jpeg = await picture_at(archive, stills, start_us + 2_500_000)
        assert jpeg is not None
        assert brightness(jpeg) == pytest.approx(luma_of(10), abs=3)
    finally:
        stills.close()
        await archive.stop()


async def test_a_picture_that_is_kept_is_not_shown_from_the_second_its_days_are_over(tmp_path: Path) -> None:
    start_us = file_start_us(DAY // 2)
    archive = await open_archive(Folder(tmp_path), [group(start_us)], days=1)
    stills = Stills()
    try:
        assert await picture_at(archive, stills, start_us) is not None
        assert await picture_at(archive, stills, start_us) is not None
        assert (stills.made, stills.kept) == (1, 1)
        archive.use(Storage(), lambda _camera_id: 0.4)
        assert await picture_at(archive, stills, start_us) is None
        strip = await plan(archive, "stop", Span(start_us, start_us + S), 1, now_us())
        assert [(tile.keyframe, tile.cause) for tile in strip.tiles] == [(None, "past_days")]
    finally:
        stills.close()
        await archive.stop()
