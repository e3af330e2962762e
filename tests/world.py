"""The small real world that tests live in: simulated cameras and a recorder, each a process of its own on loopback."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import yaml

ROOT = Path(__file__).parents[1]
CAMERA_USER = "camera"
CAMERA_PASSWORD = "s3cret-of-the-camera"
# The simulated cameras write the time, and a code of it, along the upper edge: nobody moves there.
CLOCK = {"ignore": [[[0, 0], [1, 0], [1, 0.18], [0, 0.18]]]}
ELDERSHIPS = ({"id": "vabalninkas", "name": "Vabalninkas"}, {"id": "pabirze", "name": "Pabiržė"})


def wait_until[T](condition: Callable[[], T | None], timeout_s: float = 30, every_s: float = 0.1) -> T:
    """The first true value of the condition; AssertionError when it stays false."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still waiting after {timeout_s} s"
        time.sleep(every_s)
    return value


def text(moment: datetime) -> str:
    """RFC 3339, as the interface takes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def stop(process: subprocess.Popen[Any], timeout_s: float = 15) -> int:
    """Ends a process politely, and otherwise for good; its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    return process.returncode


def _line(stream: IO[str], process: subprocess.Popen[Any], timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if select.select([stream], [], [], 0.2)[0]:
            return stream.readline()
        assert process.poll() is None, f"the process ended with {process.returncode}"
    raise AssertionError(f"no line within {timeout_s} s")


@dataclass
class Cameras:
    """A running RTSP server with simulated cameras."""

    process: subprocess.Popen[str]
    port: int
    control_port: int
    ids: tuple[str, ...]

    def url(self, camera_id: str, stream: str = "main", password: str = CAMERA_PASSWORD) -> str:
        """A stream's address."""
        return f"rtsp://{CAMERA_USER}:{password}@127.0.0.1:{self.port}/{camera_id}/{stream}"

    def move(self, camera_id: str, seconds: float = 5) -> None:
        """Lets something cross the picture now."""
        query = urlencode({"camera": camera_id, "seconds": seconds})
        with urlopen(Request(f"http://127.0.0.1:{self.control_port}/move?{query}", method="POST"), timeout=5):
            pass

    def connections(self) -> dict[str, int]:
        """How many connections each stream has, by `ID/main` and `ID/sub`."""
        with urlopen(f"http://127.0.0.1:{self.control_port}/", timeout=5) as answer:
            listing = json.load(answer)
        return {
            f"{c['id']}/{stream}": c["connections"][stream] for c in listing["cameras"] for stream in ("main", "sub")
        }


@contextlib.contextmanager
def simulated_cameras(ids: Sequence[str], port: int = 0) -> Iterator[Cameras]:
    """Starts the RTSP server."""
    spec = {
        "user": CAMERA_USER,
        "password": CAMERA_PASSWORD,
        "movement_every_s": 0,
        "cameras": [{"id": camera_id, "name": camera_id, "scene": "stop"} for camera_id in ids],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(spec, file)
        file.flush()
        process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "demo.cameras", "--spec", file.name, "--port", str(port), "--control-port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = json.loads(_line(process.stdout, process, 60))
            yield Cameras(process, ready["port"], ready["control_port"], tuple(ids))
        finally:
            stop(process)


@dataclass
class Answer:
    """What the recorder answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Recorder:
    """A recorder process and its interface.

    `archive_root`: where its footage lies, if not below its data. `environment` comes on top of this process's own.
    `options` are more of its command line.
    """

    directory: Path
    port: int = 0
    archive_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    process: subprocess.Popen[str] | None = None
    log_path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log_path = self.directory / "recorder.log"

    @property
    def camera_file(self) -> Path:
        """Its camera file."""
        return self.directory / "cameras.yaml"

    @property
    def archive(self) -> Path:
        """Where its footage lies."""
        return self.archive_root or self.directory / "data" / "archive"

    @property
    def token(self) -> str:
        """Its bearer token."""
        return (self.directory / "data" / "token").read_text().strip()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log so far."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]

    def write_camera_file(self, cameras: Sequence[Mapping[str, Any]], **more: Any) -> None:
        """Replaces the camera file; `eldership` defaults to the first."""
        entries = [{"name": camera["id"], "eldership": ELDERSHIPS[0]["id"], **camera} for camera in cameras]
        content = {"version": 1, "name": "Biržai", "elderships": list(ELDERSHIPS), "cameras": entries, **more}
        self.directory.mkdir(parents=True, exist_ok=True)
        self.camera_file.write_text(yaml.safe_dump(content, allow_unicode=True))

    def start(self) -> None:
        """Starts it on the same port as before, if there was one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("a") as log:
            already = log.tell()
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "safe_community_recorder"),
                    *("--config", str(self.camera_file), "--data", str(self.directory / "data")),
                    *(("--archive", str(self.archive_root)) if self.archive_root else ()),
                    *("--port", str(self.port), *self.options),
                ],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT / "recorder_addon"), **self.environment},
                text=True,
            )

        def listening() -> int:
            assert self.process is not None
            assert self.process.poll() is None, self.log_path.read_text()
            with self.log_path.open() as lines:
                lines.seek(already)
                events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
            return next((event["port"] for event in events if event["event"] == "listening"), 0)

        self.port = wait_until(listening, 30, 0.05)

    def stop(self) -> int:
        """Stops it; its exit code."""
        assert self.process is not None
        return stop(self.process)

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(
        self, path: str, method: str = "GET", token: str | None = None, body: object = None, **headers: str
    ) -> Answer:
        """One request, with the right token unless another is given ("" for none). A body of bytes goes as it is."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        token = self.token if token is None else token
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        try:
            with urlopen(Request(self.url + path, data, all_headers, method=method), timeout=20) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def camera(self, camera_id: str) -> dict[str, Any]:
        """A camera's state."""
        state: dict[str, Any] = self.ask(f"/api/v1/cameras/{camera_id}").json["state"]
        return state

    def timeline(self, camera_id: str) -> dict[str, Any]:
        """The last day of a camera."""
        timeline: dict[str, Any] = self.ask(f"/api/v1/cameras/{camera_id}/timeline?{last(timedelta(days=1))}").json
        return timeline

    def recorded_s(self, camera_id: str) -> float:
        """Seconds of footage of the last day."""
        return sum(
            (datetime.fromisoformat(span["end"]) - datetime.fromisoformat(span["start"])).total_seconds()
            for span in self.timeline(camera_id)["spans"]
        )

    def wait_for_footage(self, camera_id: str, seconds: float, timeout_s: float = 60) -> None:
        """Until there is so much footage."""
        wait_until(lambda: self.recorded_s(camera_id) >= seconds, timeout_s, 0.3)


def last(period: timedelta) -> str:
    """The query of a range that ends in a moment's time."""
    now = datetime.now(UTC)
    return urlencode({"start": text(now - period), "end": text(now + timedelta(seconds=1))})
