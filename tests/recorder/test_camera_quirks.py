"""Streams deviate: whatever of it is known gives the right pictures at the right times."""

import asyncio
from collections.abc import Sequence
from copy import replace
from itertools import pairwise
from statistics import median

import pytest

from safe_community_recorder.media.cmaf import ClockSource
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import Login, Reports, StreamQuirks
from tests.cameras.reading import assert_same, assert_timed, grouped, libav, native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import PICTURE_90K, encode
from tests.recorder.quirky import FAST_S, difference, footage_of, read

# They take as long as cameras do.
pytestmark = pytest.mark.process

COUNT = 45

STREAM_QUIRKS = [
    StreamQuirks(),
    StreamQuirks(markers="nal units"),
    StreamQuirks(markers="sei"),
    StreamQuirks(markers="packets"),
    StreamQuirks(markers="none"),
    StreamQuirks(sets="in band"),
    StreamQuirks(sets="sdp"),
    StreamQuirks(sets="with the picture before"),
    StreamQuirks(sets="before each slice"),
    StreamQuirks(fragments="always"),
    StreamQuirks(fragments="with an empty one"),
    StreamQuirks(fragments="mistyped"),
    StreamQuirks(fragments="reserved bit"),
    StreamQuirks(aggregated=True),
    StreamQuirks(start_codes=True),
    StreamQuirks(start_codes=True, fragments="always", sets="in band"),
    StreamQuirks(timestamps="wrapping"),
    StreamQuirks(header="padded"),
    StreamQuirks(header="extended"),
    StreamQuirks(header="contributed"),
    StreamQuirks(ssrc="other than told"),
    StreamQuirks(ssrc="by group"),
    StreamQuirks(ssrc="by group", sets="sdp"),
    StreamQuirks(sequence="by group"),
    StreamQuirks(sequence="by group", sets="sdp"),
    StreamQuirks(alien_packets=True),
    StreamQuirks(between="empty lines"),
    StreamQuirks(between="rubbish"),
    StreamQuirks(between="unknown channel"),
    StreamQuirks(between="private channel"),
    StreamQuirks(reports="none"),
    StreamQuirks(most_bytes=200),
    StreamQuirks(most_bytes=60_000),
]


@pytest.mark.parametrize(
    ("codec", "b_frames", "slices"),
    [("h264", 0, 1), ("h264", 0, 4), ("h264", 2, 1), ("h265", 0, 1), ("h265", 2, 1)],
    ids=["h264", "h264 in slices", "h264 with b-frames", "h265", "h265 with b-frames"],
)
async def test_a_stream_with_any_quirk_gives_all_its_pictures_at_their_times(
    codec: CodecName, b_frames: int, slices: int
) -> None:
    footage = footage_of(codec, b_frames, slices).units

    async def check(quirks: StreamQuirks) -> str:
        async with ScriptedCamera(footage, quirks, pace_s=0.05) as camera:
            units, error = await read(camera, COUNT)
        try:
            assert error is None
            assert len(units) == COUNT
            assert_same(units, footage)
            assert_timed(units, footage)
        except AssertionError as failure:
            return f"{difference(quirks)}: {failure}"[:300]
        return ""

    quirks = [*STREAM_QUIRKS, StreamQuirks(decoding_order=True)] if codec == "h265" else STREAM_QUIRKS
    failures = await asyncio.gather(*map(check, quirks))
    assert [failure for failure in failures if failure] == []


@pytest.mark.parametrize("pictures", [2, 3])
async def test_pictures_that_share_a_timestamp_stay_apart_and_in_order(pictures: int) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, StreamQuirks(units_per_timestamp=pictures), pace_s=FAST_S) as camera:
        units, error = await read(camera, COUNT)
    assert error is None
    assert_same(units, footage)
    assert all(after.dts_90k > before.dts_90k for before, after in pairwise(units))
    for number, unit in enumerate(units):
        apart = unit.pts_90k - units[0].pts_90k - number * PICTURE_90K
        assert abs(apart) <= pictures * PICTURE_90K


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_camera_without_any_timestamps_gives_its_pictures_as_they_arrive(codec: CodecName) -> None:
    footage = footage_of(codec).units
    async with ScriptedCamera(footage, StreamQuirks(timestamps="zero"), pace_s=0.1) as camera:
        units, error = await read(camera, 30)
    assert error is None
    assert_same(units, footage)
    # Once that is noticed, each is read as it comes.
    arrivals = [unit.arrival_us for unit in units[15:]]
    assert median(after - before for before, after in pairwise(arrivals)) == pytest.approx(100_000, abs=50_000)
    assert seconds_of(units) == pytest.approx(3, abs=1)


def seconds_of(units: Sequence[AccessUnit]) -> float:
    """How long the footage lasts that is written."""
    return sum(sum(sample.duration_90k for sample in group.samples) for group in grouped(units)) / 90_000


async def test_a_change_of_the_picture_size_in_mid_stream_is_followed_at_its_keyframe() -> None:
    small, large = footage_of("h264").units, encode(20, 0, 640, 480, grain=12).units
    later = [replace(unit, pts_90k=unit.pts_90k + 30 * PICTURE_90K) for unit in large]
    for sets in ("everywhere", "in band"):
        async with ScriptedCamera([*small, *later], StreamQuirks(sets=sets), pace_s=FAST_S) as camera:
            units, error = await read(camera, 49)
        assert error is None
        assert_same(units, [*small, *later])
        assert [unit.video.width for unit in units] == [320] * 30 + [640] * 19


async def test_a_keyframe_of_two_megabytes_and_one_picture_a_second_come_whole() -> None:
    footage = encode(3, 0, 1920, 1080, grain=120).units
    assert len(footage[0].data) > 2_000_000
    slow = [replace(unit, pts_90k=number * 90_000) for number, unit in enumerate(footage)]
    async with ScriptedCamera(slow, pace_s=1.0) as camera:
        units, error = await read(camera, 2)
    assert error is None
    assert [unit.data for unit in units] == [unit.data for unit in footage[:2]]
    assert {unit.lost_packets for unit in units} == {0}


@pytest.mark.parametrize(
    ("reports", "believed"),
    [("right", True), ("2036", False), ("hours off", False), ("1970", False), ("zero", False), ("none", False)],
)
async def test_a_sender_report_is_believed_if_it_can_be(reports: Reports, believed: bool) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, StreamQuirks(reports=reports), pace_s=0.1) as camera:
        units, error = await read(camera, 25)
        begin_us = camera.begin_us
    assert error is None
    assert_same(units, footage)
    groups = grouped(units)
    assert {group.clock for group in groups[1:]} == {ClockSource.SENDER_REPORT if believed else ClockSource.ARRIVAL}
    # Arrivals are looked at once a beat.
    for number, group in enumerate(groups):
        assert group.start_us == pytest.approx(begin_us + number * 1_000_000, abs=500_000)
    if reports == "right":
        assert [unit.sender_us for unit in units] == pytest.approx(
            [begin_us + unit.pts_90k * 100 // 9 for unit in footage[:25]], abs=20
        )
    if reports in ("1970", "zero", "none"):
        assert {unit.sender_us for unit in units} == {None}


async def test_the_pieces_in_which_a_stream_comes_do_not_matter() -> None:
    footage = footage_of("h264").units
    async with (
        ScriptedCamera(footage, StreamQuirks(most_bytes=500), pace_s=0.02) as camera,
        Proxy(camera.port) as proxy,
    ):
        proxy.split()
        units, error = await taken(native(camera.url.replace(str(camera.port), str(proxy.port))), 20)
    assert error is None
    assert_same(units, footage)
    assert_timed(units, footage)


@pytest.mark.parametrize("fault", ["truncate", "corrupt", "corrupt anywhere", "flood"])
async def test_damage_on_the_way_costs_the_pictures_that_it_hit_and_no_more(fault: str) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, pace_s=0.02) as camera, Proxy(camera.port, seed=3) as proxy:
        reading = asyncio.create_task(taken(native(camera.url.replace(str(camera.port), str(proxy.port))), 140))
        await asyncio.sleep(0.5)
        match fault:
            case "truncate":
                proxy.truncate(0.02)
            case "corrupt":
                proxy.corrupt(0.02)
            case "corrupt anywhere":
                proxy.corrupt(0.02, anywhere=True)
            case "flood":
                proxy.flood(10)
        await asyncio.sleep(1.0)
        proxy.heal()
        units, error = await reading
    assert error is None
    known = {unit.data for unit in footage}
    assert all(unit.data in known for unit in units[-30:])
    assert sum(unit.data in known for unit in units) > (139 if fault == "flood" else 110)


async def test_what_native_leaves_to_another_way_libav_takes() -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, login=Login(schemes=("basic", "md5")), pace_s=0.02) as camera:
        units, error = await taken(libav(camera.url), 30)
    assert error is None
    assert_same(units, footage)
    assert_timed(units, footage)
