"""What all tests share: which of them start processes of their own, and are left out by scripts/test --quick."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from tests.chromium import chromium

# No test is about how fast the machine is just now.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_PROCESSES = {"cameras", "recording", "recorder", "own_recorder", "village", "all_watched", "browser"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often tests/recorder/test_crash.py kills the recorder, and its dice."""
    group = parser.getgroup("safe community")
    group.addoption("--crash-rounds", type=int, default=5, help="how often the recorder is killed (default: 5)")
    group.addoption("--crash-seed", type=int, help="of the dice that say when (default: another each time)")


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Headless Chromium. Not for longer than a module: beside its event loop, no other can run in this thread."""
    with chromium() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that ask for a running recorder, camera or village."""
    for item in items:
        if _PROCESSES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.process)
