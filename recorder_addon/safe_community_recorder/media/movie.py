"""The boxes that fragmented and ordinary MP4 have in common (ISO/IEC 14496-12 §8): movie, track and sample entry."""

from collections.abc import Iterable

from .boxes import box, full_box
from .h264 import VideoFormat, decoder_configuration

TIMESCALE = 90_000
TRACK_ID = 1

_MATRIX = b"".join(value.to_bytes(4) for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))


def movie_header(duration_90k: int, creation_s: int = 0) -> bytes:
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
        (TRACK_ID + 1).to_bytes(4),
    )


def video_track(
    formats: Iterable[VideoFormat],
    sample_tables: Iterable[bytes],
    *,
    duration_90k: int = 0,
    media_duration_90k: int = 0,
    creation_s: int = 0,
    edit_list: bytes = b"",
) -> bytes:
    """trak of one video track, with a sample entry for each format and the given tables behind it in stbl."""
    entries = [sample_entry(video) for video in formats]
    first = next(iter(formats))
    header = full_box(
        b"tkhd",
        1,
        3,
        creation_s.to_bytes(8) * 2,
        TRACK_ID.to_bytes(4),
        bytes(4),
        duration_90k.to_bytes(8),
        bytes(16),
        _MATRIX,
        (first.width << 16).to_bytes(4),
        (first.height << 16).to_bytes(4),
    )
    media_header = full_box(
        b"mdhd",
        1,
        0,
        creation_s.to_bytes(8) * 2,
        TIMESCALE.to_bytes(4),
        media_duration_90k.to_bytes(8),
        b"\x55\xc4\x00\x00",  # the language: und
    )
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"Video\x00")
    data_here = box(b"dinf", full_box(b"dref", 0, 0, (1).to_bytes(4), full_box(b"url ", 0, 1)))
    table = box(b"stbl", full_box(b"stsd", 0, 0, len(entries).to_bytes(4), *entries), *sample_tables)
    information = box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), data_here, table)
    return box(b"trak", header, edit_list, box(b"mdia", media_header, handler, information))


def sample_entry(video: VideoFormat) -> bytes:
    """avc1 with its avcC (ISO/IEC 14496-15 §5.4.2)."""
    return box(
        b"avc1",
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
        box(b"avcC", decoder_configuration(video)),
    )
