"""What all tests share: which of them start processes of their own, and are left out by scripts/test --quick."""

import pytest

_PROCESSES = {"cameras", "recording", "recorder", "own_recorder", "village"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that ask for a running recorder, camera or village."""
    for item in items:
        if _PROCESSES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.process)
