"""Recording files in others' software: players, demuxers and readers of boxes meet what was put in."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from safe_community_recorder.media.clip import build_clip
from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.media.video import CodecName
from tests.recorder.footage import brightness_of, encode_sound, groups_of, recorded
from tests.recorder.recordings import AUDIO, T0, read


@dataclass(frozen=True)
class Kind:
    """A sort of recording file."""

    codec: CodecName
    b_frames: int = 0
    sound: bool = False
    durations_90k: tuple[int, ...] = (9_000,)
    closed: bool = True

    def groups(self) -> list[Group]:
        """Thirty pictures in three groups."""
        after_us = 5_000 if self.sound else None
        return groups_of(
            30, self.b_frames, self.codec, start_us=T0, durations_90k=self.durations_90k, sound_after_us=after_us
        )

    def write(self, path: Path) -> list[Group]:
        """Writes the file, torn in the middle of its last group unless it is closed; the groups that are in it."""
        groups = self.groups()
        data, known = recorded(groups, closed=self.closed)
        path.write_bytes(data if self.closed else data[: known.fragments[-1].data + 20])
        if not self.closed:
            # As a start after a crash leaves it.
            path.write_bytes(data[: read(path.read_bytes()).size])
        return groups if self.closed else groups[:-1]

    def __str__(self) -> str:
        sort = f"{self.codec}, {self.b_frames} B-frames" + (", sound" if self.sound else "")
        return sort + (", variable rate" if len(self.durations_90k) > 1 else "") + ("" if self.closed else ", torn")


VARIABLE = (9_000, 3_003, 45_000, 7_777, 90_000)
KINDS = [
    Kind(codec, b_frames, sound, durations, closed)
    for codec in ("h264", "h265")
    for b_frames, sound, durations, closed in (
        (0, False, (9_000,), True),
        (2, False, (9_000,), True),
        (2, True, (9_000,), True),
        (0, True, VARIABLE, True),
        (0, False, VARIABLE, False),
        (2, True, (9_000,), False),
    )
]


@dataclass(frozen=True)
class Shown:
    """A sample as a player meets it. Times in seconds from the beginning of the file."""

    at_s: float
    size: int
    is_key: bool


def pictures_put_in(groups: list[Group]) -> list[Shown]:
    """What a player has to meet, in decoding order."""
    shown = []
    delay_90k = groups[0].samples[0].offset_90k
    for group in groups:
        decoded_90k = (group.start_us - T0) * 9 // 100
        for number, sample in enumerate(group.samples):
            shown.append(Shown((decoded_90k + sample.offset_90k - delay_90k) / 90_000, len(sample.data), number == 0))
            decoded_90k += sample.duration_90k
    return shown


def sounds_put_in(groups: list[Group]) -> list[Shown]:
    """The same for sound."""
    heard = []
    for group in groups:
        if group.sound is not None and group.audio is not None:
            at_s = (group.sound.start_us - T0) / 1e6
            for sample in group.sound.samples:
                heard.append(Shown(at_s, len(sample.data), True))
                at_s += sample.duration / group.audio.sample_rate
    return heard


def agree(met: list[Shown], put_in: list[Shown], tick_s: float) -> None:
    """Sizes and keyframes are the same, times to a tick."""
    assert [(sample.size, sample.is_key) for sample in met] == [(sample.size, sample.is_key) for sample in put_in]
    assert [sample.at_s for sample in met] == pytest.approx([sample.at_s for sample in put_in], abs=tick_s)


def ffprobe(path: Path, kind: str) -> list[Shown]:
    """The packets of a track as ffprobe tells them; a warning is a failure."""
    command = ["ffprobe", "-v", "warning", "-select_streams", kind, "-show_entries", "packet=pts_time,size,flags"]
    done = subprocess.run([*command, "-of", "json", path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    packets = json.loads(done.stdout)["packets"]
    return [Shown(float(p["pts_time"]), int(p["size"]), p["flags"].startswith("K")) for p in packets]


def gstreamer(path: Path) -> dict[str, Any]:
    """The tracks as qtdemux tells them."""
    script = Path(__file__).with_name("gstreamer_reader.py")
    done = subprocess.run(["/usr/bin/python3", script, path], capture_output=True, text=True, check=True)
    tracks: dict[str, Any] = json.loads(done.stdout)
    return tracks


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_ffprobe_meets_every_sample_at_its_time_and_decodes_what_was_put_in(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "recording.mp4"
    groups = kind.write(path)
    agree(ffprobe(path, "v"), pictures_put_in(groups), 1.1 / 90_000)
    if kind.sound:
        agree(ffprobe(path, "a"), sounds_put_in(groups), 1.1 / AUDIO.sample_rate)
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    count = 10 * len(groups)
    levels = [float(frame.to_ndarray(format="yuv420p")[:48].mean()) for frame in decoded]
    assert levels == [pytest.approx(brightness_of(number), abs=2) for number in range(count)]
    assert decoded[0].time == 0
    times = [frame.time for frame in decoded]
    assert times == pytest.approx(sorted(shown.at_s for shown in pictures_put_in(groups)), abs=1.1 / 90_000)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gstreamer_meets_every_sample_at_its_time(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "recording.mp4"
    groups = kind.write(path)
    tracks = gstreamer(path)
    assert tracks.keys() == ({"video_0", "audio_0"} if kind.sound else {"video_0"})
    video = tracks["video_0"]
    assert video["caps"].startswith(
        "video/x-h264" if kind.codec == "h264" else "video/x-h265, stream-format=(string)hvc1"
    )
    assert "width=(int)64, height=(int)48" in video["caps"]
    met = [Shown(s["shown_ns"] / 1e9, s["size"], s["is_key"]) for s in video["samples"]]
    agree(met, pictures_put_in(groups), 1.1 / 90_000)
    if kind.sound:
        met = [Shown(s["shown_ns"] / 1e9, s["size"], is_key=True) for s in tracks["audio_0"]["samples"]]
        agree(met, sounds_put_in(groups), 1.1 / AUDIO.sample_rate)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_box_is_known_to_a_reader_that_knows_only_the_standard(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "recording.mp4"
    groups = kind.write(path)
    boxes = box_tree(path)
    assert sum(box["size"] for box in boxes) == path.stat().st_size
    kinds = [box["type"] for box in boxes]
    assert kinds == ["ftyp", "moov", *["prft", "moof", "mdat"] * len(groups), *["uuid", "mfra"] * kind.closed]
    moofs = [box for box in boxes if box["type"] == "moof"]
    for number, (moof, group) in enumerate(zip(moofs, groups, strict=True)):
        header, *tracks = moof["children"]
        assert (header["type"], header["properties"]["sequence_number"]) == ("mfhd", number + 1)
        assert len(tracks) == 1 + (group.sound is not None)
        shape = [[box["type"] for box in track["children"]] for track in tracks]
        assert shape == [["tfhd", "tfdt", "trun"]] * len(tracks)
        _, time, run = (box["properties"] for box in tracks[0]["children"])
        assert time["baseMediaDecodeTime"] == (group.start_us - T0) * 9 // 100
        assert run["sample_size"] == [len(sample.data) for sample in group.samples]
        assert run["sample_duration"] == [sample.duration_90k for sample in group.samples]
        assert (run["sample_composition_time_offset"] or [0] * 10) == [sample.offset_90k for sample in group.samples]
    if kind.closed:
        access = boxes[-1]["children"]
        assert [box["type"] for box in access] == ["tfra", "mfro"]
        assert access[0]["properties"]["moof_offset"] == moofs[0]["offset"]
        assert access[1]["properties"]["mfra_size"] == boxes[-1]["size"]


def box_tree(path: Path) -> list[dict[str, Any]]:
    """The boxes of a file as mp4analyzer tells them."""
    told_path = path.with_suffix(".json")
    command = [sys.executable, "-m", "mp4analyzer.cli", "-j", str(told_path), str(path)]
    subprocess.run(command, capture_output=True, check=True)
    boxes: list[dict[str, Any]] = json.loads(told_path.read_text(encoding="utf-8"))["boxes"]
    return boxes


def test_a_decoder_takes_the_sound_too(tmp_path: Path) -> None:
    path = tmp_path / "recording.mp4"
    Kind("h264", 0, sound=True).write(path)
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    _, frames = encode_sound()
    assert len(heard) <= len(frames) * 1_024
    spectrum = np.abs(np.fft.rfft(heard[1_024 : 1_024 + 16_000]))
    assert int(np.argmax(spectrum)) == 440


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_clip_of_a_file_with_sound_shows_its_pictures(tmp_path: Path, codec: CodecName) -> None:
    data, _ = recorded(groups_of(30, 2, codec, start_us=T0, sound_after_us=5_000), closed=True)
    clip = build_clip([("file", read(data))], T0 + 1_000_000, T0 + 2_000_000)
    content = clip.head + b"".join(data[part.offset : part.offset + part.size] for part in clip.parts)
    with av.open(io.BytesIO(content), "r") as container:
        assert len(container.streams.audio) == 1
        levels = [float(frame.to_ndarray(format="yuv420p")[:48].mean()) for frame in container.decode(video=0)]
    assert levels == [pytest.approx(brightness_of(number), abs=2) for number in range(10, 20)]
