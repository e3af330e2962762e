"""Recording files: samples come back as they were, whatever is cut off or wrong at the end."""

import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.media.boxes import walk
from safe_community_recorder.media.cmaf import (
    AudioSample,
    ClockSource,
    Fragment,
    Group,
    Sample,
    Sound,
)
from safe_community_recorder.media.reading import read_recording
from safe_community_recorder.media.sample_table import closing_boxes
from tests.recorder.footage import encode, groups_of, recorded
from tests.recorder.recordings import AUDIO, T0, read


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
