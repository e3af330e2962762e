"""Home Assistant starts without installing anything: what the demo's integrations require is in the lock file."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import homeassistant
from homeassistant import bootstrap

from demo.home_assistant import _CONFIGURATION

COMPONENTS = Path(homeassistant.__file__).parent / "components"
OURS = Path(__file__).parents[2] / "custom_components" / "safe_community" / "manifest.json"


def test_what_the_demo_loads_is_installed_as_its_manifests_pin_it() -> None:
    wanted = set(re.findall(r"^([a-z_]+):", _CONFIGURATION, re.MULTILINE)) | {"local_calendar"}
    wanted |= bootstrap.DEFAULT_INTEGRATIONS | bootstrap.CORE_INTEGRATIONS
    wanted |= set(json.loads(OURS.read_text())["dependencies"])
    seen: set[str] = set()
    requirements: set[str] = set()
    while wanted - seen:
        domain = (wanted - seen).pop()
        seen.add(domain)
        manifest = json.loads((COMPONENTS / domain / "manifest.json").read_text())
        wanted |= set(manifest.get("dependencies", []))
        requirements |= set(manifest.get("requirements", []))
    assert len(requirements) > 15
    for requirement in sorted(requirements):
        name, _, pinned = requirement.partition("==")
        assert version(name.partition("[")[0]) == pinned, requirement
