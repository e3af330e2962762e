"""A recorder over TLS: everything that it gives, whole, to who knows its certificate."""

import asyncio
import hashlib
import io
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import av
import pytest

from safe_community_recorder.tls import Files, fingerprint_of, in_groups
from tests.recorder.archives import until
from tests.recorder.certificates import a_certificate, pinned, trusting
from tests.recorder.playlists import read_playlist
from tests.world import Cameras, Recorder, last, stop, wait_until

STOP = "/api/v1/cameras/stop"


def own_certificate(recorder: Recorder) -> Path:
    return recorder.directory / "data" / "tls.pem"


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory, cameras: Cameras) -> Iterator[Recorder]:
    """One that has made a certificate of its own, and footage of some seconds; it waits until there is a whole file."""
    recorder = Recorder(tmp_path_factory.mktemp("encrypted"), options=("--tls", "--file-seconds", "3"))
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    recorder.start()
    wait_until(lambda: len(list(recorder.archive.rglob("*.mp4"))) >= 3, 60)
    yield recorder
    assert recorder.process is not None
    assert stop(recorder.process) == 0


@pytest.fixture
async def session(encrypted: Recorder) -> AsyncIterator[aiohttp.ClientSession]:
    """Trusts it by its fingerprint, as Home Assistant does."""
    connector = aiohttp.TCPConnector(ssl=pinned(fingerprint_of(own_certificate(encrypted))))
    headers = {"Authorization": f"Bearer {encrypted.token}"}
    base = f"https://127.0.0.1:{encrypted.port}"
    async with aiohttp.ClientSession(base, connector=connector, headers=headers) as own:
        yield own


async def test_a_clip_is_the_same_whole_and_in_pieces(session: aiohttp.ClientSession) -> None:
    async with session.get(f"{STOP}/timeline?{last(timedelta(hours=1))}") as answer:
        span = (await answer.json())["spans"][0]
    asked = {"start": span["start"], "end": span["end"]}
    async with session.get(f"{STOP}/clip.mp4", params=asked) as answer:
        whole, etag = await answer.read(), answer.headers["ETag"]
    with av.open(io.BytesIO(whole), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) > 20
    pieces = hashlib.sha256()
    step = len(whole) // 3 + 1
    for first in range(0, len(whole), step):
        wanted = {"Range": f"bytes={first}-{first + step - 1}", "If-Range": etag}
        async with session.get(f"{STOP}/clip.mp4", params=asked, headers=wanted) as answer:
            assert answer.status == 206
            pieces.update(await answer.read())
    assert pieces.digest() == hashlib.sha256(whole).digest()


async def test_hls_plays(encrypted: Recorder, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{STOP}/hls/tickets?{last(timedelta(hours=1))}") as answer:
        path = (await answer.json())["path"]
    async with session.get(path) as answer:
        playlist = read_playlist(await answer.text())
    assert playlist.segments
    for segment in playlist.segments:
        async with session.get(f"{STOP}/hls/{segment.bytes.uri}") as answer:
            assert answer.status == 200
            assert len(await answer.read()) == segment.bytes.end - segment.bytes.start


async def test_live_pictures_and_changes_come(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(30):
        async with session.get(f"{STOP}/live.ts") as answer:
            assert (await answer.content.readexactly(188 * 50))[::188] == b"\x47" * 50
        async with session.ws_connect("/api/v1/events") as socket:
            assert json.loads((await socket.receive()).data)["type"] == "snapshot"


async def test_who_trusts_nobody_else_trusts_its_name_and_address(encrypted: Recorder) -> None:
    context = trusting(own_certificate(encrypted))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for name in ("localhost", "127.0.0.1"):
            async with session.get(f"https://{name}:{encrypted.port}/health") as answer:
                assert answer.status == 200


async def test_nobody_is_answered_without_tls_or_takes_another_for_it(encrypted: Recorder, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{encrypted.url}/health")
        other = pinned(fingerprint_of(a_certificate(tmp_path).certificate))
        with pytest.raises(aiohttp.ServerFingerprintMismatch):
            await session.get(f"https://127.0.0.1:{encrypted.port}/health", ssl=other)


def test_the_log_says_which_certificate_it_shows(encrypted: Recorder) -> None:
    (told,) = [entry["fingerprint"] for entry in encrypted.log if entry["event"] == "listening"]
    assert told == in_groups(fingerprint_of(own_certificate(encrypted)))


async def shows(recorder: Recorder) -> str:
    """The fingerprint of the certificate that it shows."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", recorder.port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return f"sha256:{hashlib.sha256(shown).hexdigest()}"


async def test_a_certificate_renewed_on_the_disk_is_taken_when_it_is_told_so(
    recorder: Recorder, tmp_path: Path
) -> None:
    """As certbot's deploy hook does; who is connected stays so."""
    former, renewed = (a_certificate(tmp_path / name).certificate for name in ("former", "renewed"))
    files = Files(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    assert files.key is not None

    def put(certificate: Path) -> None:
        for path in (files.certificate, files.key):
            assert path is not None
            path.write_bytes(certificate.read_bytes())

    put(former)
    recorder.options = ("--certificate", str(files.certificate), "--key", str(files.key))
    recorder.write_camera_file([])
    await asyncio.to_thread(recorder.start)
    assert recorder.process is not None
    assert not own_certificate(recorder).exists()
    headers = {"Authorization": f"Bearer {recorder.token}"}
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False), headers=headers) as session,
        session.ws_connect(f"https://127.0.0.1:{recorder.port}/api/v1/events") as socket,
    ):
        assert await shows(recorder) == fingerprint_of(former)
        put(renewed)
        assert await shows(recorder) == fingerprint_of(former)
        recorder.process.send_signal(1)

        async def is_shown() -> bool:
            return await shows(recorder) == fingerprint_of(renewed)

        await until(is_shown)
        files.certificate.write_text("half of")
        recorder.process.send_signal(1)
        refused = "certificate refused; the former one is shown on"
        await until(lambda: refused in [entry["event"] for entry in recorder.log])
        assert await shows(recorder) == fingerprint_of(renewed)
        await socket.ping()
        assert not socket.closed


def test_a_recorder_does_not_start_with_a_certificate_that_it_cannot_show(recorder: Recorder) -> None:
    recorder.options = ("--certificate", "/nowhere/fullchain.pem")
    recorder.write_camera_file([])
    with pytest.raises(AssertionError, match=r"/nowhere/fullchain\.pem: No such file or directory"):
        recorder.start()
    assert recorder.process is not None
    assert recorder.process.wait(15) == 1
