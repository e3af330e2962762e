"""Session descriptions in the manner of real cameras, and the URLs made of them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.sdp import Description, Media, SdpError, aac_config, parameter_sets, parse_sdp
from safe_community_recorder.ingest.rtsp.url import base_url, control_url, request_url
from safe_community_recorder.media.codec import CODECS, ParameterSets
from safe_community_recorder.media.video import START_CODE, CodecName
from tests.recorder.descriptions import (
    AXIS,
    DAHUA,
    HIKVISION,
    PPS,
    PPS_H265,
    REOLINK,
    SETS,
    SPS,
    SPS_H265,
    TP_LINK,
    UNIVIEW,
    VPS,
)
from tests.recorder.footage import encode


def described(text: str) -> Description:
    return parse_sdp(text.replace("\n", "\r\n").encode())


def video_of(*lines: str) -> Media:
    (media,) = described("m=video 0 RTP/AVP 96\n" + "\n".join(lines)).media
    return media


def streams(description: Description) -> list[tuple[str, str, int]]:
    return [(each.kind, each.encoding, each.clock_rate) for each in description.media]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HIKVISION, [("video", "H264", 90_000), ("audio", "MPEG4-GENERIC", 16_000)]),
        (AXIS, [("video", "H264", 90_000)]),
        (REOLINK, [("video", "H264", 90_000), ("audio", "MPEG4-GENERIC", 16_000)]),
        (UNIVIEW, [("video", "H264", 90_000), ("application", "VND.ONVIF.METADATA", 90_000)]),
        (
            TP_LINK,
            [("video", "H265", 90_000), ("audio", "PCMA", 8_000), ("application/tp-link", "TP-LINK", 90_000)],
        ),
        (
            DAHUA,
            [
                ("video", "H265", 90_000),
                ("audio", "PCMA", 8_000),
                ("application", "VND.ONVIF.METADATA", 90_000),
                ("audio", "PCMA", 8_000),
            ],
        ),
    ],
    ids=["Hikvision", "Axis", "Reolink", "Uniview", "TP-Link", "Dahua"],
)
def test_what_cameras_offer_is_understood(text: str, expected: list[tuple[str, str, int]]) -> None:
    description = described(text)
    assert streams(description) == expected
    codec: CodecName = "h265" if description.media[0].encoding == "H265" else "h264"
    sets = ParameterSets(CODECS[codec])
    sets.take(parameter_sets(description.media[0]))
    assert sets.video == encode(1, codec=codec).video
    # Line ends, what is missing at the beginning, and what comes behind the end make no difference.
    streams_only = text[text.index("m=") :]
    for variant in (text, text.rstrip(), text.replace("\n", "\r"), text + "\0\xb4m=video 0 RTP/AVP 33"):
        assert parse_sdp(variant.encode("latin-1")) == description
    assert described(streams_only).media == description.media


def test_sound_has_its_configuration() -> None:
    assert [aac_config(each) for each in described(HIKVISION).media] == [None, b"\x14\x08"]
    assert described(HIKVISION).media[1].fmtp["sizelength"] == "13"
    assert [aac_config(each) for each in described(DAHUA).media] == [None] * 4


@pytest.mark.parametrize("config", ["", "140", "zz", "14 0x"])
def test_a_configuration_that_is_none_is_left_out(config: str) -> None:
    sound = f"m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\na=fmtp:97 config={config};mode=AAC-hbr"
    assert aac_config(described(sound).media[0]) is None


def test_the_way_back_to_the_loudspeaker_is_not_taken() -> None:
    assert [each.is_sent for each in described(DAHUA).media] == [True, True, True, False]
    inherited = described("a=sendonly\nm=audio 0 RTP/AVP 0\nm=audio 0 RTP/AVP 8\na=recvonly")
    assert [each.is_sent for each in inherited.media] == [False, True]
    assert not described("m=audio 0 RTP/AVP 0\na=inactive").media[0].is_sent


def test_who_calls_its_own_pictures_sendonly_means_its_own_side() -> None:
    offered = described("a=sendonly\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 0")
    assert [each.is_sent for each in offered.media] == [True, True]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=rtpmap:96 h264/90000 ", ("H264", 90_000, 1)),
        ("a=rtpmap:96 HEVC/90000", ("H265", 90_000, 1)),
        ("a=rtpmap:96 H264", ("H264", 90_000, 1)),
        ("a=rtpmap:96 H264/0", ("H264", 90_000, 1)),
        ("a=RTPMAP: 96 JPEG/90000", ("JPEG", 90_000, 1)),
        ("a=rtpmap:97 H264/90000", ("", 90_000, 1)),
        (f"a=fmtp:96 sprop-parameter-sets={SPS},{PPS}", ("H264", 90_000, 1)),
        (f"a=fmtp:96 sprop-vps={VPS};sprop-sps={SPS_H265}", ("H265", 90_000, 1)),
        ("a=fmtp:96", ("", 90_000, 1)),
        ("a=rtpmap", ("", 90_000, 1)),
    ],
)
def test_the_encoding_is_what_is_known_of_it(line: str, expected: tuple[str, int, int]) -> None:
    media = video_of(line)
    assert (media.encoding, media.clock_rate, media.channels) == expected


@pytest.mark.parametrize(
    ("text", "number", "encoding", "channels"),
    [
        ("m=video 0 RTP/AVP 97 96\na=rtpmap:96 H264/90000", 96, "H264", 1),
        ("m=video 0 RTP/AVP\na=rtpmap:96 H264/90000", 96, "H264", 1),
        ("m=video RTP/AVP 96\na=rtpmap:96 H264/90000", 96, "H264", 1),
        ("m=video 554/2 RTP/SAVPF 96 97", 96, "", 1),
        ("m=video 0 RAW/RAW/UDP 33\nm=video 0 TCP/RTP/AVP 26", 26, "JPEG", 1),
        ("m=audio 0 RTP/AVP 0\na=rtpmap:0 MPEG4-GENERIC/16000/2", 0, "MPEG4-GENERIC", 2),
        ("m=audio 0 RTP/AVP 10", 10, "L16", 2),
    ],
)
def test_of_several_payload_types_the_first_that_is_known_is_taken(
    text: str, number: int, encoding: str, channels: int
) -> None:
    (media,) = described(text).media
    assert (media.payload_type, media.encoding, media.channels) == (number, encoding, channels)


def test_parameters_below_another_stream_are_found() -> None:
    offered = described(
        f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
        f"m=audio 0 RTP/AVP 8\na=fmtp:96 sprop-parameter-sets={SPS},{PPS}\na=fmtp:8 x=1"
    )
    assert parameter_sets(offered.media[0]) == SETS["h264"]
    assert offered.media[1].fmtp == {"x": "1"}


def test_a_stream_that_is_described_twice_is_there_once() -> None:
    assert described(DAHUA + DAHUA) == described(DAHUA)
    assert described(DAHUA + DAHUA[DAHUA.index("m=") :]) == described(DAHUA)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a=framerate:25"], 25.0),
        (["a=framerate:12.5", "a=framerate:0S"], 12.5),
        (["a=framerate:0"], None),
        (["a=framerate:nan"], None),
        (["a=x-framerate: 12"], None),
    ],
)
def test_the_frame_rate_is_told_if_it_makes_sense(lines: list[str], expected: float | None) -> None:
    assert video_of(*lines).framerate == expected


@pytest.mark.parametrize(
    "data", [b"", b"v=0\r\ns=-\r\n", b"m=", b"m=video 0 RTP/AVP", b"\0" + DAHUA.encode(), b"<html>"]
)
def test_what_offers_no_stream_is_refused(data: bytes) -> None:
    with pytest.raises(SdpError, match="without a stream"):
        parse_sdp(data)


@pytest.mark.parametrize(
    "written",
    [
        f"packetization-mode=1;sprop-parameter-sets={SPS},{PPS}",
        f"PACKETIZATION-MODE=1 ; Sprop-Parameter-Sets = {SPS},{PPS},;",
        f"packetization-mode=1 sprop-parameter-sets={SPS}, {PPS} x=1",
        f"sprop-parameter-sets={SPS.rstrip('=')},{PPS.rstrip('=')}",
        f'sprop-parameter-sets="{SPS},{PPS}"',
        f"sprop-parameter-sets={SPS},{PPS},{PPS}",
        f"sprop-parameter-sets={SPS},AAAA,a,{PPS}, Z0IA",
        f"sprop-parameter-sets={SPS.replace('/', '_').replace('+', '-')},{PPS.replace('/', '_').replace('+', '-')}",
        "sprop-parameter-sets=" + base64.b64encode(b"".join(START_CODE + nal for nal in SETS["h264"])).decode(),
        "sprop-parameter-sets=" + base64.b64encode(START_CODE.join(SETS["h264"]) + bytes(2)).decode(),
    ],
)
def test_parameter_sets_are_found_however_they_are_written(written: str) -> None:
    assert parameter_sets(video_of("a=rtpmap:96 H264/90000", f"a=fmtp:96 {written}")) == SETS["h264"]


def test_a_broken_parameter_set_is_left_out_and_the_others_are_not() -> None:
    cut = base64.b64encode(SETS["h265"][1][:9]).decode()
    media = video_of("a=rtpmap:96 H265/90000", f"a=fmtp:96 sprop-vps={VPS};sprop-sps={cut};sprop-pps={PPS_H265}")
    assert parameter_sets(media) == (SETS["h265"][0], SETS["h265"][2])
    assert parameter_sets(video_of("a=rtpmap:96 JPEG/90000", f"a=fmtp:96 sprop-parameter-sets={SPS}")) == ()


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/stream/", "trackID=1", "rtsp://h/stream/trackID=1"),
        ("rtsp://h/stream", "trackID=1", "rtsp://h/stream/trackID=1"),
        ("rtsp://h/stream/", "/trackID=1", "rtsp://h/stream/trackID=1"),
        ("rtsp://h/stream", "/trackID=1", "rtsp://h/stream/trackID=1"),
        ("rtsp://h:8554", "track1", "rtsp://h:8554/track1"),
        ("rtsp://h/cam?channel=1&subtype=0", "trackID=1", "rtsp://h/cam?channel=1&subtype=0/trackID=1"),
        ("rtsp://h/cam?channel=1&subtype=0/", "trackID=1", "rtsp://h/cam?channel=1&subtype=0/trackID=1"),
        ("rtsp://h/cam", "?ctype=video", "rtsp://h/cam?ctype=video"),
        ("rtsp://u:p@h/stream/", "*", "rtsp://h/stream/"),
        ("rtsp://u:p@h/stream", "", "rtsp://h/stream"),
        ("rtsp://u:p@h/stream", "trackID=1", "rtsp://h/stream/trackID=1"),
        ("rtsp://h/stream", "RTSP://other:555/a/trackID=1", "RTSP://other:555/a/trackID=1"),
        ("rtsps://h/stream", "rtsps://u:p@h/a?b=c@d", "rtsps://h/a?b=c@d"),
        ("rtsp://[fe80::1]:554/stream", "track 1", "rtsp://[fe80::1]:554/stream/track%201"),
        ("rtsp://h/live/mp4:film.mov/", "video;a=1:2", "rtsp://h/live/mp4:film.mov/video;a=1:2"),
    ],
)
def test_a_control_url_is_made_as_live555_makes_it(base: str, control: str, expected: str) -> None:
    assert control_url(base, control) == expected


@pytest.mark.parametrize(
    ("content_base", "content_location", "expected"),
    [
        (None, None, "rtsp://h/asked"),
        ("rtsp://h/base/", "rtsp://h/location", "rtsp://h/base/"),
        ("", "rtsp://h/location", "rtsp://h/location"),
        ("rtsp://admin:secret@h:554/base/", None, "rtsp://h:554/base/"),
        (" rtsp://rtsp://turret.lan:554/stream1/ ", None, "rtsp://turret.lan:554/stream1/"),
        ("192.168.1.10:554/stream0/", None, "rtsp://192.168.1.10:554/stream0/"),
        ("rtsp://::ffff:192.168.1.123/onvif/", None, "rtsp://::ffff:192.168.1.123/onvif/"),
        ("/stream0/", None, "rtsp://h/asked"),
        ("stream", "*", "rtsp://h/asked"),
        ("http://h/base", None, "rtsp://h/asked"),
    ],
)
def test_the_base_is_what_the_camera_says_if_it_can_be_one(
    content_base: str | None, content_location: str | None, expected: str
) -> None:
    assert base_url("rtsp://u:p@h/asked", content_base, content_location) == expected


def test_where_requests_go_is_told_by_the_description() -> None:
    base = "rtsp://192.168.1.64/Streaming/Channels/101"
    hikvision, axis, dahua = described(HIKVISION), described(AXIS), described(DAHUA)
    assert hikvision.aggregate_url(base) == "rtsp://192.168.1.64:554/Streaming/Channels/101/"
    assert hikvision.media_url(base, hikvision.media[0]) == "rtsp://192.168.1.64:554/Streaming/Channels/101/trackID=1"
    assert axis.media_url(base, axis.media[0]).startswith("rtsp://192.168.0.90/axis-media/media.amp/stream=0?")
    assert (dahua.aggregate_url("rtsp://h/cam?a=1"), dahua.media_url("rtsp://h/cam?a=1", dahua.media[0])) == (
        "rtsp://h/cam?a=1",
        "rtsp://h/cam?a=1/trackID=0",
    )


def test_a_stream_lies_beside_an_aggregate_of_its_own() -> None:
    offered = described("a=control:rtsp://h/real/\nm=video 0 RTP/AVP 26\na=control:track1")
    assert offered.media_url("rtsp://h/asked", offered.media[0]) == "rtsp://h/real/track1"


@pytest.mark.parametrize("user", ["admin", "admin:12345", "admin:p@ss", "ådmin:žirgas", "a:b:c@d@e"])
@pytest.mark.parametrize("rest", ["", "/", "/a@b", "?x=u:p@h", "/cam?user=viewer"])
def test_user_and_password_travel_in_no_url(user: str, rest: str) -> None:
    assert request_url(f"rtsp://{user}@192.168.1.64:554{rest}") == f"rtsp://192.168.1.64:554{rest}"


@given(st.text(), st.text())
def test_whatever_a_camera_calls_its_streams_can_be_sent(base: str, control: str) -> None:
    url = control_url(base_url("rtsp://h/a", base, None), control)
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
