"""Recorded cameras for tests with others' players."""

from collections.abc import Generator

import pytest

from tests.players.watched import Watched, watched_cameras


@pytest.fixture(scope="session")
def all_watched(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Watched]]:
    """All cameras by their ids."""
    with watched_cameras(tmp_path_factory.mktemp("watched")) as watched:
        yield watched


@pytest.fixture
def watched(all_watched: dict[str, Watched], request: pytest.FixtureRequest) -> Watched:
    """The camera whose id is the test's parameter."""
    return all_watched[request.param]
