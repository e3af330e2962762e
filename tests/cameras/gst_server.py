"""Serves one MP4 over RTSP by gst-rtsp-server, as a camera does; runs under the system's Python (3.11 or newer).

    /usr/bin/python3 gst_server.py FILE h264|h265|jpeg [--sound aac|pcmu] [--login digest|basic] [--shared]
        [--mtu BYTES] [--sets once] [--host ADDRESS] [--transport udp]

The stream is rtsp://ADDRESS:PORT/stream (127.0.0.1 without --host); PORT is the first line of stdout, then a line for
each stream that a client sets up. A shared one is the same stream for all clients; otherwise each begins with the
file's first picture. With --login the user is "camera" with the password "secret". Parameter sets come before each
slice of a keyframe, or once in the SDP. RTP comes over TCP only, or over UDP only. Ends when stdin does.
"""

import argparse
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  after the versions are chosen

_PICTURES = {
    "h264": "h264parse ! rtph264pay name=pay0 pt=96 config-interval={sets}",
    "h265": "h265parse ! rtph265pay name=pay0 pt=96 config-interval={sets}",
    "jpeg": "rtpjpegpay name=pay0 pt=26",
}
_SOUND = {
    "aac": "movie.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "pcmu": "audiotestsrc is-live=true ! audioconvert ! mulawenc ! rtppcmupay name=pay1 pt=0",
    "": "",
}
_SETS = {"always": -1, "once": 0}
_TRANSPORTS = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
_LOGINS = {"digest": GstRtsp.RTSPAuthMethod.DIGEST, "basic": GstRtsp.RTSPAuthMethod.BASIC}


def main(asked: argparse.Namespace) -> None:
    """Serves until stdin ends."""
    server = GstRtspServer.RTSPServer()
    server.set_address(asked.host)
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    pictures = f"{_PICTURES[asked.codec].format(sets=_SETS[asked.sets])} mtu={asked.mtu}"
    movie = f"filesrc location={asked.path} ! qtdemux name=movie movie.video_0 ! queue"
    factory.set_launch(f"( {movie} ! {pictures} {_SOUND[asked.sound]} )")
    factory.set_protocols(_TRANSPORTS[asked.transport])
    factory.set_shared(asked.shared)
    if asked.login:
        _admit(server, factory, asked.login)
    server.get_mount_points().add_factory("/stream", factory)
    server.connect("client-connected", lambda _server, client: client.connect("setup-request", _set_up))
    server.attach(None)
    loop: Any = GLib.MainLoop()
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


def _admit(server: Any, factory: Any, login: str) -> None:
    """Only the one user may look."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(_LOGINS[login])
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if login == "digest":
        auth.add_digest("camera", "secret", token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("camera", "secret"), token)
    server.set_auth(auth)
    role = Gst.Structure.new_empty("viewer")
    for permission in ("media.factory.access", "media.factory.construct"):
        role.set_value(permission, True)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role_from_structure(role)
    factory.set_permissions(permissions)


def _set_up(_client: Any, context: Any) -> None:
    print(context.uri.abspath, flush=True)


if __name__ == "__main__":
    Gst.init(None)
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("codec", choices=_PICTURES)
    parser.add_argument("--sound", choices=_SOUND, default="")
    parser.add_argument("--login", choices=_LOGINS, default="")
    parser.add_argument("--sets", choices=_SETS, default="always")
    parser.add_argument("--mtu", type=int, default=1_400)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--transport", choices=_TRANSPORTS, default="tcp")
    main(parser.parse_args())
