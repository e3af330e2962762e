"""Who records the cameras of a server: the recorder in its two ways, ffmpeg for each camera, and the bare copy."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import av

from benchmarks.wire.footage import Picture
from tests.faults.evidence import read, recording_files
from tests.world import ROOT, Recorder

_SEGMENT_S = 10
# Parameter sets and the label lie within.
_BEGINNING_BYTES = 256
_INTERLEAVED, _MARKER = 0x24, 0x80


class Contestant(Protocol):
    """Records the cameras 0 to `cameras` - 1 of the server at `port` into `directory`."""

    def start(self) -> None:
        """Begins to record."""

    def pids(self) -> list[int]:
        """Its processes, without their children."""

    def stop(self) -> None:
        """Ends; what was received is on the disk then."""

    def pictures(self, number: int) -> Iterator[tuple[bytes, int]]:
        """What is on the disk of a camera, picture by picture: its beginning, and the size of all of it."""

    def size_of(self, picture: Picture) -> int:
        """The size of a picture that is whole."""


def pictures_of(path: Path) -> Iterator[tuple[bytes, int]]:
    """The beginning and the size of each sample of one of our recording files."""
    with path.open("rb") as file:
        for fragment in read(path).fragments:
            at = fragment.data
            for size in fragment.sizes.tolist():
                yield os.pread(file.fileno(), min(size, _BEGINNING_BYTES), at), size
                at += size


@dataclass(slots=True)
class Ours:
    """The real recorder, without looking at pictures. `source`: which of its ways it takes."""

    directory: Path
    port: int
    cameras: int
    source: str
    environment: Mapping[str, str] = field(default_factory=dict)
    _recorder: Recorder = field(init=False)

    def start(self) -> None:
        """Begins to record."""
        options = ("--no-vision", "--source", self.source)
        self._recorder = Recorder(self.directory, 0, self.directory / "archive", self.environment, options)
        entries = [{"id": f"camera-{number}", "url": _url(self.port, number)} for number in range(self.cameras)]
        self._recorder.write_camera_file(entries, storage={"reserve": "0.1 %"})
        self._recorder.start()

    def pids(self) -> list[int]:
        """One process."""
        assert self._recorder.process is not None
        return [self._recorder.process.pid]

    def stop(self) -> None:
        """Ends with SIGTERM."""
        self._recorder.stop()

    def pictures(self, number: int) -> Iterator[tuple[bytes, int]]:
        """The samples of its recording files."""
        for path in recording_files(self._recorder.archive, f"camera-{number}"):
            yield from pictures_of(path)

    def size_of(self, picture: Picture) -> int:
        """Parameter sets lie in the file's head only."""
        return picture.sample_bytes(with_parameter_sets=False)


@dataclass(slots=True)
class Ffmpeg:
    """A process for each camera that copies its pictures into MP4 files of ten seconds, Frigate's way."""

    directory: Path
    port: int
    cameras: int
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Starts them all."""
        for number in range(self.cameras):
            files = self.directory / f"{number}_%Y%m%d%H%M%S.mp4"
            command = (
                *("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "fatal", "-rtsp_transport", "tcp"),
                *("-i", _url(self.port, number), "-c", "copy", "-an", "-f", "segment", "-segment_format", "mp4"),
                *("-segment_time", str(_SEGMENT_S), "-reset_timestamps", "1", "-strftime", "1", str(files)),
            )
            self._processes.append(subprocess.Popen(command))

    def pids(self) -> list[int]:
        """One for each camera."""
        return [process.pid for process in self._processes]

    def stop(self) -> None:
        """Ends them with SIGTERM, upon which they complete their files."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)

    def pictures(self, number: int) -> Iterator[tuple[bytes, int]]:
        """The samples of its files."""
        for path in sorted(self.directory.glob(f"{number}_*.mp4")):
            with av.open(str(path)) as container:
                for packet in container.demux(video=0):
                    if packet.size:
                        yield bytes(packet)[:_BEGINNING_BYTES], packet.size

    def size_of(self, picture: Picture) -> int:
        """Parameter sets stay where the camera put them."""
        return picture.sample_bytes(with_parameter_sets=True)


@dataclass(slots=True)
class Bare:
    """The bytes of all sockets into a file each, five times a second: the limit."""

    directory: Path
    port: int
    cameras: int
    _process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Begins to copy."""
        where = ("--port", str(self.port), "--cameras", str(self.cameras), "--to", str(self.directory))
        command = (sys.executable, "-m", "benchmarks.wire.bare", *where)
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)

    def pids(self) -> list[int]:
        """One process."""
        return [self._process.pid]

    def stop(self) -> None:
        """Ends it at its next turn."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def pictures(self, number: int) -> Iterator[tuple[bytes, int]]:
        """RTP payloads, a picture ending where a packet has the marker."""
        data = (self.directory / f"{number}.rtp").read_bytes()
        position = data.index(b"\r\n\r\n") + 4  # the answer to PLAY
        beginning, size = b"", 0
        while position + 6 <= len(data) and data[position] == _INTERLEAVED:
            end = position + 4 + int.from_bytes(data[position + 2 : position + 4])
            if end > len(data):
                return
            if data[position + 1] == 0:
                if len(beginning) < _BEGINNING_BYTES:
                    beginning += data[position + 16 : min(end, position + 16 + _BEGINNING_BYTES)]
                size += end - position - 16
                if data[position + 5] & _MARKER:
                    yield beginning, size
                    beginning, size = b"", 0
            position = end

    def size_of(self, picture: Picture) -> int:
        """The payloads of its packets."""
        return sum(len(packet.payload) for packet in picture.packets)


def _url(port: int, number: int) -> str:
    return f"rtsp://127.0.0.1:{port}/{number}"


def _ours(source: str) -> Callable[..., Contestant]:
    def make(directory: Path, port: int, cameras: int, **more: Any) -> Contestant:
        return Ours(directory, port, cameras, source, **more)

    return make


# In the order of their turns.
CONTESTANTS: Mapping[str, Callable[..., Contestant]] = {
    "native": _ours("native"),
    "libav": _ours("libav"),
    "ffmpeg": Ffmpeg,
    "bare": Bare,
}
