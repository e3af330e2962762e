"""Shows the recordings in the media browser: eldership, camera, day, hour; to each person only what they may see."""

from datetime import date, datetime, timedelta
from typing import Final, override

from homeassistant.components.camera import DOMAIN as CAMERA_DOMAIN
from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .access import Action, current_caller
from .const import DOMAIN
from .data import SafeCommunityConfigEntry, loaded_entries, loaded_entry
from .documents import Eldership, RecorderCamera
from .errors import RecorderError
from .identifier import RecordingId
from .local_time import HOUR, day_start, days_with, hour_title, hours_of, hours_with
from .views import CLIP_MIME_TYPE, clip_url

NAME: Final = "Safe Community"
# As far back as one question to the recorder may reach; its retention is shorter.
LONGEST_RANGE: Final = timedelta(days=400)


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Return the tree of recordings."""
    return RecordingsSource(hass)


class RecordingsSource(MediaSource):
    """The tree of recordings; what a person may not see is, for that person, not there."""

    name = NAME

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        try:
            chosen = RecordingId.parse(item.identifier)
        except ValueError as error:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="unknown_recording") from error
        found = self._camera(chosen)
        if found is None or chosen.hour is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="unknown_recording")
        entry, camera = found
        end = await self._end_of(entry, camera, chosen.hour)
        return PlayMedia(clip_url(entry.entry_id, camera.id, chosen.hour, end), CLIP_MIME_TYPE)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        if not item.identifier:
            return self._root()
        try:
            chosen = RecordingId.parse(item.identifier)
        except ValueError as error:
            raise _unknown() from error
        if chosen.eldership_id is None:
            entry = loaded_entry(self.hass, chosen.entry_id)
            if entry is None:
                raise _unknown()
            return self._recorder(entry)
        if chosen.camera_id is None:
            return self._eldership(chosen)
        found = self._camera(chosen)
        if found is None or chosen.hour is not None:
            raise _unknown()
        entry, camera = found
        try:
            if chosen.day is None:
                return await self._days(entry, camera, chosen)
            return await self._hours(entry, camera, chosen, chosen.day)
        except RecorderError as error:
            raise BrowseError(
                translation_domain=DOMAIN,
                translation_key="cannot_reach_recorder",
                translation_placeholders={"reason": str(error)},
            ) from error

    async def _end_of(self, entry: SafeCommunityConfigEntry, camera: RecorderCamera, hour: datetime) -> datetime:
        """Return where a clip of an hour ends: an hour that is not over yet, with the last footage there is.

        Not with the present moment: what is being recorded would still come into such a clip while somebody plays it.
        """
        now = dt_util.utcnow()
        if hour + HOUR <= now:
            return hour + HOUR
        if hour >= now:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="unknown_recording")
        try:
            footage = await entry.runtime_data.client.footage(camera.id, hour, now, current_caller().asker.actor())
        except RecorderError as error:
            raise Unresolvable(
                translation_domain=DOMAIN,
                translation_key="cannot_reach_recorder",
                translation_placeholders={"reason": str(error)},
            ) from error
        if not footage:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="unknown_recording")
        return footage[-1].end

    def _root(self) -> BrowseMediaSource:
        entries = loaded_entries(self.hass)
        if len(entries) == 1:
            tree = self._recorder(entries[0])
            tree.title = NAME
            return tree
        children = [_folder(RecordingId(entry.entry_id), entry.title) for entry in entries if self._elderships(entry)]
        return _folder(None, NAME, children)

    def _recorder(self, entry: SafeCommunityConfigEntry) -> BrowseMediaSource:
        elderships = self._elderships(entry)
        # A specialist of one eldership starts at its cameras.
        if len(elderships) == 1:
            return self._eldership(RecordingId(entry.entry_id, elderships[0].id))
        children = [_folder(RecordingId(entry.entry_id, eldership.id), eldership.name) for eldership in elderships]
        return _folder(RecordingId(entry.entry_id), entry.title, children)

    def _eldership(self, chosen: RecordingId) -> BrowseMediaSource:
        entry = loaded_entry(self.hass, chosen.entry_id)
        eldership = None
        if entry is not None:
            eldership = next((found for found in self._elderships(entry) if found.id == chosen.eldership_id), None)
        if entry is None:
            raise _unknown()
        if eldership is None:
            known = chosen.eldership_id if chosen.eldership_id in entry.runtime_data.recorder.elderships else None
            entry.runtime_data.traces.refused(current_caller().asker, Action.PLAYBACK, known)
            raise _unknown()
        children = [
            _folder(
                RecordingId(entry.entry_id, eldership.id, camera.id),
                camera.name,
                thumbnail=self._thumbnail(entry, camera),
            )
            for camera in entry.runtime_data.recorder.cameras_in(eldership.id)
        ]
        return _folder(chosen, eldership.name, children)

    async def _days(
        self, entry: SafeCommunityConfigEntry, camera: RecorderCamera, chosen: RecordingId
    ) -> BrowseMediaSource:
        now = dt_util.utcnow()
        footage = await entry.runtime_data.client.footage(
            camera.id, now - LONGEST_RANGE, now, current_caller().asker.actor()
        )
        children = [
            _folder(RecordingId(chosen.entry_id, chosen.eldership_id, chosen.camera_id, day), day.isoformat())
            for day in days_with(footage, dt_util.get_default_time_zone())
        ]
        return _folder(chosen, camera.name, children)

    async def _hours(
        self, entry: SafeCommunityConfigEntry, camera: RecorderCamera, chosen: RecordingId, day: date
    ) -> BrowseMediaSource:
        zone = dt_util.get_default_time_zone()
        start = day_start(day, zone)
        end = min(hours_of(day, zone)[-1].end, dt_util.utcnow())
        if end <= start:
            raise _unknown()
        footage = await entry.runtime_data.client.footage(camera.id, start, end, current_caller().asker.actor())
        children = [
            _hour(
                RecordingId(chosen.entry_id, chosen.eldership_id, chosen.camera_id, day, hour.start),
                hour_title(hour, zone),
            )
            for hour in hours_with(footage, day, zone)
        ]
        return _folder(chosen, f"{camera.name}, {day.isoformat()}", children, MediaClass.VIDEO)

    def _elderships(self, entry: SafeCommunityConfigEntry) -> list[Eldership]:
        return [
            eldership
            for eldership in entry.runtime_data.recorder.elderships.values()
            if current_caller().may(entry, Action.PLAYBACK, eldership.id)
        ]

    def _camera(self, chosen: RecordingId) -> tuple[SafeCommunityConfigEntry, RecorderCamera] | None:
        entry = loaded_entry(self.hass, chosen.entry_id)
        if entry is None or chosen.camera_id is None:
            return None
        camera = entry.runtime_data.camera(chosen.camera_id)
        # The camera's eldership as it is now decides, never the one that the identifier claims.
        if camera is None:
            return None
        if not current_caller().may(entry, Action.PLAYBACK, camera.eldership.id):
            entry.runtime_data.traces.refused(current_caller().asker, Action.PLAYBACK, camera.eldership.id, camera.id)
            return None
        return entry, camera

    def _thumbnail(self, entry: SafeCommunityConfigEntry, camera: RecorderCamera) -> str | None:
        unique_id = f"{entry.unique_id}_{camera.id}_camera"
        entity_id = er.async_get(self.hass).async_get_entity_id(CAMERA_DOMAIN, DOMAIN, unique_id)
        return None if entity_id is None else f"/api/camera_proxy/{entity_id}"


def _folder(
    identifier: RecordingId | None,
    title: str,
    children: list[BrowseMediaSource] | None = None,
    children_class: MediaClass = MediaClass.DIRECTORY,
    thumbnail: str | None = None,
) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=None if identifier is None else str(identifier),
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
        children_media_class=children_class,
        thumbnail=thumbnail,
    )


def _hour(identifier: RecordingId, title: str) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=str(identifier),
        media_class=MediaClass.VIDEO,
        media_content_type=CLIP_MIME_TYPE,
        title=title,
        can_play=True,
        can_expand=False,
    )


def _unknown() -> BrowseError:
    return BrowseError(translation_domain=DOMAIN, translation_key="unknown_recording")
