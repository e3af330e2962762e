"""The camera file: what it says. A wrong file is refused whole, with the line, the column and the reason."""

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import voluptuous as vol

from . import camera_schema, strict_yaml
from .archive.retention import Storage
from .strict_yaml import Document, YamlError
from .vision.eye import EyeSettings
from .vision.motion import MotionSettings
from .vision.zones import Polygon, Zone

_LONGEST_UNJUSTIFIED_DAYS = 30
_ORDER = [str(key) for key in (*camera_schema.FILE_KEYS, *camera_schema.CAMERA_KEYS, *camera_schema.ZONE_KEYS)]

CAMERA_KEYS = tuple(str(key) for key in camera_schema.CAMERA_KEYS)

STARTER = """\
# The cameras of this recorder. A change is taken within seconds, without a restart; a file with a mistake is refused
# whole, and what ran before goes on. All that may stand here: docs/camera-file.md.
version: 1
name: Safe Community
time_zone: Europe/Vilnius

# The places people know: an eldership (seniūnija, pagasts) has an id for machines and a name for people.
elderships: []
#  - {id: pabirze, name: Pabiržė}

cameras: []
#  - id: pabirze-stotele
#    name: Autobusų stotelė
#    eldership: pabirze
#    url: rtsp://user:password@192.0.2.10:554/main
#    detect_url: rtsp://user:password@192.0.2.10:554/sub
#    purpose: Safety of people at the bus stop
#    legal_basis: GDPR Art. 6(1)(e)

# storage: {retention_days: 14, quota_gb: 500, reserve: 5 %}
"""


class ConfigError(ValueError):
    """The camera file is wrong; the text says where and what was expected.

    `field` is where in the data (cameras[3].url), `line` and `column` where in the file; 0 where there is no place.
    """

    def __init__(self, reason: str, field: str = "", line: int = 0, column: int = 0) -> None:
        place = f"line {line}, column {column}: " if line else ""
        super().__init__(f"{place}{field}{': ' if field else ''}{reason}")
        self.reason = reason
        self.field = field
        self.line = line
        self.column = column


class UnknownEldershipError(ConfigError):
    """A camera names an eldership that the file does not have."""


@dataclass(frozen=True, slots=True)
class Eldership:
    """A place with its own staff and volunteers."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Processing:
    """What the register of processing (GDPR Art. 30) says of a camera."""

    purpose: str | None = None
    legal_basis: str | None = None
    sign_posted: date | None = None
    dpia: str | None = None
    review: date | None = None
    retention_justification: str | None = None
    audio_justification: str | None = None

    def as_dict(self) -> dict[str, str | date]:
        """What is said, by its key in the camera file."""
        values = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class VisionRules:
    """How a camera is looked at: whether at all; from sensitivity 1 (what is large and clear) to 9 (the slightest).

    Without zones the whole picture counts, in any case without the areas to ignore. What moves for less than
    `minimum_s` does not. `names` are what people call the zones, by id.
    """

    enabled: bool = True
    sensitivity: int = 5
    zones: tuple[Zone, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    minimum_s: float = 0.6
    tampering: bool = True
    names: tuple[tuple[str, str], ...] = ()

    @property
    def eye(self) -> EyeSettings:
        """The same, as vision takes it."""
        motion = MotionSettings(self.sensitivity, self.zones, self.ignore, self.minimum_s)
        return EyeSettings(motion, self.tampering)

    def as_dict(self) -> dict[str, object]:
        """What differs from the default, by its key in the camera file."""
        names, usual = dict(self.names), VisionRules()
        simple = ("enabled", "sensitivity", "minimum_s", "tampering")
        told: dict[str, object] = {
            key: getattr(self, key) for key in simple if getattr(self, key) != getattr(usual, key)
        }
        if self.zones:
            told["zones"] = [
                {"id": zone.id} | ({"name": names[zone.id]} if zone.id in names else {}) | {"area": _pairs(zone.area)}
                for zone in self.zones
            ]
        if self.ignore:
            told["ignore"] = [_pairs(area) for area in self.ignore]
        return told


@dataclass(frozen=True, slots=True)
class VisionBudget:
    """How much of the machine's processors looking at all cameras may take."""

    cpu_fraction: float = 0.25


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as the file describes it. The addresses may hold a password: they are never shown.

    `source` is how its streams are received; `certificate` what it has to show: None for a signed one, "ignore" for
    any, or "sha256:" and its fingerprint.
    """

    id: str
    name: str
    eldership: Eldership
    url: str = field(repr=False)
    detect_url: str | None = field(repr=False, default=None)
    retention_days: float | None = None
    audio: bool = False
    paused: bool = False
    source: Literal["auto", "native", "libav"] = "auto"
    certificate: str | None = None
    processing: Processing = Processing()
    vision: VisionRules = VisionRules()


@dataclass(frozen=True, slots=True)
class Config:
    """All that the camera file says."""

    name: str
    time_zone: zoneinfo.ZoneInfo
    elderships: tuple[Eldership, ...]
    cameras: tuple[Camera, ...]
    storage: Storage
    vision: VisionBudget = VisionBudget()

    def retention_days(self, camera_id: str) -> float:
        """Days a camera's footage is kept; the default for a camera that is no longer in the file."""
        for camera in self.cameras:
            if camera.id == camera_id and camera.retention_days is not None:
                return camera.retention_days
        return self.storage.retention_days


def load(path: Path) -> Config:
    """Reads the camera file. Raises ConfigError."""
    return parse(read_text(path))


def read_text(path: Path) -> str:
    """The camera file's text. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(strict_yaml.LONGEST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"the camera file {path} cannot be read: {error.strerror}") from error
    try:
        return strict_yaml.decode(data)
    except YamlError as error:
        raise ConfigError(error.reason, "", error.line, error.column) from error


def parse(text: str) -> Config:
    """A camera file's content. Raises ConfigError."""
    try:
        document = strict_yaml.read(text)
    except YamlError as error:
        raise ConfigError(error.reason, "", error.line, error.column) from error
    if document.data is None:
        raise ConfigError("the camera file is empty")
    if not isinstance(document.data, dict):
        raise ConfigError("keys such as version, name and cameras were expected", "", *document.position([]))
    try:
        return _build(camera_schema.FILE(document.data))
    except vol.Invalid as error:
        raise _located(error, document) from error


def parse_camera(camera_id: str, entry: Mapping[str, object], elderships: Iterable[Eldership]) -> Camera:
    """One camera's entry by itself. Raises ConfigError, whose `field` is the entry's."""
    if entry.get("id", camera_id) != camera_id:
        raise ConfigError(f"{camera_id} was expected, or nothing at all", "id")
    try:
        valid = camera_schema.CAMERA({**entry, "id": camera_id})
        return _camera(valid, {eldership.id: eldership for eldership in elderships})
    except vol.Invalid as error:
        raise _located(error, None) from error


def parse_stream(entry: Mapping[str, object]) -> Camera:
    """A stream that is no camera of the file (yet): its url, source and certificate. Raises ConfigError."""
    nowhere = Eldership("probe", "probe")
    return parse_camera("probe", {"name": "probe", "eldership": nowhere.id, **entry}, [nowhere])


# --- from valid data to values ----------------------------------------------------------------------------------------


class _UnknownEldership(vol.Invalid):
    """Told apart from other mistakes by the interface."""


def _build(valid: Mapping[str, Any]) -> Config:
    elderships: dict[str, Eldership] = {}
    for position, entry in enumerate(valid["elderships"]):
        if entry["id"] in elderships:
            raise vol.Invalid(f"the eldership {entry['id']} is there twice", ["elderships", position])
        elderships[entry["id"]] = Eldership(entry["id"], entry["name"])
    cameras: dict[str, Camera] = {}
    for position, entry in enumerate(valid["cameras"]):
        try:
            camera = _camera(entry, elderships)
        except vol.Invalid as error:
            error.prepend(["cameras", position])
            raise
        if camera.id in cameras:
            raise vol.Invalid(f"the camera {camera.id} is there twice", ["cameras", position])
        cameras[camera.id] = camera
    return Config(
        valid["name"],
        valid["time_zone"],
        tuple(elderships.values()),
        tuple(cameras.values()),
        _storage(valid.get("storage", {})),
        VisionBudget(**({"cpu_fraction": valid["vision"]["cpu"]} if "cpu" in valid.get("vision", {}) else {})),
    )


def _camera(entry: Mapping[str, Any], elderships: Mapping[str, Eldership]) -> Camera:
    place = elderships.get(entry["eldership"])
    if place is None:
        known = ", ".join(sorted(elderships)) or "none"
        reason = f"there is no eldership {entry['eldership'][:64]}; the file has: {known}"
        raise _UnknownEldership(reason, ["eldership"])
    days = entry.get("retention_days")
    if days is not None and days > _LONGEST_UNJUSTIFIED_DAYS and "retention_justification" not in entry:
        reason = f"more than {_LONGEST_UNJUSTIFIED_DAYS} days of retention need a retention_justification"
        raise vol.Invalid(reason, ["retention_days"])
    if entry["audio"] and "audio_justification" not in entry:
        raise vol.Invalid("recording sound needs an audio_justification", ["audio"])
    return Camera(
        entry["id"],
        entry["name"],
        place,
        entry["url"],
        entry.get("detect_url"),
        None if days is None else float(days),
        entry["audio"],
        entry["paused"],
        entry["source"],
        entry.get("certificate"),
        Processing(**{name: entry.get(name) for name in Processing.__dataclass_fields__}),
        _vision(entry.get("vision", {})),
    )


def _vision(values: Mapping[str, Any]) -> VisionRules:
    zones = values.get("zones", [])
    simple = {name: values[name] for name in ("enabled", "sensitivity", "minimum_s", "tampering") if name in values}
    return VisionRules(
        **simple,
        zones=tuple(Zone(zone["id"], zone["area"]) for zone in zones),
        ignore=tuple(values.get("ignore", [])),
        names=tuple((zone["id"], zone["name"]) for zone in zones if "name" in zone),
    )


def _storage(values: Mapping[str, Any]) -> Storage:
    quota_gb = values.get("quota_gb")
    reserve_bytes, reserve_fraction = values.get("reserve", (None, 0.05))
    return Storage(
        retention_days=values.get("retention_days", 14),
        quota_bytes=None if quota_gb is None else round(quota_gb * camera_schema.BYTES["GB"]),
        reserve_bytes=reserve_bytes,
        reserve_fraction=reserve_fraction,
        memory_s=float(values.get("memory_s", 30)),
    )


def _pairs(area: Polygon) -> list[list[float]]:
    return [list(point) for point in area]


# --- errors -----------------------------------------------------------------------------------------------------------


def _located(error: vol.Invalid, document: Document | None) -> ConfigError:
    """The first mistake with its place: in the file, if there is one."""
    first = error
    if isinstance(error, vol.MultipleInvalid):
        # voluptuous names what is missing in any order, and behind what is wrong.
        missing = all(isinstance(each, vol.RequiredFieldInvalid) for each in error.errors)
        first = min(error.errors, key=lambda each: _ORDER.index(str(each.path[-1]))) if missing else error.errors[0]
    path = [part if isinstance(part, int) else str(part) for part in first.path]
    reason, of_key = first.error_message, False
    if reason == "extra keys not allowed":
        reason, of_key = _unknown(path if document is not None else ["cameras", 0, *path]), True
    elif isinstance(first, vol.RequiredFieldInvalid):
        reason = "this is missing"
    elif isinstance(first, vol.DictInvalid):
        reason = "keys and values were expected"
    elif isinstance(first, vol.SequenceTypeInvalid):
        reason = "a list was expected"
    line, column = (0, 0) if document is None else document.position(path, of_key=of_key)
    kind = UnknownEldershipError if isinstance(first, _UnknownEldership) else ConfigError
    return kind(reason, _field(path), line, column)


def _unknown(path: Sequence[str | int]) -> str:
    places: dict[tuple[str, ...], Iterable[object]] = {
        (): camera_schema.FILE_KEYS,
        ("elderships",): camera_schema.ELDERSHIP_KEYS,
        ("cameras",): camera_schema.CAMERA_KEYS,
        ("cameras", "vision"): camera_schema.CAMERA_VISION_KEYS,
        ("cameras", "vision", "zones"): camera_schema.ZONE_KEYS,
        ("storage",): camera_schema.STORAGE_KEYS,
        ("vision",): camera_schema.VISION_KEYS,
    }
    known = [str(key) for key in places[tuple(str(part) for part in path[:-1] if isinstance(part, str))]]
    near = camera_schema.nearest(str(path[-1]), known)
    return f"this key is unknown{near or '; known are ' + ', '.join(known)}"


def _field(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:64]}" for part in path).lstrip(".")
