"""Tells an administrator, among Home Assistant's repairs, what only a person can put right."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .camera_troubles import of_cameras
from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .data import SafeCommunityConfigEntry
from .errors import UnsupportedVersion
from .member_troubles import of_members
from .members import members_of
from .storage import ClockStep, Storage
from .troubles import (
    FORECAST_ID,
    SETTLING_S,
    Settled,
    Trouble,
    of_camera_file,
    of_clock_step,
    of_disk,
    of_space,
    of_version,
)

CLOCK_STEP_TOLD_S: Final = 86_400
# A clock that is set over and over shall not fill the page.
MOST_CLOCK_STEPS: Final = 5


def issue_id(trouble_id: str, entry_id: str) -> str:
    """Return how Home Assistant calls a trouble of an entry."""
    return f"{trouble_id}_{entry_id}"


class Board:
    """Shows troubles of one entry, each for as long as it lasts."""

    def __init__(self, hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> None:
        self._hass = hass
        self._entry_id = entry.entry_id
        self.told: dict[str, Trouble] = {}

    @callback
    def async_show(self, troubles: Iterable[Trouble]) -> None:
        """Show these, and take back all others."""
        found = {trouble.id: trouble for trouble in troubles}
        for trouble in found.values():
            if self.told.get(trouble.id) != trouble:
                ir.async_create_issue(
                    self._hass,
                    DOMAIN,
                    self._issue_id(trouble),
                    data=None if trouble.fix is None else {**trouble.fix, "entry_id": self._entry_id},
                    is_fixable=trouble.fix is not None,
                    severity=trouble.severity,
                    translation_key=trouble.translation_key,
                    # Whoever has an account may read these; a dialogue that offers to fix something says it itself.
                    translation_placeholders=None if trouble.fix is not None else dict(trouble.placeholders),
                )
        for trouble in self.told.values():
            if trouble.id not in found:
                ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(trouble))
        self.told = found

    @callback
    def async_forget(self, trouble_id: str) -> None:
        """Take back what an earlier set-up has told, if it has."""
        ir.async_delete_issue(self._hass, DOMAIN, issue_id(trouble_id, self._entry_id))

    def _issue_id(self, trouble: Trouble) -> str:
        return issue_id(trouble.id, self._entry_id)


class MemberIssues:
    """Shows which members of one entry somebody has to look at."""

    def __init__(self, hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._board = Board(hass, entry)

    @callback
    def async_look(self) -> None:
        """Look again, soon."""
        self._entry.async_create_background_task(self._hass, self._async_tell(), "safe_community members")

    @callback
    def async_withdraw(self) -> None:
        """Take back what was told."""
        self._board.async_show(())

    async def _async_tell(self) -> None:
        self._board.async_show(await async_member_troubles(self._hass, self._entry))


async def async_member_troubles(hass: HomeAssistant, entry: SafeCommunityConfigEntry) -> list[Trouble]:
    """Return which members of an entry somebody has to look at."""
    accounts = {user.id: user.name for user in await hass.auth.async_get_users() if user.is_active}
    return of_members(members_of(entry), accounts, dt_util.now().date())


class RecorderIssues:
    """Shows the troubles of one entry's recorder, each for as long as it lasts."""

    def __init__(self, hass: HomeAssistant, coordinator: RecorderCoordinator) -> None:
        self._hass = hass
        self._coordinator = coordinator
        self._board = Board(hass, coordinator.config_entry)
        self._settled = Settled()
        self._look_again: Callable[[], None] | None = None
        self._measured: Storage | None = None
        self._newest_step: ClockStep | None = None
        # Oldest first, each with what stops the clock of its day.
        self._steps: dict[ClockStep, Callable[[], None]] = {}

    @callback
    def async_tell(self) -> None:
        """Show what is wrong now, and take back what is over."""
        recorder = self._coordinator.data
        if recorder.clock_step not in (None, self._newest_step):
            self._newest_step = recorder.clock_step
            self._begin_day(recorder.clock_step)
        if recorder.storage is not None:
            self._look_at(recorder.storage)
        found = [*of_camera_file(recorder), *of_cameras(recorder), *of_disk(recorder, self._settled)]
        if isinstance(self._coordinator.last_exception, UnsupportedVersion):
            found += of_version(self._coordinator.name, self._coordinator.last_exception)
        if self._measured is not None:
            found += of_space(recorder, self._measured, forecast_told=FORECAST_ID in self._board.told)
        for step in self._steps:
            found += of_clock_step(recorder, step, dt_util.get_default_time_zone())
        self._board.async_show(found)

    @callback
    def async_withdraw(self) -> None:
        """Take back what was told."""
        self._stop_looking_again()
        for stop in self._steps.values():
            stop()
        self._steps.clear()
        self._board.async_show(())

    def _look_at(self, storage: Storage) -> None:
        now_s = self._hass.loop.time()
        self._settled = self._settled.after(storage, now_s)
        if storage.is_measured:
            self._measured = storage
        self._stop_looking_again()
        since_s = self._settled.otherwise_since_s
        if since_s is not None:
            self._look_again = async_call_later(self._hass, since_s + SETTLING_S - now_s, self._tell_again)

    def _stop_looking_again(self) -> None:
        if self._look_again is not None:
            self._look_again()
            self._look_again = None

    def _begin_day(self, step: ClockStep) -> None:
        @callback
        def end_day(now: datetime) -> None:
            del self._steps[step]
            self._tell_again(now)

        self._steps[step] = async_call_later(self._hass, CLOCK_STEP_TOLD_S, end_day)
        while len(self._steps) > MOST_CLOCK_STEPS:
            self._steps.pop(next(iter(self._steps)))()

    @callback
    def _tell_again(self, _now: datetime) -> None:
        self.async_tell()
