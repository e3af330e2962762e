"""Stands for go2rtc, which is no part of these tests."""

from typing import Any

from homeassistant.components.camera import CameraWebRTCProvider, WebRTCAnswer, WebRTCSendMessage
from homeassistant.core import callback
from webrtc_models import RTCIceCandidateInit


class Provider(CameraWebRTCProvider):
    """Stands for go2rtc: takes the camera's source and answers."""

    def __init__(self) -> None:
        self.sources: list[str | None] = []
        self.closed: list[str] = []

    @property
    def domain(self) -> str:
        return "test"

    def async_is_supported(self, stream_source: str) -> bool:
        return stream_source.startswith("http://")

    async def async_handle_async_webrtc_offer(
        self, camera: Any, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        self.sources.append(await camera.stream_source())
        send_message(WebRTCAnswer("an answer"))

    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        """Take it."""

    @callback
    def async_close_session(self, session_id: str) -> None:
        self.closed.append(session_id)
