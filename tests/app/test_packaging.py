"""What the Supervisor, HACS and pip read: one version, one lock, valid files in three languages."""

import io
import json
import os
import re
import subprocess
import tarfile
import tomllib
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml
from PIL import Image
from securetar import atomic_contents_add

import safe_community_recorder
from safe_community_recorder import supervisor
from safe_community_recorder.supervisor import Options

ROOT = Path(__file__).parents[2]
APP = ROOT / "recorder_addon"
INTEGRATION = ROOT / "custom_components" / "safe_community"
LANGUAGES = ("en", "lt", "lv")

# The keys that config.yaml may have, with their defaults where there is one (Supervisor, apps/validate.py). A key that
# repeats its default is an error to the app linter.
KEYS: dict[str, object] = {
    **dict.fromkeys(("name", "version", "slug", "description", "url", "arch", "map", "discovery", "homeassistant")),
    **dict.fromkeys(("options", "schema", "backup_exclude", "ports", "ports_description", "image", "environment")),
    "backup": "hot",
    "boot": "auto",
    "ingress": False,
    "ingress_port": 8099,
    "init": True,
    "panel_admin": True,
    "panel_icon": "mdi:puzzle",
    "stage": "stable",
    "startup": "application",
    "timeout": 10,
    "tmpfs": False,
}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
    return parsed


def tracked_files() -> list[str]:
    """What git knows, and what it would know next."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return listed.stdout.splitlines()


def test_every_part_has_the_same_version(config: dict[str, Any]) -> None:
    versions = {
        "recorder_addon/config.yaml": config["version"],
        "pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        "recorder_addon/pyproject.toml": tomllib.loads((APP / "pyproject.toml").read_text())["project"]["version"],
        "manifest.json": json.loads((INTEGRATION / "manifest.json").read_text())["version"],
        "the recorder": safe_community_recorder.__version__,
    }
    assert len(set(versions.values())) == 1, versions
    assert re.search(rf"^## {re.escape(config['version'])}$", (APP / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_image_gets_exactly_the_locked_packages() -> None:
    export = ["--package", "safe-community-recorder", "--no-dev", "--frozen", "--no-emit-workspace", "--no-annotate"]
    exported = subprocess.run(
        [_uv(), "export", "--quiet", *export], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert _requirements(APP / "requirements.txt") == _requirement_lines(exported), (
        f"uv.lock has changed; run: uv export {' '.join(export)} --output-file recorder_addon/requirements.txt"
    )


def test_every_package_comes_as_a_wheel_for_both_kinds_of_machine() -> None:
    fits = re.compile(r"-(cp314-cp314|cp3\d+-abi3)-musllinux_1_\d_(x86_64|aarch64)\.whl$")
    locked = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    names = [line.split("==")[0] for line in _requirements(APP / "requirements.txt") if "==" in line]
    assert names
    for name in names:
        wheels = [wheel["url"].rpartition("/")[2] for wheel in locked[name].get("wheels", [])]
        machines = {match[2] for wheel in wheels if (match := fits.search(wheel))}
        assert any(wheel.endswith("-none-any.whl") for wheel in wheels) or machines == {"x86_64", "aarch64"}, name


def test_the_configuration_has_no_unknown_key_and_repeats_no_default(config: dict[str, Any]) -> None:
    assert set(config) <= set(KEYS)
    assert [key for key, value in config.items() if KEYS[key] is not None and value == KEYS[key]] == []


def test_the_app_is_for_home_assistant_of_today(config: dict[str, Any]) -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text())
    assert config["arch"] == ["aarch64", "amd64"]
    assert config["homeassistant"] == hacs["homeassistant"] == "2026.10.0"
    assert (
        config["discovery"]
        == [supervisor.SERVICE]
        == [json.loads((INTEGRATION / "manifest.json").read_text())["domain"]]
    )
    assert config["init"] is False, "the base image has s6-overlay as its first process"
    assert 10 <= config["timeout"] <= 300


def test_only_the_folders_that_are_needed_are_mapped(config: dict[str, Any]) -> None:
    assert {entry["type"] for entry in config["map"]} == {"app_config", "share"}


def test_every_default_is_one_that_the_schema_and_the_recorder_take(config: dict[str, Any], tmp_path: Path) -> None:
    assert set(config["options"]) == set(config["schema"])
    for name, rule in config["schema"].items():
        known = re.fullmatch(r"list\((.+)\)", rule)
        assert known, rule
        assert config["options"][name] in known[1].split("|")
        for value in known[1].split("|"):
            (tmp_path / "options.json").write_text(json.dumps({name: value}))
            supervisor.read_options(tmp_path / "options.json")
    (tmp_path / "options.json").write_text(json.dumps(config["options"]))
    assert supervisor.read_options(tmp_path / "options.json") == Options()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_option_is_explained(language: str, config: dict[str, Any]) -> None:
    texts = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text(encoding="utf-8"))
    assert set(texts) == {"configuration"}
    assert set(texts["configuration"]) == set(config["schema"])
    for name, text in texts["configuration"].items():
        assert set(text) == {"name", "description"}, name
        assert all(value.strip() for value in text.values()), name


def test_a_backup_has_what_cannot_be_made_again_and_no_footage(config: dict[str, Any], tmp_path: Path) -> None:
    data = tmp_path / "addons" / "data" / "0a1b2c3d_safe_community_recorder"
    kept, left_out = {"token", "recorder_id", "options.json"}, {"index.sqlite", "index.sqlite-wal", "archive/a/x.mp4"}
    for name in kept | left_out:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("")

    # As the Supervisor does it (apps/app.py, _is_excluded_by_filter).
    def excluded(origin: Path, arcname: str, item: PurePath) -> bool:
        return any((origin / item.relative_to(arcname)).match(pattern) for pattern in config["backup_exclude"])

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        atomic_contents_add(tar, data, file_filter=partial(excluded, data, "data"), arcname="data")
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        assert {member.name.removeprefix("data/") for member in tar if member.isfile()} == kept


def test_the_service_is_one_that_s6_finds_and_may_run() -> None:
    services = APP / "rootfs" / "etc" / "s6-overlay" / "s6-rc.d"
    assert (services / "recorder" / "type").read_text() == "longrun\n"
    assert (services / "recorder" / "dependencies.d" / "base").exists()
    assert (services / "user" / "contents.d" / "recorder").exists()
    for script in ("run", "finish"):
        assert os.access(services / "recorder" / script, os.X_OK)
        assert (services / "recorder" / script).read_text().startswith("#!/command/with-contenv sh\n")


def test_the_image_asks_the_port_that_the_recorder_listens_on() -> None:
    dockerfile = (APP / "Dockerfile").read_text()
    assert f"http://127.0.0.1:{supervisor.PORT}/health" in dockerfile
    assert 'io.hass.type="app"' in dockerfile
    assert dockerfile.startswith("#"), "no syntax directive that would need a registry"


def test_the_repository_is_what_supervisor_and_hacs_expect() -> None:
    files = [PurePath(name) for name in tracked_files()]
    assert [str(path) for path in files if path.name in {"config.yaml", "config.yml", "config.json"}] == [
        "recorder_addon/config.yaml"
    ], "the Supervisor takes every such file for an app"
    assert [str(path) for path in files if path.name == "manifest.json"] == [
        "custom_components/safe_community/manifest.json"
    ]
    assert not [
        path for path in files if path.name in {"build.yaml", "build.json"} and path.parts[0] == "recorder_addon"
    ]
    assert set(yaml.safe_load((ROOT / "repository.yaml").read_text())) == {"name", "url", "maintainer"}
    assert set(json.loads((ROOT / "hacs.json").read_text())) <= {"name", "homeassistant", "country", "render_readme"}
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_every_page_points_at_the_same_project(config: dict[str, Any]) -> None:
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    repository = yaml.safe_load((ROOT / "repository.yaml").read_text())
    assert config["url"] == manifest["documentation"] == repository["url"]


@pytest.mark.parametrize(
    ("path", "size"),
    [
        (APP / "icon.png", (128, 128)),
        (APP / "logo.png", (250, 100)),
        (INTEGRATION / "brand" / "icon.png", (256, 256)),
        (INTEGRATION / "brand" / "icon@2x.png", (512, 512)),
        (INTEGRATION / "brand" / "logo.png", (500, 200)),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_pictures_have_the_size_that_home_assistant_shows(path: Path, size: tuple[int, int]) -> None:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == size


def _uv() -> str:
    private = ROOT / ".tools" / "uv" / "bin" / "uv"
    return str(private) if private.exists() else "uv"


def _requirement_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def _requirements(path: Path) -> list[str]:
    return _requirement_lines(path.read_text())
