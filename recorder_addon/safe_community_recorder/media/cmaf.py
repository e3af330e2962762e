"""Recording files: fragmented MP4 (CMAF, ISO/IEC 23000-19), one group of pictures a fragment, written and read back.

A file is `ftyp moov`, then for each fragment `prft moof mdat`. `prft` (ISO/IEC 14496-12 §8.16.5) carries the UTC time
of the fragment's first picture, so that a file keeps its time whatever its name or the index says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from .boxes import HEADER_BYTES, BoxError, box, find, full_box, read_header
from .h264 import BitstreamError, VideoFormat, read_decoder_configuration
from .movie import TRACK_ID, movie_header, video_track

_NTP_EPOCH_OFFSET_S = 2_208_988_800
_SYNC_SAMPLE = 0x02000000
_DEPENDENT_SAMPLE = 0x01010000
_TRUN_FIXED = 0x000001 | 0x000004 | 0x000100 | 0x000200
_TRUN_OFFSETS = 0x000800
_MOOF_LIMIT_BYTES = 1 << 20

type U32 = np.ndarray[tuple[int], np.dtype[np.uint32]]
type I32 = np.ndarray[tuple[int], np.dtype[np.int32]]


class ClockSource(IntEnum):
    """How a fragment's UTC was got; the value is that of prft's flags (ISO/IEC 14496-12 §8.16.5)."""

    ARRIVAL = 8
    """From the arrival at this host's clock: "an arbitrary, but consistent, time"."""
    SENDER_REPORT = 24
    """From the camera's own clock by its RTCP sender reports: the time at which the picture was captured."""


@dataclass(frozen=True, slots=True, eq=False)
class Fragment:
    """One group of pictures in a file: the first sample is a keyframe, the samples lie side by side in decoding order.

    `start` is the file position of its first box, `data` that of its first sample, `end` that behind its mdat.
    `durations` and `offsets` (composition time minus decoding time) are in 1/90000 s.
    """

    utc_us: int
    base_90k: int
    start: int
    data: int
    end: int
    sizes: U32
    durations: U32
    offsets: I32
    clock: ClockSource = ClockSource.ARRIVAL

    @property
    def duration_90k(self) -> int:
        """From the first sample to the end of the last, in decoding time."""
        return int(self.durations.sum(dtype=np.int64))

    @property
    def end_us(self) -> int:
        """UTC of the end of the last sample."""
        return self.utc_us + self.duration_90k * 100 // 9


@dataclass(frozen=True, slots=True, eq=False)
class RecordingFile:
    """What a recording file holds. `size` counts the bytes up to the end of the last whole fragment."""

    video: VideoFormat
    fragments: tuple[Fragment, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A coded picture as it goes into a file. `data` is length-prefixed; durations and offsets in 1/90000 s."""

    data: bytes
    duration_90k: int
    offset_90k: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group of pictures: the first sample is a keyframe. `start_us` ≤ time < `end_us`, in UTC."""

    video: VideoFormat
    start_us: int
    samples: tuple[Sample, ...]
    clock: ClockSource = ClockSource.ARRIVAL

    @property
    def end_us(self) -> int:
        """UTC of the end of the last picture."""
        return self.start_us + sum(sample.duration_90k for sample in self.samples) * 100 // 9


def init_segment(video: VideoFormat) -> bytes:
    """ftyp and moov of a recording file."""
    empty_tables = (
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    defaults = full_box(b"trex", 0, 0, TRACK_ID.to_bytes(4), (1).to_bytes(4), bytes(8), _DEPENDENT_SAMPLE.to_bytes(4))
    return b"".join(
        (
            box(b"ftyp", b"cmfc", bytes(4), b"iso6cmfcavc1mp41"),
            box(b"moov", movie_header(0), video_track([video], empty_tables), box(b"mvex", defaults)),
        )
    )


def encode_fragment(
    sequence: int,
    utc_us: int,
    base_90k: int,
    samples: Sequence[Sample],
    clock: ClockSource = ClockSource.ARRIVAL,
) -> list[bytes]:
    """prft, moof and mdat of one group of pictures, as buffers for one vectored write."""
    if not samples:
        raise ValueError("a fragment without samples")
    reference = full_box(b"prft", 1, clock, TRACK_ID.to_bytes(4), _to_ntp(utc_us).to_bytes(8), base_90k.to_bytes(8))
    with_offsets = any(sample.offset_90k for sample in samples)
    columns = 3 if with_offsets else 2
    table = np.empty((len(samples), columns), dtype=">i8")
    table[:, 0] = [sample.duration_90k for sample in samples]
    table[:, 1] = [len(sample.data) for sample in samples]
    if with_offsets:
        table[:, 2] = [sample.offset_90k for sample in samples]
    rows = (table & 0xFFFFFFFF).astype(">u4").tobytes()

    def movie_fragment(data_offset: int) -> bytes:
        run = full_box(
            b"trun",
            1,
            _TRUN_FIXED | (_TRUN_OFFSETS if with_offsets else 0),
            len(samples).to_bytes(4),
            data_offset.to_bytes(4),
            _SYNC_SAMPLE.to_bytes(4),
            rows,
        )
        track = box(
            b"traf",
            full_box(b"tfhd", 0, 0x020020, TRACK_ID.to_bytes(4), _DEPENDENT_SAMPLE.to_bytes(4)),
            full_box(b"tfdt", 1, 0, base_90k.to_bytes(8)),
            run,
        )
        return box(b"moof", full_box(b"mfhd", 0, 0, sequence.to_bytes(4)), track)

    size = sum(len(sample.data) for sample in samples)
    moof = movie_fragment(len(movie_fragment(0)) + 8)
    return [reference, moof, (8 + size).to_bytes(4) + b"mdat", *(sample.data for sample in samples)]


def read_recording(read: Callable[[int, int], bytes], size: int) -> RecordingFile:
    """Reads a recording file of `size` bytes through `read(position, count)`.

    A torn tail (a fragment that is not whole) is left out. Raises BoxError when the file's beginning is not that of a
    recording file: then nothing of it can be played.
    """
    position = 0
    video = None
    while video is None:
        header = read_header(read(position, HEADER_BYTES), position)
        if header.end > size:
            raise BoxError(f"the box {header.kind!r} at byte {position} is cut short")
        if header.kind == b"moov":
            video = _read_movie(read(header.start, header.end - header.start))
        elif header.kind != b"ftyp":
            raise BoxError(f"ftyp and moov were expected, not {header.kind!r}")
        position = header.end
    fragments: list[Fragment] = []
    while (fragment := _read_fragment(read, position, size)) is not None:
        fragments.append(fragment)
        position = fragment.end
    return RecordingFile(video, tuple(fragments), position)


def _to_ntp(utc_us: int) -> int:
    """NTP's 64-bit timestamp (RFC 5905 §6). Its seconds begin anew in 2036: `_from_ntp` tells the eras apart."""
    seconds, rest_us = divmod(utc_us, 1_000_000)
    return (seconds + _NTP_EPOCH_OFFSET_S) % (1 << 32) << 32 | ((rest_us << 32) + 500_000) // 1_000_000


def _from_ntp(ntp: int) -> int:
    """UTC in microseconds; timestamps stand for 1968 to 2104."""
    seconds = ntp >> 32
    era_s = 0 if seconds >= 1 << 31 else 1 << 32
    return (era_s + seconds - _NTP_EPOCH_OFFSET_S) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 + (1 << 31) >> 32)


def _read_movie(movie: bytes) -> VideoFormat:
    entries = find(movie, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    entry = read_header(movie[entries.body + 8 : entries.end], entries.body + 8)
    record = find(movie, b"avcC", start=entry.body + 78, end=entry.end)
    try:
        return read_decoder_configuration(movie[record.body : record.end])
    except BitstreamError as error:
        raise BoxError(str(error)) from error


def _read_fragment(read: Callable[[int, int], bytes], start: int, size: int) -> Fragment | None:
    """The fragment at byte `start`, or None when there is no whole one."""
    try:
        reference = read_header(read(start, HEADER_BYTES), start)
        if reference.kind != b"prft" or reference.end - reference.start != 32:
            return None
        both = read(start, 32 + HEADER_BYTES)
        moof = read_header(both, reference.end, 32)
        if moof.kind != b"moof" or moof.end + 8 > size or moof.end - moof.start > _MOOF_LIMIT_BYTES:
            return None
        movie = read(moof.start, moof.end - moof.start + HEADER_BYTES)
        data = read_header(movie, moof.end, moof.end - moof.start)
        if data.kind != b"mdat" or data.end > size:
            return None
        utc_us = _from_ntp(int.from_bytes(both[16:24]))
        sizes, durations, offsets = _read_run(movie)
        if int(sizes.sum(dtype=np.int64)) != data.end - data.body:
            return None
    except BoxError:
        return None
    clock = _clock_source(int.from_bytes(both[9:12]))
    return Fragment(utc_us, int.from_bytes(both[24:32]), start, data.body, data.end, sizes, durations, offsets, clock)


def _clock_source(flags: int) -> ClockSource:
    return ClockSource.SENDER_REPORT if flags == ClockSource.SENDER_REPORT else ClockSource.ARRIVAL


def _read_run(movie: bytes) -> tuple[U32, U32, I32]:
    moof = read_header(movie, 0)
    run = find(movie, b"traf", b"trun", start=moof.body, end=moof.end)
    flags = int.from_bytes(movie[run.body + 1 : run.body + 4])
    if flags & ~_TRUN_OFFSETS != _TRUN_FIXED:
        raise BoxError(f"a track run with the flags {flags:#x}")
    columns = 3 if flags & _TRUN_OFFSETS else 2
    count = int.from_bytes(movie[run.body + 4 : run.body + 8])
    if count == 0 or run.end - run.body != 16 + count * columns * 4:
        raise BoxError(f"a track run of {count} samples in {run.end - run.body} bytes")
    table = np.frombuffer(movie, dtype=">u4", count=count * columns, offset=run.body + 16).reshape(count, columns)
    offsets = table[:, 2].astype(np.uint32).view(np.int32) if columns == 3 else np.zeros(count, dtype=np.int32)
    return table[:, 1].astype(np.uint32), table[:, 0].astype(np.uint32), offsets
