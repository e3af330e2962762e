"""Tells the network that a recorder is here, by DNS-SD over multicast DNS (RFC 6762, RFC 6763).

Anybody on the network may hear it: it says where the recorder is and what it is called, and opens nothing.
"""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import ifaddr
import zeroconf
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

_LOGGER = logging.getLogger(__name__)

SERVICE = "_safe-community._tcp.local."
# A cable is plugged in, a router gives another address, somebody renames the recorder.
_LOOKS_EVERY_S = 15.0
# A label has 63 bytes at most (RFC 1035 §2.3.4), and a number is added to a name that another one has.
_INSTANCE_BYTES = 58
_TXT_BYTES = 200
# Nobody outside this machine is behind these.
_INSIDE = re.compile(r"(lo|docker|br-|veth|virbr|hassio|podman|cni)")


@dataclass(frozen=True, slots=True)
class Said:
    """What is told."""

    recorder_id: str
    name: str
    version: str
    port: int
    is_tls: bool


def is_wanted(wanted: bool | None, address: str, *, in_app: bool) -> bool:
    """Whether who listens at this address is announced: as it is wanted, and otherwise if others may reach it.

    The app is not: the Supervisor tells Home Assistant of it, and the network does not reach it.
    """
    if in_app:
        return False
    return not ipaddress.ip_address(address).is_loopback if wanted is None else wanted


def addresses_at(host: str) -> tuple[str, ...]:
    """The addresses at which the network reaches who listens there; none for a name."""
    try:
        listens = ipaddress.ip_address(host)
    except ValueError:
        return ()
    if not listens.is_unspecified:
        return (host,)
    found = [
        address.ip if isinstance(address.ip, str) else address.ip[0]
        for adapter in ifaddr.get_adapters()
        if not _INSIDE.match(adapter.name)
        for address in adapter.ips
    ]
    own = (ipaddress.ip_address(text) for text in found)
    return tuple(str(ip) for ip in own if ip.version == listens.version and not ip.is_link_local)


async def announce(said: Callable[[], Said], host: str) -> NoReturn:
    """Until cancelled: tells it, and what has changed of it; takes it back at the end.

    A network that does not carry it is no failure: it is tried again when the addresses change.
    """
    while True:
        told, addresses = said(), addresses_at(host)
        try:
            if addresses:
                async with AsyncZeroconf(interfaces=list(addresses)) as responder:
                    await _tell(responder, told, addresses)
                    await _until_changed(said, host, told, addresses)
        except (OSError, RuntimeError, zeroconf.Error) as error:
            problem = str(error) or type(error).__name__
            _LOGGER.warning("not announced on the network", extra={"problem": problem, "addresses": addresses})
        await _until_changed(said, host, told, addresses)


async def _tell(responder: AsyncZeroconf, said: Said, addresses: tuple[str, ...]) -> None:
    # A dot would divide the name.
    instance = _cut(" ".join(said.name.replace(".", " ").split()), _INSTANCE_BYTES) or "Safe Community"
    info = AsyncServiceInfo(
        SERVICE,
        f"{instance}.{SERVICE}",
        port=said.port,
        properties={
            "id": said.recorder_id,
            "name": _cut(said.name, _TXT_BYTES),
            "version": said.version,
            "tls": "1" if said.is_tls else "0",
        },
        server=f"safe-community-{said.recorder_id[:12]}.local.",
        parsed_addresses=list(addresses),
    )
    await (await responder.async_register_service(info, allow_name_change=True))
    _LOGGER.info(
        "announced on the network",
        extra={"name_there": info.name.removesuffix(f".{SERVICE}"), "addresses": addresses, "port": said.port},
    )


async def _until_changed(said: Callable[[], Said], host: str, told: Said, addresses: tuple[str, ...]) -> None:
    while True:
        await asyncio.sleep(_LOOKS_EVERY_S)
        if (said(), addresses_at(host)) != (told, addresses):
            return


def _cut(text: str, size_bytes: int) -> str:
    return text.encode()[:size_bytes].decode(errors="ignore")
