"""What looking costs: milliseconds of CPU for each picture by stage, beside OpenCV's MOG2 on the same gray frames.

Decoding is measured apart. `cameras_per_core` follows from it: a sub-stream in full, and keyframes of a main stream.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from safe_community_recorder.media.video import AccessUnit, CodecName
from safe_community_recorder.sampler.decoding import GroupDecoder, configuration_of, keyframe_picture
from safe_community_recorder.vision.gray import Gray
from safe_community_recorder.vision.motion import MotionDetector
from safe_community_recorder.vision.tampering import TamperingDetector

from .encoded import H265, VBR, Rate, encoded
from .motion import yardstick
from .passers_by import DAY
from .street import street

_ROUNDS = 5
_FRAMES = 200
_LOOKS_PER_S = 5
_BEAT_S = 4.0


@dataclass(frozen=True, slots=True)
class Stages:
    """Milliseconds of CPU for one picture: decoded only; made gray and small; what each detector takes; MOG2."""

    decode_ms: float
    gray_ms: float
    motion_ms: float
    tampering_ms: float
    mog2_ms: float

    @property
    def beside_mog2(self) -> float:
        """Motion as a share of MOG2."""
        return self.motion_ms / self.mog2_ms


@dataclass(frozen=True, slots=True)
class Cost:
    """A sub-stream in full by stage, and keyframes of other streams."""

    stages: Stages
    keyframes: tuple[Keyframe, ...]

    @property
    def cameras_in_full(self) -> float:
        """How many sub-streams one core decodes and looks at in full, at five pictures a second."""
        stages = self.stages
        each_ms = stages.decode_ms + stages.gray_ms + stages.motion_ms
        return 1000.0 / (_LOOKS_PER_S * each_ms + stages.tampering_ms / _BEAT_S)

    def cameras_by(self, keyframe: Keyframe) -> float:
        """How many cameras one core looks at by such a keyframe every four seconds."""
        return keyframe.cameras_per_core(_BEAT_S, self.stages.motion_ms + self.stages.tampering_ms)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Milliseconds of CPU for a keyframe by itself, as the worker decodes it, gray and small."""

    name: str
    size_bytes: int
    ms: float

    def cameras_per_core(self, every_s: float, looking_ms: float) -> float:
        """How many cameras one core has time for, with a keyframe of each every so many seconds."""
        return 1000.0 * every_s / (self.ms + looking_ms)


def measure() -> Cost:
    """The street as a sub-stream at five pictures a second; keyframes of it, enlarged, as main streams have them."""
    frames = [*DAY.over(iter(street()[:_FRAMES]), _LOOKS_PER_S)]
    sub = [*encoded(frames, _LOOKS_PER_S, VBR)]
    few = frames[::10]
    return Cost(
        stages(sub),
        (
            keyframe("640 × 360, H.264", sub),
            keyframe("640 × 360, H.265", encoded(frames, _LOOKS_PER_S, H265)),
            keyframe("1920 × 1080, H.264", encoded(few, 1, _main("h264"), (1920, 1080))),
            keyframe("1920 × 1080, H.265", encoded(few, 1, _main("h265"), (1920, 1080))),
            keyframe("3840 × 2160, H.264", encoded(few[:8], 1, _main("h264"), (3840, 2160))),
        ),
    )


def _main(codec: CodecName) -> Rate:
    """A main stream, of which only the keyframes matter."""
    quiet = (("x265-params", "log-level=none:pools=none:frame-threads=1"),) if codec == "h265" else ()
    options = (("preset", "veryfast"), ("tune", "zerolatency"), ("crf", "26"), *quiet)
    return Rate("main", codec, 1.0, options)


def stages(units: Sequence[AccessUnit]) -> Stages:
    """A sub-stream in full."""
    grays = [*_grays(units)]
    decode_ms, whole_ms, *looking_ms = _ms(
        len(grays),
        lambda: _decoded(units, wanted=False),
        lambda: _decoded(units, wanted=True),
        lambda: _motion(grays),
        lambda: _tampering(grays),
        lambda: _mog2(grays),
    )
    return Stages(decode_ms, whole_ms - decode_ms, *looking_ms)


def keyframe(name: str, units: Iterable[AccessUnit]) -> Keyframe:
    """Keyframes of a stream, one by one."""
    keys = [unit for unit in units if unit.is_key]

    def decoded() -> None:
        for unit in keys:
            keyframe_picture(unit.video.codec, _configuration(unit), unit.data)

    size_bytes = sum(len(unit.data) for unit in keys) // len(keys)
    (each_ms,) = _ms(len(keys), decoded)
    return Keyframe(name, size_bytes, each_ms)


def _ms(count: int, *works: Callable[[], None]) -> list[float]:
    """What each takes for one of so many pictures: the least of several rounds, in which they take turns.

    What else the machine does makes some rounds longer, and none shorter.
    """
    rounds = [[_cpu_s(work) for work in works] for _ in range(_ROUNDS)]
    return [min(taken) / count * 1000 for taken in zip(*rounds, strict=True)]


def _cpu_s(work: Callable[[], None]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def _configuration(unit: AccessUnit) -> bytes:
    return configuration_of(unit.video.codec, unit.video.parameter_sets)


def _decoded(units: Sequence[AccessUnit], *, wanted: bool) -> None:
    for _ in _grays(units, wanted=wanted):
        pass


def _grays(units: Sequence[AccessUnit], *, wanted: bool = True) -> Iterable[Gray]:
    decoder = None
    for unit in units:
        if unit.is_key or decoder is None:
            decoder = GroupDecoder(unit.video.codec, _configuration(unit), only_key=False)
        for picture in decoder.decode(unit.data, wanted=wanted):
            yield picture.gray


def _motion(grays: Sequence[Gray]) -> None:
    detector = MotionDetector()
    for number, gray in enumerate(grays):
        detector.observe(gray, number / _LOOKS_PER_S)


def _tampering(grays: Sequence[Gray]) -> None:
    detector = TamperingDetector()
    for number, gray in enumerate(grays):
        detector.observe(gray, number * _BEAT_S, colour=0.0)


def _mog2(grays: Sequence[Gray]) -> None:
    model = yardstick()
    for gray in grays:
        model.apply(gray)
