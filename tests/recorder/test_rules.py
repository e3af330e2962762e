"""The pure rules: groups and clocks, timelines, retention, the camera file, logs, ranges, tickets, motion."""

import itertools
import json
import logging
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.api.authorization import TICKET_LIFETIME_S, Tickets
from safe_community_recorder.api.clip_response import byte_range
from safe_community_recorder.archive.index import RecordingRow
from safe_community_recorder.archive.layout import relative_path, same_file
from safe_community_recorder.archive.retention import DAY_US, allowed_bytes, to_delete
from safe_community_recorder.archive.timeline import Gap, Span, spans
from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.gop import CameraClock, GroupBuilder
from safe_community_recorder.logs import JsonFormatter, redact
from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.media.video import AccessUnit
from safe_community_recorder.vision.motion import MotionDetector
from tests.recorder.footage import encode

NOW_US = 1_795_330_489_000_000
S = utc.SECOND_US


# --- groups of pictures and their time --------------------------------------------------------------------------------


def unit(dts_90k: int, arrival_us: int, *, is_key: bool = False) -> AccessUnit:
    return AccessUnit((b"\x65data",), dts_90k, dts_90k, is_key, arrival_us, encode().video)


def groups(units: list[AccessUnit], not_before_us: int = 0) -> list[Group]:
    delivered: list[Group] = []
    builder = GroupBuilder(CameraClock(not_before_us), delivered.append)
    for each in units:
        builder.push(each)
    builder.flush()
    return delivered


def test_a_group_begins_with_a_keyframe_and_lasts_to_the_next() -> None:
    early, first, second = (unit(n * 9_000, NOW_US + (n - 10) * S // 10, is_key=n == 10) for n in (9, 10, 11))
    (group,) = groups([early, first, second])
    assert group.start_us == NOW_US
    assert [sample.duration_90k for sample in group.samples] == [9_000, 9_000]


arrivals = st.lists(
    st.tuples(st.integers(-(2**40), 2**40), st.integers(-10_000 * S, 10_000 * S), st.booleans()), max_size=40
)


@given(arrivals, st.integers(0, NOW_US + 100 * S))
def test_footage_never_overlaps_or_goes_back_whatever_the_clocks_do(
    events: list[tuple[int, int, bool]], not_before_us: int
) -> None:
    units = [unit(dts, NOW_US + jump, is_key=key) for dts, jump, key in events]
    end_us = not_before_us
    count = 0
    for group in groups(units, not_before_us):
        assert group.start_us >= end_us
        assert group.end_us >= group.start_us
        end_us = group.end_us
        count += len(group.samples)
    behind_first_key = next((len(units) - n for n, each in enumerate(units) if each.is_key), 0)
    assert count == behind_first_key


def test_a_steady_camera_keeps_its_own_clock_through_late_packets() -> None:
    # The network stalls for nine seconds, and then everything comes at once.
    delays = [0, 300_000, 50_000, 700_000, 0, *(n * S for n in range(9, 0, -1)), 0, 0]
    units = [unit(n * 90_000, NOW_US + n * S + delay, is_key=True) for n, delay in enumerate(delays)]
    assert [group.start_us for group in groups(units)] == [NOW_US + n * S for n in range(len(delays))]


def test_pictures_that_waited_while_the_stream_was_probed_do_not_set_the_clock() -> None:
    delays = [600_000, 500_000, 400_000, *[0] * 20]
    units = [unit(n * 9_000, NOW_US + n * S // 10 + delay, is_key=n % 10 == 0) for n, delay in enumerate(delays)]
    assert [group.start_us for group in groups(units)] == [NOW_US, NOW_US + S, NOW_US + 2 * S]


def test_a_connection_counts_from_its_own_zero() -> None:
    delivered: list[Group] = []
    builder = GroupBuilder(CameraClock(), delivered.append)
    # The second connection's zero looks as if the first had only stalled.
    for connected_us, zero_90k in ((NOW_US, 0), (NOW_US + 12 * S, 270_000)):
        for n in range(3):
            builder.push(unit(zero_90k + n * 90_000, connected_us + n * S, is_key=True))
        builder.flush()
    starts = [group.start_us - NOW_US for group in delivered]
    assert starts == [0, S, 2 * S, 12 * S, 13 * S, 14 * S]


def test_a_camera_clock_that_goes_slow_is_set_anew_after_a_while() -> None:
    units = [unit(n * 90_000, NOW_US + n * S + n * 200_000, is_key=True) for n in range(60)]
    lateness = [NOW_US + n * 1_200_000 - group.start_us for n, group in enumerate(groups(units))]
    assert all(0 <= late <= 5 * S for late in lateness)
    assert 0 in lateness[10:]


def test_a_camera_clock_that_jumps_is_set_anew() -> None:
    units = [unit(0, NOW_US, is_key=True), unit(50_000_000, NOW_US + 2 * S, is_key=True)]
    assert [group.start_us for group in groups(units)] == [NOW_US, NOW_US + 2 * S]


# --- timelines and retention ------------------------------------------------------------------------------------------


def test_neighbours_are_one_span_and_gaps_are_cut_out() -> None:
    recordings = [Span(0, 300 * S), Span(301 * S, 600 * S), Span(900 * S, 1200 * S)]
    gaps = [Gap(100 * S, 110 * S, Cause.PACKETS_LOST), Gap(600 * S, 900 * S, Cause.CAMERA_UNREACHABLE)]
    assert spans(recordings, gaps, Span(50 * S, 1000 * S)) == [
        Span(50 * S, 100 * S),
        Span(110 * S, 600 * S),
        Span(900 * S, 1000 * S),
    ]


moments = st.integers(0, 3_000 * S)
ranges = st.tuples(moments, moments).map(lambda pair: Span(min(pair), max(pair)))


@given(st.lists(ranges, max_size=8), st.lists(ranges, max_size=5), ranges)
def test_spans_lie_in_order_within_the_range_and_outside_gaps(
    recordings: list[Span], gaps: list[Span], within: Span
) -> None:
    missing = [Gap(gap.start_us, gap.end_us, Cause.DISK) for gap in gaps]
    result = spans(sorted(recordings, key=lambda s: s.start_us), missing, within)
    for one, two in itertools.pairwise(result):
        assert one.end_us <= two.start_us
    for span in result:
        assert within.start_us <= span.start_us < span.end_us <= within.end_us
        assert not any(
            gap.start_us < span.end_us and span.start_us < gap.end_us for gap in gaps if gap.start_us < gap.end_us
        )


def row(name: str, age_days: float, size: int = 100, *, complete: bool = True) -> RecordingRow:
    end_us = NOW_US - round(age_days * DAY_US)
    return RecordingRow(name, name.partition("/")[0], end_us - 300 * S, end_us, size, complete)


def test_footage_past_its_days_goes_and_nothing_else() -> None:
    rows = [row("a/1", 14.001), row("b/1", 14.001), row("a/2", 13.999), row("a/3", 0, complete=False)]
    doomed = to_delete(rows, NOW_US, {"a": 14, "b": 30}.__getitem__, 10_000)
    assert [each.path for each in doomed] == ["a/1"]


def test_over_quota_the_oldest_goes_first_but_never_what_is_being_written() -> None:
    rows = [row("a/0", 3, 500, complete=False), row("a/1", 3), row("b/1", 2), row("a/2", 1)]
    assert [each.path for each in to_delete(rows, NOW_US, lambda _: 14, 650)] == ["a/1", "b/1"]
    assert [each.path for each in to_delete(rows, NOW_US, lambda _: 14, 100)] == ["a/1", "b/1", "a/2"]
    assert to_delete(rows, NOW_US, lambda _: 14, 800) == []


def test_the_disk_keeps_its_reserve_whatever_the_quota_says() -> None:
    assert allowed_bytes(used_bytes=600, free_bytes=300, disk_bytes=1_000, quota_bytes=None) == 850
    assert allowed_bytes(used_bytes=600, free_bytes=300, disk_bytes=1_000, quota_bytes=700) == 700
    assert allowed_bytes(used_bytes=600, free_bytes=10, disk_bytes=1_000, quota_bytes=700) == 560
    assert allowed_bytes(used_bytes=10, free_bytes=0, disk_bytes=1_000, quota_bytes=700) == 0


def test_files_are_cut_at_whole_five_minutes() -> None:
    five = 300 * S
    assert same_file(five, 2 * five - 1)
    assert not same_file(five, 2 * five)
    assert (
        relative_path("stop", utc.parse("2026-11-22T06:54:49.123456Z")) == "stop/2026/11/22/20261122T065449.123456Z.mp4"
    )


# --- times ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000_000 * S))
def test_times_survive_their_text(moment_us: int) -> None:
    assert utc.parse(utc.to_text(moment_us)) == moment_us


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        utc.to_us(datetime(2026, 11, 22, 6))  # noqa: DTZ001
    for text in ("2026-11-22T06:54:49", "2026-W47-7", "2026-11-22T06:54:49Z\0"):
        with pytest.raises(ValueError, match="RFC 3339"):
            utc.parse(text)
    assert utc.to_us(datetime(2026, 11, 22, 6, tzinfo=UTC)) == utc.parse("2026-11-22T08:00:00+02:00")


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://user:hunter2@192.0.2.1/main failed",
        "rtsp://user:hunt@hunter2@192.0.2.1/main",
        "http://hunter2@cam/",
        "GET /live.ts?auth=hunter2&x=1",
        "Authorization: Bearer hunter2",
        "password=hunter2, then",
        '{"token": "hunter2"}',
    ],
)
def test_no_secret_reaches_the_log(text: str) -> None:
    record = logging.makeLogRecord({"msg": "trouble with %s", "args": (text,), "camera": text, "levelname": "INFO"})
    line = JsonFormatter().format(record)
    assert "hunter2" not in line
    assert json.loads(line)["level"] == "info"


def test_ordinary_text_stays() -> None:
    assert redact("camera stop at rtsp://192.0.2.1/main is back") == "camera stop at rtsp://192.0.2.1/main is back"


# --- HTTP ranges and tickets ------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_a_byte_range_is_the_slice_of_the_whole(data: bytes, first: int, last: int) -> None:
    if first < len(data) and first <= last:
        start, end = byte_range(f"bytes={first}-{last}", len(data)) or (0, 0)
        assert data[start:end] == data[first : last + 1]
    elif first > last:
        assert byte_range(f"bytes={first}-{last}", len(data)) is None
    else:
        with pytest.raises(ValueError, match=r"^$"):
            byte_range(f"bytes={first}-{last}", len(data))


def test_open_ranges_suffixes_and_what_is_ignored() -> None:
    assert byte_range("bytes=10-", 100) == (10, 100)
    assert byte_range("bytes=-10", 100) == (90, 100)
    assert byte_range("bytes=-1000", 100) == (0, 100)
    for ignored in ("bytes=0-1,5-9", "lines=1-2", "bytes=-", "bytes=a-b", ""):
        assert byte_range(ignored, 100) is None
    for beyond in ("bytes=-0", "bytes=100-"):
        with pytest.raises(ValueError, match=r"^$"):
            byte_range(beyond, 100)


def test_a_ticket_opens_one_camera_until_it_expires() -> None:
    tickets = Tickets("token")
    ticket, expires = tickets.issue("stop", 1_000)
    assert expires == 1_000 + TICKET_LIFETIME_S
    assert tickets.valid(ticket, "stop", expires - 1)
    assert not tickets.valid(ticket, "stop", expires)
    assert not tickets.valid(ticket, "school", 1_000)
    assert not Tickets("another").valid(ticket, "stop", 1_000)
    for forged in ("", ".", ticket.replace(".", "9.", 1), ticket[:-1], "²." + ticket, "1" * 5000 + ".x"):
        assert not tickets.valid(forged, "stop", 1_000)


# --- motion -----------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)


def scene(
    brightness: int = 90, *, at: int | None = None, flicker: int | None = None
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """A noisy picture, with a dark thing at a column, and a clock that shows another digit every time."""
    picture = RNG.normal(brightness, 3, (96, 160))
    picture[:, ::10] += 30
    if at is not None:
        picture[40:72, at : at + 24] = 20
    if flicker is not None:
        picture[:16, :16] = 20 + (flicker * 97) % 200
    return np.clip(picture, 0, 255).astype(np.uint8)


def watched(frames: list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]) -> list[bool]:
    detector = MotionDetector()
    return [detector.observe(frame, at_s) for at_s, frame in enumerate(frames)]


def test_noise_and_a_running_clock_are_not_motion() -> None:
    assert not any(watched([scene(flicker=n) for n in range(200)]))


def test_something_that_crosses_the_picture_is_motion_and_it_ends() -> None:
    seen = watched([scene(flicker=n, at=(n - 40) * 20 if 40 <= n < 46 else None) for n in range(80)])
    assert not any(seen[:41])
    assert seen[41]
    assert not any(seen[60:])


def test_an_infrared_switch_is_not_motion() -> None:
    assert not any(watched([scene(90 if n < 40 else 160) for n in range(80)]))
