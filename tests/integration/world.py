"""The small world of the integration's tests: quiet cameras, members, and patience. The recorder is tests.world's."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant

from tests.world import Recorder, wait_until

VABALNINKAS, PABIRZE = "vabalninkas", "pabirze"


@dataclass(slots=True)
class Cameras:
    """The process that plays the cameras."""

    process: subprocess.Popen[str]
    port: int

    @classmethod
    def start(cls, directory: Path) -> Cameras:
        script = Path(__file__).with_name("loop_camera.py")
        process = subprocess.Popen([sys.executable, str(script), str(directory)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return cls(process, int(process.stdout.readline()))

    def entry(self, camera_id: str, name: str, eldership: str) -> dict[str, str]:
        """Write a camera's entry for the recorder's camera file."""
        url = f"http://127.0.0.1:{self.port}/{camera_id}.ts"
        return {"id": camera_id, "name": name, "eldership": eldership, "url": url}


def wait_for_files(recorder: Recorder, camera_ids: Iterable[str], least_bytes: int = 20_000) -> None:
    """Wait until cameras have footage on disk; a look at the disk needs no socket, which tests may not have yet."""

    def size(camera_id: str) -> int:
        return sum(file.stat().st_size for file in (recorder.archive / camera_id).rglob("*.mp4"))

    wait_until(lambda: all(size(camera_id) > least_bytes for camera_id in camera_ids))


async def eventually(hass: HomeAssistant, condition: Callable[[], bool], what: str) -> None:
    """Wait for something that the recorder has to say first."""
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.1)
        await hass.async_block_till_done()
    pytest.fail(f"waited in vain: {what}")


def member(name: str, role: str, **data: Any) -> ConfigSubentryData:
    """Describe a member."""
    described = {"name": name, "role": role, "elderships": [], "language": "en", **data}
    if "user_id" in data:
        described.setdefault("account_name", name)
    return ConfigSubentryData(subentry_type="member", title=name, unique_id=None, data=described)


def subentry(described: ConfigSubentryData) -> ConfigSubentry:
    """Make a subentry of a description."""
    return ConfigSubentry(
        subentry_type=described["subentry_type"],
        title=described["title"],
        unique_id=None,
        data=MappingProxyType(dict(described["data"])),
    )
