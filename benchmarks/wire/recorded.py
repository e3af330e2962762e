"""An archive full of footage, written by the archive's own writer at the speed of the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire.footage import Kind, load
from safe_community_recorder.archive.index import Index
from safe_community_recorder.archive.layout import FILE_S
from safe_community_recorder.archive.place import Place
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.root import ArchiveRoot
from safe_community_recorder.archive.threads import DiskThreads
from safe_community_recorder.archive.writer import RecordingWriter
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.codec import H264, ParameterSets
from safe_community_recorder.media.video import length_prefixed

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A camera's footage: its files of five minutes from `start_us` on, one directly behind the other."""

    camera_id: str
    kind: Kind
    start_us: int
    files: tuple[Path, ...]

    def of(self, seconds: int) -> tuple[Path, ...]:
        """The files of so long, from the first on."""
        return self.files[: -(-seconds // FILE_S)]


def groups(kind: Kind, start_us: int, seconds: int) -> Iterator[Group]:
    """The kind's footage over and over, for so long."""
    footage = load(kind)
    sets = ParameterSets(H264)
    sets.take(footage.parameter_sets)
    video = sets.video
    if video is None:
        raise SystemExit(f"{kind.name}: the footage has no parameter sets")
    duration_90k = 90_000 // kind.rate
    samples = [Sample(length_prefixed(H264.stored(picture.nals)), duration_90k, 0) for picture in footage.pictures]
    size = footage.pictures_per_group
    loop = [tuple(samples[at : at + size]) for at in range(0, len(samples), size)]
    for number in range(seconds // kind.gop_s):
        yield Group(video, start_us + number * kind.gop_s * _SECOND_US, loop[number % len(loop)])


def record(data: Path, archive: Path, wanted: dict[str, tuple[Kind, int]], end_us: int) -> dict[str, Recorded]:
    """Footage of so many seconds for each camera, that ends with a whole five minutes; also in the index."""
    data.mkdir(parents=True, exist_ok=True)
    place = Place(ArchiveRoot(archive, data), Index(data / "index.sqlite"), DiskThreads(1), Storage())
    recorded = {}
    for camera_id, (kind, seconds) in wanted.items():
        start_us = end_us - seconds * _SECOND_US
        files = []
        for at_us in range(start_us, end_us, FILE_S * _SECOND_US):
            writer: RecordingWriter | None = None
            for group in groups(kind, at_us, FILE_S):
                writer = writer or RecordingWriter(place, camera_id, group)
                writer.append(group)
            if writer is not None and writer.close():
                place.index.put(writer.row(complete=True))
                files.append(archive / writer.path)
        recorded[camera_id] = Recorded(camera_id, kind, start_us, tuple(files))
    place.index.close()
    place.root.close()
    return recorded
