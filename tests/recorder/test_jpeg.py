"""A picture as JPEG looks as it does in a player: its proportions, its size and its colours."""

import io

import av
import numpy as np
import pytest

from safe_community_recorder.media.picture import decode_keyframe, to_jpeg
from safe_community_recorder.media.video import AccessUnit, CodecName
from safe_community_recorder.stills import Live, Stills
from tests.recorder.footage import encode, encode_pictures
from tests.recorder.jpegs import shown

_RED = 240, 20, 10
_BLUE = 20, 40, 200


def keyframe(
    width: int, height: int, codec: CodecName = "h264", more: str = "", yuv: tuple[int, int, int] = (128, 128, 128)
) -> AccessUnit:
    """A picture of one colour."""
    picture = np.full((height * 3 // 2, width), yuv[0], np.uint8)
    chroma = picture[height:].reshape(2, -1)
    chroma[0], chroma[1] = yuv[1:]
    return encode_pictures([picture], codec=codec, more=more).units[0]


def jpeg_of(unit: AccessUnit, width: int | None = None) -> bytes:
    return to_jpeg(decode_keyframe(unit.video, unit.nals), width)


def yuv_of(rgb: tuple[int, int, int], red_part: float, blue_part: float, *, full: bool) -> tuple[int, int, int]:
    """Luma and colours of R'G'B' (ITU-R BT.601-7 §2.5, BT.709-6 §3): kr and kb tell one matrix from the other."""
    red, green, blue = (value / 255 for value in rgb)
    luma = red_part * red + (1 - red_part - blue_part) * green + blue_part * blue
    colours = (blue - luma) / (2 - 2 * blue_part), (red - luma) / (2 - 2 * red_part)
    scale, black, reach = (255, 0, 255) if full else (219, 16, 224)
    return round(black + scale * luma), round(128 + reach * colours[0]), round(128 + reach * colours[1])


def middle_of(jpeg: bytes) -> list[int]:
    """The colour in its middle."""
    with av.open(io.BytesIO(jpeg), "r") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return [int(value) for value in picture[picture.shape[0] // 2, picture.shape[1] // 2]]


@pytest.mark.parametrize(
    ("wanted", "size"), [(None, (70, 50)), (16, (16, 10)), (17, (16, 10)), (69, (68, 48)), (8_192, (70, 50))]
)
async def test_pictures_come_in_their_proportions_and_are_never_enlarged(
    wanted: int | None, size: tuple[int, int]
) -> None:
    stills = Stills()
    try:
        jpeg = await stills.jpeg(Live("stop", encode(1, 0, 70, 50).units[0]), wanted)
        height, width = shown(jpeg).shape
        assert (width, height) == size
    finally:
        stills.close()


# x265 numbers them as the standard does (ITU-T H.264 table E-1).
@pytest.mark.parametrize(
    ("codec", "pixel", "size"),
    [
        ("h264", "16/11", (1024, 576)),
        ("h264", "12/11", (768, 576)),
        ("h264", "1/2", (704, 1152)),
        ("h264", "255/1", (704, 576)),
        ("h265", "4", (1024, 576)),
        ("h265", "16", (1408, 576)),
    ],
)
def test_pixels_that_are_not_square_are_seen_in_their_proportions(
    codec: CodecName, pixel: str, size: tuple[int, int]
) -> None:
    """What nobody's pixels are is damage: it makes no picture of a hundred million."""
    height, width = shown(jpeg_of(keyframe(704, 576, codec, f":sar={pixel}"))).shape
    assert (width, height) == size


@pytest.mark.parametrize("rgb", [_RED, _BLUE])
@pytest.mark.parametrize(
    ("height", "said", "parts", "full"),
    [
        (720, "", (0.2126, 0.0722), False),
        (480, "", (0.299, 0.114), False),
        (720, ":colormatrix=smpte170m", (0.299, 0.114), False),
        (480, ":colormatrix=bt709", (0.2126, 0.0722), False),
        (720, ":colormatrix=bt709:range=full", (0.2126, 0.0722), True),
        (480, ":range=full", (0.299, 0.114), True),
    ],
)
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_colours_are_those_that_the_camera_saw(
    rgb: tuple[int, int, int], height: int, said: str, parts: tuple[float, float], full: bool, codec: CodecName
) -> None:
    """HD is ITU-R BT.709 and JPEG is BT.601: a red coat is as red in both. What is not said is as browsers take it."""
    if codec == "h264":
        said = said.replace("range=full", "fullrange=on")
    yuv = yuv_of(rgb, *parts, full=full)
    assert middle_of(jpeg_of(keyframe(640, height, codec, said, yuv), 320)) == pytest.approx(rgb, abs=6)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_picture_of_4k_is_one_like_any_other(codec: CodecName) -> None:
    unit = keyframe(3840, 2160, codec)
    assert shown(jpeg_of(unit)).shape == (2160, 3840)
    assert shown(jpeg_of(unit, 640)).shape == (360, 640)
