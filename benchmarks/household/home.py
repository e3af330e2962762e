"""A Home Assistant in this process, with our integration, with a bare one of as many entities, or with nothing.

    python -m benchmarks.household.home CONTESTANT FOLDER    (RECORDERS as JSON on standard input; prints JSON)

The bare one adds as many entities of the same platforms in one go, with a device for each camera and states that never
change, and knows nothing of any recorder: what is above it is what ours costs.
"""

import asyncio
import json
import logging
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging.handlers import MemoryHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from homeassistant import bootstrap, runner
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

ROOT: Final = Path(__file__).parents[2]
BARE: Final = "bare"
TICK_S: Final = 0.005
BARE_PLATFORM: Final = """
from homeassistant.helpers.entity import Entity
from homeassistant.components.{platform} import {base}

class Bare({base}):
    _attr_should_poll = False
    _attr_has_entity_name = True

    def __init__(self, entry, number):
        super().__init__()
        self._attr_unique_id = f"{{entry.entry_id}}_{platform}_{{number}}"
        self._attr_name = f"{platform} {{number}}"
        self._attr_event_types = ["seen"]
        camera = number % entry.data["camera"]
        device = f"{{entry.entry_id}}_{{camera}}"
        # Letters beyond ASCII, as in ours, make Home Assistant's entity ids dearer.
        name = f"{{'Pabiržė' if camera % 2 else 'Vabalninkas'}} {{device}}"
        self._attr_device_info = {{"identifiers": {{("bare", device)}}, "name": name}}

async def async_setup_entry(hass, entry, async_add_entities):
    async_add_entities(Bare(entry, number) for number in range(entry.data["{platform}"]))
"""
BASES: Final = {
    "binary_sensor": "BinarySensorEntity",
    "camera": "Camera",
    "event": "EventEntity",
    "sensor": "SensorEntity",
    "switch": "SwitchEntity",
}
BARE_INIT: Final = """
async def async_setup_entry(hass, entry):
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True
async def async_unload_entry(hass, entry):
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
"""
# Without one, Home Assistant sets no entry up.
BARE_FLOW: Final = """
from homeassistant.config_entries import ConfigFlow

class BareFlow(ConfigFlow, domain="bare"):
    MINOR_VERSION = 2
"""


@dataclass(slots=True)
class Loop:
    """How long the event loop kept others waiting, at the longest."""

    longest_s: float = 0.0


@asynccontextmanager
async def watched() -> AsyncGenerator[Loop]:
    """Look every few milliseconds whether the loop is there."""
    loop = Loop()

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_S)
            loop.longest_s = max(loop.longest_s, time.perf_counter() - before - TICK_S)

    task = asyncio.create_task(tick())
    try:
        yield loop
    finally:
        task.cancel()


def write_configuration(folder: Path, port: int) -> None:
    """Our integration, the bare one, and what every Home Assistant has of what they need."""
    custom = folder / "custom_components"
    custom.mkdir(parents=True)
    (custom / "__init__.py").touch()
    (custom / "safe_community").symlink_to(ROOT / "custom_components" / "safe_community")
    bare = custom / BARE
    bare.mkdir()
    manifest = {"domain": BARE, "name": "Bare", "version": "1.0.0", "config_flow": True, "iot_class": "local_push"}
    (bare / "manifest.json").write_text(json.dumps(manifest))
    (bare / "__init__.py").write_text(f"PLATFORMS = {sorted(BASES)}\n{BARE_INIT}")
    (bare / "config_flow.py").write_text(BARE_FLOW)
    for platform, base in BASES.items():
        (bare / f"{platform}.py").write_text(BARE_PLATFORM.format(platform=platform, base=base))
    (folder / "configuration.yaml").write_text(
        f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\nrecorder:\nstream:\nmedia_source:\ncamera:\n"
    )


def _entry(domain: str, title: str, data: Mapping[str, Any], unique_id: str | None = None) -> ConfigEntry[Any]:
    return ConfigEntry(
        domain=domain,
        title=title,
        data=dict(data),
        options={},
        source="user",
        unique_id=unique_id,
        version=1,
        minor_version=2,
        discovery_keys=MappingProxyType({}),
        subentries_data=(),
    )


def resident_bytes() -> int:
    """Return how much memory this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def measure(hass: HomeAssistant, contestant: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Set a contestant up, let it sit, shake it, and say what that cost."""
    # Home Assistant's own detector of calls that block the loop; it warns.
    blocking = MemoryHandler(1_000)
    logging.getLogger("homeassistant.util.loop").addHandler(blocking)
    before = resident_bytes()
    async with watched() as setting_up:
        began = time.perf_counter()
        for number, wanted in enumerate(asked["entries"]):
            if contestant == "ours":
                await hass.config_entries.async_add(
                    _entry("safe_community", f"Recorder {number}", wanted["data"], wanted["recorder_id"])
                )
            elif contestant == BARE:
                await hass.config_entries.async_add(_entry(BARE, f"Bare {number}", wanted["counts"]))
        await hass.async_block_till_done()
        took_s = time.perf_counter() - began
    await asyncio.sleep(asked["sit_s"])
    used = resident_bytes() - before
    async with watched() as sitting:
        await asyncio.sleep(asked["sit_s"])
    changes = 0

    def count(_event: object) -> None:
        nonlocal changes
        changes += 1

    stop = hass.bus.async_listen("state_changed", count)
    async with watched() as shaken:
        print("shake", flush=True)
        await asyncio.sleep(asked["shake_s"])
    stop()
    entities = Counter(state.domain for state in hass.states.async_all())
    return {
        "setup_s": took_s,
        "memory_mb": used / 1e6,
        "setup_stall_s": setting_up.longest_s,
        "sitting_stall_s": sitting.longest_s,
        "shaken_stall_s": shaken.longest_s,
        "changes": changes,
        "blocking_calls": [record.getMessage() for record in blocking.buffer],
        "entities": {platform: entities[platform] for platform in BASES},
    }


async def main(contestant: str, folder: Path, asked: dict[str, Any]) -> None:
    """Begin, measure, end."""
    # Home Assistant finds the integrations of its folder there.
    sys.path.insert(0, str(folder))
    write_configuration(folder, asked["port"])
    hass = await bootstrap.async_setup_hass(runner.RuntimeConfig(config_dir=str(folder), skip_pip=True))
    assert hass is not None
    await hass.async_start()
    logging.getLogger().setLevel(logging.WARNING)
    outcome = await measure(hass, contestant, asked)
    await hass.async_stop(force=True)
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.stdin.readline())))
