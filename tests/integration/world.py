"""The small world of the integration's tests: cameras, a real recorder, members, phones."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

import pytest
import yaml
from homeassistant.core import HomeAssistant

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0

VABALNINKAS = {"id": "vabalninkas", "name": "Vabalninkas"}
PABIRZE = {"id": "pabirze", "name": "Pabiržė"}


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for something in another process."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_s} s in vain: {what}")
        time.sleep(0.05)


async def eventually(hass: HomeAssistant, condition: Callable[[], bool], what: str) -> None:
    """Wait for something that the recorder has to say first."""
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.1)
        await hass.async_block_till_done()
    pytest.fail(f"waited in vain: {what}")


def end(process: subprocess.Popen[str]) -> None:
    """End a process of ours and all that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(command: list[str], **streams: Any) -> subprocess.Popen[str]:
    """Start a process of ours, as the head of its own group."""
    return subprocess.Popen(command, text=True, start_new_session=True, **streams)


@dataclass(slots=True)
class Cameras:
    """The process that plays the cameras."""

    process: subprocess.Popen[str]
    port: int

    @classmethod
    def start(cls, directory: Path) -> Cameras:
        script = Path(__file__).with_name("loop_camera.py")
        process = start([sys.executable, str(script), str(directory)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        return cls(process, int(process.stdout.readline()))

    def entry(self, camera_id: str, name: str, eldership: Mapping[str, str]) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.port}/{camera_id}.ts"
        return {"id": camera_id, "name": name, "eldership": eldership["id"], "url": url}


@dataclass(slots=True)
class Recorder:
    """A real recorder on loopback, that can be stopped and started again at the same address."""

    directory: Path
    cameras: list[dict[str, str]]
    port: int = 0
    process: subprocess.Popen[str] | None = None
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.directory / "data" / "token").read_text().strip()

    def start(self) -> None:
        config = self.directory / "cameras.yaml"
        document = {"version": 1, "name": "Biržai", "elderships": [VABALNINKAS, PABIRZE], "cameras": self.cameras}
        config.write_text(yaml.safe_dump(document, allow_unicode=True))
        command = [sys.executable, "-m", "safe_community_recorder", "--config", str(config)]
        command += ["--data", str(self.directory / "data"), "--port", str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "recorder_addon")}
        self.process = start(command, stderr=subprocess.PIPE, env=environment)
        assert self.process.stderr is not None
        self.port = self._listening_port(self.process.stderr)
        # Its log goes on; an unread pipe would stop it.
        Thread(target=self.log.extend, args=(self.process.stderr,), daemon=True).start()

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None

    def wait_for_footage(self, least_bytes: int = 20_000) -> None:
        """Wait until every camera of ours that answers has something on disk."""
        ids = [camera["id"] for camera in self.cameras if not camera["url"].endswith("gone")]

        def recorded(camera_id: str) -> bool:
            files = (self.directory / "data" / "archive" / camera_id).rglob("*.mp4")
            return sum(file.stat().st_size for file in files) > least_bytes

        until(lambda: all(recorded(camera_id) for camera_id in ids), f"footage of {ids}")

    def _listening_port(self, lines: IO[str]) -> int:
        for line in lines:
            self.log.append(line)
            entry = json.loads(line) if line.startswith("{") else {}
            if entry.get("event") == "listening":
                return int(entry["port"])
        raise RuntimeError("the recorder did not start:\n" + "".join(self.log))


def member(name: str, role: str, **data: Any) -> dict[str, Any]:
    """Describe a member's subentry."""
    return {
        "subentry_type": "member",
        "title": name,
        "unique_id": None,
        "data": {"name": name, "role": role, "elderships": [], "language": "en", **data},
    }
