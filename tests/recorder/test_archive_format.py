"""docs/archive-format.md describes recording files as they are: its bytes are ours, and its program reads them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from safe_community_recorder.archive.activity import ActivitySecond, encode
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.media.audio import read_audio_config
from safe_community_recorder.media.cmaf import AudioSample, ClockSource, Group, Sample, Sound
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.sample_table import TABLE_UUID
from safe_community_recorder.media.video import VideoFormat, length_prefixed
from tests.recorder.footage import recorded

DOCUMENT = (Path(__file__).parents[2] / "docs" / "archive-format.md").read_text(encoding="utf-8")

T0 = 1_795_330_489_250_000  # 2026-11-22T06:54:49.25Z
SPS = bytes.fromhex("674d400aeca23d08000003000800000300a078912cb0")
PPS = bytes.fromhex("68ce0fc8")
VIDEO = VideoFormat("h264", 64, 48, (SPS, PPS))
AUDIO = read_audio_config(bytes.fromhex("1408"))


def picture(name: str, offset_90k: int) -> Sample:
    """A NAL unit with a name instead of a picture, for 1/25 s."""
    return Sample(length_prefixed([name.encode()]), 3_600, offset_90k)


def example() -> bytes:
    """The file of the document: two fragments, B-frames and sound in the first."""
    sound = Sound(T0 + 10_000, (AudioSample(b"la", 1_024), AudioSample(b"li", 1_024)))
    first = (picture("I0", 3_600), picture("P2", 7_200), picture("B1", 0))
    groups = [
        Group(VIDEO, T0, first, ClockSource.SENDER_REPORT, AUDIO, sound),
        Group(VIDEO, T0 + 120_000, (picture("I3", 3_600),), ClockSource.ARRIVAL, AUDIO),
    ]
    data, _ = recorded(groups, closed=True)
    return data


def block(language: str) -> str:
    """The document's only block of code in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


def test_the_bytes_in_the_document_are_those_that_are_written() -> None:
    described = bytearray()
    for line in block("text").splitlines():
        found = re.fullmatch(r"([0-9a-f]{4})  ((?:[0-9a-f]{2} )+) *\S.*", line)
        assert found is not None, line
        assert int(found[1], 16) == len(described), line
        described += bytes.fromhex(found[2])
    assert bytes(described) == example()


def test_the_program_in_the_document_reads_the_file(tmp_path: Path) -> None:
    program, file = tmp_path / "read.py", tmp_path / "example.mp4"
    program.write_text(block("python"), encoding="utf-8")
    data = example()
    file.write_bytes(data)
    done = subprocess.run([sys.executable, "-I", program, file], capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:3] for line in lines] == [
        ["2026-11-22T06:54:49.250000+00:00", "track", "1"],
        ["2026-11-22T06:54:49.330000+00:00", "track", "1"],
        ["2026-11-22T06:54:49.290000+00:00", "track", "1"],
        ["2026-11-22T06:54:49.260000+00:00", "track", "2"],
        ["2026-11-22T06:54:49.324000+00:00", "track", "2"],
        ["2026-11-22T06:54:49.370000+00:00", "track", "1"],
    ]
    names = [data[int(position) : int(position) + int(size)] for *_, size, position in lines]
    assert [name.removeprefix(b"\0\0\0\x02") for name in names] == [b"I0", b"P2", b"B1", b"la", b"li", b"I3"]
    assert read_recording(lambda at, count: data[at : at + count], len(data)).closed


def test_the_document_names_the_table_and_the_paths() -> None:
    assert str(TABLE_UUID) in DOCUMENT
    assert relative_path("stop", T0) in DOCUMENT


def activity(at_s: int, *places: tuple[int, int]) -> ActivitySecond:
    """A second in which something moved in these blocks."""
    blocks = np.zeros((22, 40), dtype=np.bool_)
    for row, column in places:
        blocks[row, column] = True
    return ActivitySecond(at_s, float(blocks.mean()), blocks)


def test_the_record_in_the_document_is_the_one_that_is_written() -> None:
    described = bytearray()
    for line in block("hexdump").splitlines():
        found = re.fullmatch(r"([0-9a-f]{4})  ((?:[0-9a-f]{2} )+) *\S.*", line)
        assert found is not None, line
        assert int(found[1], 16) == len(described), line
        described += bytes.fromhex(found[2])
    ((_, written),) = encode([activity(T0 // 1_000_000 + n) for n in range(11)])
    assert bytes(described) == written


def test_the_program_for_activity_in_the_document_reads_the_file(tmp_path: Path) -> None:
    program, file = tmp_path / "read.py", tmp_path / "activity.bin"
    program.write_text(block("py"), encoding="utf-8")
    start_s = T0 // 1_000_000
    seconds = [activity(start_s), activity(start_s + 1, (21, 39)), activity(start_s + 3, (0, 0), (21, 39))]
    records = [record for batch in (seconds, [activity(start_s + 9)]) for _, record in encode(batch)]
    file.write_bytes(b"".join([records[0], b"\x89SCA torn", records[1], records[0][:-1]]))
    run = subprocess.run([sys.executable, program, file], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "2026-11-22T06:54:49+00:00 0.00000 []",
        "2026-11-22T06:54:50+00:00 0.00113 [(21, 39)]",
        "2026-11-22T06:54:52+00:00 0.00227 [(0, 0), (21, 39)]",
        "2026-11-22T06:54:58+00:00 0.00000 []",
    ]
