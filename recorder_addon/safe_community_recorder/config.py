"""The camera file: schema and validation. A wrong file is refused whole, with the line, the column and the reason."""

import difflib
import re
import unicodedata
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import voluptuous as vol

from . import strict_yaml
from .archive.retention import Storage
from .strict_yaml import Document, YamlError

_BYTES = {"MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
_LONGEST_UNJUSTIFIED_DAYS = 30
_SOURCES = ("auto", "native", "libav")
_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")

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


@dataclass(frozen=True, slots=True)
class Config:
    """All that the camera file says."""

    name: str
    time_zone: zoneinfo.ZoneInfo
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
        return _build(_FILE(document.data))
    except vol.Invalid as error:
        raise _located(error, document) from error


def parse_camera(camera_id: str, entry: Mapping[str, object], elderships: Iterable[Eldership]) -> Camera:
    """One camera's entry by itself. Raises ConfigError, whose `field` is the entry's."""
    if entry.get("id", camera_id) != camera_id:
        raise ConfigError(f"{camera_id} was expected, or nothing at all", "id")
    try:
        valid = _CAMERA({**entry, "id": camera_id})
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
    )


def _storage(values: Mapping[str, Any]) -> Storage:
    quota_gb = values.get("quota_gb")
    reserve_bytes, reserve_fraction = values.get("reserve", (None, 0.05))
    return Storage(
        retention_days=values.get("retention_days", 14),
        quota_bytes=None if quota_gb is None else round(quota_gb * _BYTES["GB"]),
        reserve_bytes=reserve_bytes,
        reserve_fraction=reserve_fraction,
        memory_s=float(values.get("memory_s", 30)),
    )


# --- validators -------------------------------------------------------------------------------------------------------


def _version(value: object) -> int:
    if isinstance(value, bool) or value != 1:
        raise vol.Invalid("the file's version 1 was expected")
    return 1


def _text(longest: int) -> vol.All:
    return vol.All(_is_text, str.strip, vol.Length(1, longest, msg=f"1 to {longest} characters were expected"))


def _is_text(value: object) -> str:
    if not isinstance(value, str):
        raise vol.Invalid("text was expected; what YAML takes for something else needs quotes")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value.strip()):
        raise vol.Invalid("one line of text was expected")
    return value


def _is_true(value: object) -> bool:
    if not isinstance(value, bool):
        raise vol.Invalid("true or false was expected")
    return value


def _source(value: object) -> str:
    if value not in _SOURCES:
        raise vol.Invalid("auto, native or libav was expected")
    return str(value)


def _certificate(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"ignore|sha256:(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}", value):
        return value
    raise vol.Invalid(
        '"ignore" was expected, or "sha256:" and the 64 hexadecimal digits of the certificate\'s fingerprint'
    )


def _date(value: object) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise vol.Invalid("there is no such day") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise vol.Invalid("a date was expected, such as 2026-11-22")


def _number(least: float, most: float, unit: str) -> vol.All:
    def check(value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise vol.Invalid(f"{least:g} to {most:,} {unit} were expected".replace(",", " "))
        return value

    return vol.All(check)


def _address(value: object) -> str:
    try:
        parts = urlsplit(str(value))
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or 0 < parts.port < 65536)
    except ValueError:
        valid = False
    # urlsplit leaves out what is no part of an address, such as tabs.
    if not valid or not isinstance(value, str) or len(value) > 2_000 or " " in value or not value.isprintable():
        # The value itself may hold a password and is not repeated.
        raise vol.Invalid(
            "a camera's address was expected, such as rtsp://192.0.2.10:554/main with user:password@ before the host "
            f"({', '.join(_SCHEMES)})"
        )
    return value


def _reserve(value: object) -> tuple[int | None, float]:
    """Bytes, and the fraction of the disk that counts if there are no bytes."""
    match = re.fullmatch(r"(\d{1,7}(?:\.\d{1,6})?) ?(%|MB|GB|TB)", value, re.ASCII) if isinstance(value, str) else None
    if match is not None:
        amount, unit = float(match[1]), match[2]
        if unit == "%" and 0.1 <= amount <= 50:
            return None, amount / 100
        if unit != "%" and 1_000_000 <= amount * _BYTES[unit] <= 1_000_000 * _BYTES["GB"]:
            return round(amount * _BYTES[unit]), 0.0
    raise vol.Invalid('"5 %" (0.1 to 50) or "20 GB" (MB, GB or TB; 1 MB to 1000 TB) was expected')


def _time_zone(value: object) -> zoneinfo.ZoneInfo:
    # zoneinfo would look for a file of that name, whatever else the file is.
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w*(?:[/+-]\w+)*", value, re.ASCII):
        try:
            return zoneinfo.ZoneInfo(value)
        except zoneinfo.ZoneInfoNotFoundError, ValueError, OSError:
            pass
    near = _nearest(str(value), zoneinfo.available_timezones())
    raise vol.Invalid(f"a time zone such as Europe/Vilnius was expected{near}")


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word[:64], list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


_ID = vol.All(_is_text, vol.Match(r"^[a-z0-9][a-z0-9-]{0,63}\Z", msg="1 to 64 of a-z, 0-9 and - were expected"))
_NAME = _text(100)
_PROSE = _text(1_000)

_ELDERSHIP_KEYS: dict[vol.Marker, object] = {vol.Required("id"): _ID, vol.Required("name"): _NAME}
_CAMERA_KEYS: dict[vol.Marker, object] = {
    vol.Required("id"): _ID,
    vol.Required("name"): _NAME,
    vol.Required("eldership"): _is_text,
    vol.Required("url"): _address,
    vol.Optional("detect_url"): _address,
    vol.Optional("retention_days"): _number(0.04, 366, "days"),
    vol.Optional("retention_justification"): _PROSE,
    vol.Optional("audio", default=False): _is_true,
    vol.Optional("audio_justification"): _PROSE,
    vol.Optional("paused", default=False): _is_true,
    vol.Optional("source", default="auto"): _source,
    vol.Optional("certificate"): _certificate,
    vol.Optional("purpose"): _PROSE,
    vol.Optional("legal_basis"): _PROSE,
    vol.Optional("sign_posted"): _date,
    vol.Optional("dpia"): _PROSE,
    vol.Optional("review"): _date,
}
_STORAGE_KEYS: dict[vol.Marker, object] = {
    vol.Optional("retention_days"): _number(0.04, 30, "days"),
    vol.Optional("quota_gb"): _number(0.01, 1_000_000, "GB"),
    vol.Optional("reserve"): _reserve,
    vol.Optional("memory_s"): _number(5, 300, "seconds"),
}
_FILE_KEYS: dict[vol.Marker, object] = {
    vol.Required("version"): _version,
    vol.Required("name"): _NAME,
    vol.Optional("time_zone", default="Europe/Vilnius"): _time_zone,
    vol.Required("elderships"): [_ELDERSHIP_KEYS],
    vol.Required("cameras"): [_CAMERA_KEYS],
    vol.Optional("storage"): _STORAGE_KEYS,
}
_CAMERA = vol.Schema(_CAMERA_KEYS)
_FILE = vol.Schema(_FILE_KEYS)

CAMERA_KEYS = tuple(str(key) for key in _CAMERA_KEYS)
_ORDER = [str(key) for key in (*_FILE_KEYS, *_CAMERA_KEYS)]


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
    kinds = {"elderships": _ELDERSHIP_KEYS, "cameras": _CAMERA_KEYS, "storage": _STORAGE_KEYS}
    inside = _FILE_KEYS if len(path) == 1 else kinds.get(str(path[0]), _CAMERA_KEYS)
    known = [str(key) for key in inside]
    near = _nearest(str(path[-1]), known)
    return f"this key is unknown{near or '; known are ' + ', '.join(known)}"


def _field(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:64]}" for part in path).lstrip(".")
