"""How packages are made: progress, cancelling, restarts, and what becomes of them."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from safe_community_recorder import utc
from tests.recorder.contract import refused, validate
from tests.recorder.exporting import (
    WHO,
    S,
    ask,
    begun,
    body,
    check_package,
    ended,
    entry,
    item,
    key_of,
    made,
    manifest_of,
    put_file,
    put_footage,
    records,
    shelf,
    started,
)
from tests.recorder.footage import groups_of
from tests.world import Recorder, text, wait_until


async def test_progress_is_told_at_most_once_a_second(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    headers = {"Authorization": f"Bearer {recorder.token}"}
    running: list[tuple[float, dict[str, Any]]] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers) as socket,
        asyncio.timeout(120),
    ):
        number = (await asyncio.to_thread(ask, recorder, asked))["number"]
        async for message in socket:
            event = json.loads(message.data)
            validate(event, "Event")
            if event["type"] != "export":
                continue
            assert event["export"]["number"] == number
            if event["export"]["state"] == "running":
                running.append((time.monotonic(), event["export"]))
            if event["export"]["state"] == "done":
                break
    percents = [export["percent"] for _, export in running]
    assert len(percents) > 2
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    assert any(export["eta_s"] is not None for _, export in running)
    # What is told is told at the recorder's pace; one message may arrive late and the next in time.
    for (earlier_s, _), (later_s, _) in zip(running, running[2:], strict=False):
        assert later_s - earlier_s > 1
    await asyncio.to_thread(check_package, recorder, event["export"], tmp_path)


def test_what_nobody_wants_any_more_is_ended_at_once(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    number, next_number = ask(recorder, asked)["number"], ask(recorder, asked)["number"]
    begun(recorder, number)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    assert entry(recorder, next_number)["state"] == "queued"
    cancelled = recorder.ask(f"/api/v1/exports/{number}", "DELETE", **WHO).json
    assert (cancelled["state"], cancelled["package"]) == ("cancelled", None)
    wait_until(lambda: f"{number}.zip.part" not in shelf(recorder), 10)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    export = ended(recorder, next_number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{next_number}.zip"]
    check_package(recorder, export, tmp_path)
    assert entry(recorder, number)["state"] == "cancelled"
    assert [one["event"] for one in records(recorder, number)] == ["export_cancelled", "export_asked"]


def test_what_still_waits_can_be_cancelled(laden: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = laden
    first, second = ask(recorder, asked)["number"], ask(recorder, asked)["number"]
    assert recorder.ask(f"/api/v1/exports/{second}", "DELETE").json["state"] == "cancelled"
    assert ended(recorder, first)["state"] == "done"
    assert entry(recorder, second)["state"] == "cancelled"
    assert shelf(recorder) == [f"{first}.zip"]


def test_so_many_packages_wait_and_no_more(laden: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = laden
    waiting = [ask(recorder, asked)["number"] for _ in range(50)]
    answer = recorder.ask("/api/v1/exports", "POST", body=body(asked), **WHO)
    assert "packages wait" in refused(answer, 429, "too_many_exports")
    assert int(answer.headers["Retry-After"]) > 0
    assert recorder.ask(f"/api/v1/exports/{waiting[-1]}", "DELETE").json["state"] == "cancelled"
    assert ask(recorder, asked)["number"] > waiting[-1]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_package_that_was_being_made_is_made_after_a_restart(
    laden: tuple[Recorder, dict[str, str]], tmp_path: Path, end: str
) -> None:
    recorder, asked = laden
    number = ask(recorder, asked)["number"]
    begun(recorder, number)
    if end == "kill":
        recorder.kill()
    else:
        assert recorder.stop() == 0
    assert shelf(recorder) in ([f"{number}.zip.part"], [])
    recorder.start()
    export = ended(recorder, number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{number}.zip"]
    check_package(recorder, export, tmp_path)
    assert [one["number"] for one in recorder.ask("/api/v1/exports").json["exports"]] == [number]
    assert [one["event"] for one in records(recorder, number)] == ["export_done", "export_asked"]
    wait_until(lambda: not recorder.ask("/api/v1/locks?active=true").json["locks"], 10)


def test_the_register_and_the_packages_outlive_a_restart(recorder: Recorder, tmp_path: Path) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, package = made(recorder, item("stop", start, end))
    key = key_of(recorder)
    assert recorder.stop() == 0
    recorder.start()
    assert entry(recorder, export["number"]) == export
    assert recorder.ask(export["package"]).body == package
    assert key_of(recorder) == key
    assert made(recorder, item("stop", start, end))[0]["number"] != export["number"]
    check_package(recorder, export, tmp_path)


def test_a_package_past_its_days_is_deleted_and_its_entry_stays(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, _ = made(recorder, item("stop", start, end))
    lasts = datetime.fromisoformat(export["expires"]) - datetime.fromisoformat(export["changed"])
    assert lasts == timedelta(days=14)
    recorder.stop()
    register = recorder.directory / "data" / "exports.jsonl"
    past = text(datetime.now(UTC) - S)
    register.write_text(register.read_text().replace(export["expires"], past))
    (recorder.archive / ".exports" / "2020-0001.zip").write_bytes(b"left behind")
    recorder.start()
    wait_until(lambda: entry(recorder, export["number"])["deleted"], 30)
    wait_until(lambda: shelf(recorder) == [], 10)
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert records(recorder, export["number"])[0]["actor"] == "recorder"


def test_a_package_that_somebody_took_off_the_disk_is_said_to_be_gone(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    started(recorder)
    export, _ = made(recorder, item("stop", start, end))
    (recorder.archive / ".exports" / f"{export['number']}.zip").unlink()
    refused(recorder.ask(export["package"]), 410, "package_gone")
    assert recorder.ask(f"/api/v1/exports/{export['number']}", "DELETE").json["package"] is None


def test_sound_that_was_recorded_is_in_the_clip(recorder: Recorder) -> None:
    start_us = utc.to_us(datetime.now(UTC)) - 600 * utc.SECOND_US
    put_file(recorder.archive, "stop", groups_of(30, start_us=start_us, sound_after_us=0))
    started(recorder)
    _, package = made(recorder, item("stop", utc.from_us(start_us), utc.from_us(start_us + 3 * utc.SECOND_US)))
    (one,) = manifest_of(package)["items"]
    assert one["footage"]["sound"] is True
    assert one["clock"]["source"] == "arrival"
    assert len(one["footage"]["stills"]) == 3


def test_with_a_damaged_key_nothing_is_signed_and_everything_else_works(recorder: Recorder) -> None:
    start, end = put_footage(recorder.archive, "stop", 1, 1)
    key = recorder.directory / "data" / "evidence_key.pem"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text("damaged")
    started(recorder)
    assert recorder.ask("/api/v1/info").json["evidence_key"] is None
    validate(recorder.ask("/api/v1/info").json, "Info")
    answer = recorder.ask("/api/v1/exports", "POST", body=body(item("stop", start, end)))
    refused(answer, 503, "evidence_key_unusable")
    assert key.read_text() == "damaged"
