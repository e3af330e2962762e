"""Knows which of the things that a recorder tells a person has to put right, and in what words they are said. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final

from homeassistant.helpers.issue_registry import IssueSeverity

from .coordinator import Recorder
from .errors import API_VERSION, UnsupportedVersion
from .storage import ClockStep, Storage, StorageState

# A disk that takes a few seconds to come round loses nothing: it is neither told nor, once told, taken back so soon.
SETTLING_S: Final = 10.0
# The forecast is told below the first, and taken back only from the second on.
FORECAST_DAYS, FORECAST_OVER_DAYS = 7.0, 8.0
FORECAST_ID: Final = "space_forecast"
VERSION_ID: Final = "recorder_version"
# NTP moves clocks by less than that all the time, and nobody would find it in the footage.
LEAST_CLOCK_STEP_S: Final = 2.0
# Before 2020 the recorder takes its clock for one that was never set, and records nothing.
EARLIEST_S: Final = 1_577_836_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that a person has to know or to do. No other of the same recorder has its `id`.

    `fix` says which of the ways to put it right repairs.py goes, and for whom; None: a person has to.
    """

    id: str
    translation_key: str
    placeholders: Mapping[str, str]
    severity: IssueSeverity = IssueSeverity.ERROR
    fix: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """How a state of the storage is said, and whether at once."""

    translation_key: str
    severity: IssueSeverity = IssueSeverity.ERROR
    at_once: bool = True


STATES: Final[Mapping[StorageState, Said]] = {
    StorageState.MISSING: Said(translation_key="storage_missing"),
    StorageState.FOREIGN: Said(translation_key="storage_foreign"),
    StorageState.READ_ONLY: Said(translation_key="storage_read_only"),
    StorageState.FULL: Said(translation_key="storage_full"),
    StorageState.NO_INODES: Said(translation_key="storage_no_inodes"),
    StorageState.FAILING: Said(translation_key="storage_failing", at_once=False),
    StorageState.SLOW: Said(translation_key="storage_slow", severity=IssueSeverity.WARNING, at_once=False),
    StorageState.CLOCK: Said(translation_key="storage_clock"),
    StorageState.OTHER: Said(translation_key="storage_other", at_once=False),
}


@dataclass(frozen=True, slots=True)
class Settled:
    """The state of the disk that is told, and since when the recorder has said something else (None: it has not)."""

    state: StorageState = StorageState.OK
    problem: str | None = None
    otherwise_since_s: float | None = None

    def after(self, storage: Storage, now_s: float) -> Settled:
        """Return what is told now that the recorder says this; `now_s` is of a clock that nobody sets."""
        said = STATES.get(storage.state)
        if storage.state is self.state or (said is not None and said.at_once):
            return Settled(storage.state, storage.problem)
        since_s = now_s if self.otherwise_since_s is None else self.otherwise_since_s
        if now_s - since_s >= SETTLING_S:
            return Settled(storage.state, storage.problem)
        return replace(self, otherwise_since_s=since_s)


def of_camera_file(recorder: Recorder) -> list[Trouble]:
    """Return that the recorder refuses its camera file, if it does."""
    problem = recorder.info.camera_file_problem
    if problem is None:
        return []
    placeholders = {"recorder": recorder.info.name, "problem": problem}
    return [Trouble(id="camera_file_refused", translation_key="camera_file_refused", placeholders=placeholders)]


def of_version(name: str, error: UnsupportedVersion) -> list[Trouble]:
    """Return that the recorder and this integration do not fit together, and which of them is older."""
    is_older = isinstance(error.found, int) and error.found < API_VERSION
    key = "recorder_too_old" if is_older else "recorder_too_new"
    placeholders = {"recorder": name, "found": str(error.found), "expected": str(API_VERSION)}
    return [Trouble(id=VERSION_ID, translation_key=key, placeholders=placeholders)]


def of_disk(recorder: Recorder, settled: Settled) -> list[Trouble]:
    """Return what is wrong with the disk. A state that is not known is no trouble if the recorder sees no problem."""
    said = STATES.get(settled.state)
    if said is None or (settled.state is StorageState.OTHER and settled.problem is None):
        return []
    return [
        Trouble(
            id=said.translation_key,
            translation_key=said.translation_key,
            placeholders={"recorder": recorder.info.name, "problem": settled.problem or settled.state.value},
            severity=said.severity,
        )
    ]


def of_space(recorder: Recorder, storage: Storage, *, forecast_told: bool) -> list[Trouble]:
    """Return where space is short or will be; `forecast_told` says whether the latter is told already."""
    name = recorder.info.name
    troubles = []
    if storage.only_locked_left:
        troubles.append(
            Trouble(id="only_locked_left", translation_key="only_locked_left", placeholders={"recorder": name})
        )
    unmet = [one for one in storage.retention if not one.met]
    if unmet:
        worst = max(unmet, key=lambda one: one.wanted_days - one.kept_days)
        troubles.append(
            Trouble(
                id="retention_not_met",
                translation_key="retention_not_met",
                placeholders={
                    "recorder": name,
                    "count": str(len(unmet)),
                    "camera": _camera_name(recorder, worst.camera_id),
                    "wanted": f"{worst.wanted_days:g}",
                    "kept": _days(worst.kept_days),
                },
                severity=IssueSeverity.WARNING,
            )
        )
    days, limit = storage.days_until_full, FORECAST_OVER_DAYS if forecast_told else FORECAST_DAYS
    # What has come true is no forecast any more.
    if days is not None and days < limit and not (unmet and days < 1):
        troubles.append(
            Trouble(
                id=FORECAST_ID,
                translation_key="space_forecast",
                placeholders={"recorder": name, "days": _days(days)},
                severity=IssueSeverity.WARNING,
            )
        )
    return troubles


def of_clock_step(recorder: Recorder, step: ClockStep, zone: tzinfo) -> list[Trouble]:
    """Return that footage may be dated wrongly, unless the step was small, or from no time at all to the right one."""
    if abs(step.by_s) < LEAST_CLOCK_STEP_S or step.at.timestamp() - step.by_s < EARLIEST_S:
        return []
    placeholders = {
        "recorder": recorder.info.name,
        "by": _step(step.by_s),
        "at": step.at.astimezone(zone).isoformat(" ", "seconds"),
    }
    return [
        Trouble(
            id=f"host_clock_stepped_{step.at.timestamp():.6f}",
            translation_key="host_clock_stepped",
            placeholders=placeholders,
            severity=IssueSeverity.WARNING,
        )
    ]


def _camera_name(recorder: Recorder, camera_id: str) -> str:
    """Footage of a camera that left the file is kept for its days, too; only its id is known."""
    camera = recorder.cameras.get(camera_id)
    return camera_id if camera is None else f"{camera.eldership.name}, {camera.name}"


def _days(days: float) -> str:
    """Rounded down: 13.98 of 14 days are not 14."""
    return f"{math.floor(days * 10) / 10:g}"


def _step(by_s: float) -> str:
    """With its sign: in seconds, and from a minute on as hours, minutes and seconds."""
    if abs(by_s) < 60:
        return f"{by_s:+.1f} s"
    minutes, seconds = divmod(round(abs(by_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if by_s < 0 else '+'}{hours}:{minutes:02d}:{seconds:02d}"
