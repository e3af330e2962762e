"""The boxes that fragmented and ordinary MP4 have in common (ISO/IEC 14496-12 §8): movie, tracks and sample entries."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .audio import AudioFormat, read_audio_config
from .bits import BitstreamError
from .boxes import BoxError, BoxHeader, box, find, full_box, read_header, walk
from .codec import CODECS
from .video import VideoFormat

TIMESCALE = 90_000
VIDEO_TRACK = 1
AUDIO_TRACK = 2

_MATRIX = b"".join(value.to_bytes(4) for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
_VISUAL_ENTRY_BYTES = 78
_AUDIO_ENTRY_BYTES = 28
# Tags of descriptors (ISO/IEC 14496-1 §7.2.2.1), and what makes a stream AAC.
_ES, _DECODER, _DECODER_SPECIFIC, _SYNC_LAYER = 3, 4, 5, 6
_MPEG4_AUDIO, _AUDIO_STREAM = b"\x40", b"\x15"


def movie_header(duration_90k: int, creation_s: int = 0, tracks: int = 1) -> bytes:
    """mvhd in version 1. `creation_s` counts seconds since 1904-01-01 UTC."""
    return full_box(
        b"mvhd",
        1,
        0,
        creation_s.to_bytes(8) * 2,
        TIMESCALE.to_bytes(4),
        duration_90k.to_bytes(8),
        b"\x00\x01\x00\x00\x01\x00",
        bytes(10),
        _MATRIX,
        bytes(24),
        (tracks + 1).to_bytes(4),
    )


def video_track(
    formats: Sequence[VideoFormat],
    sample_tables: Iterable[bytes],
    *,
    duration_90k: int = 0,
    media_duration_90k: int = 0,
    creation_s: int = 0,
    edits: bytes = b"",
) -> bytes:
    """trak of one video track, with a sample entry for each format and the given tables behind it in stbl."""
    entries = [video_entry(video) for video in formats]
    size = b"".join((value << 16).to_bytes(4) for value in (formats[0].width, formats[0].height))
    return box(
        b"trak",
        _track_header(VIDEO_TRACK, duration_90k, creation_s, bytes(2), size),
        edits,
        box(
            b"mdia",
            _media_header(TIMESCALE, media_duration_90k, creation_s),
            _handler(b"vide", b"Video\x00"),
            _media_information(full_box(b"vmhd", 0, 1, bytes(8)), entries, sample_tables),
        ),
    )


def audio_track(
    formats: Sequence[AudioFormat],
    sample_tables: Iterable[bytes],
    *,
    duration_90k: int = 0,
    media_duration: int = 0,
    creation_s: int = 0,
    edits: bytes = b"",
) -> bytes:
    """trak of one audio track: the timescale is the first format's sample rate, each format has a sample entry."""
    rate = formats[0].sample_rate
    entries = [audio_entry(audio) for audio in formats]
    return box(
        b"trak",
        _track_header(AUDIO_TRACK, duration_90k, creation_s, b"\x01\x00", bytes(8)),
        edits,
        box(
            b"mdia",
            _media_header(rate, media_duration, creation_s),
            _handler(b"soun", b"Sound\x00"),
            _media_information(full_box(b"smhd", 0, 0, bytes(4)), entries, sample_tables),
        ),
    )


def edit_list(media_time: int, duration_90k: int = 0, empty_90k: int = 0) -> bytes:
    """edts: nothing for `empty_90k`, then the track from `media_time` in its own timescale.

    The duration 0 lasts to the end of all fragments.
    """
    edits = [(duration_90k, media_time)]
    if empty_90k:
        edits.insert(0, (empty_90k, -1))
    rows = [duration.to_bytes(8) + time.to_bytes(8, signed=True) + b"\0\1\0\0" for duration, time in edits]
    return box(b"edts", full_box(b"elst", 1, 0, len(rows).to_bytes(4), *rows))


def quicktime_metadata(values: Mapping[str, str]) -> bytes:
    """udta of a movie with these keys and texts (QuickTime File Format, "Metadata"; read by libav and Apple's)."""
    keys = [box(b"mdta", key.encode()) for key in values]
    texts = [
        box(number.to_bytes(4), box(b"data", (1).to_bytes(4), bytes(4), text.encode()))
        for number, text in enumerate(values.values(), 1)
    ]
    return box(
        b"udta",
        full_box(
            b"meta",
            0,
            0,
            full_box(b"hdlr", 0, 0, bytes(4), b"mdta", bytes(13)),
            full_box(b"keys", 0, 0, len(keys).to_bytes(4), *keys),
            box(b"ilst", *texts),
        ),
    )


def video_entry(video: VideoFormat) -> bytes:
    """avc1 with its avcC, or hvc1 with its hvcC (ISO/IEC 14496-15 §5.4.2, §8.4.1)."""
    codec = CODECS[video.codec]
    return box(
        codec.sample_entry,
        bytes(6),
        b"\x00\x01",
        bytes(16),
        video.width.to_bytes(2),
        video.height.to_bytes(2),
        b"\x00\x48\x00\x00" * 2,
        bytes(4),
        b"\x00\x01",
        bytes(32),
        b"\x00\x18\xff\xff",
        box(codec.record, codec.write_record(video.parameter_sets)),
    )


def audio_entry(audio: AudioFormat) -> bytes:
    """mp4a with its esds (ISO/IEC 14496-14 §5.6; descriptors of ISO/IEC 14496-1 §7.2.6)."""
    decoder = _descriptor(
        _DECODER, _MPEG4_AUDIO, _AUDIO_STREAM, bytes(3 + 4 + 4), _descriptor(_DECODER_SPECIFIC, audio.config)
    )
    stream = _descriptor(_ES, bytes(2 + 1), decoder, _descriptor(_SYNC_LAYER, b"\x02"))
    return box(
        b"mp4a",
        bytes(6),
        b"\x00\x01",
        bytes(8),
        audio.channels.to_bytes(2),
        b"\x00\x10",
        bytes(4),
        (audio.sample_rate << 16 & 0xFFFFFFFF).to_bytes(4),
        full_box(b"esds", 0, 0, stream),
    )


class Formats(NamedTuple):
    """Of the tracks in a moov of ours. `lead` is what an edit list skips of the sound, in its sample rate."""

    video: VideoFormat
    audio: AudioFormat | None
    lead: int


def read_formats(movie: bytes) -> Formats:
    """Raises BoxError."""
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    lead = 0
    moov = find(movie, b"moov")
    for header in walk(movie, moov.body, moov.end):
        if header.kind != b"trak":
            continue
        entries = find(movie, b"mdia", b"minf", b"stbl", b"stsd", start=header.body, end=header.end)
        entry = read_header(movie[entries.body + 8 : entries.end], entries.body + 8)
        try:
            if entry.kind == b"mp4a":
                audio = _read_audio_entry(movie, entry)
                lead = _read_skipped(movie, header)
            else:
                video = _read_video_entry(movie, entry)
        except BitstreamError as error:
            raise BoxError(str(error)) from error
    if video is None:
        raise BoxError("no track with pictures")
    return Formats(video, audio, lead)


def _read_skipped(movie: bytes, trak: BoxHeader) -> int:
    """What the edit list of a track skips, in its timescale; 0 where there is none."""
    if not any(header.kind == b"edts" for header in walk(movie, trak.body, trak.end)):
        return 0
    edits = find(movie, b"edts", b"elst", start=trak.body, end=trak.end)
    if edits.end - edits.body != 28:
        raise BoxError("an edit list of more than one edit")
    return int.from_bytes(movie[edits.body + 16 : edits.body + 24])


def _read_video_entry(movie: bytes, entry: BoxHeader) -> VideoFormat:
    for codec in CODECS.values():
        if codec.sample_entry == entry.kind:
            record = find(movie, codec.record, start=entry.body + _VISUAL_ENTRY_BYTES, end=entry.end)
            width, height = (int.from_bytes(movie[entry.body + at : entry.body + at + 2]) for at in (24, 26))
            return VideoFormat(codec.name, width, height, codec.read_record(movie[record.body : record.end]))
    raise BoxError(f"the sample entry {entry.kind!r} is none of this project's")


def _read_audio_entry(movie: bytes, entry: BoxHeader) -> AudioFormat:
    stream = find(movie, b"esds", start=entry.body + _AUDIO_ENTRY_BYTES, end=entry.end)
    body = _read_descriptor(movie[stream.body + 4 : stream.end], _ES)
    body = _read_descriptor(body[3:], _DECODER)
    return read_audio_config(_read_descriptor(body[13:], _DECODER_SPECIFIC))


def _track_header(track: int, duration_90k: int, creation_s: int, volume: bytes, size: bytes) -> bytes:
    return full_box(
        b"tkhd",
        1,
        3,
        creation_s.to_bytes(8) * 2,
        track.to_bytes(4),
        bytes(4),
        duration_90k.to_bytes(8),
        bytes(12),
        volume,
        bytes(2),
        _MATRIX,
        size,
    )


def _media_header(timescale: int, duration: int, creation_s: int) -> bytes:
    undetermined = b"\x55\xc4"
    return full_box(
        b"mdhd",
        1,
        0,
        creation_s.to_bytes(8) * 2,
        timescale.to_bytes(4),
        duration.to_bytes(8),
        undetermined,
        bytes(2),
    )


def _handler(kind: bytes, name: bytes) -> bytes:
    return full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)


def _media_information(header: bytes, entries: Sequence[bytes], sample_tables: Iterable[bytes]) -> bytes:
    data_here = box(b"dinf", full_box(b"dref", 0, 0, (1).to_bytes(4), full_box(b"url ", 0, 1)))
    table = box(b"stbl", full_box(b"stsd", 0, 0, len(entries).to_bytes(4), *entries), *sample_tables)
    return box(b"minf", header, data_here, table)


def _descriptor(tag: int, *payload: bytes) -> bytes:
    size = sum(map(len, payload))
    if size > 127:
        raise ValueError(f"a descriptor of {size} bytes")
    return b"".join((bytes((tag, size)), *payload))


def _read_descriptor(data: bytes, tag: int) -> bytes:
    if len(data) < 2 or data[0] != tag or data[1] > 127 or 2 + data[1] > len(data):
        raise BoxError(f"a descriptor with tag {tag} was expected")
    return data[2 : 2 + data[1]]
