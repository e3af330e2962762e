"""What the simulated cameras cost while all their streams are pulled, beside one x264 encoder for each stream.

The baseline encodes the very pictures of a stream again, at the same size and rate, with x264's cheapest settings.
"""

import argparse
import os
import threading
import time
from fractions import Fraction
from pathlib import Path

import av

from demo import village
from tests.world import simulated_cameras

_OPTIONS = {"rtsp_transport": "tcp", "timeout": "5000000"}
_BASELINE_PICTURES = 100


def cpu_s(pid: int) -> float:
    """User and system seconds of a process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pull(url: str, until: float, packets: list[int]) -> None:
    """Reads a stream and throws it away."""
    count = 0
    with av.open(url, options=_OPTIONS) as container:
        for _ in container.demux(video=0):
            count += 1
            if time.monotonic() > until:
                break
    packets.append(count)


def encoder_cpu_s_per_minute(url: str) -> float:
    """CPU seconds that one encoder needs for a minute of this stream's pictures."""
    with av.open(url, options=_OPTIONS) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 10)
        frames = []
        for frame in container.decode(stream):
            frames.append(frame.reformat(format="yuv420p"))
            if len(frames) == _BASELINE_PICTURES:
                break
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
    encoder.time_base = Fraction(1, 1000)
    encoder.thread_count = 1
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(round(2 * rate)), "crf": "30"}
    began = time.process_time()
    for number, frame in enumerate(frames):
        frame.pts = round(number * 1000 / rate)
        frame.time_base = encoder.time_base
        encoder.encode(frame)
    encoder.encode(None)
    return (time.process_time() - began) / len(frames) * rate * 60


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    ids = [camera.id for eldership in village.ELDERSHIPS for camera in eldership.cameras]
    with simulated_cameras(ids) as cameras:
        urls = [cameras.url(camera_id, stream) for camera_id in ids for stream in ("main", "sub")]
        print(f"{len(ids)} cameras, {len(urls)} streams pulled for {arguments.seconds:.0f} s; CPU-s per minute of all")
        print("round  simulated cameras  one encoder per stream  ratio")
        for number in range(arguments.rounds):
            packets: list[int] = []
            until = time.monotonic() + arguments.seconds + 5
            threads = [threading.Thread(target=pull, args=(url, until, packets)) for url in urls]
            for thread in threads:
                thread.start()
            time.sleep(5)
            began = cpu_s(cameras.process.pid), time.monotonic()
            time.sleep(arguments.seconds)
            simulated = (cpu_s(cameras.process.pid) - began[0]) / (time.monotonic() - began[1]) * 60
            for thread in threads:
                thread.join()
            baseline = len(ids) * sum(encoder_cpu_s_per_minute(cameras.url(ids[0], s)) for s in ("main", "sub"))
            print(f"{number + 1:5}  {simulated:17.1f}  {baseline:22.1f}  {simulated / baseline:5.2f}", flush=True)
            assert len(packets) == len(urls), "a stream gave nothing"


if __name__ == "__main__":
    main()
