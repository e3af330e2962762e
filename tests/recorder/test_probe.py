"""What is found out about cameras of all sorts within five seconds, and how clearly it is said when nothing can be."""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image

from safe_community_recorder.clock import HostClock
from safe_community_recorder.config import parse_stream
from safe_community_recorder.ingest.source import Way
from safe_community_recorder.ingest.ways import Ways
from safe_community_recorder.media.video import AccessUnit
from safe_community_recorder.probe import BusyError, Found, ProbeError, Prober, Trouble
from tests.cameras.background import Background
from tests.cameras.certificate import self_made
from tests.cameras.quirks import DialogueQuirks, Login, StreamQuirks
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.contract import refused, validate
from tests.recorder.footage import PICTURE_90K, encode, encode_sound
from tests.world import ROOT, Recorder

UNITS = encode(30).units


def prober() -> Prober:
    return Prober(Ways().to, HostClock())


async def probe(url: str, source: str = "auto", certificate: str | None = None) -> Found:
    """Looks at an address; never for longer than five seconds."""
    entry = {"url": url, "source": source} | ({} if certificate is None else {"certificate": certificate})
    begun_s = time.monotonic()
    try:
        return await prober().probe(parse_stream(entry))
    finally:
        assert time.monotonic() - begun_s < 5


async def trouble(url: str, source: str = "auto", certificate: str | None = None) -> ProbeError:
    """Why nothing is to be seen there."""
    with pytest.raises(ProbeError) as caught:
        await probe(url, source, certificate)
    return caught.value


def codes(found: Found) -> list[str]:
    return [warned.code for warned in found.warnings]


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """The address of something that takes connections and says nothing."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"rtsp://camera:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/main"


async def test_of_a_camera_that_is_as_it_should_be_everything_is_known_and_nothing_warned_of() -> None:
    async with ScriptedCamera(UNITS, login=Login()) as camera:
        found = await probe(camera.url)
        await asyncio.sleep(0.1)
        asked = [request.method for request in camera.seen.requests]
    assert found.video == UNITS[0].video
    assert found.numbers.frame_rate == pytest.approx(10, rel=0.01)
    assert found.numbers.group_s == pytest.approx(1, abs=0.01)
    sent = sum(unit.size_bytes for unit in UNITS) * 8 / 3
    assert found.numbers.bitrate_bps == pytest.approx(sent, rel=0.3)
    assert found.numbers.clock_offset_s == pytest.approx(0, abs=0.2)
    assert (found.sound, found.way, found.why_not_native, codes(found)) == ((), Way.NATIVE, None, [])
    assert found.still is not None
    assert Image.open(BytesIO(found.still)).size == (64, 48)
    assert (camera.seen.connections, asked.count("SETUP"), asked[-1]) == (1, 1, "TEARDOWN")


async def test_sound_is_named_without_being_asked_for_and_h265_is_warned_of() -> None:
    async with ScriptedCamera(encode(30, codec="h265").units, sound=encode_sound()) as camera:
        found = await probe(camera.url)
    assert found.video is not None
    assert found.video.codec == "h265"
    assert found.sound == ("AAC",)
    assert codes(found) == ["h265", "sound"]
    assert camera.seen.count("SETUP") == 1


async def test_a_clock_that_is_off_is_told_and_so_is_a_camera_that_does_not_tell_its_time() -> None:
    async with ScriptedCamera(UNITS, StreamQuirks(reports="hours off")) as camera:
        found = await probe(camera.url)
    assert found.numbers.clock_offset_s == pytest.approx(3 * 3_600, abs=0.3)
    assert [(warned.code, "ahead" in warned.text) for warned in found.warnings] == [("clock_off", True)]
    async with ScriptedCamera(UNITS, StreamQuirks(reports="none")) as camera:
        found = await probe(camera.url)
    assert found.numbers.clock_offset_s is None
    assert [(warned.code, "RTCP" in warned.text) for warned in found.warnings] == [("clock_off", True)]


async def test_keyframes_that_are_rare_or_never_come_are_warned_of() -> None:
    async with ScriptedCamera(UNITS, pace_s=0.45) as camera:
        found = await probe(camera.url)
    assert codes(found) == ["long_group"]
    assert found.still is not None
    async with ScriptedCamera(UNITS[1:10]) as camera:
        found = await probe(camera.url)
    assert "no_keyframe" in codes(found)
    assert "long_group" not in codes(found)
    assert found.video == UNITS[0].video
    assert found.still is None


async def test_pictures_that_change_their_size_are_warned_of() -> None:
    async with ScriptedCamera(one_after_the_other(UNITS[:10], encode(10, width=128, height=96).units)) as camera:
        found = await probe(camera.url)
    assert codes(found) == ["variable_resolution"]
    assert "64 x 48, 128 x 96" in found.warnings[0].text


def one_after_the_other(first: Sequence[AccessUnit], second: Sequence[AccessUnit]) -> list[AccessUnit]:
    later_90k = len(first) * PICTURE_90K
    moved = [replace(u, pts_90k=u.pts_90k + later_90k, dts_90k=u.dts_90k + later_90k) for u in second]
    return [*first, *moved]


async def test_a_large_picture_is_shown_smaller() -> None:
    async with ScriptedCamera(encode(30, width=1_280, height=720).units) as camera:
        found = await probe(camera.url)
    assert found.still is not None
    assert Image.open(BytesIO(found.still)).size == (640, 360)


async def test_that_libav_receives_is_warned_of_with_the_reason() -> None:
    async with ScriptedCamera(UNITS) as camera:
        found = await probe(camera.url, "libav")
    assert (found.way, found.why_not_native, found.sound) == (Way.LIBAV, "the camera's entry asks for libav", None)
    assert "not_native" in codes(found)
    assert found.still is not None


async def test_what_comes_by_http_is_looked_at_too(tmp_path: Path) -> None:
    path = tmp_path / "footage.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("h264", width=64, height=48, time_base=Fraction(1, 90_000))
        for unit in encode(100).units:
            nals = [*unit.video.parameter_sets, *unit.nals] if unit.is_key else unit.nals
            packet = av.Packet(b"".join(b"\0\0\0\1" + nal for nal in nals))
            packet.stream, packet.time_base = stream, Fraction(1, 90_000)
            packet.pts, packet.dts, packet.is_keyframe = unit.pts_90k, unit.dts_90k, unit.is_key
            container.mux(packet)
    data = path.read_bytes()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        for begin in range(0, len(data), 188 * 4):
            writer.write(data[begin : begin + 188 * 4])
            await asyncio.sleep(7 * 188 * 4 / len(data))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        found = await probe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/live.ts")
    assert (found.way, found.why_not_native, found.sound) == (Way.LIBAV, "the address is none of RTSP", ())
    assert found.video == encode(100).video
    assert found.still is not None


async def test_a_wrong_password_is_tried_once_and_told() -> None:
    async with ScriptedCamera(UNITS, login=Login()) as camera:
        error = await trouble(camera.address("hunter2"))
    assert (error.trouble, camera.seen.connections) == (Trouble.REFUSED, 1)
    assert "password" in error.detail
    assert "hunter2" not in error.detail
    # The one without a password, by which the camera says what it wants, and the one with it.
    assert camera.seen.refusals == 2


async def test_where_nobody_is_or_nothing_is_said_the_camera_is_told_as_unreachable() -> None:
    error = await trouble("rtsp://camera:hunter2@127.0.0.1:9/main")
    assert (error.trouble, "cannot be reached" in error.detail) == (Trouble.UNREACHABLE, True)
    async with silent() as url:
        error = await trouble(url)
    assert (error.trouble, "no picture came" in error.detail) == (Trouble.UNREACHABLE, True)
    async with ScriptedCamera(UNITS) as camera:
        error = await trouble(camera.url + "/elsewhere")
    assert (error.trouble, "404" in error.detail) == (Trouble.UNREACHABLE, True)


async def test_what_cannot_be_recorded_is_named() -> None:
    async with ScriptedCamera(UNITS, dialogue=DialogueQuirks(description="mjpeg")) as camera:
        error = await trouble(camera.url, "native")
    assert (error.trouble, "JPEG" in error.detail) == (Trouble.UNSUPPORTED, True)


async def test_a_certificate_that_is_not_trusted_is_told_with_its_fingerprint(tmp_path: Path) -> None:
    tls, fingerprint = self_made(tmp_path)
    async with ScriptedCamera(UNITS, login=Login(), tls=tls) as camera:
        for certificate in (None, "sha256:" + "0" * 64):
            error = await trouble(camera.url, certificate=certificate)
            assert (error.trouble, error.certificate) == (Trouble.CERTIFICATE, fingerprint)
            assert fingerprint in error.detail
        assert camera.seen.requests == []
        for certificate in (fingerprint, "ignore"):
            assert (await probe(camera.url, certificate=certificate)).still is not None


async def test_two_cameras_are_looked_at_at_once_and_no_more() -> None:
    own = prober()
    async with silent() as url:
        camera = parse_stream({"url": url})
        running = [asyncio.create_task(own.probe(camera)) for _ in range(2)]
        await asyncio.sleep(0.2)
        with pytest.raises(BusyError):
            await own.probe(camera)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    async with ScriptedCamera(UNITS) as good:
        assert (await own.probe(parse_stream({"url": good.url}))).still is not None


async def test_who_goes_away_meanwhile_leaves_no_connection_behind() -> None:
    async with ScriptedCamera(UNITS) as camera:
        looking = asyncio.create_task(prober().probe(parse_stream({"url": camera.url})))
        await asyncio.sleep(1)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.sleep(0.3)
        assert camera.seen.count("PLAY") == camera.seen.count("TEARDOWN") == 1


# --- over HTTP and at the command line --------------------------------------------------------------------------------


@pytest.mark.process
def test_a_camera_of_the_file_is_looked_at_by_its_id_without_showing_its_address(recording: Recorder) -> None:
    answer = recording.ask("/api/v1/probe", "POST", body={"camera_id": "stop"})
    assert answer.status == 200
    validate(answer.json, "Probe")
    found = answer.json
    assert (found["codec"], found["width"], found["height"], found["source"]) == ("h264", 1280, 720, "native")
    assert found["source_reason"] is None
    assert Image.open(BytesIO(base64.b64decode(found["still"]))).width == 640
    entry = recording.ask("/api/v1/probe", "POST", body={"camera_id": "stop", "source": "libav"})
    validate(entry.json, "Probe")
    assert "not_native" in [warning["code"] for warning in entry.json["warnings"]]
    refused(recording.ask("/api/v1/probe", "POST", body={"camera_id": "locked"}), 502, "camera_refused")
    refused(recording.ask("/api/v1/probe", "POST", body={"camera_id": "absent"}), 502, "camera_unreachable")
    refused(recording.ask("/api/v1/probe", "POST", body={"camera_id": "nobody"}), 404, "unknown_camera")


@pytest.mark.process
def test_what_is_asked_wrongly_is_refused_clearly_and_no_password_is_repeated(recording: Recorder) -> None:
    good = "rtsp://camera:hunter2@127.0.0.1:9/main"
    for body, status, code, said in (
        ({}, 400, "bad_value", "either url or camera_id"),
        ({"url": good, "camera_id": "stop"}, 400, "bad_value", "either url or camera_id"),
        ([good], 400, "bad_value", "JSON object"),
        (good.encode(), 400, "bad_value", "JSON"),
        ({"url": good, "audio": True}, 422, "bad_camera", "audio: this key is unknown"),
        ({"url": "file:///etc/passwd"}, 422, "bad_camera", "url: a camera's address was expected"),
        ({"url": 5}, 422, "bad_camera", "url: a camera's address was expected"),
        ({"url": good + " hunter2"}, 422, "bad_camera", "url: a camera's address was expected"),
        ({"url": good, "source": "hunter2"}, 422, "bad_camera", "source: auto, native or libav was expected"),
        ({"camera_id": "stop", "certificate": "hunter2"}, 422, "bad_camera", "certificate: "),
        ({"url": good}, 502, "camera_unreachable", "cannot be reached"),
    ):
        answer = recording.ask("/api/v1/probe", "POST", body=body)
        assert said in refused(answer, status, code)
        assert b"hunter2" not in answer.body
    assert "hunter2" not in recording.log_path.read_text()


@pytest.mark.process
def test_the_certificate_that_came_is_in_the_answer_to_be_taken_over(recording: Recorder, tmp_path: Path) -> None:
    tls, fingerprint = self_made(tmp_path)
    with Background() as background:
        camera = background.enter(ScriptedCamera(UNITS, tls=tls))
        answer = recording.ask("/api/v1/probe", "POST", body={"url": camera.url})
        refused(answer, 502, "camera_certificate")
        assert answer.json["certificate"] == fingerprint
        body = {"url": camera.url, "certificate": answer.json["certificate"]}
        assert recording.ask("/api/v1/probe", "POST", body=body).status == 200


@pytest.mark.process
def test_a_third_probe_is_told_when_to_come_again(recording: Recorder) -> None:
    with Background() as background:
        url = background.enter(silent())
        asking = [
            subprocess.Popen(
                [sys.executable, "-c", ASK, recording.url, recording.token, url], stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        answers = sorted(process.communicate(timeout=30)[0].split()[:2] for process in asking)
    assert answers == [["429", "5"], ["502", "None"], ["502", "None"]]


ASK = """
import json, sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen
base, token, url = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
try:
    urlopen(Request(base + "/api/v1/probe", json.dumps({"url": url}).encode(), headers), timeout=20)
except HTTPError as error:
    print(error.code, error.headers["Retry-After"])
"""


def command(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """The exit code of `probe`, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "safe_community_recorder", "probe", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon")},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.process
def test_at_the_command_line_the_same_is_said_in_words(tmp_path: Path) -> None:
    still = tmp_path / "still.jpg"
    with Background() as background:
        camera = background.enter(ScriptedCamera(UNITS, login=Login()))
        code, out, _ = command(camera.url, "--still", str(still))
        assert code == 0
        assert "H264, 64 x 48" in out
        assert "10/s" in out
        assert "warning" not in out
        assert Image.open(still).size == (64, 48)
        code, out, _ = command("-", "--source", "libav", given=camera.url + "\n")
        assert code == 1
        assert "[not_native]" in out
        code, out, error = command(camera.address("hunter2"))
        assert (code, out) == (2, "")
        assert "refused user name or password" in error
        assert "hunter2" not in error
    code, _, error = command("ftp://somewhere/")
    assert (code, "a camera's address was expected" in error) == (2, True)
