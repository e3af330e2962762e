"""How packages are made: progress, cancelling, restarts, and what becomes of them."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from safe_community_recorder import utc
from safe_community_recorder.evidence.contents import Item, Request, Trace
from safe_community_recorder.evidence.register import Export, Register
from tests.faults.disks import failing_disk
from tests.recorder.contract import refused, validate
from tests.recorder.exporting import (
    WHO,
    ask,
    begun,
    body,
    check_package,
    ended,
    entry,
    item,
    made,
    put_footage,
    records,
    shelf,
    started,
)
from tests.world import Recorder, wait_until


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, dict[str, str]]]:
    """A recorder with a clip to be packed that takes a while: its camera sends nothing more."""
    recorder = Recorder(tmp_path_factory.mktemp("rich"))
    start, end = put_footage(recorder.archive, "stop", 8, 25)
    started(recorder)
    wait_until(lambda: recorder.recorded_s("stop") >= 8 * 60 - 1, 60)
    yield recorder, item("stop", start, end)
    recorder.stop()


@pytest.fixture
def laden(rich: tuple[Recorder, dict[str, str]]) -> Iterator[tuple[Recorder, dict[str, str]]]:
    """The same, without any package."""
    recorder, _ = rich
    yield rich
    for export in recorder.ask("/api/v1/exports?limit=200").json["exports"]:
        if export["package"] or export["state"] in ("queued", "running"):
            recorder.ask(f"/api/v1/exports/{export['number']}", "DELETE")
    wait_until(lambda: not shelf(recorder), 60)


async def test_progress_is_told_at_most_once_a_second(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    headers = {"Authorization": f"Bearer {recorder.token}"}
    running: list[dict[str, Any]] = []
    begun_s = time.monotonic()
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
                running.append(event["export"])
            if event["export"]["state"] == "done":
                break
    assert 2 < len(running) <= time.monotonic() - begun_s + 2
    done = [export["done_bytes"] for export in running]
    assert done == sorted(done)
    assert any(0 < export["percent"] < 100 for export in running)
    assert any(export["eta_s"] is not None for export in running)
    total_bytes = event["export"]["items"][0]["clip"]["size_bytes"]
    for export in running:
        assert export["total_bytes"] in (None, total_bytes)
        assert export["done_bytes"] <= total_bytes
    await asyncio.to_thread(check_package, recorder, event["export"], tmp_path)


def test_what_nobody_wants_any_more_is_ended_at_once(laden: tuple[Recorder, dict[str, str]], tmp_path: Path) -> None:
    recorder, asked = laden
    number, next_number, last_number = (ask(recorder, asked)["number"] for _ in range(3))
    begun(recorder, number)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    assert entry(recorder, next_number)["state"] == "queued"
    for unwanted in (number, last_number):
        cancelled = recorder.ask(f"/api/v1/exports/{unwanted}", "DELETE", **WHO).json
        assert (cancelled["state"], cancelled["package"]) == ("cancelled", None)
    wait_until(lambda: f"{number}.zip.part" not in shelf(recorder), 60)
    refused(recorder.ask(f"/api/v1/exports/{number}/package.zip"), 409, "export_not_ready")
    export = ended(recorder, next_number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{next_number}.zip"]
    check_package(recorder, export, tmp_path)
    for unwanted in (number, last_number):
        assert entry(recorder, unwanted)["state"] == "cancelled"
        assert [one["event"] for one in records(recorder, unwanted)] == ["export_cancelled", "export_asked"]


def test_so_many_packages_wait_and_no_more(laden: tuple[Recorder, dict[str, str]]) -> None:
    recorder, asked = laden
    waiting = [ask(recorder, asked)["number"] for _ in range(50)]
    answer = recorder.ask("/api/v1/exports", "POST", body=body(asked), **WHO)
    assert "packages wait" in refused(answer, 429, "too_many_exports")
    assert int(answer.headers["Retry-After"]) > 0
    assert recorder.ask(f"/api/v1/exports/{waiting[-1]}", "DELETE").json["state"] == "cancelled"
    assert ask(recorder, asked)["number"] > waiting[-1]


def test_a_package_that_was_being_made_is_made_after_a_restart(
    laden: tuple[Recorder, dict[str, str]], tmp_path: Path
) -> None:
    """Whatever ended the recorder, and whenever: in the middle, or when it was just whole."""
    recorder, asked = laden
    number = ask(recorder, asked)["number"]
    begun(recorder, number)
    recorder.kill()
    assert shelf(recorder) == [f"{number}.zip.part"]
    recorder.start()
    begun(recorder, number)
    assert recorder.stop() == 0
    assert shelf(recorder) == []
    recorder.start()
    wait_until(lambda: shelf(recorder) == [f"{number}.zip"], 60, 0.005)
    recorder.kill()
    recorder.start()
    export = ended(recorder, number)
    assert export["state"] == "done"
    assert shelf(recorder) == [f"{number}.zip"]
    check_package(recorder, export, tmp_path)
    numbers = [one["number"] for one in recorder.ask("/api/v1/exports?limit=200").json["exports"]]
    assert numbers.count(number) == 1
    events = [one["event"] for one in records(recorder, number)]
    assert (events[-1], set(events[:-1])) == ("export_asked", {"export_done"})
    wait_until(lambda: not recorder.ask("/api/v1/locks?active=true").json["locks"], 30)


def test_footage_is_locked_even_if_the_recorder_ended_right_after_the_request(
    laden: tuple[Recorder, dict[str, str]],
) -> None:
    """Its register has the request, and the archive no lock."""
    recorder, asked = laden
    recorder.stop()
    register = Register(recorder.directory / "data")
    register.load()
    now = datetime.now(UTC)
    start_us, end_us = (utc.parse(asked[name]) for name in ("start", "end"))
    number = register.next_number(now.year)
    wanted = Item("stop", "stop", "vabalninkas", "Vabalninkas", start_us, end_us)
    request = Request(
        number, utc.to_us(now), "Aldona", "why", "police", "lt", stills=False, items=(wanted,), trace=Trace(1, "0")
    )
    register.put(Export(request, changed_us=utc.to_us(now)))
    recorder.start()
    begun(recorder, number)
    (lock,) = recorder.ask("/api/v1/locks?active=true").json["locks"]
    assert (lock["reason"], utc.parse(lock["start"])) == (f"evidence package {number}", start_us)


def test_a_number_that_somebody_may_have_heard_of_is_never_given_again(tmp_path: Path) -> None:
    """The recorder ends while the audit log is being written: the log may have the number, and the register does."""
    with failing_disk(tmp_path / "data" / "audit") as disk, ThreadPoolExecutor(1) as asking:
        recorder = Recorder(tmp_path)
        start, end = put_footage(recorder.archive, "stop", 1, 1)
        started(recorder)
        try:
            asked = item("stop", start, end)
            first, _ = made(recorder, asked)
            disk.suffer(hang=["fsync"])
            register = recorder.directory / "data" / "exports.jsonl"
            known = register.stat().st_size
            asking.submit(recorder.ask, "/api/v1/exports", "POST", body=body(asked))
            wait_until(lambda: register.stat().st_size > known, 60, 0.01)
            assert recorder.process is not None
            recorder.process.kill()
            disk.recover()
            recorder.kill()
            recorder.start()
            (broken_off, _) = recorder.ask("/api/v1/exports").json["exports"]
            validate(broken_off, "Export")
            assert (broken_off["state"], broken_off["failure"]) == ("failed", "audit_unavailable")
            later, _ = made(recorder, asked)
            assert first["number"] < broken_off["number"] < later["number"]
            noted = recorder.ask("/api/v1/audit?event=export_asked").json["records"]
            assert [one["details"]["number"] for one in noted].count(later["number"]) == 1
        finally:
            # Whatever failed: a recorder whose disk hangs could not be stopped.
            disk.recover()
            recorder.stop()
