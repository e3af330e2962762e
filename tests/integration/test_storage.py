"""What an administrator is told of the recorder's disk and clock, and that it is taken back when it is over."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.util import dt as dt_util
from hypothesis import given
from hypothesis import strategies as st
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.safe_community.client import (
    HostClockStepped,
    RecorderInfo,
    StorageChanged,
    parse_event,
)
from custom_components.safe_community.const import DOMAIN, LANGUAGES
from custom_components.safe_community.coordinator import Recorder as KnownRecorder
from custom_components.safe_community.coordinator import after
from custom_components.safe_community.storage import ClockStep, Storage, StorageState
from custom_components.safe_community.troubles import (
    SETTLING_S,
    STATES,
    Settled,
    Trouble,
    of_camera_file,
    of_clock_step,
    of_disk,
    of_space,
)
from tests.faults.disks import small_tmpfs
from tests.faults.host_clock import HostClock
from tests.integration.conftest import SetUp
from tests.integration.test_entities import camera
from tests.integration.test_texts import placeholders, texts
from tests.integration.world import VABALNINKAS, Cameras, eventually, wait_for_files
from tests.world import ROOT, Recorder

IDENTITY = ".safe-community-archive.json"
VILNIUS = ZoneInfo("Europe/Vilnius")
MB = 1_000_000

KNOWN = KnownRecorder(
    info=RecorderInfo(recorder_id="1", name="Biržai", version="1"),
    cameras={camera_id: camera(camera_id) for camera_id in ("stotele", "mokykla")},
)


def document(**changes: Any) -> dict[str, Any]:
    """A storage with which all is well, as the recorder tells of it."""
    well: dict[str, Any] = {
        "state": "ok",
        "problem": None,
        "used_bytes": 300_000_000_000,
        "allowed_bytes": 500_000_000_000,
        "free_bytes": 600_000_000_000,
        "disk_bytes": 1_000_000_000_000,
        "only_locked_left": False,
        "bytes_per_day": 20_000_000_000,
        "days_until_full": None,
        "lost_groups": 0,
        "comparison": {"days_done": 14, "days": 14},
        "retention": [kept("stotele", 14), kept("mokykla", 14)],
    }
    return well | changes


def kept(camera_id: str, kept_days: float, *, wanted_days: float = 14, met: bool = True) -> dict[str, Any]:
    return {"camera_id": camera_id, "wanted_days": wanted_days, "kept_days": kept_days, "met": met}


def storage(**changes: Any) -> Storage:
    return Storage.parse(document(**changes))


def told(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """The repairs that an administrator sees, by what they say."""
    issues = ir.async_get(hass).issues.values()
    return {str(issue.translation_key): issue for issue in issues if issue.domain == DOMAIN and issue.active}


def is_told(hass: HomeAssistant, *keys: str) -> Callable[[], bool]:
    return lambda: set(keys) == told(hass).keys()


def given_to(issue: ir.IssueEntry) -> Mapping[str, str]:
    assert issue.translation_placeholders is not None
    return issue.translation_placeholders


# --- with a recorder --------------------------------------------------------------------------------------------------


async def test_a_disk_that_is_missing_then_another_and_then_back_is_told_of(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    await set_up(own_recorder)
    identity, aside = own_recorder.archive / IDENTITY, own_recorder.archive / "identity.aside"
    identity.rename(aside)
    await eventually(hass, is_told(hass, "storage_missing"), "the missing disk is told of")
    missing = told(hass)["storage_missing"]
    assert missing.severity is IssueSeverity.ERROR
    assert not missing.is_fixable
    assert given_to(missing)["recorder"] == "Biržai"
    assert str(own_recorder.archive) in given_to(missing)["problem"]

    identity.write_text(json.dumps({"archive_id": "of another recorder"}))
    await eventually(hass, is_told(hass, "storage_foreign"), "the other disk is told of, and that alone")
    assert "of another recorder" in given_to(told(hass)["storage_foreign"])["problem"]

    aside.rename(identity)
    await eventually(hass, is_told(hass), "the right disk is back")


async def test_a_full_disk_is_told_of_until_there_is_space_again(
    hass: HomeAssistant, cameras: Cameras, tmp_path: Path, set_up: SetUp
) -> None:
    with small_tmpfs(tmp_path / "disk", 8 * MB) as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at)
        recorder.write_camera_file(
            [cameras.entry("stotele", "Stotelė", VABALNINKAS)], storage={"retention_days": 0.04, "reserve": "1 MB"}
        )
        recorder.start()
        try:
            wait_for_files(recorder, ["stotele"])
            await set_up(recorder)
            ballast = disk.fill()
            await eventually(hass, lambda: "storage_full" in told(hass), "the full disk is told of")
            ballast.unlink()
            await eventually(hass, lambda: "storage_full" not in told(hass), "there is space again")
        finally:
            recorder.stop()


async def test_space_that_will_be_short_is_forecast_and_footage_deleted_too_early_is_told_of(
    hass: HomeAssistant, cameras: Cameras, tmp_path: Path, set_up: SetUp
) -> None:
    recorder = Recorder(tmp_path / "recorder")
    entry = cameras.entry("noise", "Turgus", VABALNINKAS)
    recorder.write_camera_file([entry])
    recorder.start()
    try:
        wait_for_files(recorder, ["noise"], 12 * MB)
        recorder.stop()
        # At its start the recorder looks at what it has: more than 100 GB a day, and space for no hour of it.
        recorder.write_camera_file([entry], storage={"quota_gb": 0.5})
        recorder.start()
        await set_up(recorder)
        await eventually(hass, is_told(hass, "space_forecast"), "the forecast is told")
        assert told(hass)["space_forecast"].severity is IssueSeverity.WARNING
        assert given_to(told(hass)["space_forecast"]) == {"recorder": "Biržai", "days": "0"}

        recorder.stop()
        recorder.write_camera_file([entry], storage={"quota_gb": 0.01})
        recorder.start()
        await eventually(hass, is_told(hass, "retention_not_met"), "footage was deleted before its days")
        issue = told(hass)["retention_not_met"]
        assert issue.severity is IssueSeverity.WARNING
        assert given_to(issue) == {
            "recorder": "Biržai",
            "count": "1",
            "camera": "Vabalninkas, Turgus",
            "wanted": "14",
            "kept": "0",
        }
    finally:
        recorder.stop()


async def test_a_clock_that_was_set_is_told_of_for_a_day(
    hass: HomeAssistant, cameras: Cameras, tmp_path: Path, set_up: SetUp
) -> None:
    clock = HostClock(tmp_path / "clock")
    recorder = Recorder(tmp_path / "recorder", environment=clock.environment)
    recorder.write_camera_file([cameras.entry("stotele", "Stotelė", VABALNINKAS)])
    recorder.start()
    try:
        entry = await set_up(recorder)
        await eventually(hass, lambda: entry.runtime_data.recorder.storage is not None, "the events are followed")
        clock.step(timedelta(hours=3, seconds=5))
        await eventually(hass, is_told(hass, "host_clock_stepped"), "the step is told of")
        issue = told(hass)["host_clock_stepped"]
        assert issue.severity is IssueSeverity.WARNING
        assert not issue.is_fixable
        assert given_to(issue)["by"] == "+3:00:05"
        showed = datetime.fromisoformat(given_to(issue)["at"])
        assert abs(showed - datetime.now(UTC) - timedelta(hours=3)) < timedelta(seconds=60)

        clock.step(timedelta(seconds=-4))
        await eventually(hass, lambda: len(ir.async_get(hass).issues) == 2, "each step is told of by itself")
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=24, seconds=1))
        await eventually(hass, is_told(hass), "the day is over")
    finally:
        recorder.stop()


async def test_a_running_recorder_s_storage_is_understood(recorder: Recorder) -> None:
    answer = recorder.ask("/api/v1/storage").json
    known = Storage.parse(answer)
    assert known.state is StorageState.OK
    assert known.is_measured
    assert {one.camera_id for one in known.retention} <= {"stotele", "kapines", "aikste"}
    assert known.allowed_bytes == answer["allowed_bytes"]


def test_every_state_of_the_contract_is_known_and_said() -> None:
    contract = json.loads((ROOT / "recorder_addon/safe_community_recorder/api/openapi.json").read_text())
    states = set(contract["components"]["schemas"]["Storage"]["properties"]["state"]["enum"])
    assert states == set(StorageState) - {StorageState.OTHER}
    assert STATES.keys() == set(StorageState) - {StorageState.OK}


# --- what is shown, as the recorder's words change --------------------------------------------------------------------


async def test_trouble_is_shown_while_it_lasts_and_nothing_is_left_when_the_entry_is_unloaded(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    coordinator = entry.runtime_data.coordinator

    def says(**changes: Any) -> None:
        coordinator.async_set_updated_data(after(coordinator.data, StorageChanged(storage(**changes))))

    unmet = [kept("stotele", 11.4, met=False)]
    says(only_locked_left=True, retention=unmet, days_until_full=6.94)
    assert told(hass).keys() == {"only_locked_left", "retention_not_met", "space_forecast"}
    assert told(hass)["only_locked_left"].severity is IssueSeverity.ERROR
    says(retention=unmet, days_until_full=7.5)
    assert told(hass).keys() == {"retention_not_met", "space_forecast"}
    says(state="clock", problem="the clock stands before 2020", days_until_full=8)
    assert told(hass).keys() == {"storage_clock"}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert told(hass) == {}


async def test_a_recorder_that_has_not_measured_its_disk_since_its_start_takes_nothing_back(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    coordinator = entry.runtime_data.coordinator
    await eventually(hass, lambda: coordinator.data.storage is not None, "the events are followed")
    for said in (document(only_locked_left=True), document(disk_bytes=0, retention=[])):
        coordinator.async_set_updated_data(after(coordinator.data, StorageChanged(Storage.parse(said))))
        assert "only_locked_left" in told(hass)
    coordinator.async_set_updated_data(after(coordinator.data, StorageChanged(storage())))
    assert told(hass) == {}


async def test_a_disk_that_is_slow_is_told_of_after_some_seconds_though_nothing_more_is_heard(
    hass: HomeAssistant, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(own_recorder)
    coordinator = entry.runtime_data.coordinator
    await eventually(hass, lambda: coordinator.data.storage is not None, "the events are followed")
    # It shall not say in between how its disk really is.
    own_recorder.stop()
    loop = asyncio.get_running_loop()
    for state, problem, shown in (("slow", "the disk does not answer", {"storage_slow"}), ("ok", None, set())):
        before, began_s = told(hass).keys(), loop.time()
        says = StorageChanged(storage(state=state, problem=problem))
        coordinator.async_set_updated_data(after(coordinator.data, says))
        while told(hass).keys() != shown:
            assert told(hass).keys() == before
            assert loop.time() - began_s < SETTLING_S + 5
            await asyncio.sleep(0.05)
        assert loop.time() - began_s >= SETTLING_S


async def test_a_clock_that_is_set_over_and_over_fills_no_page(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    coordinator = entry.runtime_data.coordinator
    began = datetime(2026, 11, 22, 10, tzinfo=UTC)
    for minute in range(20):
        step = ClockStep(at=began + timedelta(minutes=minute), by_s=-3)
        coordinator.async_set_updated_data(after(coordinator.data, HostClockStepped(step)))
    shown = [given_to(issue)["at"] for issue in ir.async_get(hass).issues.values()]
    zone = dt_util.get_default_time_zone()
    newest = [began + timedelta(minutes=minute) for minute in range(15, 20)]
    assert sorted(shown) == [moment.astimezone(zone).isoformat(" ", "seconds") for moment in newest]


# --- the rules --------------------------------------------------------------------------------------------------------


def all_told(known: KnownRecorder, **changes: Any) -> dict[str, Trouble]:
    found = storage(**changes)
    said = of_space(known, found, forecast_told=False)
    return {trouble.translation_key: trouble for trouble in said}


def test_a_later_recorder_may_say_more_and_an_unknown_state_is_told_with_the_recorder_s_own_words() -> None:
    later = document(state="melting", problem="42 °C", wear_percent=3)
    later["retention"][0]["why"] = "pressure"
    event = parse_event({"type": "storage", "storage": later})
    assert isinstance(event, StorageChanged)
    settled = Settled().after(event.storage, 0).after(event.storage, SETTLING_S)
    (trouble,) = of_disk(KNOWN, settled)
    assert (trouble.translation_key, trouble.placeholders["problem"]) == ("storage_other", "42 °C")
    without_problem = replace(event.storage, problem=None)
    assert of_disk(KNOWN, Settled().after(without_problem, 0).after(without_problem, SETTLING_S)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state": 1},
        {"problem": 5},
        {"used_bytes": "many"},
        {"used_bytes": True},
        {"used_bytes": 1.5},
        {"only_locked_left": 0},
        {"days_until_full": float("nan")},
        {"comparison": None},
        {"retention": [{"camera_id": "stotele"}]},
        {"retention": [kept("stotele", 14) | {"met": None}]},
    ],
)
def test_a_storage_that_is_not_as_described_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        storage(**changes)


def test_trouble_for_which_the_recorder_has_no_words_is_told_by_its_name() -> None:
    (trouble,) = of_disk(KNOWN, Settled().after(storage(state="missing", problem=""), 0))
    assert trouble.placeholders["problem"] == "missing"


def test_clocks_of_cameras_and_later_kinds_of_steps_are_left_out() -> None:
    step = {"type": "clock", "camera_id": None, "kind": "host_stepped", "at": "2026-11-22T10:00:00Z", "by_s": -5}
    event = parse_event(step)
    assert event == HostClockStepped(ClockStep(at=datetime(2026, 11, 22, 10, tzinfo=UTC), by_s=-5))
    assert parse_event(step | {"camera_id": "stotele", "kind": "camera_jumped"}) is None
    assert parse_event(step | {"kind": "host_drifts"}) is None


def test_storage_and_clock_are_remembered_when_the_recorder_tells_of_other_things() -> None:
    step = ClockStep(at=datetime(2026, 11, 22, 10, tzinfo=UTC), by_s=5)
    known = after(after(KNOWN, StorageChanged(storage())), HostClockStepped(step))
    snapshot = parse_event(
        {"type": "snapshot", "info": {"api_version": 1, "recorder_id": "1", "name": "B", "version": "2"}, "cameras": []}
    )
    assert snapshot is not None
    later = after(known, snapshot)
    assert (later.storage, later.clock_step, later.cameras) == (storage(), step, {})


def test_retention_that_is_not_met_names_how_many_cameras_and_the_worst() -> None:
    entries = [
        kept("stotele", 13.98, met=False),
        kept("mokykla", 11.46, met=False),
        kept("turgus", 2, wanted_days=3, met=True),
    ]
    assert all_told(KNOWN, retention=entries)["retention_not_met"].placeholders == {
        "recorder": "Biržai",
        "count": "2",
        "camera": "Vabalninkas, mokykla",
        "wanted": "14",
        "kept": "11.4",
    }
    gone = all_told(KNOWN, retention=[kept("out-of-the-file", 0.4, wanted_days=0.5, met=False)])
    assert gone["retention_not_met"].placeholders["camera"] == "out-of-the-file"
    assert gone["retention_not_met"].placeholders["wanted"] == "0.5"


def test_what_is_kept_is_never_rounded_up_to_what_is_wanted() -> None:
    found = all_told(KNOWN, retention=[kept("stotele", 13.98, met=False)])
    assert found["retention_not_met"].placeholders["kept"] == "13.9"


def test_a_new_camera_that_has_few_days_yet_is_no_trouble() -> None:
    assert all_told(KNOWN, retention=[kept("stotele", 0.5)]) == {}


@pytest.mark.parametrize(
    ("days", "told_before", "is_told_now"),
    [
        (None, True, False),
        (6.9, False, True),
        (7, False, False),
        (7.9, False, False),
        (7.9, True, True),
        (8, True, False),
    ],
)
def test_the_forecast_does_not_flicker_around_a_week(days: float | None, told_before: bool, is_told_now: bool) -> None:
    found = of_space(KNOWN, storage(days_until_full=days), forecast_told=told_before)
    assert [trouble.translation_key for trouble in found] == ["space_forecast"] * is_told_now


def test_what_has_come_true_is_not_forecast() -> None:
    unmet = [kept("stotele", 11.4, met=False)]
    assert all_told(KNOWN, days_until_full=0.1, retention=unmet).keys() == {"retention_not_met"}
    assert all_told(KNOWN, days_until_full=0.1).keys() == {"space_forecast"}
    assert all_told(KNOWN, days_until_full=3, retention=unmet).keys() == {"retention_not_met", "space_forecast"}


@pytest.mark.parametrize(
    ("by_s", "by"),
    [
        (2, "+2.0 s"),
        (-5.04, "-5.0 s"),
        (59.9, "+59.9 s"),
        (-60, "-0:01:00"),
        (10_799.7, "+3:00:00"),
        (-90_061, "-25:01:01"),
    ],
)
def test_a_step_is_said_with_its_direction(by_s: float, by: str) -> None:
    step = ClockStep(at=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), by_s=by_s)
    (trouble,) = of_clock_step(KNOWN, step, VILNIUS)
    assert trouble.placeholders == {"recorder": "Biržai", "by": by, "at": "2026-10-25 03:30:00+03:00"}
    (an_hour_later,) = of_clock_step(KNOWN, replace(step, at=step.at + timedelta(hours=1)), VILNIUS)
    assert an_hour_later.placeholders["at"] == "2026-10-25 03:30:00+02:00"


def test_small_steps_and_a_clock_that_is_set_for_the_first_time_are_not_told() -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert of_clock_step(KNOWN, ClockStep(at=now, by_s=1.99), VILNIUS) == []
    since_1970 = ClockStep(at=now, by_s=now.timestamp() - 60)
    assert of_clock_step(KNOWN, since_1970, VILNIUS) == []


# --- trouble that settles ---------------------------------------------------------------------------------------------


def settled(*said: tuple[float, str]) -> StorageState:
    """What is told after the recorder has said these states at these seconds."""
    now = Settled()
    for at_s, state in said:
        now = now.after(storage(state=state, problem=None if state == "ok" else "…"), at_s)
    return now.state


def test_a_hang_of_nine_seconds_is_not_told_and_one_of_ten_is() -> None:
    assert settled((0, "slow"), (9, "slow"), (9.5, "ok"), (60, "ok")) is StorageState.OK
    assert settled((0, "slow"), (10, "slow")) is StorageState.SLOW


def test_a_disk_now_slow_now_failing_is_in_trouble_all_along() -> None:
    assert settled((0, "slow"), (4, "failing"), (8, "slow"), (12, "failing")) is StorageState.FAILING


def test_a_moment_without_trouble_takes_nothing_back() -> None:
    assert settled((0, "missing"), (1, "ok"), (2, "missing"), (11, "missing"), (12, "ok")) is StorageState.MISSING
    assert settled((0, "missing"), (12, "ok"), (22, "ok")) is StorageState.OK


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from(StorageState)), min_size=1))
def test_what_can_wait_is_told_only_after_ten_seconds_of_something_else(said: list[tuple[float, StorageState]]) -> None:
    now, now_s, last_as_told_s = Settled(), 0.0, 0.0
    for pause_s, state in said:
        now_s += pause_s
        before, now = now, now.after(storage(state=state.value, problem="…"), now_s)
        if state is before.state:
            assert now == Settled(state, "…")
        elif state in STATES and STATES[state].at_once:
            assert now.state is state
        elif now.state is not before.state:
            assert now.state is state
            assert now_s - last_as_told_s >= SETTLING_S
        if now.state is state:
            last_as_told_s = now_s


# --- the words --------------------------------------------------------------------------------------------------------


def every_trouble() -> list[Trouble]:
    """One of each."""
    known = replace(KNOWN, info=replace(KNOWN.info, camera_file_problem="line 3, column 1: …"))
    found = storage(only_locked_left=True, days_until_full=3, retention=[kept("stotele", 11.4, met=False)])
    step = ClockStep(at=datetime(2026, 11, 22, tzinfo=UTC), by_s=5)
    troubles = of_camera_file(known) + of_space(known, found, forecast_told=False) + of_clock_step(known, step, VILNIUS)
    for state in STATES:
        troubles += of_disk(known, Settled(state, "the problem"))
    return troubles


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_says_all_that_it_is_given(language: str) -> None:
    for trouble in every_trouble():
        title, description = (
            texts(language)[f"issues.{trouble.translation_key}.{part}"] for part in ("title", "description")
        )
        assert placeholders(title) == set()
        assert placeholders(description) == trouble.placeholders.keys()


def test_the_documentation_lists_every_repair_with_its_severity() -> None:
    section = (ROOT / "docs/integration.md").read_text().partition("## Repairs")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    listed = {(title, severity) for title, _, severity in rows[2:]}
    assert listed == {
        (texts("en")[f"issues.{trouble.translation_key}.title"], trouble.severity.value) for trouble in every_trouble()
    }
    assert len(rows[2:]) == len(listed) == len({trouble.id for trouble in every_trouble()})
