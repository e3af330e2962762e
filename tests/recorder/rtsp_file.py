"""Serves one MP4 with pictures and sound over RTSP, as a camera does; runs under the system's Python (3.11 or newer).

    /usr/bin/python3 rtsp_file.py FILE h264|h265 aac|pcmu

The stream is rtsp://127.0.0.1:PORT/stream; PORT is the first line of stdout, then a line for each stream that a client
sets up. Ends when stdin does.
"""

import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  after the versions are chosen

_PICTURES = {
    "h264": "h264parse ! rtph264pay config-interval=-1 name=pay0 pt=96",
    "h265": "h265parse ! rtph265pay config-interval=-1 name=pay0 pt=96",
}
_SOUND = {
    "aac": "movie.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "pcmu": "audiotestsrc is-live=true ! audioconvert ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def main(path: str, codec: str, sound: str) -> None:
    """Serves until stdin ends."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( filesrc location={path} ! qtdemux name=movie movie.video_0 ! queue ! {_PICTURES[codec]} {_SOUND[sound]} )"
    )
    factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
    server.get_mount_points().add_factory("/stream", factory)
    server.connect("client-connected", lambda _server, client: client.connect("setup-request", _set_up))
    server.attach(None)
    loop: Any = GLib.MainLoop()
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


def _set_up(_client: Any, context: Any) -> None:
    print(context.uri.abspath, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
