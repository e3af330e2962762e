"""Which footage goes and which stays, and days of 23, 24 and 25 hours: pure rules."""

import errno
import itertools
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.index import RecordingRow
from safe_community_recorder.archive.retention import (
    DAY_US,
    Storage,
    allowed_bytes,
    days_until_full,
    decide,
    served,
    served_from_us,
)
from safe_community_recorder.archive.timeline import Lock, Span, day_of, local_days
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.clock import HostClock
from tests.recorder.archives import Folder, S, group, now_us, record

NOW_US = 1_795_330_489_000_000
HOUR = 3_600 * S
VILNIUS, RIGA = ZoneInfo("Europe/Vilnius"), ZoneInfo("Europe/Riga")


def row(name: str, age_days: float, size: int = 100, *, complete: bool = True) -> RecordingRow:
    end_us = NOW_US - round(age_days * DAY_US)
    return RecordingRow(name, name.partition("/")[0], end_us - 300 * S, end_us, size, complete)


def lock(of: RecordingRow, *, expires_us: int = NOW_US + DAY_US, released_us: int | None = None) -> Lock:
    return Lock(of.path, of.camera_id, of.start_us, of.end_us, "Aldona", "17", 0, expires_us, released_us)


def _touch(file: RecordingRow, keeps: Lock) -> bool:
    return file.camera_id == keeps.camera_id and file.start_us < keeps.end_us and file.end_us > keeps.start_us


# --- what goes --------------------------------------------------------------------------------------------------------


def test_footage_past_its_days_goes_and_nothing_else() -> None:
    past = [row("a/1", 14.001), row("b/1", 14.001)]
    decision = decide(past, iter([]), [], NOW_US, 400, 10_000)
    assert [each.path for each in decision.expired] == ["a/1", "b/1"]
    assert decision.pressed == []


def test_over_quota_the_oldest_goes_first_but_never_what_is_being_written() -> None:
    rows = [row("a/0", 3, 500, complete=False), row("a/1", 3), row("b/1", 2), row("a/2", 1)]

    def pressed(allowed: int) -> list[str]:
        return [each.path for each in decide([], rows, [], NOW_US, 800, allowed).pressed]

    assert pressed(650) == ["a/1", "b/1"]
    assert pressed(100) == ["a/1", "b/1", "a/2"]
    assert pressed(800) == []


def test_when_space_is_short_some_more_is_made_free_so_that_it_lasts_a_while() -> None:
    rows = [row(f"a/{n}", 10 - n) for n in range(5)]
    assert len(decide([], rows, [], NOW_US, 500, 450, margin_bytes=150).pressed) == 2
    assert decide([], rows, [], NOW_US, 500, 500, margin_bytes=150).pressed == []
    decision = decide([], rows, [], NOW_US, 500, 0, margin_bytes=150)
    assert (len(decision.pressed), decision.short_bytes) == (5, 0)


def test_only_so_much_of_the_archive_is_looked_at_as_space_is_wanted() -> None:
    looked_at: list[str] = []

    def oldest_first() -> itertools.chain[RecordingRow]:
        def noted(each: RecordingRow) -> RecordingRow:
            looked_at.append(each.path)
            return each

        return itertools.chain(map(noted, (row(f"a/{n}", 10) for n in range(1_000))))

    decide([], oldest_first(), [], NOW_US, 100_000, 99_750)
    assert len(looked_at) == 3
    decide([], oldest_first(), [], NOW_US, 100_000, 100_000)
    assert len(looked_at) == 3


def test_locked_footage_stays_past_its_days_and_under_pressure_until_the_lock_ends() -> None:
    old = row("a/1", 20)
    for keeps, kept in (
        (lock(old), True),
        (lock(old, expires_us=NOW_US), False),
        (lock(old, released_us=NOW_US - 1), False),
    ):
        assert (decide([old], [old], [keeps], NOW_US, 100, 0).expired == []) is kept
        assert (decide([], [old], [keeps], NOW_US, 100, 0).pressed == []) is kept
    assert decide([], [old], [lock(old)], NOW_US, 100, 30).short_bytes == 70


rows = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30), st.integers(0, 500), st.booleans()), max_size=30)


@given(rows, st.sets(st.integers(0, 29)), st.integers(0, 8_000))
def test_nothing_goes_that_need_not_and_everything_goes_that_must(
    past: list[tuple[str, float, int, bool]], locked: set[int], allowed: int
) -> None:
    files = [row(f"{camera}/{n}", age, size, complete=done) for n, (camera, age, size, done) in enumerate(past)]
    files.sort(key=lambda each: each.start_us)
    locks = [lock(each) for n, each in enumerate(files) if n in locked]
    expired = [each for each in files if each.end_us <= served_from_us(NOW_US, 14)]
    used = sum(each.size_bytes for each in files)
    decision = decide(expired, files, locks, NOW_US, used, allowed)
    held = {each.path for each in files if any(_touch(each, one) for one in locks)}
    gone = [*decision.expired, *decision.pressed]
    assert not held & {each.path for each in gone}
    assert all(each.complete for each in gone)
    assert {each.path for each in expired if each.complete} - held == {each.path for each in decision.expired}
    left = used - sum(each.size_bytes for each in gone)
    assert left <= allowed + decision.short_bytes
    if decision.pressed:
        # One file less would not have been enough.
        assert left + decision.pressed[-1].size_bytes > allowed
        youngest = max(each.start_us for each in decision.pressed)
        stayed = {each.path for each in files} - {each.path for each in gone}
        assert all(
            each.path in held or not each.complete or each.start_us >= youngest for each in files if each.path in stayed
        )


def test_the_disk_keeps_its_reserve_whatever_the_quota_says() -> None:
    def allowed(used: int, free: int, **rules: int) -> int:
        return allowed_bytes(used, free, 1_000, Storage(**rules))

    assert allowed(600, 300) == 850
    assert allowed(600, 300, quota_bytes=700) == 700
    assert allowed(600, 10, quota_bytes=700) == 560
    assert allowed(10, 0, quota_bytes=700) == 0
    assert allowed(600, 300, reserve_bytes=200) == 700


def test_the_forecast_says_when_space_will_be_short_and_whether() -> None:
    assert days_until_full(used_bytes=400, allowed=1_000, bytes_per_day=100, wanted_bytes=1_400) == 6
    assert days_until_full(used_bytes=400, allowed=1_000, bytes_per_day=100, wanted_bytes=1_000) is None
    assert days_until_full(used_bytes=1_100, allowed=1_000, bytes_per_day=100, wanted_bytes=1_400) == 0
    assert days_until_full(used_bytes=0, allowed=0, bytes_per_day=0, wanted_bytes=0) is None


spans = st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)).map(lambda pair: Span(min(pair), max(pair)))


@given(spans, st.integers(0, 1_200), st.lists(spans, max_size=6))
def test_what_may_be_shown_is_what_is_young_or_locked_and_nothing_else(
    within: Span, from_us: int, locked: list[Span]
) -> None:
    shown = served(within, from_us, locked)
    for one, two in itertools.pairwise(shown):
        assert one.end_us < two.start_us
    for moment in range(0, 1_001, 7):
        inside = within.start_us <= moment < within.end_us
        may = inside and (moment >= from_us or any(span.start_us <= moment < span.end_us for span in locked))
        assert any(span.start_us <= moment < span.end_us for span in shown) is may


async def test_what_goes_is_in_the_audit_log_before_it_goes_and_what_could_not_go_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)
    archive = folder.open(days=1)
    await archive.start()
    for days in (4, 3, 2):
        await record(archive, "stop", [group(now_us() - days * DAY_US)])
    seen: list[tuple[str, int]] = []

    def told() -> list[tuple[str, int]]:
        found = every(tmp_path, Wanted(event="footage_deleted"))
        return [(one.content["outcome"], one.content["files"]) for one in found]

    remove = archive.root.remove

    def fail_at_the_second(path: str) -> None:
        seen[:] = told()
        if len(folder.files) < 3:
            raise OSError(errno.EIO, "Input/output error")
        remove(path)

    with monkeypatch.context() as broken:
        broken.setattr(archive.root, "remove", fail_at_the_second)
        with pytest.raises(OSError, match="Input/output error"):
            await archive.delete_expired()
    assert seen == [("done", 3)]
    assert told() == [("done", 3), ("failed", 2)]
    assert len((await archive.delete_expired()).decision.expired) == 2
    assert told() == [("done", 3), ("failed", 2), ("done", 2)]
    assert folder.files == []
    await archive.stop()


class Leaping(HostClock):
    """A host's clock that somebody sets."""

    by_us = 0

    @property
    def offset_us(self) -> int:
        return super().offset_us + self.by_us


async def test_when_the_clock_leaps_ahead_no_lock_has_expired_and_nothing_is_past_its_days(tmp_path: Path) -> None:
    folder, host = Folder(tmp_path), Leaping()
    archive = Archive(folder.archive, folder.path, Storage(quota_bytes=1), lambda _camera_id: 14, host=host)
    await archive.start()
    start = now_us() - DAY_US
    await record(archive, "stop", [group(start)])
    await record(archive, "school", [group(start)])
    await archive.put_lock(Lock("1", "stop", start, start + S, "Aldona", "17", start, start + 90 * DAY_US))
    host.by_us = 10 * 365 * DAY_US
    decision = (await archive.delete_expired()).decision
    assert decision.expired == []
    assert [row.camera_id for row in decision.pressed] == ["school"]
    assert len(folder.files) == 1
    await archive.stop()


# --- local days -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [VILNIUS, RIGA], ids=str)
def test_days_of_23_and_25_hours_have_them(zone: ZoneInfo) -> None:
    days = local_days(date(2026, 3, 28), date(2026, 3, 30), zone)
    assert [(frame.end_us - frame.start_us) // HOUR for _, frame in days] == [24, 23, 24]
    days = local_days(date(2026, 10, 24), date(2026, 10, 26), zone)
    assert [(frame.end_us - frame.start_us) // HOUR for _, frame in days] == [24, 25, 24]
    assert utc.to_text(days[1][1].start_us) == "2026-10-24T21:00:00.000000Z"
    assert utc.to_text(days[1][1].end_us) == "2026-10-25T22:00:00.000000Z"


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 40), st.sampled_from([VILNIUS, RIGA]))
def test_days_follow_each_other_without_a_hole(first: date, count: int, zone: ZoneInfo) -> None:
    days = local_days(first, first + timedelta(days=count), zone)
    assert [day for day, _ in days] == [first + timedelta(days=n) for n in range(count + 1)]
    for (_, one), (_, two) in itertools.pairwise(days):
        assert one.end_us == two.start_us
        assert one.end_us - one.start_us in {23 * HOUR, 24 * HOUR, 25 * HOUR}


def test_a_day_is_measured_by_what_has_passed_of_it() -> None:
    frame = Span(0, 24 * HOUR)
    half = day_of(date(1970, 1, 1), frame, [Span(0, 6 * HOUR)], [(Span(-HOUR, HOUR), 100)], 12 * HOUR)
    assert (half.recorded_percent, half.size_bytes) == (50, 50)
    assert day_of(date(1970, 1, 1), frame, [], [], -5).recorded_percent is None
    over = day_of(date(1970, 1, 1), frame, [frame], [], 24 * HOUR - 1)
    assert over.recorded_percent == 100


@pytest.mark.parametrize("zone", [VILNIUS, RIGA], ids=str)
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)], ids=str)
async def test_a_day_with_a_change_of_the_clocks_goes_through_writer_index_and_archive_whole(
    tmp_path: Path, zone: ZoneInfo, day: date, hours: int
) -> None:
    folder = Folder(tmp_path)
    archive = folder.open(days=400, storage=Storage(memory_s=1_000))
    await archive.start()
    ((_, frame),) = local_days(day, day, zone)
    # A second of footage every ten minutes, from ten minutes before the day to ten minutes after it.
    starts = range(frame.start_us - 600 * S, frame.end_us + 600 * S, 600 * S)
    await record(archive, "stop", [group(start) for start in starts])
    (found,) = await archive.days("stop", day, day, zone)
    assert (found.start_us, found.end_us) == (frame.start_us, frame.end_us)
    assert found.recorded_us == hours * 6 * S
    assert found.recorded_percent == pytest.approx(100 / 600)
    assert found.gaps == hours * 6
    recorded, _ = await archive.timeline("stop", frame)
    assert [span.start_us for span in recorded] == list(range(frame.start_us, frame.end_us, 600 * S))
    around = await archive.days("stop", day - timedelta(days=1), day + timedelta(days=1), zone)
    assert [each.recorded_us // S for each in around] == [1, hours * 6, 1]
    names = [path.name for path in folder.files]
    assert names == sorted(names)
    assert len(set(names)) == len(starts)
    assert await archive.stop()
