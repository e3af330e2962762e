"""One connection of a simulated camera: its dialogue in RTSP (RFC 2326), and its RTP packets one after the other."""

import socket
import struct
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from .footage import PAYLOAD_TYPE, Footage, Picture, label

_CLOCK_RATE = 90_000
_REPORT_EVERY_S = 5.0
_NTP_EPOCH_S = 2_208_988_800
_HEADER: Final = struct.Struct("!BBHBBHII")
_SENDER_REPORT: Final = struct.Struct("!BBHBBHIIIIII")


@dataclass(slots=True)
class Camera:
    """One camera's clock and numbers. `epoch` is when its picture 0 was taken, on the monotonic clock."""

    number: int
    epoch: float
    ssrc: int
    first_sequence: int
    first_timestamp: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was sent, for one connection: a camera's pictures are counted from its start, the last one is whole.

    `epoch_utc`: when picture 0 was taken, in seconds since 1970, as the camera's sender reports have it.
    """

    camera: int
    epoch_utc: float
    first_picture: int
    end_picture: int
    packets: int
    size_bytes: int
    stalled_s: float


class Viewer:
    """One connection: its dialogue, and where in its camera's stream it is."""

    __slots__ = (
        "at", "backlog", "camera", "due", "epoch_utc", "first_picture", "footage", "packet", "picture", "pictures",
        "playing", "received", "reported_at", "sent_bytes", "sent_packets", "sequence", "socket", "span_s", "stalled_s",
        "timestamp", "waiting_since",
    )  # fmt: skip

    def __init__(self, connection: socket.socket, footage: Footage, span_s: float) -> None:
        self.socket = connection
        self.footage = footage
        self.pictures = footage.pictures
        self.span_s = span_s
        self.received = b""
        self.camera: Camera | None = None
        self.playing = False
        self.backlog = b""
        self.stalled_s = 0.0
        self.waiting_since = 0.0
        self.first_picture = 0
        self.picture = 0  # the camera's pictures, counted from its epoch
        self.packet = 0
        self.at: Picture = footage.pictures[0]
        self.due = 0.0
        self.sequence = self.timestamp = 0
        self.sent_packets = self.sent_bytes = 0
        self.reported_at = 0.0
        self.epoch_utc = 0.0

    def play(self, camera: Camera, now: float) -> None:
        """Begins at the camera's next keyframe."""
        kind = self.footage.kind
        taken = int((now - camera.epoch) * kind.rate) + 1
        group = self.footage.pictures_per_group
        self.camera, self.playing = camera, True
        self.epoch_utc = camera.epoch + time.time() - time.monotonic()
        self.first_picture = -(-taken // group) * group
        packets = sum(len(picture.packets) for picture in self.pictures)
        loops, rest = divmod(self.first_picture, len(self.pictures))
        before = loops * packets + sum(len(picture.packets) for picture in self.pictures[:rest])
        self.sequence = camera.first_sequence + before & 0xFFFF
        self._go_to(self.first_picture)

    def _go_to(self, number: int) -> None:
        assert self.camera is not None
        rate = self.footage.kind.rate
        self.picture, self.packet = number, 0
        self.at = self.pictures[number % len(self.pictures)]
        self.due = self.camera.epoch + number / rate
        self.timestamp = self.camera.first_timestamp + number * _CLOCK_RATE // rate & 0xFFFFFFFF

    def send_next(self, now: float) -> bool:
        """Sends the packet that is due, and says when the next one is; False when the other side takes no more."""
        assert self.camera is not None
        if self.backlog and not self._send(b""):
            self._wait(now)
            return False
        if self.waiting_since:
            self.stalled_s += now - self.waiting_since
            self.waiting_since = 0.0
        packets = self.at.packets
        packet = packets[self.packet]
        payload = label(self.picture) if self.packet == self.at.labelled else packet.payload
        kind = PAYLOAD_TYPE | 0x80 if packet.marker else PAYLOAD_TYPE
        size = 12 + len(payload)
        header = _HEADER.pack(0x24, 0, size, 0x80, kind, self.sequence, self.timestamp, self.camera.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        self.sent_packets += 1
        self.sent_bytes += 4 + size
        whole = self._send(header + payload)
        self.packet += 1
        if self.packet < len(packets):
            self.due += self.span_s / len(packets)
        else:
            self._go_to(self.picture + 1)
            if self.due - self.reported_at >= _REPORT_EVERY_S:
                whole = self._send_report() and whole
        if not whole:
            self._wait(now)
        return whole

    def _wait(self, now: float) -> None:
        if not self.waiting_since:
            self.waiting_since = now

    def _send_report(self) -> bool:
        """A sender report (RFC 3550 §6.4.1) with the time of the next picture."""
        assert self.camera is not None
        self.reported_at = self.due
        seconds, fraction = divmod(self.epoch_utc + self.picture / self.footage.kind.rate, 1)
        ntp = int(seconds) + _NTP_EPOCH_S & 0xFFFFFFFF, int(fraction * (1 << 32))
        octets = self.sent_bytes - 16 * self.sent_packets & 0xFFFFFFFF
        counts = self.sent_packets & 0xFFFFFFFF, octets
        return self._send(
            _SENDER_REPORT.pack(0x24, 1, 28, 0x80, 200, 6, self.camera.ssrc, *ntp, self.timestamp, *counts)
        )

    def _send(self, data: bytes) -> bool:
        if self.backlog:
            data = self.backlog + data
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        self.backlog = data[sent:] if sent < len(data) else b""
        return not self.backlog

    def report(self, now: float) -> Report:
        """What was sent so far."""
        assert self.camera is not None
        # Of a picture whose last packet waits here the other side has only a part.
        end = self.picture - (1 if self.backlog and self.packet == 0 else 0)
        stalled_s = self.stalled_s + (now - self.waiting_since if self.waiting_since else 0)
        return Report(
            camera=self.camera.number,
            epoch_utc=self.epoch_utc,
            first_picture=self.first_picture,
            end_picture=max(end, self.first_picture),
            packets=self.sent_packets,
            size_bytes=self.sent_bytes,
            stalled_s=round(stalled_s, 3),
        )

    def answer(self, cameras: list[Camera], now: float) -> None:
        """Answers the requests that have come; a receiver report (interleaved) is only taken off."""
        while self.received:
            if self.received[0] == 0x24:
                if len(self.received) < 4 or len(self.received) < 4 + int.from_bytes(self.received[2:4]):
                    return
                self.received = self.received[4 + int.from_bytes(self.received[2:4]) :]
                continue
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if not found:
                return
            lines = head.decode("ascii", "replace").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body_bytes = int(headers.get("content-length", "0"))
            if len(rest) < body_bytes:
                return
            self.received = rest[body_bytes:]
            method, url, _ = lines[0].split(" ", 2)
            self._answer(method, url, headers, cameras, now)

    def _answer(self, method: str, url: str, headers: dict[str, str], cameras: list[Camera], now: float) -> None:
        number = url.partition("://")[2].partition("/")[2].partition("/")[0]
        camera = cameras[int(number)] if number.isdigit() and int(number) < len(cameras) else None
        more, body = [], ""
        status = "200 OK"
        session = "Session: 12345678;timeout=60"
        match method:
            case "OPTIONS":
                more = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"]
            case _ if camera is None:
                status = "404 Not Found"
            case "DESCRIBE":
                more = [f"Content-Base: {url}/", "Content-Type: application/sdp"]
                body = self._description()
            case "SETUP":
                more = [session, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
                if "RTP/AVP/TCP" not in headers.get("transport", ""):
                    status, more = "461 Unsupported Transport", []
            case "PLAY":
                self.play(camera, now)
                info = f"url={url}/track;seq={self.sequence};rtptime={self.timestamp}"
                more = [session, "Range: npt=now-", f"RTP-Info: {info}"]
            case "GET_PARAMETER" | "SET_PARAMETER":
                more = [session]
            case "TEARDOWN":
                more = [session]
                self.playing = False
            case _:
                status = "501 Not Implemented"
        lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *more]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._send("\r\n".join([*lines, "", body]).encode())
        if method == "PLAY" and self.playing:
            self._send_report()

    def _description(self) -> str:
        sps, pps = self.footage.parameter_sets
        sets = ",".join(b64encode(nal).decode() for nal in (sps, pps))
        lines = [
            *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"),
            *(f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} H264/{_CLOCK_RATE}"),
            f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={sets}",
            *(f"a=framerate:{self.footage.kind.rate}", "a=control:track"),
        ]
        return "".join(f"{line}\r\n" for line in lines)
