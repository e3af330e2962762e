"""Deletes what the rules of retention say, proves it, and says how long space will do. Blocks on the disk."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ..audit.actor import RECORDER
from ..audit.log import AuditLog
from ..clock import HostClock, steady_us
from ..utc import SECOND_US, from_us, to_text
from .figures import begun, lost_us, missed, rate_bps
from .forgetting import Past, cameras_with_sightings, forget, what_is_past
from .index import RecordingRow
from .layout import files_set_aside
from .notes import remove_notes
from .place import Place
from .pressed import Pressed
from .retention import DAY_US, Decision, allowed_bytes, days_until_full, decide, served_from_us
from .root import Space
from .timeline import Gap, Lock, Span, midnight_us

_LOGGER = logging.getLogger(__name__)

# When space is short, an hour's worth is made free (but no more than a hundredth of all).
_PRESSURE_MARGIN_US = 3_600 * SECOND_US
# Gaps and changes of clocks are remembered longer than footage.
_NOTES_US = 400 * DAY_US
# When the clock leaps ahead by more than this, nothing is deleted for an hour: it may be wrong.
_LEAP_US = DAY_US
_LEAP_PAUSE_US = 3_600 * SECOND_US
# The rate of writing is told of some seconds at least.
_RATE_OVER_US = 5 * SECOND_US
# Files past their days in one run, when somebody halves the days of a large archive.
MOST_AT_ONCE = 20_000

type DaysOf = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a camera's footage is kept, in days: as wanted, and as far as space allowed it of late.

    `oldest_us` is where its footage begins; `recorded_percent` is of the last 24 hours, None if nothing was wanted.
    """

    camera_id: str
    wanted_days: float
    kept_days: float
    met: bool
    oldest_us: int | None
    recorded_percent: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has deleted, and how space is after it. `days_until_full` is None if space will do.

    `write_bps` is what has come since the last run, None at the first; `lost_today_us` is what is missing of all
    cameras together since midnight. `more_past_days` says that not everything that is past its days was looked at: run
    again soon.
    """

    decision: Decision
    space: Space
    used_bytes: int
    allowed_bytes: int
    bytes_per_day: int
    days_until_full: float | None
    kept: tuple[Kept, ...]
    write_bps: int | None
    lost_today_us: int
    more_past_days: bool

    @property
    def only_locked_left(self) -> bool:
        """Space is short, and all that may go is gone."""
        return self.decision.short_bytes > 0 and not self.decision.pressed and self.used_bytes > 0


class Deletion:
    """Deletes in one archive; one thread calls it."""

    def __init__(self, place: Place, host: HostClock, audit: AuditLog, pressed: Pressed) -> None:
        self._place = place
        self._host = host
        self._audit = audit
        self._pressed = pressed
        self._leapt_at_us: int | None = None
        self._offset_us = host.offset_us
        self._unproved: list[tuple[str, dict[str, object]]] = []
        self._unmet: set[str] = set()
        self._written: tuple[int, int] | None = None
        self._write_bps: int | None = None

    def load(self) -> None:
        """Remembers what earlier runs of the recorder knew."""
        self._pressed.load()

    def clock_leapt(self, by_us: int) -> None:
        """The host's clock goes by so much more than what is known. A leap ahead may be an error: deleting waits."""
        if by_us > _LEAP_US:
            self._leapt_at_us = steady_us()

    def run(
        self, days_of: DaysOf, locks: Sequence[Lock], cameras: Sequence[str], zone: ZoneInfo, *, past_days: bool
    ) -> Outcome:
        """Deletes what is past its days, if asked to, and the oldest if space is short. Raises OSError.

        `cameras` are those that are to be recorded now.
        """
        index, space, now_us = self._place.index, self._place.root.space(), self._host.utc_us()
        doubtful = self._clock_is_doubtful()
        used = index.used_bytes
        place = self._place
        packages = place.packages_bytes, place.promised_bytes
        allowed = allowed_bytes(used, space.free_bytes, space.disk_bytes, place.storage, *packages)
        first_us = self._first_starts()
        per_day = self._bytes_per_day(now_us, first_us.values())
        margin = min(per_day * _PRESSURE_MARGIN_US // DAY_US, allowed // 100)
        past = self._past_days(days_of, now_us) if past_days and not doubtful else []
        more_past_days = len(past) >= MOST_AT_ONCE
        # By a clock that may be wrong no lock has expired.
        decision = decide(past, index.everything(), locks, 0 if doubtful else now_us, used, allowed, margin)
        if decision.expired:
            self._delete("retention", decision.expired)
        if decision.pressed:
            self._delete("pressure", decision.pressed)
            early = [row for row in decision.pressed if row.end_us > served_from_us(now_us, days_of(row.camera_id))]
            self._pressed.note((row.camera_id, row.end_us) for row in early)
            self._pressed.save()
        if past_days and not doubtful:
            self._forget(days_of, locks, now_us)
        self._catch_up_with_proofs()
        known = sorted({*first_us, *cameras})
        average_days = sum(map(days_of, known)) / len(known) if known else 0.0
        last_day = Span(now_us - DAY_US, now_us)
        today = Span(midnight_us(from_us(now_us).astimezone(zone).date(), zone), now_us)
        gaps = index.all_gaps(min(last_day.start_us, today.start_us), now_us)
        kept = tuple(
            self._kept(camera_id, days_of(camera_id), first_us.get(camera_id), gaps.get(camera_id, ()), last_day)
            for camera_id in known
        )
        self._tell(kept)
        used = index.used_bytes
        until_full = days_until_full(used, allowed, per_day, round(per_day * average_days))
        lost_today_us = lost_us(gaps, cameras, today)
        rate = self._rate_bps(index.written_bytes)
        return Outcome(decision, space, used, allowed, per_day, until_full, kept, rate, lost_today_us, more_past_days)

    def tidy(self, days_of: DaysOf) -> bool:
        """Deletes what no row tells of: old notes, and footage that was set aside and is past its days.

        False if the clock may be wrong: then it is to be tried again. Raises OSError.
        """
        if self._clock_is_doubtful():
            return False
        root, now_us = self._place.root, self._host.utc_us()
        self._place.index.forget_notes(now_us - _NOTES_US)
        remove_notes(root, now_us - _NOTES_US)
        for camera_id, path, since_s in list(files_set_aside(root.path)):
            since_us = round(since_s * SECOND_US)
            if since_us < served_from_us(now_us, days_of(camera_id)):
                size_bytes = (root.path / path).stat().st_size
                self._prove("set aside", [RecordingRow(path, camera_id, since_us, since_us, size_bytes, True)])
                root.remove(path)
        return True

    def _clock_is_doubtful(self) -> bool:
        offset_us = self._host.offset_us
        self.clock_leapt(offset_us - self._offset_us)
        self._offset_us = offset_us
        leapt = self._leapt_at_us is not None and steady_us() - self._leapt_at_us < _LEAP_PAUSE_US
        return leapt or not self._host.is_set

    def _past_days(self, days_of: DaysOf, now_us: int) -> list[RecordingRow]:
        index = self._place.index
        past: list[RecordingRow] = []
        for camera_id in index.cameras():
            before_us = served_from_us(now_us, days_of(camera_id))
            past += index.ended_before(camera_id, before_us, MOST_AT_ONCE - len(past))
        return past

    def _delete(self, reason: str, rows: Sequence[RecordingRow]) -> None:
        # First from the index: should the run end here, the files are found again and deleted again.
        self._place.index.remove(rows)
        # Then the proof: should it end here, it is repeated. Nothing goes that nobody can prove.
        self._prove(reason, rows)
        done = 0
        try:
            for row in rows:
                self._place.root.remove(row.path)
                done += 1
        except OSError:
            self._place.index.put_many(rows[done:])
            self._prove(reason, rows[done:], outcome="failed")
            raise

    def _forget(self, days_of: DaysOf, locks: Sequence[Lock], now_us: int) -> None:
        """What was seen goes with its days."""
        gone: list[Past] = []
        for camera_id in cameras_with_sightings(self._place):
            before_us = served_from_us(now_us, days_of(camera_id))
            past = what_is_past(self._place, camera_id, before_us, locks, now_us)
            if past is not None:
                gone.append(past)
            if sum(len(one.observations) for one in gone) >= MOST_AT_ONCE:
                self._forget_proved(gone)
                gone = []
        self._forget_proved(gone)

    def _forget_proved(self, gone: Sequence[Past]) -> None:
        if gone:
            self._prove_forgotten(gone)
        for past in gone:
            forget(self._place, past)

    def _prove_forgotten(self, gone: Sequence[Past]) -> None:
        cameras: dict[str, object] = {
            past.camera_id: {"observations": len(past.observations), "activity_s": past.activity_s} for past in gone
        }
        what: dict[str, object] = {"actor": RECORDER.name, "outcome": "done", "reason": "retention", "cameras": cameras}
        self._unproved.append(("observations_deleted", what))
        self._catch_up_with_proofs()
        _LOGGER.info("observations are deleted", extra={"cameras": len(gone)})

    def _prove(self, reason: str, rows: Sequence[RecordingRow], outcome: str = "done") -> None:
        cameras: dict[str, dict[str, object]] = {}
        for camera_id in sorted({row.camera_id for row in rows}):
            mine = [row for row in rows if row.camera_id == camera_id]
            cameras[camera_id] = {
                "files": len(mine),
                "bytes": sum(row.size_bytes for row in mine),
                "from": to_text(min(row.start_us for row in mine)),
                "to": to_text(max(row.end_us for row in mine)),
            }
        total = sum(row.size_bytes for row in rows)
        what = {"reason": reason, "files": len(rows), "bytes": total, "cameras": cameras}
        self._unproved.append(("footage_deleted", {"actor": RECORDER.name, "outcome": outcome, **what}))
        self._catch_up_with_proofs()
        level, event = logging.INFO, "footage is deleted"
        if outcome == "failed":
            level, event = logging.WARNING, "footage could not be deleted"
        elif reason == "pressure":
            level, event = logging.WARNING, "footage is deleted before its days: space is short"
        _LOGGER.log(level, event, extra={"files": len(rows), "size_bytes": total})

    def _catch_up_with_proofs(self) -> None:
        """What a full disk keeps from the audit log is written later: that must not keep footage from being deleted."""
        while self._unproved:
            try:
                self._audit.append(*self._unproved[0])
            except OSError as error:
                for _, late in self._unproved:
                    late.setdefault("happened", to_text(self._host.utc_us()))
                _LOGGER.error("audit log cannot be written; it is tried again", extra={"problem": error.strerror})
                return
            del self._unproved[0]

    def _first_starts(self) -> dict[str, int]:
        index = self._place.index
        found = ((camera_id, index.first_start_us(camera_id)) for camera_id in index.cameras())
        return {camera_id: start_us for camera_id, start_us in found if start_us is not None}

    def _bytes_per_day(self, now_us: int, first_us: Iterable[int]) -> int:
        watched_us = min(DAY_US, now_us - min(first_us, default=now_us))
        size_bytes = self._place.index.bytes_between(now_us - DAY_US, now_us)
        return size_bytes * DAY_US // watched_us if watched_us > 0 else 0

    def _rate_bps(self, written_bytes: int) -> int | None:
        """What has come since the last run, if that is long enough ago to say it."""
        now_us = steady_us()
        if self._written is None:
            self._written = now_us, written_bytes
        passed_us = now_us - self._written[0]
        if passed_us >= _RATE_OVER_US:
            self._write_bps = rate_bps(written_bytes - self._written[1], passed_us)
            self._written = now_us, written_bytes
        return self._write_bps

    def _kept(self, camera_id: str, wanted: float, first_us: int | None, gaps: Sequence[Gap], last_day: Span) -> Kept:
        """Retention is not met from when footage goes before its days until all of that would have gone anyway."""
        now_us = last_day.end_us
        pressed_us = self._pressed.until_us(camera_id)
        met = pressed_us is None or pressed_us <= served_from_us(now_us, wanted)
        # Older footage may be there: it is locked.
        from_us = first_us if met else pressed_us
        kept_days = 0.0 if from_us is None else min(wanted, max(0.0, (now_us - from_us) / DAY_US))
        percent = missed(gaps, begun(first_us, gaps, last_day)).recorded_percent
        return Kept(camera_id, wanted, round(kept_days, 2), met, first_us, percent)

    def _tell(self, kept: Sequence[Kept]) -> None:
        unmet = {entry.camera_id for entry in kept if not entry.met}
        for entry in kept:
            if entry.camera_id in unmet - self._unmet:
                figures = {"wanted_days": entry.wanted_days, "kept_days": entry.kept_days}
                _LOGGER.warning("retention not met", extra={"camera": entry.camera_id, **figures})
        self._unmet = unmet
