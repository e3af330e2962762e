"""Recording files: fragmented MP4 (CMAF, ISO/IEC 23000-19), one group of pictures a fragment: their content, written.

A file is `ftyp moov`, then `prft moof mdat` for each fragment; a closed one ends with its table (`sample_table`).
`prft` (ISO/IEC 14496-12 §8.16.5) carries the UTC time of the fragment's first picture, so that a file keeps its time
whatever its name or the index says. docs/archive-format.md describes every byte.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from .audio import AudioFormat
from .boxes import box, full_box
from .movie import AUDIO_TRACK, VIDEO_TRACK, audio_track, edit_list, movie_header, video_track
from .video import VideoFormat

SYNC_SAMPLE = 0x02000000
DEPENDENT_SAMPLE = 0x01010000
# trun: data offset, duration and size of each sample; flags of the first; composition offsets.
RUN_COLUMNS = 0x000001 | 0x000100 | 0x000200
RUN_FIRST_FLAGS = 0x000004
RUN_OFFSETS = 0x000800

# tfhd: positions count from the beginning of the moof.
_DATA_IN_MOOF = 0x020000
_NTP_EPOCH_OFFSET_S = 2_208_988_800
_PRFT = struct.Struct(">I4sIIQQ")
PRFT_BYTES = _PRFT.size
_MOOF = struct.Struct(">I4s" + "I4sII")
_VIDEO_TRAF = struct.Struct(">I4s" + "I4sIII" + "I4sIQ" + "I4sIIII")
_AUDIO_TRAF = struct.Struct(">I4s" + "I4sII" + "I4sIQ" + "I4sIII")

type U32 = np.ndarray[tuple[int], np.dtype[np.uint32]]
type I32 = np.ndarray[tuple[int], np.dtype[np.int32]]


class ClockSource(IntEnum):
    """How a fragment's UTC was got; the value is that of prft's flags (ISO/IEC 14496-12 §8.16.5)."""

    ARRIVAL = 8
    """By arrivals on this host's clock: consistent in itself, though not the instant of capture."""
    SENDER_REPORT = 24
    """By the camera's RTCP sender reports: the instant of capture on the camera's clock."""

    @classmethod
    def of_flags(cls, flags: int) -> ClockSource:
        """The source that prft's flags name; what is not known counts as arrival."""
        return cls.SENDER_REPORT if flags == cls.SENDER_REPORT else cls.ARRIVAL


class Sample(NamedTuple):
    """A coded picture as it goes into a file. `data` is length-prefixed; durations and offsets in 1/90000 s."""

    data: bytes
    duration_90k: int
    offset_90k: int


@dataclass(frozen=True, slots=True)
class AudioSample:
    """A frame of sound as it goes into a file. `duration` counts in the format's sample rate."""

    data: bytes
    duration: int


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a group of pictures. `start_us` is UTC of the first sample."""

    start_us: int
    samples: tuple[AudioSample, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of pictures: the first sample is a keyframe. `start_us` ≤ time < `end_us`, in UTC.

    `audio` is the format of the sound that belongs to the pictures, whether or not some came with this group.
    """

    video: VideoFormat
    start_us: int
    samples: tuple[Sample, ...]
    clock: ClockSource = ClockSource.ARRIVAL
    audio: AudioFormat | None = None
    sound: Sound | None = None

    @property
    def end_us(self) -> int:
        """UTC of the end of the last picture."""
        return self.start_us + sum(sample.duration_90k for sample in self.samples) * 100 // 9

    @property
    def size_bytes(self) -> int:
        """Bytes of all samples."""
        sound_bytes = 0 if self.sound is None else sum(len(sample.data) for sample in self.sound.samples)
        return sum(len(sample.data) for sample in self.samples) + sound_bytes


@dataclass(frozen=True, slots=True, eq=False)
class AudioRun:
    """The sound of a fragment: samples side by side from file position `data`, from time `base` in its sample rate.

    The time counts from the file's first picture on; it is negative before that.
    """

    base: int
    data: int
    sizes: U32
    durations: U32

    def until(self, end: int) -> AudioRun:
        """The samples that begin before `end`, a time like `base`."""
        starts = self.base + np.cumsum(self.durations, dtype=np.int64) - self.durations
        kept = int(np.searchsorted(starts, end))
        return AudioRun(self.base, self.data, self.sizes[:kept], self.durations[:kept])


@dataclass(frozen=True, slots=True, eq=False)
class Fragment:
    """One group of pictures in a file: the first sample is a keyframe, the samples lie side by side in decoding order.

    `start` is the file position of its first box, `data` that of its first sample, `end` that behind its mdat.
    `base_90k` is the decoding time of the first sample in the file; `durations` and `offsets` (composition time minus
    decoding time) are in 1/90000 s. `utc_us` is when the first sample is shown.
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
    audio: AudioRun | None = None
    # A day of clips asks a hundred thousand times.
    _duration_90k: int = field(default=-1, init=False, repr=False)

    @property
    def duration_90k(self) -> int:
        """From the first sample to the end of the last, in decoding time."""
        if self._duration_90k < 0:
            object.__setattr__(self, "_duration_90k", int(self.durations.sum(dtype=np.int64)))
        return self._duration_90k

    @property
    def shown_90k(self) -> int:
        """When the first sample is shown, on the track's clock."""
        return max(0, self.base_90k + int(self.offsets[0]))

    @property
    def end_us(self) -> int:
        """UTC of the end of the last sample."""
        return self.utc_us + self.duration_90k * 100 // 9


@dataclass(frozen=True, slots=True, eq=False)
class RecordingFile:
    """What a recording file holds. `size` counts the bytes up to the end of the last whole fragment.

    `closed` says that a sample table which agrees with the file lies behind them. `head_bytes` are those of ftyp and
    moov, `start_us` is the UTC of the first fragment, also where `fragments` are only some of those in the file;
    `delay_90k` and `lead` are what the edit lists skip: how much later than its decoding the file's first picture is
    shown, and the sound that began before that picture, in its sample rate.
    """

    video: VideoFormat
    fragments: tuple[Fragment, ...]
    size: int
    audio: AudioFormat | None = None
    closed: bool = False
    head_bytes: int = 0
    start_us: int = 0
    delay_90k: int = 0
    lead: int = 0


def sound_lead(group: Group) -> int:
    """How long before the group's first picture its sound begins, in samples: 0 unless frames of it came late."""
    if group.sound is None or group.audio is None:
        return 0
    return max(0, -_sound_base(group.sound, group.audio, group.start_us, 0))


def init_segment(group: Group) -> bytes:
    """ftyp and moov of a recording file that begins with this group.

    Where the first picture is shown later than it is decoded (B-frames), an edit list lets the file begin with it, as
    another does where sound began before it.
    """
    video, audio, lead = group.video, group.audio, sound_lead(group)
    empty = (
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    delay_90k = group.samples[0].offset_90k
    tracks = [video_track([video], empty, edits=edit_list(delay_90k) if delay_90k > 0 else b"")]
    defaults = [_track_defaults(VIDEO_TRACK, DEPENDENT_SAMPLE)]
    if audio is not None:
        tracks.append(audio_track([audio], empty, edits=edit_list(lead) if lead else b""))
        defaults.append(_track_defaults(AUDIO_TRACK, SYNC_SAMPLE))
    brand = b"hvc1" if video.codec == "h265" else b"avc1"
    return b"".join(
        (
            box(b"ftyp", b"cmfc", bytes(4), b"iso6cmfc", brand, b"mp41"),
            box(b"moov", movie_header(0, tracks=len(tracks)), *tracks, box(b"mvex", *defaults)),
        )
    )


def encode_group(
    sequence: int, base_90k: int, group: Group, position: int, lead: int = 0
) -> tuple[list[bytes], Fragment]:
    """prft, moof and mdat of a group as buffers for one vectored write, and the fragment that a reader will find.

    `sequence` counts the file's fragments from 1, `base_90k` is the time since the start of the file's first group,
    `position` the file position at which the buffers will lie, `lead` the `sound_lead` of the file's first group.
    """
    if not group.samples:
        raise ValueError("a group without pictures")
    buffers = [sample.data for sample in group.samples]
    sizes = np.array([len(data) for data in buffers], dtype=np.uint32)
    durations = np.array([sample.duration_90k for sample in group.samples], dtype=np.uint32)
    offsets = np.array([sample.offset_90k for sample in group.samples], dtype=np.int32)
    with_offsets = bool(offsets.any())
    rows = _rows(durations, sizes, offsets.view(np.uint32)) if with_offsets else _rows(durations, sizes)
    moof_size = _MOOF.size + _VIDEO_TRAF.size + len(rows)
    sound = _timed_sound(group, base_90k, lead)
    if sound is not None:
        moof_size += _AUDIO_TRAF.size + 8 * len(sound.sizes)
    data = position + PRFT_BYTES + moof_size + 8

    flags = RUN_COLUMNS | RUN_FIRST_FLAGS | (RUN_OFFSETS if with_offsets else 0)
    moof = [
        _MOOF.pack(moof_size, b"moof", 16, b"mfhd", 0, sequence),
        _video_header(base_90k, flags, len(sizes), moof_size + 8, rows),
        rows,
    ]
    media_size = int(sizes.sum(dtype=np.int64))
    run: AudioRun | None = None
    if sound is not None:
        rows = _rows(sound.durations, sound.sizes)
        moof += [_audio_header(lead + sound.base, len(sound.sizes), moof_size + 8 + media_size, rows), rows]
        run = AudioRun(sound.base, data + media_size, sound.sizes, sound.durations)
        media_size += int(sound.sizes.sum(dtype=np.int64))
        buffers += sound.frames
    end = data + media_size
    fragment = Fragment(group.start_us, base_90k, position, data, end, sizes, durations, offsets, group.clock, run)
    reference = _PRFT.pack(
        PRFT_BYTES, b"prft", 1 << 24 | group.clock, VIDEO_TRACK, to_ntp(group.start_us), fragment.shown_90k
    )
    head = b"".join((reference, *moof, (8 + media_size).to_bytes(4), b"mdat"))
    return [head, *buffers], fragment


def to_ntp(utc_us: int) -> int:
    """NTP's 64-bit timestamp (RFC 5905 §6). Its seconds begin anew in 2036: `from_ntp` tells the eras apart."""
    seconds, rest_us = divmod(utc_us, 1_000_000)
    return (seconds + _NTP_EPOCH_OFFSET_S) % (1 << 32) << 32 | ((rest_us << 32) + 500_000) // 1_000_000


def from_ntp(ntp: int) -> int:
    """UTC in microseconds; timestamps stand for 1968 to 2104."""
    seconds = ntp >> 32
    era_s = 0 if seconds >= 1 << 31 else 1 << 32
    return (era_s + seconds - _NTP_EPOCH_OFFSET_S) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 + (1 << 31) >> 32)


@dataclass(frozen=True, slots=True, eq=False)
class _TimedSound:
    """Sound with its time from the file's first picture on, in its sample rate."""

    base: int
    frames: list[bytes]
    sizes: U32
    durations: U32


def _timed_sound(group: Group, base_90k: int, lead: int) -> _TimedSound | None:
    """The group's sound, without the frames that begin before the file's sound does."""
    if group.sound is None or group.audio is None:
        return None
    base = _sound_base(group.sound, group.audio, group.start_us, base_90k)
    samples = group.sound.samples
    while samples and base < -lead:
        base += samples[0].duration
        samples = samples[1:]
    if not samples:
        return None
    frames = [sample.data for sample in samples]
    return _TimedSound(
        base,
        frames,
        np.array([len(data) for data in frames], dtype=np.uint32),
        np.array([sample.duration for sample in samples], dtype=np.uint32),
    )


def _sound_base(sound: Sound, audio: AudioFormat, pictures_us: int, pictures_90k: int) -> int:
    """When the sound of pictures begins which lie at `pictures_90k` of their file, in its sample rate."""
    # In ninths of a microsecond both times are whole numbers.
    ninths = pictures_90k * 100 + (sound.start_us - pictures_us) * 9
    return (ninths * audio.sample_rate + 4_500_000) // 9_000_000


def _track_defaults(track: int, flags: int) -> bytes:
    return full_box(b"trex", 0, 0, track.to_bytes(4), (1).to_bytes(4), bytes(8), flags.to_bytes(4))


def _video_header(base_90k: int, run_flags: int, count: int, data_offset: int, rows: bytes) -> bytes:
    return _VIDEO_TRAF.pack(
        *(_VIDEO_TRAF.size + len(rows), b"traf"),
        *(20, b"tfhd", _DATA_IN_MOOF | 0x20, VIDEO_TRACK, DEPENDENT_SAMPLE),
        *(20, b"tfdt", 1 << 24, base_90k),
        *(24 + len(rows), b"trun", 1 << 24 | run_flags, count, data_offset, SYNC_SAMPLE),
    )


def _audio_header(base: int, count: int, data_offset: int, rows: bytes) -> bytes:
    return _AUDIO_TRAF.pack(
        *(_AUDIO_TRAF.size + len(rows), b"traf"),
        *(16, b"tfhd", _DATA_IN_MOOF, AUDIO_TRACK),
        *(20, b"tfdt", 1 << 24, base),
        *(20 + len(rows), b"trun", 1 << 24 | RUN_COLUMNS, count, data_offset),
    )


def _rows(*columns: U32) -> bytes:
    """A table with these columns, row by row, big-endian."""
    table = np.empty((len(columns[0]), len(columns)), dtype=">u4")
    for number, column in enumerate(columns):
        table[:, number] = column
    return table.tobytes()
