"""Cameras for tests: serves a quiet picture as an endless H.264 stream, in a process of its own.

Usage: loop_camera.py DIRECTORY. Prints its port; every path that ends in .ts is a camera. What noise.ts sends is large:
some MB a second.
"""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_loop(path: Path) -> None:
    """Encode ten seconds with a keyframe every second; nothing moves but what a test moves."""
    still = "mandelbrot=size=320x180:rate=10,trim=end_frame=1,loop=loop=-1:size=1"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", still, "-t", "10"]
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10", "-bf", "0"]
    subprocess.run([*command, *encoding, str(path)], check=True)


def make_noise(path: Path) -> None:
    """Encode two seconds that no codec can make small."""
    noise = "nullsrc=size=640x360:rate=10,format=yuv420p,noise=alls=100:allf=t"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", noise, "-t", "2"]
    subprocess.run(
        [*command, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-g", "10", str(path)], check=True
    )


class Camera(BaseHTTPRequestHandler):
    """Sends the loop in real time until the viewer leaves."""

    loop: Path
    noise: Path

    def do_GET(self) -> None:
        if not self.path.endswith(".ts"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        loop = self.noise if self.path == "/noise.ts" else self.loop
        command = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(loop), "-c", "copy"]
        with subprocess.Popen([*command, "-f", "mpegts", "-flush_packets", "1", "-"], stdout=subprocess.PIPE) as ffmpeg:
            assert ffmpeg.stdout is not None
            try:
                while data := os.read(ffmpeg.stdout.fileno(), 65_536):
                    self.wfile.write(data)
            except ConnectionError:
                pass
            finally:
                ffmpeg.kill()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Say nothing."""


def main() -> None:
    """Serve until the process is ended."""
    Camera.loop = Path(sys.argv[1]) / "loop.mp4"
    make_loop(Camera.loop)
    Camera.noise = Path(sys.argv[1]) / "noise.mp4"
    make_noise(Camera.noise)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
