"""Whatever a camera sends, a parser raises no error but its own, ends, and does not work ever more for each byte."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.interleaved import Interleaved
from safe_community_recorder.media.bits import BitstreamError
from safe_community_recorder.media.codec import CODECS, H264, Codec, ParameterSets
from tests.fuzz.targets import TARGETS, Target
from tests.recorder.descriptions import SETS

ALL = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
SIZE_BYTES = 4_000
MOST_WORK = 200
PIECES = (
    b" ",
    b"\0",
    b"\xff",
    b"\x80",
    b"=",
    b",",
    b'"',
    b"\\",
    b";",
    b"$",
    b"\n",
    b"\r\n ",
    b"a",
    b"a=b,",
    b"\0\0\1g",
)


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, in which pieces are replaced, left out, put in, repeated and cut off."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 6))):
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        match draw(st.sampled_from(("replace", "repeat", "move", "cut"))):
            case "replace":
                data = data[:begin] + draw(st.binary(max_size=8)) + data[begin + draw(st.integers(0, 8)) :]
            case "repeat":
                data = data[:end] + data[begin : begin + 200] * draw(st.integers(1, 5)) + data[end:]
            case "move":
                data = data[:begin] + data[end:] + data[begin:end]
            case "cut":
                data = data[:end]
    return data


def grown(seed: bytes, size: int) -> list[bytes]:
    """The seed grown to so many bytes: by pieces in its middle and at its end, and by itself."""
    middle = len(seed) // 2
    count = size - len(seed)
    inputs = [seed[:at] + (piece * (count // len(piece))) + seed[at:] for piece in PIECES for at in (middle, len(seed))]
    return [*inputs, seed * (size // len(seed))]


def work(run: Callable[[], object]) -> int:
    """How many instructions of Python this takes."""
    counted = 0

    def count(_code: object, _offset: int) -> None:
        nonlocal counted
        counted += 1

    monitoring = sys.monitoring
    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, "work")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, count)
    monitoring.set_events(tool, monitoring.events.INSTRUCTION)
    try:
        run()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return counted


@ALL
def test_what_a_parser_is_begun_with_makes_sense_to_it(target: Target) -> None:
    assert any(target.check(seed) for seed in target.seeds)


@ALL
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(target: Target, data: bytes) -> None:
    target.check(data)


@ALL
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bytes_that_nearly_make_sense_are_read_or_refused(target: Target, data: st.DataObject) -> None:
    target.check(data.draw(mutated(target.seeds)))


@ALL
def test_the_work_for_each_byte_has_a_limit(target: Target) -> None:
    seed = min(target.seeds, key=len)
    for data in grown(seed, len(seed) + SIZE_BYTES):
        assert work(partial(target.check, data)) < MOST_WORK * len(data), data[:100]


@ALL
def test_a_megabyte_is_read_or_refused_in_seconds(target: Target) -> None:
    # Not a measurement: what is quadratic, also in C, takes minutes or hours.
    for data in grown(min(target.seeds, key=len), 1 << 20):
        began = time.process_time()
        target.check(data)
        assert time.process_time() - began < 10, data[:100]


@given(st.sampled_from(TARGETS["h264_connection"].seeds), st.data())
def test_how_the_bytes_of_a_connection_are_cut_makes_no_difference(seed: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seed)), max_size=12)))

    def taken(cuts: Sequence[int]) -> list[object]:
        found: list[object] = []
        connection = Interleaved(
            {channel: partial(take, found, channel) for channel in (0, 1)}, found.append, partial(take, found)
        )
        for begin, end in pairwise([0, *cuts, len(seed)]):
            connection.feed(seed[begin:end])
        return found

    assert taken(cuts) == taken([])


def take(found: list[object], channel: int, data: bytes, start: int, end: int) -> None:
    found.append((channel, data[start:end]))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
def test_parameter_sets_are_no_larger_and_no_more_than_a_record_holds(codec: Codec) -> None:
    sets = ParameterSets(codec)
    sets.take(SETS[codec.name])
    with pytest.raises(BitstreamError, match="bytes"):
        sets.take([SETS[codec.name][-1] + bytes(1 << 16)])
    # A picture parameter set begins with its number, an Exp-Golomb code.
    head = SETS[codec.name][-1][: 1 if codec is H264 else 2]
    with pytest.raises(BitstreamError, match="more than"):
        sets.take(head + code.to_bytes(2) + b"\x80" for code in range(1 << 8, 1 << 16, 64))
    assert sets.video is not None
    assert codec.read_record(codec.write_record(sets.video.parameter_sets)) == sets.video.parameter_sets
