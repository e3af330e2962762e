"""Writing groups of pictures by our writer with its index, beside writev alone."""

import os
import random
import time
from pathlib import Path

from benchmarks.archives.rebuilding import GROUP_S, PICTURES
from benchmarks.archives.times import median_ms
from benchmarks.archives.village import end_of_footage_us
from safe_community_recorder.archive.index import Index
from safe_community_recorder.archive.place import Place
from safe_community_recorder.archive.retention import Storage
from safe_community_recorder.archive.root import ArchiveRoot
from safe_community_recorder.archive.threads import DiskThreads
from safe_community_recorder.archive.writer import RecordingWriter
from safe_community_recorder.media.cmaf import Group, Sample
from tests.recorder.footage import encode

_WRITING_ROUNDS = 9


def measure_writing(folder: Path) -> dict[str, float]:
    """Processor time of a group of pictures of 500 kB (2 Mbit/s): by our writer with its index, and by writev alone."""
    groups = 150
    dice = random.Random(9)
    video = encode(2).video
    pictures = tuple(Sample(dice.randbytes(100_000 if number == 0 else 21_000), 9_000, 0) for number in range(PICTURES))
    start_us = end_of_footage_us()
    made = [Group(video, start_us + number * GROUP_S * 1_000_000, pictures) for number in range(groups)]
    buffers = [[b"", *(sample.data for sample in group.samples)] for group in made]

    def ours(number: int) -> None:
        writer = RecordingWriter(place, f"stop{number}", made[0])
        for group in made:
            writer.append(group)
            place.index.put(writer.row(complete=False))
        writer.close()
        place.index.put(writer.row(complete=True))

    def bare(number: int) -> None:
        descriptor = os.open(folder / f"bare{number}", os.O_WRONLY | os.O_CREAT)
        for parts in buffers:
            os.writev(descriptor, parts)
        os.fsync(descriptor)
        os.close(descriptor)

    result: dict[str, float] = {}
    data = folder / "data"
    data.mkdir()
    place = Place(ArchiveRoot(folder / "archive", data), Index(data / "index.sqlite"), DiskThreads(1), Storage())
    walls: dict[str, list[float]] = {"ours": [], "bare": []}
    processors: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(_WRITING_ROUNDS):
        # In turns, and each with the disk at rest: the kernel still writes what came before.
        for name, act in (("ours", ours), ("bare", bare)):
            os.sync()
            began = time.perf_counter(), time.process_time()
            act(number)
            walls[name].append(time.perf_counter() - began[0])
            processors[name].append(time.process_time() - began[1])
    for kind, taken in (("wall", walls), ("processor", processors)):
        result |= {f"{name} {kind} ms": median_ms(seconds) / groups for name, seconds in taken.items()}
    place.index.close()
    place.root.close()
    return result
