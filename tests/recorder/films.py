"""What a camera recorded in three files: tests cut clips out of it."""

import io
from dataclasses import dataclass
from functools import cache

import av
from hypothesis import strategies as st

from safe_community_recorder.media.clip import Clip
from safe_community_recorder.media.cmaf import Group, RecordingFile
from safe_community_recorder.media.video import CodecName
from tests.recorder.footage import groups_of, recorded

T0 = 1_795_330_489_123_456  # 2026-11-22, with odd microseconds
PICTURE_US = 100_000
S = 1_000_000
KINDS = [("h264", 0), ("h264", 2), ("h265", 0), ("h265", 2)]
GAP_US = 3_600 * S


@dataclass(frozen=True)
class Film:
    """Three files: two side by side, a gap of an hour, a third. Each has 30 pictures in three groups."""

    groups: tuple[tuple[Group, ...], ...]
    content: dict[str, bytes]
    files: tuple[tuple[str, RecordingFile], ...]

    def bytes_of(self, clip: Clip) -> bytes:
        """All of the clip."""
        data = clip.head + b"".join(self.content[p.path][p.offset : p.offset + p.size] for p in clip.parts)
        assert len(data) == clip.size
        return data


STARTS_US = (T0, T0 + 3 * S, T0 + 6 * S + GAP_US)
TAKEN_US = [start_us + number * PICTURE_US for start_us in STARTS_US for number in range(30)]


@cache
def film(codec: CodecName = "h264", b_frames: int = 0, *, sound: bool = False, closed: bool = True) -> Film:
    """What a camera recorded."""
    groups, content, files = [], {}, []
    for number, start_us in enumerate(STARTS_US):
        after_us = 5_000 if sound else None
        part = groups_of(30, b_frames, codec, start_us=start_us, sound_after_us=after_us, sound_frames=46)
        data, file = recorded(part, closed=closed)
        groups.append(tuple(part))
        content[f"{number}.mp4"] = data
        files.append((f"{number}.mp4", file))
    return Film(tuple(groups), content, tuple(files))


def shown(video: bytes) -> list[tuple[float, int]]:
    """The pictures a player shows: seconds of the clip, brightness."""
    with av.open(io.BytesIO(video), "r") as container:
        return [
            (float(frame.time), round(float(frame.to_ndarray(format="yuv420p")[:48].mean())))
            for frame in container.decode(video=0)
            if frame.time is not None
        ]


def expected(start_us: int, end_us: int) -> list[int]:
    """The numbers of the pictures that were taken in the range."""
    return [number for number, taken_us in enumerate(TAKEN_US) if start_us <= taken_us < end_us]


instants = st.integers(-S, 7 * S) | st.integers(6 * S + GAP_US - S, 10 * S + GAP_US)
"""From `T0` on: around the first two files, and around the third."""
