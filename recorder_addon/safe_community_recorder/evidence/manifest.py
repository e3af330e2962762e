"""manifest.json: everything a package says of itself, for programs. docs/evidence.md describes it. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from .. import utc
from .contents import Footage, Maker, Packed, PackedFile, Request

FORMAT = "safe-community-evidence"
FORMAT_VERSION = 1


def manifest(request: Request, maker: Maker, created_us: int, packed: Sequence[Packed]) -> dict[str, Any]:
    """The manifest as JSON takes it."""
    zone = maker.time_zone
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "number": request.number,
        "created": utc.to_text(created_us),
        "recorder": {
            "id": maker.recorder_id,
            "name": maker.name,
            "version": maker.version,
            "time_zone": zone.key,
            "public_key_sha256": maker.key_fingerprint,
        },
        "request": {
            "asked": utc.to_text(request.asked_us),
            "actor": request.actor,
            "reason": request.reason,
            "recipient": request.recipient,
            "language": request.language,
            "audit_log": {"number": request.trace.number, "hash": request.trace.hash},
        },
        "items": [_item(one, zone) for one in packed],
    }


def as_bytes(content: Mapping[str, Any]) -> bytes:
    """JSON to be read by people, too."""
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def files_of(content: Mapping[str, Any]) -> list[PackedFile]:
    """The files that a manifest lists. Raises ValueError where it is none."""
    try:
        listed = []
        for item in content["items"]:
            if item["footage"] is not None:
                listed += [item["footage"]["clip"], *(still["picture"] for still in item["footage"]["stills"])]
        return [PackedFile(str(one["file"]), int(one["size_bytes"]), str(one["sha256"])) for one in listed]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a list of files is missing") from error


def _item(packed: Packed, zone: ZoneInfo) -> dict[str, Any]:
    item, clock = packed.item, packed.clock
    return {
        "camera": {
            "id": item.camera_id,
            "name": item.camera_name,
            "eldership": {"id": item.eldership_id, "name": item.eldership_name},
        },
        "asked": _times(item.start_us, item.end_us, zone),
        "footage": None if packed.footage is None else _footage(packed.footage, zone),
        "missing": [{**_times(one.start_us, one.end_us, zone), "cause": one.cause} for one in packed.missing],
        "clock": {
            "source": clock.source,
            "camera_offset_s": clock.offset_s,
            "events": [
                {"kind": one.kind, "at": utc.to_text(one.at_us), "by_s": one.by_us / utc.SECOND_US}
                for one in clock.events
            ],
        },
    }


def _footage(footage: Footage, zone: ZoneInfo) -> dict[str, Any]:
    return {
        **_times(footage.start_us, footage.end_us, zone),
        "video": [{"codec": one.codec, "width": one.width, "height": one.height} for one in footage.video],
        "sound": footage.sound,
        "clip": _file(footage.file),
        "stills": [{**_time("at", still.at_us, zone), "picture": _file(still.file)} for still in footage.stills],
    }


def _file(file: PackedFile) -> dict[str, Any]:
    return {"file": file.name, "size_bytes": file.size_bytes, "sha256": file.sha256}


def _times(start_us: int, end_us: int, zone: ZoneInfo) -> dict[str, str]:
    return _time("start", start_us, zone) | _time("end", end_us, zone)


def _time(name: str, instant_us: int, zone: ZoneInfo) -> dict[str, str]:
    local = utc.from_us(instant_us).astimezone(zone).isoformat(timespec="microseconds")
    return {name: utc.to_text(instant_us), f"{name}_local": local}
