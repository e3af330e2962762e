"""What the footage of a long run with faults says: what each fault took, what else is missing, how right times are."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from benchmarks.wire.faults import FAULTS, STOPPED, Fault
from benchmarks.wire.witness import Errors, Witness

# What was on its way when a fault began is its loss, too.
_ON_ITS_WAY_S = 1.0
_BACK_WITHIN_S = 30.0
# Memory grows while everything is met for the first time; what comes after must not grow by more than this.
_SETTLED_AFTER = 0.3
_GROWTH = 0.05
# A picture's time is the camera's own, by its sender reports: rounding and the host's clock remain.
_RIGHT_MS = 50
_MOST_TOLD = 30
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """The recorder's resident memory at a moment of the run."""

    at_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault with the times at which it really began and ended, in seconds since 1970."""

    fault: Fault
    begin_utc: float
    end_utc: float


class Verdict:
    """What the footage says about a run: which faults took what, what else is missing, and how right the times are."""

    def __init__(
        self, happened: Sequence[Happened], memory: Sequence[Memory], witness: Witness, cameras: int, end_utc: float
    ) -> None:
        self.back_s: dict[str, list[float | None]] = {}
        self._witness = witness
        self._memory = memory
        self.lost = self.twice = 0
        self.pictures = 0
        self._strange: list[str] = []
        self._right_s: list[Errors] = [np.zeros(1)]
        self._disturbed_s: list[Errors] = [np.zeros(1)]
        for camera in range(cameras):
            calm_utc = witness.first_s(camera)
            former: Happened | None = None
            mine = [one for one in happened if one.fault.concerns(camera)]
            for one, following in zip_longest(mine, mine[1:]):
                until_utc = following.begin_utc if following else end_utc
                back_s = witness.back_after_s(camera, one.end_utc, until_utc)
                self.back_s.setdefault(one.fault.kind, []).append(back_s)
                self._calm(camera, calm_utc, one.begin_utc - _ON_ITS_WAY_S, former)
                former = one
                calm_utc = until_utc if back_s is None else one.end_utc + back_s
                disturbed = witness.errors_s(camera, one.begin_utc - _ON_ITS_WAY_S, calm_utc)
                self._disturbed_s.append(np.abs(disturbed[~np.isnan(disturbed)]))
            self._calm(camera, calm_utc, end_utc, former)

    def _calm(self, camera: int, begin_utc: float, end_utc: float, after: Happened | None) -> None:
        errors_s = self._witness.errors_s(camera, begin_utc, end_utc)
        twice = self._witness.twice(camera, begin_utc, end_utc)
        self.twice += twice
        wrong = np.flatnonzero(np.isnan(errors_s) | (np.abs(errors_s) * 1000 > _RIGHT_MS))
        if twice or len(wrong):
            fault = (
                "before any fault" if after is None else f"{begin_utc - after.end_utc:.1f} s after: {after.fault.kind}"
            )
            which = f", from {wrong[0]} to {wrong[-1]} of {len(errors_s)}" if len(wrong) else ""
            self._strange.append(f"- camera {camera}, {fault}: {twice} twice, {len(wrong)} lost or off{which}")
        missing = np.isnan(errors_s)
        self.lost += int(missing.sum())
        self.pictures += len(errors_s)
        self._right_s.append(np.abs(errors_s[~missing]))

    def lines(self) -> Iterator[str]:
        """Tables of Markdown."""
        yield from ("| fault | times | recorded again after its end: median | at most |", "| --- | --- | --- | --- |")
        for kind in (*FAULTS, STOPPED):
            times_s = self.back_s.get(kind, [])
            found = [value for value in times_s if value is not None]
            never = f", {len(times_s) - len(found)} never" if len(found) < len(times_s) else ""
            if found:
                yield f"| {kind} | {len(times_s)} | {statistics.median(found):.1f} s | {max(found):.1f} s{never} |"
            elif times_s:
                yield f"| {kind} | {len(times_s)} | never | never |"
        yield from ("", "| | measured | as it has to be |", "| --- | --- | --- |")
        for what, measured, good in self._held_against():
            yield f"| {what} | {measured} | {'' if good is None else 'yes' if good else '**no**'} |"
        if self._strange:
            yield from (
                "",
                "What is not as it has to be, by the calm times of the cameras:",
                *self._strange[:_MOST_TOLD],
            )
        some = self._memory[:: max(1, len(self._memory) // 20)]
        yield ""
        yield f"Resident memory over the run: {', '.join(f'{note.size_bytes / _MB:.0f}' for note in some)} MB."

    @property
    def good(self) -> bool:
        """Whether everything was as it has to be."""
        return all(good is not False for _, _, good in self._held_against())

    def _held_against(self) -> Iterator[tuple[str, str, bool | None]]:
        every = [value for values in self.back_s.values() for value in values]
        never = sum(1 for value in every if value is None)
        slowest_s = max((value for value in every if value is not None), default=0.0)
        back = f"{slowest_s:.1f} s at most, {never} never"
        yield "recording again after a fault's end", back, never == 0 and slowest_s <= _BACK_WITHIN_S
        yield "pictures lost outside faults", f"{self.lost} of {self.pictures}", self.lost == 0 < self.pictures
        yield "pictures recorded twice outside faults", str(self.twice), self.twice == 0
        right_ms, disturbed_ms = (np.concatenate(some) * 1000 for some in (self._right_s, self._disturbed_s))
        off = (f"{np.median(ms):.1f} ms off, {ms.max():.0f} ms at most" for ms in (right_ms, disturbed_ms))
        yield "times outside faults", next(off), bool(right_ms.max() <= _RIGHT_MS)
        yield "times in faults", next(off), None
        yield "resident memory", *self._growth()

    def _growth(self) -> tuple[str, bool]:
        settled = [note for note in self._memory if note.at_s >= _SETTLED_AFTER * self._memory[-1].at_s]
        hours, sizes_mb = [note.at_s / 3600 for note in settled], [note.size_bytes / _MB for note in settled]
        slope = statistics.linear_regression(hours, sizes_mb).slope
        third = max(1, len(settled) // 3)
        early, late = statistics.median(sizes_mb[:third]), statistics.median(sizes_mb[-third:])
        return f"{early:.0f} MB, then {late:.0f} MB ({slope:+.1f} MB an hour)", late <= early * (1 + _GROWTH)
