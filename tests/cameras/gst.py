"""gst-rtsp-server as a camera: a process that serves footage."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safe_community_recorder.media.cmaf import Group
from safe_community_recorder.media.video import CodecName
from tests.cameras.cable import Cable
from tests.recorder.footage import groups_of, recorded

USER, PASSWORD = "camera", "secret"


@dataclass
class GstCamera:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """The stream's address."""
        return f"rtsp://{self.host}:{self.port}/stream"

    def end(self) -> list[str]:
        """Ends it; the addresses of the streams that were set up."""
        return self.process.communicate()[0].split()


@contextmanager
def gst_camera(
    path: Path, codec: CodecName | Literal["jpeg"], *options: str, cable: Cable | None = None
) -> Iterator[GstCamera]:
    """Serves an MP4 file, at the end of a cable if there is one; `options` are those of gst_server.py."""
    script = str(Path(__file__).with_name("gst_server.py"))
    command = ["/usr/bin/python3", script, str(path), codec, *options]
    if cable is not None:
        command = [*cable.there, *command, "--host", cable.host]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield GstCamera(server, port) if cable is None else GstCamera(server, port, cable.host)
        if server.returncode is None:
            server.communicate()


def movie(path: Path, groups: Sequence[Group]) -> Path:
    """Groups of pictures as a file that such a server can serve."""
    path.write_bytes(recorded(groups)[0])
    return path


def transport_stream(tmp_path: Path, pictures: int = 30) -> Path:
    """Footage as MPEG-TS."""
    path = tmp_path / "footage.ts"
    if not path.exists():
        source = str(movie(tmp_path / "footage.mp4", groups_of(pictures)))
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", source, "-c", "copy", str(path)], check=True)
    return path
