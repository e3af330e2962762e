"""What a simulated camera's pictures look like at an instant, and as H.264 without encoding the same thing twice.

The top strip with the clock is encoded for every group of pictures. The rest is a quiet scene: one group of it is
encoded at the start and repeated, until something moves. So two dozen cameras cost about as much as one.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import gi
import numpy as np

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from demo import lettering, scenes, slices, timecode  # noqa: E402

_CROSSING_S = 6.0  # how long something takes from one edge of the picture to the other


@dataclass(frozen=True)
class Kind:
    """What a camera's main or sub-stream is like; heights in pixels.

    The strip is a whole number of macroblocks high, and its last 16 rows never change, so that no motion vector leads
    out of it. No scene may draw in it.
    """

    name: str
    width: int
    height: int
    rate: int
    group: int
    quantizer: int
    strip_height: int
    clock_height: int
    name_height: int

    @property
    def caps(self) -> str:
        """What GStreamer calls its encoded pictures."""
        return f"video/x-h264,stream-format=byte-stream,alignment=au,width={self.width},height={self.height}"


MAIN = Kind("main", 1280, 720, rate=10, group=20, quantizer=25, strip_height=64, clock_height=32, name_height=32)
SUB = Kind("sub", 320, 180, rate=5, group=5, quantizer=24, strip_height=32, clock_height=12, name_height=12)


@dataclass(frozen=True)
class Movement:
    """Something that goes to and fro in front of a camera for a while (Unix time)."""

    start: float
    end: float
    thing: str


@dataclass(frozen=True)
class Scene:
    """A camera's empty scene, and a group of pictures of it, encoded."""

    kind: Kind
    picture: scenes.Planes
    quiet: list[bytes] = field(default_factory=list)


class Encoder:
    """x264 for pictures of one size; takes and returns whole groups of pictures."""

    def __init__(self, kind: Kind, height: int) -> None:
        self._kind = kind
        self._pipeline = Gst.parse_launch(
            "appsrc name=in format=time "
            f"caps=video/x-raw,format=I420,width={kind.width},height={height},framerate={kind.rate}/1,"
            "colorimetry=bt709,pixel-aspect-ratio=1/1,interlace-mode=progressive "
            f"! x264enc pass=quant quantizer={kind.quantizer} speed-preset=ultrafast tune=zerolatency threads=1 "
            f"bframes=0 key-int-max={kind.group} option-string=scenecut=0 ! {kind.caps.split(',width')[0]} "
            "! appsink name=out sync=false"
        )
        self._in, self._out = (self._pipeline.get_by_name(name) for name in ("in", "out"))
        self._number = 0
        self._pipeline.set_state(Gst.State.PLAYING)

    def encode(self, pictures: list[bytes]) -> list[bytes]:
        """As many access units as pictures, the first one a keyframe."""
        for data in pictures:
            picture = Gst.Buffer.new_wrapped(data)
            picture.pts = self._number * Gst.SECOND // self._kind.rate
            self._number += 1
            self._in.emit("push-buffer", picture)
        encoded = []
        for _ in pictures:
            buffer = self._out.emit("pull-sample").get_buffer()
            encoded.append(buffer.extract_dup(0, buffer.get_size()))
        return encoded

    def close(self) -> None:
        """Free x264."""
        self._pipeline.set_state(Gst.State.NULL)


class Painter:
    """Draws and encodes the pictures of all streams of one kind; for one thread."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._things = {"car": scenes.car(kind.width), "person": scenes.person(kind.width)}
        (letters,) = lettering.letter([(lettering.CLOCK_LETTERS, kind.clock_height)])
        cells = np.split(16 + (letters / 255 * 219).astype(np.uint8), len(lettering.CLOCK_LETTERS), axis=1)
        self._letters = dict(zip(lettering.CLOCK_LETTERS, cells, strict=True))
        # Light, sensor and leaves: the brightness differs a little from picture to picture.
        rng = np.random.default_rng(1)
        self._ground = int(kind.height * 0.42)
        self._noise = rng.integers(0, 3, (8, kind.height - self._ground, kind.width), np.uint8)
        self._leaves = rng.integers(0, 24, (8, kind.height // 8, kind.width // 8), np.uint8)
        sky = scenes.to_planes(scenes.shrink(scenes.sky(), scenes.WIDTH // kind.width))
        above = np.frombuffer(sky.rows(0, kind.strip_height), np.uint8)
        self._sky = scenes.Planes(above, kind.width, kind.strip_height)
        whole = Encoder(kind, kind.height)
        self._parameters = slices.parameter_sets(whole.encode([bytes(sky.buffer)])[0])
        whole.close()
        self._strip = Encoder(kind, kind.strip_height)
        self._body = Encoder(kind, kind.height - kind.strip_height)
        self._first_macroblock = kind.strip_height // 16 * (kind.width // 16)

    def scene(self, rgb: Any, name: Any) -> Scene:
        """The scene drawn by `scenes.background`, with the camera's name in it (white on black)."""
        kind = self.kind
        picture = scenes.to_planes(scenes.shrink(rgb, scenes.WIDTH // kind.width))
        np.clip(picture.y, 16, 200, out=picture.y)
        place = picture.y[-name.shape[0] :, : name.shape[1]]
        place[:] = np.maximum(place // 3, name[:, : place.shape[1]] / 255 * 230)
        picture.chroma[:, -name.shape[0] // 2 :, : name.shape[1] // 2] = 128
        return Scene(kind, picture, self._body_slices(picture, [], 0))

    def group(self, scene: Scene, movements: list[Movement], at: float, keyframe_number: int) -> list[bytes]:
        """The access units of one group of pictures that begins at `at`, every one at its time."""
        kind = self.kind
        end = at + kind.group / kind.rate
        moving = [movement for movement in movements if movement.start < end and at < movement.end]
        body = self._body_slices(scene.picture, moving, at) if moving else scene.quiet
        strip = self._strip.encode([self._paint_strip(at + number / kind.rate) for number in range(kind.group)])
        number = keyframe_number % 2  # two keyframes in a row must differ (7.4.3, idr_pic_id)
        parts = [(slices.slice_of(above), below) for above, below in zip(strip, body, strict=True)]
        parts[0] = (
            slices.place(parts[0][0], self._parameters, 0, number),
            slices.place(parts[0][1], self._parameters, self._first_macroblock, number),
        )
        return [slices.join(both, self._parameters) for both in parts]

    def _body_slices(self, empty: scenes.Planes, movements: list[Movement], at: float) -> list[bytes]:
        times = [at + number / self.kind.rate for number in range(self.kind.group)]
        encoded = self._body.encode([self._paint_body(empty, movements, instant) for instant in times])
        return [slices.place(slices.slice_of(unit), self._parameters, self._first_macroblock, 0) for unit in encoded]

    def _paint_body(self, empty: scenes.Planes, movements: list[Movement], at: float) -> bytes:
        kind, turn = self.kind, round(at * self.kind.rate)
        picture = scenes.Planes(empty.buffer.copy(), kind.width, kind.height)
        picture.y[self._ground :] += self._noise[turn * 5 % 8]
        leaves = self._leaves[turn * 3 % 8]
        trees = picture.y[self._ground - leaves.shape[0] : self._ground, -leaves.shape[1] :]
        trees += leaves * (trees < 90)
        for movement in movements:
            if movement.start <= at < movement.end:
                sprite = self._things[movement.thing]
                length = kind.width + sprite.pictures[0].width
                way = (at - movement.start) / _CROSSING_S % 2
                x = length * (way if way < 1 else 2 - way) - sprite.pictures[0].width
                sprite.paste(picture, int(x), int(kind.height * 0.82), turn // 3)
        return picture.rows(kind.strip_height, kind.height)

    def _paint_strip(self, at: float) -> bytes:
        kind = self.kind
        picture = scenes.Planes(self._sky.buffer.copy(), kind.width, kind.strip_height)
        size = timecode.block_size(kind.width)
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) + f".{int(at * 10 + 1e-6) % 10} UTC"
        letters = np.concatenate([self._letters[letter] for letter in text], axis=1)
        bottom, right = size + kind.clock_height, timecode.BITS * size
        picture.y[:bottom, :right] = 16
        picture.chroma[:, : bottom // 2, : right // 2] = 128
        picture.y[size:bottom, : letters.shape[1]] = letters
        timecode.draw(picture.y, round(at * 1000))
        return bytes(picture.buffer)
