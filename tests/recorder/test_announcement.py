"""The network hears where a recorder is; nobody else hears of one that only its own machine reaches."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import ifaddr
import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from safe_community_recorder import announcement
from safe_community_recorder.announcement import SERVICE, Said, addresses_at, announce
from tests.recorder.archives import until
from tests.world import Recorder, wait_until

LOOPBACK = "127.0.0.1"


class Listener:
    """What somebody on the network hears."""

    def __init__(self, responder: AsyncZeroconf) -> None:
        self.names: set[str] = set()
        self._responder = responder
        self._browser = AsyncServiceBrowser(responder.zeroconf, SERVICE, handlers=[self._heard])

    def _heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            self.names.discard(name.removesuffix(f".{SERVICE}"))
        else:
            self.names.add(name.removesuffix(f".{SERVICE}"))

    async def found(self, name: str) -> AsyncServiceInfo:
        """What is said of this one, once it is heard."""
        await until(lambda: name in self.names)
        info = AsyncServiceInfo(SERVICE, f"{name}.{SERVICE}")
        assert await info.async_request(self._responder.zeroconf, 10_000)
        return info

    async def close(self) -> None:
        await self._browser.async_cancel()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with AsyncZeroconf(interfaces=[LOOPBACK]) as responder:
        own = Listener(responder)
        yield own
        await own.close()


def options(info: AsyncServiceInfo) -> Mapping[str, str | None]:
    return {key: info.decoded_properties[key] for key in ("id", "name", "version", "tls")}


SAID = Said("a-recorder", "Biržai", "1.2.3", 8710, False)


@contextlib.asynccontextmanager
async def announced(*said: Said) -> AsyncIterator[list[Said]]:
    """Recorders, each after the other; what they say may be changed."""
    sayings = list(said)
    tasks = []
    for number in range(len(sayings)):
        tasks.append(asyncio.create_task(announce(partial(sayings.__getitem__, number), LOOPBACK)))
        await asyncio.sleep(0.01)
    try:
        yield sayings
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_recorder_is_found_and_gone_when_it_stops(listener: Listener, recorder: Recorder) -> None:
    recorder.options = ("--announce", "--tls")
    recorder.write_camera_file([])
    await asyncio.to_thread(recorder.start)
    info = await listener.found("Biržai")
    recorder_id = (recorder.directory / "data" / "recorder_id").read_text().strip()
    assert options(info) == {"id": recorder_id, "name": "Biržai", "version": "0.1.0", "tls": "1"}
    assert (info.parsed_addresses(), info.port) == ([LOOPBACK], recorder.port)
    assert await asyncio.to_thread(recorder.stop) == 0
    await until(lambda: not listener.names)


async def test_two_recorders_of_one_name_are_both_found(listener: Listener) -> None:
    async with announced(SAID, replace(SAID, recorder_id="another", port=8711)):
        one, other = await listener.found("Biržai"), await listener.found("Biržai-2")
        assert {options(one)["id"], options(other)["id"]} == {"a-recorder", "another"}
        assert {one.port, other.port} == {8710, 8711}
        assert options(one)["name"] == options(other)["name"] == "Biržai"


async def test_a_new_name_is_told(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcement, "_LOOKS_EVERY_S", 0.05)
    async with announced(SAID) as said:
        await listener.found("Biržai")
        said[0] = replace(SAID, name="Vabalninkas")
        assert options(await listener.found("Vabalninkas"))["name"] == "Vabalninkas"
        await until(lambda: listener.names == {"Vabalninkas"})


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("Biržų r. sav.", "Biržų r sav"),
        ("Ž" * 40, "Ž" * 29),
        ("...", "Safe Community"),
    ],
)
async def test_every_name_can_be_told(listener: Listener, name: str, instance: str) -> None:
    async with announced(replace(SAID, name=name)):
        assert options(await listener.found(instance))["name"] == name


async def test_a_network_that_does_not_carry_it_is_tried_again_when_it_changes(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announcement, "_LOOKS_EVERY_S", 0.05)
    found: list[tuple[str, ...]] = [()]
    monkeypatch.setattr(announcement, "addresses_at", lambda _host: found[0])
    async with announced(SAID):
        found[0] = ("192.0.2.1",)
        await until(lambda: caplog.messages == ["not announced on the network"])
        await asyncio.sleep(0.3)
        assert caplog.messages == ["not announced on the network"]
        found[0] = (LOOPBACK,)
        await listener.found("Biržai")


def adapters() -> Sequence[ifaddr.Adapter]:
    def adapter(name: str, *addresses: str) -> ifaddr.Adapter:
        ips = [ifaddr.IP((text, 0, 0) if ":" in text else text, 24, name) for text in addresses]
        return ifaddr.Adapter(name, name, ips)

    return [
        adapter("lo", "127.0.0.1", "::1"),
        adapter("eth0", "192.168.1.10", "fe80::1", "fd00::10"),
        adapter("wlan0", "169.254.7.7"),
        adapter("docker0", "172.17.0.1"),
        adapter("hassio", "172.30.32.1"),
    ]


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("0.0.0.0", ("192.168.1.10",)),
        ("::", ("fd00::10",)),
        ("192.168.1.10", ("192.168.1.10",)),
        ("recorder.example", ()),
    ],
)
def test_only_addresses_that_the_network_reaches_are_told(
    host: str, addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", adapters)
    assert addresses_at(host) == addresses


@pytest.mark.parametrize(
    ("wanted", "address", "in_app", "is_announced"),
    [
        (None, "0.0.0.0", False, True),
        (None, "192.168.1.10", False, True),
        (None, "127.0.0.1", False, False),
        (None, "::1", False, False),
        (True, "127.0.0.1", False, True),
        (False, "0.0.0.0", False, False),
        (None, "0.0.0.0", True, False),
        (True, "0.0.0.0", True, False),
    ],
)
def test_who_is_reached_by_others_is_announced_unless_told_otherwise_and_the_app_never(
    wanted: bool | None, address: str, in_app: bool, is_announced: bool
) -> None:
    assert announcement.is_wanted(wanted, address, in_app=in_app) == is_announced


def test_who_listens_on_the_network_is_announced_there(recorder: Recorder) -> None:
    if not addresses_at("0.0.0.0"):
        pytest.skip("this machine has no network")
    recorder.options = ("--host", "0.0.0.0")
    recorder.write_camera_file([])
    recorder.start()
    wait_until(lambda: any(entry["event"] == "announced on the network" for entry in recorder.log), 15)
