"""Times as people write them, and the two hours a year in which their clocks lie."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.safe_community.documents import Span
from custom_components.safe_community.moments import BadRange, NoSuchTime, span_of

VILNIUS = ZoneInfo("Europe/Vilnius")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def span(start: str, end: str, ahead: timedelta = timedelta()) -> Span:
    return span_of(datetime.fromisoformat(start), datetime.fromisoformat(end), VILNIUS, now=NOW, ahead=ahead)


def test_a_time_without_an_offset_is_the_zone_s() -> None:
    assert span("2026-11-21 22:00", "2026-11-22 02:00") == Span(
        start=datetime(2026, 11, 21, 20, tzinfo=UTC), end=datetime(2026, 11, 22, tzinfo=UTC)
    )


def test_a_time_with_an_offset_is_what_it_says() -> None:
    assert span("2026-11-21T22:00+00:00", "2026-11-22 02:00+01:00") == Span(
        start=datetime(2026, 11, 21, 22, tzinfo=UTC), end=datetime(2026, 11, 22, 1, tzinfo=UTC)
    )


def test_the_doubled_hour_is_meant_whole() -> None:
    assert span("2026-10-25 03:15", "2026-10-25 03:30") == Span(
        start=datetime(2026, 10, 25, 0, 15, tzinfo=UTC), end=datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize("times", [("2026-03-29 03:30", "2026-03-29 05:00"), ("2026-03-29 01:00", "2026-03-29 03:30")])
def test_the_hour_that_never_was_is_refused(times: tuple[str, str]) -> None:
    with pytest.raises(NoSuchTime, match="2026-03-29 03:30"):
        span(*times)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(BadRange, match="reversed"):
        span("2026-11-21 22:00", "2026-11-21 22:00")


def test_the_future_is_refused_beyond_what_is_allowed() -> None:
    with pytest.raises(BadRange, match="future"):
        span("2026-11-23 13:00", "2026-11-23 15:00")
    assert span("2026-11-23 13:00", "2026-11-23 15:00", timedelta(hours=1)).end == NOW + timedelta(hours=1)


@given(
    st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2026-01-01")),
    st.timedeltas(timedelta(hours=2), timedelta(days=9)),
)
def test_a_range_is_never_shorter_than_by_the_clock(start: datetime, length: timedelta) -> None:
    try:
        found = span_of(start, start + length, VILNIUS, now=NOW, ahead=timedelta())
    except NoSuchTime:
        return
    assert found.end - found.start >= length - timedelta(hours=1)
    assert found.start.astimezone(VILNIUS).replace(tzinfo=None, fold=0) == start
