"""Pictures to look at again, one after the other: out of an archive's files, a video file, or a directory of frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
from av.error import FFmpegError

from ..archive.layout import FILE_S, files_of_day
from ..archive.recovery import read_file
from ..archive.timeline import Span
from ..media.boxes import BoxError
from ..media.cmaf import Fragment, RecordingFile
from ..media.codec import CODECS
from ..sampler.decoding import MOST_PIXELS
from ..utc import SECOND_US, from_us, to_name

_STILLS = frozenset({".bmp", ".jpeg", ".jpg", ".png"})


class SourceError(ValueError):
    """There are no pictures; the text says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture. `at_s` is UTC for a camera's footage, or else counts from the clip's beginning.

    `number` is its place among those that the source has given, from 0.
    """

    number: int
    at_s: float
    is_key: bool
    frame: av.VideoFrame


class Source(Protocol):
    """Gives the same pictures each time it is asked."""

    def pictures(self, keys_only: bool, spans: Sequence[Span] | None = None) -> Iterator[Picture]:
        """The pictures in the order of their time; of some spans only, if any are named. Raises SourceError."""
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """A camera's footage in an archive, which is only read; `shown` are the times that may be shown, by start."""

    archive: Path
    camera_id: str
    shown: tuple[Span, ...]

    def pictures(self, keys_only: bool, spans: Sequence[Span] | None = None) -> Iterator[Picture]:
        """Those that were taken in the spans. A file or a group of pictures that cannot be read is left out."""
        wanted = self.shown if spans is None else spans
        number = 0
        for path in self._paths(wanted):
            try:
                file = read_file(path)
                fragments = [f for f in file.fragments if any(_meets(f.utc_us, f.end_us, span) for span in wanted)]
                for fragment in fragments:
                    for at_us, is_key, frame in _decoded(path, file, fragment, keys_only=keys_only):
                        if any(span.start_us <= at_us < span.end_us for span in wanted):
                            yield Picture(number, at_us / SECOND_US, is_key, frame)
                            number += 1
            except OSError, BoxError:
                continue

    def _paths(self, wanted: Sequence[Span]) -> Iterator[Path]:
        """The files that can have footage of these spans, by their names."""
        if not wanted:
            return
        first_us, last_us = wanted[0].start_us - 2 * FILE_S * SECOND_US, wanted[-1].end_us
        day = from_us(first_us).date()
        while day <= from_us(last_us).date():
            for relative in files_of_day(self.archive, f"{self.camera_id}/{day:%Y/%m/%d}"):
                if to_name(first_us) <= Path(relative).stem < to_name(last_us):
                    yield self.archive / relative
            day = day.fromordinal(day.toordinal() + 1)


def _meets(start_us: int, end_us: int, span: Span) -> bool:
    return start_us < span.end_us and end_us > span.start_us


def _decoded(
    path: Path, file: RecordingFile, fragment: Fragment, *, keys_only: bool
) -> Iterator[tuple[int, bool, av.VideoFrame]]:
    """(UTC in microseconds, whether it is the keyframe, picture) of one group, as far as it can be decoded."""
    sizes = fragment.sizes[:1] if keys_only else fragment.sizes
    with path.open("rb") as stream:
        stream.seek(fragment.data)
        data = stream.read(int(sizes.sum(dtype=np.int64)))
    ends = np.cumsum(sizes, dtype=np.int64)
    starts_90k = np.cumsum(fragment.durations, dtype=np.int64) - fragment.durations
    shown_90k = starts_90k + fragment.offsets - fragment.offsets[0]
    decoder = cast("av.VideoCodecContext", av.CodecContext.create(CODECS[file.video.codec].libav_name, "r"))
    decoder.extradata = CODECS[file.video.codec].write_record(file.video.parameter_sets)
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MOST_PIXELS)}
    if keys_only:
        decoder.options |= {"skip_loop_filter": "all", "flags2": "+fast"}
    try:
        for index, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            packet = av.Packet(data[int(end - size) : int(end)])
            packet.pts = packet.dts = index
            yield from _timed(decoder.decode(packet), fragment, shown_90k)
        yield from _timed(decoder.decode(None), fragment, shown_90k)
    except FFmpegError:
        return


def _timed(
    frames: Sequence[av.VideoFrame], fragment: Fragment, shown_90k: np.ndarray
) -> Iterator[tuple[int, bool, av.VideoFrame]]:
    for frame in frames:
        index = frame.pts
        if index is not None and 0 <= index < len(shown_90k) and not frame.is_corrupt:
            yield fragment.utc_us + int(shown_90k[index]) * 100 // 9, index == 0, frame


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file, or a directory of frames in the order of their names, so many a second."""

    path: Path
    frames_per_s: float = 25.0

    def pictures(self, keys_only: bool, spans: Sequence[Span] | None = None) -> Iterator[Picture]:
        """All of them, or those of the spans, in microseconds from the beginning. Raises SourceError."""
        found = self._frames() if self.path.is_dir() else self._decoded(keys_only=keys_only)
        last_us = None if spans is None else max((span.end_us for span in spans), default=0)
        for picture in found:
            at_us = round(picture.at_s * SECOND_US)
            if last_us is not None and at_us >= last_us:
                return
            if spans is None or any(span.start_us <= at_us < span.end_us for span in spans):
                yield picture

    def _decoded(self, *, keys_only: bool) -> Iterator[Picture]:
        try:
            with av.open(str(self.path), "r") as container:
                if not container.streams.video:
                    raise SourceError(f"{self.path} has no pictures")
                stream = container.streams.video[0]
                if keys_only:
                    stream.codec_context.skip_frame = "NONKEY"
                rate = float(stream.average_rate or self.frames_per_s)
                first_s: float | None = None
                at_s = -1.0
                for number, frame in enumerate(container.decode(stream)):
                    told_s = number / rate if frame.time is None else float(frame.time)
                    first_s = told_s if first_s is None else first_s
                    # Where a clip's times stand still or go back, its rate tells.
                    at_s = told_s - first_s if told_s - first_s > at_s else at_s + 1 / rate
                    yield Picture(number, at_s, frame.key_frame, frame)
        except FFmpegError as error:
            raise SourceError(f"{self.path} cannot be read as video: {error.strerror}") from error

    def _frames(self) -> Iterator[Picture]:
        names = sorted(path for path in self.path.iterdir() if path.suffix.lower() in _STILLS)
        if not names:
            raise SourceError(f"{self.path} has no pictures ({', '.join(sorted(_STILLS))})")
        for number, path in enumerate(names):
            try:
                with av.open(str(path), "r") as container:
                    frame = next(container.decode(video=0))
            except (FFmpegError, StopIteration) as error:
                raise SourceError(f"{path} cannot be read as a picture") from error
            yield Picture(number, number / self.frames_per_s, is_key=True, frame=frame)
