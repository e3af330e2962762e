"""HLS: playlists whose segments are byte ranges of recording files, and who may have which bytes."""

import io
import itertools
import math
from collections.abc import Sequence
from copy import replace
from datetime import timedelta
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.api.authorization import LIVE_LIFETIME_S, RECORDED_LIFETIME_S, Tickets
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.media.cmaf import RecordingFile
from safe_community_recorder.media.hls import LiveWindow, recorded_playlist
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.retimed import ORIGIN_US, regions, retimed
from safe_community_recorder.media.video import CodecName
from tests.recorder.footage import PICTURE_90K, groups_of, recorded
from tests.recorder.playlists import Listed, Playlist, read_playlist

S = utc.SECOND_US
T0 = 1_795_330_489_250_000


def read(data: bytes) -> RecordingFile:
    return read_recording(lambda at, count: data[at : at + count], len(data))


def file_of(start_us: int, seconds: int = 3, codec: CodecName = "h264", b_frames: int = 0) -> bytes:
    data, _ = recorded(groups_of(seconds * 10, b_frames, codec, start_us=start_us), closed=True)
    return data


def bytes_of(segment: Listed, content: dict[str, bytes]) -> bytes:
    return b"".join(content[part.file][part.start : part.end] for part in (segment.head, segment.bytes))


def pictures_of(data: bytes) -> int:
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        return sum(1 for _ in container.decode(video=0))


# --- what was recorded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_each_segment_of_a_playlist_plays_by_itself_and_all_pictures_are_in_one(
    codec: CodecName, b_frames: int
) -> None:
    content = {f"{number}.mp4": file_of(T0 + number * 3 * S, 3, codec, b_frames) for number in range(3)}
    files = [(uri, read(data)) for uri, data in content.items()]
    playlist = read_playlist(recorded_playlist(files, T0, None))
    assert playlist.is_complete
    assert playlist.tags["PLAYLIST-TYPE"] == "VOD"
    assert [pictures_of(bytes_of(segment, content)) for segment in playlist.segments] == [30, 30, 30]
    assert [segment.breaks for segment in playlist.segments] == [0, 0, 0]
    assert [segment.at for segment in playlist.segments] == [utc.from_us(T0 + number * 3 * S) for number in range(3)]


def test_a_long_file_is_cut_into_segments_of_some_seconds() -> None:
    content = {"file.mp4": file_of(T0, 30)}
    playlist = read_playlist(recorded_playlist([("file.mp4", read(content["file.mp4"]))], T0, "ticket"))
    segments = playlist.segments
    assert [segment.duration_s for segment in segments] == [6.0] * 5
    assert {segment.breaks for segment in segments} == {0}
    assert {segment.bytes.file for segment in segments} == {segment.head.file for segment in segments} == {"file.mp4"}
    assert segments[0].bytes.uri == f"file.mp4/{segments[0].head.end}-{segments[0].bytes.end}.mp4?auth=ticket"
    for former, later in itertools.pairwise(segments):
        assert former.bytes.end == later.bytes.start
        assert later.at - former.at == timedelta(seconds=6)


def test_playback_begins_at_the_asked_instant() -> None:
    files = [("1.mp4", read(file_of(T0, 20))), ("2.mp4", read(file_of(T0 + 3_600 * S, 20)))]

    def offset(start_us: int) -> str | None:
        return read_playlist(recorded_playlist(files, start_us, None)).tags.get("START")

    assert offset(T0) is None
    assert offset(T0 - 5 * S) is None
    assert offset(T0 + 13_400_000) == "TIME-OFFSET=13.400000,PRECISE=YES"
    # Holes take no time in a playlist: what begins in one begins behind it.
    assert offset(T0 + 1_800 * S) == "TIME-OFFSET=20.000000,PRECISE=YES"
    assert offset(T0 + 3_607 * S) == "TIME-OFFSET=27.000000,PRECISE=YES"


def test_a_hole_within_a_file_is_a_discontinuity_and_no_bytes_of_what_may_not_be_shown_are_listed() -> None:
    groups = groups_of(60, start_us=T0)
    late = [replace(group, start_us=group.start_us + 7 * S) for group in groups[3:]]
    data, _ = recorded([*groups[:3], *late])
    file = read(data)
    playlist = read_playlist(recorded_playlist([("file.mp4", file)], T0, None))
    assert [(segment.breaks, segment.duration_s) for segment in playlist.segments] == [(0, 3.0), (1, 3.0)]
    assert playlist.segments[1].at == utc.from_us(T0 + 10 * S)
    # Of the six fragments the third may not be shown.
    some = replace(file, fragments=tuple(f for n, f in enumerate(file.fragments) if n != 2))
    listed = read_playlist(recorded_playlist([("file.mp4", some)], T0, None)).segments
    hidden = file.fragments[2]
    assert all(one.bytes.end <= hidden.start or one.bytes.start >= hidden.end for one in listed)
    assert [segment.breaks for segment in listed] == [0, 1]


def test_another_format_is_a_discontinuity() -> None:
    other = recorded(groups_of(30, size=(96, 64), start_us=T0 + 3 * S))[0]
    files = [("1.mp4", read(file_of(T0))), ("2.mp4", read(other)), ("3.mp4", read(file_of(T0 + 6 * S)))]
    playlist = read_playlist(recorded_playlist(files, T0, None))
    assert [segment.breaks for segment in playlist.segments] == [0, 1, 2]


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("sound_after_us", [None, 5_000])
def test_files_are_on_one_timeline_with_the_times_and_the_sound_of_the_recording(
    codec: CodecName, b_frames: int, sound_after_us: int | None
) -> None:
    start_us = T0 + 7
    data, _ = recorded(groups_of(30, b_frames, codec, start_us=start_us, sound_after_us=sound_after_us), closed=True)
    file = read(data)
    served = as_served(file, data)
    assert len(served) == file.size
    seen = read(served)
    assert (seen.video, seen.audio, len(seen.fragments)) == (file.video, file.audio, 3)
    for fragment, former in zip(seen.fragments, file.fragments, strict=True):
        assert (fragment.utc_us, fragment.start, fragment.data, fragment.end) == (
            *(former.utc_us, former.start, former.data, former.end),
        )
        # Each picture is shown so long after the timeline's beginning as it was taken.
        decoded_90k = np.cumsum(fragment.durations, dtype=np.int64) - fragment.durations
        decoded_before_90k = np.cumsum(former.durations, dtype=np.int64) - former.durations
        shown_90k = fragment.base_90k + decoded_90k + fragment.offsets
        shown_before_90k = former.base_90k + decoded_before_90k + former.offsets - file.delay_90k
        assert (shown_90k - shown_before_90k == (start_us - ORIGIN_US) * 9 // 100).all()
        assert fragment.offsets[0] == 0
        assert shown_90k[0] == pytest.approx((fragment.utc_us - ORIGIN_US) * 9 / 100, abs=2)
        if former.audio is not None:
            assert fragment.audio is not None
            heard_s = Fraction(fragment.audio.base - former.audio.base, 16_000)
            assert abs(heard_s - Fraction(start_us - ORIGIN_US, S)) < Fraction(1, 30_000)
    with av.open(io.BytesIO(served), "r", format="mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


@given(st.integers(ORIGIN_US, ORIGIN_US + 2**29 * S))
@example(ORIGIN_US + 2**29 * S - 1)
def test_no_player_finds_a_first_picture_before_the_beginning(start_us: int) -> None:
    shown_90k = (start_us - ORIGIN_US) * 9 // 100
    # As hls.js and Chromium reckon: a picture in whole microseconds, the beginning in binary64 seconds.
    picture_us = shown_90k * 100 // 9
    assert picture_us + math.trunc(-(shown_90k / 90_000) * 1e6) >= 0


def as_served(file: RecordingFile, data: bytes) -> bytes:
    """All of a recording as HLS has it."""
    parts = regions(file, file.fragments, 0, file.size)
    assert parts is not None
    pieces = ((part, data[part.start : part.end]) for part in parts)
    return b"".join(retimed(file, part, piece) if part.has_times else piece for part, piece in pieces)


@given(st.data())
def test_the_bytes_of_any_range_are_a_piece_of_the_whole_if_all_of_them_may_be_shown(data: st.DataObject) -> None:
    content = recorded(groups_of(40, 2, start_us=T0))[0]
    file = read(content)
    shown = [f for f in file.fragments if data.draw(st.booleans())]
    start = data.draw(st.integers(0, file.size - 1))
    end = data.draw(st.integers(start + 1, file.size))
    parts = regions(file, shown, start, end)
    open_bytes = set(range(file.head_bytes)).union(*(range(f.start, f.end) for f in shown))
    assert (parts is not None) == open_bytes.issuperset(range(start, end))
    if parts is not None:
        assert parts[0].start <= start < parts[0].end
        assert parts[-1].start < end <= parts[-1].end
        assert all(former.end == later.start for former, later in itertools.pairwise(parts))


def test_without_footage_there_is_no_playlist() -> None:
    with pytest.raises(ValueError, match="no footage"):
        recorded_playlist([], T0, None)


# --- what is new ------------------------------------------------------------------------------------------------------


def growing(files: Sequence[tuple[str, RecordingFile]], upto: int) -> list[tuple[str, RecordingFile]]:
    """The files as they were when only so many fragments had been written."""
    found = []
    for uri, file in files:
        fragments, upto = file.fragments[:upto], max(0, upto - len(file.fragments))
        if fragments:
            found.append((uri, replace(file, fragments=fragments)))
    return found


def keyframes(count: int, start_us: int) -> RecordingFile:
    """A file of a camera that sends nothing else, ten a second."""
    (first,) = groups_of(10, start_us=start_us)
    only = replace(first, samples=first.samples[:1])
    return read(recorded([replace(only, start_us=start_us + n * 100_000) for n in range(count)])[0])


FILES = [(f"{number}.mp4", read(file_of(T0 + number * 7 * S, 5 + number))) for number in range(3)]


MIXED = [*FILES, ("3.mp4", keyframes(20, T0 + 21 * S))]


def test_a_live_playlist_has_the_newest_fragments_and_numbers_that_go_on() -> None:
    window = LiveWindow(1_000, 50)
    window.take(growing(FILES, 4), T0)
    playlist = read_playlist(window.playlist("ticket"))
    assert not playlist.is_complete
    assert "CAN-BLOCK-RELOAD=YES" in playlist.tags["SERVER-CONTROL"]
    assert [segment.number for segment in playlist.segments] == [1_000, 1_001, 1_002, 1_003]
    assert window.next_sequence == 1_004
    window.take(growing(FILES, 9), T0)
    newest = read_playlist(window.playlist("ticket")).segments
    assert newest[-1].number == 1_008
    assert (newest[-1].bytes.file, newest[-1].at) == ("1.mp4", utc.from_us(T0 + 10 * S))
    assert [segment.breaks for segment in newest] == [50, 50, 51, 51, 51, 51]


def test_pictures_that_are_all_keyframes_are_listed_half_a_second_together() -> None:
    file = keyframes(43, T0)
    window = LiveWindow(0, 0)
    told: dict[int, Listed] = {}
    for upto in range(1, 44):
        window.take(growing([("1.mp4", file)], upto), T0)
        segments = read_playlist(window.playlist(None)).segments
        assert len(segments) == min(upto // 5, 8)
        told.update((segment.number, segment) for segment in segments)
    assert {segment.duration_s for segment in told.values()} == {0.5}
    assert all(former.bytes.end == later.bytes.start for former, later in itertools.pairwise(told.values()))
    # What is left of a file when the next one begins is listed as it is.
    window.take([("1.mp4", file), ("2.mp4", keyframes(5, T0 + 4_300_000))], T0)
    *_, rest, newest = read_playlist(window.playlist(None)).segments
    assert [rest.duration_s, newest.duration_s] == pytest.approx([0.3, 0.5])
    assert newest.breaks == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 38), st.integers(0, 25)), max_size=12))
def test_a_number_once_told_never_means_another_segment(steps: list[tuple[int, int]]) -> None:
    window = LiveWindow(7, 3)
    told: dict[int, Listed] = {}
    highest = 0
    # Footage only grows, and what is too old only ever gets more.
    for upto, old_s in zip(*map(sorted, zip(*steps, strict=True)), strict=True) if steps else []:
        window.take(growing(MIXED, upto), T0 + old_s * S)
        playlist: Playlist = read_playlist(window.playlist(None))
        for segment in playlist.segments:
            assert told.setdefault(segment.number, segment) == segment
            assert segment.at + timedelta(seconds=segment.duration_s) >= utc.from_us(T0 + old_s * S)
        numbers = [segment.number for segment in playlist.segments]
        assert window.next_sequence >= highest
        assert not numbers or window.next_sequence == numbers[-1] + 1
        highest = window.next_sequence
    order = [told[number].at for number in sorted(told)]
    assert order == sorted(order)


def test_what_is_too_old_is_forgotten_and_footage_that_goes_back_is_taken_all_the_same() -> None:
    window = LiveWindow(0, 0)
    window.take(FILES[1:], T0)
    assert not window.is_empty
    window.forget(T0 + 1_000 * S)
    assert window.is_empty
    number = window.next_sequence
    # The clock was set back by hours, and what a wrong one had dated was set aside.
    early = [("early.mp4", read(file_of(T0 - 7_200 * S)))]
    window.take(early, T0 - 7_260 * S)
    first, *rest = read_playlist(window.playlist(None)).segments
    assert (first.number, len(rest)) == (number, 2)
    assert {segment.breaks for segment in (first, *rest)} == {2}


def test_a_group_that_lasts_longer_makes_the_target_longer_and_it_stays_so() -> None:
    long = groups_of(10, start_us=T0, durations_90k=(4 * PICTURE_90K,))
    window = LiveWindow(0, 0)
    window.take([("long.mp4", read(recorded(long)[0]))], T0)
    assert read_playlist(window.playlist(None)).target_s == 4
    window.take([("short.mp4", read(file_of(T0 + 10 * S, 12)))], T0 + 9 * S)
    playlist = read_playlist(window.playlist(None))
    assert playlist.target_s == 4
    # Three target durations must be in it (RFC 8216 §6.2.2).
    assert sum(segment.duration_s for segment in playlist.segments) >= 12


# --- tickets ----------------------------------------------------------------------------------------------------------


def test_a_ticket_is_of_a_camera_a_kind_and_a_range_until_it_expires() -> None:
    tickets = Tickets("token")
    live, told = tickets.issue("stop", 1_000)
    assert told.span is None
    assert tickets.read(live, "stop", 1_000 + LIVE_LIFETIME_S - 1) == told
    assert tickets.read(live, "stop", 1_000 + LIVE_LIFETIME_S) is None
    assert tickets.read(live, "school", 1_000) is None
    assert Tickets("another").read(live, "stop", 1_000) is None
    text, told = tickets.issue("stop", 1_000, Span(T0, T0 + 90 * S))
    assert tickets.read(text, "stop", 1_000 + RECORDED_LIFETIME_S + 89) == told
    assert tickets.read(text, "stop", 1_000 + RECORDED_LIFETIME_S + 90) is None
    assert told.span == Span(T0, T0 + 90 * S)


@given(st.data())
def test_whoever_changes_a_ticket_has_none(data: st.DataObject) -> None:
    tickets = Tickets("token")
    span = data.draw(st.sampled_from([None, Span(T0, T0 + S)]))
    text, _ = tickets.issue("stop", 1_000, span)
    place = data.draw(st.integers(0, len(text)))
    sign = data.draw(st.sampled_from("0123456789abcdef.-/ \n٣"))
    changed = data.draw(st.sampled_from([text[:place] + sign + text[place + 1 :], text[:place] + sign + text[place:]]))
    if changed != text:
        assert tickets.read(changed, "stop", 1_000) is None
    assert tickets.read(data.draw(st.text(max_size=120)), "stop", 1_000) is None
