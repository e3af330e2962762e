"""Samples cameras: decodes keyframes one after the other beside the event loop and asks the camera's detector."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .media.picture import PictureError, decode_keyframe, to_gray
from .media.video import AccessUnit
from .utc import SECOND_US
from .vision.motion import MotionDetector

_LOGGER = logging.getLogger(__name__)

WIDTH = 160
HEIGHT = 96


class Sampler:
    """One thread decodes for all cameras. A camera's keyframe that comes while its last one still waits is skipped.

    One that is `idle` decodes nothing.
    """

    def __init__(self, *, idle: bool = False) -> None:
        self.idle = idle
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vision")
        self.skipped = 0

    def watch(self, camera_id: str, on_motion: Callable[[bool], None]) -> Watch:
        """A camera's eye. `on_motion` is called in the event loop whenever motion begins or ends."""
        return Watch(camera_id, self, on_motion)

    def submit(self, watch: Watch, unit: AccessUnit) -> asyncio.Future[bool]:
        """Lets the thread look at a keyframe."""
        return asyncio.get_running_loop().run_in_executor(self._thread, watch.look, unit)

    def close(self) -> None:
        """Ends the thread; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Watch:
    """One camera's detector and its state."""

    def __init__(self, camera_id: str, sampler: Sampler, on_motion: Callable[[bool], None]) -> None:
        self._camera_id = camera_id
        self._sampler = sampler
        self._on_motion = on_motion
        self._detector = MotionDetector()
        self._pending: asyncio.Task[None] | None = None
        self._forget = False
        self.motion = False

    def keyframe(self, unit: AccessUnit) -> None:
        """A keyframe of the camera; never waits."""
        if self._sampler.idle:
            return
        if self._pending is not None:
            self._sampler.skipped += 1
            return
        self._pending = asyncio.create_task(self._observe(unit))

    def look(self, unit: AccessUnit) -> bool:
        """In the thread: decodes and detects."""
        if self._forget:
            self._forget = False
            self._detector.forget()
        gray = to_gray(decode_keyframe(unit.video, unit.nals), WIDTH, HEIGHT)
        return self._detector.observe(gray, unit.arrival_us / SECOND_US).moving

    def blind(self) -> None:
        """The camera is gone: nothing moves that anybody could see."""
        self._forget = True
        self._tell(motion=False)

    async def _observe(self, unit: AccessUnit) -> None:
        try:
            self._tell(motion=await self._sampler.submit(self, unit))
        except PictureError as error:
            _LOGGER.warning("keyframe not decoded", extra={"camera": self._camera_id, "problem": str(error)})
        finally:
            self._pending = None

    def _tell(self, *, motion: bool) -> None:
        if motion != self.motion:
            self.motion = motion
            self._on_motion(motion)
