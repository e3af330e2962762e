"""Live streams: muxed once for all, from the newest keyframe on; who is slow loses pictures, nobody else does."""

import asyncio
import io
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

import av
import pytest

from safe_community_recorder.live import LiveChannel
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.recorder.footage import encode

UNITS = encode(30).units


async def received(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(60):
        return [await anext(stream) for _ in range(count)]


def at(number: int, unit: AccessUnit = UNITS[1]) -> AccessUnit:
    """A picture as the one of this number, ten a second."""
    return unit._replace(pts_90k=number * 9_000, dts_90k=number * 9_000)


def shown(parts: Iterable[bytes]) -> list[tuple[int, bool, int]]:
    """When each picture of a stream is shown, whether it is a keyframe, and how wide it is, as libav sees it."""
    with av.open(io.BytesIO(b"".join(parts)), "r") as container:
        seen = [(frame.pts, frame.key_frame, frame.width) for frame in container.decode(video=0)]
    return [(pts, key, width) for pts, key, width in seen if pts is not None]


type Watch = Callable[[LiveChannel], AsyncGenerator[bytes]]
BOTH = pytest.mark.parametrize("watch", [LiveChannel.mpegts, LiveChannel.mp4])


@BOTH
async def test_many_viewers_get_the_same_bytes_and_begin_with_the_newest_keyframe(watch: Watch) -> None:
    told: list[int] = []
    live = LiveChannel(lambda: told.append(live.viewers))
    for unit in UNITS[:12]:
        live.push(unit)
    one = watch(live)
    first = await received(one, 2)
    two = watch(live)
    assert await received(two, 2) == first
    for unit in UNITS[12:20]:
        live.push(unit)
    # The very same bytes: made once, and once in memory.
    assert all(a is b for a, b in zip(await received(one, 8), await received(two, 8), strict=True))
    assert live.viewers == 2
    await one.aclose()
    assert live.viewers == 1
    assert told == [1, 2, 1]


@BOTH
async def test_a_slow_viewer_loses_pictures_and_nobody_else_does(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    slow, quick = watch(live), watch(live)
    begun = await received(slow, 1)
    seen = await received(quick, 1)
    for number in range(1, 1_000):
        live.push(at(number, UNITS[number % 10]))
        seen += await received(quick, 1)
    live.end()
    waited = [data async for data in slow]
    assert 0 < len(waited) <= 300
    everything, some = shown(seen), shown(begun + waited)
    assert [later - former for (former, *_), (later, *_) in itertools.pairwise(everything)] == [9_000] * 999
    # Behind the hole it goes on with a keyframe, and each picture has the time that it has for everybody else.
    assert some[0] == everything[0]
    assert some[1:] == everything[-len(waited) :]
    _, is_key, _ = some[1]
    assert is_key


@BOTH
async def test_what_waits_for_a_viewer_is_bounded_in_bytes_too(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    slow = watch(live)
    begun = await received(slow, 1)
    # A megabyte a picture, of which each group's first one is told by its length.
    for number in range(1, 96):
        nal = b"\x65" + bytes(999_999 - number % 10 * 8)
        data = len(nal).to_bytes(4) + nal
        time_90k = number * 9_000
        live.push(UNITS[0]._replace(data=data, pts_90k=time_90k, dts_90k=time_90k, is_key=number % 10 == 0))
    live.end()
    waited = [data async for data in slow]
    assert begun
    assert 0 < sum(map(len, waited)) <= 17 << 20
    # It goes on with a keyframe.
    assert len(waited[0]) == max(map(len, waited))


@BOTH
async def test_viewers_are_let_go_when_the_camera_goes_and_can_come_again(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[10])
    stream = watch(live)
    await received(stream, 1)
    live.end()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.keyframe is None
    assert live.viewers == 0
    # The camera is back, and its clock begins anew.
    for unit in UNITS[:5]:
        live.push(unit)
    assert len(await received(watch(live), 5)) == 5


@BOTH
async def test_whoever_comes_when_the_camera_has_just_gone_is_not_kept_waiting(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    stream = watch(live)
    live.end()
    async with asyncio.timeout(60):
        assert [data async for data in stream] == []
    assert live.viewers == 0


@BOTH
async def test_whoever_comes_late_into_a_long_group_begins_with_its_keyframe_too(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    for number in range(1, 1_500):
        live.push(at(number))
    for _ in range(2):
        stream = watch(live)
        assert len(shown(await received(stream, 1_500))) == 1_500
    live.push(at(1_500))
    assert await received(stream, 1)


@BOTH
async def test_whoever_comes_late_into_a_group_without_end_begins_with_the_next_keyframe(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    early = watch(live)
    await received(early, 1)
    for number in range(1, 2_500):
        live.push(at(number))
        await received(early, 1)
    late = watch(live)
    waiting = asyncio.create_task(anext(late))
    await asyncio.sleep(0)
    live.push(at(2_500))
    await asyncio.sleep(0)
    assert not waiting.done()
    live.push(at(2_501, UNITS[0]))
    assert await waiting
    assert len(await received(early, 2)) == 2


async def test_whoever_asks_again_and_again_counts_until_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safe_community_recorder.live._AWAY_S", 0.05)
    gone = asyncio.Event()
    live = LiveChannel(lambda: None if live.viewers else gone.set())
    for _ in range(3):
        live.called("one")
    live.called("other")
    assert live.viewers == 2
    async with asyncio.timeout(60):
        await gone.wait()
    assert live.viewers == 0


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("b_frames", [0, 2])
async def test_an_mp4_of_fragments_shows_every_picture_at_its_time(codec: CodecName, b_frames: int) -> None:
    live = LiveChannel()
    units = encode(30, b_frames, codec=codec).units
    live.push(units[0])
    stream = live.mp4()
    data = b"".join(await received(stream, 1))
    for unit in units[1:]:
        live.push(unit)
        data += b"".join(await received(stream, 1))
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        times_90k = [frame.pts for frame in container.decode(video=0)]
    assert times_90k == [unit.pts_90k - units[0].dts_90k for unit in sorted(units, key=lambda unit: unit.pts_90k)]


@BOTH
async def test_a_stream_never_goes_back_whatever_the_cameras_clock_does(watch: Watch) -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    stream = watch(live)
    data = await received(stream, 1)
    clocks_90k = [9_000, 18_000, 5, 9_005, 900_000_000, 900_009_000, 900_009_000, -90_000]
    for clock_90k in clocks_90k:
        live.push(UNITS[1]._replace(pts_90k=clock_90k, dts_90k=clock_90k))
        data += await received(stream, 1)
    times_90k = [pts for pts, *_ in shown(data)]
    assert [time_90k - times_90k[0] for time_90k in times_90k] == [number * 9_000 for number in range(9)]


async def test_an_mp4_ends_when_the_format_changes() -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    stream = live.mp4()
    await received(stream, 1)
    live.push(encode(10, 0, 96, 64).units[0])
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.viewers == 0


async def test_a_transport_stream_goes_on_with_another_size_whatever_its_times_and_ends_with_its_codec() -> None:
    live = LiveChannel()
    live.push(UNITS[0])
    stream = live.mpegts()
    data = await received(stream, 1)
    for unit in (*UNITS[1:10], *encode(10, 0, 96, 64).units, *UNITS[:10]):
        live.push(unit)
        data += await received(stream, 1)
    assert [width for *_, width in shown(data)] == [64] * 10 + [96] * 10 + [64] * 10
    # One stream: of no packet a receiver could think that it is missing.
    assert gaps(b"".join(data)) == 0
    live.push(encode(10, codec="h265").units[0])
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert live.viewers == 0
    # Whoever comes again has the new one.
    (head,) = await received(live.mpegts(), 1)
    with av.open(io.BytesIO(head), "r", format="mpegts") as container:
        assert container.streams.video[0].codec_context.name == "hevc"


def gaps(stream: bytes) -> int:
    """How often the continuity counter of a packet with payload is not the next one (ISO/IEC 13818-1 §2.4.3.3)."""
    counters: dict[int, int] = {}
    missing = 0
    for begin in range(0, len(stream), 188):
        packet = stream[begin : begin + 188]
        pid, counter, has_payload = int.from_bytes(packet[1:3]) & 0x1FFF, packet[3] & 0x0F, packet[3] & 0x10
        if has_payload:
            missing += pid in counters and counter != (counters[pid] + 1) % 16
            counters[pid] = counter
    return missing
