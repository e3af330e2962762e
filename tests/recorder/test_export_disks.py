"""Evidence packages on disks that are full, fail or hang."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from safe_community_recorder.archive.retention import Storage, allowed_bytes
from tests.faults.disks import FailingDisk, failing_disk, small_tmpfs
from tests.recorder.exporting import (
    MB,
    WHO,
    S,
    ask,
    begun,
    body,
    ended,
    item,
    made,
    put_footage,
    records,
    shelf,
    started,
)
from tests.world import Recorder, wait_until


def test_a_disk_without_room_is_said_to_have_none_and_keeps_its_footage(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path / "disk", 32 * MB) as disk:
        recorder = Recorder(tmp_path / "recorder", archive_root=disk.at)
        start, end = put_footage(disk.at, "stop", 4, 5)
        started(recorder, storage={"reserve": "5 MB"})
        try:
            wait_until(lambda: recorder.recorded_s("stop") >= 239, 30)
            export = ended(recorder, ask(recorder, item("stop", start, end))["number"])
            assert (export["state"], export["failure"]) == ("failed", "no_space"), export
            assert "room" in export["problem"]
            assert recorder.recorded_s("stop") >= 239
            assert shelf(recorder) == []
            assert records(recorder, export["number"])[0]["details"]["failure"] == "no_space"
            # What fits is made.
            small = item("stop", start, start + 10 * S)
            assert ended(recorder, ask(recorder, small)["number"])["state"] == "done"
        finally:
            recorder.stop()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, FailingDisk, datetime, datetime]]:
    """A recorder with footage to be packed from … to … on a disk that does as it is told."""
    folder = tmp_path_factory.mktemp("faulty")
    with failing_disk(folder / "disk") as disk:
        recorder = Recorder(folder / "recorder", archive_root=disk.at)
        start, end = put_footage(disk.backing, "stop", 4, 40)
        started(recorder)
        wait_until(lambda: recorder.recorded_s("stop") >= 239, 60)
        yield recorder, disk, start, end
        recorder.stop()


@pytest.fixture
def suffering(
    faulty: tuple[Recorder, FailingDisk, datetime, datetime],
) -> Iterator[tuple[Recorder, FailingDisk, datetime, datetime]]:
    """The same, well at first and at last; a package can be made again then."""
    recorder, disk, start, _ = faulty
    yield faulty
    disk.recover()
    wait_until(lambda: recorder.ask("/api/v1/storage").json["state"] == "ok", 60)
    export, _ = made(recorder, item("stop", start, start + 10 * S))
    wait_until(lambda: shelf(recorder) == [f"{export['number']}.zip"], 60)
    recorder.ask(f"/api/v1/exports/{export['number']}", "DELETE")


def test_a_disk_that_fails_meanwhile_is_a_failure_that_is_told(
    suffering: tuple[Recorder, FailingDisk, datetime, datetime],
) -> None:
    recorder, disk, start, end = suffering
    for errors, failure in (({"write": "EIO"}, "disk"), ({"write": "ENOSPC"}, "no_space")):
        number = ask(recorder, item("stop", start, end))["number"]
        begun(recorder, number)
        disk.suffer(errors=errors)
        export = ended(recorder, number)
        disk.recover()
        assert (export["state"], export["failure"]) == ("failed", failure), export
        assert export["problem"]
        wait_until(lambda: shelf(recorder) == [], 60)


def test_a_disk_that_hangs_keeps_nobody_from_cancelling(
    suffering: tuple[Recorder, FailingDisk, datetime, datetime],
) -> None:
    recorder, disk, start, end = suffering
    number = ask(recorder, item("stop", start, end))["number"]
    begun(recorder, number)
    disk.suffer(hang=["write", "fsync"])
    assert recorder.ask(f"/api/v1/exports/{number}", "DELETE").json["state"] == "cancelled"
    disk.recover()
    wait_until(lambda: shelf(recorder) == [], 60)


def test_a_package_whose_deletion_hangs_in_the_disk_holds_up_no_other(
    suffering: tuple[Recorder, FailingDisk, datetime, datetime],
) -> None:
    recorder, disk, start, _ = suffering
    asked = item("stop", start, start + 10 * S)
    number = made(recorder, asked)[0]["number"]
    disk.suffer(hang=["unlink"])
    with ThreadPoolExecutor(1) as deleting:
        deleted = deleting.submit(recorder.ask, f"/api/v1/exports/{number}", "DELETE")
        try:
            wait_until(lambda: records(recorder, number)[0]["event"] == "export_deleted")
            later = ask(recorder, asked)["number"]
            assert not deleted.done()
        finally:
            disk.recover()
        assert deleted.result(60).json["deleted"]
    ended(recorder, later)
    recorder.ask(f"/api/v1/exports/{later}", "DELETE")


def test_what_cannot_be_put_on_the_record_is_not_packed(tmp_path: Path) -> None:
    """The disk of the data is full: neither the audit log nor the register can be written."""
    with small_tmpfs(tmp_path / "disk", 16 * MB) as disk:
        recorder = Recorder(disk.at, archive_root=tmp_path / "archive")
        start, end = put_footage(tmp_path / "archive", "stop", 1, 1)
        started(recorder)
        try:
            asked = item("stop", start, end)
            export, _ = made(recorder, asked)
            ballast = disk.fill()
            taken = [export["number"]]
            # What is left of the last page of each file takes a few more lines.
            for _ in range(40):
                answer = recorder.ask("/api/v1/exports", "POST", body=body(asked), **WHO)
                if answer.status != 202:
                    break
                taken.append(answer.json["number"])
            assert (answer.status, answer.json["code"] in ("audit_unavailable", "register_not_written")) == (503, True)
            listed = recorder.ask("/api/v1/exports").json["exports"]
            assert [one["number"] for one in listed if one["failure"] != "audit_unavailable"] == taken[::-1]
            ballast.unlink()
            assert made(recorder, asked)[0]["items"][0]["clip"] == export["items"][0]["clip"]
        finally:
            recorder.stop()


def test_packages_count_in_the_quota_and_need_free_space_before_they_are_written() -> None:
    quota = Storage(quota_bytes=1_000, reserve_bytes=100)
    assert allowed_bytes(500, 10_000, 20_000, quota) == 1_000
    assert allowed_bytes(500, 10_000, 20_000, quota, packages_bytes=300) == 700
    assert allowed_bytes(500, 10_000, 20_000, quota, packages_bytes=300, promised_bytes=200) == 500
    assert allowed_bytes(500, 300, 20_000, quota, promised_bytes=200) == 500
    assert allowed_bytes(500, 300, 20_000, quota, packages_bytes=2_000) == 0


def test_on_a_disk_that_is_full_of_footage_a_small_package_makes_the_oldest_way(tmp_path: Path) -> None:
    """A tenth of the space at most, and never what it is made of."""
    recorder = Recorder(tmp_path)
    start, _ = put_footage(recorder.archive, "stop", 20, 3)
    started(recorder, storage={"quota_gb": 0.065})
    try:
        wait_until(lambda: recorder.recorded_s("stop") >= 20 * 60 - 1, 60)
        export = ended(recorder, ask(recorder, item("stop", start, start + 10 * S), stills=False)["number"])
        assert export["state"] == "done", export
        assert datetime.fromisoformat(recorder.timeline("stop")["spans"][0]["start"]) == start
        assert recorder.recorded_s("stop") < 20 * 60 - 1
        all_of_it = ended(recorder, ask(recorder, item("stop", start, start + 19 * 60 * S))["number"])
        assert (all_of_it["state"], all_of_it["failure"]) == ("failed", "no_space")
    finally:
        recorder.stop()
