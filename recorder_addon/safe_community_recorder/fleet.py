"""The running cameras, kept equal to what the camera file says, one by one and while everything runs."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from . import camera_file, config, utc
from .archive.archive import Archive
from .camera_file import FileNotChangedError, Signature, UnknownCameraError
from .cause import Cause
from .config import Camera, Config, ConfigError, Eldership
from .logs import redact
from .pipeline import Pipeline

_LOGGER = logging.getLogger(__name__)

# Opening a stream costs the most; one after the other leaves room for those that record already.
_START_TOGETHER_S = 0.05
_START_AGAIN_S = 5.0


class Fleet:
    """All cameras of one camera file.

    `rules` are what the file said when its signature was `seen`. `create` makes a camera's pipeline, `publish` tells
    the interface's listeners what has come, changed and gone; `on_info` is called when `name` or `as_json` has changed,
    `on_reread` with the former and the new rules when somebody else has changed the file.
    """

    def __init__(
        self,
        path: Path,
        seen: Signature,
        rules: Config,
        archive: Archive,
        create: Callable[[Camera, Callable[[Pipeline], None]], Pipeline],
        publish: Callable[[Mapping[str, object]], None],
        on_info: Callable[[], None],
        on_reread: Callable[[Config, Config], None] = lambda _former, _new: None,
    ) -> None:
        self.cameras: dict[str, Pipeline] = {}
        self._path = path
        self._archive = archive
        self._create = create
        self._publish = publish
        self._on_info = on_info
        self._on_reread = on_reread
        self._seen = seen
        self.rules = rules
        self._loaded_us = _now_us()
        self._problem: str | None = None
        self._changing = asyncio.Lock()
        self._stopped = False
        self._hurry = asyncio.Event()
        self._to_start: asyncio.Queue[Pipeline] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """The recorder's name."""
        return self.rules.name

    def as_json(self) -> dict[str, object]:
        """The camera file's state as openapi.json's CameraFile."""
        return {
            "state": "ok" if self._problem is None else "refused",
            "problem": self._problem,
            "loaded": utc.to_text(self._loaded_us),
        }

    @property
    def elderships(self) -> tuple[Eldership, ...]:
        """The file's elderships, also those without a camera."""
        return self.rules.elderships

    def camera(self, camera_id: str) -> Camera:
        """A camera as the file describes it. Raises UnknownCameraError."""
        for camera in self.rules.cameras:
            if camera.id == camera_id:
                return camera
        raise UnknownCameraError(f"there is no camera {camera_id[:64]}")

    def entry(self, camera_id: str) -> dict[str, object]:
        """A camera's entry as openapi.json's CameraEntry: without its addresses. Raises UnknownCameraError."""
        camera = self.camera(camera_id)
        entry: dict[str, object] = {"id": camera.id, "name": camera.name, "eldership": camera.eldership.id}
        if camera.retention_days is not None:
            entry["retention_days"] = camera.retention_days
        processing = {name: str(value) for name, value in camera.processing.as_dict().items()}
        if camera.certificate is not None:
            entry["certificate"] = camera.certificate
        if vision := camera.vision.as_dict():
            entry["vision"] = vision
        return entry | {"audio": camera.audio, "paused": camera.paused, "source": camera.source} | processing

    def begin(self) -> None:
        """Makes the cameras of the file; `run` starts them."""
        for camera in self.rules.cameras:
            self.cameras[camera.id] = self._new(camera)

    async def run(self) -> None:
        """Starts cameras and follows the camera file, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._start_cameras())
            tasks.create_task(self._follow_file())

    def reread(self) -> None:
        """Has the camera file read at once."""
        self._hurry.set()

    async def stop(self) -> None:
        """Stops all cameras; `run` must have been cancelled before."""
        async with self._changing:
            self._stopped = True
            await _all([pipeline.stop() for pipeline in self.cameras.values()])

    async def put(self, camera_id: str, entry: Mapping[str, object]) -> bool:
        """Adds a camera to the file, or changes it, and takes it at once; True if it is new.

        Raises ConfigError (see camera_file.put_camera) and OSError.
        """
        new = camera_id not in self.cameras
        await self._edit(lambda: camera_file.put_camera(self._path, camera_id, entry))
        _LOGGER.info("camera file changed", extra={"camera": camera_id, "change": "added" if new else "changed"})
        return new

    async def change(self, camera_id: str, changes: Mapping[str, object]) -> None:
        """Changes some keys of a camera's entry, and takes it at once.

        Raises ConfigError (see camera_file.change_camera) and OSError.
        """
        await self._edit(lambda: camera_file.change_camera(self._path, camera_id, changes))
        _LOGGER.info("camera file changed", extra={"camera": camera_id, "change": "changed"})

    async def delete(self, camera_id: str) -> None:
        """Takes a camera out of the file and stops it; its footage stays for its days.

        Raises ConfigError (see camera_file.delete_camera) and OSError.
        """
        await self._edit(lambda: camera_file.delete_camera(self._path, camera_id))
        _LOGGER.info("camera file changed", extra={"camera": camera_id, "change": "removed"})

    async def _edit(self, edit: Callable[[], Config]) -> None:
        async def write_and_take() -> None:
            await self._take(await asyncio.to_thread(edit))

        await self._alone(write_and_take())

    async def _alone(self, work: Coroutine[Any, Any, None]) -> None:
        """One change after the other, and each of them whole: whoever asked for it may go away meanwhile."""

        async def change() -> None:
            async with self._changing:
                if self._stopped:
                    work.close()
                    raise FileNotChangedError("the recorder is just stopping")
                await work

        task = asyncio.create_task(change())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _start_cameras(self) -> None:
        while True:
            pipeline = await self._to_start.get()
            try:
                await pipeline.start()
            except Exception:
                # The others must not wait for this one.
                _LOGGER.exception("camera not started", extra={"camera": pipeline.camera.id})
                asyncio.get_running_loop().call_later(_START_AGAIN_S, self._to_start.put_nowait, pipeline)
            await asyncio.sleep(_START_TOGETHER_S)

    async def _follow_file(self) -> None:
        async for signature in camera_file.changes(self._path, self._seen, self._hurry):
            try:
                await self._alone(self._read(signature))
            except Exception:
                _LOGGER.exception("camera file not taken")

    async def _read(self, signature: Signature) -> None:
        try:
            rules = await asyncio.to_thread(config.load, self._path)
        except ConfigError as error:
            problem = redact(str(error))
            if problem != self._problem:
                _LOGGER.error("camera file refused, the former one stays in force", extra={"problem": problem})
                self._problem = problem
                self._on_info()
            return
        # Somebody wrote while it was read: `changes` sees that, too, and comes again.
        if await asyncio.to_thread(camera_file.signature, self._path) == signature:
            former = self.rules
            await self._take(rules)
            if rules != former:
                self._on_reread(former, rules)

    async def _take(self, rules: Config) -> None:
        """Makes what runs equal to the rules."""
        former, self.rules = self.rules, rules
        mended, self._problem = self._problem is not None, None
        if rules != former or mended:
            self._loaded_us = _now_us()
            self._on_info()
        self._archive.use(rules.storage, rules.retention_days, rules.time_zone)
        wanted = {camera.id: camera for camera in rules.cameras}
        gone = [self.cameras.pop(camera_id) for camera_id in [*self.cameras] if camera_id not in wanted]
        for pipeline in gone:
            self._publish({"type": "camera_removed", "camera_id": pipeline.camera.id})
        changed = [pipeline for key, pipeline in self.cameras.items() if pipeline.camera != wanted[key]]
        added = {camera.id: self._new(camera) for camera in rules.cameras if camera.id not in self.cameras}
        if gone or changed or added:
            _LOGGER.info(
                "cameras changed",
                extra={
                    "added": [*added],
                    "changed": [pipeline.camera.id for pipeline in changed],
                    "removed": [pipeline.camera.id for pipeline in gone],
                },
            )
        present = self.cameras | added
        self.cameras.clear()
        self.cameras.update((camera_id, present[camera_id]) for camera_id in wanted)
        for pipeline in added.values():
            self._changed(pipeline)
        await _all(
            [pipeline.stop(Cause.RECONFIGURED) for pipeline in gone]
            + [pipeline.change(wanted[pipeline.camera.id]) for pipeline in changed]
        )
        for pipeline in changed:
            self._to_start.put_nowait(pipeline)

    def _new(self, camera: Camera) -> Pipeline:
        pipeline = self._create(camera, self._changed)
        self._to_start.put_nowait(pipeline)
        return pipeline

    def _changed(self, pipeline: Pipeline) -> None:
        if self.cameras.get(pipeline.camera.id) is pipeline:
            self._publish({"type": "camera", "camera": pipeline.as_json()})


async def _all(works: list[Coroutine[Any, Any, None]]) -> None:
    """Does everything at once; what fails is logged and keeps nothing else from happening."""
    for failure in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(failure, Exception):
            _LOGGER.error("camera not stopped cleanly", exc_info=failure)


def _now_us() -> int:
    return time.time_ns() // 1_000
