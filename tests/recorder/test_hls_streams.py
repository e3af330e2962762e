"""HLS of a real recorder: what others' players see of it, and what is refused."""

import itertools
import socket
import threading
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from tests.recorder.contract import refused
from tests.recorder.playlists import Listed
from tests.recorder.watching import beside, clocks, live_ticket, newest_span, playlist_at, range_ticket
from tests.world import Answer, Cameras, Recorder, text

_STOP = "/api/v1/cameras/stop"


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
    recorder.wait_for_footage("stop", 12)
    start, end = newest_span(recorder)
    path = range_ticket(recorder, start, end)
    playlist = playlist_at(recorder, path)
    assert len({segment.head.file for segment in playlist.segments}) >= 3
    assert {segment.breaks for segment in playlist.segments} == {0}
    lasts_s = sum(segment.duration_s for segment in playlist.segments)
    assert lasts_s == pytest.approx((end - start).total_seconds(), 0.01)
    # Live, too: a file ends while somebody looks.
    for address, count in ((path, 10_000), (live_ticket(recorder)["hls"], 80)):
        seen = clocks(recorder.url + address, count)
        for (shown, taken), (shown_next, taken_next) in itertools.pairwise(seen):
            assert 0 < shown_next - shown < 0.15
            assert timedelta(0) < taken_next - taken < timedelta(milliseconds=150)


def test_a_playlist_that_is_asked_for_what_is_to_come_answers_when_it_is_there(recording: Recorder) -> None:
    path = live_ticket(recording)["hls"]
    known = playlist_at(recording, path).segments[-1].number
    for number in range(known + 1, known + 4):
        playlist = playlist_at(recording, f"{path}&_HLS_msn={number}")
        assert playlist.segments[-1].number >= number
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


def test_octets_that_are_no_text_are_a_wrong_token_like_any_other(recording: Recorder) -> None:
    for path in (f"{_STOP}/live.ts", f"{_STOP}/hls/live.m3u8", "/api/v1/cameras"):
        with socket.create_connection(("127.0.0.1", recording.port), 60) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: recorder\r\nConnection: close\r\nAuthorization: Bearer "
            connection.sendall(head.encode() + b"\xff\xfe\r\n\r\n")
            assert connection.makefile("rb").readline().split()[1] == b"401"
