"""Reads HLS playlists as a player does, independently of the recorder's own code (RFC 8216 §4)."""

import re
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Range:
    """Bytes start … end of what is at an address."""

    uri: str
    start: int
    end: int


@dataclass(frozen=True)
class Listed:
    """A segment: its number and bytes, those to be read before, its duration and UTC, how many breaks are before."""

    number: int
    bytes: Range
    head: Range
    duration_s: float
    at: datetime
    breaks: int


@dataclass
class Playlist:
    """A media playlist. `tags` are those that stand once; of attributes the text is kept."""

    tags: dict[str, str] = field(default_factory=dict)
    segments: list[Listed] = field(default_factory=list)

    @property
    def target_s(self) -> int:
        """The target duration."""
        return int(self.tags["TARGETDURATION"])

    @property
    def is_complete(self) -> bool:
        """True if nothing more will come."""
        return "ENDLIST" in self.tags


def read_playlist(text: str) -> Playlist:
    """A playlist by its text. AssertionError for what the RFC does not allow."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    assert text.endswith("\n")
    playlist = Playlist()
    of_segment: dict[str, str] = {}
    head: Range | None = None
    number = breaks = 0
    for line in lines[1:]:
        name, _, value = line.removeprefix("#").removeprefix("EXT-X-").partition(":")
        if not line.startswith("#"):
            assert head is not None
            count, _, at = of_segment["BYTERANGE"].partition("@")
            where = Range(line, int(at), int(at) + int(count))
            duration_s = float(of_segment["EXTINF"].removesuffix(","))
            moment = datetime.fromisoformat(of_segment["PROGRAM-DATE-TIME"])
            playlist.segments.append(Listed(number, where, head, duration_s, moment, breaks))
            number, of_segment = number + 1, {}
        elif name in ("EXTINF", "BYTERANGE", "PROGRAM-DATE-TIME"):
            assert name not in of_segment
            of_segment[name] = value
        elif name == "DISCONTINUITY":
            breaks += 1
        elif name == "MAP":
            match = re.fullmatch(r'URI="([^"]+)",BYTERANGE="(\d+)@(\d+)"', value)
            assert match is not None
            head = Range(match[1], int(match[3]), int(match[3]) + int(match[2]))
        else:
            assert name not in playlist.tags, line
            playlist.tags[name] = value
            if name == "MEDIA-SEQUENCE":
                number = int(value)
            elif name == "DISCONTINUITY-SEQUENCE":
                breaks = int(value)
    assert not of_segment
    assert all(round(segment.duration_s) <= playlist.target_s for segment in playlist.segments)
    return playlist
