"""Days and hours of people's clocks, also when the clocks change."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.safe_community.documents import Span
from custom_components.safe_community.local_time import (
    DAY,
    HOUR,
    day_start,
    days_with,
    hour_title,
    hours_of,
    hours_with,
)

VILNIUS = ZoneInfo("Europe/Vilnius")
SPRING, AUTUMN, ORDINARY = date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 21)
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("Europe/Vilnius", "Europe/Riga", "Asia/Kolkata", "America/St_Johns", "Asia/Beirut")]
)
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2037, 12, 30))


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (ORDINARY, 24)])
def test_a_day_has_as_many_hours_as_the_clock_shows(day: date, hours: int) -> None:
    assert len(hours_of(day, VILNIUS)) == hours


def test_the_hour_that_the_clock_shows_twice_is_there_twice() -> None:
    titles = [hour_title(hour, VILNIUS) for hour in hours_of(AUTUMN, VILNIUS)]
    assert titles[2:6] == ["02:00–03:00", "03:00–04:00 (UTC+3)", "03:00–04:00 (UTC+2)", "04:00–05:00"]
    assert titles[-1] == "23:00–00:00"


def test_the_hour_that_the_clock_skips_is_not_there() -> None:
    titles = [hour_title(hour, VILNIUS) for hour in hours_of(SPRING, VILNIUS)]
    assert titles[2:4] == ["02:00–03:00", "04:00–05:00"]


@pytest.mark.parametrize("day", [SPRING, AUTUMN, ORDINARY])
def test_a_day_of_footage_fills_every_hour_of_it(day: date) -> None:
    whole = Span(start=day_start(day, VILNIUS), end=day_start(day + DAY, VILNIUS))
    assert days_with([whole], VILNIUS) == [day]
    assert hours_with([whole], day, VILNIUS) == hours_of(day, VILNIUS)


@given(day=DAYS, zone=ZONES)
def test_the_hours_of_a_day_fill_it_without_gap_or_overlap(day: date, zone: ZoneInfo) -> None:
    hours = hours_of(day, zone)
    assert hours[0].start == day_start(day, zone)
    assert hours[-1].end == day_start(day + DAY, zone)
    assert all(first.end == second.start for first, second in itertools.pairwise(hours))
    assert len({hour_title(hour, zone) for hour in hours}) == len(hours)


@given(
    start=st.integers(1_577_836_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    length=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=3)),
    zone=ZONES,
)
def test_footage_is_found_on_every_day_and_in_every_hour_that_it_touches(
    start: datetime, length: timedelta, zone: ZoneInfo
) -> None:
    footage = [Span(start=start, end=start + length)]
    days = days_with(footage, zone)
    assert days == sorted(days, reverse=True)
    hours = sorted((hour for day in days for hour in hours_with(footage, day, zone)), key=lambda hour: hour.start)
    assert hours[0].start <= start < hours[0].end
    assert hours[-1].start < start + length <= hours[-1].end
    assert all(first.end == second.start for first, second in itertools.pairwise(hours))
    assert all(hour.end - hour.start <= HOUR for hour in hours)
