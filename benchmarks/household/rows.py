"""How many rows the integration makes Home Assistant write into its database, for each camera and hour.

A real Home Assistant with its own recorder component and SQLite, a real recorder, simulated RTSP cameras: in front of
the quiet ones nothing moves, in front of the busy ones somebody passes every minute. All entities are enabled, also
those that a person has to enable, and counted apart. The baseline is what a hub would write that passes everything on:
a row of states for each enabled entity whenever the recorder tells something of its camera (or of its disk).
"""

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.documents import CameraChanged, Observed, RecorderEvent, StorageChanged
from demo import home_assistant
from tests.world import CLOCK, Cameras, Recorder, simulated_cameras

ENTRIES: Final = "/api/config/config_entries"
RECORDER: Final = "recorder"
"""What is not of one camera."""
SETTLE_S: Final = 90
PASS_EVERY_S: Final = 60
STOP_S: Final = 60


@dataclass(frozen=True, slots=True)
class Entity:
    """One of the integration's entities: of which camera (or RECORDER), and whether it is there without being asked."""

    id: str
    subject: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """What was written within `hours`: rows of states by entity, of attributes and statistics of all, and messages.

    `messages` are those that the recorder sent meanwhile, by camera (or RECORDER).
    """

    hours: float
    entities: tuple[Entity, ...]
    states: Counter[str]
    attributes: int
    statistics: Counter[str]
    messages: Counter[str]

    def of(self, subjects: Sequence[str], *, is_default: bool) -> float:
        """Rows of states in an hour for each of the subjects."""
        found = (one for one in self.entities if one.subject in subjects and one.is_default is is_default)
        return sum(self.states[one.id] for one in found) / self.hours / max(len(subjects), 1)

    def statistics_of(self, subjects: Sequence[str], *, is_default: bool) -> float:
        """Rows of statistics (of 5 minutes and of hours) in an hour for each of the subjects."""
        found = (one for one in self.entities if one.subject in subjects and one.is_default is is_default)
        return sum(self.statistics[one.id] for one in found) / self.hours / max(len(subjects), 1)

    def passed_on(self, subjects: Sequence[str]) -> float:
        """What each of the subjects would cost in an hour if every message were written by each enabled entity."""
        enabled = Counter(one.subject for one in self.entities if one.is_default)
        rows = sum(self.messages[subject] * enabled[subject] for subject in subjects)
        return rows / self.hours / max(len(subjects), 1)


def ids(letter: str, count: int) -> list[str]:
    """The cameras of a kind: q for quiet, b for busy."""
    return [f"{letter}{number}" for number in range(count)]


def measure(minutes: float, quiet: int, busy: int, say: Callable[[str], None] = print) -> Rows:
    """Let everything run for some minutes and count what is in the database."""
    with (
        tempfile.TemporaryDirectory(prefix="rows-") as directory,
        simulated_cameras(ids("q", quiet) + ids("b", busy)) as cameras,
        _recorder(Path(directory, "recorder"), cameras) as recorder,
    ):
        return asyncio.run(_measure(Path(directory, "home"), recorder, cameras, minutes * 60, say))


@contextlib.contextmanager
def _recorder(directory: Path, cameras: Cameras) -> Iterator[Recorder]:
    recorder = Recorder(directory)
    recorder.write_camera_file(
        [
            {"id": camera_id, "url": cameras.url(camera_id), "detect_url": cameras.url(camera_id, "sub")}
            | {"vision": CLOCK}
            for camera_id in cameras.ids
        ]
    )
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


async def _measure(
    folder: Path, recorder: Recorder, cameras: Cameras, seconds: float, say: Callable[[str], None]
) -> Rows:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home_assistant.write_configuration(folder, port)
    process = home_assistant.start(folder, folder / "start.log")
    try:
        async with aiohttp.ClientSession() as session:
            await home_assistant.wait_until_serving(url, lambda: process.poll() is None)
            admin = await home_assistant.onboard(url, session, "Administrator", "admin", "rows-of-a-test")
            await home_assistant.wait_until_running(admin)
            entities = await _connect(admin, recorder)
            say(f"{len(entities)} entities, settling")
            messages: Counter[str] = Counter()
            listening = asyncio.create_task(_count(RecorderClient(session, recorder.url, recorder.token), messages))
            await asyncio.sleep(SETTLE_S)
            messages.clear()
            begin = time.time()
            await _live(cameras, begin + seconds)
            end = time.time()
            listening.cancel()
    finally:
        _end(process)
    return _read(folder / "home-assistant_v2.db", begin, end, entities, messages)


async def _connect(admin: home_assistant.HomeAssistant, recorder: Recorder) -> tuple[Entity, ...]:
    answers = {"url": recorder.url, "token": recorder.token}
    made = await admin.flow(f"{ENTRIES}/flow", {"handler": DOMAIN}, answers)
    entry_id = made["result"]["entry_id"]
    async with admin.connected():
        listed = [one for one in await admin.command("config/entity_registry/list") if one["platform"] == DOMAIN]
        subjects = await _subjects(admin)
        for one in listed:
            if one["disabled_by"] is not None:
                await admin.command("config/entity_registry/update", entity_id=one["entity_id"], disabled_by=None)
    await admin.request("POST", f"{ENTRIES}/entry/{entry_id}/reload")
    return tuple(
        Entity(one["entity_id"], subjects.get(one["device_id"], RECORDER), one["disabled_by"] is None) for one in listed
    )


async def _subjects(admin: home_assistant.HomeAssistant) -> dict[str, str]:
    """The cameras by their devices; a camera is called like its id."""
    devices: list[dict[str, Any]] = await admin.command("config/device_registry/list")
    return {device["id"]: device["name"] for device in devices if device["name"][:1] in "qb" and device["name"][1:]}


async def _count(client: RecorderClient, messages: Counter[str]) -> None:
    async for event in client.events():
        if (subject := _subject(event)) is not None:
            messages[subject] += 1


def _subject(event: RecorderEvent) -> str | None:
    match event:
        case CameraChanged(camera):
            return camera.id
        case Observed(observation):
            return observation.camera_id
        case StorageChanged():
            return RECORDER
    return None


async def _live(cameras: Cameras, until: float) -> None:
    busy = [camera_id for camera_id in cameras.ids if camera_id.startswith("b")]
    while True:
        for camera_id in busy:
            await asyncio.to_thread(cameras.move, camera_id)
        if (left_s := until - time.time()) <= PASS_EVERY_S:
            await asyncio.sleep(max(left_s, 0))
            return
        await asyncio.sleep(PASS_EVERY_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have it write what it still holds."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read(path: Path, begin: float, end: float, entities: tuple[Entity, ...], messages: Counter[str]) -> Rows:
    ours = {one.id for one in entities}
    with contextlib.closing(sqlite3.connect(path)) as database:
        written = database.execute(
            "SELECT m.entity_id, s.attributes_id FROM states s JOIN states_meta m USING (metadata_id)"
            " WHERE s.last_updated_ts BETWEEN ? AND ?",
            (begin, end),
        ).fetchall()
        before = database.execute("SELECT max(attributes_id) FROM states WHERE last_updated_ts < ?", (begin,))
        known_to = before.fetchone()[0] or 0
        statistics: Counter[str] = Counter()
        for table in ("statistics", "statistics_short_term"):
            rows = database.execute(
                f"SELECT m.statistic_id FROM {table} s JOIN statistics_meta m ON m.id = s.metadata_id"
                " WHERE s.created_ts BETWEEN ? AND ?",
                (begin, end),
            )
            statistics.update(name for (name,) in rows if name in ours)
    states = Counter(entity_id for entity_id, _ in written if entity_id in ours)
    attributes = {number for entity_id, number in written if entity_id in ours and number > known_to}
    return Rows((end - begin) / 3_600, entities, states, len(attributes), statistics, messages)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def table(rows: Rows, quiet: Sequence[str], busy: Sequence[str]) -> list[str]:
    """Write the figures down in Markdown: rows in an hour."""
    columns = (
        "rows an hour",
        "states",
        "states of what is off at first",
        "statistics",
        "statistics of what is off at first",
        "states, if every message were written",
    )
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
    for name, subjects in (
        ("a quiet camera", quiet),
        ("a camera that somebody passes every minute", busy),
        ("the recorder", (RECORDER,)),
    ):
        if subjects:
            figures = (
                rows.of(subjects, is_default=True),
                rows.of(subjects, is_default=False),
                rows.statistics_of(subjects, is_default=True),
                rows.statistics_of(subjects, is_default=False),
                rows.passed_on(subjects),
            )
            lines.append(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    return lines


def report(minutes: float, quiet_count: int, busy_count: int) -> None:
    """Measure and print."""
    rows = measure(minutes, quiet_count, busy_count)
    quiet, busy = ids("q", quiet_count), ids("b", busy_count)
    print(*table(rows, quiet, busy), "", sep="\n")
    print(f"new rows of attributes, of all entities: {rows.attributes / rows.hours:.1f} an hour")
    for entity_id, count in rows.states.most_common():
        print(f"{count / rows.hours:8.1f} {entity_id}")
