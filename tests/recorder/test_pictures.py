"""Still pictures and strips: the right picture shows, once decoded for all who ask, and what is missing is seen."""

import asyncio
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import timecode
from safe_community_recorder import utc
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.timeline import Lock, Span
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.cmaf import Fragment, Group, RecordingFile
from safe_community_recorder.media.mosaic import Layout, Marks
from safe_community_recorder.media.picture import PictureError
from safe_community_recorder.media.video import CodecName, VideoFormat
from safe_community_recorder.stills import BusyError, Live, Recorded, Stills, nearest
from safe_community_recorder.strip import Strip, Tile, keyframe_near, marks, name_of, plan
from tests.recorder.archives import DAY, Folder, S, group, now_us, record
from tests.recorder.contract import refused, validate
from tests.recorder.footage import brightness_of, encode, groups_of
from tests.world import Recorder, last, text, wait_until

GROUP_US = S
REACH = 10 * S


def shown(jpeg: bytes) -> Any:
    """The luma of a JPEG: an array of height × width."""
    with av.open(io.BytesIO(jpeg), "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


def brightness(jpeg: bytes) -> int:
    return round(float(shown(jpeg).mean()))


def luma_of(number: int) -> int:
    """The brightness of a picture by its number as a JPEG shows it: the full range."""
    return round((brightness_of(number) - 16) * 255 / 219)


async def open_archive(folder: Folder, items: list[Group | Cause | tuple[Group, Cause]], **how: Any) -> Archive:
    """An archive in which one camera has recorded these."""
    archive = folder.open(**how)
    await archive.start()
    await record(archive, "stop", items)
    return archive


async def picture_at(archive: Archive, stills: Stills, at_us: int, width: int | None = None) -> bytes | None:
    keyframe = await keyframe_near(archive, "stop", at_us, REACH, REACH)
    return None if keyframe is None else await stills.jpeg(Recorded(keyframe, archive.read), width)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
async def test_the_keyframe_before_an_instant_is_shown_whatever_the_codec(
    tmp_path: Path, codec: CodecName, b_frames: int
) -> None:
    start_us = now_us() - 60 * S
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


async def test_a_picture_is_decoded_once_for_all_who_ask_and_then_kept(tmp_path: Path) -> None:
    start_us = now_us() - 60 * S
    archive = await open_archive(Folder(tmp_path), list(groups_of(start_us=start_us, size=(640, 360))))
    stills = Stills()
    try:
        pictures = await asyncio.gather(*(picture_at(archive, stills, start_us + n * 10_000, 320) for n in range(50)))
        assert len(set(pictures)) == 1
        assert stills.made == 1
        kept = stills.kept
        assert await picture_at(archive, stills, start_us, 320) == pictures[0]
        assert (stills.made, stills.kept) == (1, kept + 1)
        # Another width and another group are other pictures.
        await picture_at(archive, stills, start_us, 160)
        await picture_at(archive, stills, start_us + GROUP_US, 320)
        assert stills.made == 3
    finally:
        stills.close()
        await archive.stop()


async def test_what_is_kept_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    start_us = now_us() - 60 * S
    archive = await open_archive(Folder(tmp_path), list(groups_of(30, start_us=start_us, size=(320, 240), grain=40)))
    stills = Stills()
    try:
        one = await picture_at(archive, stills, start_us)
        assert one is not None
        small = Stills(cache_bytes=len(one) * 5 // 2)
        for number in (0, 1, 2, 1, 2, 0):
            await picture_at(archive, small, start_us + number * GROUP_US)
        # The oldest of three gave way to the third, the other two were still there, and the first had to be made again.
        assert (small.made, small.kept) == (4, 2)
        small.close()
    finally:
        stills.close()
        await archive.stop()


@dataclass(frozen=True)
class Waiting:
    """A picture whose bytes come when they are let go."""

    number: int
    let_go: asyncio.Event
    video: VideoFormat = encode().video

    @property
    def key(self) -> int:
        return self.number

    async def sample(self) -> bytes:
        await self.let_go.wait()
        return encode().units[0].data


async def test_more_pictures_at_once_than_may_be_are_refused_until_others_are_done() -> None:
    stills, let_go = Stills(most_at_once=2), asyncio.Event()
    try:
        first, second = (asyncio.create_task(stills.jpeg(Waiting(number, let_go))) for number in range(2))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await stills.jpeg(Waiting(2, let_go))
        # Who asks for one of those that are being made waits with the others.
        third = asyncio.create_task(stills.jpeg(Waiting(1, let_go)))
        # One whose viewer has gone takes nobody's place.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        fourth = asyncio.create_task(stills.jpeg(Waiting(3, let_go)))
        await asyncio.sleep(0)
        let_go.set()
        assert len({await second, await third, await fourth}) == 1
        assert stills.made == 2
    finally:
        stills.close()


async def test_one_who_goes_away_takes_the_picture_from_nobody_else() -> None:
    stills, let_go = Stills(), asyncio.Event()
    try:
        first, second = (asyncio.create_task(stills.jpeg(Waiting(0, let_go))) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        let_go.set()
        assert (await second)[:2] == b"\xff\xd8"
    finally:
        stills.close()


def niceness(threads: str) -> set[int]:
    """How much the threads whose names begin so give way."""
    tasks = [task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text().startswith(threads)]
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}


async def test_decoding_gives_way_to_everything_else() -> None:
    stills = Stills()
    try:
        unit = encode().units[0]
        await stills.jpeg(Live("stop", unit))
        assert niceness("stills") == {10}
    finally:
        stills.close()


@pytest.mark.parametrize(
    ("wanted", "size"), [(None, (70, 50)), (16, (16, 10)), (17, (16, 10)), (69, (68, 48)), (8_192, (70, 50))]
)
async def test_pictures_come_in_their_proportions_and_are_never_enlarged(
    wanted: int | None, size: tuple[int, int]
) -> None:
    stills = Stills()
    try:
        jpeg = await stills.jpeg(Live("stop", encode(1, 0, 70, 50).units[0]), wanted)
        height, width = shown(jpeg).shape
        assert (width, height) == size
    finally:
        stills.close()


async def test_a_damaged_keyframe_is_an_error_and_a_hole_in_a_strip(tmp_path: Path) -> None:
    start_us = now_us() - 60 * S
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


async def strip_of(archive: Archive, stills: Stills, strip: Strip, columns: int, width: int) -> bytes:
    layout = strip.layout(columns, width)
    tiles = [
        (Recorded(tile.keyframe, archive.read) if tile.keyframe else None, marks(tile, layout)) for tile in strip.tiles
    ]
    return await stills.strip(name_of(strip, layout), tiles, layout)


def is_hatched(luma: Any) -> bool:
    """Two shades, about as much of each, and neither of them black."""
    dark, light = (luma < 80).mean(), (luma > 95).mean()
    return bool(dark > 0.3 and light > 0.3 and luma.min() > 30)


async def test_a_strip_shows_where_footage_is_missing_and_why(tmp_path: Path) -> None:
    start_us = now_us() - 100 * S
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
    start_us = now_us() - 60 * S
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


@given(st.integers(1, 10**12), st.integers(1, 48), st.data())
def test_the_smallest_gap_is_seen_in_a_tile(length_us: int, width: int, data: st.DataObject) -> None:
    start_us = data.draw(st.integers(0, length_us - 1))
    end_us = data.draw(st.integers(start_us + 1, length_us))
    tile = Tile(Span(0, length_us), None, (Span(start_us, end_us),), (), "unknown")
    layout = Strip((tile,)).layout(1, 16 + 2 * width)
    ((first, behind),) = marks(tile, layout).missing
    assert 0 <= first < behind <= layout.width


# --- a running recorder -----------------------------------------------------------------------------------------------


def camera_path(what: str, **query: object) -> str:
    return f"/api/v1/cameras/stop/{what}?{urlencode(query)}"


def span_of(recorder: Recorder) -> tuple[datetime, datetime]:
    """The newest recorded span of the camera."""
    span = recorder.timeline("stop")["spans"][-1]
    return datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])


def test_the_right_picture_shows_of_footage_that_is_being_written(recording: Recorder) -> None:
    start, end = span_of(recording)
    for part in (0.0, 0.3, 0.5, 0.9, 1.0):
        at = start + (end - start) * part
        answer = recording.ask(camera_path("snapshot.jpg", at=text(at), width=640))
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
        told = datetime.fromisoformat(answer.headers["X-Picture-Time"])
        assert timedelta(0) <= at - told < timedelta(seconds=4)
        written = timecode.read(shown(answer.body))
        assert abs(written - told) < timedelta(seconds=1)


def test_a_picture_that_is_known_is_not_sent_again(recording: Recorder) -> None:
    start, _ = span_of(recording)
    for path in (
        camera_path("snapshot.jpg", at=text(start), width=320),
        camera_path("strip.jpg", start=text(start), end=text(start + timedelta(seconds=4)), count=2),
    ):
        answer = recording.ask(path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = recording.ask(path, If_None_Match=f'"other", W/{answer.headers["ETag"]}')
        assert (again.status, again.body) == (304, b"")
        assert recording.ask(path, If_None_Match='"other"').body == answer.body


def test_a_strip_shows_the_pictures_that_its_description_names(recording: Recorder) -> None:
    start, end = span_of(recording)
    query = {"start": text(start), "end": text(end), "count": 5, "columns": 3, "width": 320}
    described = recording.ask(camera_path("strip", **query))
    validate(described.json, "Strip")
    tiles, wide, high = described.json["tiles"], described.json["tile_width"], described.json["tile_height"]
    assert (described.json["columns"], wide, high, len(tiles)) == (3, 320, 180, 5)
    assert tiles[0]["start"] == described.json["start"]
    assert tiles[-1]["end"] == described.json["end"]
    luma = shown(recording.ask(described.json["path"]).body)
    assert luma.shape == (2 * high, 3 * wide)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 3)
        written = timecode.read(luma[row * high : (row + 1) * high, column * wide : (column + 1) * wide])
        assert abs(written - datetime.fromisoformat(tile["picture"])) < timedelta(seconds=1)
        assert (tile["cause"], tile["missing_s"]) == (None, 0)


def test_many_who_look_at_once_all_see_it(recording: Recorder) -> None:
    start, end = span_of(recording)
    path = camera_path("strip.jpg", start=text(start), end=text(end), count=12, width=320)
    snapshots = [camera_path("snapshot.jpg", at=text(start), width=640), camera_path("snapshot.jpg", width=320)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(recording.ask, [path, *snapshots] * 12))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers[::3]}) == 1


def test_where_there_is_no_picture_the_answer_says_why(recording: Recorder) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=15)
    detail = refused(recording.ask(camera_path("snapshot.jpg", at=text(old))), 404, "no_footage")
    assert "past its days" in detail
    detail = refused(recording.ask(camera_path("snapshot.jpg", at=text(now - timedelta(days=2)))), 404, "no_footage")
    assert "within 10 s" in detail
    refused(recording.ask(camera_path("snapshot.jpg", at=text(now + timedelta(hours=1)))), 400, "future_range")
    for wrong in ("", "now", "2026-11-22T06:54:49", "9" * 4_000):
        refused(recording.ask(camera_path("snapshot.jpg", at=wrong)), 400, "bad_time")
    wait_until(lambda: recording.timeline("locked")["gaps"])
    moment = datetime.now(UTC)
    answer = recording.ask(f"/api/v1/cameras/locked/snapshot.jpg?{urlencode({'at': text(moment)})}")
    assert "authentication_refused" in refused(answer, 404, "no_footage")
    assert answer.json["cause"] == "authentication_refused"
    strip = recording.ask(f"/api/v1/cameras/locked/strip?{last(timedelta(minutes=1))}").json
    assert {tile["picture"] for tile in strip["tiles"]} == {None}
    assert "authentication_refused" in {tile["cause"] for tile in strip["tiles"]}
    assert is_hatched(shown(recording.ask(strip["path"]).body)[:90, :160])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"count": 0}, "bad_value"),
        ({"count": 49}, "bad_value"),
        ({"count": "many"}, "bad_value"),
        ({"columns": 0}, "bad_value"),
        ({"width": 15}, "bad_value"),
        ({"width": 1_281}, "bad_value"),
        ({"width": 640, "count": 48}, "bad_value"),
        ({"start": "2026-01-01T00:00:00Z"}, "range_too_long"),
    ],
)
@pytest.mark.parametrize("what", ["strip", "strip.jpg"])
def test_wrong_strips_are_refused_clearly(recording: Recorder, what: str, query: dict[str, object], code: str) -> None:
    now = datetime.now(UTC)
    asked = {"start": text(now - timedelta(minutes=1)), "end": text(now), **query}
    refused(recording.ask(camera_path(what, **asked)), 400, code)


def looks(recorder: Recorder, actor: str) -> list[dict[str, Any]]:
    """What the audit log says of somebody's looks."""
    paths = sorted((recorder.directory / "data").glob("audit*.jsonl")) + sorted(
        (recorder.directory / "data" / "audit").glob("*.jsonl")
    )
    records = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return [one for one in records if one["event"] == "look" and one.get("actor") == actor]


def test_every_look_leaves_a_trace(recording: Recorder) -> None:
    start, end = span_of(recording)
    who = {"Safe_Community_Actor": "Ona%20Onait%C4%97", "Safe_Community_Reason": "incident%2012"}
    instant, long_ago = text(start), datetime.now(UTC) - timedelta(days=20)
    old, old_end = text(long_ago), text(long_ago + timedelta(minutes=1))
    for _ in range(3):
        assert recording.ask(camera_path("snapshot.jpg"), **who).status == 200
        assert recording.ask(camera_path("snapshot.jpg", at=instant), **who).status == 200
        assert recording.ask(camera_path("strip.jpg", start=instant, end=text(end)), **who).status == 200
        assert recording.ask(camera_path("snapshot.jpg", at=old), **who).status == 404
        assert is_hatched(shown(recording.ask(camera_path("strip.jpg", start=old, end=old_end), **who).body)[:90, :160])
    noted = looks(recording, "Ona Onaitė")
    assert [(one["details"]["kind"], "start" in one, one["outcome"]) for one in noted] == [
        ("snapshot", False, "done"),
        ("snapshot", True, "done"),
        ("strip", True, "done"),
        ("snapshot", True, "refused"),
        ("strip", True, "refused"),
    ]
    assert {(one["camera_id"], one["reason"]) for one in noted} == {("stop", "incident 12")}
    assert noted[1]["start"] == utc.to_text(utc.parse(instant))


async def test_strips_and_pictures_take_turns() -> None:
    """A picture that is asked for while a long strip is made does not wait for all of it."""
    let_go = [asyncio.Event() for _ in range(8)]
    stills = Stills()
    unit = encode().units[0]
    layout = Layout(4, 64, 48)
    tiles = [(Waiting(number, event), Marks()) for number, event in enumerate(let_go)]
    try:
        strip = asyncio.create_task(stills.strip("strip", tiles, layout))
        await asyncio.sleep(0.01)
        assert (await stills.jpeg(Live("stop", unit)))[:2] == b"\xff\xd8"
        assert not strip.done()
        for event in let_go:
            event.set()
        assert (await strip)[:2] == b"\xff\xd8"
    finally:
        stills.close()
