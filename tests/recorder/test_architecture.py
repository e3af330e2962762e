"""The recorder's house: who may know whom (docs/architecture.md)."""

import ast
import re
from pathlib import Path

import safe_community_recorder

PACKAGE = Path(safe_community_recorder.__file__).parent
VALUES = {"utc", "cause", "clock", "durable", "identity", "logs"}
MAY_KNOW = {
    "utc": set[str](),
    "cause": set[str](),
    "clock": {"utc"},
    "durable": set[str](),
    "identity": {"durable"},
    "tls": {"durable"},
    "announcement": set[str](),
    "audit": {"durable", "utc"},
    "logs": set[str](),
    "supervisor": set[str](),
    "vision": set[str](),
    "media": {"utc"},
    "ingest": {"media"} | VALUES,
    "archive": {"audit", "media"} | VALUES,
    "maintenance": {"archive", "audit", "identity"},
    "live": {"media"} | VALUES,
    "sampler": {"media", "vision"} | VALUES,
    "sight": {"archive", "config", "media", "sampler", "vision"} | VALUES,
    "stills": {"media"},
    "strip": {"archive", "media", "stills"} | VALUES,
    "evidence": {"archive", "audit", "media", "stills"} | VALUES,
    "verify_command": {"evidence"},
    "replay": {"archive", "media", "sampler", "utc", "vision"},
    "vision_command": {"archive", "audit", "config", "replay", "strict_yaml", "utc", "vision"},
    "strict_yaml": set[str](),
    "yaml_edit": {"strict_yaml"},
    "areas": set[str](),
    "camera_schema": {"areas"},
    "config": {"archive", "camera_schema", "strict_yaml", "vision"},
    "camera_file": {"config", "durable", "strict_yaml", "yaml_edit"},
    "pipeline": {"archive", "config", "ingest", "live", "media", "sampler", "sight"} | VALUES,
    "probe": {"config", "ingest", "media"} | VALUES,
    "probe_command": {"config", "ingest", "probe"} | VALUES,
    "changes": {"config"},
    "fleet": {"archive", "camera_file", "config", "pipeline"} | VALUES,
    "api": {
        "archive",
        "areas",
        "audit",
        "camera_file",
        "changes",
        "config",
        "evidence",
        "live",
        "media",
        "probe",
        "stills",
        "strip",
        "vision",
    }
    | VALUES,
}


def room(relative: Path) -> str:
    """The package or module at the top."""
    return relative.parts[0].removesuffix(".py")


def known(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    here = path.relative_to(PACKAGE).parts[:-1]
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            target = [*base, *(node.module.split(".") if node.module else [])]
            rooms |= {target[0]} if target else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(name.startswith(("homeassistant", "custom_components")) for name in names), path
    return rooms


def test_imports_run_one_way() -> None:
    checked = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        own = room(path.relative_to(PACKAGE))
        if own in {"app", "__main__", "__init__"}:
            continue
        strange = known(path) - MAY_KNOW[own] - {own, "__version__"}
        assert not strange, f"{path.relative_to(PACKAGE)} must not know {strange}"
        checked += 1
    assert checked > 25


ROOT = Path(__file__).parents[2]


def test_every_test_that_the_documents_name_exists() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set()
    for document in (ROOT / "docs").glob("*.md"):
        named |= set(re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8")))
    assert len(named) > 8
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "recorder_addon").glob("*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
