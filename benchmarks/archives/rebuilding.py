"""Making the index of the files alone, beside opening each file and reading its end."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.archives.village import FILE_US, rows
from safe_community_recorder.media.cmaf import (
    Fragment,
    Group,
    RecordingFile,
    Sample,
    encode_group,
    init_segment,
    to_ntp,
)
from safe_community_recorder.media.sample_table import closing_boxes
from safe_community_recorder.media.video import VideoFormat
from tests.recorder.footage import encode
from tests.world import ROOT

GROUP_S = 2
PICTURES = 20


@dataclass(frozen=True, slots=True)
class Template:
    """A recording file of five minutes, with pictures of a few bytes, to be written again with other times."""

    data: bytes
    file: RecordingFile

    def at(self, start_us: int) -> bytes:
        """The whole file, begun at another instant."""
        data = bytearray(self.data)
        shift_us = start_us - self.file.fragments[0].utc_us
        fragments = []
        for fragment in self.file.fragments:
            utc_us = fragment.utc_us + shift_us
            data[fragment.start + 16 : fragment.start + 24] = to_ntp(utc_us).to_bytes(8)
            fragments.append(replace(fragment, utc_us=utc_us))
        return bytes(data) + closing_boxes(replace(self.file, fragments=tuple(fragments)))


def template(video: VideoFormat) -> Template:
    """The file at the beginning of 2026."""
    start_us = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    samples = tuple(Sample(b"\0\0\0\1\x09", 9_000, 0) for _ in range(PICTURES))
    parts = [init_segment(Group(video, start_us, samples))]
    fragments: list[Fragment] = []
    for number in range(FILE_US // (GROUP_S * 1_000_000)):
        group = Group(video, start_us + number * GROUP_S * 1_000_000, samples)
        buffers, fragment = encode_group(number + 1, number * GROUP_S * 90_000, group, sum(map(len, parts)))
        parts.append(b"".join(buffers))
        fragments.append(fragment)
    data = b"".join(parts)
    return Template(data, RecordingFile(video, tuple(fragments), len(data)))


def write_archive(archive: Path, files: int, end_us: int) -> int:
    """Real files of all cameras; how many."""
    one = template(encode(2).video)
    count = 0
    for row in rows(files, end_us):
        path = archive / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.at(row.start_us))
        count += 1
    return count


def bare_rebuild(archive: Path) -> int:
    """Opens each file and reads its end, as anybody must who wants to know what is in it."""
    count = 0
    for path in archive.rglob("*.mp4"):
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            os.pread(file.fileno(), 64 << 10, max(0, size - (64 << 10)))
        count += 1
    return count


def measure_rebuild(folder: Path) -> dict[str, float]:
    """Our command `rebuild` in a process of its own: seconds and the process's memory at most, in MB."""
    command = [sys.executable, "-m", "safe_community_recorder", "rebuild"]
    command += ["--data", str(folder / "data"), "--archive", str(folder / "archive")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, log
    return {"s": time.perf_counter() - began, "MB": usage.ru_maxrss / 1024}
