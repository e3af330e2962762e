"""What all tests share: which of them start processes of their own, and are left out by scripts/test --quick."""

import pytest
from hypothesis import HealthCheck, settings

# No test is about how fast the machine is just now.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_PROCESSES = {"cameras", "recording", "recorder", "own_recorder", "village", "all_watched"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often tests/recorder/test_crash.py kills the recorder, and its dice."""
    group = parser.getgroup("safe community")
    group.addoption("--crash-rounds", type=int, default=5, help="how often the recorder is killed (default: 5)")
    group.addoption("--crash-seed", type=int, help="of the dice that say when (default: another each time)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that ask for a running recorder, camera or village."""
    for item in items:
        if _PROCESSES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.process)
