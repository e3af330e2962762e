"""Cameras that number their pictures, and a recorder that has recorded them: what players are held against."""

import hashlib
import json
import math
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av
import numpy as np

from demo import timecode
from safe_community_recorder.media.codec import CODECS
from safe_community_recorder.media.video import CodecName, join_annexb
from tests.cameras.background import Background
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import PICTURE_90K, Footage, Yuv, encode_pictures, encode_sound
from tests.world import Recorder, text, wait_until

WIDTH, HEIGHT = 320, 180
PICTURE_US = 100_000
# A camera's footage begins anew after a minute.
_LOOP = 600
_FILE_S = 5
_FIRST_S, _ABSENT_S, _SECOND_S = 13, 4, 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """What a camera sends."""

    id: str
    codec: CodecName
    b_frames: int
    sound: bool


KINDS = (
    Kind("road", "h264", 0, sound=False),
    Kind("yard", "h264", 2, sound=True),
    Kind("barn", "h265", 0, sound=False),
    Kind("farm", "h265", 2, sound=True),
)


@dataclass(frozen=True)
class Shown:
    """A decoded picture: the number that is written in it, and the digest of all its pixels."""

    number: int
    md5: str


def _paint(number: int) -> Yuv:
    picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    rows = np.arange(HEIGHT)[:, np.newaxis]
    picture[:HEIGHT] = 40 + (rows + np.arange(WIDTH) + 3 * number) % 160
    timecode.draw(picture[:HEIGHT], number)
    return picture


@cache
def footage(codec: CodecName, b_frames: int) -> Footage:
    """A minute, ten pictures a second; each has its number in its corner."""
    return encode_pictures(map(_paint, range(_LOOP)), b_frames, codec)


def number_in(gray: Any) -> int:
    """The number that is written in a picture; ValueError where there is none."""
    return round((timecode.read(gray) - _EPOCH) / timedelta(milliseconds=1))


def seen(frame: av.VideoFrame) -> Shown:
    """What a decoded picture shows."""
    pixels = frame.to_ndarray(format="yuv420p")
    return Shown(number_in(pixels[: frame.height]), hashlib.md5(pixels.tobytes(), usedforsecurity=False).hexdigest())


@cache
def sent(codec: CodecName, b_frames: int) -> dict[int, Shown]:
    """All pictures as somebody sees them who decodes what the camera sends, by their number."""
    source = footage(codec, b_frames)
    decoder = av.CodecContext.create(CODECS[codec].libav_name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = {}
    for unit in source.units:
        sets = source.video.parameter_sets if unit.is_key else ()
        for frame in decoder.decode(av.Packet(join_annexb([*sets, *unit.nals]))):
            one = seen(frame)
            shown[one.number] = one
    for frame in decoder.decode(None):
        one = seen(frame)
        shown[one.number] = one
    return shown


@dataclass(frozen=True)
class Run:
    """A time without interruption: the first picture's UTC."""

    begin_us: int


@dataclass(frozen=True)
class Watched:
    """A camera that was recorded, went away, and came back; it is still being recorded."""

    kind: Kind
    recorder: Recorder
    runs: tuple[Run, Run]
    gap_after_us: int
    """The first run's pictures until then are recorded."""
    until_us: int
    """The second run's, likewise."""

    @property
    def start_us(self) -> int:
        """Just before the first picture was taken."""
        return self.runs[0].begin_us - 1_000

    def taken_us(self) -> list[tuple[int, int]]:
        """Number and UTC of all pictures that are surely recorded.

        They come in the order in which they are decoded: where a camera breaks off, B-frames may be missing before the
        last picture. How long that one lasts nobody knows.
        """
        units = footage(self.kind.codec, self.kind.b_frames).units
        taken = []
        for run, end_us in zip(self.runs, (self.gap_after_us, self.until_us), strict=True):
            count = math.ceil((end_us - run.begin_us - 1_000) / PICTURE_US)
            numbers = sorted(unit.pts_90k // PICTURE_90K for unit in units[:count])
            taken += [(number, run.begin_us + number * PICTURE_US) for number in numbers]
        return taken

    def expected(self, start_us: int, end_us: int) -> list[Shown]:
        """What a clip of start ≤ time < end has to show."""
        pictures = sent(self.kind.codec, self.kind.b_frames)
        return [pictures[number] for number, taken_us in self.taken_us() if start_us <= taken_us < end_us]

    def lasts_s(self, start_us: int, end_us: int) -> float:
        """How long they are to be seen. Where B-frames are missing, the picture before them is seen instead."""
        taken_us = [taken_us for _, taken_us in self.taken_us() if start_us <= taken_us < end_us]
        second_us = self.runs[1].begin_us
        runs = [one for one in taken_us if one < second_us], [one for one in taken_us if one >= second_us]
        return sum(one[-1] - one[0] + PICTURE_US for one in runs if one) / 1_000_000

    def path(self, start_us: int, end_us: int, what: str = "clip.mp4", **more: str) -> str:
        """Where the range is to be had."""
        start, end = (text(_EPOCH + timedelta(microseconds=us)) for us in (start_us, end_us))
        return f"/api/v1/cameras/{self.kind.id}/{what}?{urlencode({'start': start, 'end': end, **more})}"

    def described(self, start_us: int, end_us: int) -> dict[str, Any]:
        """What the recorder says of the clip."""
        answer = self.recorder.ask(self.path(start_us, end_us, "clip"))
        assert answer.status == 200, answer.body
        described: dict[str, Any] = answer.json
        return described

    @staticmethod
    def at_s(described: dict[str, Any], taken_us: int) -> float:
        """When a clip shows what was taken then, by its description."""
        taken = _EPOCH + timedelta(microseconds=taken_us)
        starts = [(datetime.fromisoformat(piece["start"]), float(piece["at_s"])) for piece in described["pieces"]]
        # Times come from the camera in 1/90000 s.
        start, at_s = next(one for one in reversed(starts) if one[0] <= taken + timedelta(milliseconds=1))
        return at_s + (taken - start).total_seconds()

    def download(self, start_us: int, end_us: int, to: Path, **more: str) -> Path:
        """The clip as a file."""
        answer = self.recorder.ask(self.path(start_us, end_us, **more))
        assert answer.status == 200, answer.body
        assert len(answer.body) == int(answer.headers["Content-Length"])
        to.write_bytes(answer.body)
        return to


def pictures_of(path: str | Path) -> list[Shown]:
    """All pictures that libav shows of a file."""
    with av.open(str(path)) as container:
        return [seen(frame) for frame in container.decode(video=0)]


@contextmanager
def _on_air(ports: dict[str, int]) -> Iterator[dict[str, ScriptedCamera]]:
    """All cameras, on these ports if they have been there before."""
    with Background() as background:
        cameras = {}
        for kind in KINDS:
            sound = encode_sound(200) if kind.sound else None
            camera = ScriptedCamera(footage(kind.codec, kind.b_frames).units, sound=sound)
            camera.port = ports.get(kind.id, 0)
            cameras[kind.id] = background.enter(camera)
            ports[kind.id] = camera.port
        yield cameras


def _entry(kind: Kind, url: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": kind.id, "url": url}
    if kind.sound:
        entry |= {"audio": True, "audio_justification": "The tests ask for it"}
    return entry


def _recorded_until_us(recorder: Recorder, camera_id: str) -> int:
    spans = recorder.timeline(camera_id)["spans"]
    if not spans:
        return 0
    return (datetime.fromisoformat(spans[-1]["end"]) - _EPOCH) // timedelta(microseconds=1)


@contextmanager
def watched_cameras(directory: Path) -> Generator[dict[str, Watched]]:
    """All kinds by their ids: recorded for a while, gone, and back; files are short."""
    for kind in KINDS:
        sent(kind.codec, kind.b_frames)
    recorder = Recorder(directory, options=("--file-seconds", str(_FILE_S)))
    ports: dict[str, int] = {}
    with _on_air(ports) as cameras:
        recorder.write_camera_file([_entry(kind, cameras[kind.id].url) for kind in KINDS])
        recorder.start()
        try:
            first = _record(recorder, cameras, 0, _FIRST_S)
        except BaseException:
            recorder.stop()
            raise
    try:
        time.sleep(_ABSENT_S)
        gaps_us = {kind.id: _recorded_until_us(recorder, kind.id) for kind in KINDS}
        with _on_air(ports) as cameras:
            second = _record(recorder, cameras, max(gaps_us.values()), _SECOND_S)
            yield {
                kind.id: Watched(
                    kind,
                    recorder,
                    (first[kind.id], second[kind.id]),
                    gaps_us[kind.id],
                    _recorded_until_us(recorder, kind.id),
                )
                for kind in KINDS
            }
    finally:
        assert recorder.stop() == 0


def _record(recorder: Recorder, cameras: dict[str, ScriptedCamera], after_us: int, seconds: int) -> dict[str, Run]:
    """Waits until each camera's footage is so long."""
    for camera_id, camera in cameras.items():

        def recorded(camera_id: str = camera_id, camera: ScriptedCamera = camera) -> bool:
            begin_us = max(after_us, camera.begin_us)
            return bool(camera.begin_us) and _recorded_until_us(recorder, camera_id) >= begin_us + seconds * 1_000_000

        wait_until(recorded, 120, 0.3)
    return {camera_id: Run(camera.begin_us) for camera_id, camera in cameras.items()}


def probe(path: str | Path, *more: str) -> tuple[dict[str, Any], str]:
    """What ffprobe tells of a file or an address, and what it complains of."""
    done = subprocess.run(
        [*("ffprobe", "-v", "warning", "-of", "json", "-show_format", "-show_streams"), *more, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told, done.stderr
