"""Runs the built image as the Supervisor would and checks what an owner would notice.

Called by scripts/build-app with a buildah container's name, as root in namespaces of its own: the recorder's port and
the Supervisor's are free there, whatever else the machine is doing, and no process is left over.
"""

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.app.fake_supervisor import FakeSupervisor, serving

APP = Path(__file__).parents[2] / "recorder_addon"
SERVICE = "/run/service/recorder"
SUPERVISED = f"mkdir -p /run/service && cp -R /etc/s6-overlay/s6-rc.d/recorder {SERVICE} && exec s6-supervise {SERVICE}"
HOSTNAME = "0a1b2c3d-safe-community-recorder"
SUPERVISOR_TOKEN = "the-token-of-the-supervisor"
PORT = 8710
START_WITHIN_S = 60
STOP_WITHIN_S = 10
RECORDER = ("-m", "safe_community_recorder")


class CheckFailed(Exception):
    """The image is not as it should be."""


def check(holds: bool, claim: str) -> None:
    if not holds:
        raise CheckFailed(f"not true: {claim}")
    print(f"  ✓ {claim}", flush=True)


def raise_loopback() -> None:
    """A new network namespace has its loopback interface switched off."""
    up_and_running, set_flags = 0x1 | 0x40, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh", b"lo", up_and_running))


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from descendants(int(child))


def process_below(pid: int, *words: str) -> int:
    """The process below buildah's whose command line has these words in it."""
    for child in descendants(pid):
        arguments = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if all(word in arguments for word in words):
            return child
    raise CheckFailed(f"no process {' '.join(words)} is running in the container")


class World:
    """The directories that the Supervisor mounts, and the container in them."""

    def __init__(self, container: str, root: Path) -> None:
        self.container = container
        self.data, self.config, self.share = root / "data", root / "config", root / "share"
        self.results = root / "results"
        for folder in (self.data, self.config, self.share, self.results):
            folder.mkdir()
        self.hosts = root / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost supervisor {HOSTNAME}\n")
        self.log = root / "log"

    def run(self, *command: str) -> list[str]:
        """The command line that runs something in the container, its mounts and environment as the Supervisor's."""
        mounts = {
            self.data: "/data",
            self.config: "/config",
            self.share: "/share",
            self.hosts: "/etc/hosts",
            self.results: "/run/s6-linux-init-container-results",
        }
        return [
            *("buildah", "run", "--isolation", "chroot", "--no-hosts", "--hostname", HOSTNAME),
            *(f"--volume={source}:{target}" for source, target in mounts.items()),
            f"--env=SUPERVISOR_TOKEN={SUPERVISOR_TOKEN}",
            *(self.container, "--", *command),
        ]

    def write_options(self, options: dict[str, Any]) -> None:
        (self.data / "options.json").write_text(json.dumps(options))

    @asynccontextmanager
    async def started(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """The service as s6 runs it: its run script, and its finish script when that ends."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(*self.run("sh", "-c", SUPERVISED), stdout=log, stderr=log)
        try:
            yield process
        finally:
            # What still runs now is left from a check that failed; it ends with the process namespace.
            if process.returncode is None:
                process.kill()
                await process.wait()


async def health(session: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Waits for the first answer of /health."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.returncode is None:
        try:
            async with session.get("/health") as response:
                answer: dict[str, Any] = await response.json()
                return answer
        except aiohttp.ClientError:
            await asyncio.sleep(0.2)
    raise CheckFailed(f"/health did not answer within {START_WITHIN_S} s (exit code {process.returncode})")


async def ended(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Waits until the container is no more."""
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        raise CheckFailed(f"the container did not end within {within_s} s") from None


async def announcement(supervisor: FakeSupervisor) -> dict[str, Any]:
    """Waits for the discovery message."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if supervisor.messages:
            [message] = supervisor.messages.values()
            return message
        await asyncio.sleep(0.2)
    raise CheckFailed(f"no discovery message came ({supervisor.attempts} attempts)")


def healthcheck(container: str) -> Sequence[str]:
    """The command of the image's HEALTHCHECK."""
    inspected = subprocess.run(["buildah", "inspect", container], check=True, capture_output=True, text=True).stdout
    kind: str
    command: list[str]
    kind, *command = json.loads(inspected)["Docker"]["config"]["Healthcheck"]["Test"]
    check(kind == "CMD", "HEALTHCHECK runs a command without a shell")
    return command


async def check_refused_options(world: World) -> None:
    world.write_options({"storage": "moon"})
    async with world.started() as process:
        await ended(process, START_WITHIN_S)
    code = (world.results / "exitcode").read_text().strip()
    check(code == "2" and "storage" in world.log.read_text(), "wrong options stop the app with a message and code 2")
    world.log.unlink()


async def check_recorder(world: World, app: dict[str, Any]) -> None:
    world.write_options(app["options"])
    supervisor = FakeSupervisor(token=SUPERVISOR_TOKEN, discovery=app["discovery"])
    async with (
        serving(supervisor, port=80),
        aiohttp.ClientSession(f"http://127.0.0.1:{PORT}", timeout=aiohttp.ClientTimeout(total=10)) as session,
        world.started() as process,
    ):
        answer = await health(session, process)
        check(answer == {"status": "ok", "version": app["version"]}, f"/health answers {answer}")

        config = (await announcement(supervisor))["config"]
        check((config["host"], config["port"]) == (HOSTNAME, PORT), f"announced to the Supervisor as {HOSTNAME}:{PORT}")
        headers = {"Authorization": f"Bearer {config['token']}"}
        async with session.get("/api/v1/info", headers=headers) as response:
            info = await response.json()
        check(
            response.status == 200 and info["recorder_id"] == config["recorder_id"],
            "the announced token opens the API, and the id is the recorder's",
        )
        async with session.get("/api/v1/info") as response:
            check(response.status == 401, "without the token the API is closed")
        probe = await asyncio.create_subprocess_exec(*world.run(*healthcheck(world.container)))
        check(await probe.wait() == 0, "the HEALTHCHECK of the image succeeds")
        check((world.config / "cameras.yaml").exists(), "a starter camera file is in the app's configuration folder")
        check((world.data / "archive").is_dir(), "footage goes where the option says")
        check(config["token"] not in world.log.read_text(), "the log does not show the token")

        killed = time.monotonic()
        os.kill(process_below(process.pid, *RECORDER), signal.SIGKILL)
        await asyncio.sleep(1)
        await health(session, process)
        check(True, f"a killed recorder is back by itself, after {time.monotonic() - killed:.1f} s")

        asked = time.monotonic()
        os.kill(process_below(process.pid, "s6-supervise"), signal.SIGTERM)
        await ended(process, STOP_WITHIN_S)
        check(
            '"event": "stopped"' in world.log.read_text().splitlines()[-1],
            f"stops cleanly on SIGTERM, after {time.monotonic() - asked:.1f} s",
        )


async def main(container: str) -> int:
    raise_loopback()
    app = yaml.safe_load((APP / "config.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        world = World(container, Path(folder))
        try:
            await check_refused_options(world)
            await check_recorder(world, app)
        except CheckFailed as failure:
            print(f"  ✗ {failure}", file=sys.stderr)
            if world.log.exists():
                print(world.log.read_text(), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(*sys.argv[1:])))
