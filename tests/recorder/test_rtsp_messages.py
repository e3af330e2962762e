"""RTSP messages and their headers, as cameras write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.headers import (
    Session,
    StreamStart,
    Transport,
    methods,
    session,
    stream_starts,
    transport,
)
from safe_community_recorder.ingest.rtsp.message import (
    BODY_LIMIT_BYTES,
    HEADER_LIMIT_BYTES,
    Headers,
    MessageError,
    Request,
    Response,
    parse_message,
)

OK = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n"
words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["C", "Z"]), min_size=1)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(lambda name: name != "Content-Length")
headers = st.builds(Headers, st.lists(st.tuples(names, words), max_size=5).map(tuple)).filter(
    lambda each: each.get("Content-Length") is None
)
methods_sent = st.sampled_from(["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"])


def parsed(data: bytes) -> Request | Response:
    result = parse_message(data)
    assert result is not None
    message, end = result
    assert end == len(data)
    return message


def answer(data: bytes) -> Response:
    message = parsed(data)
    assert isinstance(message, Response)
    return message


@given(st.builds(Request, methods_sent, words, headers, st.binary(max_size=100)))
def test_a_request_is_read_as_it_was_written(request: Request) -> None:
    read = parsed(request.to_bytes())
    sent = (("Content-Length", str(len(request.body))),) if request.body else ()
    assert read == Request(request.method, request.uri, Headers(request.headers.fields + sent), request.body)


@given(st.integers(100, 599), words, headers, st.binary(max_size=100))
def test_a_response_is_read_as_it_was_written(status: int, reason: str, fields: Headers, body: bytes) -> None:
    read = answer(Response(status, reason, fields, body).to_bytes())
    assert (read.status, read.reason, read.body) == (status, reason, body)
    assert read.headers.fields[: len(fields.fields)] == fields.fields


@given(st.lists(st.sampled_from([OK, Response(454, "Session Not Found", Headers(), b"why").to_bytes()]), min_size=1))
def test_messages_one_after_the_other_are_told_apart(messages: list[bytes]) -> None:
    buffer = b"$" + b"".join(messages)
    position = 1
    for message in messages:
        result = parse_message(buffer, position)
        assert result is not None
        assert result[0] == parsed(message)
        position = result[1]
    assert position == len(buffer)


def test_a_message_that_trickles_in_is_there_with_its_last_byte_and_not_before() -> None:
    whole = Response(200, "OK", Headers((("CSeq", "2"), ("Content-Type", "application/sdp"))), b"v=0\r\n").to_bytes()
    assert [parse_message(whole[:size]) for size in range(len(whole))] == [None] * len(whole)
    assert answer(whole).body == b"v=0\r\n"
    assert parse_message(bytearray(whole)) == parse_message(whole)


@pytest.mark.parametrize(
    "written",
    [
        b"RTSP/1.0 401 Unauthorized\nCSeq: 1\nServer: Cam\n\n",
        b"\r\n\r\n\n RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Cam\r\n\r\n",
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1 \r\nServer: Cam\r\n\n",
        b"RTSP/1.0 401 Unauthorized \r\ncseq:1\r\nSERVER :\tCam\r\n\r\n",
        b"RTSP/1.0  401  Unauthorized\r\nCSeq   :   1\r\nthis is no header\r\nServer: Cam\r\n\r\n",
        b"RTSP/1.1 401Unauthorized\r\nCseq: 1\r\nServer:\r\n Cam\r\n\r\n",
        b"rtsp/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Cam\r\n: nameless\r\n\r\n",
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\rServer: Cam\r\r\n\r\n",
    ],
    ids=[
        "bare line feeds",
        "blank lines before",
        "mixed",
        "blanks",
        "many blanks",
        "no blanks, folded",
        "small letters",
        "carriage returns",
    ],
)
def test_what_cameras_make_of_a_response_is_understood(written: bytes) -> None:
    message = answer(written)
    assert (message.status, message.reason) == (401, "Unauthorized")
    assert (message.headers.number("cseq"), message.headers.get("server")) == (1, "Cam")


def test_a_response_may_say_no_more_than_its_status() -> None:
    assert answer(b"RTSP/1.0 200\r\n\r\n") == Response(200, "")


def test_a_header_that_comes_twice_is_kept_twice() -> None:
    message = answer(b'RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm="a"\r\nwww-authenticate: Digest\r\n\r\n')
    assert message.headers.get_all("WWW-Authenticate") == ['Basic realm="a"', "Digest"]
    assert message.headers.get("WWW-Authenticate") == 'Basic realm="a"'
    assert message.headers.get("Public") is None


def test_a_long_value_may_go_on_in_the_next_line() -> None:
    message = answer(b"RTSP/1.0 200 OK\r\nRTP-Info: url=rtsp://h/1;seq=1,\r\n\turl=rtsp://h/2;seq=2\r\n\r\n")
    assert message.headers.fields == (("RTP-Info", "url=rtsp://h/1;seq=1, url=rtsp://h/2;seq=2"),)


def test_a_camera_may_ask_something_too() -> None:
    message = parsed(b"OPTIONS rtsp://192.168.1.20/ch1 RTSP/1.0\r\nCSeq: 7\r\nSession: 2\r\n\r\n")
    assert message == Request("OPTIONS", "rtsp://192.168.1.20/ch1", Headers((("CSeq", "7"), ("Session", "2"))))


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "12345678901", "²"])
def test_a_cseq_that_is_no_number_is_none(text: str) -> None:
    assert Headers((("CSeq", text),)).number("CSeq") is None


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"RTSP/1.0 OK\r\n",
        b"RTSP/x",
        b"RTSP/1,",
        b"RTSP/1.RTSP/",
        b"RTSP/1.0 2000 OK\r\n",
        b"SSH-2.0-dropbear\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"220 ftp\r\n",
        b"PLAY rtsp://h/ HTTP/1.1\r\n",
        b"PLAY\r\n",
        b"PLAY RTSP/1.0\r\n",
        b"GET / RTSP/1.0\r\n",
        b"PLAYS",
        b"RTSP/1.0\r\n",
        b"PLAY rtsp://\0\1",
        b"Optional",
        b"OPTIONS $\0\0\x05\x80\x60abc RTSP/1.0\r\n",
    ],
)
def test_what_is_no_rtsp_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(MessageError, match="RTSP was expected"):
        parse_message(data)


@pytest.mark.parametrize("line", ["-1", "9999999", "one", "1\r\nContent-Length: 2", "", "0x10", str(1 << 64)])
def test_a_senseless_content_length_is_refused(line: str) -> None:
    with pytest.raises(MessageError, match="Content-Length"):
        parse_message(f"RTSP/1.0 200 OK\r\nContent-Length: {line}\r\n\r\n".encode())


def test_the_same_content_length_may_come_twice() -> None:
    assert answer(b"RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-length: 1\r\n\r\nx").body == b"x"


def test_headers_and_body_have_a_limit() -> None:
    endless = b"RTSP/1.0 200 OK\r\n" + b"X-Fill: 123456789\r\n" * 1_000
    assert parse_message(endless[: HEADER_LIMIT_BYTES - 1]) is None
    for data in (endless, b"RTSP/1.0 200 O".ljust(HEADER_LIMIT_BYTES, b"K"), b"\r\n" * HEADER_LIMIT_BYTES):
        with pytest.raises(MessageError, match="headers of more"):
            parse_message(data)
    largest = Response(200, "OK", Headers(), bytes(BODY_LIMIT_BYTES))
    assert answer(largest.to_bytes()).body == largest.body
    with pytest.raises(MessageError, match="Content-Length"):
        parse_message(Response(200, "OK", Headers(), bytes(BODY_LIMIT_BYTES + 1)).to_bytes())


@pytest.mark.parametrize(
    "request_",
    [
        Request("SETUP", "rtsp://h/1 RTSP/1.0\r\nX: y"),
        Request("SETUP", "rtsp://h/1", Headers((("Session", "1\nX: y"),))),
        Request("SETUP", "rtsp://h/жж"),
    ],
)
def test_what_would_break_a_request_is_not_sent(request_: Request) -> None:
    with pytest.raises(MessageError):
        request_.to_bytes()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12345678", Session("12345678", 60)),
        ("708886412;timeout=60", Session("708886412", 60)),
        (" 6B8B4567 ; Timeout = 30", Session("6B8B4567", 30)),
        ('a;foo=1;timeout="90"', Session("a", 90)),
        ("a;timeout=0", Session("a", 60)),
        ("a;timeout=1", Session("a", 2)),
        ("a;timeout=999999999", Session("a", 3_600)),
        ("a;timeout=-5", Session("a", 60)),
        ("a;timeout", Session("a", 60)),
        (";timeout=20", Session("", 20)),
        ("", Session("", 60)),
    ],
)
def test_a_session_has_an_id_and_a_timeout(value: str, expected: Session) -> None:
    assert session(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4A3F2B1C;mode=play", Transport("tcp", (0, 1), 0x4A3F2B1C)),
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627", Transport("tcp", (0, 1), 0xD6D6627)),
        ("RTP/AVP/TCP;ssrc=22345684;interleaved=2-3", Transport("tcp", (2, 3), 0x22345684)),
        ("RTP/AVP/TCP;interleaved=0;ssrc=0x1A2B", Transport("tcp", (0, 1), 0x1A2B)),
        ("RTP/AVP;unicast;Interleaved = 4 - 5", Transport("tcp", (4, 5))),
        ("RTP/AVP/TCP;unicast;ssrc=3735928559", Transport("tcp", None, 3_735_928_559)),
        ("rtp/avp/tcp;unicast;interleaved=256-257;ssrc=-1", Transport("tcp")),
        ("RTP/AVP/TCP;interleaved=x-1;ssrc=notanumber", Transport("tcp")),
        ("RTP/AVP/TCP;interleaved=255", Transport("tcp", (255, 0))),
        ("RTP/AVP/TCP;interleaved=0-0", Transport("tcp", (0, 1))),
        ("RTP/AVP/TCP;interleaved=0-1,RTP/AVP;client_port=1-2", Transport("tcp", (0, 1))),
        ("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001", Transport("udp")),
        ('RTP/AVP/TCP;unicast;interleaved="0-1";ssrc="00000001"', Transport("tcp", (0, 1), 1)),
        ("", Transport("udp")),
    ],
)
def test_a_transport_is_understood_as_far_as_it_goes(value: str, expected: Transport) -> None:
    assert transport(value) == expected


def test_methods_are_told_however_they_are_separated() -> None:
    assert methods("OPTIONS, DESCRIBE,get_parameter  PLAY,,") == {"OPTIONS", "DESCRIBE", "GET_PARAMETER", "PLAY"}
    assert methods("") == frozenset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "url=rtsp://h/trackID=1;seq=41000;rtptime=3894549240, url=rtsp://h/trackID=2;seq=7;rtptime=0",
            (StreamStart("rtsp://h/trackID=1", 41_000, 3_894_549_240), StreamStart("rtsp://h/trackID=2", 7, 0)),
        ),
        ("url=trackID=1;seq=1;rtptime=-1", (StreamStart("trackID=1", 1, None),)),
        ("url=rtsp://h/0/main/trackID=0;seq=0;rtptime=0;", (StreamStart("rtsp://h/0/main/trackID=0", 0, 0),)),
        ("url=rtsp://h/a,b?x=1,2;seq=70000", (StreamStart("rtsp://h/a,b?x=1,2", None, None),)),
        ("seq = 5 ; rtptime = 6", (StreamStart(None, 5, 6),)),
        ("", ()),
    ],
)
def test_where_streams_begin_is_told_where_it_makes_sense(value: str, expected: tuple[StreamStart, ...]) -> None:
    assert stream_starts(value) == expected


@pytest.mark.parametrize("beginning", [b"RTSP/1.0", b"\r\nPLAY_NOTIFY rtsp://h/", b" set_parameter\t"])
def test_the_beginning_of_a_message_is_waited_for(beginning: bytes) -> None:
    assert [parse_message(beginning[:size]) for size in range(len(beginning))] == [None] * len(beginning)
