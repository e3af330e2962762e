"""Observations beside the footage: kept, found page by page, gone with their days."""

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import maintenance
from safe_community_recorder.archive.activity import ActivitySecond
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.index import Index, open_index
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.sightings import Found, ObservationId, Sought
from safe_community_recorder.archive.timeline import Observation, Span
from safe_community_recorder.audit.reading import Wanted, every
from tests.recorder.archives import ALWAYS, DAY, Folder, Open, S, file_start_us, filmed, group, now_us, record, until
from tests.recorder.test_archive_retention import lock

HOUR = 3_600 * S


def motion(start_us: int, lasts_s: float = 5, zone: str | None = None) -> Observation:
    return Observation(start_us, start_us + round(lasts_s * S), "motion", 0.5, zone)


async def noted(archive: Archive, camera_id: str, *seen: Observation) -> None:
    """Has them written beside a camera's footage."""
    camera = await archive.camera(camera_id, lambda: None)
    for one in seen:
        camera.note(one)
    await camera.finish()


async def begun(folder: Folder, days: float = 14) -> Archive:
    """An archive that the test stops by itself."""
    archive = folder.open(days)
    await archive.start()
    return archive


async def found(archive: Archive, sought: Sought | None = None, limit: int = 1_000) -> list[Found]:
    page, following = await archive.seen.observations(sought or Sought(ALWAYS), limit)
    assert following is None
    return page


# --- kept -------------------------------------------------------------------------------------------------------------


async def test_what_is_told_later_replaces_what_was_told_of_the_same(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    begun = replace(motion(now_us() - 60 * S, 1, "door"), lasting=True)
    ended = replace(begun, end_us=begun.end_us + 9 * S, score=0.75, lasting=False)
    elsewhere = replace(begun, zone="yard", lasting=False)
    await noted(archive, "stop", begun, elsewhere, ended)
    assert await found(archive) == [("stop", ended), ("stop", elsewhere)]
    (path,) = folder.archive.rglob("observations.jsonl")
    assert len(path.read_text().split()) > 3
    assert maintenance.rebuild(folder.path / "anew", folder.archive) == 0


async def test_what_goes_on_is_lasting_and_after_a_crash_its_last_state_stands(
    open_archive: Open, folder: Folder
) -> None:
    archive = await open_archive()
    begun = replace(motion(now_us() - 60 * S), lasting=True)
    async with filmed(archive) as camera:
        camera.note(begun)

        async def is_written() -> bool:
            return await found(archive) == [("stop", begun)]

        await until(is_written)
        assert await found(await open_archive()) == [("stop", replace(begun, lasting=False))]


async def test_observations_come_back_whole_when_the_index_is_made_anew(open_archive: Open, folder: Folder) -> None:
    archive = await begun(folder)
    start = now_us() - 60 * S
    await record(archive, "stop", [group(start)])
    pictured = replace(motion(start, 3, "door"), still_us=start + S // 2)
    await noted(archive, "stop", pictured, motion(start, 3, "yard"), motion(start, 3), motion(start - DAY))
    kept = await found(archive)
    assert await archive.stop()
    folder.index.unlink()
    assert await found(await open_archive()) == kept
    assert maintenance.check(folder.path, folder.archive) == 0


async def test_what_the_index_did_not_hear_of_an_observation_the_file_tells(folder: Folder) -> None:
    archive = await begun(folder)
    seen = motion(now_us() - 60 * S, 30)
    await noted(archive, "stop", seen)
    assert await archive.stop()
    with sqlite3.connect(folder.index) as database:
        database.execute("UPDATE observation SET end_us = start_us + 1, score = 0.1")
    database.close()
    again = await begun(folder)
    assert await found(again) == [("stop", seen)]
    assert await again.stop()
    assert maintenance.check(folder.path, folder.archive) == 0


async def test_observations_of_former_versions_among_the_notes_are_taken_in(open_archive: Open, folder: Folder) -> None:
    start = (now_us() - 60 * S) // S * S
    seen = motion(start)
    archive = await begun(folder)
    await noted(archive, "stop", seen)
    assert await archive.stop()
    (path,) = folder.archive.rglob("observations.jsonl")
    told = json.loads(path.read_text())
    former = {key: told[key] for key in ("observation", "start", "end")}
    path.with_name("notes.jsonl").write_text(json.dumps(former) + "\n")
    path.unlink()
    folder.index.unlink()
    assert await found(await open_archive()) == [("stop", replace(seen, score=1.0))]


def test_the_index_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    open_index(path)[0].close()
    with sqlite3.connect(path) as database:
        database.executescript("""
            DROP TABLE observation;
            CREATE TABLE observation (id INTEGER NOT NULL PRIMARY KEY, camera_id VARCHAR NOT NULL,
              start_us BIGINT NOT NULL, end_us BIGINT NOT NULL, kind VARCHAR NOT NULL);
            CREATE INDEX observation_by_time ON observation (camera_id, start_us);
            INSERT INTO observation VALUES (1, 'stop', 10, 20, 'motion'), (2, 'stop', 10, 25, 'motion');
            UPDATE alembic_version SET version_num = '2';
        """)
    database.close()
    index, empty = open_index(path)
    assert not empty
    assert index.sightings.of("stop", 0, 99) == [Observation(10, 25, "motion", 1.0)]
    index.close()


async def test_a_still_is_told_as_long_as_its_picture_is_recorded(open_archive: Open, folder: Folder) -> None:
    archive = await begun(folder)
    start = file_start_us(600 * S)
    pictured = replace(motion(start), still_us=start + S // 2)
    missed = replace(motion(start + 300 * S), still_us=start + 301 * S)
    async with filmed(archive) as camera:
        for number in range(2):
            camera.put(group(start + number * S))
            await camera.written.wait()
        camera.note(replace(pictured, still_us=start + 3 * S // 2))
        camera.note(missed)

        async def are_written() -> bool:
            return len(await found(archive)) == 2

        await until(are_written)
        # Of the file that is being written the database knows the beginning only.
        assert [seen.still_us for _, seen in await found(archive)] == [start + 3 * S // 2, None]
        camera.note(pictured)
    assert await found(archive) == [("stop", pictured), ("stop", replace(missed, still_us=None))]
    assert await archive.stop()
    for path in folder.files:
        path.unlink()
    folder.index.unlink()
    assert [seen.still_us for _, seen in await found(await open_archive())] == [None, None]


# --- found ------------------------------------------------------------------------------------------------------------


async def test_pages_tell_everything_once_while_more_is_seen(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() - 600 * S
    for camera_id in ("school", "stop"):
        await noted(
            archive, camera_id, *(motion(start + n * 10 * S, zone=zone) for n in range(7) for zone in ("a", "b"))
        )
    for newest_first in (True, False):
        pages, sought = list[Found](), Sought(newest_first=newest_first)
        while True:
            page, following = await archive.seen.observations(sought, 5)
            pages += page
            if following is None:
                break
            assert len(page) == 5
            sought = replace(sought, after=following)
            if newest_first:
                await noted(archive, "stop", motion(now_us()))
        told = [ObservationId.of(*one) for one in pages]
        assert len(set(told)) == len(told) == (28 if newest_first else 28 + 5)
        key = [(one.start_us, one.camera_id, one.kind, one.zone) for one in told]
        assert key == sorted(key, reverse=newest_first)


async def test_what_is_sought_is_found_and_nothing_else(open_archive: Open) -> None:
    archive = await open_archive()
    start = now_us() - 20 * HOUR
    dark = Observation(start, start + 12 * HOUR, "dark", 1.0)
    await noted(archive, "stop", motion(start, zone="door"), motion(start + HOUR, zone="yard"), dark)
    await noted(archive, "school", motion(start + HOUR))

    async def those(sought: Sought) -> list[tuple[str, str, str | None]]:
        return [(camera_id, seen.kind, seen.zone) for camera_id, seen in await found(archive, sought)]

    assert await those(Sought(zone="door")) == [("stop", "motion", "door")]
    assert await those(Sought(kinds=("dark",))) == [("stop", "dark", None)]
    assert await those(Sought(cameras=("school",))) == [("school", "motion", None)]
    assert await those(Sought(cameras=())) == []
    assert len(await those(Sought(kinds=("dark", "motion"), cameras=("school", "stop")))) == 4
    # It began long before this range and lasts into it.
    late = Span(start + 11 * HOUR, start + 11 * HOUR + S)
    assert await those(Sought(within=late)) == [("stop", "dark", None)]
    assert await those(Sought(within=late, kinds=("motion",))) == []
    assert await those(Sought(within=Span(start + 12 * HOUR, start + 13 * HOUR))) == []


SEEN = st.builds(
    lambda camera, start, lasts, kind, zone: (camera, Observation(start, start + lasts, kind, 0.5, zone)),
    st.sampled_from(["a", "b-1", "c"]),
    st.integers(0, 9).map(lambda n: n * HOUR // 2),
    st.sampled_from([S, HOUR // 3, 2 * HOUR, 5 * HOUR]),
    st.sampled_from(["motion", "dark"]),
    st.sampled_from([None, "door"]),
)
SOUGHT = st.builds(
    lambda start, lasts, cameras, kinds, zone, newest: Sought(Span(start, start + lasts), cameras, kinds, zone, newest),
    st.integers(0, 9).map(lambda n: n * HOUR // 2),
    st.integers(1, 6).map(lambda n: n * HOUR),
    st.none() | st.sampled_from([("a",), ("a", "c"), (), (*(f"x{n}" for n in range(50)), "a", "b-1")]),
    st.none() | st.sampled_from([("motion",), ("motion", "dark")]),
    st.none() | st.just("door"),
    st.booleans(),
)


@given(st.lists(SEEN, max_size=20), SOUGHT, st.integers(1, 7))
def test_pages_are_what_looking_at_everything_would_give(
    shared_index: Index, seen: list[Found], sought: Sought, limit: int
) -> None:
    for camera_id in ("a", "b-1", "c"):
        there = shared_index.sightings.ended_before(camera_id, 1 << 62)
        shared_index.sightings.remove([ObservationId.of(camera_id, one) for one in there])
    everything = {ObservationId.of(*one): one for one in seen}
    for camera_id, one in everything.values():
        shared_index.sightings.put(camera_id, [one])
    expected = [
        (camera_id, one)
        for camera_id, one in everything.values()
        if one.start_us < sought.within.end_us
        and one.end_us > sought.within.start_us
        and (sought.cameras is None or camera_id in sought.cameras)
        and (sought.kinds is None or one.kind in sought.kinds)
        and (sought.zone is None or one.zone == sought.zone)
    ]
    expected.sort(
        key=lambda one: (one[1].start_us, one[0], one[1].kind, one[1].zone or ""), reverse=sought.newest_first
    )
    told: list[Found] = []
    while page := shared_index.sightings.page(sought, limit):
        told += page
        sought = replace(sought, after=ObservationId.of(*page[-1]))
    assert told == expected


@pytest.fixture(scope="module")
def shared_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """An index for many examples, emptied before each."""
    return open_index(tmp_path_factory.mktemp("index") / "index.sqlite")[0]


IDS = st.builds(
    ObservationId,
    st.integers(0, 4_000_000_000 * S),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    st.sampled_from(["motion", "no_signal"]),
    st.just("") | st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
)


@given(IDS)
def test_an_id_says_what_it_is_made_of(one: ObservationId) -> None:
    assert ObservationId.parse(str(one)) == one


@pytest.mark.parametrize(
    "text", ["", "stop", "stop.20261122T065449.250000Z", "stop.20261399T065449.250000Z.motion", "stop.x.motion", "Ž.."]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not the id|does not match"):
        ObservationId.parse(text)


# --- gone -------------------------------------------------------------------------------------------------------------


async def test_what_was_seen_goes_with_its_days_and_that_is_proved(open_archive: Open, folder: Folder) -> None:
    archive = await begun(folder, days=1)
    past, present = motion(now_us() - DAY - 60 * S), motion(now_us() - DAY + HOUR)
    long_past = motion(now_us() - 3 * DAY)
    await noted(archive, "stop", past, present, long_past)
    # From the second on in which its days are over; the files follow.
    assert await found(archive) == [("stop", present)]
    await archive.delete_expired()
    lines = "".join(path.read_text() for path in folder.archive.rglob("observations.jsonl"))
    assert lines.count('"observation"') == 1
    assert len(list(folder.archive.rglob("observations.jsonl"))) == 1
    (proof,) = every(folder.path, Wanted(event="observations_deleted"))
    assert proof.content["cameras"] == {"stop": {"observations": 2, "activity_s": 0}}
    assert await archive.stop()
    assert maintenance.check(folder.path, folder.archive) == 0
    assert await found(await open_archive(days=1)) == [("stop", present)]
    await (await open_archive(days=1)).delete_expired()
    assert len(list(every(folder.path, Wanted(event="observations_deleted")))) == 1


async def test_what_a_lock_holds_stays_with_its_footage(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive(days=1)
    start = now_us() - 3 * DAY
    await noted(archive, "stop", motion(start), motion(start + HOUR))
    await archive.put_lock(lock("stop", start, start + 60 * S))
    await archive.delete_expired()
    assert await found(archive) == [("stop", motion(start))]
    (path,) = folder.archive.rglob("observations.jsonl")
    assert path.read_text().count("motion") == 1


async def test_a_still_that_is_past_its_days_is_not_told_any_more(folder: Folder) -> None:
    archive = await begun(folder, days=1)
    start = now_us() - DAY - 60 * S
    await record(archive, "stop", [group(start)])
    await noted(archive, "stop", Observation(start, now_us() - HOUR, "motion", 0.5, None, start + S // 2))
    assert [seen.still_us for _, seen in await found(archive)] == [None]
    archive.use(Storage(2), lambda _camera_id: 2)
    assert [seen.still_us for _, seen in await found(archive)] == [start + S // 2]
    assert await archive.stop()


async def test_what_goes_on_is_not_past_its_days_however_long_ago_it_began(open_archive: Open) -> None:
    archive = await open_archive(days=1)
    gone = Observation(now_us() - 9 * DAY, now_us() - 30 * S, "no_signal", 1.0)
    await noted(archive, "stop", gone)
    await archive.delete_expired()
    assert await found(archive) == [("stop", gone)]
    days = await archive.seen.observations(Sought(Span(now_us() - HOUR, now_us()), ("stop",)), 10)
    assert days == ([("stop", gone)], None)


async def test_a_day_counts_what_may_be_shown_of_it(open_archive: Open) -> None:
    archive = await open_archive(days=1)
    await noted(archive, "stop", motion(now_us() - 3 * DAY), motion(now_us() - 60 * S))
    today = datetime.now(UTC).date()
    days = await archive.days("stop", today - timedelta(days=4), today, ZoneInfo("UTC"))
    assert sum(day.observations for day in days) == 1


async def test_what_a_wrong_clock_dated_ahead_makes_way_with_its_footage(open_archive: Open, folder: Folder) -> None:
    archive = await open_archive()
    start, ahead = now_us() - 60 * S, now_us() + 4_000 * DAY
    async with filmed(archive) as camera:
        camera.put(group(ahead))
        camera.note(motion(ahead))
        camera.note(motion(start - HOUR))
        camera.activity([ActivitySecond(ahead // S, 0.5, np.ones((2, 2), dtype=np.bool_))])
        await until(lambda: len(list(folder.archive.rglob("activity.bin"))))
        camera.put(group(start))
        await camera.written.wait()
    assert await found(archive) == [("stop", motion(start - HOUR))]
    assert not list(folder.archive.rglob("activity.bin"))
    assert len(list(folder.archive.rglob("set-aside/*.mp4"))) == 1
