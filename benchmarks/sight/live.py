"""From a movement in front of a camera to the message that a listener of the recorder has in hand.

The demo's village: real RTSP, a real recorder, its WebSocket. Something drives into the picture of one camera after the
other, from outside its edge: the time counts from when it is let in, so that the way to the edge is part of it.
"""

import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.world import CLOCK, Cameras, Recorder, simulated_cameras

_LEARNING_S = 60
_REST_S = 14
_LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from movement to message, for each movement that was told; `missed` were not within ten seconds."""

    cameras: int
    seconds: tuple[float, ...]
    missed: int

    @property
    def median_s(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def p95_s(self) -> float:
        """What 95 of a hundred do not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]


def measure(cameras: int = 24, rounds: int = 2, *, sub_stream: bool = True) -> Delays:
    """Delays of `rounds` movements at each camera."""
    ids = [f"camera-{number:02}" for number in range(cameras)]
    with tempfile.TemporaryDirectory() as directory, simulated_cameras(ids) as village:
        recorder = Recorder(Path(directory))
        recorder.write_camera_file(
            [
                {"id": one, "url": village.url(one), "vision": CLOCK}
                | ({"detect_url": village.url(one, "sub")} if sub_stream else {})
                for one in ids
            ]
        )
        recorder.start()
        try:
            time.sleep(_LEARNING_S)
            return asyncio.run(_measure(recorder, village, rounds))
        finally:
            recorder.stop()


async def _measure(recorder: Recorder, village: Cameras, rounds: int) -> Delays:
    headers = {"Authorization": f"Bearer {recorder.token}"}
    begun: dict[str, float] = {}
    told: dict[str, list[float]] = {one: [] for one in village.ids}

    async def listen(socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == "observation" and event["observation"]["kind"] == "motion":
                since_s = begun.pop(event["observation"]["camera_id"], None)
                if since_s is not None and event["observation"]["lasting"]:
                    told[event["observation"]["camera_id"]].append(time.monotonic() - since_s)

    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{recorder.url}/api/v1/events", headers=headers, max_msg_size=0) as socket,
    ):
        listening = asyncio.create_task(listen(socket))
        missed = 0
        for _ in range(rounds):
            for camera_id in village.ids:
                begun[camera_id] = time.monotonic()
                await asyncio.to_thread(village.move, camera_id, 5.0)
                await asyncio.sleep(1.0)
            await asyncio.sleep(_LONGEST_S)
            missed += len(begun)
            begun.clear()
            await asyncio.sleep(_REST_S)
        listening.cancel()
    seconds = tuple(delay for delays in told.values() for delay in delays)
    return Delays(len(village.ids), seconds, missed)
