"""AAC in RTP: the layouts of RFC 3640, frames over several packets, and what is broken."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.aac import AacPackets, HeaderSizes, header_sizes
from safe_community_recorder.media.audio import read_audio_config
from safe_community_recorder.media.bits import BitstreamError

AUDIO = read_audio_config(b"\x14\x08")  # AAC LC, 16 kHz, mono
HBR = HeaderSizes(13, 3, 3)
LBR = HeaderSizes(6, 2, 2)
FRAME_90K = 1_024 * 90_000 // 16_000
frames = st.lists(st.binary(min_size=1, max_size=60).filter(lambda frame: frame[0] != 0xFF), min_size=1, max_size=12)


def payload(
    data: Sequence[bytes], sizes: HeaderSizes = HBR, *, whole: int | None = None, indices: Sequence[int] = ()
) -> bytes:
    """A packet of these frames; of one piece of a frame of `whole` bytes."""
    value = count = 0
    for number, frame in enumerate(data):
        index_bits = sizes.index_delta if number else sizes.index
        index = indices[number] if indices else 0
        value = value << sizes.size + index_bits | (whole or len(frame)) << index_bits | index
        count += sizes.size + index_bits
    padding = -count % 8
    return count.to_bytes(2) + (value << padding).to_bytes((count + padding) // 8) + b"".join(data)


def packets(sizes: HeaderSizes = HBR) -> AacPackets:
    return AacPackets(AUDIO, 16_000, sizes)


@pytest.mark.parametrize("sizes", [HBR, LBR, HeaderSizes(16, 0, 0), HeaderSizes(9, 5, 2)])
@given(data=frames)
def test_the_frames_of_a_packet_come_one_after_the_other(sizes: HeaderSizes, data: list[bytes]) -> None:
    sound = packets(sizes)
    units = sound.take(payload(data, sizes), 16_000)
    assert [unit.data for unit in units] == data
    assert [unit.pts_90k for unit in units] == [90_000 + FRAME_90K * number for number in range(len(data))]
    assert sound.dropped == 0


@given(st.binary(min_size=2, max_size=8_191).filter(lambda frame: frame[0] != 0xFF), st.data())
def test_a_frame_over_several_packets_is_put_together(frame: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(frame) - 1), min_size=1, max_size=5)))
    pieces = [frame[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(frame)], strict=True)]
    sound = packets()
    units = [unit for piece in pieces for unit in sound.take(payload([piece], whole=len(frame)), 3_200)]
    assert [(unit.data, unit.pts_90k) for unit in units] == [(frame, 18_000)]
    assert [unit.data for unit in sound.take(payload([b"next"]), 4_224)] == [b"next"]
    assert sound.dropped == 0


def test_a_frame_that_is_not_completed_is_dropped() -> None:
    sound = packets()
    assert sound.take(payload([b"begin"], whole=10), 0) == []
    assert [unit.data for unit in sound.take(payload([b"next"]), 1_024)] == [b"next"]
    assert sound.take(payload([b"begin"], whole=10), 2_048) == []
    sound.lost()
    assert sound.take(payload([b"ended"], whole=10), 2_048) == []
    assert [unit.data for unit in sound.take(payload([b"a", b"b"]), 3_072)] == [b"a", b"b"]
    assert sound.dropped == 3


def test_of_a_packet_cut_short_the_whole_frames_are_taken() -> None:
    sound = packets()
    assert [unit.data for unit in sound.take(payload([b"one", b"two", b"three"])[:-1], 0)] == [b"one", b"two"]
    assert sound.dropped == 1


@pytest.mark.parametrize(
    "broken",
    [b"", b"\0", b"\0\x10", b"\0\0", b"\0\x08\x10", b"\xff\xff\x10\x00", payload([b""]), payload([b"a", b""])[:-1]],
)
def test_broken_headers_are_counted_and_give_nothing(broken: bytes) -> None:
    sound = packets()
    assert sound.take(broken, 0) == []
    assert sound.dropped >= 1
    assert [unit.data for unit in sound.take(payload([b"next"]), 1_024)] == [b"next"]


def test_interleaved_frames_are_refused_and_a_counting_index_is_not() -> None:
    sound = packets()
    assert sound.take(payload([b"a", b"b"], indices=[0, 1]), 0) == []
    assert sound.dropped == 1
    assert [unit.data for unit in sound.take(payload([b"a"], indices=[5]), 0)] == [b"a"]


def test_the_clock_of_the_stream_may_run_at_another_rate_than_the_frames() -> None:
    sound = AacPackets(AUDIO, 90_000, HBR)
    assert [unit.pts_90k for unit in sound.take(payload([b"a", b"b"]), 1_234)] == [1_234, 1_234 + FRAME_90K]


def test_an_adts_header_left_in_a_frame_is_taken_off() -> None:
    adts = bytes((0xFF, 0xF1, 1 << 6 | 8 << 2, 1 << 6, (7 + 5) >> 3, (7 + 5 & 7) << 5 | 0x1F, 0xFC))
    assert [unit.data for unit in packets().take(payload([adts + b"frame"]), 0)] == [b"frame"]
    assert [unit.data for unit in packets().take(payload([adts + b"fra"]), 0)] == [adts + b"fra"]


@given(st.lists(st.tuples(st.binary(max_size=64), st.integers(0, 1 << 40)), max_size=30))
def test_whatever_comes_no_more_than_a_frame_is_kept(arrived: list[tuple[bytes, int]]) -> None:
    sound = packets()
    received = sum(len(unit.data) for data, time in arrived for unit in sound.take(data, time))
    assert received <= sum(len(data) for data, _ in arrived)


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        ({"mode": "AAC-hbr", "sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}, HBR),
        ({"mode": "AAC-lbr"}, LBR),
        ({"config": "1408"}, HBR),
        ({"mode": "generic", "sizelength": "16", "indexlength": "0", "indexdeltalength": "0"}, HeaderSizes(16, 0, 0)),
        ({"mode": "AAC-hbr", "sizelength": "thirteen", "ctsdeltalength": "0"}, HBR),
    ],
)
def test_the_layout_is_that_of_the_description(fmtp: dict[str, str], expected: HeaderSizes) -> None:
    assert header_sizes(fmtp) == expected


@pytest.mark.parametrize(
    "fmtp", [{"sizelength": "0"}, {"sizelength": "17"}, {"ctsdeltalength": "4"}, {"constantsize": "9"}]
)
def test_other_layouts_are_refused(fmtp: dict[str, str]) -> None:
    with pytest.raises(BitstreamError):
        header_sizes(fmtp)
