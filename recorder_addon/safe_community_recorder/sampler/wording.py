"""What the two sides say to each other, as values; the JSON of it is written and read here and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import numpy as np

from ..media.video import AccessUnit, CodecName
from ..vision.eye import EyeSettings, Look
from ..vision.gray import Blocks
from ..vision.motion import Motion, MotionSettings
from ..vision.tampering import Finding, Tampering
from ..vision.zones import Zone
from .messages import Message, MessageError


class Kind(StrEnum):
    """Kinds of messages."""

    CAMERA = "camera"
    """A camera, how to look at it, and what was known of it."""
    GROUP = "group"
    """Coded pictures of a camera; LOOKS is the answer."""
    FORGET = "forget"
    """A camera was away."""
    REMOVE = "remove"
    """A camera is gone."""
    KEEP = "keep"
    """What is known of all cameras is wanted: REFERENCES for each, and KEEP when that was all."""
    LOOKS = "looks"
    REFERENCES = "references"


@dataclass(frozen=True, slots=True)
class Job:
    """Coded pictures of one group, one after the other; the first is its keyframe if it `begins`.

    `at_s` are their instants. If the group is `left` after this, nothing of it follows. Pictures closer together than
    `every_s` are decoded, not looked at.
    """

    camera_id: str
    units: tuple[AccessUnit, ...]
    at_s: tuple[float, ...]
    begins: bool
    left: bool
    every_s: float

    @property
    def size_bytes(self) -> int:
        """Bytes of the coded pictures."""
        return sum(len(unit.data) for unit in self.units)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job: looks, what they cost, and what went wrong, if anything did.

    `is_lost` says that the group's beginning is not known any more: begin again.
    """

    camera_id: str
    looks: tuple[Look, ...]
    cpu_s: float
    decoded: int
    problem: str | None = None
    is_lost: bool = False


# --- what the recorder says -------------------------------------------------------------------------------------------


def camera_message(camera_id: str, settings: EyeSettings, references: bytes) -> Message:
    """A camera is to be looked at like this from now on; what was known of it is forgotten."""
    motion = settings.motion
    content = {
        "camera": camera_id,
        "sensitivity": motion.sensitivity,
        "zones": [{"id": zone.id, "area": zone.area} for zone in motion.zones],
        "ignore": motion.ignore,
        "minimum_s": motion.minimum_s,
        "hold_s": motion.hold_s,
        "tampering": settings.tampering,
    }
    return Message(Kind.CAMERA, content, references)


def read_settings(content: Mapping[str, Any]) -> EyeSettings:
    """The settings of a camera's message."""
    zones = tuple(Zone(zone["id"], _polygon(zone["area"])) for zone in content["zones"])
    ignore = tuple(map(_polygon, content["ignore"]))
    motion = MotionSettings(content["sensitivity"], zones, ignore, content["minimum_s"], content["hold_s"])
    return EyeSettings(motion, content["tampering"])


def _polygon(points: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)


def job_message(job: Job, configuration: bytes) -> Message:
    """A job; `configuration` is the codec's record, of no interest where the group goes on."""
    video = job.units[0].video
    content = {
        "camera": job.camera_id,
        "codec": video.codec,
        "begins": job.begins,
        "left": job.left,
        "every_s": job.every_s,
        "at_s": job.at_s,
        "sizes": [len(configuration), *(len(unit.data) for unit in job.units)],
    }
    return Message(Kind.GROUP, content, b"".join((configuration, *(unit.data for unit in job.units))))


@dataclass(frozen=True, slots=True)
class Work:
    """A job as the process that decodes sees it."""

    camera_id: str
    codec: CodecName
    configuration: bytes
    pictures: tuple[bytes, ...]
    at_s: tuple[float, ...]
    begins: bool
    left: bool
    every_s: float


def read_job(message: Message) -> Work:
    """The other way round."""
    content = message.content
    parts, position = [], 0
    for size in content["sizes"]:
        parts.append(message.data[position : position + size])
        position += size
    at_s = tuple(map(float, content["at_s"]))
    codec = cast("CodecName", content["codec"])
    flags = content["begins"], content["left"], content["every_s"]
    return Work(content["camera"], codec, parts[0], tuple(parts[1:]), at_s, *flags)


# --- what is answered -------------------------------------------------------------------------------------------------


def answer_message(answer: Answer) -> Message:
    """An answer; the blocks in which something moves go as bits."""
    looks, bits = [], []
    for look in answer.looks:
        motion = look.motion
        rows, columns = motion.active.shape
        if motion.activity > 0:
            bits.append(np.packbits(motion.active).tobytes())
        looks.append(
            {
                "at_s": look.at_s,
                "shape": [rows, columns],
                "activity": motion.activity,
                "moving": motion.moving,
                "score": motion.score,
                "zones": motion.zones,
                "suspicious": motion.suspicious,
                "changed_globally": motion.changed_globally,
                "findings": None
                if look.findings is None
                else [[finding.kind.value, finding.since_s, finding.score] for finding in look.findings],
            }
        )
    content = {
        "camera": answer.camera_id,
        "looks": looks,
        "cpu_s": answer.cpu_s,
        "decoded": answer.decoded,
        "problem": answer.problem,
        "is_lost": answer.is_lost,
    }
    return Message(Kind.LOOKS, content, b"".join(bits))


def read_answer(message: Message) -> Answer:
    """The other way round. Raises MessageError."""
    content = message.content
    try:
        looks, position = [], 0
        for entry in content["looks"]:
            rows, columns = entry["shape"]
            size_bytes = (rows * columns + 7) // 8 if entry["activity"] > 0 else 0
            blocks = _blocks(message.data[position : position + size_bytes], rows, columns)
            position += size_bytes
            looks.append(_look(entry, blocks))
        problem = content["problem"]
        return Answer(
            str(content["camera"]),
            tuple(looks),
            float(content["cpu_s"]),
            int(content["decoded"]),
            None if problem is None else str(problem)[:200],
            bool(content["is_lost"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(f"an answer makes no sense: {error}") from error


def _blocks(bits: bytes, rows: int, columns: int) -> Blocks:
    blocks = np.zeros((rows, columns), dtype=np.bool_)
    if bits:
        blocks[:] = np.unpackbits(np.frombuffer(bits, np.uint8), count=rows * columns).reshape(rows, columns)
    return blocks


def _look(entry: Mapping[str, Any], active: Blocks) -> Look:
    motion = Motion(
        foreground=active,
        active=active,
        activity=float(entry["activity"]),
        moving=bool(entry["moving"]),
        score=float(entry["score"]),
        zones=tuple(map(str, entry["zones"])),
        suspicious=bool(entry["suspicious"]),
        changed_globally=bool(entry["changed_globally"]),
    )
    found = entry["findings"]
    findings = None if found is None else tuple(Finding(Tampering(kind), since, score) for kind, since, score in found)
    return Look(float(entry["at_s"]), motion, findings)
