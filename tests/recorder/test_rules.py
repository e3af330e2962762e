"""The pure rules: groups and clocks, timelines, retention, the camera file, logs, ranges, motion."""

import itertools
import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.api.clip_response import byte_range
from safe_community_recorder.archive.layout import relative_path, same_file
from safe_community_recorder.archive.timeline import Gap, Span, spans
from safe_community_recorder.cause import Cause
from safe_community_recorder.logs import JsonFormatter, redact

NOW_US = 1_795_330_489_000_000
S = utc.SECOND_US


# --- timelines ------------------------------------------------------------------------------------------


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
