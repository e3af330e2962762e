"""What a source gives of a simulated camera, and how that compares with the footage the camera was given."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from safe_community_recorder.cause import Cause
from safe_community_recorder.clock import HostClock, steady_us
from safe_community_recorder.ingest.beat import Beat
from safe_community_recorder.ingest.gop import CameraClock, Continuity, GroupBuilder, Host
from safe_community_recorder.ingest.native_source import NativeSource
from safe_community_recorder.ingest.pyav_source import PyAVSource
from safe_community_recorder.ingest.source import Address, Source, SourceError
from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.media.video import AccessUnit
from tests.recorder.footage import PICTURE_90K


async def taken(
    source: Source, count: int = 1 << 30, timeout_s: float = 20, flowing: asyncio.Event | None = None
) -> tuple[list[AccessUnit], SourceError | None]:
    """The first `count` access units, or those until the source ended or the time was up; and why it ended.

    `flowing` is set when the first one comes. Of the native source, each has come when it says it has; libav is given
    what it has kept back while it opened, and the source reckons when that came.
    """
    units: list[AccessUnit] = []
    begun_us = steady_us()
    enough = asyncio.Event()

    def deliver(unit: AccessUnit) -> None:
        units.append(unit)
        if flowing is not None:
            flowing.set()
        if len(units) >= count:
            enough.set()

    running = asyncio.create_task(source.run(deliver))
    waiting = asyncio.create_task(enough.wait())
    error: SourceError | None = None
    try:
        await asyncio.wait({running, waiting}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    except SourceError as caught:
        error = caught
    finally:
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        await source.close()
    if isinstance(source, NativeSource):
        assert all(begun_us <= unit.arrival_us <= steady_us() for unit in units)
    return units[:count], error


def places(units: Sequence[AccessUnit], footage: Sequence[AccessUnit], first: int = 0) -> list[int]:
    """Which picture of footage that is served again and again each unit is, by its time; the first one is `first`."""
    order = [unit.pts_90k // PICTURE_90K for unit in footage]
    begin = order[first] - units[0].pts_90k / PICTURE_90K
    found = []
    for unit in units:
        loops, shown = divmod(round(begin + unit.pts_90k / PICTURE_90K), len(footage))
        found.append(loops * len(footage) + order.index(shown))
    return found


def assert_same(units: Sequence[AccessUnit], footage: Sequence[AccessUnit], first: int = 0) -> None:
    """The units are the footage's from picture `first` on: in order, byte for byte, and nothing is said to be lost."""
    expected = [footage[(first + number) % len(footage)] for number in range(len(units))]
    for number, (unit, original) in enumerate(zip(units, expected, strict=True)):
        assert unit.data == original.data, f"picture {number}"
        assert unit.lost_packets == 0, f"picture {number}"
        assert unit.is_key == original.is_key, f"picture {number}"
        assert unit.video == original.video, f"picture {number}"


def assert_timed(
    units: Sequence[AccessUnit], footage: Sequence[AccessUnit], first: int = 0, within_90k: int = 0
) -> None:
    """The units are shown at the footage's times, and decoded one after the other before that."""
    assert places(units, footage, first) == list(range(first, first + len(units)))
    shown = [unit.pts_90k - units[0].pts_90k for unit in units]
    whole = [round(time / PICTURE_90K) * PICTURE_90K for time in shown]
    assert max(abs(time - exact) for time, exact in zip(shown, whole, strict=True)) <= within_90k
    assert all(after.dts_90k > before.dts_90k for before, after in pairwise(units))
    assert all(unit.dts_90k <= unit.pts_90k for unit in units)


def native(url: str, *, audio: bool = False, certificate: str | None = None) -> Source:
    """The recorder's own way to an address."""
    return NativeSource(Address(url, audio=audio, certificate=certificate), Beat())


def libav(url: str, *, audio: bool = False) -> PyAVSource:
    """libav's way to an address."""
    return PyAVSource(Address(url, audio=audio), asyncio.get_running_loop())


def grouped(units: Sequence[AccessUnit], host: Host | None = None) -> list[Group]:
    """The groups that are written, dated by this host's clock or else by the machine's."""
    groups: list[Group] = []

    def take(group: Group, _hole: Cause) -> None:
        groups.append(group)

    host = host or HostClock()
    builder = GroupBuilder(host, CameraClock(host), Continuity(), take)
    for unit in units:
        builder.push(unit)
    builder.flush()
    return groups
