"""Days with a change of the clocks, and a camera whose own clock jumps: through ingest, writer, index and interface."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer

from safe_community_recorder import config, utc
from safe_community_recorder.api.server import build_app
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.timeline import Span, local_days
from safe_community_recorder.cause import Cause
from safe_community_recorder.clock import HostClock
from safe_community_recorder.ingest.source import Address, Source, SourceError, Way
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.archives import until
from tests.recorder.contract import validate
from tests.recorder.footage import PICTURE_90K, encode
from tests.recorder.inside import services_in

S = utc.SECOND_US
MINUTE = 60 * S
TEN_MINUTES = 10 * MINUTE
CAMERA_FILE = """
version: 1
name: Aizkraukle
time_zone: {zone}
elderships: [{{id: village, name: Village}}]
cameras: [{{id: stop, name: Stop, eldership: village, url: "rtsp://192.0.2.1/main"}}]
"""


class Past:
    """A connection over which a camera shows what it saw on a day that is long gone: a second every ten minutes.

    In the middle of the day its clock jumps by three hours and a half, first on, then back.
    """

    def __init__(self, host: HostClock, day: Span) -> None:
        self._host = host
        self._day = day
        self.way = Way.NATIVE
        self.lost_packets = 0
        self.sound = None
        self.transcodes = False

    async def run(self, deliver: Callable[[AccessUnit], None]) -> None:
        """See Source."""
        footage = encode(10)
        starts = range(self._day.start_us - 9 * MINUTE, self._day.end_us + TEN_MINUTES, TEN_MINUTES)
        for number, start_us in enumerate(starts):
            jump_us = 12_600 * S if 60 <= number < 80 else 0
            for picture, unit in enumerate(footage.units):
                at_us = start_us + picture * S // 10
                dts_90k = (at_us - starts[0] + jump_us) * 9 // 100
                arrival_us = at_us - self._host.offset_us
                deliver(AccessUnit(unit.data, dts_90k, dts_90k, unit.is_key, arrival_us, footage.video))
        dts_90k += PICTURE_90K
        deliver(AccessUnit(footage.units[0].data, dts_90k, dts_90k, True, arrival_us + S // 10, footage.video))
        await asyncio.sleep(3_600)
        raise SourceError(Cause.CAMERA_UNREACHABLE, "the past is over")

    async def close(self) -> None:
        """See Source."""


@pytest.mark.parametrize("zone", ["Europe/Vilnius", "Europe/Riga"])
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)], ids=str)
async def test_a_day_of_23_or_25_hours_on_which_the_cameras_clock_jumps(
    tmp_path: Path, zone: str, day: date, hours: int
) -> None:
    host = HostClock()
    rules = config.parse(CAMERA_FILE.format(zone=zone))
    ((_, frame),) = local_days(day, day, ZoneInfo(zone))
    archive = Archive(tmp_path / "archive", tmp_path, Storage(memory_s=10_000), lambda _camera_id: 400)
    await archive.start()

    def ways(_address: Address) -> Sequence[Callable[[], Source]]:
        return [lambda: Past(host, frame)]

    async with (
        services_in(tmp_path, rules, archive, host, ways) as (services, fleet),
        TestClient(TestServer(build_app(services))) as client,
    ):
        fleet.begin()
        pipeline = fleet.cameras["stop"]

        async def ask(path: str, **query: object) -> Any:
            answer = await client.get(
                f"/api/v1/cameras/stop/{path}?{urlencode(query)}", headers={"Authorization": "Bearer token"}
            )
            assert answer.status == 200, await answer.text()
            return await answer.json()

        await pipeline.start()
        last = {"start": utc.to_text(frame.end_us), "end": utc.to_text(frame.end_us + TEN_MINUTES)}

        async def is_over() -> bool:
            return bool((await ask("timeline", **last))["spans"])

        await until(is_over)
        told = await ask("days", first=day - timedelta(days=1), last=day + timedelta(days=1))
        validate(told, "Days")
        assert told["time_zone"] == zone
        assert [each["recorded_s"] for each in told["days"]] == pytest.approx([1, 6 * hours, 1], abs=0.1)
        (_, the_day, _) = told["days"]
        assert (the_day["start"], the_day["end"]) == (utc.to_text(frame.start_us), utc.to_text(frame.end_us))
        assert the_day["recorded_percent"] == pytest.approx(100 / 600, abs=0.01)
        assert the_day["gaps"] == 6 * hours + 1

        timeline = await ask("timeline", start=utc.to_text(frame.start_us), end=utc.to_text(frame.end_us))
        validate(timeline, "Timeline")
        starts = [utc.parse(span["start"]) for span in timeline["spans"]]
        # The host's two clocks are read one after the other; on a busy machine something comes in between.
        assert starts == pytest.approx(
            list(range(frame.start_us + MINUTE, frame.end_us, TEN_MINUTES)), rel=0, abs=20_000
        )

        # The hour that comes twice, or never: each second of it is there under its own UTC.
        change_us = frame.start_us + 3 * 3_600 * S
        for start_us in range(change_us + MINUTE + S // 2, change_us + 7_200 * S, TEN_MINUTES):
            query = urlencode({"start": utc.to_text(start_us), "end": utc.to_text(start_us + S // 4)})
            answer = await client.get(
                f"/api/v1/cameras/stop/clip.mp4?{query}", headers={"Authorization": "Bearer token"}
            )
            assert answer.status == 200
            assert 0 <= utc.parse(answer.headers["X-Clip-Start"]) - start_us < S // 4

        now_us = host.utc_us()
        events = await ask("clock-events", start=utc.to_text(now_us - 60 * S), end=utc.to_text(now_us + 60 * S))
        validate(events, "ClockEvents")
        assert [event["kind"] for event in events["clock_events"]] == ["camera_jumped", "camera_jumped"]
        assert [event["by_s"] for event in events["clock_events"]] == pytest.approx([12_600, -12_600], abs=1)
        await pipeline.stop()
    assert await archive.stop()
