"""Which pictures of numbered footage a recorder has on disk, and how far each one's time is from when it was taken."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.wire.contestants import pictures_of
from benchmarks.wire.footage import Footage, read_label
from safe_community_recorder.media.boxes import BoxError
from safe_community_recorder.media.cmaf import Fragment
from tests.faults.evidence import read, recording_files

type Errors = np.ndarray[tuple[int], np.dtype[np.float64]]


class Witness:
    """Looks at recording files as soon as they are complete, each once: they may be deleted afterwards."""

    def __init__(self, archive: Path, footage: Footage, epochs_utc: Sequence[float], seconds: float) -> None:
        """`epochs_utc`: when each camera took its picture 0, in seconds since 1970. `seconds`: how much to expect."""
        self._archive = archive
        self._rate = footage.kind.rate
        self._sizes = [picture.sample_bytes(with_parameter_sets=False) for picture in footage.pictures]
        self._epochs_utc = epochs_utc
        self._seen: set[Path] = set()
        count = int((seconds + footage.kind.loop_s) * self._rate)
        self._errors_s: list[Errors] = [np.full(count, np.nan) for _ in epochs_utc]
        self._twice: list[list[int]] = [[] for _ in epochs_utc]

    def look(self, all_of_them: bool = False) -> None:
        """Reads what is complete and new; `all_of_them`: also what is not complete."""
        for camera in range(len(self._epochs_utc)):
            for path in recording_files(self._archive, f"camera-{camera}"):
                if path not in self._seen:
                    try:
                        self._read(camera, path, all_of_them)
                    except FileNotFoundError, BoxError:
                        continue

    def _read(self, camera: int, path: Path, all_of_them: bool) -> None:
        file = read(path)
        if not (file.closed or all_of_them):
            return
        self._seen.add(path)
        times_us = [time_us for fragment in file.fragments for time_us in _times_us(fragment)]
        for (beginning, size), time_us in zip(pictures_of(path), times_us, strict=True):
            number = read_label(beginning)
            if number is not None and size == self._sizes[number % len(self._sizes)]:
                self.note(camera, number, time_us / 1e6)

    def note(self, camera: int, number: int, at_utc: float) -> None:
        """A picture is recorded as one of that time, in seconds since 1970."""
        errors_s = self._errors_s[camera]
        if number >= len(errors_s):  # damaged digits
            return
        if not np.isnan(errors_s[number]):
            self._twice[camera].append(number)
        errors_s[number] = at_utc - self._epochs_utc[camera] - number / self._rate

    def first_s(self, camera: int) -> float:
        """When the first picture that is recorded was taken, in seconds since 1970."""
        found = np.flatnonzero(~np.isnan(self._errors_s[camera]))
        if not len(found):
            raise LookupError(f"nothing of camera {camera} is recorded")
        return self._epochs_utc[camera] + float(found[0]) / self._rate

    def errors_s(self, camera: int, begin_s: float, end_s: float) -> Errors:
        """Recorded minus real time of each picture that was taken in a time (since 1970); NaN: it is not recorded."""
        numbers = self._numbers(camera, begin_s, end_s)
        return self._errors_s[camera][numbers.start : numbers.stop]

    def twice(self, camera: int, begin_s: float, end_s: float) -> int:
        """How often a picture of that time was recorded again."""
        numbers = self._numbers(camera, begin_s, end_s)
        return sum(1 for number in self._twice[camera] if number in numbers)

    def _numbers(self, camera: int, begin_s: float, end_s: float) -> range:
        begin, end = (math.ceil((at_s - self._epochs_utc[camera]) * self._rate) for at_s in (begin_s, end_s))
        return range(max(begin, 0), max(end, 0))

    def back_after_s(self, camera: int, since_s: float, until_s: float) -> float | None:
        """How long after `since_s` a second begins of which every picture is recorded; None: not before `until_s`."""
        whole = ~np.isnan(self.errors_s(camera, since_s, until_s))
        runs = np.convolve(whole, np.ones(self._rate, int), "valid") == self._rate
        found = np.flatnonzero(runs)
        return float(found[0]) / self._rate if len(found) else None


def _times_us(fragment: Fragment) -> list[float]:
    """When each picture of a fragment is shown; nothing here is shown in another order than it is decoded."""
    before_90k = np.cumsum(fragment.durations, dtype=np.int64) - fragment.durations
    times_us: list[float] = (fragment.utc_us + before_90k * (100 / 9)).tolist()
    return times_us
