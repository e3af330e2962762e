"""Reads recording files (`cmaf`): a closed one by its sample table, any other fragment by fragment."""

from collections.abc import Callable

import numpy as np

from .boxes import HEADER_BYTES, BoxError, BoxHeader, find, read_header, walk
from .cmaf import (
    I32,
    PRFT_BYTES,
    RUN_COLUMNS,
    RUN_FIRST_FLAGS,
    RUN_OFFSETS,
    U32,
    AudioRun,
    ClockSource,
    Fragment,
    RecordingFile,
    from_ntp,
)
from .movie import AUDIO_TRACK, VIDEO_TRACK, Formats, read_formats
from .sample_table import read_closing

type Read = Callable[[int, int], bytes]

_HEAD_BYTES = 4 << 10
# One read takes a fragment's prft and moof when it has up to some 300 samples.
_FRAGMENT_BYTES = 4 << 10
_MOOF_LIMIT_BYTES = 16 << 20
_MOOV_LIMIT_BYTES = 16 << 20


def read_recording(read: Read, size: int) -> RecordingFile:
    """Reads a recording file of `size` bytes through `read(position, count)`.

    A closed file takes two reads, one at each end. Otherwise, or when its sample table does not fit it, the fragments
    are read one by one, and a torn tail (a fragment that is not whole) is left out. Raises BoxError when the file's
    beginning is not that of a recording file: then nothing of it can be played.
    """
    head = read(0, min(size, _HEAD_BYTES))
    formats, position, head = _read_head(read, head, size)
    try:
        fragments, end = read_closing(read, position, size, formats.lead)
    except BoxError:
        return _walk(read, formats, position, size)
    if _read_reference(head, position) not in (None, (fragments[0].utc_us, fragments[0].clock)):
        return _walk(read, formats, position, size)
    return _recording(formats, fragments, end, position, closed=True)


def _read_head(read: Read, head: bytes, size: int) -> tuple[Formats, int, bytes]:
    """The formats, the position of the first fragment, and all that has been read."""
    position = 0
    while True:
        header = read_header(head, position, position)
        if header.kind not in (b"ftyp", b"moov") or header.end > _MOOV_LIMIT_BYTES:
            raise BoxError(f"ftyp and moov were expected, not {header.kind!r}")
        if header.end > size:
            raise BoxError(f"the box {header.kind!r} at byte {position} is cut short")
        wanted = min(size, header.end + HEADER_BYTES)
        if wanted > len(head):
            head += read(len(head), wanted - len(head))
        if header.kind == b"moov":
            return read_formats(head[header.start : header.end]), header.end, head
        position = header.end


def _walk(read: Read, formats: Formats, position: int, size: int) -> RecordingFile:
    fragments: list[Fragment] = []
    head_bytes = position
    while (fragment := _read_fragment(read, position, size, formats.lead)) is not None:
        fragments.append(fragment)
        position = fragment.end
    return _recording(formats, tuple(fragments), position, head_bytes, closed=False)


def _recording(
    formats: Formats, fragments: tuple[Fragment, ...], end: int, head_bytes: int, *, closed: bool
) -> RecordingFile:
    start_us, delay_90k = (fragments[0].utc_us, max(0, int(fragments[0].offsets[0]))) if fragments else (0, 0)
    video, audio, lead = formats
    return RecordingFile(video, fragments, end, audio, closed, head_bytes, start_us, delay_90k, lead)


def _read_reference(data: bytes, start: int) -> tuple[int, ClockSource] | None:
    """UTC and clock of the prft at `start` of the data; None if there is none."""
    if len(data) < start + PRFT_BYTES or data[start : start + 8] != PRFT_BYTES.to_bytes(4) + b"prft":
        return None
    utc_us = from_ntp(int.from_bytes(data[start + 16 : start + 24]))
    return utc_us, ClockSource.of_flags(int.from_bytes(data[start + 9 : start + 12]))


def _read_fragment(read: Read, start: int, size: int, lead: int) -> Fragment | None:
    """The fragment at byte `start`, or None when there is no whole one."""
    try:
        data = read(start, min(_FRAGMENT_BYTES, size - start))
        reference = _read_reference(data, 0)
        if reference is None:
            return None
        moof = read_header(data, PRFT_BYTES, PRFT_BYTES)
        if moof.kind != b"moof" or start + moof.end + 8 > size or moof.end > _MOOF_LIMIT_BYTES:
            return None
        if moof.end + HEADER_BYTES > len(data):
            data += read(start + len(data), min(size - start, moof.end + HEADER_BYTES) - len(data))
        mdat = read_header(data, moof.end, moof.end)
        if mdat.kind != b"mdat" or start + mdat.end > size:
            return None
        return _fragment(data, start, moof, mdat, reference, lead)
    except BoxError:
        return None


def _fragment(
    data: bytes, start: int, moof: BoxHeader, mdat: BoxHeader, reference: tuple[int, ClockSource], lead: int
) -> Fragment:
    """The fragment at file position `start` of which `data` are the bytes up to its mdat."""
    runs = dict(_read_track(data, header) for header in walk(data, moof.body, moof.end) if header.kind == b"traf")
    if VIDEO_TRACK not in runs or len(runs) > 2:
        raise BoxError("a fragment of other tracks")
    base_90k, sizes, durations, offsets = runs.pop(VIDEO_TRACK)
    picture_bytes, sound_bytes = int(sizes.sum(dtype=np.int64)), 0
    audio: AudioRun | None = None
    if AUDIO_TRACK in runs:
        base, audio_sizes, audio_durations, _ = runs[AUDIO_TRACK]
        audio = AudioRun(base - lead, start + mdat.body + picture_bytes, audio_sizes, audio_durations)
        sound_bytes = int(audio_sizes.sum(dtype=np.int64))
    if picture_bytes + sound_bytes != mdat.end - mdat.body:
        raise BoxError("samples and mdat are not of the same size")
    utc_us, clock = reference
    data_at, end = start + mdat.body, start + mdat.end
    return Fragment(utc_us, base_90k, start, data_at, end, sizes, durations, offsets, clock, audio)


def _read_track(data: bytes, traf: BoxHeader) -> tuple[int, tuple[int, U32, U32, I32]]:
    """Track number, and base time, sizes, durations and offsets of a traf."""
    header = find(data, b"tfhd", start=traf.body, end=traf.end)
    time = find(data, b"tfdt", start=traf.body, end=traf.end)
    run = find(data, b"trun", start=traf.body, end=traf.end)
    track = int.from_bytes(data[header.body + 4 : header.body + 8])
    flags = int.from_bytes(data[run.body + 1 : run.body + 4])
    if flags & ~(RUN_FIRST_FLAGS | RUN_OFFSETS) != RUN_COLUMNS or time.end - time.body != 12:
        raise BoxError(f"a track run with the flags {flags:#x}")
    columns = 3 if flags & RUN_OFFSETS else 2
    rows = run.body + (16 if flags & RUN_FIRST_FLAGS else 12)
    count = int.from_bytes(data[run.body + 4 : run.body + 8])
    if count == 0 or run.end - rows != count * columns * 4:
        raise BoxError(f"a track run of {count} samples in {run.end - run.body} bytes")
    table = np.frombuffer(data, dtype=">u4", count=count * columns, offset=rows).reshape(count, columns)
    offsets = table[:, 2].astype(np.uint32).view(np.int32) if columns == 3 else np.zeros(count, dtype=np.int32)
    base = int.from_bytes(data[time.body + 4 : time.end])
    return track, (base, table[:, 1].astype(np.uint32), table[:, 0].astype(np.uint32), offsets)
