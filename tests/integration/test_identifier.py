"""Identifiers of recordings survive the way through a browser, and nothing else is taken for one."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.safe_community.identifier import RecordingId, parse_path_time, path_time

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
DAYS = st.dates(min_value=date(1000, 1, 1))
TIMES = st.integers(-30_000_000_000, 250_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
RECORDINGS = st.one_of(
    st.builds(RecordingId, IDS),
    st.builds(RecordingId, IDS, IDS),
    st.builds(RecordingId, IDS, IDS, IDS),
    st.builds(RecordingId, IDS, IDS, IDS, DAYS),
    st.builds(RecordingId, IDS, IDS, IDS, DAYS, TIMES),
)


@given(RECORDINGS)
def test_every_identifier_is_read_back_as_it_was_written(recording: RecordingId) -> None:
    assert RecordingId.parse(str(recording)) == recording


@given(st.text())
def test_any_text_is_an_identifier_or_a_value_error(text: str) -> None:
    try:
        recording = RecordingId.parse(text)
    except ValueError:
        return
    assert str(recording) == text


@given(TIMES, st.integers(0, 999_999))
def test_every_time_is_read_back_as_it_was_written(time: datetime, microsecond: int) -> None:
    exact = time.replace(microsecond=microsecond)
    assert parse_path_time(path_time(exact)) == exact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261121T2200Z",
        "20261121T220000",
        "2026-11-21T22:00:00Z",
        "20261121T250000Z",
        "20261121T220000.000000Z",
        "20261121T220000.5Z",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_path_time(text)


def test_a_level_without_the_one_above_is_refused() -> None:
    with pytest.raises(ValueError, match="every level above"):
        RecordingId("entry", None, "camera")


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        path_time(datetime(2026, 11, 21))  # noqa: DTZ001  # the point of it
