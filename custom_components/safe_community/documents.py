"""What the recorder tells of itself and its cameras, and on its event stream, read into values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from .errors import API_VERSION, UnsupportedVersion
from .fields import number, parse_time, text
from .storage import ClockStep, Storage


class Connection(StrEnum):
    """How the recorder and a camera get on."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderInfo:
    """Who the recorder is, and why it refuses its camera file, if it does."""

    recorder_id: str
    name: str
    version: str
    camera_file_problem: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read an Info document; raises UnsupportedVersion before it trusts anything else in it."""
        if data["api_version"] != API_VERSION:
            raise UnsupportedVersion(data["api_version"])
        return cls(
            recorder_id=text(data["recorder_id"]),
            name=text(data["name"]),
            version=text(data["version"]),
            camera_file_problem=data.get("camera_file", {}).get("problem"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Eldership:
    """A place that several cameras belong to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraState:
    """What the recorder knows of a camera at this moment."""

    connection: Connection
    since: datetime
    problem: str | None
    recording: bool
    motion: bool
    codec: str | None
    width: int | None
    height: int | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a CameraState document."""
        return cls(
            connection=Connection(data["connection"]),
            since=parse_time(data["since"]),
            problem=data.get("problem"),
            recording=bool(data["recording"]),
            motion=bool(data["motion"]),
            codec=data.get("codec"),
            width=data.get("width"),
            height=data.get("height"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderCamera:
    """A camera's entry and state."""

    id: str
    name: str
    eldership: Eldership
    state: CameraState

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a Camera document."""
        eldership = data["eldership"]
        return cls(
            id=text(data["id"]),
            name=text(data["name"]),
            eldership=Eldership(id=text(eldership["id"]), name=text(eldership["name"])),
            state=CameraState.parse(data["state"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of recorded footage, both ends UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the recorder has: the first word on the event stream."""

    info: RecorderInfo
    cameras: tuple[RecorderCamera, ...]


@dataclass(frozen=True, slots=True)
class InfoChanged:
    """The recorder has another name, or its camera file another state."""

    info: RecorderInfo


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """A camera's entry or state is new."""

    camera: RecorderCamera


@dataclass(frozen=True, slots=True)
class CameraRemoved:
    """A camera left the recorder's file."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """The disk has another state, or keeps something else: also the second word on the event stream."""

    storage: Storage


@dataclass(frozen=True, slots=True)
class HostClockStepped:
    """Somebody or something has set the clock of the recorder's computer."""

    step: ClockStep


type RecorderEvent = Snapshot | InfoChanged | CameraChanged | CameraRemoved | StorageChanged | HostClockStepped


def parse_event(data: Mapping[str, Any]) -> RecorderEvent | None:
    """Read a message of the event stream; None for a type that this version does not know or has no use for."""
    match data["type"]:
        case "snapshot":
            cameras = tuple(RecorderCamera.parse(camera) for camera in data["cameras"])
            return Snapshot(RecorderInfo.parse(data["info"]), cameras)
        case "info":
            return InfoChanged(RecorderInfo.parse(data["info"]))
        case "camera":
            return CameraChanged(RecorderCamera.parse(data["camera"]))
        case "camera_removed":
            return CameraRemoved(text(data["camera_id"]))
        case "storage":
            return StorageChanged(Storage.parse(data["storage"]))
        case "clock" if data["kind"] == "host_stepped":
            return HostClockStepped(ClockStep(at=parse_time(data["at"]), by_s=number(data["by_s"])))
        case _:
            return None
