"""Hours of broken, changing and hostile streams through the real sampler: nothing kills it, memory stays flat.

Simulated time: each camera's pictures are a second apart by its clock and come as fast as they are looked at. Memory is
PSS. What counts is the slope behind the first fifth, in which every kind of stream was met and buffers have grown.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from safe_community_recorder.clock import steady_us
from safe_community_recorder.sampler.sampler import Sampler
from safe_community_recorder.sampler.watch import Told
from safe_community_recorder.vision.eye import EyeSettings
from tests.recorder.archives import until
from tests.recorder.hostile_streams import STREAMS, coming

_PICTURE_US = 1_000_000
_HOUR_US = 3_600_000_000
# 8K costs a hundred times what the others do; once in a while it comes, too.
_SELDOM = "largest"
_SELDOM_SHARE = 0.01
_WAITS = 8
_WAIT_S = 0.0005


@dataclass(frozen=True, slots=True)
class Moment:
    """How it was after so many simulated hours: pictures and looks so far, megabytes of PSS, processes that died."""

    hours: float
    pictures: int
    looks: int
    decoder_mb: float
    recorder_mb: float
    deaths: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it; slopes are megabytes in a simulated hour."""

    moments: Sequence[Moment]
    kinds: Counter[str]

    @property
    def slopes(self) -> tuple[float, float]:
        """Of the process that decodes, and of the one that it works for."""
        settled = [moment for moment in self.moments if moment.hours > self.moments[-1].hours / 5]
        hours = [moment.hours for moment in settled]
        decoder, recorder = ([getattr(m, name) for m in settled] for name in ("decoder_mb", "recorder_mb"))
        return float(np.polyfit(hours, decoder, 1)[0]), float(np.polyfit(hours, recorder, 1)[0])

    @property
    def is_sound(self) -> bool:
        """Nothing died, and ten hours more would not take a tenth more memory."""
        last = self.moments[-1]
        slope, _ = self.slopes
        return last.deaths == 0 and 10 * slope < 0.1 * last.decoder_mb

    def lines(self) -> list[str]:
        """The table as Markdown."""
        rows = ["| simulated hours | pictures | looks | decoder, MB PSS | recorder's side, MB PSS | deaths |"]
        rows.append("| --- | --- | --- | --- | --- | --- |")
        rows += [
            f"| {m.hours:.1f} | {m.pictures:,} | {m.looks:,} | {m.decoder_mb:.1f} | {m.recorder_mb:.1f} | {m.deaths} |"
            for m in self.moments
        ]
        decoder, recorder = self.slopes
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        rows += ["", f"Slope: {decoder:+.3f} MB an hour (decoder), {recorder:+.3f} MB an hour (recorder's side)."]
        return [*rows, "", f"Streams: {kinds}."]


async def measure(hours: float = 10.0, cameras: int = 4, seed: int = 1) -> Soaked:
    """Runs it: so many simulated hours of each of so many cameras."""
    rng, kinds, looks = Random(seed), Counter[str](), Counter[str]()
    moments: list[Moment] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as data:
        sampler = Sampler(Path(data), 1.0)
        sampler.start()
        await until(lambda: sampler.pids)
        pids, deaths, pictures = list(sampler.pids), 0, 0
        told = Told(lambda _seen: None, lambda _look: looks.update(["looks"]), lambda: None)
        watches = [sampler.watch(f"camera-{number}", EyeSettings(), told) for number in range(cameras)]
        began_us = steady_us()
        clocks_us = [began_us] * cameras
        due_h = 0.0
        while min(clocks_us) - began_us < hours * _HOUR_US:
            number = clocks_us.index(min(clocks_us))
            kind = _kind(rng)
            kinds[kind] += 1
            units = STREAMS[kind](rng)
            is_sub = rng.random() < 0.7
            for unit in coming(units, clocks_us[number], _PICTURE_US):
                watches[number].push(unit, is_sub=is_sub)
                pictures += 1
                for _ in range(_WAITS):
                    await asyncio.sleep(_WAIT_S)
                    if not watches[number].has_work:
                        break
            clocks_us[number] += len(units) * _PICTURE_US
            if rng.random() < 0.1:
                sampler.forget(watches[number])
            deaths += sum(pid not in pids for pid in sampler.pids)
            pids = list(sampler.pids)
            passed_h = (min(clocks_us) - began_us) / _HOUR_US
            if passed_h >= due_h:
                moments.append(_moment(passed_h, pictures, looks["looks"], pids, deaths))
                due_h += hours / 20
        moments.append(_moment(hours, pictures, looks["looks"], pids, deaths))
        await sampler.close()
    return Soaked(moments, kinds)


def _kind(rng: Random) -> str:
    if rng.random() < _SELDOM_SHARE:
        return _SELDOM
    return rng.choice([kind for kind in STREAMS if kind != _SELDOM])


def _moment(hours: float, pictures: int, looks: int, pids: Sequence[int], deaths: int) -> Moment:
    decoder_mb = sum(pss_mb(pid) for pid in pids)
    return Moment(hours, pictures, looks, decoder_mb, pss_mb(None), deaths)


def pss_mb(pid: int | None) -> float:
    """Megabytes of a process, this one if none is named: its own and its share of what it shares; 0 if it is gone."""
    try:
        text = Path(f"/proc/{'self' if pid is None else pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1_000
