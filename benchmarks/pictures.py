"""What still pictures and strips of recorded footage cost, beside ffmpeg for each picture and the bare decoding.

A camera of 1080p at 4 Mbit/s has recorded 48 files of 20 s, through the real archive. Contestants take turns on the
same random instants:

- "ours": the archive is asked which keyframe it is, its bytes are read, decoded, scaled and made a JPEG;
- "kept": the same pictures asked for again;
- "ffmpeg": `ffmpeg -ss INSTANT -i FILE -frames:v 1` of the file that is known to hold it, a process for each picture;
- "bare": the keyframe's bytes in memory, decoded, scaled and made a JPEG: the limit.

Times are medians; processor time is user and system of all threads and processes.
"""

import argparse
import asyncio
import random
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.wire.document import put
from benchmarks.wire.footage import KINDS, load
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.archive.timeline import Span
from safe_community_recorder.media.cmaf import Group, Sample
from safe_community_recorder.media.codec import H264, ParameterSets
from safe_community_recorder.media.picture import decode_keyframe, to_jpeg
from safe_community_recorder.media.video import VideoFormat, length_prefixed, split_length_prefixed
from safe_community_recorder.stills import Keyframe, Recorded, Stills
from safe_community_recorder.strip import keyframe_near, marks, name_of, plan
from tests.recorder.archives import Folder, S, now_us, record

FILES = 48
FILE_S = 20
PICTURES = 30
TILES = 24
CAMERA = "stop"
QUALITY = "4"


@dataclass(slots=True)
class Cost:
    """Seconds of the clock and of processors, one pair for each turn."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what happens within."""
        began_s, used_s = time.perf_counter(), _cpu_s()
        yield
        self.wall_s.append(time.perf_counter() - began_s)
        self.cpu_s.append(_cpu_s() - used_s)

    @property
    def wall_ms(self) -> float:
        """The median."""
        return statistics.median(self.wall_s) * 1000

    @property
    def cpu_ms(self) -> float:
        """The mean: the kernel counts in steps."""
        return statistics.fmean(self.cpu_s) * 1000


def _cpu_s() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def groups(start_us: int, seconds: int) -> Iterator[Group]:
    """The footage over and over, for so long."""
    footage = load(KINDS["main"])
    sets = ParameterSets(H264)
    sets.take(footage.parameter_sets)
    video = sets.video
    if video is None:
        raise SystemExit("pictures: the footage has no parameter sets")
    duration_90k = 90_000 // footage.kind.rate
    samples = [Sample(length_prefixed(H264.stored(picture.nals)), duration_90k, 0) for picture in footage.pictures]
    size = footage.pictures_per_group
    loop = [tuple(samples[at : at + size]) for at in range(0, len(samples), size)]
    for number in range(seconds // footage.kind.gop_s):
        yield Group(video, start_us + number * footage.kind.gop_s * S, loop[number % len(loop)])


async def one_of_each(archive: Archive, at_us: int, width: int, folder: Path, costs: dict[str, Cost]) -> None:
    """One picture by all contestants."""
    stills = Stills()
    for name in ("ours", "kept"):
        with costs[name].counted():
            keyframe = await _keyframe(archive, at_us)
            await stills.jpeg(Recorded(keyframe, archive.read), width)
    stills.close()
    keyframe = await _keyframe(archive, at_us)
    sample = await archive.read(keyframe.path, keyframe.offset, keyframe.size)
    with costs["bare"].counted():
        bare(keyframe.video, sample, width)
    ((path, file),) = await archive.files(CAMERA, Span(at_us, at_us + 1))
    into_s = (at_us - file.fragments[0].utc_us + file.fragments[0].base_90k * 100 / 9) / S
    with costs["ffmpeg"].counted():
        ffmpeg(path, into_s, width, folder / "picture.jpg")


async def strips(archive: Archive, within: Span, width: int, folder: Path, costs: dict[str, Cost]) -> None:
    """One strip by all contestants; the pictures of ffmpeg and of bare are not even put together."""
    stills = Stills()
    for name in ("ours", "kept"):
        with costs[name].counted():
            strip = await plan(archive, CAMERA, within, TILES, now_us())
            layout = strip.layout(6, width)
            tiles = [
                (Recorded(tile.keyframe, archive.read) if tile.keyframe else None, marks(tile, layout))
                for tile in strip.tiles
            ]
            await stills.strip(name_of(strip, layout), tiles, layout)
    stills.close()
    keyframes = [tile.keyframe for tile in strip.tiles if tile.keyframe is not None]
    if len(keyframes) != TILES:
        raise SystemExit(f"pictures: {len(keyframes)} of {TILES} pictures are there")
    samples = [await archive.read(keyframe.path, keyframe.offset, keyframe.size) for keyframe in keyframes]
    with costs["bare"].counted():
        for keyframe, sample in zip(keyframes, samples, strict=True):
            bare(keyframe.video, sample, width)
    starts = {}
    for path, file in await archive.files(CAMERA, within):
        starts[path] = file.fragments[0]
    with costs["ffmpeg"].counted():
        for keyframe in keyframes:
            first = starts[keyframe.path]
            into_s = (keyframe.utc_us - first.utc_us + first.base_90k * 100 / 9) / S
            ffmpeg(keyframe.path, into_s, width, folder / "picture.jpg")


async def _keyframe(archive: Archive, at_us: int) -> Keyframe:
    keyframe = await keyframe_near(archive, CAMERA, at_us, 0, 1)
    if keyframe is None:
        raise SystemExit("pictures: the footage has a hole")
    return keyframe


def bare(video: VideoFormat, sample: bytes, width: int) -> bytes:
    """The limit."""
    return to_jpeg(decode_keyframe(video, split_length_prefixed(sample)), width)


def ffmpeg(path: str, into_s: float, width: int, result: Path) -> None:
    """One picture as scripts make it."""
    command = ["ffmpeg", "-v", "error", "-y", "-noaccurate_seek", "-ss", f"{into_s:.3f}", "-i", path, "-frames:v", "1"]
    subprocess.run([*command, "-vf", f"scale={width}:-2", "-q:v", QUALITY, str(result)], check=True)


async def measure(act: Callable[[dict[str, Cost]], Awaitable[None]], rounds: int) -> dict[str, Cost]:
    """The contestants' costs over so many turns, after one that does not count."""
    names = ("ours", "kept", "ffmpeg", "bare")
    await act({name: Cost() for name in names})
    costs = {name: Cost() for name in names}
    for _ in range(rounds):
        await act(costs)
    return costs


def rows(what: str, costs: dict[str, Cost]) -> Iterator[str]:
    """The table's lines of one question."""
    ours, kept, other, limit = (costs[name] for name in ("ours", "kept", "ffmpeg", "bare"))
    yield (
        f"| {what}: time | {ours.wall_ms:.1f} ms | {kept.wall_ms:.1f} ms | {other.wall_ms:.1f} ms"
        f" | {limit.wall_ms:.1f} ms | {other.wall_ms / ours.wall_ms:.1f}× | {ours.wall_ms / limit.wall_ms:.2f} |"
    )
    yield (
        f"| {what}: processors | {ours.cpu_ms:.1f} ms | {kept.cpu_ms:.1f} ms | {other.cpu_ms:.1f} ms"
        f" | {limit.cpu_ms:.1f} ms | {other.cpu_ms / ours.cpu_ms:.1f}× | {ours.cpu_ms / limit.cpu_ms:.2f} |"
    )


async def compare(directory: Path, seed: int) -> Sequence[str]:
    """The tables."""
    folder = Folder(directory)
    archive = folder.open(file_s=FILE_S)
    await archive.start()
    start_us = (now_us() // S // FILE_S - FILES - 1) * FILE_S * S
    for number in range(FILES):
        begin_us = start_us + number * FILE_S * S
        # A file at a time: more may not wait in memory.
        await record(archive, CAMERA, list(groups(begin_us, FILE_S)))
    within = Span(start_us, start_us + FILES * FILE_S * S)
    dice = random.Random(seed)
    lines = [
        "| | ours | kept | ffmpeg | bare | ffmpeg ÷ ours | ours ÷ bare |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    try:
        for width in (1920, 640):

            async def picture(costs: dict[str, Cost], width: int = width) -> None:
                at_us = dice.randrange(within.start_us, within.end_us - 2 * S)
                await one_of_each(archive, at_us, width, directory, costs)

            lines += rows(f"a picture, {width} wide", await measure(picture, PICTURES))

        async def strip(costs: dict[str, Cost]) -> None:
            # Another range each time: nothing of it is known yet.
            await strips(archive, Span(within.start_us + dice.randrange(S), within.end_us), 320, directory, costs)

        lines += rows(f"a strip of {TILES} pictures, 320 wide", await measure(strip, 5))
    finally:
        await archive.stop()
    return lines


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="scripts/bench pictures", description=__doc__)
    parser.add_argument("--directory", type=Path, help="where footage goes meanwhile (500 MB)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="puts the table into it (docs/performance.md)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        lines = asyncio.run(compare(Path(directory), arguments.seed))
    print("\n".join(lines))
    if arguments.write:
        put(arguments.write, "scripts/bench pictures", [str(load(KINDS["main"])), "", *lines])


if __name__ == "__main__":
    main()
