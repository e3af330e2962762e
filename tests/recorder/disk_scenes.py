"""A recorder on a disk that gets into trouble, and a witness who says what was to be seen meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import av

from demo import timecode
from tests.faults import evidence
from tests.world import Cameras, Recorder, text, wait_until


def storage(recorder: Recorder) -> dict[str, Any]:
    """What the recorder says of its disk."""
    answer: dict[str, Any] = recorder.ask("/api/v1/storage").json
    return answer


@dataclass
class Scene:
    """A recorder that records one camera on a disk of its own, and a witness."""

    recorder: Recorder
    witness: evidence.Witness

    def says(self, state: str, timeout_s: float = 60) -> None:
        """Waits until the recorder says so of its disk."""
        deadline = time.monotonic() + timeout_s
        while (said := storage(self.recorder))["state"] != state:
            assert time.monotonic() < deadline, f"not {state} but {said['state']}: {said['problem']}"
            time.sleep(0.1)
        assert (said["problem"] is None) == (state == "ok")

    def does_not_record(self) -> None:
        """Waits until the recorder says so of the camera: at the next group of pictures at the latest."""
        wait_until(lambda: not self.recorder.camera("stop")["recording"], 60)

    def clip(self, start: datetime, end: datetime, path: Path) -> list[datetime]:
        """When the pictures of a clip were taken."""
        query = urlencode({"start": text(start), "end": text(end)})
        path.write_bytes(self.recorder.ask(f"/api/v1/cameras/stop/clip.mp4?{query}").body)
        with av.open(str(path)) as container:
            return [timecode.read(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]

    def nothing_lost_since(self, start: datetime, path: Path) -> None:
        """Waits for the footage of now; all pictures since are there, and no gap is said."""
        now = datetime.now(UTC)
        wait_until(lambda: self.recorded_until() > now, 60)
        assert self.gaps_since(start) == []
        pictures = self.clip(start, now, path)
        assert pictures == sorted(set(pictures))
        assert pictures[0] <= start + timedelta(seconds=1)
        assert pictures[-1] >= now - timedelta(seconds=1)
        assert self.witness.missing(pictures) == []

    def recorded_until(self) -> datetime:
        """The end of the footage."""
        return datetime.fromisoformat(self.recorder.timeline("stop")["spans"][-1]["end"])

    def gaps_since(self, start: datetime) -> list[dict[str, Any]]:
        """What is said to be missing."""
        gaps = self.recorder.timeline("stop")["gaps"]
        return [gap for gap in gaps if gap["end"] is None or datetime.fromisoformat(gap["end"]) > start]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """All along, the recorder lives and answers sooner than a disk in trouble does."""
        assert self.recorder.process is not None
        paths = ("/api/v1/cameras", "/api/v1/storage", "/health")
        with evidence.Pulse(self.recorder, paths) as pulse:
            yield
        assert self.recorder.process.poll() is None
        assert pulse.failures == []
        assert pulse.answers > 0
        assert pulse.longest_s < 2.5, f"{pulse.slowest} took {pulse.longest_s:.1f} s"


@contextmanager
def recording_on(archive: Path, directory: Path, cameras: Cameras, *options: str) -> Iterator[Scene]:
    """A recorder that has just begun to record."""
    recorder = Recorder(directory, archive_root=archive, options=options)
    recorder.write_camera_file([{"id": "stop", "url": cameras.url("stop")}])
    with evidence.Witness(cameras.url("stop")) as witness:
        recorder.start()
        try:
            recorder.wait_for_footage("stop", 3)
            yield Scene(recorder, witness)
        finally:
            code = recorder.stop()
    assert code == 0
    evidence.check(archive, "stop")
