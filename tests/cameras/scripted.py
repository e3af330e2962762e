"""A camera by the script: an RTSP server in plain asyncio that serves footage with whatever quirks it is told to have.

Independent of the recorder's own RTSP, so that both can be held against each other and against FFmpeg.
"""

import asyncio
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote

from safe_community_recorder.media.audio import AudioFormat
from safe_community_recorder.media.video import AccessUnit
from tests.cameras.description import describe, stream_address
from tests.cameras.door import Door
from tests.cameras.quirks import DialogueQuirks, Login, StreamQuirks
from tests.cameras.stream import PICTURE_90K, PictureStream, SoundStream

_RIGHT_STREAM, _RIGHT_DIALOGUE = StreamQuirks(), DialogueQuirks()
_LONGEST_HEAD = 64 << 10
_ANSWER_S = 3.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    uri: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class Seen:
    """What a camera has seen of those who called: requests, how often it refused a login, RTCP that came back."""

    connections: int = 0
    refusals: int = 0
    requests: list[Asked] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    expired: int = 0

    def count(self, method: str) -> int:
        """How many requests of a method came."""
        return Counter(asked.method for asked in self.requests)[method]


class ScriptedCamera:
    """Serves access units again and again, ten pictures of footage every `10 * pace_s` seconds; an async context.

    `begin_us` of a connection (UTC of its footage's time 0) is when PLAY came.
    """

    def __init__(
        self,
        units: Sequence[AccessUnit],
        stream: StreamQuirks = _RIGHT_STREAM,
        dialogue: DialogueQuirks = _RIGHT_DIALOGUE,
        *,
        sound: tuple[AudioFormat, Sequence[bytes]] | None = None,
        login: Login | None = None,
        pace_s: float = 0.1,
        tls: ssl.SSLContext | None = None,
        path: str = "/live/main",
    ) -> None:
        self.units = units
        self.stream = stream
        self.dialogue = dialogue
        self.sound = sound
        self.login = login
        self.pace_s = pace_s
        self.path = "/cam/realmonitor?channel=1&subtype=0" if dialogue.control == "query" else path
        self.seen = Seen()
        self.begin_us = 0
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    @property
    def url(self) -> str:
        """Its address, with user and password if it wants them."""
        return self.address(self.login.password if self.login else "")

    def address(self, password: str) -> str:
        """Its address with another password."""
        scheme = "rtsps" if self._tls else "rtsp"
        who = f"{self.login.user}:{quote(password)}@" if self.login else ""
        return f"{scheme}://{who}127.0.0.1:{self.port}{self.path}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.connections += 1
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        try:
            await _Call(self, reader, writer).run()
        except ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError:
            return
        finally:
            self._calls.discard(call)
            writer.close()


class _Call:
    """One client's connection."""

    def __init__(self, camera: ScriptedCamera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._camera = camera
        self._reader = reader
        self._writer = writer
        self._url = ""
        self._session = secrets.token_hex(4)
        self._door = Door(camera.login)
        self._nonce_renewed = False
        self._ssrcs = {0: 0x00C0FFEE, 1: 0x0B0E}
        self._channels: dict[int, int] = {}
        self._playing: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Until the client or the camera hangs up."""
        try:
            self._live_on()
            while (request := await self._request()) is not None:
                self._live_on()
                if not await self._answer(request):
                    return
        finally:
            if self._expiry is not None:
                self._expiry.cancel()
            if self._playing is not None:
                self._playing.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await self._playing

    def _live_on(self) -> None:
        """A request shows that the client is there, for as long as the session says."""
        if self._expiry is not None:
            self._expiry.cancel()
        lasts_s = self._camera.dialogue.session_timeout_s
        if self._camera.dialogue.enforced and lasts_s is not None:
            self._expiry = asyncio.get_running_loop().call_later(lasts_s, self._expire)

    def _expire(self) -> None:
        self._camera.seen.expired += 1
        self._writer.transport.abort()

    # --- what comes ---------------------------------------------------------------------------------------------------

    async def _request(self) -> Asked | None:
        while True:
            first = await self._reader.read(1)
            if not first:
                return None
            if first == b"$":
                head = await self._reader.readexactly(3)
                self._camera.seen.reports.append(await self._reader.readexactly(int.from_bytes(head[1:])))
                continue
            if first in b"\r\n":
                continue
            lines = (first + await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            await self._reader.readexactly(int(headers.get("content-length", "0")))
            if lines[0].startswith("RTSP/"):
                self._camera.seen.answers.append(int(lines[0].split()[1]))
                self._answered.set()
                continue
            method, uri, _ = lines[0].split(" ")
            asked = Asked(method, uri, headers)
            self._camera.seen.requests.append(asked)
            return asked

    # --- what is answered ---------------------------------------------------------------------------------------------

    async def _answer(self, asked: Asked) -> bool:
        """False to hang up."""
        quirks = self._camera.dialogue
        if asked.method != "OPTIONS" and not self._door.lets_in(asked.method, asked.headers.get("authorization", "")):
            self._camera.seen.refusals += 1
            await self._say(asked, 401, "Unauthorized", *self._door.challenges())
            return True
        if quirks.status is not None and quirks.status[0] == asked.method:
            await self._say(asked, *quirks.status[1:])
            return True
        match asked.method:
            case "OPTIONS":
                await self._say(asked, 200, "OK", ("Public", _methods(quirks)))
            case "DESCRIBE":
                await self._describe(asked)
            case "SETUP":
                await self._set_up(asked)
            case "PLAY":
                await self._play(asked)
            case "GET_PARAMETER" | "SET_PARAMETER":
                await self._keep_alive(asked)
            case "TEARDOWN":
                await self._say(asked, 200, "OK")
                return False
            case _:
                await self._say(asked, 501, "Not Implemented")
        return True

    async def _describe(self, asked: Asked) -> None:
        camera, quirks = self._camera, self._camera.dialogue
        if quirks.redirect is not None:
            await self._say(asked, quirks.redirect_status, "Moved", ("Location", quirks.redirect or asked.uri))
            return
        # Whatever stands before it, a proxy for one, has its own port: the address is what the client says.
        self._url = asked.uri.rstrip("/")
        if "/" + self._url.split("/", 3)[3] != camera.path:
            await self._say(asked, 404, "Stream Not Found")
            return
        base = self._url + "/"
        if quirks.control == "path":
            base = self._url.removesuffix(camera.path) + "/"
        headers = [] if quirks.description == "untyped" else [("Content-Type", "application/sdp")]
        match quirks.base:
            case "right":
                headers.append(("Content-Base", base))
            case "no slash":
                headers.append(("Content-Base", self._url))
            case "no scheme":
                headers.append(("Content-Base", base.removeprefix("rtsp://")))
        body = describe(self._url, camera.units[0].video, quirks, camera.stream, camera.sound)
        await self._say(asked, 200, "OK", *headers, body=body)

    async def _set_up(self, asked: Asked) -> None:
        camera, quirks = self._camera, self._camera.dialogue
        stream = next((n for n in (0, 1) if asked.uri.rstrip("/") == stream_address(self._url, quirks, n)), None)
        if stream is None or (stream == 1 and camera.sound is None):
            await self._say(asked, 404, "Stream Not Found")
            return
        parameters = asked.headers.get("transport", "").replace(" ", "").split(";")
        wanted = next((value for value in parameters if value.startswith("interleaved=")), None)
        if "RTP/AVP/TCP" not in parameters or wanted is None:
            await self._say(asked, 461, "Unsupported Transport")
            return
        channel = int(wanted.removeprefix("interleaved=").split("-")[0])
        if quirks.channels == "other":
            channel += 8
        self._channels[stream] = channel + (4 if quirks.channels == "untrue" else 0)
        transport = (
            f'RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={self._ssrcs[stream]:08X};mode="PLAY"'
        )
        if quirks.channels == "none":
            transport = "RTP/AVP/TCP;unicast"
        elif quirks.channels == "odd ssrc":
            self._ssrcs[stream] = 0x4317F
            transport = f"RTP/AVP/TCP;ssrc= 4317f;unicast;interleaved={channel}-{channel + 1}"
        if quirks.changing_session:
            self._session = secrets.token_hex(4)
        await self._say(asked, 200, "OK", ("Transport", transport), self._session_header())

    async def _play(self, asked: Asked) -> None:
        camera, quirks = self._camera, self._camera.dialogue
        if asked.headers.get("session", "").split(";")[0] != self._session or not self._channels:
            await self._say(asked, 454, "Session Not Found")
            return
        camera.begin_us = begin_us = time.time_ns() // 1_000
        pictures = sounds = None
        if 0 in self._channels:
            pictures = PictureStream(camera.units, camera.stream, self._channels[0], begin_us, self._ssrcs[0])
        if 1 in self._channels and camera.sound is not None:
            sounds = SoundStream(*camera.sound, self._channels[1], begin_us, self._ssrcs[1])
        if pictures is not None:
            for _ in range(quirks.early_data):
                self._writer.writelines(pictures.picture())
        headers = [("Range", "npt=0.000-"), self._session_header()]
        infos = []
        for number, source in enumerate((pictures, sounds)):
            if source is not None:
                sequence = 1 if quirks.rtp_info == "wrong" else source.first_sequence
                address = stream_address(self._url, quirks, number)
                infos.append(f"url={address};seq={sequence};rtptime={source.first_timestamp}")
        match quirks.rtp_info:
            case "right" | "wrong":
                headers.append(("RTP-Info", ",".join(infos)))
            case "senseless":
                headers.append(("RTP-Info", f"url={self._url};seq=;rtptime=-1;"))
        await self._say(asked, 200, "OK", *headers)
        self._playing = asyncio.create_task(self._send(pictures, sounds))

    async def _send(self, pictures: PictureStream | None, sounds: SoundStream | None) -> None:
        loop, pace_s = asyncio.get_running_loop(), self._camera.pace_s
        due, number = loop.time(), 0
        while True:
            if pictures is not None:
                # One by one, as cameras do; over TLS each is a record by itself.
                for frame in pictures.picture():
                    self._writer.write(frame)
            if sounds is not None:
                self._writer.write(sounds.until((number + 1) * PICTURE_90K * 100 // 9))
            await self._writer.drain()
            number += 1
            if number % 10 == 5 and self._camera.dialogue.calls != "none":
                await self._call(self._camera.dialogue.calls)
            due += pace_s
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _call(self, method: str) -> None:
        """Asks the client something, in the midst of the stream."""
        self._answered.clear()
        head = f"{method} {self._url} RTSP/1.0\r\nCSeq: 7\r\nSession: {self._session}\r\n"
        self._writer.write(
            f"{head}Content-Length: 5\r\n\r\nv=0\r\n".encode() if method == "ANNOUNCE" else f"{head}\r\n".encode()
        )
        asyncio.get_running_loop().call_later(_ANSWER_S, self._hang_up_unless_answered)

    def _hang_up_unless_answered(self) -> None:
        if not self._answered.is_set():
            self._writer.transport.abort()

    async def _keep_alive(self, asked: Asked) -> None:
        match self._camera.dialogue.keep_alive:
            case "200":
                await self._say(asked, 200, "OK", self._session_header())
            case "405" | "options only":
                await self._say(asked, 405, "Method Not Allowed")
            case "501":
                await self._say(asked, 501, "Not Implemented")
            case "new nonce" if not self._nonce_renewed:
                self._nonce_renewed = True
                self._door.forget()
                await self._say(asked, 401, "Unauthorized", *self._door.challenges())
            case "new nonce":
                await self._say(asked, 200, "OK", self._session_header())

    def _session_header(self) -> tuple[str, str]:
        lasts_s = self._camera.dialogue.session_timeout_s
        return "Session", self._session if lasts_s is None else f"{self._session};timeout={lasts_s}"

    async def _say(self, asked: Asked, status: int, reason: str, *headers: tuple[str, str], body: bytes = b"") -> None:
        quirks = self._camera.dialogue
        fields = [("Server", "scripted"), *headers]
        if quirks.sequence_number == "right":
            fields.insert(0, ("CSeq", asked.headers.get("cseq", "0")))
        elif quirks.sequence_number == "zero":
            fields.insert(0, ("CSeq", "0"))
        if body:
            fields.append(("Content-Length", str(len(body))))
        lines = [f"RTSP/1.0 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
        end = "\r\n"
        match quirks.spelling:
            case "line feeds":
                end = "\n"
            case "lower case":
                lines = [lines[0], *(f"{name.lower()}:{value}" for name, value in fields)]
            case "no reason":
                lines[0] = f"RTSP/1.0 {status}"
            case "spaces":
                lines = [line + "  " for line in lines]
            case "folded":
                lines.insert(2, " ")
        self._writer.write(end.join([*lines, "", ""]).encode() + body)
        await self._writer.drain()


def _methods(quirks: DialogueQuirks) -> str:
    methods = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    if quirks.keep_alive != "options only":
        methods.append("GET_PARAMETER")
    return ", ".join(methods)
