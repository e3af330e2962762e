"""What the recorder tells of itself and its cameras, and on its event stream, read into values."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from .errors import API_VERSION, UnsupportedVersion
from .fields import flag, known, number, parse_time, text, whole
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
class Stream:
    """What a camera's stream is like at the moment; None for what is not known (yet).

    The clock's offset is the camera's clock minus the recorder's.
    """

    bitrate_bps: int | None
    frame_rate: float | None
    clock_offset_s: float | None
    lost_packets: int
    reconnects: int
    source: str
    source_reason: str | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a Stream document."""
        return cls(
            bitrate_bps=known(whole, data["bitrate_bps"]),
            frame_rate=known(number, data["frame_rate"]),
            clock_offset_s=known(number, data["clock_offset_s"]),
            lost_packets=whole(data["lost_packets"]),
            reconnects=whole(data["reconnects"]),
            source=text(data["source"]),
            source_reason=data["source_reason"],
        )


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
    tampering: tuple[str, ...] = ()
    sampling: str | None = None
    stream: Stream | None = None
    viewers: int = 0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a CameraState document."""
        stream, vision = data.get("stream"), data.get("vision") or {}
        return cls(
            connection=Connection(data["connection"]),
            since=parse_time(data["since"]),
            problem=data.get("problem"),
            recording=bool(data["recording"]),
            motion=bool(data["motion"]),
            codec=data.get("codec"),
            width=data.get("width"),
            height=data.get("height"),
            tampering=tuple(text(kind) for kind in data.get("tampering", ())),
            sampling=vision.get("sampling"),
            stream=known(Stream.parse, stream),
            viewers=whole(data.get("viewers", 0)),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of a camera: `kind` is motion or a way in which it cannot see, `zone` None the whole picture."""

    id: str
    camera_id: str
    kind: str
    start: datetime
    end: datetime
    is_lasting: bool
    score: float
    zone: str | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read an Observation document."""
        return cls(
            id=text(data["id"]),
            camera_id=text(data["camera_id"]),
            kind=text(data["kind"]),
            start=parse_time(data["start"]),
            end=parse_time(data["end"]),
            is_lasting=flag(data["lasting"]),
            score=number(data["score"]),
            zone=data["zone"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something to know of a camera before it is added: a code, and the recorder's English for codes of its future."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a camera at an address is; None for what could not be found out. `still` is JPEG."""

    codec: str | None
    width: int | None
    height: int | None
    frame_rate: float | None
    bitrate_bps: int | None
    group_s: float | None
    sound: tuple[str, ...] | None
    source: str
    warnings: tuple[Warned, ...]
    still: bytes | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a Probe document."""
        sound, still = data["sound"], data["still"]
        return cls(
            codec=data["codec"],
            width=data["width"],
            height=data["height"],
            frame_rate=known(number, data["frame_rate"]),
            bitrate_bps=data["bitrate_bps"],
            group_s=known(number, data["group_s"]),
            sound=None if sound is None else tuple(text(codec) for codec in sound),
            source=text(data["source"]),
            warnings=tuple(Warned(code=text(one["code"]), text=text(one["text"])) for one in data["warnings"]),
            still=None if still is None else base64.b64decode(still, validate=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Footage that is kept past its days."""

    id: str
    camera_id: str
    start: datetime
    end: datetime
    reason: str
    expires: datetime
    is_active: bool

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read a Lock document."""
        return cls(
            id=text(data["id"]),
            camera_id=text(data["camera_id"]),
            start=parse_time(data["start"]),
            end=parse_time(data["end"]),
            reason=text(data["reason"]),
            expires=parse_time(data["expires"]),
            is_active=flag(data["active"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An evidence package in the making, or made; `state` is queued, running, done, failed or cancelled."""

    number: str
    state: str
    percent: float
    problem: str | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read an Export document."""
        return cls(
            number=text(data["number"]),
            state=text(data["state"]),
            percent=number(data["percent"]),
            problem=data["problem"],
        )


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


@dataclass(frozen=True, slots=True)
class Observed:
    """Something is being seen, goes on being seen, or has ended."""

    observation: Observation


type RecorderEvent = (
    Snapshot | InfoChanged | CameraChanged | CameraRemoved | StorageChanged | HostClockStepped | Observed
)


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
        case "observation":
            return Observed(Observation.parse(data["observation"]))
        case _:
            return None
