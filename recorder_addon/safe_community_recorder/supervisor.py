"""Home Assistant's Supervisor: reads the app's options, and tells Home Assistant that this recorder is here.

`python -m safe_community_recorder.supervisor` is what the app's service runs.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import aiohttp

LOGGER = logging.getLogger(__name__)

SERVICE = "safe_community"
PORT = 8710
OPTIONS_FILE = Path("/data/options.json")

type Storage = Literal["data", "share"]
type LogLevel = Literal["debug", "info", "warning", "error"]

ARCHIVES: Mapping[Storage, Path] = {
    "data": Path("/data/archive"),
    "share": Path("/share/safe_community/archive"),
}


class OptionsError(Exception):
    """The app's options cannot be used; starting again does not help."""


class SupervisorRefusal(Exception):
    """The Supervisor answered, but did not take the message."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the owner chose on the app's configuration page."""

    storage: Storage = "data"
    log_level: LogLevel = "info"


def read_options(path: Path) -> Options:
    """The options as the Supervisor wrote them. Raises OptionsError."""
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionsError(f"{path} was expected to hold the app's options as JSON: {error}") from error
    if not isinstance(options, dict):
        raise OptionsError(f"{path} was expected to hold a JSON object, not {options!r}")
    storage = _chosen(options, "storage", get_args(Storage.__value__), "data")
    log_level = _chosen(options, "log_level", get_args(LogLevel.__value__), "info")
    return Options(cast(Storage, storage), cast(LogLevel, log_level))


def _chosen(options: Mapping[str, object], name: str, known: Sequence[str], default: str) -> str:
    value = options.get(name, default)
    if not isinstance(value, str) or value not in known:
        raise OptionsError(f"option {name}: one of {', '.join(known)} was expected, not {value!r}")
    return value


def command_line(options: Options) -> list[str]:
    """The recorder's arguments inside the app's container."""
    return [
        *("--config", "/config/cameras.yaml"),
        *("--data", "/data"),
        *("--archive", str(ARCHIVES[options.storage])),
        *("--host", "0.0.0.0"),
        *("--port", str(PORT)),
        *("--log-level", options.log_level),
    ]


def growing_pauses(first_s: float = 1.0, longest_s: float = 300.0) -> Iterator[float]:
    """Seconds to wait between attempts: doubling up to a limit, without end."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, longest_s)


async def announce(
    session: aiohttp.ClientSession,
    *,
    supervisor_url: str,
    supervisor_token: str,
    host: str,
    port: int,
    token: str,
    recorder_id: str,
    pauses: Iterable[float] | None = None,
) -> str:
    """Offer this recorder to Home Assistant until the Supervisor takes the message; returns the message's uuid.

    The Supervisor keeps the message, and tells Home Assistant now and at each of its starts. `pauses` are the seconds
    between attempts; the last failure is raised when they run out, which the usual ones never do.
    """
    config: dict[str, str | int] = {"host": host, "port": port, "token": token, "recorder_id": recorder_id}
    waits = iter(growing_pauses() if pauses is None else pauses)
    while True:
        try:
            uuid = await _post(session, f"{supervisor_url}/discovery", supervisor_token, config)
        except (aiohttp.ClientError, TimeoutError, SupervisorRefusal) as error:
            pause_s = next(waits, None)
            if pause_s is None:
                raise
            LOGGER.warning("announcement refused", extra={"problem": str(error), "next_try_s": pause_s})
            await asyncio.sleep(pause_s)
        else:
            LOGGER.info("announced", extra={"host": host, "port": port})
            return uuid


async def _post(
    session: aiohttp.ClientSession, url: str, supervisor_token: str, config: Mapping[str, str | int]
) -> str:
    """One attempt. Refusals carry the Supervisor's own words, never what was sent."""
    async with session.post(
        url,
        json={"service": SERVICE, "config": config},
        headers={"Authorization": f"Bearer {supervisor_token}"},
        timeout=aiohttp.ClientTimeout(total=20),
    ) as response:
        try:
            answer = await response.json(content_type=None)
        except ValueError:
            answer = None
        match answer:
            case {"result": "ok", "data": {"uuid": str(uuid)}}:
                return uuid
            case {"message": str(message)}:
                raise SupervisorRefusal(f"{response.status}: {message}")
            case _:
                raise SupervisorRefusal(f"{response.status}, without a message")


def main() -> None:
    """Become the recorder, started with the app's options."""
    try:
        options = read_options(OPTIONS_FILE)
    except OptionsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
    os.execv(sys.executable, [sys.executable, "-m", "safe_community_recorder", *command_line(options)])


if __name__ == "__main__":
    main()
