"""What clips of recorded footage cost: when they begin, how fast they travel, what memory they take.

A camera of 1080p at 4 Mbit/s has recorded an hour, and a camera of small pictures a day of as many pictures a second:
what a clip's beginning costs depends on the number of its pictures. Files are of five minutes and written by the
archive's own writer. A real recorder serves them over loopback. Contestants take turns:

- "ours": a GET of the clip. Cold: the recorder has just been started, and none of the files is in memory. Warm: it has
  read the files before, but nobody has asked for this clip. Again: the same clip asked for once more.
- "ffmpeg": `ffmpeg -f concat … -c copy -movflags +faststart` of the same files: its first byte is there when it ends.
- "cat": the files' bytes through a pipe into the same reader, the limit.
- "sendfile": the files' bytes over a TCP connection on loopback by sendfile and nothing else: the limit of TCP.

Ours shows first the picture that was asked for, up to two seconds behind a keyframe; ffmpeg's copy begins with the
keyframe. Times are medians; processor time is user and system of the recorder, of ffmpeg with a cat of what it made, of
cat, and of a process that calls sendfile: never the reader's.
"""

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from benchmarks.wire import processes
from benchmarks.wire.document import put
from benchmarks.wire.footage import KINDS, Kind, load
from benchmarks.wire.playing import Answer, Began, Sequential, decode_first, drain
from benchmarks.wire.recorded import Recorded, record
from safe_community_recorder.archive.layout import FILE_S
from tests.world import ROOT, Recorder, text

SMALL = Kind("small", 320, 180, 25, 100_000)
_SECOND_US = 1_000_000
_HOUR_S, _DAY_S = 3_600, 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MB = 1e6
_STATES = ("cold", "warm", "again")


@dataclass(frozen=True, slots=True)
class Asked:
    """How long a clip is asked for, and of which camera."""

    name: str
    camera_id: str
    seconds: int


CLIPS = (Asked("1 minute", "stop", 60), Asked("1 hour", "stop", _HOUR_S), Asked("24 hours", "yard", _DAY_S))


@dataclass(frozen=True, slots=True)
class Travelled:
    """A download: bytes, seconds of the clock and of processors."""

    size_bytes: int
    wall_s: float
    cpu_s: float


@dataclass(slots=True)
class Results:
    """What all rounds gave."""

    began: dict[tuple[str, str], list[Began]] = field(default_factory=dict)
    travelled: dict[str, list[Travelled]] = field(default_factory=dict)
    memory: str = ""

    def first_byte_s(self, clip: str, who: str) -> float:
        """The median."""
        return statistics.median(one.first_byte_s for one in self.began[clip, who])

    def first_picture_s(self, clip: str, who: str) -> float:
        """The median."""
        return statistics.median(one.first_picture_s for one in self.began[clip, who])

    def gb_per_s(self, who: str) -> float:
        """The median."""
        return statistics.median(one.size_bytes / one.wall_s for one in self.travelled[who]) / 1e9

    def cpu_s_per_gb(self, who: str) -> float:
        """The median."""
        return statistics.median(one.cpu_s / one.size_bytes for one in self.travelled[who]) * 1e9


class Bench:
    """A recorder with its footage, and everybody who plays it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._recorder = Recorder(folder, options=("--no-vision",))
        self._recorder.write_camera_file(
            [{"id": clip.camera_id, "url": "rtsp://127.0.0.1:9/", "paused": True} for clip in CLIPS[1:]]
        )
        end_us = (time.time_ns() // 1_000 // (FILE_S * _SECOND_US) - 1) * FILE_S * _SECOND_US
        # A file more than is asked for: the range may begin within the first one.
        wanted = {"stop": (KINDS["main"], _HOUR_S + FILE_S), "yard": (SMALL, _DAY_S + FILE_S)}
        self._recorded = record(folder / "data", self._recorder.archive, wanted, end_us)
        os.sync()

    def begin(self, clip: Asked, results: Results) -> None:
        """When everybody's clip of one range, another one each time, begins."""
        recorded = self._recorded[clip.camera_id]
        begins_us = [recorded.start_us + self._dice.randrange(2 * _SECOND_US) for _ in range(2)]
        self._forget(recorded)
        self._recorder.start()
        try:
            for state, start_us in zip(_STATES, (*begins_us, begins_us[-1]), strict=True):
                with self._ask(clip, start_us) as answer:
                    results.began.setdefault((clip.name, state), []).append(answer.began())
        finally:
            self._recorder.stop()
        results.began.setdefault((clip.name, "ffmpeg"), []).append(self._ffmpeg(recorded, begins_us[-1], clip.seconds))

    def travel(self, results: Results) -> None:
        """How fast everybody's hour comes. Each contestant's files are in memory."""
        recorded = self._recorded["stop"]
        _cat(recorded.of(_HOUR_S))
        self._recorder.start()
        try:
            for who, travels in (
                ("ours", self._ours_travels),
                ("ffmpeg", self._ffmpeg_travels),
                ("cat", self._cat_travels),
                ("sendfile", self._sendfile_travels),
            ):
                results.travelled.setdefault(who, []).append(travels(recorded))
        finally:
            self._recorder.stop()

    def weigh(self, results: Results) -> None:
        """The recorder's memory while it builds and sends a day."""
        self._recorder.start()
        try:
            pid = self._pid
            with self._ask(CLIPS[0], self._recorded["stop"].start_us) as answer:
                answer.drain()
            # Forgets the peak so far (proc(5)).
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
            before = _status_bytes(pid, "VmRSS")
            with self._ask(CLIPS[2], self._recorded["yard"].start_us + 1) as answer:
                built = _status_bytes(pid, "VmHWM")
                size_bytes = answer.drain()
            sent = _status_bytes(pid, "VmHWM")
        finally:
            self._recorder.stop()
        pictures = _DAY_S * SMALL.rate
        results.memory = (
            f"A day ({pictures:,} pictures, {size_bytes / 1e9:.2f} GB) took {(built - before) / _MB:.0f} MB"
            f" of memory to build on top of {before / _MB:.0f} MB, and {(sent - before) / _MB:.0f} MB at most until all"
            " of it was sent."
        )

    @property
    def _pid(self) -> int:
        process = self._recorder.process
        if process is None:
            raise SystemExit("playback: the recorder does not run")
        return process.pid

    def _ask(self, clip: Asked, start_us: int) -> Answer:
        start = _EPOCH + timedelta(microseconds=start_us)
        query = urlencode({"start": text(start), "end": text(start + timedelta(seconds=clip.seconds))})
        path = f"/api/v1/cameras/{clip.camera_id}/clip.mp4?{query}"
        return Answer(self._recorder.port, path, self._recorder.token)

    @staticmethod
    def _forget(recorded: Recorded) -> None:
        """Lets the kernel forget what it knows of the files."""
        for path in recorded.files:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    # --- ffmpeg -------------------------------------------------------------------------------------------------------

    def _ffmpeg(self, recorded: Recorded, start_us: int, seconds: int) -> Began:
        began_s = time.perf_counter()
        path = self._join(recorded, start_us, seconds)
        first_byte_s = time.perf_counter() - began_s
        with path.open("rb") as file:
            decode_first(Sequential(file.fileno()))
        took_s = time.perf_counter() - began_s
        path.unlink()
        return Began(first_byte_s, took_s)

    def _join(self, recorded: Recorded, start_us: int, seconds: int) -> Path:
        """The range as an ordinary MP4 file."""
        after_s = (start_us - recorded.start_us) / _SECOND_US
        files = recorded.of(int(after_s) + seconds + 1) if after_s else recorded.of(seconds)
        lines = ["ffconcat version 1.0"]
        for number, path in enumerate(files):
            lines.append(f"file {path}")
            if number == 0 and after_s:
                lines.append(f"inpoint {after_s:.6f}")
            last_s = after_s + seconds - number * FILE_S
            if last_s < FILE_S:
                lines.append(f"outpoint {last_s:.6f}")
        listed, joined = self._folder / "files.ffconcat", self._folder / "joined.mp4"
        listed.write_text("\n".join(lines), encoding="utf-8")
        command = ["ffmpeg", "-v", "fatal", "-y", "-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy"]
        subprocess.run([*command, "-movflags", "+faststart", str(joined)], check=True)
        return joined

    # --- downloads ----------------------------------------------------------------------------------------------------

    def _ours_travels(self, recorded: Recorded) -> Travelled:
        used_s, began_s = processes.cpu_s(self._pid), time.perf_counter()
        with self._ask(CLIPS[1], recorded.start_us) as answer:
            size_bytes = answer.drain()
        wall_s = time.perf_counter() - began_s
        return Travelled(size_bytes, wall_s, processes.cpu_s(self._pid) - used_s)

    def _ffmpeg_travels(self, recorded: Recorded) -> Travelled:
        """Made, and then sent as cheaply as anybody could."""

        def make_and_send() -> int:
            path = self._join(recorded, recorded.start_us, _HOUR_S)
            size_bytes = _cat((path,))
            path.unlink()
            return size_bytes

        return _by_children(make_and_send)

    @staticmethod
    def _cat_travels(recorded: Recorded) -> Travelled:
        return _by_children(lambda: _cat(recorded.of(_HOUR_S)))

    @staticmethod
    def _sendfile_travels(recorded: Recorded) -> Travelled:
        command = [sys.executable, "-m", "benchmarks.wire.bare_sending", *map(str, recorded.of(_HOUR_S))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            try:
                port = int(_output(process).readline())
                used_s, began_s = processes.cpu_s(process.pid), time.perf_counter()
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    size_bytes = drain(connection.fileno())
                wall_s = time.perf_counter() - began_s
                return Travelled(size_bytes, wall_s, processes.cpu_s(process.pid) - used_s)
            finally:
                process.terminate()


def _by_children(act: Callable[[], int]) -> Travelled:
    """What it costs when processes do it that have ended then."""
    used, began_s = os.times(), time.perf_counter()
    size_bytes = act()
    wall_s, now = time.perf_counter() - began_s, os.times()
    cpu_s = now.children_user + now.children_system - used.children_user - used.children_system
    return Travelled(size_bytes, wall_s, cpu_s)


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise SystemExit("playback: a process has no pipe")
    return process.stdout


def _cat(paths: Sequence[Path]) -> int:
    """Has `cat` write files into a pipe; how many bytes came out of it."""
    with subprocess.Popen(["cat", *map(str, paths)], stdout=subprocess.PIPE) as process:
        return drain(_output(process).fileno())


def _status_bytes(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) * 1_024


# --- the tables -------------------------------------------------------------------------------------------------------


def _time(seconds: float) -> str:
    return f"{seconds * 1_000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def tables(results: Results) -> Iterator[str]:
    """What to say of it."""
    for title, of in (("first byte", results.first_byte_s), ("first decoded picture", results.first_picture_s)):
        yield f"| {title} | cold | warm | again | ffmpeg | ffmpeg ÷ cold | ffmpeg ÷ warm |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for clip in CLIPS:
            cold, warm, again, other = (of(clip.name, who) for who in (*_STATES, "ffmpeg"))
            cells = " | ".join(map(_time, (cold, warm, again, other)))
            yield f"| {clip.name} | {cells} | {other / cold:.0f}× | {other / warm:.0f}× |"
        yield ""
    yield "| one hour, all of it | ours | ffmpeg | cat | sendfile | ours ÷ ffmpeg | ours ÷ cat | ours ÷ sendfile |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for title, of_whom, unit in (
        ("throughput", results.gb_per_s, "GB/s"),
        ("processors", results.cpu_s_per_gb, "CPU-s/GB"),
    ):
        ours, *others = (of_whom(who) for who in ("ours", "ffmpeg", "cat", "sendfile"))
        cells = " | ".join(f"{value:.2f} {unit}" for value in (ours, *others))
        yield f"| {title} | {cells} | {' | '.join(f'{ours / other:.2f}' for other in others)} |"
    yield ""
    yield results.memory
    yield ""
    yield "| goal | measured | go for | met |"
    yield "| --- | --- | --- | --- |"
    warm_s, other_s = (results.first_byte_s("1 hour", who) for who in ("warm", "ffmpeg"))
    share = results.gb_per_s("ours") / results.gb_per_s("cat")
    for what, measured, goal, is_met in (
        ("first byte of an hour, warm", _time(warm_s), "< 50 ms", warm_s < 0.05),
        ("ffmpeg's first byte of an hour ÷ ours, warm", f"{other_s / warm_s:.0f}×", "≥ 20×", other_s >= 20 * warm_s),
        ("throughput ÷ cat's", f"{share:.2f}", "≥ 0.8", share >= 0.8),
    ):
        yield f"| {what} | {measured} | {goal} | {'yes' if is_met else '**no**'} |"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="scripts/bench playback", description=__doc__)
    parser.add_argument("--directory", type=Path, help="where footage goes meanwhile (5 GB)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="puts the tables into it (docs/performance.md)")
    arguments = parser.parse_args()
    results = Results()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        bench = Bench(Path(directory), arguments.seed)
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            for clip in CLIPS:
                bench.begin(clip, results)
            bench.travel(results)
        bench.weigh(results)
    about = [f"The hour: {load(KINDS['main'])}.", f"The day: {load(SMALL)}.", f"{arguments.rounds} rounds."]
    lines = [*about, "", *tables(results)]
    print("\n".join(lines))
    if arguments.write:
        put(arguments.write, "scripts/bench playback", lines)


if __name__ == "__main__":
    main()
