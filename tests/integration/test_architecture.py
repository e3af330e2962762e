"""The integration's house: docs/architecture.md names every module, and none knows what it must not."""

import ast
import re
from pathlib import Path

import pytest

from tests.integration.test_texts import CODE, INTEGRATION

TABLE = (
    (INTEGRATION.parents[1] / "docs/architecture.md")
    .read_text("utf-8")
    .partition("\n## The integration\n")[2]
    .partition("\n## ")[0]
)
# What nobody imports who must not know it; ours are named without the package.
MEANS = {
    "Home Assistant": {"homeassistant", "probatio"},
    "HTTP": {"aiohttp"},
    "recordings": {"identifier", "local_time", "media_source", "views"},
    "roles": {"members"},
    "where footage lies": {"storage"},
    "the connection": {"aiohttp", "client", "coordinator"},
    "cameras' pictures": {"camera", "client", "media_source", "views"},
}


def lines() -> list[tuple[list[str], str]]:
    """Return the modules of each row and what they must not know."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line[:2] == "| "]
    return [(re.findall("`([a-z_./]+)`", named), unknown.partition(" (")[0]) for named, _, unknown in cells[1:]]


def modules(named: str) -> list[Path]:
    """Return the files of a module or of a folder."""
    return sorted((INTEGRATION / named).glob("*.py")) if named.endswith("/") else [INTEGRATION / named]


def imported(path: Path) -> set[str]:
    """Return what a module imports: packages, and ours by their first names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.name.partition(".")[0] for alias in node.names}
    return found


def test_every_module_stands_in_the_table_once() -> None:
    named = [path for row, _ in lines() for name in row for path in modules(name)]
    assert sorted(named) == CODE


def test_every_part_of_the_incidents_is_explained() -> None:
    (row,) = (line for line in TABLE.splitlines() if line.startswith("| `incidents/`"))
    parts = {path.stem for path in modules("incidents/")} - {"__init__"}
    assert set(re.findall("`([a-z]+)` [(]", row)) == parts


@pytest.mark.parametrize(("row", "unknown"), lines(), ids=lambda value: value if isinstance(value, str) else value[0])
def test_nobody_knows_what_they_must_not(row: list[str], unknown: str) -> None:
    for name in row:
        for path in modules(name):
            assert not imported(path) & MEANS[unknown], path.name
