"""A picture as JPEG looks as it does in a player: its proportions and its size."""

import pytest

from safe_community_recorder.stills import Live, Stills
from tests.recorder.footage import encode
from tests.recorder.jpegs import shown


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
