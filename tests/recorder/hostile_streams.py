"""What cameras that are broken, changing or hostile send, made of real footage, for tests and a soak of vision."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from random import Random
from typing import cast

import av
import numpy as np

from safe_community_recorder.media.codec import CODECS, ParameterSets
from safe_community_recorder.media.video import AccessUnit, CodecName, length_prefixed, split_annexb
from tests.recorder.footage import Footage
from tests.recorder.village_scene import stream

type Units = list[AccessUnit]

_ENCODERS: dict[CodecName, tuple[str, str]] = {"h264": ("libx264", "x264-params"), "h265": ("libx265", "x265-params")}
_SIZES = ((320, 180), (180, 320), (64, 48), (640, 360), (18, 16), (1920, 16))
_FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray")


@cache
def footage(
    width: int = 320, height: int = 180, codec: CodecName = "h264", pictures: int = 20, pixels: str = "yuv420p"
) -> Footage:
    """Two groups of noise round a brightness that changes, in any size and any kind of pixels."""
    name, parameters = _ENCODERS[codec]
    encoder = cast("av.VideoCodecContext", av.CodecContext.create(name, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixels
    encoder.framerate, encoder.time_base = Fraction(10), Fraction(1, 10)
    quiet = ":log-level=none:pools=none:frame-threads=1" if codec == "h265" else ":threads=1"
    encoder.options = {"preset": "ultrafast", parameters: "keyint=10:min-keyint=10:scenecut=0:bframes=0" + quiet}
    rng = np.random.default_rng(width * height)
    grain = rng.integers(0, 40, (height, width), np.uint8) if width * height < 1 << 22 else np.uint8(9)
    packets = []
    for number in range(pictures):
        luma = np.full((height, width), 40 + number * 8, np.uint8) + grain
        frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format=pixels)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    sets = ParameterSets(CODECS[codec])
    sets.take(split_annexb(bytes(packets[0])))
    assert sets.video is not None
    units = []
    for number, packet in enumerate(packets):
        data = length_prefixed(CODECS[codec].stored(split_annexb(bytes(packet))))
        units.append(AccessUnit(data, number * 9_000, number * 9_000, packet.is_keyframe, 0, sets.video))
    return Footage(sets.video, tuple(units))


def usual(_rng: Random) -> Units:
    """Somebody crosses a quiet place: what a camera should send."""
    return list(stream(12, ((4.0, 8.0),)).units)


def changing_sizes(rng: Random) -> Units:
    """Another size with each group of pictures, without a word."""
    return [unit for _ in range(6) for unit in footage(*rng.choice(_SIZES)).units[:10]]


def lost_references(rng: Random) -> Units:
    """Green and smeared pictures: keyframes that are none, and holes before pictures that refer to what was there."""
    units = list(stream(12, ((4.0, 8.0),)).units)
    torn = [unit for unit in units if unit.is_key or rng.random() > 0.3]
    return [unit._replace(data=rng.choice(units).data) if unit.is_key and rng.random() < 0.5 else unit for unit in torn]


def truncated(rng: Random) -> Units:
    """NAL units cut anywhere, and bits that have turned over."""
    damaged = []
    for unit in stream(12, ((4.0, 8.0),)).units:
        data = bytearray(unit.data[: rng.randrange(len(unit.data) + 1)] if rng.random() < 0.5 else unit.data)
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged.append(unit._replace(data=bytes(data)))
    return damaged


def no_keyframes(_rng: Random) -> Units:
    """Never one that is decoded by itself."""
    return [unit._replace(is_key=False) for unit in stream(12, ((4.0, 8.0),)).units if not unit.is_key]


def smallest(_rng: Random) -> Units:
    """One pixel, and sizes below a block."""
    pixel = footage(1, 1, pixels="yuv444p").units
    return [*pixel, *footage(2, 2).units, *footage(14, 16).units, *footage(16, 14).units]


def largest(_rng: Random) -> Units:
    """8K, and more than there are cameras for."""
    return [*footage(7680, 4320, pictures=2).units, *footage(12_000, 6_000, pictures=1).units]


def leaping_times(rng: Random) -> Units:
    """Times that leap ahead, back, stand still, and wrap."""
    units = []
    for unit in stream(12, ((4.0, 8.0),)).units:
        leap_90k = rng.choice([0, 0, 0, 1 << 32, -(1 << 33), 90_000 * 86_400, -unit.pts_90k])
        units.append(unit._replace(pts_90k=unit.pts_90k + leap_90k, dts_90k=unit.dts_90k + leap_90k))
    return units


def wrong_parameter_sets(rng: Random) -> Units:
    """Pictures under the parameter sets of others, some of another codec."""
    others = [footage(*size).video for size in _SIZES] + [footage(320, 180, "h265").video]
    return [unit._replace(video=rng.choice(others)) for unit in stream(12, ((4.0, 8.0),)).units]


def changing_codecs(rng: Random) -> Units:
    """H.264 and H.265, with eight bits and ten, with colours and without, in turn."""
    units: Units = []
    for _ in range(6):
        codec: CodecName = rng.choice(["h264", "h265"])
        pixels = "yuv420p" if codec == "h265" else rng.choice(_FORMATS)
        units += footage(320, 180, codec, pixels=pixels).units[:10]
    return units


def garbage(rng: Random) -> Units:
    """Anything at all, as keyframes and otherwise, and nothing."""
    video = stream(12, ((4.0, 8.0),)).video
    sizes = (0, 1, 5, 100, 5_000)
    return [
        AccessUnit(rng.randbytes(rng.choice(sizes)), n * 9_000, n * 9_000, rng.random() < 0.3, 0, video)
        for n in range(60)
    ]


STREAMS: dict[str, Callable[[Random], Units]] = {
    kind.__name__: kind
    for kind in (
        usual,
        changing_sizes,
        lost_references,
        truncated,
        no_keyframes,
        smallest,
        largest,
        leaping_times,
        wrong_parameter_sets,
        changing_codecs,
        garbage,
    )
}


def coming(units: Units, from_us: int, every_us: int = 100_000) -> Iterator[AccessUnit]:
    """The units as they come in, so far apart."""
    for number, unit in enumerate(units):
        yield unit._replace(arrival_us=from_us + number * every_us)
