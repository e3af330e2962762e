"""RTCP: what cameras report of their clocks, and what is reported to them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.rtcp import Bye, RtcpError, SenderReport, parse_rtcp, receiver_report
from safe_community_recorder.media.cmaf import from_ntp, to_ntp

u32 = st.integers(0, (1 << 32) - 1)
NOW_US = 1_795_330_489_500_000
REPORT = SenderReport(0x66426AE1, to_ntp(NOW_US), 0x852EF807, 2_769_715, 793_523_229)


def packet(kind: int, body: bytes, count: int = 0, padding: int = 0) -> bytes:
    padded = body + bytes(padding - 1) + bytes([padding]) if padding else body
    return struct.pack(">BBH", 0x80 | bool(padding) << 5 | count, kind, len(padded) // 4) + padded


def sender_report(report: SenderReport, blocks: int = 0, padding: int = 0) -> bytes:
    info = struct.pack(">IQIII", report.ssrc, report.ntp, report.rtp_timestamp, report.packets, report.octets)
    return packet(200, info + bytes(24) * blocks, blocks, padding)


SDES = packet(202, struct.pack(">IBB6s", REPORT.ssrc, 1, 6, b"(none)") + bytes(4), 1)


@given(st.builds(SenderReport, u32, st.integers(0, (1 << 64) - 1), u32, u32, u32), st.integers(0, 3))
def test_a_sender_report_is_read_with_whatever_follows_it(report: SenderReport, blocks: int) -> None:
    assert parse_rtcp(sender_report(report, blocks) + SDES) == [report]


def test_a_sender_report_tells_the_cameras_clock() -> None:
    (report,) = parse_rtcp(sender_report(REPORT))
    assert isinstance(report, SenderReport)
    assert from_ntp(report.ntp) == NOW_US
    assert report.short_ntp == (to_ntp(NOW_US) >> 16) % (1 << 32)


def test_padding_is_left_out() -> None:
    assert parse_rtcp(SDES + sender_report(REPORT, padding=8)) == [REPORT]
    assert parse_rtcp(packet(203, REPORT.ssrc.to_bytes(4), 1, padding=4)) == [Bye((REPORT.ssrc,))]


def test_a_goodbye_names_what_ends() -> None:
    reason = b"\x05reset\0\0"
    assert parse_rtcp(sender_report(REPORT) + packet(203, struct.pack(">II", 1, 2) + reason, 2)) == [
        REPORT,
        Bye((1, 2)),
    ]
    assert parse_rtcp(packet(203, b"")) == [Bye(())]


def test_what_is_of_no_use_is_left_out() -> None:
    others = packet(201, bytes(28), 1) + packet(204, b"\0\0\0\1abcdefgh") + packet(205, bytes(8), 1)
    assert parse_rtcp(others) == []
    assert parse_rtcp(b"") == []


BROKEN = {
    "cut short": sender_report(REPORT)[:-1],
    "no head": b"\x80\xc8",
    "another version": b"\x40" + sender_report(REPORT)[1:],
    "too short for a report": packet(200, bytes(20)),
    "more padding than bytes": packet(200, bytes(27) + b"\xff").replace(b"\x80\xc8", b"\xa0\xc8"),
    "padding into the report": sender_report(REPORT, padding=8)[:-1] + b"\x0c",
    "sources that are not there": packet(203, bytes(4), 2),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_refused_but_not_what_came_before_it(broken: bytes) -> None:
    with pytest.raises(RtcpError):
        parse_rtcp(broken)
    assert parse_rtcp(sender_report(REPORT) + broken) == [REPORT]


def test_a_receiver_report_has_the_layout_of_rfc_3550() -> None:
    data = receiver_report(0x11223344, REPORT.ssrc, 64, 300, 0x00021234, 90, REPORT.short_ntp, 65_536)
    assert parse_rtcp(data) == []
    first, kind, words, own, source, lost, highest, jitter, last, delay = struct.unpack_from(">BBHIIIIIII", data)
    assert (first, kind, words) == (0x81, 201, 7)
    assert (own, source, highest, jitter) == (0x11223344, REPORT.ssrc, 0x00021234, 90)
    assert (lost, last, delay) == (64 << 24 | 300, REPORT.short_ntp, 65_536)
    first, kind, words, own, item, size = struct.unpack_from(">BBHIBB", data, 32)
    assert (first, kind, own, item) == (0x81, 202, 0x11223344, 1)
    assert len(data) == 32 + 4 * (words + 1)
    assert data[42 : 42 + size] == b"11223344"
    assert set(data[42 + size :]) == {0}


@given(u32, u32, st.tuples(*[st.integers(-(1 << 33), 1 << 33)] * 6))
def test_a_receiver_report_is_whole_whatever_was_counted(
    own: int, source: int, counted: tuple[int, int, int, int, int, int]
) -> None:
    data = receiver_report(own, source, *counted)
    assert len(data) % 4 == 0
    assert parse_rtcp(data + sender_report(REPORT)) == [REPORT]


def test_duplicates_are_less_than_no_loss() -> None:
    data = receiver_report(1, 2, 0, -1, 0, 0, 0, 0)
    assert data[12:16] == b"\x00\xff\xff\xff"
