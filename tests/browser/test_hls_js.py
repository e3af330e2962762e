"""Live and recorded footage in a real browser: the right moment shows, by the clock in the picture itself."""

import io
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser

from demo import timecode
from tests.browser.conftest import FILE_S
from tests.browser.player import Player, Shown
from tests.cameras.background import Background
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode, encode_sound
from tests.recorder.watching import live_ticket, newest_span, opened, playlist_at, range_ticket, segment_at
from tests.world import Recorder, wait_until

GROUP_S = 2.0
_BUFFERED_S = "(b => b.length ? b.end(b.length - 1) : 0)(document.querySelector('video').buffered)"
_PICTURE = timedelta(milliseconds=100)


@pytest.fixture
def player(browser: Browser, recording: Recorder) -> Iterator[Player]:
    """A page with a video."""
    context = browser.new_context()
    yield Player(context.new_page(), recording)
    context.close()


def test_recorded_footage_shows_the_right_moment_wherever_one_looks(player: Player, recording: Recorder) -> None:
    begin, end = newest_span(recording)
    start = end - timedelta(seconds=27.3)
    assert start > begin
    path = range_ticket(recording, start, end)
    playlist = playlist_at(recording, path)
    assert len({segment.head.file for segment in playlist.segments}) >= 3
    # The clock in the picture against the time in the playlist: what lies between camera and recorder.
    first = playlist.segments[0]
    with av.open(io.BytesIO(segment_at(recording, path, first)), "r", format="mp4") as container:
        frame = next(container.decode(video=0))
    behind = timecode.read(frame.to_ndarray(format="gray")) - first.at

    def moment_at(position_s: float) -> datetime:
        for segment in playlist.segments:
            if position_s < segment.duration_s:
                return segment.at + timedelta(seconds=position_s) + behind
            position_s -= segment.duration_s
        raise AssertionError("behind the end")

    player.play_hls(path)
    # By itself it goes to the asked instant; on a slow machine the beginning of the first segment shows before.
    wait_until(lambda: abs(player.shown().taken - (start + behind)) <= 1.5 * _PICTURE, 60)
    lasts_s = sum(segment.duration_s for segment in playlist.segments)
    assert player.value("document.querySelector('video').duration") == pytest.approx(lasts_s, abs=0.5)
    rng = random.Random(5)
    for _ in range(20):
        position_s = rng.uniform(0.1, lasts_s - 0.3)
        player.seek(position_s)
        shown = player.shown()
        assert shown.at_s == pytest.approx(position_s, abs=0.001)
        assert abs(shown.taken - moment_at(position_s)) <= 1.5 * _PICTURE
    assert [problem for problem in player.value("problems") if problem[0]] == []


def test_live_footage_is_shown_within_two_groups_and_goes_on_from_file_to_file(
    player: Player, recording: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    # A group and a little: the next one comes when it is whole. What is lost at the beginning is caught up with.
    player.play_hls(
        live_ticket(recording)["hls"], lowLatencyMode=True, liveSyncDuration=1.3 * GROUP_S, maxLiveSyncPlaybackRate=1.5
    )
    player.run()
    # However slow the machine is: a player that is held up is within two groups again a little later.
    wait_until(lambda: behind_s(player.shown()) < 2 * GROUP_S, 120)
    seen = watch(player, 1.5 * FILE_S)
    late_s = [late for _, late in seen]
    with capsys.disabled():
        print(f"\nlive HLS in Chromium: {statistics.median(late_s):.1f} s behind, {max(late_s):.1f} s at most")
    wait_until(lambda: behind_s(player.shown()) < 2 * GROUP_S, 120)
    taken = [shown.taken for shown, _ in seen]
    assert taken == sorted(taken)
    assert taken[-1] - taken[0] > timedelta(seconds=FILE_S)
    assert [problem for problem in player.value("problems") if problem[0]] == []


def test_pictures_in_another_order_and_sound_show_the_right_moment_too(browser: Browser, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, options=("--file-seconds", "5"))
    with Background() as background:
        reordered = background.enter(ScriptedCamera(encode(30, 2, 320, 180).units))
        heard = background.enter(ScriptedCamera(encode(30, 0, 320, 180).units, sound=encode_sound(200)))
        sound = {"audio": True, "audio_justification": "a test"}
        recorder.write_camera_file(
            [{"id": "reordered", "url": reordered.url}, {"id": "heard", "url": heard.url, **sound}]
        )
        recorder.start()
        try:
            for camera_id in ("reordered", "heard"):
                recorder.wait_for_footage(camera_id, 12)
                player = Player(browser.new_page(), recorder)
                each_picture_shows_in_its_place(player, recorder, camera_id)
                player.run()
                assert [problem for problem in player.value("problems") if problem[0]] == []
            wait_until(lambda: player.value("document.querySelector('video').webkitAudioDecodedByteCount") > 0, 60)
        finally:
            recorder.stop()


def each_picture_shows_in_its_place(player: Player, recorder: Recorder, camera_id: str) -> None:
    """Has the player play what was recorded, and goes to places all over it."""
    path = range_ticket(recorder, *newest_span(recorder, camera_id), camera_id)
    playlist = playlist_at(recorder, path)
    assert len({segment.head.file for segment in playlist.segments}) >= 3
    player.play_hls(path)
    wait_until(lambda: player.value(_BUFFERED_S) > 10, 60)
    segments = [(one.duration_s, segment_at(recorder, path, one)) for one in playlist.segments]
    pictures = luma_by_position(segments)
    for number in range(5, len(pictures), len(pictures) // 12):
        position_s, _ = pictures[number]
        player.seek(position_s + 0.03)
        # One picture earlier or later at most: browsers reckon in microseconds, files in ticks.
        nearby = [luma for _, luma in pictures[number - 1 : number + 2]]
        assert min(abs(player.shown_luma() - luma) for luma in nearby) < 3


def luma_by_position(segments: Sequence[tuple[float, bytes]]) -> list[tuple[float, float]]:
    """Where in a playlist each picture begins, in seconds, and how bright it is; of durations and bytes of segments."""
    pictures = []
    passed_s = 0.0
    for duration_s, data in segments:
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            frames = [(frame.time or 0.0, frame.to_ndarray()[60, 100]) for frame in container.decode(video=0)]
        pictures += [(passed_s + at_s - frames[0][0], float(luma)) for at_s, luma in frames]
        passed_s += duration_s
    return pictures


def test_a_live_mp4_plays_by_itself(player: Player, recording: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    path = live_ticket(recording)["mp4"]
    # Somebody has been watching for a while: whoever comes now does not begin with the stream's time 0.
    with opened(recording, path) as other:
        fragments = 0
        while fragments < 60:
            fragments += other.read(8_192).count(b"moof")
        player.play(path)
        player.run()
        seen = watch(player, FILE_S / 2)
    late_s = [late for _, late in seen]
    with capsys.disabled():
        print(f"\nlive MP4 in Chromium: {statistics.median(late_s):.1f} s behind, {max(late_s):.1f} s at most")
    taken = [shown.taken for shown, _ in seen]
    assert taken == sorted(taken)
    assert taken[-1] - taken[0] > timedelta(seconds=FILE_S / 4)


def behind_s(shown: Shown) -> float:
    """How long ago that was taken which shows."""
    return (datetime.now(UTC) - shown.taken).total_seconds()


def watch(player: Player, lasts_s: float) -> list[tuple[Shown, float]]:
    """What is shown, and by how many seconds that is late, twice a second."""
    first = player.shown()
    wait_until(lambda: player.shown().taken > first.taken, 60)
    seen = []
    end_s = time.monotonic() + lasts_s
    while time.monotonic() < end_s:
        shown = player.shown()
        seen.append((shown, behind_s(shown)))
        time.sleep(0.5)
    return seen
