"""Both ways in give the same of the same live stream, and of a damaged one the native way tells all that is missing."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from safe_community_recorder.media.cmaf import ClockSource, Group
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.gst import gst_camera, movie
from tests.cameras.proxy import Proxy
from tests.cameras.reading import grouped, libav, native, places, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode, encode_sound, groups_of

# They take as long as cameras do.
pytestmark = pytest.mark.process

SIZE = (320, 240)


async def both_ways(url: str, count: int, *, audio: bool = False) -> tuple[list[AccessUnit], list[AccessUnit]]:
    """What the native source and libav give of a stream; libav a little later.

    gst-rtsp-server fails an assertion of its own when two clients set up a shared stream in the same moment.
    """
    flowing = asyncio.Event()
    reading = asyncio.create_task(taken(native(url, audio=audio), count, flowing=flowing))
    await flowing.wait()
    theirs, _ = await taken(libav(url, audio=audio), count)
    ours, _ = await reading
    return ours, theirs


def common(
    ours: Sequence[AccessUnit], theirs: Sequence[AccessUnit]
) -> tuple[Sequence[AccessUnit], Sequence[AccessUnit]]:
    """What both have seen of a stream, from a keyframe on: the pictures of the one and of the other.

    Not from the first one: gst-rtsp-server sends the first few pictures twice to who comes first.
    """
    known = {unit.data: number for number, unit in enumerate(theirs)}
    first = next(number for number, unit in enumerate(ours) if number > 8 and unit.is_key and unit.data in known)
    begin = known[ours[first].data]
    count = min(len(ours) - first, len(theirs) - begin)
    return ours[first : first + count], theirs[begin : begin + count]


@pytest.mark.parametrize(
    ("codec", "b_frames", "slices"),
    [("h264", 0, 1), ("h264", 2, 1), ("h264", 0, 4), ("h265", 0, 1), ("h265", 2, 1)],
    ids=["h264", "h264 with b-frames", "h264 in slices", "h265", "h265 with b-frames"],
)
async def test_both_sources_give_the_same_of_the_same_live_stream(
    tmp_path: Path, codec: CodecName, b_frames: int, slices: int
) -> None:
    path = movie(tmp_path / "movie.mp4", groups_of(120, b_frames, codec, size=SIZE, grain=40, slices=slices))
    with gst_camera(path, codec, "--shared", "--sets", "once") as camera:
        natively, by_libav = await both_ways(camera.url, 50)
    ours, theirs = common(natively, by_libav)
    assert len(ours) > 30
    assert [unit.data for unit in ours] == [unit.data for unit in theirs]
    assert [unit.is_key for unit in ours] == [unit.is_key for unit in theirs]
    assert {unit.video for unit in ours} == {unit.video for unit in theirs}
    for time in ("pts_90k", "dts_90k"):
        assert steps(ours, time) == steps(theirs, time)
    offsets = [one.pts_90k - one.dts_90k for one in ours], [one.pts_90k - one.dts_90k for one in theirs]
    assert offsets[0] == offsets[1]
    told = [(one.sender_us, two.sender_us) for one, two in zip(ours, theirs, strict=True)]
    both = [(one, two) for one, two in told if one is not None and two is not None]
    assert len(both) > 10
    assert all(abs(one - two) <= 20 for one, two in both)
    assert {unit.lost_packets for unit in ours} == {0}


def steps(units: Sequence[AccessUnit], time: str) -> list[int]:
    """From each picture's time to the next one's."""
    return [getattr(after, time) - getattr(before, time) for before, after in pairwise(units)]


async def test_both_sources_date_the_groups_and_the_sound_alike(tmp_path: Path) -> None:
    path = movie(tmp_path / "movie.mp4", groups_of(120, size=SIZE, grain=40, sound_after_us=5_000, sound_frames=200))
    with gst_camera(path, "h264", "--sound", "aac", "--shared") as camera:
        ours, theirs = await both_ways(camera.url, 85, audio=True)
    ours_by_begin = {group.samples[0].data: group for group in grouped(ours)}
    both = [
        (ours_by_begin[other.samples[0].data], other)
        for other in grouped(theirs)
        if other.samples[0].data in ours_by_begin
    ]
    # The first group dated by the camera's clock still gives way to those before it, dated by their arrivals.
    exact = [(one, other) for one, other in both if ClockSource.ARRIVAL not in (one.clock, other.clock)][1:]
    assert len(exact) >= 4
    assert all(abs(one.start_us - other.start_us) <= 1_000 for one, other in exact)
    assert all(abs(one.start_us - other.start_us) <= 300_000 for one, other in both)
    ours_heard, theirs_heard = sounds([one for one, _ in exact[1:-1]]), sounds(grouped(theirs))
    # The tone's frames come again and again, so of the same ones the nearest is meant.
    apart = [
        min(abs(at_us - other_us) for other_us, other in theirs_heard if other == data) for at_us, data in ours_heard
    ]
    assert len(apart) > 15
    assert max(apart) <= 10_000


def sounds(groups: Sequence[Group]) -> list[tuple[int, bytes]]:
    """Each frame of sound with its UTC."""
    found = []
    for group in groups:
        if group.audio is not None and group.sound is not None:
            at_us = group.sound.start_us
            for frame in group.sound.samples:
                found.append((at_us, frame.data))
                at_us += frame.duration * 1_000_000 // group.audio.sample_rate
    return found


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_of_a_damaged_stream_everything_that_is_missing_or_cut_is_declared(codec: CodecName) -> None:
    await asyncio.gather(*[check_losses(codec, loss) for loss in (0.0, 0.001, 0.05)])


async def check_losses(codec: CodecName, loss: float) -> None:
    """Reads a stream of which so many packets are lost on the way."""
    footage = encode(50, 0, *SIZE, codec=codec, grain=40).units
    async with ScriptedCamera(footage, pace_s=0.02) as camera, Proxy(camera.port, seed=11) as proxy:
        proxy.lose(loss)
        source = native(camera.url.replace(str(camera.port), str(proxy.port)))
        reading = asyncio.create_task(taken(source, 300))
        await asyncio.sleep(5)
        proxy.lose(0.0)
        units, error = await reading
    assert error is None
    assert (len(proxy.lost_sequences) > 0) == (loss > 0)
    assert source.lost_packets == len(proxy.lost_sequences)
    assert sum(unit.lost_packets > 0 for unit in units) <= 2 * len(proxy.lost_sequences)
    # The first picture may be one of those that are missing.
    intact = next(number for number, unit in enumerate(units) if not unit.lost_packets)
    first = [unit.data for unit in footage].index(units[intact].data)
    assert first < 20
    units = units[intact:]
    numbers = places(units, footage, first)
    for before, after, unit in zip([first - 1, *numbers], numbers, units, strict=False):
        assert after > before
        if unit.lost_packets == 0:
            assert after == before + 1, f"picture {after} follows {before}"
            assert unit.data == footage[after % len(footage)].data, f"picture {after}"


async def test_sound_and_pictures_of_a_camera_keep_together() -> None:
    audio, frames = encode_sound()
    async with ScriptedCamera(encode(30).units, sound=(audio, frames), pace_s=0.05) as camera:
        units, _ = await taken(native(camera.url, audio=True), 40)
        silent, _ = await taken(native(camera.url), 10)
    heard = [frame for unit in units for frame in unit.audio_units]
    assert len(heard) > 50
    assert {unit.audio for unit in units} <= {None, audio}
    first = frames.index(heard[0].data)
    begin_90k = units[0].pts_90k + first * audio.frame_samples * 90_000 // audio.sample_rate
    for number, frame in enumerate(heard):
        assert frame.data == frames[(first + number) % len(frames)]
        at_90k = number * audio.frame_samples * 90_000 // audio.sample_rate
        assert abs(frame.pts_90k - begin_90k - at_90k) <= 90
    assert {(unit.audio, unit.audio_units) for unit in silent} == {(None, ())}
