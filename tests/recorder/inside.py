"""A recorder's services in the test's own process."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from safe_community_recorder import config
from safe_community_recorder.api.auditor import Auditor
from safe_community_recorder.api.events import Hub
from safe_community_recorder.api.server import Services
from safe_community_recorder.app import exports_for
from safe_community_recorder.archive.archive import Archive
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.clock import HostClock
from safe_community_recorder.fleet import Fleet
from safe_community_recorder.identity import Identity
from safe_community_recorder.ingest.source import Address, Source
from safe_community_recorder.pipeline import Pipeline
from safe_community_recorder.probe import Prober
from safe_community_recorder.sampler.sampler import Sampler

type Ways = Callable[[Address], Sequence[Callable[[], Source]]]


@asynccontextmanager
async def services_in(
    folder: Path, rules: config.Config, archive: Archive, host: HostClock, ways: Ways
) -> AsyncIterator[tuple[Services, Fleet]]:
    """All that the interface needs, and the fleet, not begun yet. The token is "token"."""
    hub, sampler = Hub(), Sampler(folder, rules.vision.cpu_fraction)
    sampler.start()

    def create(camera: config.Camera, on_change: Callable[[Pipeline], None]) -> Pipeline:
        return Pipeline(camera, archive, sampler, host, ways, on_change, lambda *_: None, lambda *_: None)

    fleet = Fleet(folder / "cameras.yaml", None, rules, archive, create, hub.publish, lambda: None)
    own, auditor = Identity("id", "token"), Auditor(AuditLog(folder))
    exports = exports_for(folder, archive, own, fleet, hub, host, auditor)
    prober = Prober(ways, host)
    yield (
        Services(fleet, own, fleet.cameras, archive, hub, host, lambda: rules.time_zone, prober, auditor, exports),
        fleet,
    )
    await sampler.close()
