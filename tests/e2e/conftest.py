"""A whole village for the end-to-end tests: the one of scripts/develop, on free ports and in a folder of its own."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import aiohttp
import pytest
from playwright.sync_api import Browser, Page

from demo.home_assistant import HomeAssistant, log_in
from demo.village import PEOPLE
from tests.world import ROOT, wait_until

ARTIFACTS = ROOT / "artifacts"
CAMERAS = 7


@dataclass
class Village:
    """The running village: its addresses, and what a person or a program does with them."""

    process: subprocess.Popen[str]
    home_assistant: str
    recorder: str
    phones: str
    control: str
    folder: Path
    children: dict[str, int]

    def move(self, camera_id: str, seconds: float = 8) -> None:
        """Lets a car drive past a camera now."""
        query = urlencode({"camera": camera_id, "seconds": seconds})
        with urlopen(Request(f"{self.control}/move?{query}", method="POST"), timeout=5):
            pass

    def phone(self, user: str) -> dict[str, Any]:
        """A person's phone and its messages, the newest first."""
        with urlopen(f"{self.phones}/api/phones", timeout=5) as answer:
            phones: list[dict[str, Any]] = json.load(answer)["phones"]
        return next(phone for phone in phones if phone["user"] == user)

    def ask[T](self, user: str, question: Callable[[HomeAssistant], Coroutine[Any, Any, T]]) -> T:
        """Lets a logged-in person ask Home Assistant something, by REST or WebSocket."""

        async def asking() -> T:
            async with aiohttp.ClientSession() as session:
                person = await log_in(self.home_assistant, session, user, password_of(user))
                async with person.connected():
                    return await question(person)

        # In a thread: Playwright's own event loop runs in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(asking())).result()

    def state(self, entity_id: str) -> dict[str, Any]:
        """An entity's state, as an administrator sees it."""

        async def state(admin: HomeAssistant) -> dict[str, Any]:
            found: dict[str, Any] = await admin.request("GET", f"/api/states/{entity_id}")
            return found

        return self.ask(PEOPLE[0].user, state)


def password_of(user: str) -> str:
    """A demo person's password."""
    return next(person.password for person in PEOPLE if person.user == user)


@pytest.fixture(scope="session")
def village(tmp_path_factory: pytest.TempPathFactory) -> Generator[Village]:
    """Starts the village and stops it as Ctrl-C does."""
    folder = tmp_path_factory.mktemp("village")
    log = (folder / "develop.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--cameras", str(CAMERAS), "--folder", str(folder), "--any-ports"],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def ready() -> dict[str, Any]:
        assert process.poll() is None, (folder / "develop.log").read_text()
        path = folder / "village.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    try:
        where = wait_until(ready, 240, 0.5)
        yield Village(process, folder=Path(where.pop("folder")), **where)
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        log.close()
        ARTIFACTS.mkdir(exist_ok=True)
        (ARTIFACTS / "develop.log").write_text((folder / "develop.log").read_text())
        for path in (folder / "logs").iterdir():
            (ARTIFACTS / path.name).write_text(path.read_text(errors="replace"))
    assert code == 0
    assert time.monotonic() - began < 20


type LogInPage = Callable[[str], Page]


@pytest.fixture
def logged_in(village: Village, browser: Browser, request: pytest.FixtureRequest) -> Generator[LogInPage]:
    """Logs people in through Home Assistant's own login page; keeps a picture of what they saw last."""
    pages: list[tuple[str, Page]] = []

    def log_in_page(user: str) -> Page:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        pages.append((user, page))
        page.goto(village.home_assistant)
        page.locator("input[name=username]").fill(user)
        page.locator("input[name=password]").fill(password_of(user))
        page.keyboard.press("Enter")
        page.locator("ha-sidebar").wait_for(timeout=60_000)
        return page

    yield log_in_page
    ARTIFACTS.mkdir(exist_ok=True)
    for user, page in pages:
        page.screenshot(path=ARTIFACTS / f"{request.node.name}-{user}.png")
        page.context.close()
