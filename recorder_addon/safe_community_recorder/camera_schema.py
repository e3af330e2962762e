"""What may stand at each key of the camera file, by itself, and what is said of anything else."""

import difflib
import re
import unicodedata
import zoneinfo
from collections.abc import Iterable
from datetime import date, datetime
from urllib.parse import urlsplit

import voluptuous as vol

from .areas import AreaError, area_of

BYTES = {"MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
_SOURCES = ("auto", "native", "libav")
_MOST_ZONES = 16
_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")


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
        if unit != "%" and 1_000_000 <= amount * BYTES[unit] <= 1_000_000 * BYTES["GB"]:
            return round(amount * BYTES[unit]), 0.0
    raise vol.Invalid('"5 %" (0.1 to 50) or "20 GB" (MB, GB or TB; 1 MB to 1000 TB) was expected')


def _share(value: object) -> float:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?) ?%", value, re.ASCII) if isinstance(value, str) else None
    if match is None or not 1 <= float(match[1]) <= 100:
        raise vol.Invalid('"25 %" (1 to 100) was expected')
    return float(match[1]) / 100


def _whole(least: int, most: int) -> vol.All:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise vol.Invalid(f"a whole number from {least} to {most} was expected")
        return value

    return vol.All(check)


def _area(value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list):
        raise vol.Invalid("a list of points was expected, such as [[0, 0], [0.5, 0], [0.5, 1]]")
    try:
        return area_of([_point(number, point) for number, point in enumerate(value)])
    except AreaError as error:
        raise vol.Invalid(error.reason, [] if error.point is None else [error.point]) from error


def _point(number: int, value: object) -> tuple[float, float]:
    match value:
        case [int() | float() as x, int() | float() as y] if not isinstance(x, bool) and not isinstance(y, bool):
            return x, y
    raise vol.Invalid("a point was expected: [x, y], each from 0 (left, top) to 1", [number])


def _zones(value: list[dict[str, object]]) -> list[dict[str, object]]:
    for number, zone in enumerate(value):
        if zone["id"] in (former["id"] for former in value[:number]):
            raise vol.Invalid(f"the zone {zone['id']} is there twice", [number])
    return value


def _at_most(count: int) -> vol.Length:
    return vol.Length(max=count, msg=f"at most {count} were expected")


def _time_zone(value: object) -> zoneinfo.ZoneInfo:
    # zoneinfo would look for a file of that name, whatever else the file is.
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w*(?:[/+-]\w+)*", value, re.ASCII):
        try:
            return zoneinfo.ZoneInfo(value)
        except zoneinfo.ZoneInfoNotFoundError, ValueError, OSError:
            pass
    near = nearest(str(value), zoneinfo.available_timezones())
    raise vol.Invalid(f"a time zone such as Europe/Vilnius was expected{near}")


def nearest(word: str, known: Iterable[str]) -> str:
    """A question that ends a message about a word that is none of these; empty where none is like it."""
    found = difflib.get_close_matches(word[:64], list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


_ID = vol.All(_is_text, vol.Match(r"^[a-z0-9][a-z0-9-]{0,63}\Z", msg="1 to 64 of a-z, 0-9 and - were expected"))
_NAME = _text(100)
_PROSE = _text(1_000)

ZONE_KEYS: dict[vol.Marker, object] = {
    vol.Required("id"): _ID,
    vol.Optional("name"): _NAME,
    vol.Required("area"): _area,
}
CAMERA_VISION_KEYS: dict[vol.Marker, object] = {
    vol.Optional("enabled"): _is_true,
    vol.Optional("sensitivity"): _whole(1, 9),
    vol.Optional("zones"): vol.All([ZONE_KEYS], _at_most(_MOST_ZONES), _zones),
    vol.Optional("ignore"): vol.All([_area], _at_most(_MOST_ZONES)),
    vol.Optional("minimum_s"): _number(0.2, 60, "seconds"),
    vol.Optional("tampering"): _is_true,
}
VISION_KEYS: dict[vol.Marker, object] = {vol.Optional("cpu"): _share}
ELDERSHIP_KEYS: dict[vol.Marker, object] = {vol.Required("id"): _ID, vol.Required("name"): _NAME}
CAMERA_KEYS: dict[vol.Marker, object] = {
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
    vol.Optional("vision"): CAMERA_VISION_KEYS,
    vol.Optional("source", default="auto"): _source,
    vol.Optional("certificate"): _certificate,
    vol.Optional("purpose"): _PROSE,
    vol.Optional("legal_basis"): _PROSE,
    vol.Optional("sign_posted"): _date,
    vol.Optional("dpia"): _PROSE,
    vol.Optional("review"): _date,
}
STORAGE_KEYS: dict[vol.Marker, object] = {
    vol.Optional("retention_days"): _number(0.04, 30, "days"),
    vol.Optional("quota_gb"): _number(0.01, 1_000_000, "GB"),
    vol.Optional("reserve"): _reserve,
    vol.Optional("memory_s"): _number(5, 300, "seconds"),
}
FILE_KEYS: dict[vol.Marker, object] = {
    vol.Required("version"): _version,
    vol.Required("name"): _NAME,
    vol.Optional("time_zone", default="Europe/Vilnius"): _time_zone,
    vol.Required("elderships"): [ELDERSHIP_KEYS],
    vol.Required("cameras"): [CAMERA_KEYS],
    vol.Optional("storage"): STORAGE_KEYS,
    vol.Optional("vision"): VISION_KEYS,
}
CAMERA = vol.Schema(CAMERA_KEYS)
FILE = vol.Schema(FILE_KEYS)
