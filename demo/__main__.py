"""Starts the whole village on this machine, watches over it and stops it: what scripts/develop runs."""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from demo import home_assistant, scheme, tour, village
from demo.home_assistant import ROOT, CannotSetUp, HomeAssistant
from demo.place import Place
from demo.waiting import WaitedTooLong, until

_SYSTEM_PYTHON = "/usr/bin/python3"  # which has GStreamer's bindings
_QUOTA_GB = 5.0
_STOPPING_S = 12.0
_STOPPING_ORDER = ("phones", "home_assistant", "recorder", "cameras")


class Died(Exception):
    """One of the village's processes ended by itself."""


@dataclass
class Child:
    """A process of the village, and where its log is."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def ready_line(self) -> dict[str, Any] | None:
        """The line of JSON in which it says that it is ready."""
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith('{"ready": true'):
                said: dict[str, Any] = json.loads(line)
                return said
        return None

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@dataclass
class Village:
    """The processes, in the order in which they were started."""

    place: Place
    elderships: tuple[village.Eldership, ...]
    with_home_assistant: bool
    children: list[Child] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Tell what goes on."""
        print(f"  {time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def run(self, name: str, command: list[str], given: Any = None, **environment: str) -> Child:
        """Start a process; `given` goes to its standard input as JSON."""
        log = self.place.folder / "logs" / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,  # Ctrl-C is for us; the children are stopped in order
            )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stream:
            stream.write(json.dumps(given).encode())
        return self._took(name, process, log)

    def _took(self, name: str, process: subprocess.Popen[bytes], log: Path) -> Child:
        child = Child(name, process, log)
        self.children.append(child)
        return child

    async def set_up(self) -> None:
        """Start everything and wait until it really is ready."""
        self.say(f"{sum(len(eldership.cameras) for eldership in self.elderships)} cameras: starting")
        ports = ["--port", str(self.place.cameras), "--control-port", str(self.place.control)]
        cameras = self.run(
            "cameras", [_SYSTEM_PYTHON, "-m", "demo.cameras", *ports], village.stream_spec(self.elderships)
        )
        if self.with_home_assistant:
            self.say("Home Assistant: starting")
            folder, log = self.place.folder / "home_assistant", self.place.folder / "logs" / "home_assistant.log"
            home_assistant.write_configuration(folder, self.place.home_assistant)
            log.unlink(missing_ok=True)
            house = self._took("home_assistant", home_assistant.start(folder, log), log)
        await until("the cameras", lambda: cameras.ready_line() is not None)
        self.say("cameras: ready")
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            await self._start_recorder(session)
            if self.with_home_assistant:
                await self._settle(session, house)

    async def _start_recorder(self, session: aiohttp.ClientSession) -> None:
        camera_file = self.place.folder / "cameras.yaml"
        content = village.camera_file(self.elderships, self.place.cameras, quota_gb=_QUOTA_GB)
        camera_file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        data = self.place.folder / "recorder"
        where = ["--config", str(camera_file), "--data", str(data), "--port", str(self.place.recorder)]
        command = [sys.executable, "-m", "safe_community_recorder", *where]
        self.run("recorder", command, PYTHONPATH=str(ROOT / "recorder_addon"))
        count = sum(len(eldership.cameras) for eldership in self.elderships)
        await until("the recorder", lambda: _answers(session, f"{self.place.recorder_url}/health"))
        self.say("recorder: ready")
        await until("all cameras to be recorded", lambda: _recording(session, self.place, count))
        self.say(f"recorder: records {count} of {count} cameras")

    async def _settle(self, session: aiohttp.ClientSession, house: Child) -> None:
        url = self.place.home_assistant_url
        await home_assistant.wait_until_serving(url, house.alive)
        owner = village.PEOPLE[0]
        if await home_assistant.is_onboarded(url, session):
            admin = await home_assistant.log_in(url, session, owner.user, owner.password)
        else:
            admin = await home_assistant.onboard(url, session, owner.name, owner.user, owner.password)
            self.say("Home Assistant: onboarded")
        await home_assistant.wait_until_running(admin)
        self.say("Home Assistant: ready")
        async with admin.connected():
            await self._settle_scheme(admin)

    async def _settle_scheme(self, admin: HomeAssistant) -> None:
        user_ids = await scheme.make_accounts(admin, village.PEOPLE)
        self.say("accounts: ready")
        entry_id = await scheme.connect_recorder(admin, self.place.recorder_url, self.place.token())
        self.say("integration: connected with the recorder")
        people = [
            {"user": person.user, "password": person.password, "name": person.name}
            for person in village.PEOPLE
            if person.phone
        ]
        state = ["--state", str(self.place.folder / "phones.json"), "--port", str(self.place.phones)]
        command = [sys.executable, "-m", "demo.phones", "--home-assistant", admin.url, *state]
        phones = self.run("phones", command, people)
        await until("the phones", lambda: phones.ready_line() is not None)
        self.say("phones: registered")
        await scheme.make_members(admin, entry_id, village.PEOPLE, self.elderships, user_ids)
        await scheme.make_duty_rota(admin, village.ON_DUTY)
        areas = await scheme.tidy_areas(admin, self.elderships)
        await scheme.make_alerts(admin, self.elderships, areas)
        self.say("members, duty rota and alerts: ready")

    def write_list(self) -> None:
        """Leave a note of the addresses and the processes for programs."""
        note = {
            "control": self.place.control_url,
            "recorder": self.place.recorder_url,
            "home_assistant": self.place.home_assistant_url,
            "phones": self.place.phones_url,
            "folder": str(self.place.folder),
            "children": {child.name: child.process.pid for child in self.children},
        }
        beside = self.place.list_path.with_suffix(".new")
        beside.write_text(json.dumps(note), encoding="utf-8")
        beside.replace(self.place.list_path)

    async def watch(self) -> None:
        """Until a process ends by itself: Died, with the tail of its log."""
        while True:
            for child in self.children:
                if not child.alive():
                    code = child.process.returncode
                    raise Died(f"{child.name} ended with exit code {code}. The end of {child.log}:\n\n{child.tail()}")
            await asyncio.sleep(0.3)

    async def stop(self) -> None:
        """Stop all, nobody before those who speak to them; whatever does not end in time is killed."""
        deadline = time.monotonic() + _STOPPING_S
        for child in sorted(self.children, key=lambda child: _STOPPING_ORDER.index(child.name)):
            if child.alive():
                child.process.terminate()
            try:
                await asyncio.to_thread(child.process.wait, max(deadline - time.monotonic(), 0.5))
            except subprocess.TimeoutExpired:
                self.say(f"{child.name}: does not stop, killed")
                child.process.kill()
                child.process.wait()


# --- waiting ----------------------------------------------------------------------------------------------------------
async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return bool(response.ok)
    except aiohttp.ClientError:
        return False


async def _recording(session: aiohttp.ClientSession, place: Place, count: int) -> bool:
    headers = {"Authorization": f"Bearer {place.token()}"}
    async with session.get(f"{place.recorder_url}/api/v1/cameras", headers=headers) as response:
        cameras = (await response.json())["cameras"]
    return sum(bool(camera["state"]["recording"]) for camera in cameras) == count


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/develop",
        description="A village on this machine: simulated cameras, the recorder, a ready Home Assistant and phones.",
        epilog="All data are in .develop/. The second start takes seconds.",
    )
    most = village.CAMERA_COUNT
    parser.add_argument("--cameras", type=int, default=most, metavar="N", help=f"1 to {most}; default all")
    parser.add_argument("--fresh", action="store_true", help="delete the data of earlier starts first")
    parser.add_argument("--no-home-assistant", action="store_true", help="only the cameras and the recorder")
    parser.add_argument("--folder", type=Path, default=ROOT / ".develop", help="where the data are; default .develop")
    parser.add_argument("--any-ports", action="store_true", help="free ports; FOLDER/village.json tells which")
    arguments = parser.parse_args()
    if not 1 <= arguments.cameras <= most:
        parser.error(f"expected 1 to {most} cameras, got {arguments.cameras}")
    return arguments


def _taken_ports(place: Place, with_home_assistant: bool) -> list[str]:
    ports = {"cameras": place.cameras, "cameras' control": place.control, "recorder": place.recorder}
    if with_home_assistant:
        ports |= {"Home Assistant": place.home_assistant, "phones": place.phones}
    taken = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append(f"{port} ({name})")
    return taken


async def _live(here: Village) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping, watching = asyncio.create_task(stop.wait()), asyncio.create_task(here.watch())
    setting_up = asyncio.create_task(here.set_up())
    code = 0
    try:
        await asyncio.wait({stopping, watching, setting_up}, return_when=asyncio.FIRST_COMPLETED)
        if setting_up.done() and not watching.done():
            setting_up.result()
            here.write_list()
            print(tour.where_to_look(here.place, here.elderships, here.with_home_assistant), flush=True)
            await asyncio.wait({stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
    except (Died, CannotSetUp, WaitedTooLong, TimeoutError, aiohttp.ClientError) as error:
        # A process that died explains what failed because of it.
        dead = next((child for child in here.children if not child.alive()), None)
        more = f"\n\nThe end of {dead.log}:\n\n{dead.tail()}" if dead and not isinstance(error, Died) else ""
        print(f"\ndevelop: {error or type(error).__name__}{more}", file=sys.stderr, flush=True)
        code = 1
    finally:
        for task in (stopping, watching, setting_up):
            task.cancel()
        await asyncio.gather(stopping, watching, setting_up, return_exceptions=True)
        print("\n  Stopping …", flush=True)
        await here.stop()
    return code


def main() -> int:
    """Run the village; the exit code."""
    arguments = _arguments()
    with_home_assistant = not arguments.no_home_assistant
    folder = arguments.folder.absolute()
    place = Place.anywhere(folder) if arguments.any_ports else Place(folder)
    if taken := _taken_ports(place, with_home_assistant):
        print(
            f"develop: something listens already on 127.0.0.1 at {', '.join(taken)}.\n"
            "Is another scripts/develop running? Stop it, or whatever else is there, and start again.",
            file=sys.stderr,
        )
        return 1
    if arguments.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    place.list_path.unlink(missing_ok=True)
    return asyncio.run(_live(Village(place, village.choose(arguments.cameras), with_home_assistant)))


if __name__ == "__main__":
    sys.exit(main())
