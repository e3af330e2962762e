"""What an archive is worth after whatever has happened to it: does it play, is its time in order, is anything missing?

Files are read by our own reader for their times and decoded in full by libav; pictures tell when they were taken.
"""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Self

import av
import av.error

from demo import timecode
from safe_community_recorder.media.cmaf import RecordingFile
from safe_community_recorder.media.reading import read_recording
from tests.world import Recorder

# A picture's duration is known to 1/90000 s, its time to a microsecond: so much may a group seem to reach too far.
_ROUNDING_US = 2


def recording_files(archive: Path, camera_id: str) -> list[Path]:
    """A camera's recording files, in the order of their names."""
    return sorted((archive / camera_id).glob("[0-9][0-9][0-9][0-9]/**/*.mp4"))


def read(path: Path) -> RecordingFile:
    """A recording file by our own reader."""
    with path.open("rb") as file:
        return read_recording(lambda at, count: os.pread(file.fileno(), count, at), path.stat().st_size)


def pictures(path: Path) -> list[datetime]:
    """When each picture of a file was taken, by what is written in it; every packet of it is decoded."""
    with av.open(str(path)) as container:
        return [timecode.read(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def complaints(path: Path) -> str:
    """What ffprobe says against a file while it decodes all of it."""
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=nb_read_frames", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def check(archive: Path, camera_id: str) -> list[datetime]:
    """The times of all of a camera's pictures. AssertionError for a file that does not play or whose times overlap."""
    taken: list[datetime] = []
    end_us = 0
    for path in recording_files(archive, camera_id):
        file = read(path)
        assert file.fragments, f"{path} holds nothing"
        for fragment in file.fragments:
            assert fragment.utc_us >= end_us - _ROUNDING_US, f"{path} goes back {end_us - fragment.utc_us} µs"
            assert fragment.end_us > fragment.utc_us
            end_us = fragment.end_us
        try:
            seen = pictures(path)
        except (av.error.FFmpegError, ValueError) as error:
            raise AssertionError(f"{path} cannot be played: {error}") from error
        assert len(seen) == sum(len(fragment.sizes) for fragment in file.fragments), f"{path} lacks pictures"
        assert seen == sorted(seen), f"the pictures of {path} are not in order"
        taken += seen
    return taken


@dataclass(slots=True)
class Witness:
    """Looks at a camera by itself, as a second client: what it saw, the recorder must have."""

    url: str
    taken: list[datetime] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(15)

    def _watch(self) -> None:
        options = {"rtsp_transport": "tcp", "timeout": "5000000"}
        with av.open(self.url, options=options) as container:
            for frame in container.decode(video=0):
                self.taken.append(timecode.read(frame.to_ndarray(format="gray")))
                if self._stop.is_set():
                    return

    def missing(self, recorded: list[datetime]) -> list[datetime]:
        """What it saw between the first and the last recorded picture that is not recorded."""
        known = set(recorded)
        return [moment for moment in self.taken if recorded[0] <= moment <= recorded[-1] and moment not in known]


@dataclass(slots=True)
class Pulse:
    """Asks a recorder again and again, and notes how long each answer took."""

    recorder: Recorder
    paths: Sequence[str] = ("/api/v1/cameras",)
    every_s: float = 0.2
    longest_s: float = 0.0
    slowest: str = ""
    answers: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(25)

    def _ask(self) -> None:
        while not self._stop.is_set():
            for path in self.paths:
                began = time.monotonic()
                try:
                    status = self.recorder.ask(path).status
                except (OSError, HTTPException) as error:
                    self.failures.append(f"{path}: {error}")
                else:
                    self.answers += 1
                    if status != HTTPStatus.OK:
                        self.failures.append(f"{path}: {status}")
                took_s = time.monotonic() - began
                if took_s > self.longest_s:
                    self.longest_s, self.slowest = took_s, path
            self._stop.wait(self.every_s)
