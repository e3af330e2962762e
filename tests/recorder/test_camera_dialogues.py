"""Cameras talk in their own ways: what is known of it is understood, or refused in a way that helps."""

import asyncio
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from safe_community_recorder.cause import Cause
from tests.cameras.certificate import self_made
from tests.cameras.quirks import DialogueQuirks, Login, RedirectStatus, Scheme
from tests.cameras.reading import assert_same, assert_timed, native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import encode, encode_sound
from tests.recorder.quirky import FAST_S, difference, footage_of, read

# They take as long as cameras do.
pytestmark = pytest.mark.process

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
        async with asyncio.timeout(60):
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


async def test_a_camera_with_tls_is_as_fast_as_one_in_the_clear(tmp_path: Path) -> None:
    context, _ = self_made(tmp_path)
    footage = encode(30, 0, 320, 240, grain=40).units
    bits_per_s = 8 * sum(len(unit.data) for unit in footage) / 30 / 0.03
    assert bits_per_s > 8_000_000
    async with ScriptedCamera(footage, tls=context, pace_s=0.03) as camera:
        units, error = await taken(native(camera.url, certificate="ignore"), 100, timeout_s=20)
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
        turns = 0
        while not running.done():
            await asyncio.sleep(0.01)
            turns += 1
        units, error = await running
        flooding.join()
    assert units == []
    assert error is not None
    assert error.cause is Cause.CAMERA_UNREACHABLE
    # In the eight seconds that it is given.
    assert turns > 50
