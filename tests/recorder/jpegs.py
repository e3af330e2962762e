"""Looks at pictures and strips as JPEG, and archives to take them from."""

import io
from typing import Any

import av

from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.cause import Cause
from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.stills import Recorded, Stills
from safe_community_recorder.strip import Strip, keyframe_near, marks, name_of
from tests.recorder.archives import Folder, S, record
from tests.recorder.footage import brightness_of

REACH = 10 * S


def shown(jpeg: bytes) -> Any:
    """The luma of a JPEG: an array of height × width."""
    with av.open(io.BytesIO(jpeg), "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


def brightness(jpeg: bytes) -> int:
    return round(float(shown(jpeg).mean()))


def luma_of(number: int) -> int:
    """The brightness of a picture by its number as a JPEG shows it: the full range."""
    return round((brightness_of(number) - 16) * 255 / 219)


def is_hatched(luma: Any) -> bool:
    """Two shades, about as much of each, and neither of them black."""
    dark, light = (luma < 80).mean(), (luma > 95).mean()
    return bool(dark > 0.3 and light > 0.3 and luma.min() > 30)


async def open_archive(folder: Folder, items: list[Group | Cause | tuple[Group, Cause]], **how: Any) -> Archive:
    """An archive in which one camera has recorded these."""
    archive = folder.open(**how)
    await archive.start()
    await record(archive, "stop", items)
    return archive


async def picture_at(archive: Archive, stills: Stills, at_us: int, width: int | None = None) -> bytes | None:
    keyframe = await keyframe_near(archive, "stop", at_us, REACH, REACH)
    return None if keyframe is None else await stills.jpeg(Recorded(keyframe, archive.read), width)


async def strip_of(archive: Archive, stills: Stills, strip: Strip, columns: int, width: int) -> bytes:
    layout = strip.layout(columns, width)
    tiles = [
        (Recorded(tile.keyframe, archive.read) if tile.keyframe else None, marks(tile, layout)) for tile in strip.tiles
    ]
    return await stills.strip(name_of(strip, layout), tiles, layout)
