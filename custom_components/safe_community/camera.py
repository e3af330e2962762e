"""Shows a camera's picture and live stream, both from the recorder and both only to who may see them."""

from datetime import timedelta
from typing import Final, override

from aiohttp import web
from homeassistant.components.camera import Camera, CameraEntityFeature, WebRTCSendMessage
from homeassistant.components.stream import Stream
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .access import Action, Asker, async_current_caller, async_require_of_caller, user_permits
from .client import LiveTicket
from .const import DOMAIN
from .data import SafeCommunityConfigEntry
from .documents import Connection
from .entity import CameraEntity, async_add_as_they_come
from .errors import RecorderError, RequestRefused
from .rights import async_on_rights_changed

PARALLEL_UPDATES = 0

# A ticket is used again while it has this long to live, so that go2rtc sees one source for many viewers. A stream ends
# with its ticket: whoever comes has half a day at least.
TICKET_MARGIN: Final = timedelta(hours=12)


async def async_setup_entry(
    hass: HomeAssistant, entry: SafeCommunityConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the camera entities."""
    present: set[RecordedCamera] = set()
    async_add_as_they_come(
        entry,
        async_add_entities,
        lambda recorder: recorder.cameras,
        lambda camera_id: [RecordedCamera(entry, camera_id, present)],
    )

    @callback
    def look() -> None:
        for camera in list(present):
            camera.async_look_who_watches()

    async_on_rights_changed(hass, entry, look)


class RecordedCamera(CameraEntity, Camera):
    """A camera as the recorder passes it on.

    Home Assistant asks nobody who looks at a camera; so every way to a picture asks here first.
    """

    _attr_name = None
    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, entry: SafeCommunityConfigEntry, camera_id: str, present: set[RecordedCamera]) -> None:
        CameraEntity.__init__(self, entry.runtime_data.coordinator, camera_id, "camera")
        Camera.__init__(self)
        self._entry = entry
        self._client = entry.runtime_data.client
        self._ticket: LiveTicket | None = None
        self._present = present
        # The users who were let in to the HLS stream, and to which WebRTC session whom.
        self._watching: set[str] = set()
        self._sessions: dict[str, str] = {}
        # Camera takes an overridden async_handle_async_webrtc_offer for a WebRTC of the camera's own, and would then
        # offer neither HLS nor go2rtc; ours only asks who is there.
        self._supports_native_async_webrtc = False

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self._present.add(self)
        self.async_on_remove(lambda: self._present.discard(self))

    @property
    @override
    def available(self) -> bool:
        return super().available and self.recorded_camera.state.connection is Connection.CONNECTED

    @property
    @override
    def is_recording(self) -> bool:
        return self.recorded_camera.state.recording

    @property
    @override
    def entity_picture(self) -> None:  # type: ignore[override]  # Entity allows None, Camera only narrows it
        # It would hold the camera's access token, a way to the picture that carries no user.
        return None

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        asker = await self._async_require_live()
        try:
            return await self._client.snapshot(self._camera_id, width, asker.actor())
        except RequestRefused as error:
            raise _no_picture(error.detail) from error
        except RecorderError as error:
            raise _no_picture(str(error)) from error

    @override
    async def handle_async_still_stream(self, request: web.Request, interval: float) -> web.StreamResponse:
        # Before the answer's first byte; later is too late for a clean refusal.
        # Each of its pictures is a look of its own at the recorder.
        await self._async_require_live()
        return await super().handle_async_still_stream(request, interval)

    @override
    async def async_handle_async_webrtc_offer(
        self, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        asker = await self._async_require_live()
        await self._viewed(asker)
        if asker.user_id is not None:
            self._sessions[session_id] = asker.user_id
        await super().async_handle_async_webrtc_offer(offer_sdp, session_id, send_message)

    @callback
    @override
    def close_webrtc_session(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)
        super().close_webrtc_session(session_id)

    @override
    async def async_create_stream(self) -> Stream | None:
        asker = await self._async_require_live()
        await self._viewed(asker)
        try:
            source = await self._live_source()
        except RecorderError as error:
            raise _no_picture(str(error)) from error
        if self.stream is None or not self.stream.outputs():
            self._watching.clear()
        if asker.user_id is not None:
            self._watching.add(asker.user_id)
        if self.stream is not None and (not self.stream.outputs() or not self.stream.available):
            # It starts or tries again with this source; the old one's ticket is of no use any more.
            self.stream.source = source
        stream = await super().async_create_stream()
        if stream is not None:
            stream.set_update_callback(self._async_stream_changed)
        return stream

    @override
    async def stream_source(self) -> str | None:
        # Also asked when the entity is added, to find a WebRTC provider; nobody looks then, so nobody is refused.
        try:
            return await self._live_source()
        except RecorderError:
            return None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        if not self.coordinator.last_update_success:
            # A recorder that was away may not know the tickets it gave.
            self._ticket = None
        # It may have moved to another eldership.
        self.async_look_who_watches()
        super()._handle_coordinator_update()

    @callback
    def async_look_who_watches(self) -> None:
        """End what somebody watches who may no longer; the others on an HLS stream have to start it again."""
        if self._watching or self._sessions:
            self._entry.async_create_background_task(self.hass, self._async_end_withdrawn(), "live rights")

    async def _async_end_withdrawn(self) -> None:
        gone = {user_id for user_id in {*self._watching, *self._sessions.values()} if not await self._may(user_id)}
        for session_id in [session_id for session_id, user_id in self._sessions.items() if user_id in gone]:
            self.close_webrtc_session(session_id)
        if self.stream is not None and self._watching & gone:
            self._watching.clear()
            # With the last of them goes the stream's address.
            for output in self.stream.outputs().values():
                await self.stream.remove_provider(output)

    async def _may(self, user_id: str) -> bool:
        user = await self.hass.auth.async_get_user(user_id)
        return user is not None and user_permits(self._entry, user, Action.LIVE, self.recorded_camera.eldership.id)

    async def _async_require_live(self) -> Asker:
        eldership_id = self.recorded_camera.eldership.id
        return await async_require_of_caller(self.hass, self._entry, Action.LIVE, eldership_id, self._camera_id)

    async def _viewed(self, asker: Asker) -> None:
        # One live stream serves all who watch: the recorder sees only the first of them come.
        try:
            await self._entry.runtime_data.traces.viewed(asker, self.recorded_camera)
        except RecorderError as error:
            raise _no_picture(str(error)) from error

    async def _live_source(self) -> str:
        if self._ticket is None or self._ticket.expires - dt_util.utcnow() < TICKET_MARGIN:
            caller = await async_current_caller(self.hass)
            self._ticket = await self._client.live_ticket(self._camera_id, caller.asker.actor())
        return str(self._ticket.url)

    @callback
    def _async_stream_changed(self) -> None:
        self.async_write_ha_state()
        if self.stream is not None and not self.stream.available:
            # Its worker tries again in ten seconds or more, and reads the source then.
            self._entry.async_create_background_task(self.hass, self._async_renew_source(), "renew live source")

    async def _async_renew_source(self) -> None:
        self._ticket = None
        source = await self.stream_source()
        if self.stream is not None and source is not None:
            self.stream.source = source


def _no_picture(reason: str) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="no_picture", translation_placeholders={"reason": reason}
    )
