"""Cameras deviate: whatever of it is known gives the right pictures at the right times, or a refusal that helps."""

import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from copy import replace
from itertools import pairwise
from pathlib import Path

import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.source import SourceError
from safe_community_recorder.media.cmaf import ClockSource
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.certificate import self_made
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import DialogueQuirks, Login, RedirectStatus, Reports, Scheme, StreamQuirks
from tests.cameras.reading import assert_same, assert_timed, grouped, libav, native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import PICTURE_90K, Footage, encode, encode_sound

# They take as long as cameras do.
pytestmark = pytest.mark.process

SIZE = (320, 240)
FAST_S = 0.01
COUNT = 45

STREAM_QUIRKS = [
    StreamQuirks(),
    StreamQuirks(markers="nal units"),
    StreamQuirks(markers="sei"),
    StreamQuirks(markers="packets"),
    StreamQuirks(markers="none"),
    StreamQuirks(sets="in band"),
    StreamQuirks(sets="sdp"),
    StreamQuirks(sets="with the picture before"),
    StreamQuirks(sets="before each slice"),
    StreamQuirks(fragments="always"),
    StreamQuirks(fragments="with an empty one"),
    StreamQuirks(fragments="mistyped"),
    StreamQuirks(fragments="reserved bit"),
    StreamQuirks(aggregated=True),
    StreamQuirks(start_codes=True),
    StreamQuirks(start_codes=True, fragments="always", sets="in band"),
    StreamQuirks(timestamps="wrapping"),
    StreamQuirks(header="padded"),
    StreamQuirks(header="extended"),
    StreamQuirks(header="contributed"),
    StreamQuirks(ssrc="other than told"),
    StreamQuirks(ssrc="by group"),
    StreamQuirks(ssrc="by group", sets="sdp"),
    StreamQuirks(sequence="by group"),
    StreamQuirks(sequence="by group", sets="sdp"),
    StreamQuirks(alien_packets=True),
    StreamQuirks(between="empty lines"),
    StreamQuirks(between="rubbish"),
    StreamQuirks(between="unknown channel"),
    StreamQuirks(between="private channel"),
    StreamQuirks(reports="none"),
    StreamQuirks(most_bytes=200),
    StreamQuirks(most_bytes=60_000),
]


def difference(quirks: StreamQuirks | DialogueQuirks) -> str:
    """What is not as it should be."""
    usual = type(quirks)()
    changed = {name: getattr(quirks, name) for name in quirks.__dataclass_fields__}
    return ", ".join(f"{name} {value}" for name, value in changed.items() if value != getattr(usual, name)) or "none"


def footage_of(codec: CodecName, b_frames: int = 0, slices: int = 1) -> Footage:
    """Thirty pictures of several packets each."""
    return encode(30, b_frames, *SIZE, codec=codec, slices=slices, grain=12 if codec == "h264" else 40)


async def read(
    camera: ScriptedCamera, count: int = COUNT, certificate: str | None = None
) -> tuple[list[AccessUnit], SourceError | None]:
    """What comes of a camera by the native way."""
    return await taken(native(camera.url, certificate=certificate), count)


@pytest.mark.parametrize(
    ("codec", "b_frames", "slices"),
    [("h264", 0, 1), ("h264", 0, 4), ("h264", 2, 1), ("h265", 0, 1), ("h265", 2, 1)],
    ids=["h264", "h264 in slices", "h264 with b-frames", "h265", "h265 with b-frames"],
)
async def test_a_stream_with_any_quirk_gives_all_its_pictures_at_their_times(
    codec: CodecName, b_frames: int, slices: int
) -> None:
    footage = footage_of(codec, b_frames, slices).units

    async def check(quirks: StreamQuirks) -> str:
        async with ScriptedCamera(footage, quirks, pace_s=0.05) as camera:
            units, error = await read(camera)
        try:
            assert error is None
            assert len(units) == COUNT
            assert_same(units, footage)
            assert_timed(units, footage)
        except AssertionError as failure:
            return f"{difference(quirks)}: {failure}"[:300]
        return ""

    quirks = [*STREAM_QUIRKS, StreamQuirks(decoding_order=True)] if codec == "h265" else STREAM_QUIRKS
    failures = await asyncio.gather(*map(check, quirks))
    assert [failure for failure in failures if failure] == []


@pytest.mark.parametrize("pictures", [2, 3])
async def test_pictures_that_share_a_timestamp_stay_apart_and_in_order(pictures: int) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, StreamQuirks(units_per_timestamp=pictures), pace_s=FAST_S) as camera:
        units, error = await read(camera)
    assert error is None
    assert_same(units, footage)
    assert all(after.dts_90k > before.dts_90k for before, after in pairwise(units))
    for number, unit in enumerate(units):
        apart = unit.pts_90k - units[0].pts_90k - number * PICTURE_90K
        assert abs(apart) <= pictures * PICTURE_90K


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_camera_without_any_timestamps_gives_its_pictures_as_they_arrive(codec: CodecName) -> None:
    footage = footage_of(codec).units
    async with ScriptedCamera(footage, StreamQuirks(timestamps="zero"), pace_s=0.1) as camera:
        units, error = await read(camera, 30)
    assert error is None
    assert_same(units, footage)
    # Once that is noticed, each is read as it comes.
    arrivals = [unit.arrival_us for unit in units[15:]]
    assert all(50_000 < after - before < 150_000 for before, after in pairwise(arrivals))
    assert seconds_of(units) == pytest.approx(3, abs=0.5)


def seconds_of(units: Sequence[AccessUnit]) -> float:
    """How long the footage lasts that is written."""
    return sum(sum(sample.duration_90k for sample in group.samples) for group in grouped(units)) / 90_000


async def test_a_change_of_the_picture_size_in_mid_stream_is_followed_at_its_keyframe() -> None:
    small, large = footage_of("h264").units, encode(20, 0, 640, 480, grain=12).units
    later = [replace(unit, pts_90k=unit.pts_90k + 30 * PICTURE_90K) for unit in large]
    for sets in ("everywhere", "in band"):
        async with ScriptedCamera([*small, *later], StreamQuirks(sets=sets), pace_s=FAST_S) as camera:
            units, error = await read(camera, 49)
        assert error is None
        assert_same(units, [*small, *later])
        assert [unit.video.width for unit in units] == [320] * 30 + [640] * 19


async def test_a_keyframe_of_two_megabytes_and_one_picture_a_second_come_whole() -> None:
    footage = encode(3, 0, 1920, 1080, grain=120).units
    assert len(footage[0].data) > 2_000_000
    slow = [replace(unit, pts_90k=number * 90_000) for number, unit in enumerate(footage)]
    async with ScriptedCamera(slow, pace_s=1.0) as camera:
        units, error = await read(camera, 2)
    assert error is None
    assert [unit.data for unit in units] == [unit.data for unit in footage[:2]]
    assert {unit.lost_packets for unit in units} == {0}


@pytest.mark.parametrize(
    ("reports", "believed"),
    [("right", True), ("2036", False), ("hours off", False), ("1970", False), ("zero", False), ("none", False)],
)
async def test_a_sender_report_is_believed_if_it_can_be(reports: Reports, believed: bool) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, StreamQuirks(reports=reports), pace_s=0.1) as camera:
        units, error = await read(camera, 25)
        begin_us = camera.begin_us
    assert error is None
    assert_same(units, footage)
    groups = grouped(units)
    assert {group.clock for group in groups[1:]} == {ClockSource.SENDER_REPORT if believed else ClockSource.ARRIVAL}
    # Arrivals are looked at once a beat.
    for number, group in enumerate(groups):
        assert group.start_us == pytest.approx(begin_us + number * 1_000_000, abs=250_000)
    if reports == "right":
        assert [unit.sender_us for unit in units] == pytest.approx(
            [begin_us + unit.pts_90k * 100 // 9 for unit in footage[:25]], abs=20
        )
    if reports in ("1970", "zero", "none"):
        assert {unit.sender_us for unit in units} == {None}


DIALOGUE_QUIRKS = [
    DialogueQuirks(control="absolute"),
    DialogueQuirks(control="query"),
    DialogueQuirks(control="query", base="missing"),
    DialogueQuirks(control="path"),
    DialogueQuirks(control="session missing"),
    DialogueQuirks(control="missing"),
    DialogueQuirks(base="missing"),
    DialogueQuirks(base="no slash"),
    DialogueQuirks(base="no scheme"),
    DialogueQuirks(sequence_number="missing"),
    DialogueQuirks(sequence_number="zero"),
    DialogueQuirks(spelling="line feeds"),
    DialogueQuirks(spelling="lower case"),
    DialogueQuirks(spelling="no reason"),
    DialogueQuirks(spelling="spaces"),
    DialogueQuirks(spelling="folded"),
    DialogueQuirks(session_timeout_s=None),
    DialogueQuirks(changing_session=True),
    DialogueQuirks(channels="other"),
    DialogueQuirks(channels="none"),
    DialogueQuirks(channels="untrue"),
    DialogueQuirks(channels="odd ssrc"),
    DialogueQuirks(rtp_info="missing"),
    DialogueQuirks(rtp_info="wrong"),
    DialogueQuirks(rtp_info="senseless"),
    DialogueQuirks(early_data=1),
    DialogueQuirks(early_data=4),
    DialogueQuirks(calls="OPTIONS"),
    DialogueQuirks(calls="ANNOUNCE"),
    DialogueQuirks(description="many types"),
    DialogueQuirks(description="headless"),
    DialogueQuirks(description="untyped"),
    DialogueQuirks(description="rich"),
]


async def test_a_camera_that_talks_in_its_own_way_is_understood() -> None:
    footage = footage_of("h264").units

    async def check(quirks: DialogueQuirks) -> str:
        # Without any control URL there is but one stream.
        audio = quirks.control != "missing"
        async with ScriptedCamera(footage, dialogue=quirks, sound=encode_sound(), pace_s=0.05) as camera:
            units, error = await taken(native(camera.url, audio=audio), 30)
            answers = camera.seen.answers
        try:
            assert error is None, error
            assert_same(units, footage)
            assert_timed(units, footage)
            assert (quirks.calls != "none") == bool(answers)
            if audio and quirks.channels != "untrue":
                assert sum(len(unit.audio_units) for unit in units) > 20
        except AssertionError as failure:
            return f"{difference(quirks)}: {failure}"[:300]
        return ""

    failures = await asyncio.gather(*map(check, DIALOGUE_QUIRKS))
    assert [failure for failure in failures if failure] == []


async def test_a_session_is_kept_alive_in_whichever_way_the_camera_allows() -> None:
    footage = footage_of("h264").units

    async def check(quirks: DialogueQuirks) -> str:
        login = Login(schemes=("md5",)) if quirks.keep_alive == "new nonce" else None
        async with ScriptedCamera(footage, dialogue=quirks, login=login, pace_s=0.1) as camera:
            units, error = await read(camera, 65)
            kept = len(camera.seen.requests), camera.seen.expired, camera.seen.connections
        return "" if error is None and len(units) == 65 else f"{difference(quirks)}: {len(units)} {error} {kept}"

    kinds = [
        DialogueQuirks(keep_alive=kind, session_timeout_s=2, enforced=True)
        for kind in ("200", "405", "501", "silence", "new nonce", "options only")
    ]
    failures = await asyncio.gather(*map(check, kinds))
    assert [failure for failure in failures if failure] == []


async def test_who_says_nothing_is_hung_up_on_by_such_a_camera() -> None:
    quirks = DialogueQuirks(session_timeout_s=1, enforced=True)
    async with ScriptedCamera(footage_of("h264").units, dialogue=quirks) as camera:
        reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
        writer.write(b"OPTIONS rtsp://127.0.0.1/live/main RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        async with asyncio.timeout(5):
            assert b"200 OK" in await reader.read()
        assert camera.seen.expired == 1
        writer.close()


@pytest.mark.parametrize("status", [301, 302])
async def test_a_redirect_is_followed(status: RedirectStatus) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, login=Login(), pace_s=FAST_S) as other:
        quirks = DialogueQuirks(redirect=other.address("").replace("camera:@", ""), redirect_status=status)
        async with ScriptedCamera(footage, dialogue=quirks, login=Login(), pace_s=FAST_S) as camera:
            units, error = await read(camera, 15)
    assert error is None
    assert_same(units, footage)


async def test_a_camera_that_sends_to_itself_for_ever_is_refused() -> None:
    async with ScriptedCamera(footage_of("h264").units, dialogue=DialogueQuirks(redirect="")) as camera:
        units, error = await read(camera)
        assert camera.seen.connections < 10
    assert units == []
    assert error is not None
    assert (error.cause, error.detail) == (
        Cause.CAMERA_UNREACHABLE,
        "the camera sends from one address to the next",
    )


@pytest.mark.parametrize(
    "login",
    [
        Login(schemes=("basic",)),
        Login(schemes=("md5",)),
        Login(schemes=("md5",), quality=False),
        Login(schemes=("sha-256",)),
        Login(schemes=("basic", "md5", "sha-256")),
        Login(schemes=("sha-256", "md5")),
        Login(schemes=("md5",), nonce_lasts=1),
        Login(schemes=("md5",), nonce_lasts=1, says_stale=False),
        Login(user="näme", password='p:@ss "word'),
    ],
    ids=str,
)
async def test_whoever_knows_the_password_is_let_in(login: Login) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, login=login, pace_s=FAST_S) as camera:
        units, error = await read(camera, 15)
        methods = [asked.method for asked in camera.seen.requests if asked.method != "OPTIONS"]
        sent = [asked.headers.get("authorization", "") for asked in camera.seen.requests]
        uris = [asked.uri for asked in camera.seen.requests]
    assert error is None
    assert_same(units, footage)
    assert len(methods) <= 4 * (2 if login.nonce_lasts == 1 else 1) + 2
    assert not any("@" in uri for uri in uris)
    if login.schemes != ("basic",):
        # Where there is something better, the password itself does not travel.
        assert not any(value.startswith("Basic") for value in sent)


@pytest.mark.parametrize("scheme", ["basic", "md5", "sha-256"])
async def test_a_wrong_password_is_said_once_and_not_tried_again(scheme: Scheme) -> None:
    async with ScriptedCamera(footage_of("h264").units, login=Login(schemes=(scheme,))) as camera:
        units, error = await taken(native(camera.address("wrong")), 1)
        assert camera.seen.refusals == 2
        assert camera.seen.connections == 1
    assert units == []
    assert error is not None
    assert (error.cause, error.detail) == (
        Cause.AUTHENTICATION_REFUSED,
        "the camera refused user name or password",
    )
    assert not error.elsewhere


@pytest.mark.parametrize(
    ("quirks", "cause", "said", "elsewhere"),
    [
        (DialogueQuirks(status=("DESCRIBE", 404, "Not Found")), Cause.CAMERA_UNREACHABLE, "404", False),
        (DialogueQuirks(status=("DESCRIBE", 403, "Forbidden")), Cause.AUTHENTICATION_REFUSED, "not allow", False),
        (DialogueQuirks(status=("SETUP", 453, "Not Enough Bandwidth")), Cause.CAMERA_UNREACHABLE, "453 Not Eno", False),
        (DialogueQuirks(status=("PLAY", 503, "Busy")), Cause.CAMERA_UNREACHABLE, "503 Busy", False),
        (DialogueQuirks(status=("SETUP", 461, "Unsupported")), Cause.UNSUPPORTED_STREAM, "not send over TCP", True),
        (DialogueQuirks(description="mjpeg"), Cause.UNSUPPORTED_STREAM, "the camera sends JPEG", True),
        (DialogueQuirks(description="cut"), Cause.UNSUPPORTED_STREAM, "", True),
    ],
    ids=["404", "403", "453", "503", "461", "mjpeg", "cut sdp"],
)
async def test_what_cannot_be_had_is_refused_with_the_right_cause(
    quirks: DialogueQuirks, cause: Cause, said: str, elsewhere: bool
) -> None:
    async with ScriptedCamera(footage_of("h264").units, dialogue=quirks) as camera:
        units, error = await read(camera)
    assert units == []
    assert error is not None
    assert (error.cause, error.elsewhere) == (cause, elsewhere)
    assert said in error.detail
    assert "127.0.0.1" not in error.detail


async def test_a_camera_with_tls_is_known_by_its_certificate(tmp_path: Path) -> None:
    context, fingerprint = self_made(tmp_path)
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, login=Login(schemes=("basic",)), tls=context, pace_s=FAST_S) as camera:
        for accepted in (fingerprint, fingerprint.upper().replace("SHA256", "sha256"), "ignore"):
            units, error = await read(camera, 15, accepted)
            assert error is None
            assert_same(units, footage)
        said = camera.seen.count("DESCRIBE")
        for refused, problem in ((None, "not trusted"), ("sha256:" + "0" * 64, fingerprint)):
            units, error = await read(camera, 15, refused)
            assert units == []
            assert error is not None
            assert error.cause is Cause.CAMERA_UNREACHABLE
            assert problem in error.detail
        # The password went to nobody else.
        assert camera.seen.count("DESCRIBE") == said


async def test_the_pieces_in_which_a_stream_comes_do_not_matter() -> None:
    footage = footage_of("h264").units
    async with (
        ScriptedCamera(footage, StreamQuirks(most_bytes=500), pace_s=0.02) as camera,
        Proxy(camera.port) as proxy,
    ):
        proxy.split()
        units, error = await taken(native(camera.url.replace(str(camera.port), str(proxy.port))), 20)
    assert error is None
    assert_same(units, footage)
    assert_timed(units, footage)


@pytest.mark.parametrize("fault", ["truncate", "corrupt", "corrupt anywhere", "flood"])
async def test_damage_on_the_way_costs_the_pictures_that_it_hit_and_no_more(fault: str) -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, pace_s=0.02) as camera, Proxy(camera.port, seed=3) as proxy:
        reading = asyncio.create_task(taken(native(camera.url.replace(str(camera.port), str(proxy.port))), 140))
        await asyncio.sleep(0.5)
        match fault:
            case "truncate":
                proxy.truncate(0.02)
            case "corrupt":
                proxy.corrupt(0.02)
            case "corrupt anywhere":
                proxy.corrupt(0.02, anywhere=True)
            case "flood":
                proxy.flood(10)
        await asyncio.sleep(1.0)
        proxy.heal()
        units, error = await reading
    assert error is None
    known = {unit.data for unit in footage}
    assert all(unit.data in known for unit in units[-30:])
    assert sum(unit.data in known for unit in units) > (139 if fault == "flood" else 110)


async def test_what_native_leaves_to_another_way_libav_takes() -> None:
    footage = footage_of("h264").units
    async with ScriptedCamera(footage, login=Login(schemes=("basic", "md5")), pace_s=0.02) as camera:
        units, error = await taken(libav(camera.url), 30)
    assert error is None
    assert_same(units, footage)
    assert_timed(units, footage)


async def test_a_camera_with_tls_is_as_fast_as_one_in_the_clear(tmp_path: Path) -> None:
    context, _ = self_made(tmp_path)
    footage = encode(30, 0, *SIZE, grain=40).units
    bits_per_s = 8 * sum(len(unit.data) for unit in footage) / 30 / 0.03
    assert bits_per_s > 8_000_000
    async with ScriptedCamera(footage, tls=context, pace_s=0.03) as camera:
        units, error = await taken(native(camera.url, certificate="ignore"), 100, timeout_s=4)
    assert error is None
    assert len(units) == 100
    assert_same(units, footage)


async def test_a_camera_that_floods_instead_of_answering_holds_up_nobody() -> None:
    frame = b"$\x09\x04\x00" + bytes(1_024)
    blocks = 64 * frame
    with socket.create_server(("127.0.0.1", 0)) as server:

        def flood() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    while True:
                        connection.sendall(blocks)

        flooding = threading.Thread(target=flood)
        flooding.start()
        running = asyncio.create_task(taken(native(f"rtsp://127.0.0.1:{server.getsockname()[1]}/")))
        longest_s, looked_s = 0.0, time.monotonic()
        while not running.done():
            await asyncio.sleep(0.01)
            longest_s, looked_s = max(longest_s, time.monotonic() - looked_s), time.monotonic()
        units, error = await running
        flooding.join()
    assert units == []
    assert error is not None
    assert error.cause is Cause.CAMERA_UNREACHABLE
    assert longest_s < 2
