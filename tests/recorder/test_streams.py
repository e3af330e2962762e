"""Live pictures and HLS of a real recorder, as others' players take them, and what is refused."""

import asyncio
import contextlib
import http.client
import io
import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import av
import pytest
from aiohttp import ClientSession
from av.container import InputContainer

from demo import timecode
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.background import Background
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.contract import refused, validate
from tests.recorder.footage import encode
from tests.recorder.playlists import Listed, Playlist, read_playlist
from tests.world import Answer, Cameras, Recorder, simulated_cameras, text, wait_until

_STOP = "/api/v1/cameras/stop"


def live_ticket(recorder: Recorder, camera_id: str = "stop") -> dict[str, str]:
    answer = recorder.ask(f"/api/v1/cameras/{camera_id}/live-tickets", "POST")
    assert answer.status == 201
    validate(answer.json, "LiveTicket")
    ticket: dict[str, str] = answer.json
    return ticket


def range_ticket(recorder: Recorder, start: datetime, end: datetime, camera_id: str = "stop") -> str:
    """The address of a range's playlist."""
    query = urlencode({"start": text(start), "end": text(end)})
    answer = recorder.ask(f"/api/v1/cameras/{camera_id}/hls/tickets?{query}", "POST")
    assert answer.status == 201
    validate(answer.json, "RecordedTicket")
    path: str = answer.json["path"]
    return path


def newest_span(recorder: Recorder, camera_id: str = "stop") -> tuple[datetime, datetime]:
    span = recorder.timeline(camera_id)["spans"][-1]
    return datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])


def playlist_at(recorder: Recorder, path: str) -> Playlist:
    answer = recorder.ask(path, token="")
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    return read_playlist(answer.body.decode())


def segment_at(recorder: Recorder, path: str, segment: Listed) -> bytes:
    """A segment with what has to be read before it, as a player fetches both."""
    parts = []
    for part in (segment.head, segment.bytes):
        answer = recorder.ask(beside(path, part.uri), token="")
        assert answer.status == 200, answer.body
        assert len(answer.body) == part.end - part.start
        parts.append(answer.body)
    return b"".join(parts)


def beside(path: str, uri: str) -> str:
    """An address that a playlist names beside itself."""
    return f"{urlsplit(path).path.rpartition('/')[0]}/{uri}"


def clocks(source: str, count: int) -> list[tuple[float, datetime]]:
    """The first pictures of a stream as libav decodes them: when each is shown, and when it was taken."""
    seen = []
    with av.open(source, timeout=30) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            seen.append((frame.time, timecode.read(frame.to_ndarray(format="gray"))))
            if len(seen) == count:
                break
    return seen


# --- live streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "mp4", "hls"])
def test_libav_plays_what_is_live_now(recording: Recorder, kind: str) -> None:
    began = datetime.now(UTC)
    seen = clocks(recording.url + live_ticket(recording)[kind], 30)
    assert len(seen) == 30
    taken = [moment for _, moment in seen]
    steps = {later - former for former, later in itertools.pairwise(taken)}
    assert all(timedelta(milliseconds=90) < step < timedelta(milliseconds=110) for step in steps)
    for (shown, moment), (shown_first, first) in zip(seen, [seen[0]] * 30, strict=True):
        assert abs(shown - shown_first - (moment - first).total_seconds()) < 0.06
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


@contextlib.contextmanager
def scripted(
    recorder: Recorder, units: list[AccessUnit] | tuple[AccessUnit, ...], *options: str
) -> Iterator[ScriptedCamera]:
    """A camera by the script, recorded as `stop` until the end of the context."""
    with Background() as background:
        camera = background.enter(ScriptedCamera(units))
        recorder.write_camera_file([{"id": "stop", "url": camera.url}])
        recorder.options = options
        recorder.start()
        wait_until(lambda: recorder.camera("stop")["connection"] == "connected")
        yield camera


@pytest.mark.parametrize(("codec", "b_frames"), [("h265", 0), ("h264", 2), ("h265", 2)])
def test_either_codec_with_pictures_in_another_order_plays_everywhere(
    recorder: Recorder, codec: CodecName, b_frames: int
) -> None:
    with scripted(recorder, encode(60, b_frames, 320, 180, codec=codec).units):
        recorder.wait_for_footage("stop", 8)
        ticket = live_ticket(recorder)
        start, end = newest_span(recorder)
        recorded = range_ticket(recorder, start, end)
        for path in (ticket["mp4"], ticket["path"], ticket["hls"], recorded):
            with av.open(recorder.url + path, timeout=30) as container:
                shown = []
                for frame in container.decode(video=0):
                    assert frame.time is not None
                    shown.append(frame.time)
                    if len(shown) == 25:
                        break
            steps = [later - former for former, later in itertools.pairwise(shown)]
            assert all(0.05 < step < 0.15 for step in steps), (path, steps)


def test_who_watches_is_counted_and_everybody_is_told(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    recorder.wait_for_footage("stop", 4)
    told: list[int] = []
    done = threading.Event()

    async def listen() -> None:
        headers = {"Authorization": f"Bearer {recorder.token}"}
        url = f"{recorder.url}/api/v1/events"
        async with ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "camera":
                    told.append(event["camera"]["state"]["viewers"])
                if done.is_set():
                    return

    listener = threading.Thread(target=lambda: asyncio.run(listen()), daemon=True)
    listener.start()
    time.sleep(1)
    assert recorder.camera("stop")["viewers"] == 0
    ticket = live_ticket(recorder)
    with opened(recorder, ticket["path"]) as first, opened(recorder, ticket["mp4"]) as second:
        assert first.status == second.status == 200
        wait_until(lambda: recorder.camera("stop")["viewers"] == 2)
        playlist_at(recorder, ticket["hls"])
        playlist_at(recorder, ticket["hls"])
        assert recorder.camera("stop")["viewers"] == 3
    wait_until(lambda: recorder.camera("stop")["viewers"] == 1)
    wait_until(lambda: {0, 1, 2, 3} <= set(told))
    done.set()


@contextlib.contextmanager
def opened(recorder: Recorder, path: str) -> Iterator[http.client.HTTPResponse]:
    """A request whose answer is read as the test likes."""
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=30)
    try:
        connection.request("GET", path)
        yield connection.getresponse()
    finally:
        connection.close()


@pytest.mark.parametrize("kind", ["path", "mp4"])
def test_who_does_not_read_costs_the_others_nothing(recorder: Recorder, kind: str) -> None:
    # Noise: two seconds of it are more than what sockets hold.
    units = encode(20, 0, 1280, 720, grain=100).units
    with scripted(recorder, units):
        path = live_ticket(recorder)[kind]
        with opened(recorder, path) as slow:
            assert slow.status == 200
            with av.open(recorder.url + path, timeout=30) as container:
                seen = list(itertools.islice(decoding_times(container), 150))
            steps = [later - former for former, later in itertools.pairwise(seen)]
            assert max(steps) < 0.15, "a picture is missing"
            assert recorder.camera("stop")["viewers"] >= 1
            # It is behind by more than is kept for anybody: some pictures are missing, then it goes on.
            late = times(slow.read(30_000_000), "mpegts" if kind == "path" else "mp4")
            steps = [later - former for former, later in itertools.pairwise(late)]
            assert max(steps) > 1
            assert steps[-1] < 0.15
        assert recorder.camera("stop")["stream"]["lost_packets"] == 0


def times(data: bytes, container_format: str) -> list[float]:
    """When the pictures in a piece of a stream are decoded, without the last ones, which are not whole."""
    with av.open(io.BytesIO(data), "r", format=container_format) as container:
        return list(decoding_times(container))[:-2]


def decoding_times(container: InputContainer) -> Iterator[float]:
    """When each picture of a stream is decoded, as they come."""
    for packet in container.demux(video=0):
        if packet.dts is not None and packet.time_base is not None:
            yield float(packet.dts * packet.time_base)


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
        wait_until(lambda: recorder.camera("stop")["connection"] != "connected")
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

            newest = wait_until(news)
            assert newest.breaks > last.breaks
            assert len(clocks(recorder.url + ticket["mp4"], 15)) == 15
    finally:
        if recorder.process is not None:
            recorder.stop()


def test_a_live_mp4_ends_when_the_format_changes_and_a_transport_stream_goes_on(recorder: Recorder) -> None:
    small, large = encode(100, 0, 320, 180).units, encode(100, 0, 640, 360).units
    with scripted(recorder, [*small, *large]):
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
        playlist = playlist_at(recorder, ticket["hls"])
        # The change is a discontinuity, and each side has a head of its own.
        start, end = newest_span(recorder)
        playlist = playlist_at(recorder, range_ticket(recorder, end - timedelta(seconds=21), end))
        assert len({segment.head.file for segment in playlist.segments}) >= 2
        path = range_ticket(recorder, start, end)
        segments = playlist_at(recorder, path).segments
        assert set().union(*(widths(segment_at(recorder, path, segment)) for segment in segments)) == {320, 640}


def widths(data: bytes) -> set[int]:
    """How wide the pictures of an MP4 are."""
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        return {frame.width for frame in container.decode(video=0)}


# --- HLS --------------------------------------------------------------------------------------------------------------


def test_libav_plays_exactly_the_recorded_pictures_of_a_range(recording: Recorder) -> None:
    recording.wait_for_footage("school", 12)
    _, end = newest_span(recording, "school")
    start = end - timedelta(seconds=9)
    path = range_ticket(recording, start, end, "school")
    seen = [moment for _, moment in clocks(recording.url + path, 1_000)]
    assert seen == sorted(set(seen))
    # From the keyframe before (every two seconds) to the end, ten pictures a second, none missing.
    assert 88 <= len(seen) <= 112
    assert max(later - former for former, later in itertools.pairwise(seen)) < timedelta(milliseconds=150)
    playlist = playlist_at(recording, path)
    assert abs(playlist.segments[0].at - seen[0]) < timedelta(milliseconds=500)
    _, _, offset = playlist.tags["START"].partition("=")
    begins = playlist.segments[0].at + timedelta(seconds=float(offset.partition(",")[0]))
    assert abs(begins - start) < timedelta(milliseconds=1)


def test_across_files_nothing_is_missing_and_time_goes_on(recorder: Recorder, cameras: Cameras) -> None:
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.options = ("--file-seconds", "5")
    recorder.start()
    recorder.wait_for_footage("stop", 16)
    start, end = newest_span(recorder)
    path = range_ticket(recorder, start, end)
    playlist = playlist_at(recorder, path)
    assert len({segment.head.file for segment in playlist.segments}) >= 3
    assert {segment.breaks for segment in playlist.segments} == {0}
    lasts_s = sum(segment.duration_s for segment in playlist.segments)
    assert lasts_s == pytest.approx((end - start).total_seconds(), 0.01)
    # Live, too: a file ends while somebody looks.
    for address, count in ((path, 10_000), (live_ticket(recorder)["hls"], 100)):
        seen = clocks(recorder.url + address, count)
        for (shown, taken), (shown_next, taken_next) in itertools.pairwise(seen):
            assert 0 < shown_next - shown < 0.15
            assert timedelta(0) < taken_next - taken < timedelta(milliseconds=150)


def test_a_playlist_that_is_asked_for_what_is_to_come_answers_when_it_is_there(recording: Recorder) -> None:
    path = live_ticket(recording)["hls"]
    known = playlist_at(recording, path).segments[-1].number
    for number in range(known + 1, known + 4):
        playlist = playlist_at(recording, f"{path}&_HLS_msn={number}")
        newest = playlist.segments[-1]
        assert newest.number >= number
        # The last picture of a group comes just before it is whole: a keyframe every two seconds.
        late = datetime.now(UTC) - newest.at - timedelta(seconds=newest.duration_s)
        assert late < timedelta(seconds=2)
    # Whoever has numbers of another time is answered at once.
    assert playlist_at(recording, f"{path}&_HLS_msn={known + 100_000}").segments
    for wrong in ("-1", "x", "", "1e3", "9" * 30):
        refused(recording.ask(f"{path}&_HLS_msn={wrong}", token=""), 400, "bad_value")


def test_many_players_of_one_playlist_see_the_same(recording: Recorder) -> None:
    path = live_ticket(recording)["hls"]
    known = playlist_at(recording, path).segments[-1].number
    seen: list[list[Listed]] = []

    def play() -> None:
        numbers = range(known + 1, known + 4)
        seen.extend(playlist_at(recording, f"{path}&_HLS_msn={number}").segments for number in numbers)

    players = [threading.Thread(target=play) for _ in range(12)]
    for player in players:
        player.start()
    for player in players:
        player.join(60)
    assert len(seen) == 36
    told: dict[int, Listed] = {}
    for segment in (one for segments in seen for one in segments):
        assert told.setdefault(segment.number, segment) == segment


# --- who may have what ------------------------------------------------------------------------------------------------


def test_tickets_open_what_they_are_for_and_nothing_else(recording: Recorder) -> None:
    recording.wait_for_footage("stop", 12)
    _, end = newest_span(recording)
    start = end - timedelta(seconds=4)
    live, recorded = live_ticket(recording), range_ticket(recording, start, end)
    auth = {"live": live["path"].partition("auth=")[2], "recorded": recorded.partition("auth=")[2]}
    asked = urlencode({"start": text(start), "end": text(end)})
    wider = urlencode({"start": text(start - timedelta(seconds=1)), "end": text(end)})
    paths = {
        "live": [f"{_STOP}/live.ts?", f"{_STOP}/live.mp4?", f"{_STOP}/hls/live.m3u8?"],
        "recorded": [f"{_STOP}/hls/recorded.m3u8?{asked}&"],
    }
    for kind, other in (("live", "recorded"), ("recorded", "live")):
        for path in paths[kind]:
            refused(recording.ask(f"{path}auth={auth[other]}", token=""), 403, "other_ticket")
            for wrong in ("", "x" * 5_000, auth[kind][:-1], auth[kind] + "0", "9" * 12 + auth[kind][12:]):
                refused(recording.ask(f"{path}auth={wrong}", token=""), 401, "unauthorized")
            school = path.replace("/stop/", "/school/")
            refused(recording.ask(f"{school}auth={auth[kind]}", token=""), 401, "unauthorized")
    refused(recording.ask(f"{_STOP}/hls/recorded.m3u8?{wider}&auth={auth['recorded']}", token=""), 403, "other_ticket")
    # The token needs no ticket, and then none is handed on.
    answer = recording.ask(f"{_STOP}/hls/recorded.m3u8?{wider}")
    assert answer.status == 200
    assert b"auth" not in answer.body


def test_bytes_outside_of_what_a_ticket_is_for_are_not_served(recording: Recorder) -> None:
    recording.wait_for_footage("stop", 16)
    begin, end = newest_span(recording)
    everything = playlist_at(recording, range_ticket(recording, begin, end)).segments
    path = range_ticket(recording, end - timedelta(seconds=3), end)
    opened = playlist_at(recording, path).segments
    last = opened[-1]
    first = min(one.bytes.start for one in opened if one.bytes.file == last.bytes.file)
    hidden = [one for one in everything if one.bytes.file == last.bytes.file and one.bytes.start < first]
    assert hidden

    def ask(asked: str, file: str = last.bytes.file) -> Answer:
        return recording.ask(beside(path, f"{file}/{asked}.mp4?{urlsplit(last.bytes.uri).query}"), token="")

    assert ask(f"0-{last.head.end}").status == 200
    assert ask(f"{first}-{last.bytes.end}").status == 200
    assert ask(f"{first}-{first + 1}").status == 200
    assert len(ask(f"{first + 3}-{last.bytes.end - 5}").body) == last.bytes.end - first - 8
    for asked in (
        f"{hidden[0].bytes.start}-{last.bytes.end}",
        f"{first - 1}-{first + 1}",
        f"0-{last.bytes.end}",
        f"{first}-{last.bytes.end + 1}",
        f"{last.bytes.end}-{first}",
        f"{first}-{first}",
        "0-0",
        *("-", "0-", "-5", "x", "1e3-2e3", "%D9%A3-%D9%A4", "..%2F..%2Ftoken", "%00"),
        f"{'9' * 18}-{'9' * 18}",
        f"{'9' * 5_000}-1",
    ):
        refused(ask(asked), 404, "no_footage")
    for name in ("..%2F..%2Ftoken", "20261122T065449.250000Z", "20261399T065449.250000Z", "x" * 5_000, "%00"):
        refused(ask("0-9", name), 404, "no_footage")
