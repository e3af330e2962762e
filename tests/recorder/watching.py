"""Watches a recorder's cameras as players do: tickets, streams, playlists and what they name."""

import contextlib
import http.client
import io
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import av
from av.container import InputContainer

from demo import timecode
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.background import Background
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.contract import validate
from tests.recorder.playlists import Listed, Playlist, read_playlist
from tests.world import Recorder, text, wait_until


def live_ticket(recorder: Recorder, camera_id: str = "stop") -> dict[str, str]:
    """The addresses of what is live now."""
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
    """From when to when the newest footage without a gap goes."""
    span = recorder.timeline(camera_id)["spans"][-1]
    return datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])


def playlist_at(recorder: Recorder, path: str) -> Playlist:
    """What a playlist says now."""
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
    with av.open(source, timeout=60) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            assert frame.time is not None
            seen.append((frame.time, timecode.read(frame.to_ndarray(format="gray"))))
    return seen


def times_shown(source: str, count: int) -> list[float]:
    """When the first pictures of a stream are shown."""
    with av.open(source, timeout=60) as container:
        times = [frame.time for frame in itertools.islice(container.decode(video=0), count)]
    return [time for time in times if time is not None]


def steps_between(times: Sequence[float]) -> list[float]:
    """From each to the next."""
    return [later - former for former, later in itertools.pairwise(times)]


def decoding_times(container: InputContainer) -> Iterator[float]:
    """When each picture of a stream is decoded, as they come."""
    for packet in container.demux(video=0):
        if packet.dts is not None and packet.time_base is not None:
            yield float(packet.dts * packet.time_base)


def widths(data: bytes) -> set[int]:
    """How wide the pictures of an MP4 are."""
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        return {frame.width for frame in container.decode(video=0)}


@contextlib.contextmanager
def opened(recorder: Recorder, path: str) -> Iterator[http.client.HTTPResponse]:
    """A request whose answer is read as the test likes."""
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=60)
    try:
        connection.request("GET", path)
        yield connection.getresponse()
    finally:
        connection.close()


@contextlib.contextmanager
def scripted(recorder: Recorder, **units: Sequence[AccessUnit]) -> Iterator[None]:
    """Cameras by the script, by their ids; recorded until the end of the context."""
    with Background() as background:
        cameras = {camera_id: background.enter(ScriptedCamera(pictures)) for camera_id, pictures in units.items()}
        recorder.write_camera_file([{"id": camera_id, "url": camera.url} for camera_id, camera in cameras.items()])
        recorder.start()
        wait_until(lambda: all(recorder.camera(camera_id)["connection"] == "connected" for camera_id in cameras), 60)
        yield
