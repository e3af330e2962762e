"""The virtual MP4: an ordinary, seekable MP4 of any time range: a head in memory, then byte ranges of recording files.

Nothing is copied: the head (`ftyp moov mdat`) points with its chunk offsets into the recording files' own bytes behind
it. A recording file's `prft` and `moof` boxes between the groups of pictures lie inside the clip's `mdat` and are
never pointed at. A clip of start ≤ time < end shows the pictures taken then, so that two clips side by side show what
one over both shows; an edit list leaves out what is only there to decode them, from the keyframe before on. Where
footage is missing the clip goes on with the next picture that there is; `pieces` tell which instant is when.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from .. import utc
from .audio import AudioFormat
from .boxes import box
from .clip_sound import ClipSound
from .clip_tables import I64, TrackTables
from .cmaf import Fragment, RecordingFile
from .movie import edit_list, movie_header, quicktime_metadata, video_track
from .video import VideoFormat

_QUICKTIME_EPOCH_OFFSET_S = 2_082_844_800
# Within a piece the clip's time tells the instant this exactly.
_SAME_PIECE_US = 100_000
_CREATION_DATE = "com.apple.quicktime.creationdate"


class NoFootageError(LookupError):
    """There is no picture in the asked range."""


@dataclass(frozen=True, slots=True)
class Part:
    """`size` bytes at `offset` of the file at `path`."""

    path: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Footage without a hole: `start_us` ≤ time < `end_us` in UTC, shown from `at_90k` of the clip's time on."""

    start_us: int
    end_us: int
    at_90k: int


@dataclass(frozen=True, slots=True)
class Clip:
    """The bytes of a clip: `head`, then the `parts` in their order. The times are those of its pictures, in UTC."""

    head: bytes
    parts: tuple[Part, ...]
    start_us: int
    end_us: int
    duration_90k: int = 0
    pieces: tuple[Piece, ...] = ()
    formats: tuple[VideoFormat, ...] = ()
    audio: AudioFormat | None = None
    _etag: str = field(default="", init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.head) + sum(part.size for part in self.parts)

    @property
    def etag(self) -> str:
        """Strong validator: the same for the same bytes (recording files are only ever appended to)."""
        if not self._etag:
            digest = hashlib.sha256(self.head)
            for part in self.parts:
                digest.update(f"{part.path}\0{part.offset}\0{part.size}\0".encode())
            object.__setattr__(self, "_etag", f'"{digest.hexdigest()[:32]}"')
        return self._etag


def build_clip(files: Iterable[tuple[str, RecordingFile]], start_us: int, end_us: int, *, sound: bool = True) -> Clip:
    """The clip of start ≤ time < end from files in the order of their time, one after the other.

    Where no picture was taken within so short a range, it is the one that shows then. Without `sound`, no byte of that
    lies in the clip. Raises NoFootageError.
    """
    builder = _Builder(start_us, end_us, sound=sound)
    for path, file in files:
        builder.add(path, file)
    if builder.is_empty and builder.before is not None:
        path, file, fragment = builder.before
        taken_us = _taken_us(fragment)
        still_shown_us = int(taken_us[taken_us < end_us].max())
        return build_clip([(path, replace(file, fragments=(fragment,)))], still_shown_us, end_us, sound=sound)
    return builder.clip()


def build_time_lapse(
    files: Iterable[tuple[str, RecordingFile]], start_us: int, end_us: int, pictures: int, per_s: int
) -> Clip:
    """At most so many keyframes, spread over start ≤ time < end, shown so many a second. Raises NoFootageError."""
    builder = _Builder(start_us, end_us, sound=False)
    step_us = max(1, (end_us - start_us) // pictures)
    for path, file in files:
        for fragment in file.fragments:
            if builder.due_us <= fragment.utc_us < end_us:
                builder.add_keyframe(path, file.video, fragment, 90_000 // per_s)
                builder.due_us = fragment.utc_us + step_us - (fragment.utc_us - start_us) % step_us
    return builder.clip()


@dataclass(frozen=True, slots=True)
class _Shown:
    """How many of a fragment's samples a clip needs, and which of its time is shown, from its first picture's on."""

    kept: int
    from_90k: int
    until_90k: int


class _Builder:
    """Takes footage in the order of its time, and says what clip that makes."""

    def __init__(self, start_us: int, end_us: int, *, sound: bool) -> None:
        self.due_us = start_us
        self.before: tuple[str, RecordingFile, Fragment] | None = None
        """Footage of which only the last picture reaches into the range."""
        self._start_us = start_us
        self._end_us = end_us
        self._with_sound = sound
        self._sound = ClipSound()
        self._tables = TrackTables()
        self._formats: list[VideoFormat] = []
        self._parts: list[Part] = []
        self._position = 0
        self._media_90k = 0
        # Of the pictures shown: where they begin and end in the track, and when they were taken.
        self._begin_90k = self._end_90k = 0
        self._first_us = self._last_us = 0
        self._delay_90k = 0
        self._pieces: list[Piece] = []
        self._only_keyframes = False

    @property
    def is_empty(self) -> bool:
        """True while there is no picture."""
        return not self._formats

    def add(self, path: str, file: RecordingFile) -> None:
        """A file's fragments that lie in the range."""
        inside = [f for f in file.fragments if f.utc_us < self._end_us and f.end_us > self._start_us]
        if inside and not self._shown(inside[0]).kept:
            self.before = path, file, inside.pop(0)
        # What lies between may not be shown: then it must not even lie unused in the clip.
        apart = [number for number in range(1, len(inside)) if inside[number].start != inside[number - 1].end]
        for first, last in pairwise([0, *apart, len(inside)]):
            if first < last:
                self._add_side_by_side(path, file, inside[first:last])

    def add_keyframe(self, path: str, video: VideoFormat, fragment: Fragment, duration_90k: int) -> None:
        """A fragment's first picture alone."""
        self._only_keyframes = True
        if self.is_empty:
            self._first_us = fragment.utc_us
        self._pieces.append(Piece(fragment.utc_us, fragment.end_us, self._media_90k))
        self._last_us = fragment.end_us
        self._end_90k = self._media_90k = self._media_90k + duration_90k
        self._tables.durations.add(np.array([duration_90k]))
        self._tables.add_sizes(fragment.sizes[:1])
        self._tables.add_chunks([1], [self._position], self._entry(video))
        self._take(path, fragment.data, int(fragment.sizes[0]))

    def clip(self) -> Clip:
        """All that was added. Raises NoFootageError."""
        if not self._formats:
            raise NoFootageError("no footage in this range")
        start_us, end_us = self._first_us, self._last_us
        skip_90k, play_90k = self._begin_90k, max(1, self._end_90k - self._begin_90k)
        self._sound.finish()
        creation_s = start_us // 1_000_000 + _QUICKTIME_EPOCH_OFFSET_S
        metadata = quicktime_metadata({_CREATION_DATE: utc.to_text(start_us)})

        def head(data_position: int) -> bytes:
            track = video_track(
                self._formats,
                self._tables.boxes(data_position, only_first_is_key=not self._only_keyframes),
                duration_90k=play_90k,
                media_duration_90k=self._tables.durations.total,
                creation_s=creation_s,
                # It skips what lies before the asked instant, and the delay of B-frames.
                edits=edit_list(skip_90k + self._delay_90k, play_90k),
            )
            tracks = [track, *self._sound.tracks(data_position, skip_90k, play_90k, creation_s)]
            movie = box(b"moov", movie_header(play_90k, creation_s, len(tracks)), *tracks, metadata)
            mdat = (1).to_bytes(4) + b"mdat" + (16 + self._position).to_bytes(8)
            return b"".join((box(b"ftyp", b"isom", bytes(4), b"isomiso6mp41"), movie, mdat))

        pieces = tuple(
            Piece(max(start_us, piece.start_us), min(end_us, piece.end_us), max(0, piece.at_90k - skip_90k))
            for piece in self._pieces
        )
        whole = head(len(head(0)))
        formats = tuple(self._formats)
        return Clip(whole, tuple(self._parts), start_us, end_us, play_90k, pieces, formats, self._sound.audio)

    def _add_side_by_side(self, path: str, file: RecordingFile, fragments: Sequence[Fragment]) -> None:
        first, last = fragments[0], fragments[-1]
        shown = self._shown(last)
        if self.is_empty:
            self._begin_90k, self._delay_90k = self._shown(first).from_90k, int(first.offsets[0])
            self._first_us = first.utc_us + self._begin_90k * 100 // 9
        lengths_90k = [
            one.duration_90k if other.utc_us - one.end_us < _SAME_PIECE_US else _length_90k(one)
            for one, other in pairwise(fragments)
        ]
        lengths_90k.append(shown.until_90k)
        begins_90k = []
        for fragment, length_90k in zip(fragments, lengths_90k, strict=True):
            begins_90k.append(self._media_90k)
            self._place(fragment, length_90k)
            self._media_90k += length_90k
        self._last_us, self._end_90k = last.utc_us + shown.until_90k * 100 // 9, self._media_90k
        counts = [len(f.sizes) for f in fragments[:-1]] + [shown.kept]
        total = sum(counts)
        durations = np.concatenate([f.durations for f in fragments])[:total].astype(np.int64)
        longer_90k = np.array(lengths_90k) - [f.duration_90k for f in fragments]
        durations[np.cumsum(counts) - 1] += np.maximum(longer_90k, 0)
        self._tables.durations.add(durations)
        self._tables.offsets.add(np.concatenate([f.offsets for f in fragments])[:total])
        self._tables.add_sizes(np.concatenate([f.sizes for f in fragments])[:total])
        entry = self._entry(file.video)
        if file.audio is not None and not self._with_sound:
            for fragment, count in zip(fragments, counts, strict=True):
                self._tables.add_chunks([count], [self._position], entry)
                self._take(path, fragment.data, _size(fragment, count))
            return
        before = self._position - first.start
        self._tables.add_chunks(counts, [before + f.data for f in fragments], entry)
        is_whole = shown.kept == len(last.sizes)
        self._take(path, first.start, (last.end if is_whole else last.data + _size(last, shown.kept)) - first.start)
        if file.audio is None:
            return
        for fragment, begin_90k in zip(fragments, begins_90k, strict=True):
            run, shift_90k = fragment.audio, begin_90k - fragment.base_90k
            if run is not None and (is_whole or fragment is not last):
                self._sound.add(file.audio, run, shift_90k, before + run.data)
            elif run is not None:
                run = run.until((self._media_90k - shift_90k) * file.audio.sample_rate // 90_000)
                self._sound.add(file.audio, run, shift_90k, self._position)
                self._take(path, run.data, int(run.sizes.sum(dtype=np.int64)))

    def _shown(self, fragment: Fragment) -> _Shown:
        if self._start_us <= fragment.utc_us and fragment.end_us <= self._end_us:
            return _Shown(len(fragment.sizes), 0, _length_90k(fragment))
        shown_90k, taken_us = _shown_90k(fragment), _taken_us(fragment)
        inside = np.flatnonzero((taken_us >= self._start_us) & (taken_us < self._end_us))
        if not len(inside):
            return _Shown(0, 0, 0)
        kept = int(inside[-1]) + 1
        # What is only there to decode others is shown later.
        later_90k = shown_90k[taken_us >= self._end_us]
        until_90k = later_90k.min() if len(later_90k) else _length_90k(fragment)
        return _Shown(kept, int(shown_90k[inside].min()), int(until_90k))

    def _place(self, fragment: Fragment, duration_90k: int) -> None:
        end_us = fragment.utc_us + duration_90k * 100 // 9
        if self._pieces:
            piece = self._pieces[-1]
            expected_us = piece.start_us + (self._media_90k - piece.at_90k) * 100 // 9
            if abs(fragment.utc_us - expected_us) <= _SAME_PIECE_US:
                self._pieces[-1] = Piece(piece.start_us, end_us, piece.at_90k)
                return
        self._pieces.append(Piece(fragment.utc_us, end_us, self._media_90k))

    def _entry(self, video: VideoFormat) -> int:
        """The number of the sample entry."""
        if video not in self._formats:
            self._formats.append(video)
        return self._formats.index(video) + 1

    def _take(self, path: str, offset: int, size: int) -> None:
        if size:
            self._parts.append(Part(path, offset, size))
            self._position += size


def _shown_90k(fragment: Fragment) -> I64:
    """When each sample is shown, from the first one's time on."""
    decoded = np.cumsum(fragment.durations, dtype=np.int64) - fragment.durations
    return decoded + fragment.offsets - int(fragment.offsets[0])


def _length_90k(fragment: Fragment) -> int:
    """From the first picture's time to the end of the last one's.

    That is the fragment's duration, but where a stream with B-frames broke off: pictures that would have been shown
    before the last one never came, so that it is shown later than the durations tell.
    """
    duration_90k = fragment.duration_90k
    if not fragment.offsets.any():
        return duration_90k
    longer_90k = int((_shown_90k(fragment) + fragment.durations).max()) - duration_90k
    return duration_90k + longer_90k if 2 * longer_90k * len(fragment.sizes) > duration_90k else duration_90k


def _taken_us(fragment: Fragment) -> I64:
    """When each sample was taken, in UTC."""
    return fragment.utc_us + _shown_90k(fragment) * 100 // 9


def _size(fragment: Fragment, count: int) -> int:
    """Bytes of the fragment's first pictures."""
    return int(fragment.sizes[:count].sum(dtype=np.int64))
