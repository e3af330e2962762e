"""HLS playlists (RFC 8216) whose segments are pieces of recording files: of a range, and of what is new. Pure.

A segment is one fragment or a few. Each piece has an address of its own: EXT-X-BYTERANGE would say the same, but FFmpeg
8 fetches neighbouring ranges together and then loses its place at the next file. All files are on one timeline
(`retimed`): only holes and changes of the format are discontinuities. The UTC of every segment stands beside it.
"""

from collections.abc import Iterable, Iterator
from copy import replace
from dataclasses import dataclass
from itertools import takewhile

from .. import utc
from .audio import AudioFormat
from .cmaf import Fragment, RecordingFile
from .video import VideoFormat

# Blocking reload is of RFC 8216bis; who does not know it passes over the tag. MAP needs version 6, fragmented MP4 7.
_VERSION = 7
_LONGEST_SEGMENT_90K = 6 * 90_000
# A camera may send keyframes only: nobody shall have to fetch each of its pictures by itself.
_SHORTEST_LIVE_90K = 90_000 // 2
# Players bridge holes up to this by themselves.
_HOLE_US = 100_000
_LEAST_SEGMENTS = 6
# A live playlist must hold three target durations (RFC 8216 §6.2.2), and what is on its way to a player is still in it.
_TARGETS = 4
_LEAST_TARGET_S = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes `start` … `end` of a file, from `start_us` to `end_us` in UTC.

    `uri` is the file's: what an address begins with. `head_bytes` is how many of its bytes a player has to read first.
    `begins_anew`: what was before it does not go on in it.
    """

    uri: str
    head_bytes: int
    start: int
    end: int
    start_us: int
    end_us: int
    duration_90k: int
    video: VideoFormat
    audio: AudioFormat | None
    begins_anew: bool = False

    @classmethod
    def of(cls, uri: str, file: RecordingFile, fragment: Fragment) -> Segment:
        """One fragment."""
        times = fragment.utc_us, fragment.end_us, fragment.duration_90k
        return cls(uri, file.head_bytes, fragment.start, fragment.end, *times, file.video, file.audio)

    def goes_on_in(self, later: Segment) -> bool:
        """True if nothing is missing between the two, and the format is the same."""
        same_format = (later.video, later.audio) == (self.video, self.audio)
        return same_format and -_HOLE_US <= later.start_us - self.end_us <= _HOLE_US

    def adjoins(self, later: Segment) -> bool:
        """True if the bytes of the later one lie directly behind those of this one."""
        return (later.uri, later.start) == (self.uri, self.end)

    def joined(self, later: Segment) -> Segment:
        """Both as one."""
        lasts_90k = self.duration_90k + later.duration_90k
        return replace(self, end=later.end, end_us=later.end_us, duration_90k=lasts_90k)


def segments_of(files: Iterable[tuple[str, RecordingFile]]) -> Iterator[Segment]:
    """The fragments of files, by the files' URIs, each by itself and in their order."""
    for uri, file in files:
        for fragment in file.fragments:
            yield Segment.of(uri, file, fragment)


def recorded_playlist(files: Iterable[tuple[str, RecordingFile]], start_us: int, ticket: str | None) -> str:
    """What was recorded, as a playlist that does not change; playback is to begin at `start_us`.

    `ticket` is added to each address, if there is one. Raises ValueError when there is no footage.
    """
    segments = list(_joined(segments_of(files)))
    if not segments:
        raise ValueError("no footage")
    lines = _head(_target_s(segments), 0, 0)
    lines.append("#EXT-X-PLAYLIST-TYPE:VOD")
    if start_us > segments[0].start_us:
        # Behind the beginning by the pictures that are there, not by the clock: holes take no time in a playlist.
        earlier = list(takewhile(lambda segment: segment.end_us <= start_us, segments))
        first = segments[min(len(earlier), len(segments) - 1)]
        passed_90k = sum(segment.duration_90k for segment in earlier)
        offset_s = passed_90k / 90_000 + max(0, start_us - first.start_us) / utc.SECOND_US
        lines.append(f"#EXT-X-START:TIME-OFFSET={offset_s:.6f},PRECISE=YES")
    lines += _listed(segments, ticket)
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


class LiveWindow:
    """The newest fragments of a camera, numbered as long as anybody may remember their numbers.

    `sequence` and `discontinuities` are the numbers to begin with: higher than those of any window before.
    """

    def __init__(self, sequence: int, discontinuities: int) -> None:
        self._sequence = sequence
        self._discontinuities = discontinuities
        self._segments: list[Segment] = []
        self._last: Segment | None = None
        self._begun: Segment | None = None
        self._target_s = _LEAST_TARGET_S

    @property
    def next_sequence(self) -> int:
        """The number of the segment that is to come."""
        return self._sequence + len(self._segments)

    @property
    def is_empty(self) -> bool:
        """True while there is nothing to show."""
        return not self._segments

    @property
    def target_s(self) -> int:
        """No segment lasts longer, when rounded to seconds."""
        return self._target_s

    def take(self, files: Iterable[tuple[str, RecordingFile]], from_us: int) -> None:
        """Learns what there is now of the newest footage; forgets what ended before `from_us`, and what is too much."""
        found = list(segments_of(files))
        newest = None if self._last is None else (self._last.uri, self._last.start)
        places = [place for place, segment in enumerate(found) if (segment.uri, segment.start) == newest]
        for segment in found[places[-1] + 1 :] if places else filter(self._is_new, found):
            self._append(segment)
        self.forget(from_us)
        # Within one window it may only grow, though it should not: nobody knows when the next keyframe comes.
        self._target_s = max(self._target_s, _target_s(self._segments))

    def forget(self, from_us: int) -> None:
        """Leaves out what ended before this instant, and what is more than players need."""
        while self._segments and (self._segments[0].end_us < from_us or self._is_too_long):
            self._sequence += 1
            self._discontinuities += self._segments.pop(0).begins_anew

    def playlist(self, ticket: str | None) -> str:
        """As players ask for it; `ticket` is added to each address, if there is one."""
        lines = _head(self._target_s, self._sequence, self._discontinuities)
        lines.append(f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK={3 * self._target_s}.0")
        return "\n".join([*lines, *_listed(self._segments, ticket), ""])

    def _is_new(self, fragment: Segment) -> bool:
        known = self._segments if self._begun is None else [*self._segments, self._begun]
        return not any(one.uri == fragment.uri and one.start <= fragment.start < one.end for one in known)

    def _append(self, fragment: Segment) -> None:
        """Lists a fragment by itself, or together with its neighbours when they have become long enough."""
        last, self._last = self._last, fragment
        begun, self._begun = self._begun, None
        if begun is not None and begun.adjoins(fragment) and begun.goes_on_in(fragment):
            segment = begun.joined(fragment)
        else:
            if begun is not None:
                self._segments.append(begun)
            segment = replace(fragment, begins_anew=last is not None and not last.goes_on_in(fragment))
        if segment.duration_90k < _SHORTEST_LIVE_90K:
            self._begun = segment
        else:
            self._segments.append(segment)

    @property
    def _is_too_long(self) -> bool:
        without_first_90k = sum(segment.duration_90k for segment in self._segments[1:])
        return len(self._segments) > _LEAST_SEGMENTS and without_first_90k >= _TARGETS * self._target_s * 90_000


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Neighbours together, up to some seconds, with their discontinuities."""
    current: Segment | None = None
    for segment in segments:
        if current is None:
            current = segment
        elif not current.goes_on_in(segment):
            yield current
            current = replace(segment, begins_anew=True)
        elif not current.adjoins(segment) or current.duration_90k + segment.duration_90k > _LONGEST_SEGMENT_90K:
            yield current
            current = segment
        else:
            current = current.joined(segment)
    if current is not None:
        yield current


def _target_s(segments: Iterable[Segment]) -> int:
    """The longest duration, rounded to the nearest whole second (RFC 8216 §4.3.3.1)."""
    return max([_LEAST_TARGET_S, *((segment.duration_90k + 45_000) // 90_000 for segment in segments)])


def _head(target_s: int, sequence: int, discontinuities: int) -> list[str]:
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        f"#EXT-X-MEDIA-SEQUENCE:{sequence}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]


def _listed(segments: Iterable[Segment], ticket: str | None) -> Iterator[str]:
    uri, query = None, "" if ticket is None else f"?auth={ticket}"
    for segment in segments:
        if segment.begins_anew:
            yield "#EXT-X-DISCONTINUITY"
        if segment.uri != uri:
            uri = segment.uri
            yield f'#EXT-X-MAP:URI="{_address(uri, 0, segment.head_bytes)}{query}"'
        yield f"#EXT-X-PROGRAM-DATE-TIME:{utc.to_text(segment.start_us)}"
        yield f"#EXTINF:{segment.duration_90k / 90_000:.6f},"
        yield _address(segment.uri, segment.start, segment.end) + query


def _address(uri: str, start: int, end: int) -> str:
    return f"{uri}/{start}-{end}.mp4"
