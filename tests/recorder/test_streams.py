"""Live streams of a real recorder, as others' players take them, and who watches."""

import asyncio
import contextlib
import io
import itertools
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
import yaml
from aiohttp import ClientSession

from safe_community_recorder.media.video import CodecName
from tests.recorder.contract import refused
from tests.recorder.footage import encode
from tests.recorder.playlists import Listed
from tests.recorder.watching import (
    clocks,
    decoding_times,
    live_ticket,
    newest_span,
    opened,
    playlist_at,
    range_ticket,
    scripted,
    segment_at,
    steps_between,
    times_shown,
    widths,
)
from tests.world import Cameras, Recorder, simulated_cameras, wait_until


@pytest.mark.parametrize("kind", ["path", "mp4", "hls"])
def test_libav_plays_what_is_live_now(recording: Recorder, kind: str) -> None:
    began = datetime.now(UTC)
    seen = clocks(recording.url + live_ticket(recording)[kind], 30)
    assert len(seen) == 30
    taken = [moment for _, moment in seen]
    steps = {later - former for former, later in itertools.pairwise(taken)}
    assert all(timedelta(milliseconds=90) < step < timedelta(milliseconds=110) for step in steps)
    shown_first, first = seen[0]
    assert all(abs(shown - shown_first - (moment - first).total_seconds()) < 0.06 for shown, moment in seen)
    # A stream begins with the newest keyframe; libav begins three segments from the end of a playlist.
    assert taken[0] > began - timedelta(seconds=20)


def test_ffprobe_takes_a_live_mp4_without_complaint(recording: Recorder) -> None:
    command = ["ffprobe", "-v", "warning", "-read_intervals", "%+3", "-show_entries", "packet=pts_time,flags"]
    url = recording.url + live_ticket(recording)["mp4"]
    done = subprocess.run(
        [*command, "-of", "json", url], capture_output=True, text=True, check=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.stderr == ""
    packets = json.loads(done.stdout)["packets"]
    assert packets[0]["flags"].startswith("K")
    assert len(packets) >= 25


def test_either_codec_with_pictures_in_another_order_plays_everywhere(recorder: Recorder) -> None:
    kinds: dict[str, tuple[CodecName, int]] = {"a": ("h265", 0), "b": ("h264", 2), "c": ("h265", 2)}
    units = {name: encode(60, b_frames, 320, 180, codec=codec).units for name, (codec, b_frames) in kinds.items()}
    with scripted(recorder, **units), ThreadPoolExecutor(12) as players:
        for name in kinds:
            recorder.wait_for_footage(name, 8)
        plays = {}
        for name in kinds:
            ticket, recorded = live_ticket(recorder, name), range_ticket(recorder, *newest_span(recorder, name), name)
            for path in (ticket["mp4"], ticket["path"], ticket["hls"], recorded):
                plays[path] = players.submit(times_shown, recorder.url + path, 25)
        for path, shown in plays.items():
            steps = steps_between(shown.result())
            assert len(steps) == 24
            assert all(0.05 < step < 0.15 for step in steps), (path, steps)


def test_who_watches_is_counted_and_everybody_is_told(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 1)
    told: list[int] = []

    async def listen() -> None:
        headers = {"Authorization": f"Bearer {recorder.token}"}
        url = f"{recorder.url}/api/v1/events"
        async with ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
            async for message in socket:
                event = json.loads(message.data)
                cameras = event["cameras"] if event["type"] == "snapshot" else [event.get("camera")]
                told.extend(camera["state"]["viewers"] for camera in cameras if camera is not None)

    listener = threading.Thread(target=lambda: asyncio.run(listen()), daemon=True)
    listener.start()
    wait_until(lambda: told, 60)
    ticket = live_ticket(recorder)
    with opened(recorder, ticket["path"]) as first:
        assert first.status == 200
        wait_until(lambda: told[-1] == 1, 60)
        with opened(recorder, ticket["mp4"]) as second:
            assert second.status == 200
            wait_until(lambda: told[-1] == 2, 60)
        wait_until(lambda: told[-1] == 1, 60)
        # By a playlist as long as it is asked for; how often is of no matter.
        playlist_at(recorder, ticket["hls"])
        playlist_at(recorder, ticket["hls"])
        wait_until(lambda: told[-1] == 2, 60)
    wait_until(lambda: told[-1] == 1, 60)
    assert recorder.camera("stop")["viewers"] == 1
    assert [viewers for viewers, _ in itertools.groupby(told)] == [0, 1, 2, 1, 2, 1]
    # The listener ends with the recorder.
    recorder.stop()
    listener.join(60)


def test_streams_end_properly_with_a_pause_a_removal_and_the_recorder(recorder: Recorder) -> None:
    units = encode(20).units
    with scripted(recorder, paused=units, removed=units, last=units):
        tickets = {camera_id: live_ticket(recorder, camera_id) for camera_id in ("paused", "removed", "last")}
        cameras = yaml.safe_load(recorder.camera_file.read_text())["cameras"]
        kinds = ("path", "mp4")
        with contextlib.ExitStack() as stack:
            streams = {
                camera_id: [stack.enter_context(opened(recorder, ticket[kind])) for kind in kinds]
                for camera_id, ticket in tickets.items()
            }
            wait_until(lambda: all(recorder.camera(camera_id)["viewers"] == 2 for camera_id in tickets), 60)
            paused, _, last = cameras
            recorder.write_camera_file([{**paused, "paused": True}, last])
            # None is broken off: reading to the end raises nothing.
            assert all(stream.read() for stream in (*streams["paused"], *streams["removed"]))
            assert recorder.camera("paused")["viewers"] == 0
            refused(recorder.ask(tickets["paused"]["mp4"], token=""), 503, "no_picture")
            refused(recorder.ask(tickets["removed"]["mp4"], token=""), 404, "unknown_camera")
            assert recorder.camera("last")["viewers"] == 2
            assert recorder.process is not None
            recorder.process.terminate()
            assert all(stream.read() for stream in streams["last"])


def test_who_does_not_read_costs_the_others_nothing(recorder: Recorder) -> None:
    # Noise: two seconds of it are more than what sockets hold.
    with scripted(recorder, stop=encode(20, 0, 1280, 720, grain=100).units):
        ticket = live_ticket(recorder)
        with opened(recorder, ticket["path"]) as slow_ts, opened(recorder, ticket["mp4"]) as slow_mp4:
            assert slow_ts.status == slow_mp4.status == 200
            with av.open(recorder.url + ticket["path"], timeout=60) as container:
                seen = list(itertools.islice(decoding_times(container), 150))
            assert max(steps_between(seen)) < 0.15, "a picture is missing"
            assert recorder.camera("stop")["viewers"] >= 2
            # They are behind by more than is kept for anybody: some pictures are missing, then it goes on.
            for slow, kind in ((slow_ts, "mpegts"), (slow_mp4, "mp4")):
                with av.open(io.BytesIO(slow.read(30_000_000)), "r", format=kind) as container:
                    # The last ones are not whole.
                    late = list(decoding_times(container))[:-2]
                steps = steps_between(late)
                assert max(steps) > 1
                assert steps[-1] < 0.15
        assert recorder.camera("stop")["stream"]["lost_packets"] == 0


def test_streams_end_with_the_camera_and_can_be_had_again_when_it_is_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    try:
        with simulated_cameras(["stop"]) as cameras:
            port = cameras.port
            recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
            recorder.start()
            recorder.wait_for_footage("stop", 6)
            ticket = live_ticket(recorder)
            before = playlist_at(recorder, ticket["hls"])
            with opened(recorder, ticket["mp4"]) as stream:
                cameras.process.kill()
                # It ends properly: nothing is cut off.
                assert stream.read()
        wait_until(lambda: recorder.camera("stop")["connection"] != "connected", 60)
        for path in (ticket["mp4"], ticket["path"]):
            refused(recorder.ask(path, token=""), 503, "no_picture")
        # What is on the disk stays listed for a while.
        assert playlist_at(recorder, ticket["hls"]).segments[-1].number >= before.segments[-1].number
        with simulated_cameras(["stop"], port):
            wait_until(lambda: recorder.camera("stop")["connection"] == "connected", 60)
            last = before.segments[-1]

            def news() -> Listed | None:
                newest = playlist_at(recorder, ticket["hls"]).segments[-1]
                return newest if newest.number > last.number + 1 else None

            newest = wait_until(news, 60)
            assert newest.breaks > last.breaks
            assert len(clocks(recorder.url + ticket["mp4"], 15)) == 15
    finally:
        if recorder.process is not None:
            recorder.stop()


def test_a_live_mp4_ends_when_the_format_changes_and_a_transport_stream_goes_on(recorder: Recorder) -> None:
    small, large = encode(100, 0, 320, 180).units, encode(100, 0, 640, 360).units
    with scripted(recorder, stop=[*small, *large]):
        ticket = live_ticket(recorder)

        seen: set[int] = set()
        with av.open(recorder.url + ticket["path"], timeout=30) as container:
            for frame in container.decode(video=0):
                seen.add(frame.width)
                if len(seen) == 2:
                    break
        with opened(recorder, ticket["mp4"]) as stream:
            whole = stream.read()
        assert len(widths(whole)) == 1
        recorder.wait_for_footage("stop", 22)
        # The change is a discontinuity, and each side has a head of its own.
        start, end = newest_span(recorder)
        playlist = playlist_at(recorder, range_ticket(recorder, end - timedelta(seconds=21), end))
        assert len({segment.head.file for segment in playlist.segments}) >= 2
        path = range_ticket(recorder, start, end)
        segments = playlist_at(recorder, path).segments
        assert set().union(*(widths(segment_at(recorder, path, segment)) for segment in segments)) == {320, 640}
