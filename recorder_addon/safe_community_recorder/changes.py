"""What differs between two states of the camera file, for people to read. Never an address: it may hold a password."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from zlib import crc32

from .config import Camera, Config, VisionRules

type Told = str | float | bool | None
type Change = list[Told]

_HIDDEN = ("url", "detect_url")
_LONGEST = 200


def camera_changes(former: Camera | None, new: Camera | None) -> dict[str, Change]:
    """The keys of an entry whose values differ, each with the value before and the one after.

    Of an address only "set" and "changed" are told.
    """
    before, after = _entry(former), _entry(new)
    changes = _different(before, after)
    for name in _HIDDEN:
        old = None if former is None else getattr(former, name)
        now = None if new is None else getattr(new, name)
        if old != now:
            changes[name] = [None if old is None else "set", None if now is None else "changed" if old else "set"]
    return changes


def settings_changes(former: Config, new: Config) -> dict[str, Change]:
    """The same for everything that is not a camera's."""
    return _different(_settings(former), _settings(new))


def cameras_changes(former: Config, new: Config) -> dict[str, dict[str, Change]]:
    """The same for each camera, by its id; those that did not change are left out."""
    before = {camera.id: camera for camera in former.cameras}
    after = {camera.id: camera for camera in new.cameras}
    changes = {key: camera_changes(before.get(key), after.get(key)) for key in before | after}
    return {key: change for key, change in changes.items() if change}


def _entry(camera: Camera | None) -> dict[str, Told]:
    if camera is None:
        return {}
    told: dict[str, Told] = {
        "name": camera.name,
        "eldership": camera.eldership.id,
        "retention_days": camera.retention_days,
        "audio": camera.audio,
        "paused": camera.paused,
        "source": camera.source,
        "certificate": camera.certificate,
    }
    told |= {name: str(value) for name, value in camera.processing.as_dict().items()}
    return told | _vision(camera.vision)


def _vision(rules: VisionRules) -> dict[str, Told]:
    """Of areas how many there are, and by what one sees that they are others."""
    return {
        "vision enabled": rules.enabled,
        "vision sensitivity": rules.sensitivity,
        "vision minimum_s": rules.minimum_s,
        "vision tampering": rules.tampering,
        "vision zones": _counted([*rules.zones, *rules.names], len(rules.zones)),
        "vision ignore": _counted(rules.ignore, len(rules.ignore)),
    }


def _counted(areas: Sequence[object], count: int) -> Told:
    return f"{count} ({crc32(repr(areas).encode()):08x})" if areas else 0


def _settings(config: Config) -> dict[str, Told]:
    told: dict[str, Told] = {"name": config.name, "time_zone": config.time_zone.key}
    told |= {f"eldership {eldership.id}": eldership.name for eldership in config.elderships}
    told |= {f"storage {field.name}": getattr(config.storage, field.name) for field in fields(config.storage)}
    return told | {"vision cpu_fraction": config.vision.cpu_fraction}


def _different(before: Mapping[str, Told], after: Mapping[str, Told]) -> dict[str, Change]:
    return {
        name: [_short(before.get(name)), _short(after.get(name))]
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }


def _short(value: Told) -> Told:
    return value[:_LONGEST] if isinstance(value, str) else value
