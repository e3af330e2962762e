"""All cameras' watches and the processes that decode for them: who is next, and whether it may be paid for."""

import asyncio
import logging
import os
from collections import deque
from contextlib import suppress
from pathlib import Path

from ..clock import steady_us
from ..durable import write_whole
from ..media.codec import CODECS
from ..utc import SECOND_US
from ..vision.eye import EyeSettings
from .budget import Budget
from .messages import Message
from .process import Decoder
from .watch import Told, Watch
from .wording import Answer, Job, Kind, camera_message, job_message, read_answer

_LOGGER = logging.getLogger(__name__)

# One job in work and one that waits: a process never idles, and a turn is never given away long before it comes.
_IN_FLIGHT = 2
_KEEPING_S = 3.0
_LONGEST_REFERENCES_BYTES = 1 << 20


class Sampler:
    """Decodes for all cameras within `cpu_fraction` of the machine's processors.

    Fair: of all that wait, whoever was served longest ago is next. `data` keeps what was learned of the cameras' views
    over a restart. One that is `idle` decodes nothing.
    """

    def __init__(self, data: Path, cpu_fraction: float, *, idle: bool = False) -> None:
        self.idle = idle
        self._directory = data / "vision"
        self._cores = os.cpu_count() or 1
        self._budget = Budget(cpu_fraction * self._cores, now_s())
        self._workers = [_Worker(self) for _ in range(0 if idle else max(1, round(self._budget.cores)))]
        self._watches: dict[str, Watch] = {}
        self._known: set[str] = set()
        self._writing: set[asyncio.Future[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def budget_used(self) -> float:
        """The share of the budget that was used of late."""
        return self._budget.used(now_s())

    @property
    def pids(self) -> list[int]:
        """The processes that decode."""
        return [worker.decoder.pid for worker in self._workers if worker.decoder.pid is not None]

    def start(self) -> None:
        """Begins the processes."""
        self._tasks = [asyncio.create_task(worker.decoder.run()) for worker in self._workers]

    async def close(self) -> None:
        """Keeps what was learned, and ends the processes."""
        if self._later is not None:
            self._later.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_KEEPING_S):
                await asyncio.gather(*(worker.keep() for worker in self._workers if worker.decoder.is_running))
                await asyncio.gather(*self._writing)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def change(self, cpu_fraction: float) -> None:
        """Another share of the processors may be used from now on. How many processes there are stays."""
        self._budget.change(cpu_fraction * self._cores, now_s())
        self._serve()

    def watch(self, camera_id: str, settings: EyeSettings, told: Told) -> Watch:
        """A camera's watch, to be let go in the end."""
        watch = Watch(camera_id, settings, told, self._wanted)
        if self._workers:
            with suppress(OSError):
                watch.references = self._file(camera_id).read_bytes()[:_LONGEST_REFERENCES_BYTES]
            self._watches[camera_id] = watch
            self._known.add(camera_id)
        return watch

    def let_go(self, watch: Watch, *, for_good: bool) -> None:
        """The camera is not looked at any more; `for_good`: nor will it ever be."""
        if self._watches.get(watch.camera_id) is watch:
            del self._watches[watch.camera_id]
            worker = self._worker_of(watch.camera_id)
            worker.waiting.pop(watch.camera_id, None)
            if for_good:
                self._known.discard(watch.camera_id)
                worker.decoder.say(Message(Kind.REMOVE, {"camera": watch.camera_id}))
                self._file(watch.camera_id).unlink(missing_ok=True)

    def forget(self, watch: Watch) -> None:
        """The camera was away: what comes next may be another view."""
        if self._workers and watch.is_told:
            self._worker_of(watch.camera_id).decoder.say(Message(Kind.FORGET, {"camera": watch.camera_id}))

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def _wanted(self, watch: Watch) -> None:
        if self._watches.get(watch.camera_id) is watch:
            worker = self._worker_of(watch.camera_id)
            worker.waiting[watch.camera_id] = watch
            self._serve_one(worker)

    def _serve(self) -> None:
        for worker in self._workers:
            self._serve_one(worker)

    def _serve_one(self, worker: _Worker) -> None:
        while worker.waiting and worker.is_free:
            now = now_s()
            wait_s = self._budget.wait_s(now)
            if wait_s > 0:
                self._serve_later(wait_s)
                return
            watch = min(worker.waiting.values(), key=lambda one: one.served_s)
            del worker.waiting[watch.camera_id]
            if watch.has_work:
                worker.give(watch, now)

    def _serve_later(self, wait_s: float) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(wait_s, self._it_is_later)

    def _it_is_later(self) -> None:
        self._later = None
        self._serve()

    # --- what the processes say ---------------------------------------------------------------------------------------

    def answered(self, worker: _Worker, answer: Answer) -> None:
        """A job is done."""
        now = now_s()
        self._budget.spend(answer.cpu_s, now)
        watch = self._watches.get(answer.camera_id)
        if watch is not None:
            watch.answered(answer, now)
        self._serve_one(worker)

    def learned(self, camera_id: str, references: bytes) -> None:
        """What a process knows of a camera's view is kept."""
        if camera_id not in self._known or not 0 < len(references) <= _LONGEST_REFERENCES_BYTES:
            return
        if camera_id in self._watches:
            self._watches[camera_id].references = references
        writing = asyncio.get_running_loop().run_in_executor(None, _kept, self._file(camera_id), references)
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    def begun(self, worker: _Worker) -> None:
        """A process has begun: it knows nobody."""
        for watch in self._watches.values():
            if self._worker_of(watch.camera_id) is worker:
                watch.restarted()

    def died(self, job: Job | None, reason: str) -> None:
        """A process died while it had this in work."""
        extra = {"problem": reason, "camera": None if job is None else job.camera_id}
        _LOGGER.warning("a process that decodes is gone; another one is begun", extra=extra)
        watch = None if job is None else self._watches.get(job.camera_id)
        if watch is not None:
            watch.killed(now_s())

    def _worker_of(self, camera_id: str) -> _Worker:
        return self._workers[sum(camera_id.encode()) % len(self._workers)]

    def _file(self, camera_id: str) -> Path:
        return self._directory / f"{camera_id}.references"


class _Worker:
    """A process, what waits for it, and what it has in work."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.decoder = Decoder(self._begun, self._heard, self._died)
        self.waiting: dict[str, Watch] = {}
        self._in_work: deque[Job] = deque()
        self._kept: asyncio.Event | None = None

    @property
    def is_free(self) -> bool:
        """It may be given something."""
        return self.decoder.is_running and len(self._in_work) < _IN_FLIGHT

    def give(self, watch: Watch, now: float) -> None:
        """What a camera wants to be decoded."""
        if not watch.is_told:
            self.decoder.say(camera_message(watch.camera_id, watch.settings, watch.references))
            watch.is_told = True
        job = watch.job(now)
        video = job.units[0].video
        configuration = CODECS[video.codec].write_record(video.parameter_sets) if job.begins else b""
        self._in_work.append(job)
        self.decoder.expects(answer=True)
        self.decoder.say(job_message(job, configuration))

    async def keep(self) -> None:
        """Asks for what was learned; returns when all of it has come."""
        self._kept = asyncio.Event()
        self.decoder.say(Message(Kind.KEEP))
        await self._kept.wait()

    def _begun(self) -> None:
        self._in_work.clear()
        self.waiting.clear()
        self._sampler.begun(self)

    def _heard(self, message: Message) -> None:
        if message.kind == Kind.LOOKS:
            answer = read_answer(message)
            self._in_work.popleft()
            self.decoder.expects(answer=bool(self._in_work))
            self._sampler.answered(self, answer)
        elif message.kind == Kind.REFERENCES:
            self._sampler.learned(str(message.content.get("camera")), message.data)
        elif message.kind == Kind.KEEP and self._kept is not None:
            self._kept.set()

    def _died(self, reason: str) -> None:
        job = self._in_work[0] if self._in_work else None
        self._in_work.clear()
        self._sampler.died(job, reason)


def now_s() -> float:
    """Seconds of the steady clock."""
    return steady_us() / SECOND_US


def _kept(path: Path, references: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, references)
    except OSError as error:
        _LOGGER.warning("what was learned of a view cannot be kept", extra={"problem": error.strerror})
