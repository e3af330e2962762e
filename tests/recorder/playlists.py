"""Reads HLS playlists as a player does, independently of the recorder's own code (RFC 8216 §4)."""

import re
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Piece:
    """What is at an address beside the playlist: bytes start … end of a file, as far as the address tells."""

    uri: str

    @property
    def file(self) -> str:
        """Which file it is of."""
        return self.uri.rpartition("/")[0]

    @property
    def start(self) -> int:
        """Its first byte."""
        return int(self._bytes[1])

    @property
    def end(self) -> int:
        """The one behind its last."""
        return int(self._bytes[2])

    @property
    def _bytes(self) -> re.Match[str]:
        match = re.search(r"/(\d+)-(\d+)\.mp4(\?|$)", self.uri)
        assert match is not None
        return match


@dataclass(frozen=True)
class Listed:
    """A segment: its number and bytes, those to be read before, its duration and UTC, how many breaks are before."""

    number: int
    bytes: Piece
    head: Piece
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
    head: Piece | None = None
    number = breaks = 0
    for line in lines[1:]:
        name, _, value = line.removeprefix("#").removeprefix("EXT-X-").partition(":")
        if not line.startswith("#"):
            assert head is not None
            duration_s = float(of_segment["EXTINF"].removesuffix(","))
            moment = datetime.fromisoformat(of_segment["PROGRAM-DATE-TIME"])
            playlist.segments.append(Listed(number, Piece(line), head, duration_s, moment, breaks))
            number, of_segment = number + 1, {}
        elif name in ("EXTINF", "PROGRAM-DATE-TIME"):
            assert name not in of_segment
            of_segment[name] = value
        elif name == "DISCONTINUITY":
            breaks += 1
        elif name == "MAP":
            match = re.fullmatch(r'URI="([^"]+)"', value)
            assert match is not None
            head = Piece(match[1])
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
