"""Months of the audit log that are over: when they go, and that it is proved."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import utc
from safe_community_recorder.api.actor import Actor
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.ranges import DAY_US
from safe_community_recorder.audit.files import LogFile
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.trimming import effective_months, is_past
from safe_community_recorder.audit.verification import verify
from tests.recorder.audit_logs import Written, at


def test_a_month_is_deleted_24_months_after_its_end_and_that_is_proved(written: Written) -> None:
    last = written.write("one", "two", "three")
    written.now_us = at("2027-06-01")
    written.write("four")
    written.now_us = at("2028-11-30T23:59:59")
    assert written.log.trim().result() == 0
    written.now_us = at("2028-12-01")
    assert written.log.trim().result() == 1
    assert written.names == ["000000004-2027-06.jsonl", "000000005-2028-12.jsonl"]
    assert verify(written.data) == []
    (told,) = every(written.data, Wanted(event="audit_trimmed"))
    assert told.content["details"] == {
        "file": "000000001-2026-11.jsonl",
        "month": "2026-11",
        "last_number": last.number,
        "last_hash": last.hash,
    }
    assert "record 3 is past its time" in str(verify(written.data, last)[0])


def test_trimmed_as_told_is_told_from_taken_away(written: Written) -> None:
    written.write("one", "two")
    for day in ("2027-06-01", "2028-12-01"):
        written.now_us = at(day)
        written.write("more")
    assert written.log.trim().result() == 1
    assert verify(written.data) == []
    written.paths[0].unlink()
    assert str(verify(written.data)[0]).startswith("records 1 to 3 are missing, and no record says")


def test_a_log_trimmed_before_its_time_is_found(written: Written) -> None:
    last = written.write("one", "two")
    written.now_us = at("2026-12-01")
    details = {"file": "…", "month": "2026-11", "last_number": last.number, "last_hash": last.hash}
    written.log.append("audit_trimmed", {"details": details})
    written.paths[0].unlink()
    assert [str(finding) for finding in verify(written.data)] == ["record 3 tells of records deleted before their time"]


def test_a_stop_between_the_record_and_the_deletion_is_made_good(written: Written) -> None:
    written.write("one")
    written.now_us = at("2029-01-01")
    written.write("two")
    kept = written.paths[0].read_bytes()
    path = written.paths[0]
    assert written.log.trim().result() == 1
    path.write_bytes(kept)
    assert verify(written.data) == []
    written.again()
    assert written.log.trim().result() == 1
    assert verify(written.data) == []
    assert not path.exists()


def test_the_newest_file_stays_however_old_it_is(written: Written) -> None:
    written.write("one")
    written.now_us = at("2050-01-01")
    assert written.log.trim().result() == 0
    assert written.events == ["one"]


def _named(*months: str) -> list[LogFile]:
    return [LogFile(Path("x"), n, month) for n, month in enumerate(months)]


def test_a_file_of_a_wrong_clock_neither_blocks_nor_goes_early() -> None:
    now = at("2029-01-15")
    assert effective_months(_named("2026-10", "1970-01", "2026-11"), now) == ["2026-10", "2026-11", "2026-11"]
    assert effective_months(_named("2026-10", "2036-05", "2026-11"), now) == ["2026-10", "2026-11", "2026-11"]
    assert effective_months(_named("1970-01", "2026-11"), now) == ["2026-11", "2026-11"]
    assert effective_months(_named("2026-11", "2036-05"), now) == ["2026-11", "2029-01"]
    assert effective_months(_named("1970-01"), now) == ["2029-01"]


@given(st.integers(at("2020-01-01"), at("2190-01-01")), st.integers(0, 60))
def test_a_month_is_kept_for_24_months_after_its_end_and_no_longer(now_us: int, months_ago: int) -> None:
    now = utc.from_us(now_us)
    count = now.year * 12 + now.month - 1 - months_ago
    month = f"{count // 12:04d}-{count % 12 + 1:02d}"
    assert is_past(month, now_us) == (months_ago > 24)


async def test_months_go_only_after_an_hour_with_a_clock_that_is_set_and_did_not_leap(tmp_path: Path) -> None:
    steady_s, now_us, is_set = [0.0], [1_700_000_000_000_000], [True]
    auditor = Auditor(AuditLog(tmp_path, lambda: now_us[0]), lambda: steady_s[0])
    await auditor.note("recorder_started", Actor("recorder"))
    now_us[0] += 1_000 * DAY_US
    await auditor.note("recorder_started", Actor("recorder"))
    running = asyncio.create_task(auditor.run(lambda: is_set[0], every_s=0.01))

    async def trimmed() -> bool:
        await asyncio.sleep(0.3)
        return bool(list(every(tmp_path, Wanted(event="audit_trimmed"))))

    assert not await trimmed()
    steady_s[0], is_set[0] = 3_601.0, False
    assert not await trimmed()
    auditor.clock_leapt(2 * DAY_US)
    is_set[0] = True
    assert not await trimmed()
    auditor.clock_leapt(-2 * DAY_US)
    steady_s[0] = 2 * 3_601.0
    async with asyncio.timeout(60):
        while not await trimmed():
            pass
    running.cancel()
    assert await auditor.close()
    assert verify(tmp_path) == []
    assert [record.event for record in every(tmp_path, Wanted())] == ["recorder_started", "audit_trimmed"]
