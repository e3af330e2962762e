"""A recording file's bytes on one timeline for all files: the same size and places, other times. Pure.

In a file, time begins with 0, and edit lists skip the delay of B-frames and what was heard before the first picture.
Players of HLS want neither: each file would be a discontinuity, where libav drops a group of pictures, and hls.js knows
no edit lists. So the few bytes that tell times are written anew on the way out: since 2020, in 1/90000 s (of sound: in
samples), and with the delay taken off the composition offsets, so that a fragment's first picture is shown when it is
decoded (hls.js goes by that). What is shown when, and with which sound, stays the same.

Why 2020: it is before all footage, and players reckon in binary64 seconds. Since 1970 these are so coarse that Chromium
put every fourteenth first picture a microsecond before the beginning, and left out all up to the next keyframe. 2020 is
near enough for 2^29 s, until 2037; it stands in no file, so that a later year can be put here then.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import utc
from .boxes import BoxError, BoxHeader, find, walk
from .cmaf import PRFT_BYTES, RUN_FIRST_FLAGS, RUN_OFFSETS, Fragment, RecordingFile
from .movie import VIDEO_TRACK

ORIGIN_US = 1_577_836_800 * utc.SECOND_US
_MEDIA_TIME_BYTES = 8
_EDIT_COUNT_AND_DURATION_BYTES = 4 + 8


class Region(NamedTuple):
    """Bytes `start` … `end` of a file; `has_times` says that they have to go through `retimed` as a whole."""

    start: int
    end: int
    has_times: bool


def regions(file: RecordingFile, fragments: Sequence[Fragment], start: int, end: int) -> list[Region] | None:
    """What bytes `start` … `end` consist of, if all of them are of the file's head or of these fragments."""
    parts = [Region(0, file.head_bytes, True)]
    for fragment in fragments:
        parts += [Region(fragment.start, fragment.data, True), Region(fragment.data, fragment.end, False)]
    touched = []
    position = start
    for part in parts:
        if part.start <= position < part.end and position < end:
            touched.append(part)
            position = part.end
    return touched if position >= end else None


def retimed(file: RecordingFile, region: Region, data: bytes) -> bytes:
    """A region's bytes with the times of the common timeline. Raises BoxError when they are not what they should be."""
    if len(data) != region.end - region.start:
        raise BoxError(f"{region.end - region.start} bytes were expected, not {len(data)}")
    patched = bytearray(data)
    if region.start == 0:
        _patch_head(patched)
    else:
        _patch_fragment(file, patched)
    return bytes(patched)


def _patch_head(data: bytearray) -> None:
    """Edit lists, where there are any, begin playback with the track (ISO/IEC 14496-12 §8.6.6)."""
    moov = find(data, b"moov")
    for trak in walk(data, moov.body, moov.end):
        if trak.kind == b"trak" and any(inside.kind == b"edts" for inside in walk(data, trak.body, trak.end)):
            edits = find(data, b"edts", b"elst", start=trak.body, end=trak.end)
            at = edits.body + 4 + _EDIT_COUNT_AND_DURATION_BYTES
            data[at : at + _MEDIA_TIME_BYTES] = bytes(_MEDIA_TIME_BYTES)


def _patch_fragment(file: RecordingFile, data: bytearray) -> None:
    """prft, and of each track tfdt and trun (ISO/IEC 14496-12 §8.16.5, §8.8.12, §8.8.8)."""
    begin_90k = (file.start_us - ORIGIN_US) * 9 // 100
    _add(data, PRFT_BYTES - _MEDIA_TIME_BYTES, begin_90k - file.delay_90k)
    moof = find(data, b"moof", start=PRFT_BYTES, end=len(data) - 8)
    for traf in walk(data, moof.body, moof.end):
        if traf.kind != b"traf":
            continue
        time = find(data, b"tfdt", start=traf.body, end=traf.end)
        if _track(data, traf) != VIDEO_TRACK:
            _add(data, time.body + 4, _sound_later(file))
            continue
        run = find(data, b"trun", start=traf.body, end=traf.end)
        has_offsets = file.delay_90k > 0 and _take_delay_off(data, run, file.delay_90k)
        _add(data, time.body + 4, begin_90k if has_offsets else begin_90k - file.delay_90k)


def _take_delay_off(data: bytearray, run: BoxHeader, delay_90k: int) -> bool:
    """Of each sample's composition offset; False if there are none. Three columns: duration, size, offset."""
    flags = int.from_bytes(data[run.body + 1 : run.body + 4])
    if not flags & RUN_OFFSETS:
        return False
    rows = run.body + (16 if flags & RUN_FIRST_FLAGS else 12)
    table = np.frombuffer(data, dtype=">i4", offset=rows, count=(run.end - rows) // 4).reshape(-1, 3)
    table[:, 2] -= delay_90k
    return True


def _sound_later(file: RecordingFile) -> int:
    """When the track of sound begins, in samples since the timeline's."""
    rate = 0 if file.audio is None else file.audio.sample_rate
    return ((file.start_us - ORIGIN_US) * rate + utc.SECOND_US // 2) // utc.SECOND_US - file.lead


def _track(data: bytearray, traf: BoxHeader) -> int:
    header = find(data, b"tfhd", start=traf.body, end=traf.end)
    return int.from_bytes(data[header.body + 4 : header.body + 8])


def _add(data: bytearray, at: int, later: int) -> None:
    data[at : at + 8] = (int.from_bytes(data[at : at + 8]) + later).to_bytes(8)
