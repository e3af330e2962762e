"""The composition root: puts the recorder together and runs it until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from . import __version__, config, identity
from .api.events import Hub
from .api.server import Services, build_app
from .archive.archive import Archive
from .ingest.pyav_source import PyAVSource
from .ingest.source import Source
from .pipeline import Pipeline
from .supervisor import announce
from .watch import Sampler

_LOGGER = logging.getLogger(__name__)

_START_TOGETHER_S = 0.05


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the recorder finds and keeps things, and where it listens (port 0: any free one)."""

    config: Path
    data: Path
    archive: Path
    host: str
    port: int


class Recorder:
    """All cameras of one camera file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cameras: dict[str, Pipeline] = {}
        self._hub = Hub()

    async def run(self) -> None:
        """Records and serves until SIGTERM or SIGINT. Raises ConfigError and OSError."""
        settings = self._settings
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._configuration = _load(settings.config)
        settings.data.mkdir(parents=True, exist_ok=True)
        own = identity.load(settings.data)
        rules = self._configuration
        archive = Archive(settings.archive, settings.data / "index.sqlite", rules.storage, rules.retention_days)
        recovered = await archive.start()
        _LOGGER.info(
            "archive opened", extra={name: getattr(recovered, name) for name in type(recovered).__dataclass_fields__}
        )
        sampler = Sampler()
        services = Services(rules.name, own, self._cameras, archive, self._hub)
        runner = web.AppRunner(build_app(services), access_log=None, shutdown_timeout=3, handler_cancellation=True)
        await runner.setup()
        background: list[asyncio.Task[object]] = []
        try:
            host, port = await _listen(runner, settings)
            for camera in rules.cameras:
                self._cameras[camera.id] = Pipeline(camera, archive, sampler, _connect, self._changed)
            _LOGGER.info("listening", extra={"host": host, "port": port, "version": __version__})
            background.append(asyncio.create_task(archive.run_retention()))
            if "SUPERVISOR_TOKEN" in os.environ:
                background.append(asyncio.create_task(_announce(own, port)))
            background.append(asyncio.create_task(self._start_cameras()))
            await stop.wait()
            _LOGGER.info("stopping")
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await runner.cleanup()
            stops = [pipeline.stop() for pipeline in self._cameras.values()]
            for failure in await asyncio.gather(*stops, return_exceptions=True):
                if failure is not None:
                    _LOGGER.error("camera not stopped cleanly", exc_info=failure)
            sampler.close()
            await archive.stop()
        _LOGGER.info("stopped")

    async def _start_cameras(self) -> None:
        for pipeline in list(self._cameras.values()):
            await pipeline.start()
            # Opening a stream costs the most; one after the other leaves room for those that record already.
            await asyncio.sleep(_START_TOGETHER_S)

    def _changed(self, pipeline: Pipeline) -> None:
        self._hub.publish({"type": "camera", "camera": pipeline.as_json()})


def _load(path: Path) -> config.Config:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config.STARTER, encoding="utf-8")
        _LOGGER.info("camera file written; add your cameras to it", extra={"path": str(path)})
    return config.load(path)


def _connect(url: str) -> Source:
    return PyAVSource(url, asyncio.get_running_loop())


async def _listen(runner: web.AppRunner, settings: Settings) -> tuple[str, int]:
    site = web.TCPSite(runner, settings.host, settings.port)
    await site.start()
    address = runner.addresses[0]
    return str(address[0]), int(address[1])


async def _announce(own: identity.Identity, port: int) -> None:
    async with aiohttp.ClientSession() as session:
        with suppress(asyncio.CancelledError):
            await announce(
                session,
                supervisor_url=os.environ.get("SUPERVISOR_URL", "http://supervisor"),
                supervisor_token=os.environ["SUPERVISOR_TOKEN"],
                host=socket.gethostname(),
                port=port,
                token=own.token,
                recorder_id=own.recorder_id,
            )
