"""Simulated IP cameras: a real RTSP server whose pictures tell their own time (UTC), in a process of its own.

Runs under the system's Python (3.11 or newer) with gst-rtsp-server, and imports nothing of the virtual environment:

    /usr/bin/python3 -m demo.cameras --port 0 < spec.json

The spec is {"user", "password", "movement_every_s", "cameras": [{"id", "name", "scene"}]}; without a password everybody
may look, with movement_every_s 0 things move only when asked to. One line of JSON on stdout says that it is ready.
Every camera has /ID/main (1280 × 720, 10 pictures a second, a keyframe every 2 s) and /ID/sub (320 × 180, 5, 1 s).
Nothing is encoded or sent for a stream that nobody pulls.

On the control port, `GET /` lists the cameras and how many connections each stream has, and
`POST /move?camera=ID&seconds=5[&thing=car|person]` lets something move there now.
"""

import argparse
import json
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

from demo import lettering, scenes  # noqa: E402
from demo.drawing import MAIN, SUB, Kind, Movement, Painter, Scene  # noqa: E402

_MOVEMENT_EVERY_S = 1200.0
_LOOK_S = 0.01  # how often to look for new viewers


@dataclass
class Camera:
    """What one camera is called, and what moves in front of it."""

    id: str
    name: str
    movements: list[Movement] = field(default_factory=list)


@dataclass
class Stream:
    """One stream of one camera; `sources` are the pipelines that somebody pulls at the moment (none or one)."""

    camera: Camera
    scene: Scene
    sources: list[Any] = field(default_factory=list)
    group: list[bytes] = field(default_factory=list)  # what is left of the current group of pictures
    keyframes: int = 0
    due: float = 0  # when the next picture is to be taken, Unix time
    playing: bool = False

    @property
    def kind(self) -> Kind:
        """Main or sub-stream."""
        return self.scene.kind

    @property
    def path(self) -> str:
        """Of the stream's RTSP address."""
        return f"/{self.camera.id}/{self.kind.name}"

    def begin_anew(self) -> None:
        """Let the next picture be a keyframe."""
        self.group = []


class District:
    """All cameras, and the one thread that takes their pictures when they are due."""

    def __init__(self, entries: list[dict[str, str]], movement_every_s: float) -> None:
        self._painters = {kind: Painter(kind) for kind in (MAIN, SUB)}
        self._movements_per_s = 1 / movement_every_s if movement_every_s else 0.0
        self._rng = random.Random(7)
        self.cameras: dict[str, Camera] = {}
        self.streams: list[Stream] = []
        names = lettering.letter(
            [(f" {entry['name']} ", kind.name_height) for entry in entries for kind in (MAIN, SUB)]
        )
        for number, entry in enumerate(entries):
            camera = self.cameras[entry["id"]] = Camera(entry["id"], entry["name"])
            empty = scenes.background(entry["scene"], entry["id"])
            for kind, name in zip((MAIN, SUB), names[number * 2 : number * 2 + 2], strict=True):
                self.streams.append(Stream(camera, self._painters[kind].scene(empty, name)))

    def move(self, camera: Camera, seconds: float, thing: str) -> None:
        """Let something move there now."""
        now = time.time()
        camera.movements = [movement for movement in camera.movements if movement.end > now]
        camera.movements.append(Movement(now, now + seconds, thing))
        for stream in self.streams:
            if stream.camera is camera:
                stream.begin_anew()

    def run(self) -> None:
        """Take pictures, for ever."""
        while True:
            now = time.time()
            stream = min(self.streams, key=_due)
            if stream.due > now + _LOOK_S:
                time.sleep(_LOOK_S)
                for waiting in self.streams:
                    if waiting.sources and not waiting.playing and _playing(waiting.sources):
                        waiting.due = now  # its viewer waits for the first picture
                continue
            if stream.due > now:
                time.sleep(stream.due - now)
            elif stream.due < now - 1:  # the beginning; or the clock was set, or the machine slept
                stream.due = now
                stream.begin_anew()
            self._take_picture(stream, stream.due)
            if stream.kind is MAIN and self._rng.random() < self._movements_per_s / stream.kind.rate:
                self.move(stream.camera, self._rng.uniform(6, 12), self._rng.choice(("car", "person")))
            stream.due += 1 / stream.kind.rate

    def _take_picture(self, stream: Stream, at: float) -> None:
        sources = _playing(stream.sources)
        stream.playing = bool(sources)
        if not sources:
            stream.begin_anew()
            return
        group = stream.group
        if not group:
            painter = self._painters[stream.kind]
            group = painter.group(stream.scene, stream.camera.movements, at, stream.keyframes)
            stream.keyframes += 1
            stream.group = group
        data = group.pop(0)
        for source in sources:
            clock = source.get_clock()
            if clock is None:  # its viewer has gone in this moment
                continue
            picture = Gst.Buffer.new_wrapped(data)
            age = int((time.time() - at) * Gst.SECOND)
            picture.pts = max(clock.get_time() - source.get_base_time() - age, 0)
            picture.duration = Gst.SECOND // stream.kind.rate
            source.emit("push-buffer", picture)


def _due(stream: Stream) -> float:
    return stream.due


def _playing(sources: list[Any]) -> list[Any]:
    return [source for source in tuple(sources) if source.get_state(0)[1] == Gst.State.PLAYING]


class RtspServer:
    """The cameras on one port; knows who is connected to which stream."""

    def __init__(self, streams: list[Stream], port: int, user: str, password: str) -> None:
        self.connections: dict[Any, set[str]] = {}
        self._streams = {stream.path: stream for stream in streams}
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(port))
        self._server.connect("client-connected", self._connected)
        if password:
            auth = GstRtspServer.RTSPAuth()
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", "viewer")
            auth.add_digest(user, password, token)
            self._server.set_auth(auth)
        mounts = self._server.get_mount_points()
        for stream in streams:
            mounts.add_factory(stream.path, self._factory(stream, bool(password)))

    def start(self) -> int:
        """Serve; the port."""
        if not self._server.attach(None):
            raise OSError(f"cannot listen on 127.0.0.1:{self._server.get_service()}; is something else there?")
        # A client that vanished without TEARDOWN would hold its encoder for the session's whole timeout.
        GLib.timeout_add_seconds(5, lambda: self._server.get_session_pool().cleanup() >= 0)
        return int(self._server.get_bound_port())

    def _factory(self, stream: Stream, protected: bool) -> Any:
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            f"( appsrc name=source is-live=true format=time caps={stream.kind.caps} "
            "! rtph264pay name=pay0 pt=96 config-interval=0 aggregate-mode=zero-latency )"
        )
        factory.set_shared(True)
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
        factory.set_latency(0)
        if protected:
            permissions = GstRtspServer.RTSPPermissions()
            for right in ("media.factory.access", "media.factory.construct"):
                permissions.add_permission_for_role("viewer", right, True)
            factory.set_permissions(permissions)
        factory.connect("media-configure", self._configure, stream)
        return factory

    def _configure(self, _factory: Any, media: Any, stream: Stream) -> None:
        source = media.get_element().get_by_name("source")
        stream.begin_anew()
        stream.sources.append(source)
        media.connect("unprepared", lambda _media: stream.sources.remove(source))

    def _connected(self, _server: Any, client: Any) -> None:
        client.connect("play-request", self._play)
        client.connect("closed", lambda client: self.connections.pop(client, None))

    def _play(self, client: Any, context: Any) -> None:
        path = context.uri.abspath
        stream = next((stream for known, stream in self._streams.items() if path.startswith(known)), None)
        if stream is None:
            return
        self.connections.setdefault(client, set()).add(stream.path)
        stream.begin_anew()  # who comes second shall not wait for the next keyframe


class Control(BaseHTTPRequestHandler):
    """The control channel. Its class attributes are set by `main`."""

    district: District
    rtsp: RtspServer

    def do_GET(self) -> None:
        """List the cameras, wherever it is asked."""
        paths = [path for played in tuple(self.rtsp.connections.values()) for path in played]
        listed = [
            {
                "id": camera.id,
                "name": camera.name,
                "moving": any(movement.end > time.time() for movement in camera.movements),
                "connections": {kind.name: paths.count(f"/{camera.id}/{kind.name}") for kind in (MAIN, SUB)},
            }
            for camera in self.district.cameras.values()
        ]
        self._answer(200, {"cameras": listed})

    def do_POST(self) -> None:
        """Let something move."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        camera = self.district.cameras.get(query.get("camera", ""))
        thing = query.get("thing", "car")
        try:
            seconds = float(query.get("seconds", "5"))
        except ValueError:
            seconds = 0.0
        if url.path != "/move":
            self._answer(404, {"error": "known are GET / and POST /move?camera=ID&seconds=5&thing=car|person"})
        elif camera is None:
            self._answer(404, {"error": f"no such camera; there are {', '.join(self.district.cameras)}"})
        elif not 0 < seconds <= 600 or thing not in {"car", "person"}:
            self._answer(400, {"error": "expected seconds from 0 to 600 and a thing of car or person"})
        else:
            self.district.move(camera, seconds, thing)
            self._answer(200, {"camera": camera.id, "seconds": seconds, "thing": thing})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


def main() -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="demo.cameras", description="Simulated IP cameras on 127.0.0.1 (RTSP).")
    parser.add_argument(
        "--spec", type=argparse.FileType(encoding="utf-8"), default=sys.stdin, help="JSON; default stdin"
    )
    parser.add_argument("--port", type=int, default=8554, help="of RTSP; 0 lets the system choose")
    parser.add_argument("--control-port", type=int, default=0, help="of the control channel; 0 lets the system choose")
    arguments = parser.parse_args()
    spec = json.load(arguments.spec)

    Gst.init(None)
    district = District(spec["cameras"], float(spec.get("movement_every_s", _MOVEMENT_EVERY_S)))
    server = RtspServer(district.streams, arguments.port, spec.get("user", ""), spec.get("password", ""))
    try:
        port = server.start()
        Control.district, Control.rtsp = district, server
        control = ThreadingHTTPServer(("127.0.0.1", arguments.control_port), Control)
    except OSError as error:
        print(f"demo.cameras: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=control.serve_forever, name="control", daemon=True).start()
    threading.Thread(target=district.run, name="pictures", daemon=True).start()

    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    credentials = f"{spec['user']}:{spec['password']}@" if spec.get("password") else ""
    address = f"rtsp://{credentials}127.0.0.1:{port}"
    ready = {
        "ready": True,
        "port": port,
        "control_port": control.server_port,
        "cameras": [
            {"id": entry["id"], "main": f"{address}/{entry['id']}/main", "sub": f"{address}/{entry['id']}/sub"}
            for entry in spec["cameras"]
        ],
    }
    print(json.dumps(ready), flush=True)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
