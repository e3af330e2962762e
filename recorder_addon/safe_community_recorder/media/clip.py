"""The virtual MP4: an ordinary, seekable MP4 of any time range: a head in memory, then byte ranges of recording files.

Nothing is copied: the head (`ftyp moov mdat`) points with its chunk offsets into the recording files' own bytes behind
it. A recording file's `prft` and `moof` boxes between the groups of pictures lie inside the clip's `mdat` and are
never pointed at. Playback begins at the asked instant by an edit list, though the data begin at the keyframe before.
Where footage is missing the clip goes on with the next picture that there is.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .boxes import box, full_box
from .cmaf import Fragment, RecordingFile
from .movie import edit_list, movie_header, video_track
from .video import VideoFormat

_QUICKTIME_EPOCH_OFFSET_S = 2_082_844_800


class NoFootageError(LookupError):
    """There is no picture in the asked range."""


@dataclass(frozen=True, slots=True)
class Part:
    """`size` bytes at `offset` of the file at `path`."""

    path: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Clip:
    """The bytes of a clip: `head`, then the `parts` in their order. The times are those of its pictures, in UTC."""

    head: bytes
    parts: tuple[Part, ...]
    start_us: int
    end_us: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.head) + sum(part.size for part in self.parts)

    @property
    def etag(self) -> str:
        """Strong validator: the same for the same bytes (recording files are only ever appended to)."""
        digest = hashlib.sha256(self.head)
        for part in self.parts:
            digest.update(f"{part.path}\0{part.offset}\0{part.size}\0".encode())
        return f'"{digest.hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive fragments of one file, which become one part."""

    path: str
    video: VideoFormat
    fragments: Sequence[Fragment]


def build_clip(files: Iterable[tuple[str, RecordingFile]], start_us: int, end_us: int) -> Clip:
    """The clip of start ≤ time < end from files in the order of their time. Raises NoFootageError."""
    pieces = []
    for path, file in files:
        inside = [f for f in file.fragments if f.utc_us < end_us and f.end_us > start_us]
        # What lies between may not be shown: then it must not even lie unused in the clip.
        apart = [number for number in range(1, len(inside)) if inside[number].start != inside[number - 1].end]
        for first, last in pairwise([0, *apart, len(inside)]):
            if first < last:
                pieces.append(_Piece(path, file.video, inside[first:last]))
    if not pieces:
        raise NoFootageError("no footage in this range")
    fragments = [fragment for piece in pieces for fragment in piece.fragments]
    durations = np.concatenate([f.durations for f in fragments])
    sizes = np.concatenate([f.sizes for f in fragments])
    offsets = np.concatenate([f.offsets for f in fragments])
    counts = np.array([len(f.sizes) for f in fragments])
    keep = len(sizes) - _samples_behind(fragments[-1], end_us)
    counts[-1] -= len(sizes) - keep
    durations, sizes, offsets = durations[:keep], sizes[:keep], offsets[:keep]
    last_us = fragments[-1].utc_us + int(durations[keep - counts[-1] :].sum(dtype=np.int64)) * 100 // 9
    first_us = fragments[0].utc_us
    # The edit list skips what lies before the asked instant, and the delay of B-frames.
    skip_90k = max(0, start_us - first_us) * 9 // 100 + int(offsets[0])
    media_90k = int(durations.sum(dtype=np.int64))
    shown_us = max(first_us, start_us), min(last_us, end_us)
    play_90k = max(1, media_90k - (shown_us[0] - first_us + last_us - shown_us[1]) * 9 // 100)

    parts = tuple(
        Part(piece.path, piece.fragments[0].start, piece.fragments[-1].end - piece.fragments[0].start)
        for piece in pieces
    )
    formats = list(dict.fromkeys(piece.video for piece in pieces))
    entries = np.array([formats.index(piece.video) + 1 for piece in pieces for _ in piece.fragments])
    positions = []
    position = 0
    for piece, part in zip(pieces, parts, strict=True):
        positions += [position + f.data - part.offset for f in piece.fragments]
        position += part.size

    creation_s = shown_us[0] // 1_000_000 + _QUICKTIME_EPOCH_OFFSET_S

    def head(data_position: int) -> bytes:
        chunks = np.array(positions, dtype=">u8") + np.uint64(data_position)
        tables = (
            _runs(b"stts", durations),
            *((_runs(b"ctts", offsets, version=1),) if offsets.any() else ()),
            _table(b"stss", np.concatenate(([0], np.cumsum(counts)[:-1])) + 1),
            full_box(b"stsz", 0, 0, bytes(4), len(sizes).to_bytes(4), sizes.astype(">u4").tobytes()),
            _samples_of_chunks(counts, entries),
            full_box(b"co64", 0, 0, len(chunks).to_bytes(4), chunks.astype(">u8").tobytes()),
        )
        track = video_track(
            formats,
            tables,
            duration_90k=play_90k,
            media_duration_90k=media_90k,
            creation_s=creation_s,
            edits=edit_list(skip_90k, play_90k),
        )
        movie = box(b"moov", movie_header(play_90k, creation_s), track)
        mdat = (1).to_bytes(4) + b"mdat" + (16 + position).to_bytes(8)
        return b"".join((box(b"ftyp", b"isom", bytes(4), b"isomiso6mp41"), movie, mdat))

    return Clip(head(len(head(0))), parts, *shown_us)


def _samples_behind(fragment: Fragment, end_us: int) -> int:
    """How many samples at the fragment's end are shown at or after `end_us` (at least one sample always stays)."""
    decoding = np.cumsum(fragment.durations, dtype=np.int64) - fragment.durations
    shown = fragment.utc_us + (decoding + fragment.offsets - int(fragment.offsets[0])) * 100 // 9
    inside = np.flatnonzero(shown < end_us)
    return len(shown) - max(1, int(inside[-1]) + 1 if len(inside) else 1)


def _table(kind: bytes, values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bytes:
    return full_box(kind, 0, 0, len(values).to_bytes(4), values.astype(">u4").tobytes())


def _runs(kind: bytes, values: np.ndarray[tuple[int], np.dtype[np.generic]], version: int = 0) -> bytes:
    """A run-length table (stts, ctts): pairs of how often and which value."""
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    rows = np.empty((len(starts), 2), dtype=">u4")
    rows[:, 0] = np.diff(np.concatenate((starts, [len(values)])))
    rows[:, 1] = values[starts].astype(np.int64) & 0xFFFFFFFF
    return full_box(kind, version, 0, len(rows).to_bytes(4), rows.tobytes())


def _samples_of_chunks(
    counts: np.ndarray[tuple[int], np.dtype[np.int64]], entries: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> bytes:
    """stsc: a chunk is a fragment; a row stands where the count of samples or the sample entry changes."""
    changed = (counts[1:] != counts[:-1]) | (entries[1:] != entries[:-1])
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
    rows = np.empty((len(starts), 3), dtype=">u4")
    rows[:, 0] = starts + 1
    rows[:, 1] = counts[starts]
    rows[:, 2] = entries[starts]
    return full_box(b"stsc", 0, 0, len(rows).to_bytes(4), rows.tobytes())
