"""The camera file: schema and validation. A wrong file is refused whole, with the line and the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol
import yaml

from .archive.retention import Storage

_GB = 1_000_000_000
_LONGEST_UNJUSTIFIED_DAYS = 30
_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")

STARTER = """\
# The cameras of this recorder. Every change is read at the next start of the recorder.
version: 1
name: Safe Community

# The places people know: an eldership (seniūnija, pagasts) has an id for machines and a name for people.
elderships: []
#  - {id: pabirze, name: Pabiržė}

cameras: []
#  - id: pabirze-stotele
#    name: Autobusų stotelė
#    eldership: pabirze
#    url: rtsp://user:password@192.0.2.10:554/main
#    detect_url: rtsp://user:password@192.0.2.10:554/sub
"""


class ConfigError(ValueError):
    """The camera file is wrong; the text says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Eldership:
    """A place with its own staff and volunteers."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as the file describes it. The addresses may hold a password: they are never shown."""

    id: str
    name: str
    eldership: Eldership
    url: str = field(repr=False)
    detect_url: str | None = field(repr=False, default=None)
    retention_days: float | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """All that the camera file says."""

    name: str
    elderships: tuple[Eldership, ...]
    cameras: tuple[Camera, ...]
    storage: Storage

    def retention_days(self, camera_id: str) -> float:
        """Days a camera's footage is kept; the default for a camera that is no longer in the file."""
        for camera in self.cameras:
            if camera.id == camera_id and camera.retention_days is not None:
                return camera.retention_days
        return self.storage.retention_days


def load(path: Path) -> Config:
    """Reads the camera file. Raises ConfigError."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the camera file {path} cannot be read: {error}") from error


def parse(text: str) -> Config:
    """A camera file's content. Raises ConfigError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{where}{getattr(error, 'problem', None) or 'not YAML'}") from error
    try:
        valid = _SCHEMA(data)
    except vol.Invalid as error:
        first = error.errors[0] if isinstance(error, vol.MultipleInvalid) else error
        raise ConfigError(f"{_where(root, first.path)}{_field(first.path)}{first.msg}") from error
    return _build(valid, root)


def _build(valid: Mapping[str, Any], root: yaml.Node | None) -> Config:
    elderships: dict[str, Eldership] = {}
    for position, entry in enumerate(_entries(valid, "elderships")):
        eldership = Eldership(entry["id"], entry["name"])
        if eldership.id in elderships:
            raise ConfigError(f"{_where(root, ['elderships', position])}the eldership {eldership.id} is there twice")
        elderships[eldership.id] = eldership
    cameras: dict[str, Camera] = {}
    for position, entry in enumerate(_entries(valid, "cameras")):
        where = _where(root, ["cameras", position])
        place = elderships.get(entry["eldership"])
        if place is None:
            raise ConfigError(f"{where}there is no eldership {entry['eldership']}")
        if entry["id"] in cameras:
            raise ConfigError(f"{where}the camera {entry['id']} is there twice")
        days = entry.get("retention_days")
        if days is not None and days > _LONGEST_UNJUSTIFIED_DAYS and not entry.get("retention_justification"):
            raise ConfigError(
                f"{where}more than {_LONGEST_UNJUSTIFIED_DAYS} days of retention need a retention_justification"
            )
        cameras[entry["id"]] = Camera(
            entry["id"],
            entry["name"],
            place,
            entry["url"],
            entry.get("detect_url"),
            None if days is None else float(days),
        )
    return Config(
        str(valid["name"]), tuple(elderships.values()), tuple(cameras.values()), _storage(valid.get("storage", {}))
    )


def _entries(valid: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    entries: list[dict[str, Any]] = valid[key]
    return entries


def _storage(values: Mapping[str, Any]) -> Storage:
    quota_gb = values.get("quota_gb")
    return Storage(values.get("retention_days", 14), None if quota_gb is None else round(quota_gb * _GB))


def _address(value: object) -> str:
    try:
        parts = urlsplit(str(value))
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or 0 < parts.port < 65536)
    except ValueError:
        valid = False
    if not valid:
        # The value itself may hold a password and is not repeated.
        raise vol.Invalid(
            f"a camera's address was expected, such as rtsp://user:password@host:554/path ({'/'.join(_SCHEMES)})"
        )
    return str(value)


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid("a number was expected")
    return value


_ID = vol.All(str, vol.Match(r"^[a-z0-9][a-z0-9-]{0,63}\Z", msg="1 to 64 of a-z, 0-9 and - were expected"))
_NAME = vol.All(str, str.strip, vol.Length(min=1, max=100, msg="1 to 100 characters were expected"))
_DAYS = vol.All(_number, vol.Range(min=0.04, max=366, msg="0.04 to 366 days were expected"))

_SCHEMA = vol.Schema(
    {
        vol.Required("version"): vol.In([1], msg="the file's version 1 was expected"),
        vol.Required("name"): _NAME,
        vol.Required("elderships"): [{vol.Required("id"): _ID, vol.Required("name"): _NAME}],
        vol.Required("cameras"): [
            {
                vol.Required("id"): _ID,
                vol.Required("name"): _NAME,
                vol.Required("eldership"): str,
                vol.Required("url"): _address,
                vol.Optional("detect_url"): _address,
                vol.Optional("retention_days"): _DAYS,
                vol.Optional("retention_justification"): _NAME,
            }
        ],
        vol.Optional("storage"): {
            vol.Optional("retention_days"): vol.All(
                _number, vol.Range(min=0.04, max=30, msg="0.04 to 30 days were expected")
            ),
            vol.Optional("quota_gb"): vol.All(
                _number, vol.Range(min=0.01, max=1_000_000, msg="0.01 to 1000000 GB were expected")
            ),
        },
    }
)


def _field(path: Sequence[object]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{text}: " if text else ""


def _where(root: yaml.Node | None, path: Sequence[object]) -> str:
    """The line of the deepest node on the path that the file has."""
    node = root
    for part in path:
        following = None
        if isinstance(node, yaml.MappingNode):
            following = next((value for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            following = node.value[part]
        if following is None:
            break
        node = following
    return f"line {node.start_mark.line + 1}: " if node is not None else ""
