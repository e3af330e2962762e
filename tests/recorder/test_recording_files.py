"""Recording files: samples come back as they were, whatever is cut off or wrong at the end; others' software agrees."""

import io
import json
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.media.audio import read_audio_config
from safe_community_recorder.media.boxes import walk
from safe_community_recorder.media.clip import build_clip
from safe_community_recorder.media.cmaf import (
    AudioSample,
    ClockSource,
    Fragment,
    Group,
    RecordingFile,
    Sample,
    Sound,
)
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.sample_table import closing_boxes
from safe_community_recorder.media.video import CodecName
from tests.recorder.footage import brightness_of, encode, encode_sound, groups_of, recorded

T0 = 1_795_330_489_123_456  # 2026-11-22, with odd microseconds
AUDIO = read_audio_config(b"\x14\x08")  # AAC LC, 16 kHz, mono


def read(data: bytes) -> RecordingFile:
    """Reads a file that lies in memory; a reader that asks beyond its ends is a defect."""

    def pread(position: int, count: int) -> bytes:
        assert position >= 0
        assert count >= 0
        assert position + count <= len(data)
        return data[position : position + count]

    return read_recording(pread, len(data))


def told(fragments: Sequence[Fragment]) -> list[dict[str, object]]:
    """Fragments as plain values, to be compared."""
    rows = []
    for fragment in fragments:
        row: dict[str, object] = {
            name: getattr(fragment, name) for name in ("utc_us", "base_90k", "start", "data", "end")
        }
        row["clock"] = fragment.clock
        for name in ("sizes", "durations", "offsets"):
            row[name] = getattr(fragment, name).tolist()
        if fragment.audio is not None:
            run = fragment.audio
            row["audio"] = (run.base, run.data, run.sizes.tolist(), run.durations.tolist())
        rows.append(row)
    return rows


def samples_in(data: bytes, position: int, sizes: Sequence[int]) -> list[bytes]:
    """The bytes of samples that lie side by side."""
    ends = position + np.cumsum(sizes)
    return [data[end - size : end] for end, size in zip(ends.tolist(), sizes, strict=True)]


pictures = st.builds(
    Sample,
    st.binary(min_size=1, max_size=60),
    st.integers(1, 2**32 - 1),
    st.one_of(st.just(0), st.integers(-(2**31), 2**31 - 1)),
)
frames = st.builds(AudioSample, st.binary(min_size=1, max_size=40), st.integers(1, 4_096))


@st.composite
def recordings(draw: st.DrawFn) -> list[Group]:
    """Groups of one file, with sound or without."""
    audio = draw(st.sampled_from((None, AUDIO)))
    start_us = draw(st.integers(0, 2**51))
    groups = []
    for _ in range(draw(st.integers(1, 5))):
        sound = None
        if audio is not None and draw(st.booleans()):
            sound = Sound(start_us + draw(st.integers(0, 10**7)), tuple(draw(st.lists(frames, min_size=1, max_size=5))))
        samples = tuple(draw(st.lists(pictures, min_size=1, max_size=8)))
        groups.append(Group(encode().video, start_us, samples, draw(st.sampled_from(ClockSource)), audio, sound))
        start_us += draw(st.integers(0, 10**8))
    return groups


@given(recordings(), st.booleans())
def test_any_samples_are_read_back_as_they_were(groups: list[Group], closed: bool) -> None:
    data, _ = recorded(groups, closed=closed)
    file = read(data)
    assert (file.video, file.audio, file.closed) == (groups[0].video, groups[0].audio, closed)
    for fragment, group in zip(file.fragments, groups, strict=True):
        assert (fragment.utc_us, fragment.clock) == (group.start_us, group.clock)
        assert fragment.base_90k == (group.start_us - groups[0].start_us) * 9 // 100
        assert fragment.durations.tolist() == [sample.duration_90k for sample in group.samples]
        assert fragment.offsets.tolist() == [sample.offset_90k for sample in group.samples]
        assert samples_in(data, fragment.data, fragment.sizes.tolist()) == [sample.data for sample in group.samples]
        assert (fragment.audio is None) == (group.sound is None)
        if fragment.audio is not None and group.sound is not None:
            run = fragment.audio
            assert run.durations.tolist() == [sample.duration for sample in group.sound.samples]
            assert samples_in(data, run.data, run.sizes.tolist()) == [sample.data for sample in group.sound.samples]
            between_s = run.base / AUDIO.sample_rate - fragment.base_90k / 90_000
            assert between_s == pytest.approx(
                (group.sound.start_us - group.start_us) / 1e6, abs=0.5 / AUDIO.sample_rate
            )


@given(recordings())
def test_writer_table_and_walk_tell_the_same(groups: list[Group]) -> None:
    open_data, known = recorded(groups)
    closed_data, _ = recorded(groups, closed=True)
    by_walk, by_table = read(open_data), read(closed_data)
    assert (by_walk.closed, by_table.closed) == (False, True)
    assert told(known.fragments) == told(by_walk.fragments) == told(by_table.fragments)
    assert known.size == by_walk.size == by_table.size == len(open_data)
    assert closing_boxes(by_walk) == closing_boxes(by_table) == closed_data[len(open_data) :]


@pytest.mark.parametrize("closed", [False, True])
def test_sound_that_begins_before_the_file_is_read_as_such(closed: bool) -> None:
    samples = groups_of(10)[0].samples
    early = Sound(T0 - 1_000, (AudioSample(b"early", 1_024), AudioSample(b"later", 1_024)))
    data, file = recorded([Group(encode().video, T0, samples, audio=AUDIO, sound=early)], closed=closed)
    assert told(read(data).fragments) == told(file.fragments)
    assert (read(data).lead, file.lead) == (16, 16)
    run = file.fragments[0].audio
    assert run is not None
    assert (run.base, run.sizes.tolist()) == (-16, [5, 5])


SMALL = groups_of(30, 2, sound_after_us=5_000, start_us=T0)


def test_a_file_cut_at_any_byte_of_its_last_fragments_or_its_end_loses_at_most_the_last_fragment() -> None:
    whole, known = recorded(SMALL, closed=True)
    ends = [fragment.end for fragment in known.fragments]
    for cut in range(ends[-3], len(whole)):
        torn = read(whole[:cut])
        expected = known.fragments[: sum(end <= cut for end in ends)]
        assert not torn.closed
        assert torn.size == expected[-1].end
        assert told(torn.fragments) == told(expected)


@pytest.mark.parametrize("repaired", [False, True])
@settings(max_examples=600)
@given(data=st.data())
def test_wrong_bytes_in_the_closing_boxes_never_lead_astray(repaired: bool, data: st.DataObject) -> None:
    whole, known = recorded(SMALL, closed=True)
    wrong = bytearray(whole)
    flips = st.tuples(st.integers(known.size, len(whole) - 1), st.integers(1, 255))
    for position, change in data.draw(st.lists(flips, min_size=1, max_size=4)):
        wrong[position] ^= change
    if repaired:
        # As if somebody had meant it: the checksum is right again, so that only the other checks are left.
        table = next(header for header in walk(whole, known.size) if header.kind == b"uuid")
        wrong[table.end - 8 : table.end - 4] = zlib.crc32(wrong[table.start : table.end - 8]).to_bytes(4)
    file = read(bytes(wrong))
    assert file.size == known.size
    positions = [(f.start, f.data, f.end, f.sizes.tolist()) for f in file.fragments]
    assert all(
        known.fragments[0].start <= start < position <= end <= known.size for start, position, end, _ in positions
    )
    if not (repaired and file.closed):
        assert told(file.fragments) == told(known.fragments)


@given(st.binary(max_size=400))
def test_garbage_instead_of_closing_boxes_is_left_out(garbage: bytes) -> None:
    whole, known = recorded(SMALL)
    assert told(read(whole + garbage).fragments) == told(known.fragments)


def test_the_table_of_another_file_is_not_believed() -> None:
    whole, known = recorded(SMALL, closed=True)
    later = [*SMALL[:-1], SMALL[-1]]
    others = [Group(g.video, g.start_us + 1_000_000, g.samples, g.clock, g.audio, g.sound) for g in later]
    other, _ = recorded(others, closed=True)
    mixed = whole[: known.size] + other[known.size :]
    file = read(mixed)
    assert not file.closed
    assert told(file.fragments) == told(known.fragments)


def five_minutes() -> list[Group]:
    """25 pictures a second, a keyframe every 2 s, sizes as a camera makes them."""
    rng = np.random.default_rng(1)
    start_us = T0
    groups = []
    for _ in range(150):
        sizes = [60_000, *rng.integers(2_000, 12_000, 49).tolist()]
        # The bytes themselves are of no matter here; small ones keep the test small.
        samples = tuple(Sample(bytes(size // 40), 3_600, 0) for size in sizes)
        groups.append(Group(encode().video, start_us, samples))
        start_us += 2_000_000
    return groups


def test_a_closed_file_of_five_minutes_is_opened_by_two_reads() -> None:
    groups = five_minutes()
    counts = {}
    for closed in (False, True):
        data, known = recorded(groups, closed=closed)
        reads: list[int] = []

        def pread(position: int, count: int, data: bytes = data, reads: list[int] = reads) -> bytes:
            reads.append(count)
            return data[position : position + count]

        file = read_recording(pread, len(data))
        assert told(file.fragments) == told(known.fragments)
        counts[closed] = len(reads)
        assert sum(reads) < (1 << 20)
    assert counts[True] == 2
    assert counts[False] > 150


def test_the_table_costs_three_bytes_a_picture() -> None:
    data, known = recorded(five_minutes(), closed=True)
    assert len(data) - known.size < 7_500 * 3 + 150 * 40


# --- others' software -------------------------------------------------------------------------------------------------


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
