"""Finds in the archive what belongs into a package: clips, their stills, what is missing, how good the time is."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from ..archive.archive import Archive
from ..archive.timeline import Span
from ..media.clip import Clip, NoFootageError, Piece
from ..media.cmaf import RecordingFile
from ..media.picture import PictureError
from ..stills import BusyError, Keyframe, Recorded, Stills, nearest
from ..utc import SECOND_US
from .contents import Clock, Item, Missing, clock_source, missing_of

# A group of pictures is hardly ever longer.
_NEAR_US = 30 * SECOND_US
_SMALL_WIDTH = 400
_STILLS = 3
_AGAIN_AFTER_S = 0.5
# What waits in memory for the disk, and the group that is just being received.
_LONGEST_WRITE_US = 45 * SECOND_US


async def footage_is_written(archive: Archive, items: Iterable[Item], now_us: Callable[[], int]) -> None:
    """Returns when the end of what is asked for is on the disk, or will never be."""
    for item in items:
        behind = Span(item.end_us - 1, item.end_us + _LONGEST_WRITE_US)
        while now_us() < behind.end_us:
            written = archive.written(item.camera_id)
            if written is None or await _is_known(archive, item, behind):
                break
            # Not only that: a gap may begin.
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_AFTER_S):
                    await written.wait()


async def _is_known(archive: Archive, item: Item, behind: Span) -> bool:
    """True if there is footage behind the item's end, or it is known that there is none."""
    rows = await archive.recordings(item.camera_id, behind)
    _, gaps = await archive.timeline(item.camera_id, behind)
    return any(row.end_us >= item.end_us for row in rows) or any(gap.start_us <= item.end_us for gap in gaps)


async def clip_of(archive: Archive, item: Item) -> Clip | None:
    """The footage of an item; None if there is none."""
    try:
        return await archive.clip(item.camera_id, item.span)
    except NoFootageError:
        return None


async def about(
    archive: Archive, item: Item, clip: Clip | None, offset_s: float | None
) -> tuple[tuple[Missing, ...], Clock]:
    """What is missing of an item, and how its time was got. `offset_s` is what the camera's clock is off now."""
    _, gaps = await archive.timeline(item.camera_id, item.span)
    rows = await archive.recordings(item.camera_id, item.span) if clip is not None else []
    events = await archive.clock_events(item.camera_id, item.span)
    return missing_of(item, clip, gaps), Clock(clock_source(row.clock for row in rows), offset_s, tuple(events))


async def stills_of(archive: Archive, stills: Stills, item: Item, clip: Clip) -> list[tuple[int, bytes, bytes]]:
    """(UTC, JPEG, small JPEG) of the first, the middle and the last picture of a clip that stands by itself."""
    keyframes: dict[int, Keyframe] = {}
    for at_us in _instants(clip.pieces, _STILLS):
        files = await archive.files(item.camera_id, Span(at_us - _NEAR_US, at_us + _NEAR_US))
        keyframe = _nearest(files, at_us, lambda utc_us: clip.start_us <= utc_us < clip.end_us)
        # Shorter than a group of pictures: what is seen first depends on a picture before it.
        keyframe = keyframe or _nearest(files, at_us, lambda utc_us: utc_us < clip.end_us)
        if keyframe is not None:
            keyframes[keyframe.utc_us] = keyframe
    found = []
    for at_us, keyframe in sorted(keyframes.items()):
        source = Recorded(keyframe, archive.read)
        try:
            found.append((at_us, await _jpeg(stills, source, None), await _jpeg(stills, source, _SMALL_WIDTH)))
        except PictureError:
            # A picture that cannot be decoded is in the clip all the same.
            continue
    return found


async def _jpeg(stills: Stills, source: Recorded, width: int | None) -> bytes:
    while True:
        try:
            return await stills.jpeg(source, width)
        except BusyError:
            await asyncio.sleep(_AGAIN_AFTER_S)


def _nearest(
    files: Sequence[tuple[str, RecordingFile]], at_us: int, may_show: Callable[[int], bool]
) -> Keyframe | None:
    return nearest(files, at_us, before_us=_NEAR_US, after_us=_NEAR_US, may_show=may_show)


def _instants(pieces: Sequence[Piece], count: int) -> list[int]:
    """So many instants of a clip, spread evenly over what can be seen of it, from its first to its last picture."""
    seen_us = sum(piece.end_us - piece.start_us for piece in pieces)
    instants = []
    for number in range(count):
        left_us = (seen_us - 1) * number // (count - 1)
        for piece in pieces:
            if left_us < piece.end_us - piece.start_us:
                instants.append(piece.start_us + left_us)
                break
            left_us -= piece.end_us - piece.start_us
    return instants
