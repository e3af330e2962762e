"""The composition root: puts the recorder together and runs it until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from . import __version__, announcement, camera_file, config, identity, tls
from .api.auditor import Auditor
from .api.connections import KEPT_S, Connections
from .api.events import Hub
from .api.exports import Recorded, export_json
from .api.observations import observation_json
from .api.server import Services, build_app, info_json
from .api.storage import clock_json, storage_json
from .archive.archive import Archive
from .archive.layout import FILE_S
from .archive.timeline import ClockEvent, Observation
from .audit.actor import CAMERA_FILE, RECORDER
from .audit.log import AuditLog
from .changes import cameras_changes, settings_changes
from .clock import HostClock
from .config import Camera, Config
from .evidence.contents import Maker
from .evidence.exports import Exports
from .evidence.making import Progress, Workshop, one_thread
from .evidence.register import Export
from .evidence.shelf import Shelf
from .fleet import Fleet
from .ingest.feed import Turns
from .ingest.gop import ClockChange
from .ingest.source import Way
from .ingest.ways import Ways
from .pipeline import Pipeline
from .probe import Prober
from .sampler.sampler import Sampler
from .stills import Stills
from .supervisor import announce

_LOGGER = logging.getLogger(__name__)

_CLOCK_EVERY_S = 1.0
# What is longer is refused by aiohttp before any handler of ours could say what was expected.
_LONGEST_LINE_BYTES = 32 << 10


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the recorder finds and keeps things, and where it listens (port 0: any free one).

    It talks TLS with `certificate`, or with one of its own if `encrypt` is all that is said. It announces itself if
    `announce` says so, and where that says nothing, if others than this machine reach it.
    `source` overrides how all cameras are received; without `vision` nothing is decoded. Both are for measuring.
    """

    config: Path
    data: Path
    archive: Path
    host: str
    port: int
    file_s: int = FILE_S
    source: Way | None = None
    vision: bool = True
    encrypt: bool = False
    certificate: tls.Files | None = None
    announce: bool | None = None


class Recorder:
    """All cameras of one camera file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hub = Hub()

    async def run(self) -> bool:
        """Records and serves until SIGTERM or SIGINT; False if a write still hangs in the disk then.

        Raises CertificateError, ConfigError, InUseError, OSError and SQLAlchemyError.
        """
        settings = self._settings
        settings.data.mkdir(parents=True, exist_ok=True)
        with identity.hold(settings.data):
            return await self._run(settings)

    async def _run(self, settings: Settings) -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # Who hangs up before there is a camera must not end the process.
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        _write_first_camera_file(settings.config)
        # Before it is read: what changes from here on is noticed.
        seen = camera_file.signature(settings.config)
        rules = config.load(settings.config)
        own = identity.load(settings.data)
        shown = _certificate(settings)
        clock = HostClock()
        log = AuditLog(settings.data)
        archive = Archive(
            settings.archive,
            settings.data,
            rules.storage,
            rules.retention_days,
            host=clock,
            audit=log,
            file_s=settings.file_s,
            time_zone=rules.time_zone,
            on_status=lambda status: self._hub.publish({"type": "storage", "storage": storage_json(status)}),
        )
        await archive.start()
        sampler = Sampler(settings.data, rules.vision.cpu_fraction, idle=not settings.vision)
        ways = Ways(settings.source)
        turns = Turns()

        def create(camera: Camera, on_change: Callable[[Pipeline], None]) -> Pipeline:
            return Pipeline(
                camera, archive, sampler, clock, ways.to, on_change, self._camera_clock, self._observed, turns
            )

        def on_info() -> None:
            self._hub.publish({"type": "info", "info": info_json(services)})

        auditor = Auditor(log)

        def on_reread(former: Config, new: Config) -> None:
            cameras, own_settings = cameras_changes(former, new), settings_changes(former, new)
            auditor.tell("camera_file_changed", CAMERA_FILE, cameras=cameras, settings=own_settings)
            sampler.change(new.vision.cpu_fraction)

        fleet = Fleet(settings.config, seen, rules, archive, create, self._hub.publish, on_info, on_reread)
        exports = exports_for(settings.data, archive, own, fleet, self._hub, clock, auditor)
        await exports.start()
        services = Services(
            fleet,
            own,
            fleet.cameras,
            archive,
            self._hub,
            clock,
            lambda: fleet.rules.time_zone,
            Prober(ways.to, clock),
            auditor,
            exports,
        )
        connections = Connections()
        interface = build_app(services)
        interface.middlewares.insert(0, connections.middleware())
        runner = web.AppRunner(
            interface,
            access_log=None,
            shutdown_timeout=3,
            handler_cancellation=True,
            max_line_size=_LONGEST_LINE_BYTES,
            max_field_size=_LONGEST_LINE_BYTES,
            keepalive_timeout=KEPT_S,
            auto_decompress=False,
        )
        await runner.setup()
        background: list[asyncio.Task[object]] = []
        try:
            server, host, port = await _listen(connections, runner, settings, shown)
            background.append(asyncio.create_task(_serve(server)))
            sampler.start()
            fleet.begin()
            hung_up = asyncio.Event()
            background.append(asyncio.create_task(_reread(hung_up, fleet, shown)))
            loop.add_signal_handler(signal.SIGHUP, hung_up.set)
            fingerprint = {} if shown is None else {"fingerprint": tls.in_groups(shown.fingerprint)}
            _LOGGER.info("listening", extra={"host": host, "port": port, "version": __version__, **fingerprint})
            background.append(asyncio.create_task(archive.run()))
            auditor.tell("recorder_started", RECORDER, version=__version__)
            background.append(asyncio.create_task(auditor.run(lambda: clock.is_set)))
            background.append(asyncio.create_task(self._watch_clock(clock, archive, fleet, auditor)))
            in_app = "SUPERVISOR_TOKEN" in os.environ
            if in_app:
                background.append(asyncio.create_task(_announce(own, port)))
            elif announcement.is_wanted(settings.announce, host, in_app=in_app):

                def said() -> announcement.Said:
                    return announcement.Said(own.recorder_id, fleet.name, __version__, port, shown is not None)

                background.append(asyncio.create_task(announcement.announce(said, host)))
            background.append(asyncio.create_task(fleet.run()))
            background.append(asyncio.create_task(exports.run()))
            await stop.wait()
            _LOGGER.info("stopping")
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await runner.cleanup()
            await fleet.stop()
            await sampler.close()
            clean = await exports.close()
            clean = await archive.stop() and clean
            auditor.tell("recorder_stopped", RECORDER, clean=clean)
            clean = await auditor.close() and clean
        _LOGGER.info("stopped")
        return clean

    async def _watch_clock(self, clock: HostClock, archive: Archive, fleet: Fleet, auditor: Auditor) -> None:
        while True:
            await asyncio.sleep(_CLOCK_EVERY_S)
            by_us = clock.take_step()
            if by_us:
                archive.clock_stepped(by_us)
                auditor.clock_leapt(by_us)
                self._hub.publish(clock_json(None, ClockEvent(clock.utc_us(), ClockChange.HOST_STEPPED.value, by_us)))
                for pipeline in fleet.cameras.values():
                    pipeline.host_stepped(by_us)

    def _observed(self, pipeline: Pipeline, observation: Observation) -> None:
        self._hub.publish({"type": "observation", "observation": observation_json(pipeline.camera.id, observation)})

    def _camera_clock(self, pipeline: Pipeline, event: ClockEvent) -> None:
        if event.kind != ClockChange.HOST_STEPPED:
            self._hub.publish(clock_json(pipeline.camera.id, event))


def exports_for(
    data: Path,
    archive: Archive,
    own: identity.Identity,
    fleet: Fleet,
    hub: Hub,
    host: HostClock,
    auditor: Auditor,
) -> Exports:
    """The recorder's evidence packages, not started yet."""

    def maker(fingerprint: str) -> Maker:
        return Maker(own.recorder_id, fleet.name, __version__, fleet.rules.time_zone, fingerprint)

    def offset_of(camera_id: str) -> float | None:
        pipeline = fleet.cameras.get(camera_id)
        return None if pipeline is None else pipeline.clock_offset_s

    def on_change(export: Export, progress: Progress | None) -> None:
        hub.publish({"type": "export", "export": export_json(export, progress)})

    workshop = Workshop(
        archive,
        Shelf(archive.root),
        Stills(cache_bytes=1 << 20, threads=1),
        host,
        lambda: fleet.rules.time_zone,
        maker,
        offset_of,
        one_thread(),
    )
    return Exports(data, workshop, Recorded(auditor), on_change)


def _write_first_camera_file(path: Path) -> None:
    if not path.exists():
        camera_file.save(path, config.STARTER)
        _LOGGER.info("camera file written; add your cameras to it", extra={"path": str(path)})


def _certificate(settings: Settings) -> tls.Shown | None:
    if settings.certificate is not None:
        return tls.Shown(settings.certificate)
    if not settings.encrypt:
        return None
    name = socket.gethostname()
    names = dict.fromkeys((settings.host, name, f"{name.partition('.')[0]}.local", "localhost"))
    addresses = dict.fromkeys((*announcement.addresses_at(settings.host), "127.0.0.1"))
    return tls.Shown(tls.make_own(settings.data, list(names), list(addresses), datetime.now(UTC)))


async def _listen(
    connections: Connections, runner: web.AppRunner, settings: Settings, shown: tls.Shown | None
) -> tuple[asyncio.Server, str, int]:
    assert runner.server is not None

    def context() -> ssl.SSLContext:
        assert shown is not None
        return shown.context

    loop = asyncio.get_running_loop()
    protocols = connections.to(runner.server, None if shown is None else context)
    server = await loop.create_server(protocols, settings.host, settings.port, backlog=128)
    host, port, *_ = server.sockets[0].getsockname()
    return server, str(host), int(port)


async def _serve(server: asyncio.Server) -> None:
    """Until cancelled; nobody is let in any more then."""
    try:
        await asyncio.Event().wait()
    finally:
        server.close()


async def _reread(hung_up: asyncio.Event, fleet: Fleet, shown: tls.Shown | None) -> None:
    """Whenever somebody hangs up: camera file and certificate."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        fleet.reread()
        if shown is not None:
            await shown.renew()


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
