"""What is trouble of the recorder's disk, space and clock, when it is, and in which words."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.safe_community.const import LANGUAGES
from custom_components.safe_community.coordinator import Recorder, after
from custom_components.safe_community.documents import HostClockStepped, RecorderInfo, StorageChanged, parse_event
from custom_components.safe_community.storage import ClockStep, StorageState
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
from tests.integration.storages import document, kept, storage
from tests.integration.test_documents import camera
from tests.integration.test_texts import placeholders, texts
from tests.world import ROOT

VILNIUS = ZoneInfo("Europe/Vilnius")

KNOWN = Recorder(
    info=RecorderInfo(recorder_id="1", name="Biržai", version="1"),
    cameras={camera_id: camera(camera_id) for camera_id in ("stotele", "mokykla")},
)


def all_told(known: Recorder, **changes: Any) -> dict[str, Trouble]:
    found = storage(**changes)
    said = of_space(known, found, forecast_told=False)
    return {trouble.translation_key: trouble for trouble in said}


def test_every_state_of_the_contract_is_known_and_said() -> None:
    contract = json.loads((ROOT / "recorder_addon/safe_community_recorder/api/openapi.json").read_text())
    states = set(contract["components"]["schemas"]["Storage"]["properties"]["state"]["enum"])
    assert states == set(StorageState) - {StorageState.OTHER}
    assert STATES.keys() == set(StorageState) - {StorageState.OK}


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


def test_the_documentation_lists_every_trouble_with_its_severity() -> None:
    # That it lists all other repairs, too: test_quality_scale.py.
    section = (ROOT / "docs/integration.md").read_text().partition("## Repairs")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    listed = {(row[0], row[-1]) for row in rows[2:]}
    assert listed >= {
        (texts("en")[f"issues.{trouble.translation_key}.title"], trouble.severity.value) for trouble in every_trouble()
    }
