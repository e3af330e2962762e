"""What an administrator is told of the recorder's disk and clock, and that it is taken back when it is over."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.coordinator import after
from custom_components.safe_community.documents import HostClockStepped, StorageChanged
from custom_components.safe_community.storage import ClockStep, Storage, StorageState
from custom_components.safe_community.troubles import SETTLING_S
from tests.faults.disks import small_tmpfs
from tests.faults.host_clock import HostClock
from tests.integration.conftest import SetUp
from tests.integration.storages import document, kept, storage
from tests.integration.world import VABALNINKAS, Cameras, eventually, wait_for_files
from tests.world import Recorder

IDENTITY = ".safe-community-archive.json"
MB = 1_000_000


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
            assert loop.time() - began_s < SETTLING_S + 60
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
